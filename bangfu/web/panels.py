"""A class's panel: members, printed codes, how far they are, the count; and a member's ballot on his phone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localdate
from django.views.decorators.http import require_POST

from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.ids import id_in
from bangfu.core.messages import say
from bangfu.identify import panels, queries
from bangfu.identify.actions.panels import (
    Seat,
    add_recusal,
    cast,
    count_panel,
    dissolve_panel,
    print_panel_passes,
    set_up_panel,
)
from bangfu.identify.panels import KEEPERS, KIN, PARENT, READERS, SELF, STUDENT, Line, Paper
from bangfu.identify.passes import Held
from bangfu.web.access import actor_of, open_to, proven
from bangfu.web.passes import holder, with_pass

UNPROCESSABLE = 422
MORE_SEATS = 2  # of each kind, than are needed


def reader_of(request: HttpRequest) -> Actor:
    """Return who asks, with those of his grants that have to do with identification."""
    return panels.within(actor_of(request))


# -- the class's panel


@open_to(*READERS, writes=())
def classes(request: HttpRequest, number: int) -> HttpResponse:
    """List the classes of a round that have cases, each with how far its panel is."""
    by = reader_of(request)
    round_ = queries.round_for(number, by)
    context = {
        "round": round_,
        "rows": panels.standings(round_, by),
        "keeps": any(by.holds(role) for role in KEEPERS),
        "today": by.at.date(),
    }
    return render(request, "panels/classes.html", context)


@open_to(*KEEPERS)
def set_up(request: HttpRequest, number: int) -> HttpResponse:
    """Ask who is to sit on a class's panel and until when it votes, and set it up."""
    by = reader_of(request)
    round_ = queries.round_for(number, by)
    asked = request.POST if request.method == "POST" else request.GET
    place = panels.class_for(round_, id_in(asked.get("class", "")) or 0, by)
    problem = ""
    if request.method == "POST":
        try:
            until = date.fromisoformat(asked.get("until", ""))
            seats = _seats(round_, request)
            panel = set_up_panel(round_id=number, class_id=place.pk, seats=seats, until=until, by=actor_of(request))
        except ValueError:
            problem = say("panel_day_odd")
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("panel_was_set_up"))
            return redirect("panel", number=panel.pk)
    days = timedelta(days=round_.procedure["panel"]["days"])
    context = {
        "round": round_,
        "place": place,
        "kinds": _kinds(round_, request),
        "pupils": panels.class_pupils(place, by.at.date(), by),
        "until": asked.get("until") or (by.at.date() + days).isoformat(),
        "problem": problem,
    }
    return render(request, "panels/set_up.html", context, status=UNPROCESSABLE if problem else 200)


def _kinds(round_: Any, request: HttpRequest) -> list[dict[str, Any]]:
    """Return the kinds of members with their seats, each as it was typed."""
    return [
        {
            "words": panels.kind_words(kind),
            "least": least,
            "picks": kind == STUDENT,
            "names_child": kind == PARENT,
            "seats": [_seat(request, kind, at) for at in range(least + MORE_SEATS)],
        }
        for kind, least in round_.procedure["panel"]["at_least"].items()
    ]


def _seat(request: HttpRequest, kind: str, at: int) -> dict[str, Any]:
    name, child = f"{kind}-{at}", f"{kind}-{at}-child"
    typed, chosen = request.POST.get(name, ""), request.POST.get(child, "")
    return {"name": name, "child": child, "typed": typed, "chosen": id_in(chosen), "person": id_in(typed)}


def _seats(round_: Any, request: HttpRequest) -> list[Seat]:
    """Return the seats that were filled in."""
    found = []
    for kind, least in round_.procedure["panel"]["at_least"].items():
        for at in range(least + MORE_SEATS):
            seat = _seat(request, kind, at)
            if kind == STUDENT and seat["typed"]:
                found.append(Seat(kind, person=seat["person"] or 0))
            elif seat["typed"].strip() or seat["chosen"]:
                found.append(Seat(kind, seat["typed"], seat["chosen"]))
    return found


@open_to(*READERS, writes=())
def panel(request: HttpRequest, number: int) -> HttpResponse:
    """Show a panel: its members, how far each is, whom they do not judge; after the count what it says, in tiers."""
    return _panel(request, number)


def _panel(request: HttpRequest, number: int, problem: str = "") -> HttpResponse:
    by = reader_of(request)
    found = panels.panel_for(number, by)
    judged = list(queries.cases(found.round, by).filter(school_class=found.school_class))
    of_person = queries.names(judged, by)
    names = {case.pk: of_person.get(case.person_id, "") for case in judged}
    seats = panels.seated(found, by)
    keeps = found.counted_at is None and any(by.holds(role) for role in KEEPERS)
    context = {
        "panel": found,
        "rows": [(seat, [(names.get(case, ""), why) for case, why in seat.recused]) for seat in seats],
        "judged": [(case, names.get(case.pk, ""), _counts(found, case.counts)) for case in judged if _told(case)],
        "waiting": [(case.pk, names.get(case.pk, "")) for case in judged if case.stage == "proposed"],
        "keeps": keeps,
        "next": _next(found, seats, by.at.date()),
        "whys": (SELF, KIN),
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "panels/panel.html", context, status=UNPROCESSABLE if problem else 200)


def _told(case: Any) -> bool:
    return bool(case.panel_tier or case.panel_note)


def _counts(found: Any, counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return how many said which tier, the neediest first; 'missing' last."""
    return [(code, counts[code]) for code in (*panels.scores(found.round), "missing") if code in counts]


def _next(found: Any, seats: list[panels.Seated], day: date) -> str:
    """Return the code of what is to be done with a panel next."""
    if found.counted_at:
        return "panel_next_recognition"
    if not all(seat.has_pass for seat in seats):
        return "panel_next_print"
    if day > found.until or not any(seat.missing for seat in seats):
        return "panel_next_count"
    return "panel_next_wait"


@require_POST
@open_to(*KEEPERS)
@proven
def passes(request: HttpRequest, number: int) -> HttpResponse:
    """Give the members new codes, on a sheet to be printed and cut; they are shown this once."""
    member = id_in(request.POST.get("member", ""))
    codes = print_panel_passes(panel_id=number, by=actor_of(request), member_id=member)
    found = panels.panel_for(number, reader_of(request))
    slips = [{"member": member, "kind": panels.kind_words(member.kind), "code": code} for member, code in codes]
    address = request.build_absolute_uri(reverse("pass"))
    return render(request, "panels/passes.html", {"panel": found, "slips": slips, "address": address})


@require_POST
@open_to(*KEEPERS)
def recuse(request: HttpRequest, number: int) -> HttpResponse:
    """Write down by hand that a member does not judge a pupil."""
    member, case = (id_in(request.POST.get(name, "")) or 0 for name in ("member", "case"))
    try:
        add_recusal(member_id=member, case_id=case, why=request.POST.get("why", ""), by=actor_of(request))
    except BangfuError as problem:
        return _panel(request, number, str(problem))
    messages.success(request, say("recusal_was_added"))
    return redirect("panel", number=number)


@require_POST
@open_to(*KEEPERS)
def count(request: HttpRequest, number: int) -> HttpResponse:
    """Count a panel."""
    try:
        count_panel(panel_id=number, by=actor_of(request))
    except BangfuError as problem:
        return _panel(request, number, str(problem))
    messages.success(request, say("panel_was_counted"))
    return redirect("panel", number=number)


@require_POST
@open_to(*KEEPERS)
def dissolve(request: HttpRequest, number: int) -> HttpResponse:
    """Dissolve a panel that was set up wrongly."""
    found = panels.panel_for(number, reader_of(request))
    try:
        dissolve_panel(panel_id=number, by=actor_of(request), reason=request.POST.get("reason", ""))
    except BangfuError as problem:
        return _panel(request, number, str(problem))
    messages.success(request, say("panel_was_dissolved"))
    return redirect("panels", number=found.round_id)


# -- a member's ballot


@with_pass("member")
def ballot(request: HttpRequest, held: Held) -> HttpResponse:
    """Tell a member what he is asked, that it is secret and that nobody judges kin; and lead him to the first pupil."""
    paper = panels.paper(held)
    context = _ballot(paper) | {"leads": _leads(paper)}
    return render(request, "panels/ballot.html", context)


def _ballot(paper: Paper) -> dict[str, Any]:
    return {"paper": paper, "open": paper.open_on(localdate()), "kind": panels.kind_words(paper.member.kind)}


def _leads(paper: Paper) -> str:
    """Return the address of the first pupil of whom nothing is said yet, or of the list to check."""
    left = paper.left
    return reverse("ballot_pupil", args=[left[0].case]) if left else reverse("ballot_check")


@with_pass("member")
def pupil(request: HttpRequest, held: Held, number: int) -> HttpResponse:
    """Ask a member in which tier he sees one pupil, by name and class alone; then the next one follows."""
    paper = panels.paper(held)
    at = next((at for at, line in enumerate(paper.lines, 1) if line.case == number), None)
    if not paper.open_on(localdate()):
        return redirect("ballot")
    if at is None:
        raise Http404
    problem = ""
    if request.method == "POST":
        score = request.POST.get("score", "")
        if score:
            cast(pass_id=held.number, scores={number: score}, by=holder(held))
            rest = [line for line in paper.left if line.case != number]
            return redirect("ballot_pupil", number=rest[0].case) if rest else redirect("ballot_check")
        problem = say("score_missing")
    line = paper.lines[at - 1]
    context = _ballot(paper) | {"line": line, "at": at, "choices": _choices(paper, line), "problem": problem}
    return render(request, "panels/pupil.html", context, status=UNPROCESSABLE if problem else 200)


def _choices(paper: Paper, line: Line) -> list[dict[str, Any]]:
    return [{"code": code, "chosen": line.score == code} for code in paper.scores]


@with_pass("member")
def check(request: HttpRequest, held: Held) -> HttpResponse:
    """Show a member what he has said, to change it or be done."""
    paper = panels.paper(held)
    if not paper.open_on(localdate()):
        return redirect("ballot")
    return render(request, "panels/check.html", _ballot(paper) | {"leads": _leads(paper)})


@with_pass("member")
def done(request: HttpRequest, held: Held) -> HttpResponse:
    """Thank a member, and tell him what happens now."""
    return render(request, "panels/done.html", _ballot(panels.paper(held)))
