"""A sheet under its header -> columns of clean values, rows held, and rows that say nothing (noise).

Blank rows are not rows. Noise is a repeated header, a total, a note or signature line, a sub-heading, or a line
with nothing but its running number. A row that lacks a required cell or has one that cannot be read is held.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bangfu.core.numbers import ID_LENGTH, IdState
from bangfu.core.stages import read_grade
from bangfu.intake.layouts import Column, Found, Place, header_name
from bangfu.intake.read import Cells, Sheet
from bangfu.intake.values import LONGEST_TEXT, NO, READERS, YES, resident_id

TOTAL = re.compile(
    r"(?:本页|本班|本校|全班|全校|全县|全乡|全镇|总)?\s*(?:合\s*计|总\s*计|小\s*计|共\s*计|累\s*计|总人数)\s*[:：]?.*"
)
NOTE = re.compile(
    r"(?:注|备注|说明|附注|填表|制表|审核|审批|负责人|经办|单位|填报|打印|报送|联系|校长|签[字名章]|共\s*\d|第\s*\d+\s*页)"
)
NOTE_CELLS = 4
# White space and signs that cannot be seen: a cell of these is blank.
BLANKS = " \t\r\n\f\v\u00a0\u3000\u200b\u200c\u200d\u2060\ufeff"
UNSEEN = re.compile("[\u200b-\u200d\u2060\ufeff]")
NUMBER_ONLY = re.compile(r"\d{1,7}")
ID_CARDS = frozenset({"", "居民身份证", "身份证", "户口簿", "残疾人证", "中华人民共和国残疾人证"})
OTHER_ID = "other"


@dataclass(frozen=True)
class Held:
    """A row that waits for a person: which cell, what is wrong (`code`), and the row's text."""

    row: int
    column: str
    code: str
    cells: tuple[str, ...]


@dataclass
class Table:
    """One sheet's rows by column. `numbers[i]` is row i's number in the office program; `raw[i]` its cells."""

    found: Found
    sheet: int
    numbers: list[int] = field(default_factory=list)
    raw: Cells = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    noise: list[int] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Return the number of rows that are not blank."""
        return len(self.numbers) + len(self.held) + len(self.noise)

    def column(self, name: str) -> list[Any]:
        """Return a column's values, or blanks where the sheet has no such column."""
        return self.columns.get(name) or [None] * len(self.numbers)


def read_table(sheet: Sheet, number: int, found: Found, schooling: str) -> Table:
    """Read the rows under the header of one sheet."""
    table = Table(found, number)
    width = max((place.at for place in found.places), default=0) + 1
    rows = _filled_down(sheet, found.header)
    # Both halves of a two-row header come again where it is repeated.
    header = rows[max(found.header - 1, 0) : found.header + 1]
    upper_and_lower = [stripped(row) for row in header]
    for index in range(found.header + 1, len(rows)):
        row = stripped(rows[index])
        if not any(row):
            continue
        if row in upper_and_lower:
            table.noise.append(index + 1)
            continue
        row += [""] * (width - len(row))
        _sort_row(table, index + 1, row)
    _read_columns(table, schooling)
    return table


def stripped(row: list[str]) -> list[str]:
    """Return a row's cells without blanks at their ends, those that cannot be seen included."""
    cells = [cell.strip() for cell in row]
    return [cell.strip(BLANKS) for cell in cells] if UNSEEN.search("".join(cells)) else cells


def _filled_down(sheet: Sheet, header: int) -> Cells:
    """Give every row of a vertically merged cell its value (a household's head over its members)."""
    tall = [(start, end) for start, end in sheet.merged if start[0] > header and end[0] > start[0]]
    rows = sheet.rows
    for (top, left), (bottom, _) in tall:
        for row in rows[top + 1 : bottom + 1]:
            if left < len(row) and left < len(rows[top]):
                row[left] = row[left].strip(BLANKS) or rows[top][left]
    return rows


def _sort_row(table: Table, number: int, row: list[str]) -> None:
    places = table.found.places
    missing = [place for place in places if place.column.required and not row[place.at] and place.month is None]
    months = [place for place in places if place.month is not None]
    if months and not any(row[place.at] for place in months):
        missing.append(months[0])
    first = next(cell for cell in row if cell)
    heads = [place for place in places if row[place.at] == place.title or _is_title(row[place.at], place.title)]
    if len(heads) * 2 >= len(places) or (missing and _says_nothing(row, places)):
        table.noise.append(number)
    elif missing or (TOTAL.fullmatch(first) and not _named(row, places)):
        if TOTAL.fullmatch(first):
            table.noise.append(number)
        else:
            table.held.append(Held(number, missing[0].title, "required_missing", tuple(row)))
    else:
        table.numbers.append(number)
        table.raw.append(row)


def _is_title(cell: str, title: str) -> bool:
    return len(cell) > len(title) > 0 and cell[0] in f"{title[0]}*※★" and header_name(cell) == title


def _named(row: list[str], places: tuple[Place, ...]) -> bool:
    """Tell whether the row carries a number that names somebody, so that it cannot be a total."""
    naming = ("id_number", "roll_number", "certificate", "member_number", "staff_number")
    return any(row[place.at] for place in places if place.column.type in naming or place.column.field in naming)


def _says_nothing(row: list[str], places: tuple[Place, ...]) -> bool:
    filled = [(at, cell) for at, cell in enumerate(row) if cell]
    first_at, first = filled[0]
    if TOTAL.fullmatch(first):
        return True
    if NOTE.match(first) and len(filled) <= NOTE_CELLS:
        return True
    mapped = {place.at for place in places}
    if len(filled) == 1 and first_at not in mapped:
        return True
    return all(at not in mapped and NUMBER_ONLY.fullmatch(cell) for at, cell in filled)


def _read_columns(table: Table, schooling: str) -> None:
    bad: dict[int, tuple[str, str]] = {}
    cells = list(zip(*table.raw, strict=False)) or [()] * (1 + max(place.at for place in table.found.places))
    for place in table.found.places:
        name = place.column.field if place.month is None else f"{place.column.field}:{place.month}"
        table.columns[name] = _values(place, cells[place.at], bad)
        _split(table, place.column, bad, place.title)
    _read_grades(table, schooling, bad)
    _mark_other_ids(table)
    if bad:
        _hold(table, bad)


def _values(place: Place, cells: tuple[str, ...], bad: dict[int, tuple[str, str]]) -> list[object]:
    read = READERS[place.column.type]
    known: dict[str, object] = {"": _blank(place.column, cells)}
    values: list[object] = []
    for index, cell in enumerate(cells):
        if cell not in known:
            try:
                if len(cell) > LONGEST_TEXT:
                    raise ValueError("cell_too_long")
                known[cell] = read(cell)
            except ValueError as problem:
                bad.setdefault(index, (place.title, str(problem)))
                values.append(None)
                continue
        values.append(known[cell])
    return values


def _blank(column: Column, cells: tuple[str, ...]) -> object:
    """Return what a blank cell means: 'no' in a column where offices only tick, else not stated."""
    if column.type != "yes_no":
        return None
    marks = set(cells)
    return False if marks & YES and not marks & NO else None


def _split(table: Table, column: Column, bad: dict[int, tuple[str, str]], title: str) -> None:
    """Part a number from what is known about it, and derive what a number contains."""
    columns = table.columns
    if column.type in ("id_number", "account"):
        state, none = (
            ("id_state", IdState.MISSING.value) if column.type == "id_number" else ("account_state", "missing")
        )
        pairs = [value or (None, none) for value in columns[column.field]]
        columns[column.field] = [pair[0] for pair in pairs]
        columns[state] = [pair[1] for pair in pairs]
    for target, _ in column.fills:
        ids = [resident_id(str(value)[:ID_LENGTH]) if value else None for value in columns[column.field]]
        pairs = [pair or (None, IdState.MISSING.value) for pair in ids]
        columns[target] = [pair[0] for pair in pairs]
        columns["id_state"] = [pair[1] for pair in pairs]


def _read_grades(table: Table, schooling: str, bad: dict[int, tuple[str, str]]) -> None:
    if "grade" not in table.columns:
        return
    known: dict[tuple[object, object], object] = {}
    grades = []
    for index, pair in enumerate(zip(table.columns["grade"], table.column("school_name"), strict=True)):
        if pair not in known:
            known[pair] = read_grade(str(pair[0] or ""), schooling, str(pair[1] or ""))
        if known[pair] is None:
            bad.setdefault(index, (table.found.title_of("grade"), "grade_unreadable"))
        grades.append(known[pair])
    table.columns["grade"] = list(grades)


def _mark_other_ids(table: Table) -> None:
    """Say 'other' of a passport or permit: no resident ID, so nothing is wrong with it."""
    if "id_type" in table.columns and "id_state" in table.columns:
        pairs = zip(table.columns["id_type"], table.columns["id_state"], strict=True)
        malformed = IdState.MALFORMED.value
        table.columns["id_state"] = [
            OTHER_ID if state == malformed and str(kind or "") not in ID_CARDS else state for kind, state in pairs
        ]


def _hold(table: Table, bad: dict[int, tuple[str, str]]) -> None:
    for index, (column, code) in sorted(bad.items()):
        table.held.append(Held(table.numbers[index], column, code, tuple(table.raw[index])))
    kept = [index for index in range(len(table.numbers)) if index not in bad]
    table.numbers = [table.numbers[index] for index in kept]
    table.raw = [table.raw[index] for index in kept]
    table.columns = {name: [values[index] for index in kept] for name, values in table.columns.items()}
