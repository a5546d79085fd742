"""Which records of a big register a few new ones could be the same people as, without reading all that is known of all.

Finds what `linkage.people` would compare: who shares a number, a name, or a birth or village with sound or shape or
the other of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from django.db import connection as database

from bangfu.audit import keys
from bangfu.core.numbers import KEPT_BY_NUMBER_CELL, birth_in_id
from bangfu.coverage.gather import ROLL_WITH_ID, marks, rows_of, slices
from bangfu.linkage.names import name_key, shape, sound

UNKNOWN = "?"
FEW = 5_000  # records up to which the sets below fit into one statement


class Said(NamedTuple):
    """What a record says of itself; `birth` is an ISO day or ''."""

    name: str
    birth: str
    village: int | None
    numbers: tuple[str, ...]


@dataclass
class Like:
    """What the records at hand say, as sets to look others up in."""

    names: set[str] = field(default_factory=set)
    births: set[str] = field(default_factory=set)
    villages: set[int] = field(default_factory=set)
    numbers: set[bytes] = field(default_factory=set)
    starts: set[bytes] = field(default_factory=set)
    rolls: set[bytes] = field(default_factory=set)
    pairs: set[tuple[object, object]] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)  # births of those in whose name a sign could not be written

    def add(self, said: Said) -> None:
        """Take a record in."""
        ring, key = keys.current(), name_key(said.name)
        self.names.add(said.name)
        if said.birth:
            self.births.add(said.birth)
            if UNKNOWN in key:
                self.unsure.add(said.birth)
            self.pairs |= {(said.birth, sound(key)), (said.birth, shape(key))}
            if said.village is not None:
                self.pairs.add((said.birth, said.village))
        elif said.village is not None:
            self.villages.add(said.village)
        if said.village is not None:
            self.pairs.add((said.village, sound(key)))
        for number in said.numbers:
            self.numbers.add(ring.blind("id", number))
            self.starts.add(ring.blind("id_start", number[:KEPT_BY_NUMBER_CELL]))
            self.rolls.add(ring.blind("roll", f"{ROLL_WITH_ID}{number}"))

    def holds(self, name: str, birth: str, village: int | None) -> bool:
        """Tell whether a record with none of the numbers and another name could still be one of these people."""
        key = name_key(name)
        if birth in self.births and ((birth, village) in self.pairs or UNKNOWN in key or birth in self.unsure):
            return True
        said = sound(key)
        return (birth, said) in self.pairs or (birth, shape(key)) in self.pairs or (village, said) in self.pairs


def beside(people: Iterable[int]) -> list[int] | None:
    """Return these records and those that linking could find to be the same people; None: too many to ask for.

    One pass over the register's details. A record of a list without births is not found by birth and sound alone:
    its birth stands in its sealed ID.
    """
    wanted = sorted(people)
    if len(wanted) > FEW:
        return None
    like = Like()
    for said in _said_by(wanted):
        like.add(said)
    return sorted(set(wanted) | _enrolled_under(like.rolls) | _detailed_like(like))


def _detailed_like(like: Like) -> set[int]:
    tests: dict[str, Sequence[str | int | bytes]] = {
        "name": sorted(like.names),
        "birth": sorted(like.births),
        "village_id": sorted(like.villages),
        "id_number_index": sorted(like.numbers),
        "id_number_start": sorted(like.starts),
    }
    where = " OR ".join(f"{column} IN ({marks(values)})" for column, values in tests.items() if values)
    sql = (
        "SELECT person_id, name, birth, village_id, id_number_index, id_number_start FROM registry_detail"
        f" WHERE retracted_by_id IS NULL AND ({where})"
    )
    found = set()
    with database.cursor() as cursor:
        cursor.execute(sql, [value for values in tests.values() for value in values])
        for person, name, birth, village, number, start in cursor.fetchall():
            known = number is not None and (bytes(number) in like.numbers or bytes(start or b"") in like.starts)
            if known or name in like.names or like.holds(name, _iso(birth), village):
                found.add(person)
    return found


def _said_by(people: Sequence[int]) -> Iterator[Said]:
    """Yield what these records say."""
    ring = keys.current()
    sql = (
        "SELECT d.name, d.birth, d.village_id, d.id, d.id_number, e.id, e.roll_number FROM registry_detail d"
        " LEFT JOIN registry_enrolment e ON e.person_id = d.person_id AND e.retracted_by_id IS NULL"
        " WHERE d.retracted_by_id IS NULL"
    )
    for name, birth, village, detail, number, enrolment, roll in rows_of(sql, "d.person_id", people):
        numbers = []
        if number:
            numbers.append(ring.open_text("registry_detail", "id_number", detail, bytes(number)))
        if roll:
            text = ring.open_text("registry_enrolment", "roll_number", enrolment, bytes(roll))
            numbers += [text[1:]] if text[0] == ROLL_WITH_ID else []
        born = birth or next(filter(None, map(birth_in_id, numbers)), None)
        yield Said(name, _iso(born), village, tuple(numbers))


def _enrolled_under(rolls: set[bytes]) -> set[int]:
    """Return the records whose roll number has one of these blind indexes."""
    found: set[int] = set()
    with database.cursor() as cursor:
        for part in slices(sorted(rolls)):
            sql = f"SELECT person_id FROM registry_enrolment WHERE roll_number_index IN ({marks(part)})"
            cursor.execute(sql, list(part))
            found |= {person for (person,) in cursor.fetchall()}
    return found


def _iso(day: object) -> str:
    return day if isinstance(day, str) else day.isoformat() if isinstance(day, date) else ""
