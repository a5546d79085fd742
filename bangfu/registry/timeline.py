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
    """A new statement: from when, what it says, the list's day, and from when the list holds.

    `valid_from` is another day than `holds_from` where the row itself names the start. `before`: where the list
    comes late, from when the next later issue holds; it says nothing of that day or after.
    """

    valid_from: str
    says: Values
    told: str
    holds_from: str
    before: str | None = None


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


@dataclass(frozen=True)
class Reopen:
    """Take back the end of fact `id`: another part of the list that ended it says that it goes on."""

    id: int


Move = Put | End | Retract | Reopen


def tell(spec: FactSpec, known: list[Known], new: Told) -> Iterator[Move]:
    """Yield what to do so that the register says `new` too; nothing where it already does."""
    course = sorted(known, key=lambda fact: fact.valid_from)
    if new.before is not None:
        yield from _told_late(course, new, new.before)
    elif not course:
        yield Put(new.valid_from, None)
    else:
        yield from _told_in_order(spec, course, new)


def _told_in_order(spec: FactSpec, course: list[Known], new: Told) -> Iterator[Move]:
    last = course[-1]
    if last.valid_until is not None and last.valid_until == new.holds_from and last.says == new.says:
        yield Reopen(last.id)
        return
    if last.valid_until is not None:
        # It had ended by an earlier list's word, so a start named before that end opens it from this list on.
        yield Put(new.valid_from if new.valid_from >= last.valid_until else new.holds_from, None)
        return
    free_from = max((fact.valid_until or "" for fact in course[:-1]), default="")
    named = new.valid_from != new.holds_from and new.valid_from >= free_from
    start = new.valid_from if named else last.valid_from
    if last.says == new.says and last.valid_from == start:
        return
    corrects = new.told == last.told or new.valid_from <= last.valid_from
    if corrects or any(last.says[at] != new.says[at] for at in spec.identity_at):
        yield Retract(last.id)
        yield Put(start, None)
    else:
        yield End(last.id, new.valid_from)
        yield Put(new.valid_from, None)


def _told_late(course: list[Known], new: Told, before: str) -> Iterator[Move]:
    """What a late list says holds until the next later issue; a fact that such an issue confirmed stays."""
    day = new.valid_from
    inside = next((fact for fact in course if _covers(fact, day)), None)
    later = next((fact.valid_from for fact in course if fact.valid_from > day), before)
    if inside is None:
        if day < min(later, before):
            yield Put(day, min(later, before))
    elif inside.says != new.says and inside.confirmed <= new.told:
        until = min(inside.valid_until or before, before)
        if inside.valid_from == day:
            yield Retract(inside.id)
        else:
            yield End(inside.id, day)
        if day < until:
            yield Put(day, until)


def _covers(fact: Known, day: str) -> bool:
    return fact.valid_from <= day and (fact.valid_until is None or day < fact.valid_until)


def drop(known: list[Known], day: str, told: str) -> Iterator[Move]:
    """Yield what to do when a list of day `told`, holding from `day`, no longer states these facts."""
    for fact in known:
        if fact.confirmed > told or (fact.valid_until is not None and fact.valid_until <= day):
            continue
        if fact.told == told or fact.valid_from >= day:
            yield Retract(fact.id)
        else:
            yield End(fact.id, day)
