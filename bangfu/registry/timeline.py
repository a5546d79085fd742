"""Where a new statement goes among the facts already told of one subject and key. Pure.

A list of a later day *changes* what an earlier one said: that fact ends, another starts. A list of the same day
*corrects* it: that fact is retracted, another recorded from the same day. A list of an earlier day adds what
was before, and changes nothing that a later one said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bangfu.registry.facts import FactSpec, Values


@dataclass(frozen=True)
class Known:
    """A fact that stands: its period, the day of the list that told it, the day of the last list that still
    said so, and what it says. Days as ISO text."""

    id: int
    valid_from: str
    valid_until: str | None
    told: str
    confirmed: str
    says: Values


@dataclass(frozen=True)
class Told:
    """A new statement: from when, what it says, the list's day, and whether the row itself named the start."""

    valid_from: str
    says: Values
    told: str
    start_named: bool = False


@dataclass(frozen=True)
class Put:
    """Record the new statement for this period."""

    valid_from: str
    valid_until: str | None


@dataclass(frozen=True)
class End:
    """End fact `id` on this day."""

    id: int
    day: str


@dataclass(frozen=True)
class Retract:
    """Retract fact `id`: it was never so."""

    id: int


Move = Put | End | Retract


def tell(spec: FactSpec, known: list[Known], new: Told) -> Iterator[Move]:
    """Yield what to do so that the register says `new` too; nothing where it already does."""
    course = sorted(known, key=lambda fact: fact.valid_from)
    if not course:
        yield Put(new.valid_from, None)
    elif new.told < max(fact.confirmed for fact in course):
        yield from _told_late(course, new)
    else:
        yield from _told_in_order(spec, course[-1], new)


def _told_in_order(spec: FactSpec, last: Known, new: Told) -> Iterator[Move]:
    if last.valid_until is not None:
        yield Put(max(new.valid_from, last.valid_until), None)
        return
    same_start = not new.start_named or last.valid_from == new.valid_from
    if last.says == new.says and same_start:
        return
    corrects = new.told == last.told or new.valid_from <= last.valid_from
    if corrects or any(last.says[at] != new.says[at] for at in spec.identity_at):
        yield Retract(last.id)
        yield Put(new.valid_from if new.start_named else last.valid_from, None)
    else:
        yield End(last.id, new.valid_from)
        yield Put(new.valid_from, None)


def _told_late(course: list[Known], new: Told) -> Iterator[Move]:
    day = new.valid_from
    inside = next((f for f in course if f.valid_from <= day and (f.valid_until is None or day < f.valid_until)), None)
    later = next((fact for fact in course if fact.valid_from > day), None)
    if inside is not None:
        if inside.confirmed > new.told or inside.says == new.says:
            return
        if inside.valid_from == day:
            yield Retract(inside.id)
        else:
            yield End(inside.id, day)
        yield Put(day, inside.valid_until)
    elif later is not None and later.says != new.says:
        yield Put(day, later.valid_from)
    elif later is None and course[-1].confirmed <= new.told:
        yield Put(day, None)


def drop(known: list[Known], day: str, told: str) -> Iterator[Move]:
    """Yield what to do when a list of day `told`, holding from `day`, no longer states these facts."""
    for fact in known:
        if fact.valid_until is not None or fact.confirmed > told:
            continue
        if fact.told == told or fact.valid_from >= day:
            yield Retract(fact.id)
        else:
            yield End(fact.id, day)
