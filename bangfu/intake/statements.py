"""A table of clean values -> what each row states: its subject's keys and the facts. Pure.

Columns are completed first (which school, class, village, household), then each fact rule of the layout takes
its fields from them, so the work is by column and the rows only tie the results together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from bangfu.core.calendars import Calendar
from bangfu.core.numbers import birth_in_id
from bangfu.core.seal import Keyring
from bangfu.core.stages import Grade
from bangfu.intake.dates import ListDate, month_start, next_month
from bangfu.intake.layouts import FactRule, Layout
from bangfu.intake.table import Held, Table
from bangfu.registry.facts import SPECS, Field
from bangfu.registry.places import UNNAMED, Places
from bangfu.registry.plan import Record, Statement

T = TypeVar("T")
SCHOOL_YEAR_STARTS = 9  # September: a class is named for the autumn it began in
STAGE_NAMES = {
    "kindergarten": "幼",
    "primary": "小",
    "junior": "初",
    "senior": "高",
    "vocational": "职高",
    "college": "",
}
HEAD = "户主"
ROLL_LENGTH = 19


@dataclass
class Numbering:
    """Ids by what they stand for, given out in order; `new` holds those that are not in the register yet."""

    known: dict[tuple[Any, ...], int]
    next_id: int
    new: list[tuple[Any, ...]] = field(default_factory=list)

    def of(self, *key: object) -> int:
        """Return the id of `key`, a new one if need be."""
        id_ = self.known.get(key)
        if id_ is None:
            id_ = self.known[key] = self.next_id
            self.new.append((id_, *key))
            self.next_id += 1
        return id_


@dataclass
class Book:
    """What rows refer to while a file is read, and how a list's day and keys are read."""

    places: Places
    series: Numbering
    households: Numbering
    ring: Keyring
    calendar: Calendar
    dated: ListDate
    household_villages: dict[int, int | None] = field(default_factory=dict)


def scopes(table: Table, layout: Layout, places: Places, titles: tuple[str, ...]) -> list[int]:
    """Return the organisation whose list each row belongs to."""
    scope = layout.scope
    if not table.numbers:
        return []  # rows that are all held name no county and no school
    names = _texts(table, scope.get("name", ""))
    if scope["kind"] == "school":
        codes = _texts(table, scope.get("code", ""))
        county = places.county_in(_texts(table, "hukou_address"))
        return _memo(lambda code, name: places.make("school", name or UNNAMED["school"], county, code), codes, names)
    found = _in_titles(scope.get("title"), titles)
    if scope["kind"] == "county":
        return _memo(lambda name: places.county(name or (None if places.home else found)), names)
    unit = found or UNNAMED[scope["kind"]]
    return _memo(lambda name: places.make(scope["kind"], name or unit, places.home), names)


def _in_titles(pattern: str | None, titles: tuple[str, ...]) -> str | None:
    for title in titles if pattern else ():
        if found := re.match(pattern or "", title.strip()):
            return found[1]
    return None


def _memo(make: Callable[..., T], *columns: list[str]) -> list[T]:
    """Return `make` over the rows, called once for each different combination."""
    known: dict[tuple[str, ...], T] = {}
    out = []
    for key in zip(*columns, strict=True):
        if key not in known:
            known[key] = make(*key)
        out.append(known[key])
    return out


def _texts(table: Table, name: str) -> list[str]:
    return [str(value) if value is not None else "" for value in table.column(name)]


def person_records(table: Table, layout: Layout, book: Book, scope: list[int]) -> list[Record]:
    """Return a record for each row of a list of people."""
    if not table.numbers:
        return []
    _place(table, layout, book, scope)
    home = _class_or_place(table, layout, book, scope)
    series = _series(layout, book, scope)
    if layout.household:
        _households(table, layout, book, series)
    statements = _statements(table, layout)
    rows = zip(statements, scope, series, home, strict=True)
    return [Record(0, told, whose, list_, place or whose) for told, whose, list_, place in rows]


def organisation_records(table: Table, layout: Layout, book: Book, scope: list[int]) -> list[Record]:
    """Return a record for each row of a list of organisations; what is not name or code goes to attributes."""
    fields = [place.column.field for place in table.found.places if place.column.field not in ("name", "code")]
    rows = zip(*(table.columns[name] for name in fields), strict=True) if fields else ((),) * len(table.numbers)
    texts = [json.dumps(dict(zip(fields, row, strict=True)), ensure_ascii=False, sort_keys=True) for row in rows]
    said = zip(_texts(table, "name"), _texts(table, "code"), texts, strict=True)
    statements = ([Statement("organisation_fact", values)] for values in said)
    lines = zip(statements, scope, _series(layout, book, scope), strict=True)
    return [Record(0, told, whose, list_, whose) for told, whose, list_ in lines]


def _series(layout: Layout, book: Book, scope: list[int]) -> list[int]:
    ids = {organisation: book.series.of(layout.id, organisation) for organisation in dict.fromkeys(scope)}
    return [ids[organisation] for organisation in scope]


# -- which place, class, household


def _place(table: Table, layout: Layout, book: Book, scope: list[int]) -> None:
    place, places = layout.place, book.places
    if "address" in place:
        county = places.home or places.county(None)
        table.columns["village_id"] = list(
            _memo(lambda address: places.village_at(county, address), _texts(table, place["address"]))
        )
    elif "township" in place:
        names = (_texts(table, place["township"]), _texts(table, place["village"]))
        counties = [str(organisation) for organisation in scope]
        table.columns["village_id"] = list(_memo(lambda c, t, v: places.village(int(c), t, v), counties, *names))


def _class_or_place(table: Table, layout: Layout, book: Book, scope: list[int]) -> list[int]:
    columns, places = table.columns, book.places
    if layout.scope["kind"] == "school":
        _school_columns(table, book, scope)
        return columns["school_class_id"]
    if "department" in columns:
        parents = [str(organisation) for organisation in scope]
        make = _memo(
            lambda parent, name: places.make("department", name, int(parent)),
            parents,
            _texts(table, "department"),
        )
        columns["department_id"] = list(make)
        return make
    return columns.get("village_id", scope)


def _school_columns(table: Table, book: Book, scope: list[int]) -> None:
    columns, places = table.columns, book.places
    day = book.dated.holds_from
    school_year = day.year if day.month >= SCHOOL_YEAR_STARTS else day.year - 1
    grades: list[Grade] = columns["grade"]
    columns["school_id"] = list(scope)
    columns["stage"] = [grade.stage.value for grade in grades]
    columns["year"] = [grade.year for grade in grades]
    known: dict[tuple[object, ...], int] = {}
    classes: list[object] = []
    for key in zip(scope, grades, table.column("class_number"), strict=True):
        if key not in known:
            school, grade, number = key
            cohort = f"{school_year - grade.year + 1}级{STAGE_NAMES[grade.stage]}"
            known[key] = places.make("class", f"{cohort}{number}班" if number else cohort, school)
        classes.append(known[key])
    columns["school_class_id"] = classes


def _households(table: Table, layout: Layout, book: Book, series: list[int]) -> None:
    """Give each row its household: by its number, or by its head's name and village where lists have no number.

    Two heads of one name in a village are told apart by their own rows: a new row of a head opens a household.
    """
    if "number" in layout.household:
        numbers = _texts(table, layout.household["number"])
    else:
        numbers = list(_by_head(table, layout))
    ids = [book.households.of(*key) for key in zip(series, numbers, strict=True)]
    villages = table.column("village_id")
    for id_, village in zip(ids, villages, strict=True):
        book.household_villages.setdefault(id_, village)
    table.columns["household_id"] = list(ids)


def _by_head(table: Table, layout: Layout) -> Iterator[str]:
    heads: dict[str, int] = {}
    columns = (
        layout.place["township"],
        layout.place["village"],
        layout.household["head"],
        layout.household["relation"],
    )
    for township, village, head, as_what in zip(*(_texts(table, name) for name in columns), strict=True):
        name = f"{township}{village}/{head}"
        heads[name] = heads.get(name, 0) + 1 if as_what == HEAD or name not in heads else heads[name]
        yield name if heads[name] == 1 else f"{name}/{heads[name]}"


# -- facts


def _statements(table: Table, layout: Layout) -> list[list[Statement]]:
    rows: list[list[Statement]] = [[] for _ in table.numbers]
    for rule in layout.facts:
        values = zip(*(_field(table, rule, field) for field in SPECS[rule.kind].fields), strict=True)
        starts = table.column(rule.start) if rule.start else [None] * len(rows)
        holds = _holds(table, rule)
        for row, value, start, held in zip(rows, values, starts, holds, strict=True):
            if held:
                row.append(Statement(rule.kind, value, start))
    return rows


def _field(table: Table, rule: FactRule, field: Field) -> list[Any]:
    name, blank = field.name, field.blank
    if name in rule.set:
        return [rule.set[name]] * len(table.numbers)
    values = table.column(rule.take.get(name, name))
    if blank is None:
        return values
    return [blank if value is None else value for value in values]


def _holds(table: Table, rule: FactRule) -> list[bool]:
    when = rule.when
    if not when:
        return [True] * len(table.numbers)
    if "any" in when:
        return [any(values) for values in zip(*(table.column(name) for name in when["any"]), strict=True)]
    allowed = frozenset(when.get("in", ()))
    values = [value in allowed if allowed else bool(value) for value in table.column(when["field"])]
    if "unless" in when:
        return [held and not no for held, no in zip(values, table.column(when["unless"]), strict=True)]
    if "and" in when:
        return [held and bool(yes) for held, yes in zip(values, table.column(when["and"]), strict=True)]
    return values


# -- events


@dataclass(frozen=True)
class Pupils:
    """Who an event can be about: by roll number index (school, person), and by birth (school, person, name)."""

    by_roll: dict[bytes, list[tuple[int, int]]]
    by_birth: dict[str, list[tuple[int, int, str]]]

    def find(self, roll: bytes, name: str, birth: str, school: int | None) -> int | None:
        """Return the person: of this roll number, else the only one of this name and birth; None if unsure.

        Other offices write 'G' and the ID where the roll still has a temporary number; the birth date is in both.
        The only one born that day at the school will do too if the names share a sign (one was misspelt).
        """
        if found := self.by_roll.get(roll):
            return next((person for at, person in found if at == school), found[0][1])
        born = self.by_birth.get(birth, [])
        named = [(at, person) for at, person, called in born if called == name]
        alike = [(at, person) for at, person, called in born if at == school and set(called) & set(name)]
        for found in ([pair for pair in named if pair[0] == school], named, alike):
            if found:
                people = {person for _, person in found}
                return people.pop() if len(people) == 1 else None
        return None


def rolls_and_names(table: Table, layout: Layout, ring: Keyring) -> list[tuple[bytes, str, str]]:
    """Return for each row of events its roll number's index, its pupil's name, and the birth in the number."""
    blind, keys = ring.blinder("roll"), []
    for roll, name in zip(_texts(table, layout.of["roll_number"]), _texts(table, "name"), strict=True):
        birth = birth_in_id(roll[1:]) if len(roll) == ROLL_LENGTH else None
        keys.append((blind(roll), name, birth.isoformat() if birth else ""))
    return keys


def event_records(
    table: Table, layout: Layout, book: Book, schools: list[int | None], pupils: Pupils
) -> list[Record | None]:
    """Return a record for each row of a list of events, or None where its pupil stands on no roll."""
    statements = _events(table, layout.facts[0], book)
    rows = zip(rolls_and_names(table, layout, book.ring), schools, statements, strict=True)
    records: list[Record | None] = []
    for (roll, name, birth), school, told in rows:
        person = pupils.find(roll, name, birth, school)
        records.append(None if person is None else Record(0, told, school or 0, subject=person))
    return records


def _events(table: Table, rule: FactRule, book: Book) -> list[list[Statement]]:
    if rule.lasts == "day":
        day_after: dict[object, str] = {}
        out = []
        for day, kind in zip(table.column(rule.start or ""), table.column("kind"), strict=True):
            if day not in day_after:
                day_after[day] = (date.fromisoformat(str(day)) + timedelta(days=1)).isoformat()
            out.append([Statement(rule.kind, (kind,), str(day), day_after[day])])
        return out
    rows: list[list[Statement]] = [[] for _ in table.numbers]
    for place in table.found.places:
        if place.month is None:
            continue
        first = month_start(place.month, book.dated, book.calendar)
        start, until = first.isoformat(), next_month(first).isoformat()
        for row, days in zip(rows, table.columns[f"{place.column.field}:{place.month}"], strict=True):
            if days is not None:
                row.append(Statement(rule.kind, (days,), start, until))
    return rows


def told_twice(records: list[Record | None]) -> list[int]:
    """Return the rows that say otherwise of a pupil and day (or month) than an earlier row of the same list.

    The first word stands and the others are held, so that the list read again says the same.
    """
    said: dict[tuple[int | None, str, str | None], object] = {}
    twice = []
    for index, record in enumerate(records):
        if record is None:
            continue
        events = {(record.subject, s.kind, s.start): s.values for s in record.statements}
        if any(said.get(key, values) != values for key, values in events.items()):
            twice.append(index)
        else:
            said |= events
    return twice


def held_event(table: Table, index: int, layout: Layout, code: str) -> Held:
    """Return the held row of an event that cannot be told: no such pupil, or told otherwise before."""
    column = table.found.title_of(layout.of["roll_number"])
    return Held(table.numbers[index], column, code, tuple(table.raw[index]))
