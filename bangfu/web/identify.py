"""Identification: a school's rounds, one round and what comes next in it, proposing a pupil, and how decisions end."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bangfu.accounts.rules import Role, holds_post
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.ids import id_in
from bangfu.core.messages import say
from bangfu.identify import queries
from bangfu.identify.actions import determinations, rounds
from bangfu.identify.rules import codes
from bangfu.registry.queries import classes, schools
from bangfu.web import fairness, notices, referrals
from bangfu.web.access import READERS, actor_of, open_to
from bangfu.web.paging import page_of

KEEPERS = (Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AID_OFFICER)
# On which page what comes next is done.
LEADS = {
    "proposed": "panels",
    "evaluated": "recognition",
    "recognised": "recognition",
    "reviewed": "publish_notice",
    "noticed": "recognition",
}
PROPOSERS = (*KEEPERS, Role.CLASS_TEACHER)
# The pages over all rounds, and to whom they are open.
PAGES = (
    ("notices", notices.OFFICERS),
    ("objections", notices.OFFICERS),
    ("referrals", referrals.READERS),
    ("fairness", fairness.READERS),
)


@open_to(*READERS, writes=KEEPERS)
def listed(request: HttpRequest) -> HttpResponse:
    """List the rounds of the reader's schools, and open one."""
    by, typed, problem = actor_of(request), dict[str, str](), ""
    if request.method == "POST":
        typed = {name: request.POST.get(name, "") for name in ("school", "term", "apply_until")}
        try:
            made = rounds.open_round(
                school_id=id_in(typed["school"]) or 0, term=typed["term"],
                apply_until=_day(typed["apply_until"]), by=by,
            )  # fmt: skip
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("round_opened"))
            return redirect("round", number=made.pk)
    page = page_of(request, queries.rounds(by))
    keeps = any(by.holds(role) for role in KEEPERS)
    context = {
        "page": page,
        "counts": queries.counts(page, by),
        "schools": schools(by) if keeps else (),
        "terms": queries.terms_ahead(by.at.date()) if keeps else (),
        "pages": [name for name, roles in PAGES if any(by.holds(role) for role in roles)],
        "typed": typed,
        "problem": problem,
    }
    return render(request, "identify/rounds.html", context, status=422 if problem else 200)


def _day(text: str) -> date:
    """Return the day that a form names; BangfuError for no day."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise BangfuError("day_unreadable", text=text) from problem


@open_to(*READERS, writes=())
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show a round: how many are where, and what comes next, by whom."""
    return _one(request, number)


def _one(request: HttpRequest, number: int, left: dict[str, int] | None = None) -> HttpResponse:
    by = actor_of(request)
    round_ = queries.round_for(number, by)
    context = {
        "round": round_,
        "steps": [(stage, count, LEADS[stage], f"?stage={stage}") for stage, count in queries.what_is_next(round_, by)],
        "tiles": queries.funnel(round_, by),
        "left": left or {},
        "keeps": not round_.closed_on and _keeps(by, round_.path),
        "proposes": not round_.closed_on and any(by.holds(role) for role in PROPOSERS),
    }
    return render(request, "identify/round.html", context)


def _keeps(by: Actor, path: str) -> bool:
    return holds_post(by, Role.AID_OFFICER, path, Role.PRINCIPAL, Role.COUNTY_BUREAU)


@require_POST
@open_to(*KEEPERS)
def refresh(request: HttpRequest, number: int) -> HttpResponse:
    """Propose whom newer lists name."""
    count = rounds.propose_from_registers(round_id=number, by=actor_of(request))
    messages.success(request, say("round_refreshed", count=count))
    return redirect("round", number=number)


@require_POST
@open_to(*KEEPERS)
def determine(request: HttpRequest, number: int) -> HttpResponse:
    """Determine all whose notice is over and against whom nothing stands; tell how many wait, and for what."""
    outcome = determinations.determine(round_id=number, cases=(), by=actor_of(request))
    if outcome.done:
        messages.success(request, say("round_determined", count=len(outcome.done)))
    reasons = list(outcome.left.values())
    return _one(request, number, {code: reasons.count(code) for code in sorted(set(reasons))})


@require_POST
@open_to(*KEEPERS)
def end_leavers(request: HttpRequest, number: int) -> HttpResponse:
    """End the determinations of pupils who have left the school."""
    ended = determinations.end_of_leavers(round_id=number, by=actor_of(request))
    messages.success(request, say("leavers_ended", count=len(ended)))
    return redirect("round", number=number)


@require_POST
@open_to(*KEEPERS)
def close(request: HttpRequest, number: int) -> HttpResponse:
    """Close a round in which everybody has a result."""
    rounds.close_round(round_id=number, by=actor_of(request))
    messages.success(request, say("round_is_closed"))
    return redirect("round", number=number)


@open_to(*PROPOSERS)
def propose(request: HttpRequest, number: int) -> HttpResponse:
    """Propose a pupil of one class, in words that stay sealed; a class is chosen first where there are several."""
    by, problem = actor_of(request), ""
    round_ = queries.round_for(number, by)
    typed = {name: request.POST.get(name, "") for name in ("person", "words", "kind")}
    if request.method == "POST":
        try:
            rounds.propose(round_id=number, person=id_in(typed["person"]) or 0,
                           kind="emergency" if typed["kind"] == "emergency" else "named_by_teacher",
                           words=typed["words"], by=by)  # fmt: skip
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("pupil_proposed"))
            return redirect("round", number=number)
    places = list(classes(round_.school, by))
    chosen = _chosen(request, [place.pk for place in places])
    context = {
        "round": round_,
        "places": places,
        "chosen": chosen,
        "pupils": queries.on_roll(chosen, by) if chosen else (),
        "typed": typed,
        "problem": problem,
    }
    return render(request, "identify/propose.html", context, status=422 if problem else 200)


def _chosen(request: HttpRequest, places: list[int]) -> int | None:
    """Return the class that is asked for, or the only one; Http404 for one that is not open."""
    asked = request.GET.get("class", "")
    if not asked:
        return places[0] if len(places) == 1 else None
    if (number := id_in(asked)) not in places:
        raise Http404
    return number


@open_to(*KEEPERS)
def ending(request: HttpRequest, number: int) -> HttpResponse:
    """End a determination that stands, or go on with a pupil at his new school."""
    by, problem = actor_of(request), ""
    case = queries.case_for(number, by)
    typed = {name: request.POST.get(name, "") for name in ("why", "reason", "round")}
    if request.method == "POST":
        try:
            if typed["round"]:
                rounds.continue_case(case_id=number, round_id=id_in(typed["round"]) or 0, by=by)
            else:
                determinations.end_determination(case_id=number, why=typed["why"], by=by, reason=typed["reason"])
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("case_continued" if typed["round"] else "determination_ended"))
            return redirect("round", number=case.round_id)
    whys = case.round.procedure["end_reason"]
    context = {
        "case": case,
        "name": queries.names([case], by).get(case.person_id, ""),
        "elsewhere": queries.rounds_elsewhere(case, by),
        "whys": {code: whys[code] for code in codes(case.round.procedure, "end_reason")},
        "typed": typed,
        "problem": problem,
    }
    return render(request, "identify/ending.html", context, status=422 if problem else 200)
