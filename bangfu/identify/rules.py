"""Which moves of a case are permitted, how a panel's votes are counted, what a notice shows, when one may determine.

Pure. Procedure: the Ministry of Education's guidance 教财〔2018〕16号 as localities publish it; notices:
教财厅函〔2017〕28号.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from bangfu.core.errors import BangfuError

BY_PEOPLE = ("applied", "named_by_teacher", "emergency")  # proposals that are made here; the others, by lists
NO_NEED = "none"  # the tier of who was assessed and is not in need
# What a public notice may show, and nothing else.
NOTICE_COLUMNS = ("name", "school", "department", "grade", "class", "tier")


class Stage(StrEnum):
    """How far a case is."""

    PROPOSED = "proposed"
    EVALUATED = "evaluated"
    RECOGNISED = "recognised"
    REVIEWED = "reviewed"
    NOTICED = "noticed"
    DETERMINED = "determined"
    CONTINUED = "continued"  # in another school's round: the pupil moved


class Verb(StrEnum):
    """What moves a case."""

    EVALUATE = "evaluate"  # the panel is counted, or there is none in time
    RECOGNISE = "recognise"  # the school's officer proposes tier and reasons
    REVIEW = "review"  # a second person agrees
    RETURN = "return"  # or sends it back with comments
    PUBLISH = "publish"
    REOPEN = "reopen"  # an objection was upheld, or the notice withdrawn
    DETERMINE = "determine"
    CONTINUE = "continue"


MOVES: dict[tuple[Stage, Verb], Stage] = {
    (Stage.PROPOSED, Verb.EVALUATE): Stage.EVALUATED,
    (Stage.EVALUATED, Verb.RECOGNISE): Stage.RECOGNISED,
    (Stage.RECOGNISED, Verb.RECOGNISE): Stage.RECOGNISED,
    (Stage.RECOGNISED, Verb.REVIEW): Stage.REVIEWED,
    (Stage.RECOGNISED, Verb.RETURN): Stage.EVALUATED,
    (Stage.REVIEWED, Verb.RETURN): Stage.EVALUATED,
    (Stage.REVIEWED, Verb.PUBLISH): Stage.NOTICED,
    (Stage.NOTICED, Verb.REOPEN): Stage.EVALUATED,
    (Stage.NOTICED, Verb.DETERMINE): Stage.DETERMINED,
    **{
        (stage, Verb.CONTINUE): Stage.CONTINUED
        for stage in (Stage.PROPOSED, Stage.EVALUATED, Stage.RECOGNISED, Stage.REVIEWED, Stage.NOTICED)
    },
}


def moved(stage: str, verb: Verb) -> Stage:
    """Return the stage after a move; BangfuError where it is not permitted from this one."""
    after = MOVES.get((Stage(stage), verb))
    if after is None:
        raise BangfuError("case_cannot_move", stage=stage, verb=verb.value)
    return after


@dataclass(frozen=True)
class Move:
    """A move that was made: what, and who made it."""

    verb: str
    actor: str


@dataclass(frozen=True)
class CaseFacts:
    """What a determination rests on: the proposals' kinds, the moves in their order, the notice, open objections."""

    proposals: Collection[str]
    moves: Sequence[Move]
    notice_last_day: date | None
    notice_withdrawn: bool
    open_objections: int


def why_not_determined(facts: CaseFacts, day: date) -> str:
    """Return the code of what stands against determining a case on `day`, or ''.

    It needs a proposal, a recognition and a review of it by two people, a notice that has stood its working days and
    was not withdrawn, and no open objection.
    """
    if not facts.proposals:
        return "case_without_proposal"
    maker, checker = maker_and_checker(facts.moves)
    if not maker or not checker or maker == checker:
        return "case_needs_two_people"
    if facts.notice_last_day is None or facts.notice_withdrawn:
        return "case_without_notice"
    if day <= facts.notice_last_day:
        return "notice_still_stands"
    return "objection_open" if facts.open_objections else ""


def maker_and_checker(moves: Iterable[Move]) -> tuple[str, str]:
    """Return who recognised a case last, and who has reviewed that since ('' where nobody has)."""
    maker = checker = ""
    for move in moves:
        if move.verb == Verb.RECOGNISE:
            maker, checker = move.actor, ""
        elif move.verb == Verb.REVIEW:
            checker = move.actor
        elif move.verb in (Verb.RETURN, Verb.REOPEN):
            maker = checker = ""
    return maker, checker


@dataclass(frozen=True)
class Tally:
    """What a panel says of one pupil: the tier, or '' with a note why there is none; how many said which."""

    tier: str
    note: str
    counts: dict[str, int]


def tally(scores: Iterable[str], entitled: int, tiers: Sequence[str], quorum: int) -> Tally:
    """Count the scores (codes of `tiers`, the neediest first, then NO_NEED) given of one pupil.

    The tier is the median; between two middle ones the needier: in doubt for the child. Below `quorum` votes there is
    no tier. `entitled`: how many members could have voted.
    """
    ranks = {code: rank for rank, code in enumerate((*tiers, NO_NEED))}
    said = sorted(scores, key=ranks.__getitem__)
    counts = {**Counter(said), "missing": entitled - len(said)}
    if len(said) < quorum:
        return Tally("", "panel_too_few", counts)
    return Tally(said[(len(said) - 1) // 2], "", counts)


def check_tier(tier: str, reasons: Sequence[str], procedure: Mapping[str, Any]) -> None:
    """BangfuError for a tier or reasons that the procedure does not know, or a tier without a reason of its side."""
    tiers = codes(procedure, "tier")
    if tier not in (*tiers, NO_NEED):
        raise BangfuError("tier_unknown", tier=tier, known=", ".join((*tiers, NO_NEED)))
    known = codes(procedure, "no_need_reason" if tier == NO_NEED else "reason")
    if not reasons:
        raise BangfuError("reasons_missing")
    if wrong := [reason for reason in reasons if reason not in known]:
        raise BangfuError("reason_unknown", reason=wrong[0], known=", ".join(known))


def codes(procedure: Mapping[str, Any], name: str) -> list[str]:
    """Return the codes of one of a procedure's tables in their order (of 'tier': the neediest first)."""
    return list(procedure.get("order", {}).get(name) or procedure.get(name) or ())
