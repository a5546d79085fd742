"""The families of a class, for its teacher: who is informed, who has applied; codes, receipts and forms on paper."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.ids import id_in
from bangfu.core.messages import reader_language, say
from bangfu.core.money import yuan
from bangfu.identify.actions.families import (
    BY_HAND,
    Signed,
    inform,
    open_application,
    print_passes,
    type_in_application,
)
from bangfu.identify.application import Answers, Form, Page, answered, per_head
from bangfu.identify.families import (
    ClassFamilies,
    application_form,
    class_counts,
    class_families,
    is_late,
    may_open,
    may_work,
    pupil_for,
)
from bangfu.identify.queries import round_for
from bangfu.web.access import WORKERS, actor_of, open_to, proven
from bangfu.web.answering import agreed_to, on_paper, said_wrong, shown_fields
from bangfu.web.paging import place_asked
from bangfu.web.passes import UNPROCESSABLE

TEACHERS = (Role.AID_OFFICER, Role.CLASS_TEACHER)
LOOKERS = (*WORKERS, Role.AUDITOR)
ROWS = 6  # people for whom there is room on the teacher's page, beyond those typed already


@open_to(*LOOKERS, writes=())
def families(request: HttpRequest, number: int) -> HttpResponse:
    """Show a class's families in a round, or the school's classes where the reader has several."""
    by = actor_of(request)
    round_, place = round_for(number, by), place_asked(request)
    if place is None:
        counts = class_counts(round_, by)
        if len(counts) != 1:
            return render(request, "families/classes.html", {"round": round_, "counts": counts})
        place = counts[0].place
    if place.kind != "class" or not by.sees(place.path) or not place.path.startswith(round_.path):
        raise Http404
    return _class(request, round_, place)


def _class(request: HttpRequest, round_: Any, place: Any, problem: str = "") -> HttpResponse:
    by = actor_of(request)
    found = class_families(round_, place, by)
    context = {
        "round": round_,
        "place": place,
        "late": is_late(round_, by.at.date()),
        "rows": found.rows,
        "tiles": [(f"families_{name}", found.count(name)) for name in ("informed", "pass_", "sent")],
        "works": may_work(place, by),
        "opens": may_open(place, by),
        "channels": BY_HAND,
        "problem": problem,
    }
    return render(request, "families/class.html", context, status=UNPROCESSABLE if problem else None)


@require_POST
@open_to(*TEACHERS)
def informed(request: HttpRequest, number: int) -> HttpResponse:
    """Write down that the chosen families have been told, or all of the class."""
    by = actor_of(request)
    round_, place = round_for(number, by), _place(request)
    people = _chosen(request, class_families(round_, place, by), "informed")
    if not people:
        return _class(request, round_, place, say("families_none_chosen"))
    new = inform(round_=number, people=people, channel=request.POST.get("channel", ""), by=by)
    messages.success(request, say("families_informed_now", None, count=new))
    return redirect(reverse("families", args=[number], query={"place": place.pk}))


@require_POST
@open_to(*TEACHERS)
@proven
def passes(request: HttpRequest, number: int) -> HttpResponse:
    """Print new codes for the chosen families, or for all of the class who have none: each once, on this page only."""
    by = actor_of(request)
    round_, place = round_for(number, by), _place(request)
    found = class_families(round_, place, by)
    people = _chosen(request, found, "pass_")
    if not people:
        return _class(request, round_, place, say("families_none_chosen"))
    codes = print_passes(round_=number, people=people, by=by)
    slips = [{"name": row.name, "code": codes[row.person]} for row in found.rows if row.person in codes]
    address = request.build_absolute_uri(reverse("pass"))
    context = {"round": round_, "place": place, "slips": slips, "address": address}
    return render(request, "families/slips.html", context)


@open_to(*TEACHERS)
def type_in(request: HttpRequest, number: int) -> HttpResponse:
    """Type in an application from paper: all fields on one page; what is wrong comes back as it was typed."""
    by = actor_of(request)
    round_, person = round_for(number, by), _person(request)
    name, place = pupil_for(round_, person, by)
    form, late = application_form(), is_late(round_, by.at.date())
    given = {page.code: _typed(request, page) for page in form.asked(late)}
    ticked, signed = request.POST.getlist("agreed"), request.POST.get("signed", "")
    problems: list[Problem] = []
    if request.method == "POST":
        problems = [each for page in form.asked(late) for each in _wrong(page, given[page.code])]
        problems = problems or _taken_in(number, person, _answers(form, given), Signed(signed, frozenset(ticked)), by)
        if not problems:
            messages.success(request, say("families_typed_in", None, name=name))
            return redirect(reverse("families", args=[number], query={"place": place.pk}))
    context = {
        "round": round_,
        "place": place,
        "person": person,
        "name": name,
        "pages": [_shown(page, given[page.code], checked=bool(problems)) for page in form.asked(late)],
        "agreed": agreed_to(form, ticked),
        "signed": signed,
        "problems": problems,
    }
    return render(request, "families/type_in.html", context, status=UNPROCESSABLE if problems else None)


Typed = list[tuple[dict[str, Any], dict[str, str]]]  # for each person (or once): what is typed, what is wrong


def _typed(request: HttpRequest, page: Page) -> Typed:
    """Return what was typed on a page of the form: once, or for each person that has anything typed."""
    starts = _starts(page, page.repeat)
    found = [answered(page, lambda code, start=start: request.POST.getlist(start + code)) for start in starts]  # type: ignore[misc]
    return ([each for each in found if any(each[0].values())] or found[:1]) if page.repeat else found


Problem = tuple[str, str]  # the field that it is about, '' for none, and what is wrong


def _wrong(page: Page, typed: Typed) -> list[Problem]:
    return [
        (f"{start}{field.code}", said_wrong(field, wrong[field.code]))
        for start, (_, wrong) in zip(_starts(page, len(typed)), typed, strict=True)
        for field in page.fields
        if field.code in wrong
    ]


def _starts(page: Page, people: int) -> list[str]:
    """Return what the names of a page's fields begin with: once, or for each of so many people."""
    return [f"{page.code}-{at}-" for at in range(people)] if page.repeat else [f"{page.code}-"]


def _answers(form: Form, typed: dict[str, Typed]) -> Answers:
    return {
        code: [said for said, _ in rows] if page.repeat else rows[0][0]
        for code, rows in typed.items()
        for page in form.pages
        if page.code == code
    }


def _taken_in(number: int, person: int, answers: Answers, signed: Signed, by: Actor) -> list[Problem]:
    try:
        type_in_application(round_=number, person=person, answers=answers, signed=signed, by=by)
    except BangfuError as refused:
        return [("", str(refused))]
    return []


def _shown(page: Page, typed: Typed, *, checked: bool) -> dict[str, Any]:
    lang = reader_language()
    blank: Typed = [({}, {})] * ROWS
    rows = [*typed, *blank][: page.repeat] if page.repeat else typed
    return {
        "title": page.title[lang],
        "help": page.help.get(lang, ""),
        "repeat": page.repeat,
        "rows": [
            shown_fields(page, said, wrong if checked else {}, start)
            for start, (said, wrong) in zip(_starts(page, len(rows)), rows, strict=True)
        ],
    }


@open_to(*LOOKERS, writes=())
def blank(request: HttpRequest, number: int) -> HttpResponse:
    """Show the blank form, to be printed."""
    return _paper(request, number, None)


@require_POST
@open_to(*WORKERS)
@proven
def filled(request: HttpRequest, number: int) -> HttpResponse:
    """Show what a family has sent, to be printed and signed; the trail says who opened it."""
    return _paper(request, number, _person(request))


def _paper(request: HttpRequest, number: int, person: int | None) -> HttpResponse:
    by, form, lang = actor_of(request), application_form(), reader_language()
    round_ = round_for(number, by)
    context: dict[str, Any] = {"round": round_, "title": form.title[lang], "agreed": agreed_to(form, []), "rows": 3}
    answers: Answers | None = None
    if person is not None:
        name, place = pupil_for(round_, person, by)
        answers = open_application(round_=number, person=person, by=by)
        income = per_head(form, answers)
        context |= {"name": name, "place": place, "signed": answers.get("promise", "")}
        context |= {"per_head": yuan(income).removesuffix(".00") if income is not None else ""}
    happened = any(page.emergency and (answers or {}).get(page.code) for page in form.pages)
    context |= {"pages": on_paper(form, answers, happened), "filled": answers is not None}
    return render(request, "families/paper.html", context)


# -- what is asked for


def _place(request: HttpRequest) -> Any:
    place = place_asked(request)
    if place is None:
        raise Http404
    return place


def _person(request: HttpRequest) -> int:
    person = id_in((request.POST if request.method == "POST" else request.GET).get("person", ""))
    if person is None:
        raise Http404
    return person


def _chosen(request: HttpRequest, found: ClassFamilies, lacking: str) -> list[int]:
    """Return the families that were ticked, or, where none was, those of the class who lack something."""
    ticked = {id_in(text) for text in request.POST.getlist("people")}
    if ticked:
        return [row.person for row in found.rows if row.person in ticked]
    return [row.person for row in found.rows if getattr(row, lacking) is None and "all" in request.POST]
