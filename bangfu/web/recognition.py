"""Recognition and review: cases with disagreements first, many at once or one side by side; the file of a student."""

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
from bangfu.core.messages import say
from bangfu.identify import panels, queries, recognition
from bangfu.identify.actions.panels import WITHOUT, evaluate_without_panel
from bangfu.identify.actions.recognition import open_case, recognise, return_case, review
from bangfu.identify.actions.steps import Said
from bangfu.identify.panels import READERS
from bangfu.identify.rules import Move, Stage, codes, maker_and_checker
from bangfu.registry.queries import classes
from bangfu.web.access import actor_of, open_to, proven
from bangfu.web.paging import page_of, place_asked
from bangfu.web.panels import UNPROCESSABLE, reader_of

WRITERS = (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)
NO_STEP = "0"  # the mark of a case that nobody has moved yet
EVERY = "all"  # the stage of a filter that asks for every one


# -- many at once


@open_to(*READERS, writes=WRITERS)
def listed(request: HttpRequest, number: int) -> HttpResponse:
    """List the cases of a round, disagreements first; by POST recognise, review or send on the ticked ones."""
    by = reader_of(request)
    round_ = queries.round_for(number, by)
    stage, place = _stage(request, round_, by), place_asked(request)
    problem = ""
    if request.method == "POST":
        try:
            count = _move_many(request, round_, stage, place)
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("recog_moved", count=count))
            return redirect(f"{reverse('recognition', args=[number])}?stage={stage}&place={place.pk if place else ''}")
    found = recognition.listed(round_, by, "" if stage == EVERY else stage, place)
    page = page_of(request, found)
    counts = queries.funnel(round_, by)
    context = {
        "round": round_,
        "page": page,
        "rows": recognition.rows(page, by),
        "stages": [(code, counts.get(code, 0)) for code in Stage],
        "stage": stage,
        "place": place,
        "places": classes(round_.school, by),
        "does": _does(round_, stage, by) if page else "",
        "agreeing": recognition.listed(round_, by, stage, place, agreeing=True).count() if _is_bulk(stage) else 0,
        "ticked": set(request.POST.getlist("case")),
        "typed": request.POST,
        "given": request.POST.getlist("reasons"),
        "sides": _sides(round_),
        "whys": WITHOUT,
        "problem": problem,
    }
    return render(request, "recognition/listed.html", context, status=UNPROCESSABLE if problem else 200)


def _sides(round_: Any) -> list[tuple[str, list[str]]]:
    """Return the reasons to choose from, for being in need and for not: what each list is called, and its codes."""
    return [(f"recog_{name}s", codes(round_.procedure, name)) for name in ("reason", "no_need_reason")]


def _is_bulk(stage: str) -> bool:
    return stage in (Stage.EVALUATED, Stage.RECOGNISED)


def _stage(request: HttpRequest, round_: Any, by: Actor) -> str:
    """Return the asked-for stage, or the one at which something waits for the reader."""
    asked = (request.POST if request.method == "POST" else request.GET).get("stage", "")
    if asked and asked != EVERY and asked not in list(Stage):
        raise Http404
    if asked:
        return asked
    if by.holds(Role.AID_OFFICER):
        return Stage.EVALUATED.value
    return Stage.RECOGNISED.value if any(map(by.holds, recognition.reviewers(round_))) else EVERY


def _does(round_: Any, stage: str, by: Actor) -> str:
    """Return what the reader may do with the cases of a stage: the verb of the form under the list, or ''."""
    officer = recognition.holds_one(by, round_.path, (Role.AID_OFFICER,))
    reviewer = recognition.holds_one(by, round_.path, recognition.reviewers(round_))
    if officer and stage in (Stage.PROPOSED, Stage.EVALUATED):
        return "without" if stage == Stage.PROPOSED else "recognise"
    return "review" if reviewer and stage == Stage.RECOGNISED else ""


def _move_many(request: HttpRequest, round_: Any, stage: str, place: Any) -> int:
    """Do what the form under a list asks for, with the ticked cases or all in which nothing disagrees."""
    by, verb = actor_of(request), request.POST.get("verb", "")
    seen = _seen(request)
    if "agreeing" in request.POST and _is_bulk(stage):
        agreeing = recognition.listed(round_, reader_of(request), stage, place, agreeing=True)
        seen |= dict.fromkeys(agreeing.values_list("pk", flat=True), -1)
    ids = list(seen)
    marks = {case: mark for case, mark in seen.items() if mark >= 0}
    words = request.POST.get("comment", "")
    if verb == "recognise":
        said = Said(reasons=tuple(request.POST.getlist("reasons")), words=words)
        return recognise(round_id=round_.pk, case_ids=ids, said=said, by=by, seen=marks)
    if verb == "review":
        return review(round_id=round_.pk, case_ids=ids, words=words, by=by, seen=marks)
    if verb == "without":
        why = request.POST.get("why", "")
        evaluate_without_panel(round_id=round_.pk, case_ids=ids, why=why, words=words, by=by)
        return len(ids)
    raise Http404


def _seen(request: HttpRequest) -> dict[int, int]:
    """Return the ticked cases, each with the mark under which it was seen: 'case-mark'."""
    pairs = [text.partition("-")[::2] for text in request.POST.getlist("case")]
    marks = [(id_in(case), 0 if mark == NO_STEP else id_in(mark)) for case, mark in pairs]
    return {case: mark for case, mark in marks if case is not None and mark is not None}


# -- one case


@open_to(*READERS, writes=())
def case(request: HttpRequest, number: int) -> HttpResponse:
    """Show a case side by side: what lists, panel, facts and last term say, its steps, and what may be done.

    Who works on it opens it by looking; the auditor sees its steps, and the rest with a reason.
    """
    by = reader_of(request)
    found = queries.case_for(number, by)
    opens = recognition.sees_secrets(found, by)
    if opens and not recognition.has_opened(found, by):
        open_case(case_id=number, by=by)
    return _case(request, found, opened=opens)


@require_POST
@open_to(Role.AUDITOR)
@proven
def open_one(request: HttpRequest, number: int) -> HttpResponse:
    """Show the auditor a case with its reasons, for a stated reason that is written into the trail."""
    by = reader_of(request)
    found = queries.case_for(number, by)
    try:
        open_case(case_id=number, by=by, reason=request.POST.get("reason", ""))
    except BangfuError as problem:
        return _case(request, found, opened=False, problem=str(problem))
    return _case(request, found, opened=True)


def _case(request: HttpRequest, found: Any, *, opened: bool, problem: str = "") -> HttpResponse:
    by = reader_of(request)
    steps = recognition.steps(found, by, words=opened)
    proposals = recognition.proposals(found, by) if opened else []
    context = {
        "case": found,
        "name": recognition.name_of(found, by),
        "opened": opened,
        "audits": by.holds(Role.AUDITOR),
        "proposals": proposals,
        "counts": [(code, found.counts[code]) for code in (*panels.scores(found.round), "missing")
                   if code in found.counts],
        "facts": recognition.facts(found, by) if opened else None,
        "last": recognition.last_determination(found, by) if opened else None,
        "steps": steps,
        "seen": steps[-1].number if steps else 0,
        "does": _may(found, steps, by),
        "tiers": panels.scores(found.round),
        "sides": _sides(found.round),
        "whys": WITHOUT,
        "problem": problem,
        **_filled(request, found, proposals),
    }  # fmt: skip
    return render(request, "recognition/case.html", context, status=UNPROCESSABLE if problem else 200)


def _filled(request: HttpRequest, found: Any, proposals: list[recognition.Proposed]) -> dict[str, Any]:
    """Return what the forms of a case hold: what was typed, or else what was said or is proposed."""
    if request.method == "POST":
        given = request.POST.getlist("reasons")
        return {"tier": request.POST.get("tier", ""), "given": given, "typed": request.POST}
    listed_ = [each.kind for each in proposals]
    return {"tier": found.school_tier or found.panel_tier, "given": found.reasons or listed_, "typed": {}}


def _may(found: Any, steps: list[recognition.Said], by: Actor) -> set[str]:
    """Return the verbs that the reader may use on a case now; who recognised it does not review it."""
    officer = recognition.holds_one(by, found.path, (Role.AID_OFFICER,))
    reviewer = recognition.holds_one(by, found.path, recognition.reviewers(found.round))
    maker = maker_and_checker(Move(step.verb, step.actor) for step in steps)[0]
    does = {
        "without": officer and found.stage == Stage.PROPOSED,
        "recognise": officer and found.stage in (Stage.EVALUATED, Stage.RECOGNISED),
        "review": reviewer and found.stage == Stage.RECOGNISED and maker != by.name,
        "return": reviewer and found.stage in (Stage.RECOGNISED, Stage.REVIEWED),
    }
    return {verb for verb, may in does.items() if may and found.round.closed_on is None}


@require_POST
@open_to(*READERS, writes=WRITERS)
def move(request: HttpRequest, number: int) -> HttpResponse:
    """Recognise, review, send back or send on one case; what was typed stays where something is missing."""
    by = reader_of(request)
    found = queries.case_for(number, by)
    verb = request.POST.get("verb", "")
    try:
        _move_one(request, found, verb)
    except BangfuError as problem:
        opens = recognition.sees_secrets(found, by)
        return _case(request, queries.case_for(number, by), opened=opens, problem=str(problem))
    messages.success(request, say(f"recog_done_{verb}", None, name=recognition.name_of(found, by)))
    return redirect(f"{reverse('recognition', args=[found.round_id])}?stage={found.stage}")


def _move_one(request: HttpRequest, found: Any, verb: str) -> None:
    by, words = actor_of(request), request.POST.get("comment", "")
    seen = {found.pk: id_in(request.POST.get("seen", "")) or 0}
    ids, round_ = [found.pk], found.round_id
    if verb == "recognise":
        if not (tier := request.POST.get("tier", "")):
            raise BangfuError("score_missing")
        said = Said(tier, tuple(request.POST.getlist("reasons")), words)
        recognise(round_id=round_, case_ids=ids, said=said, by=by, seen=seen)
    elif verb == "review":
        review(round_id=round_, case_ids=ids, words=words, by=by, seen=seen)
    elif verb == "return":
        return_case(round_id=round_, case_id=found.pk, words=words, by=by, seen=seen)
    elif verb == "without":
        evaluate_without_panel(round_id=round_, case_ids=ids, why=request.POST.get("why", ""), words=words, by=by)
    else:
        raise Http404


@open_to(*READERS, writes=())
def file(request: HttpRequest, number: int) -> HttpResponse:
    """Show the file of a student: each paper, or by whom it is missing; to be printed."""
    by = reader_of(request)
    found = queries.case_for(number, by)
    papers = recognition.documents(found, by)
    context = {
        "case": found,
        "name": recognition.name_of(found, by),
        "papers": papers,
        "missing": sum(bool(paper.missing) for paper in papers),
        "today": by.at,
    }
    return render(request, "recognition/file.html", context)
