"""The school's officer recognises, a second person reviews or sends back; who opens a case is written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.timezone import localtime

from bangfu.accounts.rules import Role
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.core.messages import say
from bangfu.coverage.gather import slices
from bangfu.identify import queries, recognition
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.models import Case, Proposal, Step
from bangfu.identify.rules import MOVES, NO_NEED, Move, Stage, Verb, check_tier, maker_and_checker

MOST_WORDS = 2000
AS_THE_PANEL = ""  # a tier that says: each case the one that its panel gave


@whole()
@transaction.atomic
def recognise(
    *, round_id: int, case_ids: Sequence[int], said: Said, by: Actor, seen: Mapping[int, int] | None = None
) -> int:
    """Say of cases which tier the school sees them in and why; returns how many.

    `said.tier` AS_THE_PANEL: each case the panel's. Its reasons are then what the lists say that propose it, and
    `said.reasons` of the tier's side where they say nothing. `seen`: case -> the mark (`recognition.last_steps`)
    under which the actor saw it. NotAllowed for who is not the school's aid officer; BangfuError for a tier or
    reasons that the procedure does not know; Overtaken where somebody has moved a case since. Then none is moved.
    """
    _check_words(said.words)
    cases = recognition.held_cases(round_id, case_ids, by, (Role.AID_OFFICER,))
    _check_seen(cases, seen)
    told = {case.pk: said for case in cases} if said.tier else _as_the_panel(cases, said)
    for case in cases:
        of_case = told[case.pk]
        check_tier(of_case.tier, of_case.reasons, case.round.procedure)
        case.school_tier, case.reasons = of_case.tier, list(of_case.reasons)
    _move(cases, Verb.RECOGNISE, told, by)
    return len(cases)


def _as_the_panel(cases: Sequence[Case], said: Said) -> dict[int, Said]:
    procedure, kinds = cases[0].round.procedure, defaultdict[int, list[str]](list)
    for part in slices([case.pk for case in cases]):
        for number, kind in Proposal.objects.filter(case__in=part).order_by("pk").values_list("case_id", "kind"):
            if kind in procedure["reason"] and kind not in kinds[number]:
                kinds[number].append(kind)
    sides = {side: tuple(reason for reason in said.reasons if reason in procedure[side])
             for side in ("reason", "no_need_reason")}  # fmt: skip
    found = {}
    for case in cases:
        if not case.panel_tier:
            raise BangfuError("case_without_panel_tier", number=case.pk)
        listed = () if case.panel_tier == NO_NEED else tuple(kinds[case.pk])
        reasons = listed or sides["no_need_reason" if case.panel_tier == NO_NEED else "reason"]
        if not reasons:
            raise BangfuError("case_without_reasons", number=case.pk)
        found[case.pk] = Said(case.panel_tier, reasons, said.words)
    return found


@whole()
@transaction.atomic
def review(
    *, round_id: int, case_ids: Sequence[int], by: Actor, words: str = "", seen: Mapping[int, int] | None = None
) -> int:
    """Agree to what the school has recognised, as a second person; returns how many cases.

    NotAllowed for who has recognised one of them himself, and for a role that the round's procedure does not name.
    """
    _check_words(words)
    cases = _reviewed(round_id, case_ids, by)
    _check_seen(cases, seen)
    for number, moves in _moves(cases).items():
        if maker_and_checker(moves)[0] == by.name:
            raise NotAllowed("maker_reviews", number=number)
    said = {case.pk: Said(case.school_tier, tuple(case.reasons), words) for case in cases}
    _move(cases, Verb.REVIEW, said, by)
    return len(cases)


@whole()
@transaction.atomic
def return_case(*, round_id: int, case_id: int, words: str, by: Actor, seen: Mapping[int, int] | None = None) -> None:
    """Send a case back to the school's officer, who sees the comment; BangfuError without one."""
    _check_words(words)
    if not words.strip():
        raise BangfuError("comment_missing")
    cases = _reviewed(round_id, [case_id], by)
    _check_seen(cases, seen)
    cases[0].school_tier, cases[0].reasons = "", []
    _move(cases, Verb.RETURN, {case_id: Said(words=words)}, by)


@whole()
@transaction.atomic
def open_case(*, case_id: int, by: Actor, reason: str = "") -> None:
    """Write down that somebody opens a case with its reasons: once a reader and day where it is his work.

    Who audits says why, each time. NotAllowed for anybody else.
    """
    case = queries.case_for(case_id, by)
    if recognition.sees_secrets(case, by):
        if recognition.has_opened(case, by):
            return
        reason = f"round:{case.round_id}"
    elif not recognition.holds_one(by, case.path, (Role.AUDITOR,)):
        raise NotAllowed("case_not_yours", number=case_id)
    elif not reason.strip():
        raise BangfuError("reason_missing")
    record(action=recognition.OPENED, by=by, subject=f"case:{case_id}", reason=reason, chain=case.round.school_id)


def _reviewed(round_id: int, case_ids: Sequence[int], by: Actor) -> list[Case]:
    round_ = queries.round_for(round_id, by)
    return recognition.held_cases(round_id, case_ids, by, recognition.reviewers(round_))


def _check_words(words: str) -> None:
    if len(words) > MOST_WORDS:
        raise BangfuError("words_too_many", most=MOST_WORDS)


def _check_seen(cases: Sequence[Case], seen: Mapping[int, int] | None) -> None:
    """Refuse where somebody else has moved one of the cases since the actor saw it: he is told who, when and how."""
    if seen is None:
        return
    last = recognition.last_steps([case.pk for case in cases])
    moved = [case for case in cases if case.pk in seen and seen[case.pk] != last.get(case.pk, 0)]
    if moved:
        step = Step.objects.get(pk=last[moved[0].pk])
        told = {"by": step.actor, "at": localtime(step.at), "did": say(f"recog_verb_{step.verb}")}
        raise Overtaken("case_overtaken", number=moved[0].pk, **told)


def _moves(cases: Sequence[Case]) -> dict[int, list[Move]]:
    found: dict[int, list[Move]] = defaultdict(list)
    for part in slices([case.pk for case in cases]):
        rows = Step.objects.filter(case__in=part).order_by("pk").values_list("case_id", "verb", "actor")
        for case, verb, actor in rows:
            found[case].append(Move(verb, actor))
    return found


def _move(cases: Sequence[Case], verb: Verb, said: Mapping[int, Said], by: Actor) -> None:
    """Move cases by one verb; where one cannot, its number is told."""
    stuck = next((case for case in cases if (Stage(case.stage), verb) not in MOVES), None)
    if stuck is not None:
        where, what = say(f"stage_{stuck.stage}"), say(f"recog_verb_{verb}")
        raise BangfuError("case_not_at_stage", number=stuck.pk, stage=where, verb=what)
    make_moves(cases=cases, verb=verb, said=said, by=by)
