"""A move of cases: judged, written with who, when and why, and recorded. Every move of any case is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Field, Model

from bangfu.audit.actions import record
from bangfu.audit.models import Entry
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.identify.checks import digest_of, line_of
from bangfu.identify.models import Case, Proposal, Step
from bangfu.identify.queries import school_year_end
from bangfu.identify.rules import BY_PEOPLE, Verb, moved
from bangfu.identify.sealed import seal
from bangfu.registry import made_here


@dataclass(frozen=True)
class Said:
    """What somebody says in a move: the tier and reasons he gives, and words of his own."""

    tier: str = ""
    reasons: tuple[str, ...] = ()
    words: str = ""


@whole()
@transaction.atomic
def make_moves(*, cases: Sequence[Case], verb: Verb, said: Mapping[int, Said], by: Actor) -> Entry:
    """Move these cases (of one round, held for update) by one verb; one entry of the trail with a digest of them all.

    `said`: case -> what is said of it. BangfuError where the move is not permitted from a case's stage; then none
    moves. Fields of the case other than its stage are the caller's to set before: they are saved here. What people
    proposed enters the register with the first move, so that coverage knows of it (`to_assess`). Returns the entry.
    """
    if not cases:
        raise BangfuError("no_cases")
    steps = []
    for case in cases:
        case.stage = moved(case.stage, verb)
        words = said.get(case.pk, NOTHING)
        steps.append(Step(case=case, verb=verb, stage=case.stage, tier=words.tier, reasons=list(words.reasons),
                          actor=by.name, at=by.at))  # fmt: skip
    subject = f"case:{cases[0].pk}" if len(cases) == 1 else f"round:{cases[0].round_id}"
    details: dict[str, object] = {"cases": len(cases), "digest": digest_of([line_of(step) for step in steps])}
    chain = cases[0].round.school_id
    entry = record(action=f"identify.{verb}", by=by, subject=subject, details=details, chain=chain)
    for step in steps:
        step.entry = entry
    Step.objects.bulk_create(steps, batch_size=500)
    worded = [step for step in steps if said.get(step.case_id, NOTHING).words]
    for step in worded:
        step.words = seal(step, "words", said[step.case_id].words)
    _update_rows(worded, ("words",))
    _update_rows(cases, MOVED)
    _enter_proposals(cases, by)
    return entry


def _enter_proposals(cases: Sequence[Case], by: Actor) -> None:
    """Write what people proposed of these cases into the register as a list of this house, where it is not there."""
    fresh: list[Proposal] = []
    ids = [case.pk for case in cases]
    for at in range(0, len(ids), made_here.SLICE):
        known = Proposal.objects.filter(case__in=ids[at : at + made_here.SLICE], kind__in=BY_PEOPLE, entered=None)
        fresh += known.select_related("case").order_by("pk")
    if not fresh:
        return
    round_ = cases[0].round
    until = school_year_end(round_.term)
    lines = [made_here.Line(each.case.person_id, each.kind, "", each.list_date, until) for each in fresh]
    for each, row in zip(fresh, made_here.enter("proposals", round_.school, lines, by.at.date(), by), strict=True):
        each.entered_id = row
    _update_rows(fresh, ("entered",))


NOTHING = Said()
MOVED = ("stage", "panel_tier", "panel_note", "counts", "school_tier", "reasons", "notice", "continued_in")


def _update_rows(rows: Sequence[Model], columns: Sequence[str]) -> None:
    """Store these columns of many rows, one order a row: `bulk_update` makes one of many thousand conditions."""
    if not rows:
        return
    meta = rows[0]._meta
    fields = [field for name in columns if isinstance(field := meta.get_field(name), Field)]
    values = [
        (*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk) for row in rows
    ]
    pairs = ", ".join(f"{field.column} = %s" for field in fields)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {meta.db_table} SET {pairs} WHERE id = %s", values)
