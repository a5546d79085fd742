"""Do cases and determinations hold? Each check yields sentences; none means that they do."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.core.seal import BrokenSeal
from bangfu.coverage.judge import HARDSHIP
from bangfu.identify.facts import facts_of
from bangfu.identify.models import Case, Determination, Step
from bangfu.identify.rules import Stage, Verb, moved, why_not_determined
from bangfu.identify.sealed import CELLS, opened
from bangfu.registry.models import Status
from bangfu.registry.queries import MADE_HERE


def cells() -> Iterator[str]:
    """Open every sealed cell of identification where it stands."""
    for model, columns in CELLS:
        for row in model._default_manager.order_by("pk").iterator():
            for column in columns:
                try:
                    opened(row, column)
                except BrokenSeal:
                    yield say("cell_broken", table=model._meta.db_table, column=column, id=row.pk, where="")


def cases() -> Iterator[str]:
    """Each case stands where its steps led it, each move was permitted, and the trail has each as it was made."""
    at: dict[int, Stage] = {}
    lines: dict[int, list[str]] = defaultdict(list)
    entries: dict[int, str] = {}
    for step in Step.objects.select_related("entry").order_by("pk").iterator():
        lines[step.entry_id].append(line_of(step))
        entries[step.entry_id] = step.entry.details
        try:
            at[step.case_id] = moved(at.get(step.case_id, Stage.PROPOSED), Verb(step.verb))
        except BangfuError:
            yield say("step_not_permitted", case=step.case_id, verb=step.verb)
    for entry, told in lines.items():
        if json.loads(entries[entry])["digest"] != digest_of(told):
            yield say("steps_differ_from_trail", entry=entry)
    for case, stage in Case.objects.order_by("pk").values_list("pk", "stage").iterator():
        if stage != at.get(case, Stage.PROPOSED):
            yield say("case_stage_differs", case=case, stage=stage, steps=at.get(case, Stage.PROPOSED).value)


def line_of(step: Step) -> str:
    """Return what the trail's digest holds of a step."""
    return f"{step.case_id}:{step.stage}:{step.tier}:{','.join(step.reasons)}"


def digest_of(lines: list[str]) -> str:
    """Return the digest over the steps of one entry, whatever their order (hexadecimal)."""
    return sha256("\n".join(sorted(lines)).encode()).hexdigest()


def determinations() -> Iterator[str]:
    """Each determination rested on what it needs, and the register says of it what was determined, no more."""
    found = list(Determination.objects.select_related("case").order_by("pk"))
    facts = facts_of([each.case_id for each in found])
    said = dict(Step.objects.filter(verb=Verb.DETERMINE).order_by("pk").values_list("case_id", "tier"))
    made_here = Status.objects.filter(kind=HARDSHIP, source__file__layout__startswith=MADE_HERE)
    standing = {row.source_id: row for row in made_here}
    for each in found:
        if against := why_not_determined(facts[each.case_id], each.valid_from):
            yield say("determination_unfounded", case=each.case_id, why=say(against))
        status = standing.pop(each.row_id or 0, None)
        if status is None or not _says(status, each, said.get(each.case_id, "")):
            yield say("determination_differs", case=each.case_id)
    for status in standing.values():
        yield say("standing_undetermined", id=status.pk)


def _says(status: Status, determination: Determination, step: str) -> bool:
    """Tell whether the register's standing, and the step that made it, say what was determined."""
    same = (status.level, status.person_id) == (determination.tier, determination.case.person_id)
    gone = status.retracted_by_id is not None and determination.ended_on is None
    return same and step == determination.tier and not gone
