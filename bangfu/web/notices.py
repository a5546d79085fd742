"""Public notices: published, seen by anybody while they stand, hung up; what is said against them, and its answers.

The pages for everybody take no sign-in: whoever has a notice's address sees it on its days, and whoever has a code sees
the answer to what he has said. They keep nothing in the browser and ask search engines to stay away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.core.ids import id_in
from bangfu.core.messages import reader_language, say
from bangfu.identify import notices as rows
from bangfu.identify.actions.notices import (
    OBJECTOR,
    Against,
    answer_appeal,
    answer_objection,
    appeal,
    object_to,
    publish,
    sheet_taken_down,
    withdraw_notice,
)
from bangfu.identify.queries import names, round_for
from bangfu.web.access import actor_of, open_to, stranger
from bangfu.web.paging import page_of, place_asked

PUBLISHERS = (Role.AID_OFFICER, Role.PRINCIPAL)
ANSWERERS = (*PUBLISHERS, Role.COUNTY_BUREAU)
OFFICERS = (*ANSWERERS, Role.AUDITOR)
GONE, WRONG, TOO_MANY = 410, 422, 429
# How often somebody at one address may send an objection, or try a code, in how many minutes: a hall full of parents
# shares one.
TRIES = {"object": 60, "code": 20}
MINUTES = 15

View = Callable[..., HttpResponse]


def for_everybody(view: View) -> View:
    """Return a view that anybody reaches, and that asks search engines to keep nothing of it."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        response.headers["Cache-Control"] = "no-store"
        return response

    return wrapped


def _too_often(request: HttpRequest, what: str) -> bool:
    """Tell whether there were too many tries from this address; they are counted by `_tried`."""
    return int(cache.get(_tries(request, what), 0)) >= TRIES[what]


def _tried(request: HttpRequest, what: str) -> None:
    key = _tries(request, what)
    cache.add(key, 0, MINUTES * 60)
    with suppress(ValueError):  # it has just run out
        cache.incr(key)


def _tries(request: HttpRequest, what: str) -> str:
    return f"tries-{what}-{request.META.get('REMOTE_ADDR', '')}"


# -- for the school's officers


@open_to(*OFFICERS, writes=())
def notice_list(request: HttpRequest) -> HttpResponse:
    """List the notices of the reader's schools, the newest first."""
    by = actor_of(request)
    page = page_of(request, rows.notices(by))
    return render(request, "notices/notices.html", {"page": page, "today": by.at.date()})


@open_to(*PUBLISHERS)
def publish_notice(request: HttpRequest, number: int) -> HttpResponse:
    """Choose where a notice is published, look at exactly what will be seen, and publish it."""
    by = actor_of(request)
    round_ = round_for(number, by)
    place = place_asked(request)
    if place is None:
        context = {"round": round_, "places": rows.places_waiting(round_, by)}
        return render(request, "notices/places.html", context)
    if not place.path.startswith(round_.path):
        raise Http404
    problem = ""
    if request.method == "POST":
        try:
            found = publish(round_id=number, place_id=place.pk, seen=request.POST.get("seen", ""), by=by)
        except Overtaken as overtaken:
            problem = str(overtaken)
        else:
            messages.success(request, say("notice_published", until=found.last_day))
            return redirect("notice", number=found.pk)
    seen = rows.preview(round_, place, by)
    context = {"round": round_, "seen": seen, "columns": rows.used_columns(seen.lines), "problem": problem}
    return render(request, "notices/preview.html", context, status=WRONG if problem else 200)


@open_to(*OFFICERS, writes=())
def notice(request: HttpRequest, number: int) -> HttpResponse:
    """Show a notice to its officers: its days, its address, what is said against it, and what can be done."""
    return _notice(request, number)


def _notice(request: HttpRequest, number: int, problem: str = "") -> HttpResponse:
    by = actor_of(request)
    found = rows.notice_for(number, by)
    against = list(rows.objections(by).filter(notice=found))
    context = {
        "notice": found,
        "stands": rows.stands(found, by.at.date()),
        "shows": len(rows.lines(found, by.at.date())),
        "address": request.build_absolute_uri(reverse("public_notice", args=[found.token])),
        "objections": _with_dues(against, by),
        "today": by.at.date(),
        "may": any(by.holds(role) for role in PUBLISHERS),
        "hangs": rows.sheet_hangs(found, by),
        "reason": request.POST.get("reason", ""),
        "problem": problem,
    }
    return render(request, "notices/notice.html", context, status=WRONG if problem else 200)


@open_to(*OFFICERS, writes=())
def sheet(request: HttpRequest, number: int) -> HttpResponse:
    """Show the notice as a sheet to print, sign and hang up."""
    found = rows.notice_for(number, actor_of(request))
    seen = rows.notice_shown(found.token, actor_of(request).at.date())
    if seen is None or not seen.stands:
        return render(request, "notices/gone.html", {"notice": found}, status=GONE)
    context = _public_context(request, seen) | {"sheet": True, "down_on": rows.down_on(found)}
    return render(request, "notices/sheet.html", context)


@require_POST
@open_to(*PUBLISHERS)
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Withdraw a notice, for a reason."""
    reason = request.POST.get("reason", "")
    if not reason.strip():
        return _notice(request, number, say("reason_missing"))
    count = withdraw_notice(notice_id=number, by=actor_of(request), reason=reason)
    messages.success(request, say("notice_withdrawn", count=count))
    return redirect("notice", number=number)


@require_POST
@open_to(*PUBLISHERS)
def down(request: HttpRequest, number: int) -> HttpResponse:
    """Say that the sheet has been taken down."""
    sheet_taken_down(notice_id=number, by=actor_of(request))
    messages.success(request, say("notice_is_down"))
    return redirect("notice", number=number)


@open_to(*OFFICERS, writes=())
def objection_list(request: HttpRequest) -> HttpResponse:
    """List what is said against the notices of the reader's schools, what waits for an answer first."""
    by = actor_of(request)
    page = page_of(request, rows.objections(by))
    context = {"page": page, "objections": _with_dues(page, by), "today": by.at.date()}
    return render(request, "notices/objections.html", context)


def _with_dues(found: Iterable[Any], by: Actor) -> list[tuple[Any, date | None]]:
    """Return objections, each with the day until which it must be answered."""
    known = list(found)
    dues = rows.dues(known, by)
    return [(each, dues.get(each.pk)) for each in known]


@open_to(*OFFICERS, writes=ANSWERERS)
def objection(request: HttpRequest, number: int) -> HttpResponse:
    """Show an objection in confidence, and take the answer to it or to the appeal."""
    by, problem = actor_of(request), ""
    if request.method == "POST":
        upheld, words = request.POST.get("upheld", ""), request.POST.get("words", "")
        problem = _answer_problem(upheld, words)
        if not problem:
            try:
                _answer(number, upheld == "yes", words, by)
            except Overtaken as overtaken:
                problem = str(overtaken)
            else:
                messages.success(request, say("objection_is_answered"))
                return redirect("objection", number=number)
    return _objection(request, number, problem)


def _answer_problem(upheld: str, words: str) -> str:
    if upheld not in ("yes", "no"):
        return say("answer_missing")
    return "" if words.strip() else say("answer_words_missing")


def _answer(number: int, upheld: bool, words: str, by: Actor) -> None:
    found = rows.objection_for(number, by)
    answer = answer_appeal if found.state == rows.APPEALED else answer_objection
    answer(objection_id=number, upheld=upheld, words=words, by=by)


def _objection(request: HttpRequest, number: int, problem: str) -> HttpResponse:
    by = actor_of(request)
    found = rows.objection_for(number, by)
    said, case = rows.said_in(found, by), found.case
    why_not = rows.why_not_answered(found, by)
    context = {
        "objection": found,
        "said": said,
        "who": names([case], by).get(case.person_id, "") if case and said else "",
        "tier": rows.tier_title(case.school_tier, found.notice.round.procedure) if case and said else "",
        "due": rows.dues([found], by).get(found.pk),
        "today": by.at.date(),
        "why_not": say(why_not) if why_not and found.state in rows.WAITING else "",
        "may": not why_not,
        "typed": {"upheld": request.POST.get("upheld", ""), "words": request.POST.get("words", "")},
        "problem": problem,
        "field": "words" if request.POST.get("upheld") else "upheld",
    }
    return render(request, "notices/objection.html", context, status=WRONG if problem else 200)


# -- for everybody


def _shown(request: HttpRequest, token: str) -> rows.Shown:
    found = rows.notice_shown(token, stranger(request, OBJECTOR).at.date())
    if found is None:
        raise Http404
    return found


def _public_context(request: HttpRequest, seen: rows.Shown) -> dict[str, object]:
    found = seen.notice
    procedure = found.round.procedure
    return {
        "notice": found,
        "lines": seen.lines,
        "columns": seen.columns,
        "working_days": procedure["notice"]["working_days"],
        "basis": procedure["legal_basis"][reader_language()],
        "address": request.build_absolute_uri(reverse("public_notice", args=[found.token])),
    }


@for_everybody
def public(request: HttpRequest, token: str) -> HttpResponse:
    """Show a notice while it stands; afterwards only that it is over."""
    seen = _shown(request, token)
    if not seen.stands:
        return render(request, "notices/gone.html", {"notice": seen.notice}, status=GONE)
    return render(request, "notices/public.html", _public_context(request, seen))


@for_everybody
def object_form(request: HttpRequest, token: str) -> HttpResponse:
    """Take an objection, in confidence and with a name, while the notice stands; nothing typed is lost."""
    seen = _shown(request, token)
    if not seen.stands:
        return render(request, "notices/gone.html", {"notice": seen.notice}, status=GONE)
    if request.method != "POST":
        return _object_form(request, seen)
    if _too_often(request, "object"):
        return _object_form(request, seen, say("objection_too_many_tries", minutes=MINUTES), status=TOO_MANY)
    _tried(request, "object")
    typed = request.POST.get("line", "")
    if not typed:
        return _object_form(request, seen, say("objection_line_missing"), "line")
    case = None if typed == "missing" else id_in(typed) or 0
    against = Against(case, *(request.POST.get(name, "") for name in ("name", "contact", "words")))
    try:
        code = object_to(token=token, against=against, key=_key(request), by=stranger(request, OBJECTOR))
    except BangfuError as problem:
        return _object_form(request, seen, str(problem), FIELDS.get(problem.code, "words"))
    return render(request, "notices/objected.html", {"code": code, "notice": seen.notice})


FIELDS = {
    "objection_name_missing": "name", "objection_contact_missing": "contact", "objection_no_line": "line",
}  # fmt: skip


def _key(request: HttpRequest) -> UUID:
    """Return the number that was made with the form, so that it is taken once however often it is sent."""
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid4()


def _object_form(
    request: HttpRequest, seen: rows.Shown, problem: str = "", field: str = "", status: int = WRONG
) -> HttpResponse:
    chosen = request.POST.get("line", "") or request.GET.get("line", "")
    context = {
        "notice": seen.notice,
        "rows": [(str(case), line) for case, line in seen.rows],
        "chosen": chosen,
        "key": _key(request),
        "typed": {name: request.POST.get(name, "") for name in ("name", "contact", "words")},
        "problem": problem,
        "field": field,
        "errors": {field: problem} if field else {},
    }
    return render(request, "notices/object.html", context, status=status if problem else 200)


@for_everybody
def objectors_page(request: HttpRequest) -> HttpResponse:
    """Ask for the code of an objection, and show how far it is and what was answered."""
    if request.method != "POST":
        return render(request, "notices/code.html")
    return _told(request)


def _told(request: HttpRequest, problem: str = "") -> HttpResponse:
    if _too_often(request, "code"):
        said = say("objection_too_many_tries", minutes=MINUTES)
        return render(request, "notices/code.html", {"problem": said}, status=TOO_MANY)
    code = request.POST.get("code", "")
    found = rows.told_by_code(code, stranger(request, OBJECTOR).at.date())
    if found is None:
        _tried(request, "code")
        return render(request, "notices/code.html", {"problem": say("objection_code_unknown")}, status=WRONG)
    context = {"told": found, "code": code, "words": request.POST.get("words", ""), "problem": problem}
    return render(request, "notices/told.html", context, status=WRONG if problem else 200)


@require_POST
@for_everybody
def appeal_form(request: HttpRequest) -> HttpResponse:
    """Take an appeal against an answer."""
    try:
        appeal(code=request.POST.get("code", ""), words=request.POST.get("words", ""), by=stranger(request, OBJECTOR))
    except NotAllowed:
        return _told(request)
    except BangfuError as problem:
        return _told(request, str(problem))
    return _told(request)
