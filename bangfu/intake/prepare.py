"""From an opened file to a delivery for the register: reads the register, writes nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bangfu.core.calendars import Calendar
from bangfu.core.seal import Keyring
from bangfu.intake import queries
from bangfu.intake.dates import ListDate
from bangfu.intake.layouts import Found, Layout
from bangfu.intake.opened import Opened, left_over
from bangfu.intake.read import Sheet
from bangfu.intake.statements import (
    Book,
    Numbering,
    Pupils,
    event_records,
    held_event,
    organisation_records,
    person_records,
    rolls_and_names,
    scopes,
    told_twice,
)
from bangfu.intake.table import Held, Table, read_table
from bangfu.registry import queries as register
from bangfu.registry.actions import Delivery, FileRecord
from bangfu.registry.places import NewOrganisation, Places
from bangfu.registry.plan import Changes, Issue, Planner, Record, State

SALT_BYTES = 16
APPLIED, UNCHANGED, HELD, NOISE = "applied", "unchanged", "held", "noise"


@dataclass
class Prepared:
    """A delivery, the rows it holds back (place -> sheet, row), each sheet's header names by column, and the
    text indexes of rows that were read with a person's mends."""

    delivery: Delivery
    held: dict[int, tuple[int, Held]] = field(default_factory=dict)
    headers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    mended: list[bytes] = field(default_factory=list)

    def waiting(self) -> list[tuple[int, int, Held]]:
        """Return the rows held as (source row id, sheet, row)."""
        return [(self.delivery.file.row_id(place), sheet, row) for place, (sheet, row) in self.held.items()]


@dataclass
class Workshop:
    """What preparing needs beside the file: the tree, the keys, the calendar, and the register's version."""

    places: Places
    ring: Keyring
    calendar: Calendar
    version: int


@dataclass
class Reading:
    """A file's rows as read: its tables, the record of each of their rows, and the rows held and of no content."""

    tables: list[Table]
    book: Book
    by_table: list[list[Record | None]]
    issue: Issue
    held: list[tuple[int, Held]]
    noise: list[tuple[int, int]]


def prepare(opened: Opened, shop: Workshop, at: datetime) -> Prepared:
    """Read an opened file's rows against the register and return what to write.

    Rows that a person mended before are known by their text, put right in the sheets, and all is read again.
    """
    layout, sheets = opened.layout, opened.rows()
    file_id = register.next_id("sourcefile")
    reading = _read(opened, sheets, shop, file_id)
    headers = {n: tuple(header_names(sheets[n], f)) for n, f in opened.found.items()}
    mends = _mends(reading.held, headers, layout, shop.ring)
    if mends:
        original = {(sheet, row.row): row.cells for sheet, row in reading.held}
        reading = _read(opened, _put_right(sheets, mends, headers), shop, file_id)
        reading.held = [
            (sheet, replace(row, cells=original.get((sheet, row.row), row.cells))) for sheet, row in reading.held
        ]
    still = {(sheet, row.row) for sheet, row in reading.held}
    lines = _in_order(reading)
    changes = _plan(layout, [line for _, _, line in lines if isinstance(line, Record)], reading, shop)
    rows = [(sheet, row, _row_state(line, changes)) for sheet, row, line in lines]
    return Prepared(
        _delivery(opened, shop, reading, changes, _file_record(opened, shop, at, file_id, rows, reading), rows),
        {n: (sheet, line) for n, (sheet, _, line) in enumerate(lines, 1) if isinstance(line, Held)},
        headers,
        [mend.text_index for place, mend in mends.items() if place not in still],
    )


def _read(opened: Opened, sheets: list[Sheet], shop: Workshop, file_id: int) -> Reading:
    tables = [read_table(sheets[n], n, f, shop.calendar.schooling) for n, f in opened.found.items()]
    book, by_table, issue = _records(opened, opened.layout, tables, shop, file_id)
    more_held, more_noise = left_over(opened, sheets)
    held = [(table.sheet, row) for table in tables for row in table.held] + more_held
    noise = [(table.sheet, row) for table in tables for row in table.noise] + more_noise
    return Reading(tables, book, by_table, issue, held, noise)


def _delivery(
    opened: Opened,
    shop: Workshop,
    reading: Reading,
    changes: Changes,
    file: FileRecord,
    rows: list[tuple[int, int, str]],
) -> Delivery:
    book = reading.book
    households = [(id_, s, number, book.household_villages.get(id_)) for id_, s, number in book.households.new]
    listed = _listed(opened.layout, changes, shop.places, reading) if opened.layout.subject == "organisation" else None
    return Delivery(
        shop.version, shop.ring.active, file, rows, changes, shop.places.new, households, book.series.new, listed
    )


Line = tuple[int, int, Record | Held | None]


def _in_order(reading: Reading) -> list[Line]:
    """Return the file's rows as (sheet, row, record, held row or None for noise) in the file's order."""
    lines: list[Line] = [(sheet, row.row, row) for sheet, row in reading.held]
    lines += [(sheet, row, None) for sheet, row in reading.noise]
    for table, records in zip(reading.tables, reading.by_table, strict=True):
        lines += [(table.sheet, n, r) for n, r in zip(table.numbers, records, strict=True) if r is not None]
    lines.sort(key=lambda line: line[:2])
    for place, (_, _, line) in enumerate(lines, 1):
        if isinstance(line, Record):
            line.place = place
    return lines


def _row_state(line: Record | Held | None, changes: Changes) -> str:
    if isinstance(line, Record):
        return APPLIED if changes.applied[line.place] else UNCHANGED
    return NOISE if line is None else HELD


def _records(
    opened: Opened, layout: Layout, tables: list[Table], shop: Workshop, file_id: int
) -> tuple[Book, list[list[Record | None]], Issue]:
    dated = opened.issued
    if layout.subject == "event":
        series = Numbering({}, register.next_id("series"))
        book = Book(shop.places, series, Numbering({}, 1), shop.ring, shop.calendar, dated)
        issue = Issue(file_id, dated.day.isoformat(), dated.holds_from.isoformat())
        return book, [_events(table, layout, book) for table in tables], issue
    scope = [scopes(table, layout, shop.places, opened.titles) for table in tables]
    known = register.series_ids(layout.id, {o for organisations in scope for o in organisations})
    series = Numbering({(layout.id, o): s for o, s in known.items()}, register.next_id("series"))
    households = Numbering({**register.households(known.values())}, register.next_id("household"))
    book = Book(shop.places, series, households, shop.ring, shop.calendar, dated)
    make = organisation_records if layout.subject == "organisation" else person_records
    records: list[list[Record | None]] = [
        list(make(table, layout, book, organisations)) for table, organisations in zip(tables, scope, strict=True)
    ]
    return book, records, _issue(file_id, layout, opened, list(known.values()), _series_of(records))


def _issue(file_id: int, layout: Layout, opened: Opened, known: list[int], series: set[int]) -> Issue:
    """Return the file as an issue of its series: late where a later one came before, and from when it holds.

    The first list of a term holds from the term's first day; another one in the same term from its own day.
    """
    dated = opened.issued
    issued = register.issues(known)
    days = [issue for found in issued.values() for issue in found]
    if dated.term and any(dated.holds_from <= day < dated.day for day, _ in days):
        opened.dated = dated = ListDate(dated.day, dated.day, dated.term)
    late: dict[int, str] = {}
    for series_id, found in issued.items():
        # A later list of the same term, taken for its first until now, speaks from its own day after all.
        later = [held if held > dated.holds_from else day for day, held in found if day > dated.day]
        if later:
            late[series_id] = min(later).isoformat()
    complete = frozenset(series) if layout.complete else frozenset()
    kinds = tuple(dict.fromkeys(rule.kind for rule in layout.facts))
    day, holds_from = dated.day.isoformat(), dated.holds_from.isoformat()
    return Issue(file_id, day, holds_from, kinds, layout.list_key, layout.alt_key, complete, late)


def _events(table: Table, layout: Layout, book: Book) -> list[Record | None]:
    names = [str(name) if name else "" for name in table.column(layout.of.get("school", ""))]
    schools = {name: book.places.find("school", name) for name in dict.fromkeys(names)}
    keys = rolls_and_names(table, layout, book.ring)
    by_roll = register.pupils_by_roll(roll for roll, _, _ in keys)
    by_birth = register.pupils_by_birth(birth for roll, _, birth in keys if birth and roll not in by_roll)
    records = event_records(table, layout, book, [schools[name] for name in names], Pupils(by_roll, by_birth))
    table.held += [
        held_event(table, i, layout, "pupil_not_on_roll") for i, record in enumerate(records) if record is None
    ]
    for index in told_twice(records):
        table.held.append(held_event(table, index, layout, "told_twice"))
        records[index] = None
    return records


def _plan(layout: Layout, records: list[Record], reading: Reading, shop: Workshop) -> Changes:
    return Planner(reading.issue, _state(layout, records, reading.book), shop.ring).plan(records)


def _state(layout: Layout, records: list[Record], book: Book) -> State:
    kinds = list(dict.fromkeys(rule.kind for rule in layout.facts))
    if layout.subject == "event":
        starts = [s.start or "" for record in records for s in record.statements]
        persons = list(dict.fromkeys(r.subject for r in records if r.subject is not None))
        return register.state_of_events(kinds[0], persons, min(starts, default=""), max(starts, default=""))
    new = {id_ for id_, *_ in book.series.new}
    series = [id_ for id_ in _series_of([list(records)]) if id_ not in new]
    state = register.state_of(series, kinds, "organisation" if layout.subject == "organisation" else "person")
    if layout.subject == "organisation":
        state.next_subject = book.places.next_id
    return state


def _listed(layout: Layout, changes: Changes, places: Places, reading: Reading) -> dict[int, NewOrganisation]:
    """Return the organisation that each new subject of a list of organisations is."""
    named = {}
    for table, records in zip(reading.tables, reading.by_table, strict=True):
        for record, name, code in zip(records, table.column("name"), table.column("code"), strict=True):
            if record is not None and record.subject is not None:
                parent, id_ = record.organisation, record.subject
                path = f"{places.paths[parent]}{id_}/"
                named[id_] = NewOrganisation(id_, layout.kind, str(name), str(code or ""), parent, path)
    return {subject.id: named[subject.id] for subject in changes.new_subjects}


def _series_of(by_table: list[list[Record | None]]) -> set[int]:
    return {record.series for records in by_table for record in records if record is not None and record.series}


def _sender(by_table: list[list[Record | None]], places: Places) -> int | None:
    """Return whose file it is: the one organisation that all its rows are of, or else the county."""
    scopes_ = Counter(record.scope for records in by_table for record in records if record is not None)
    only = next(iter(scopes_), 0)
    return only if len(scopes_) == 1 and only else places.home


def _file_record(
    opened: Opened, shop: Workshop, at: datetime, file_id: int, rows: list[tuple[int, int, str]], reading: Reading
) -> FileRecord:
    counts = Counter(state for _, _, state in rows)
    dated = opened.issued
    columns = {
        "id": file_id,
        "name": Path(opened.name).name,
        "layout": opened.layout.id,
        **_kept(opened, shop.ring, file_id),
        "size": len(opened.content),
        "list_date": dated.day.isoformat(),
        "holds_from": dated.holds_from.isoformat(),
        "recorded_at": at,
        "sender_id": _sender(reading.by_table, shop.places),
        "mapping": json.dumps(opened.corrections, ensure_ascii=False),
        "read": len(rows),
        **{state: counts[state] for state in (APPLIED, UNCHANGED, HELD, NOISE)},
    }
    return FileRecord(columns, tuple(sorted(_series_of(reading.by_table))), dated.day)


def _kept(opened: Opened, ring: Keyring, file_id: int) -> dict[str, object]:
    """Return the columns that keep the file's bytes; bytes that came before are kept once."""
    index = ring.blind_file(opened.content)
    before = queries.same_file(index, opened.layout.id)
    if before is not None:
        kept = {"salt": bytes(before.salt), "digest": bytes(before.digest), "content": b""}
        return {"digest_index": index, **kept, "same_as_id": before.same_as_id or before.pk}
    salt = secrets.token_bytes(SALT_BYTES)
    content = ring.seal_bytes("registry_sourcefile", "content", file_id, opened.content)
    digest = hashlib.sha256(salt + opened.content).digest()
    return {"digest_index": index, "salt": salt, "digest": digest, "content": content, "same_as_id": None}


# -- rows that a person mended before


def header_names(sheet: Sheet, found: Found) -> list[str]:
    """Return a name for each column: the header's, made unique, or the column's place where it has none."""
    names: list[str] = []
    for at, cell in enumerate(sheet.rows[found.header]):
        title = next((place.title for place in found.places if place.at == at), cell.strip()) or f"#{at + 1}"
        names.append(title if title not in names else f"{title}#{at + 1}")
    return names


def row_text(header: list[str] | tuple[str, ...], cells: tuple[str, ...]) -> str:
    """Return a held row's text as the JSON that is sealed and indexed: header name -> cell, blanks left out."""
    names = [*header, *(f"#{at + 1}" for at in range(len(header), len(cells)))]
    return json.dumps({name: cell for name, cell in zip(names, cells, strict=False) if cell}, ensure_ascii=False)


@dataclass(frozen=True)
class Mend:
    """A person's cells (header -> text) for a row known by the index of its text."""

    text_index: bytes
    cells: dict[str, str]


def _mends(
    held: list[tuple[int, Held]], headers: dict[int, tuple[str, ...]], layout: Layout, ring: Keyring
) -> dict[tuple[int, int], Mend]:
    """Return (sheet, row) -> the mend, for held rows whose very text was mended before."""
    index = ring.blinder("held")
    texts = {(sheet, row.row): index(row_text(headers[sheet], row.cells)) for sheet, row in held if sheet in headers}
    mended = queries.mended_texts(layout.id, texts.values()) if texts else {}
    return {place: Mend(text, mended[text]) for place, text in texts.items() if text in mended}


def _put_right(
    sheets: list[Sheet], mends: dict[tuple[int, int], Mend], headers: dict[int, tuple[str, ...]]
) -> list[Sheet]:
    """Return the sheets with the mended rows' cells in place."""
    right = [replace(sheet, rows=list(sheet.rows)) for sheet in sheets]
    for (sheet, row), mend in mends.items():
        right[sheet].rows[row - 1] = [mend.cells.get(name, "") for name in headers[sheet]]
    return right
