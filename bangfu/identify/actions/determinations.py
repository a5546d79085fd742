"""Determining cases, which become standings in the register, and ending a determination."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction

from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage.judge import HARDSHIP
from bangfu.identify import queries
from bangfu.identify.actions.notices import CORRECT
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.facts import facts_of
from bangfu.identify.models import Case, Determination, Round
from bangfu.identify.rules import Stage, Verb, why_not_determined
from bangfu.registry import made_here
from bangfu.registry.models import Enrolment
from bangfu.registry.queries import held_on
from bangfu.tasks.actions import Duty, settle

LIST, ENDED = "determinations", "identify.end_determination"


@dataclass
class Determined:
    """What a batch came to: the cases determined, and of each other one the code of what stands against it."""

    done: list[int] = field(default_factory=list)
    left: dict[int, str] = field(default_factory=dict)


@whole()
@transaction.atomic
def determine(*, round_id: int, cases: Collection[int], by: Actor) -> Determined:
    """Determine these cases of a round (none named: all that are on a notice) as they were recognised and reviewed.

    Each becomes a standing `hardship` in the register, from today until the school year ends; its level is the tier.
    A case that cannot be determined yet stays as it is and is told of, with what stands against it: among that, that
    the pupil is no longer on the school's roll (he is continued at his new school). BangfuError where there is none.
    """
    round_ = queries.round_for(round_id, by)
    if not holds_post(by, Role.AID_OFFICER, round_.path, Role.PRINCIPAL, Role.COUNTY_BUREAU):
        raise NotAllowed("round_not_yours", number=round_id)
    day = by.at.date()
    wanted = Case.objects.select_for_update().filter(round=round_, stage=Stage.NOTICED)
    found = [case for case in wanted.order_by("pk") if not cases or case.pk in cases]
    if not found:
        raise BangfuError("no_cases")
    outcome = Determined(left=_stand_against(found, round_, day))
    ready = [case for case in found if case.pk not in outcome.left]
    if ready:
        _write(round_, ready, day, by)
    outcome.done = [case.pk for case in ready]
    return outcome


def _stand_against(found: Sequence[Case], round_: Round, day: date) -> dict[int, str]:
    """Return case -> the code of what stands against determining it, for those that have one."""
    ids = [case.pk for case in found]
    facts = facts_of(ids)
    here = set(
        Enrolment.objects.filter(held_on("enrolment", day), school=round_.school_id).values_list("person_id", flat=True)
    )
    against = {case.pk: why_not_determined(facts[case.pk], day) for case in found}
    against |= {case.pk: "pupil_left" for case in found if case.person_id not in here}
    return {pk: code for pk, code in against.items() if code}


def _write(round_: Round, ready: Sequence[Case], day: date, by: Actor) -> None:
    until = queries.school_year_end(round_.term)
    lines = [made_here.Line(case.person_id, HARDSHIP, case.school_tier, day, until) for case in ready]
    rows = made_here.enter(LIST, round_.school, lines, day, by)
    said = {case.pk: Said(case.school_tier, tuple(case.reasons)) for case in ready}
    entry = make_moves(cases=ready, verb=Verb.DETERMINE, said=said, by=by)
    Determination.objects.bulk_create(
        [
            Determination(case=case, path=case.path, tier=case.school_tier, reasons=case.reasons, valid_from=day,
                          valid_until=until, row_id=row, actor=by.name, entry=entry)
            for case, row in zip(ready, rows, strict=True)
        ],
        batch_size=500,
    )  # fmt: skip


@whole()
@transaction.atomic
def end_determination(*, case_id: int, why: str, by: Actor, reason: str) -> Determination:
    """End a determination before its time, from today: graduated, left, improved, or (it was wrong) corrected.

    BangfuError for a case without one that stands, an unknown `why` (codes of the procedure's end_reason), or no
    reason; NotAllowed for who does not keep the school.
    """
    case, day = queries.case_for(case_id, by), by.at.date()
    if not holds_post(by, Role.AID_OFFICER, case.path, Role.PRINCIPAL, Role.COUNTY_BUREAU):
        raise NotAllowed("case_not_yours", number=case_id)
    if not reason.strip():
        raise BangfuError("reason_missing")
    if why not in case.round.procedure["end_reason"]:
        raise BangfuError("reason_unknown", reason=why, known=", ".join(case.round.procedure["end_reason"]))
    standing = Determination.objects.select_for_update().filter(case=case, ended_on=None, valid_until__gt=day).first()
    if standing is None:
        raise BangfuError("determination_not_standing", number=case_id)
    made_here.end(LIST, case.round.school, [(case.person_id, HARDSHIP)], day, by)
    standing.ended_on, standing.end_reason = day, why
    standing.save(update_fields=["ended_on", "end_reason"])
    details: dict[str, object] = {"why": why, "on": day.isoformat()}
    subject, chain = f"case:{case.pk}", case.round.school_id
    record(action=ENDED, by=by, subject=subject, details=details, reason=reason, chain=chain)
    settle(Duty(CORRECT, subject, case.path, Role.AID_OFFICER, day, 0), by=by)
    return standing


@whole()
@transaction.atomic
def end_of_leavers(*, round_id: int, by: Actor) -> list[int]:
    """End the determinations of a round's pupils who are no longer on the school's roll; returns their cases."""
    round_ = queries.round_for(round_id, by)
    if not holds_post(by, Role.AID_OFFICER, round_.path, Role.PRINCIPAL, Role.COUNTY_BUREAU):
        raise NotAllowed("round_not_yours", number=round_id)
    day = by.at.date()
    here = Enrolment.objects.filter(held_on("enrolment", day), school=round_.school_id).values("person_id")
    gone = Determination.objects.filter(case__round=round_, ended_on=None, valid_until__gt=day)
    left = list(gone.exclude(case__person__in=here).order_by("pk").values_list("pk", "case_id", "case__person_id"))
    if left:
        made_here.end(LIST, round_.school, [(person, HARDSHIP) for *_, person in left], day, by)
        Determination.objects.filter(pk__in=[pk for pk, *_ in left]).update(ended_on=day, end_reason="left")
        details: dict[str, object] = {"cases": len(left), "why": "left"}
        record(action=ENDED, by=by, subject=f"round:{round_id}", details=details, chain=round_.school_id)
    return [case for _, case, _ in left]
