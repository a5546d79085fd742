"""Every write to the register."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from bangfu.audit.actions import record
from bangfu.audit.queries import key_set_in_use
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import Outrun
from bangfu.core.numbers import KEPT_BY_NUMBER_CELL
from bangfu.core.seal import Keyring
from bangfu.registry import queries
from bangfu.registry.facts import SPECS, FactSpec, Field
from bangfu.registry.models import Clock, SourceFile
from bangfu.registry.places import NewOrganisation
from bangfu.registry.plan import ROWS_PER_FILE, Changes, Subject

SourceRowState = tuple[int, int, str]  # sheet, row, state


@dataclass
class FileRecord:
    """A source file's row: the columns of `SourceFile` by name, and its issues' series."""

    columns: dict[str, Any]
    series: tuple[int, ...] = ()
    list_date: date | None = None

    @property
    def id(self) -> int:
        """Return the file's id."""
        return int(self.columns["id"])

    def row_id(self, place: int) -> int:
        """Return the source row id of the file's row at `place`."""
        return self.id * ROWS_PER_FILE + place


@dataclass
class Delivery:
    """Everything that one file brings to the register, ready to be written: read at the clock's `version`, sealed
    with `key_set`."""

    version: int
    key_set: int
    file: FileRecord
    rows: Sequence[SourceRowState]
    changes: Changes = field(default_factory=Changes)
    organisations: Sequence[NewOrganisation] = ()
    households: Sequence[tuple[int, int, str, int | None]] = ()
    new_series: Sequence[tuple[int, str, int]] = ()
    # For a list of organisations: the organisation that each of its subjects is.
    listed: dict[int, NewOrganisation] | None = None


@whole()
@transaction.atomic
def deliver(delivery: Delivery, *, by: Actor) -> None:
    """Write a file's source, rows and changes, whole or not at all; Outrun if register or keys moved meanwhile."""
    if not Clock.objects.filter(version=delivery.version).update(version=delivery.version + 1):
        raise Outrun
    if key_set_in_use() != delivery.key_set:
        raise Outrun
    changes, file = delivery.changes, delivery.file
    with connection.cursor() as cursor:
        _insert(cursor, "organisation", ORGANISATION, [_organisation(o) for o in delivery.organisations])
        _insert(cursor, "series", ("id", "layout", "organisation_id"), delivery.new_series)
        _insert(cursor, "sourcefile", tuple(file.columns), [tuple(map(_stored, file.columns.values()))])
        _insert(cursor, "household", ("id", "series_id", "number", "village_id"), delivery.households)
        if delivery.listed is None:
            _insert(cursor, "person", SUBJECT, [_subject(s) for s in changes.new_subjects])
        else:
            rows = [_organisation(delivery.listed[s.id], s) for s in changes.new_subjects]
            _insert(cursor, "organisation", ORGANISATION, rows)
        _insert(cursor, "sourcerow", SOURCE_ROW, list(_source_rows(delivery)))
        _write_facts(cursor, changes, file.id)
        kind = "person" if delivery.listed is None else "organisation"
        _move_subjects(cursor, changes.moved_subjects, kind, file.id)
        issues = [(series, file.id, file.list_date) for series in file.series]
        _insert(cursor, "seriesfile", ("series_id", "file_id", "list_date"), issues)
    counts = {name: file.columns[name] for name in COUNTS}
    record(
        action="registry.deliver",
        by=by,
        subject=f"source_file:{file.id}",
        details={**counts, "layout": file.columns["layout"], "digest": file.columns["digest"].hex()},
        chain=file.columns["sender_id"] or 0,
    )


COUNTS = ("read", "applied", "unchanged", "held", "noise")
ORGANISATION = ("id", "kind", "name", "code", "parent_id", "path", "series_id")
SUBJECT = ("id", "series_id", "organisation_id")
SOURCE_ROW = ("id", "file_id", "sheet", '"row"', "state", "person_id")
PLACES = {"person": "organisation_id", "organisation": "parent_id"}
# The file that gave a fact its end: its own one, where no other has.
ENDED_BY = f"COALESCE(ended_by_id, source_id / {ROWS_PER_FILE})"


def _stored(value: object) -> object:
    """Return a moment as the database at hand stores it; anything else as it is."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _subject(subject: Subject) -> tuple[object, ...]:
    return subject.id, subject.series, subject.organisation


def _organisation(o: NewOrganisation, s: Subject | None = None) -> tuple[object, ...]:
    return o.id, o.kind, o.name, o.code, o.parent, o.path, s.series if s else None


def _source_rows(delivery: Delivery) -> Iterable[tuple[object, ...]]:
    base, file = delivery.file.row_id(0), delivery.file.id
    subjects = delivery.changes.subject_of if delivery.listed is None else {}
    for place, (sheet, row, state) in enumerate(delivery.rows, 1):
        yield base + place, file, sheet, row, state, subjects.get(place)


def _write_facts(cursor: Any, changes: Changes, file: int) -> None:
    for kind, rows in changes.facts.items():
        spec = SPECS[kind]
        _insert(cursor, spec.table.removeprefix("registry_"), spec.columns, rows)
    for kind, ends in changes.ends.items():
        table = SPECS[kind].table
        cursor.executemany(
            "INSERT INTO registry_formerend (kind, fact, valid_until, ended_by_id, replaced_by_id)"
            f" SELECT %s, id, valid_until, {ENDED_BY}, %s FROM {table} WHERE id = %s AND valid_until IS NOT NULL",
            [(kind, file, id_) for _, _, id_ in ends],
        )
        cursor.executemany(f"UPDATE {table} SET valid_until = %s, ended_by_id = %s WHERE id = %s", ends)
    for kind, retractions in changes.retractions.items():
        cursor.executemany(f"UPDATE {SPECS[kind].table} SET retracted_by_id = %s WHERE id = %s", retractions)


def _move_subjects(cursor: Any, subjects: Sequence[Subject], kind: str, file: int) -> None:
    if subjects:
        column = PLACES[kind]
        cursor.executemany(
            "INSERT INTO registry_formerplace (kind, subject, place_id, moved_by_id)"
            f" SELECT %s, id, {column}, %s FROM registry_{kind} WHERE id = %s",
            [(kind, file, s.id) for s in subjects],
        )
        rows = [(s.organisation, s.id) for s in subjects]
        cursor.executemany(f"UPDATE registry_{kind} SET {column} = %s WHERE id = %s", rows)


def _insert(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO registry_{table} ({', '.join(columns)}) VALUES ({marks})", rows)


@whole()
@transaction.atomic
def take_back(*, file_id: int, by: Actor) -> list[tuple[int, int]]:
    """Take a file back, with what was read again of it since; returns (file, its undo), the newest first.

    What it said is retracted, what it had ended or retracted holds again as before. BangfuError where it is taken back
    already, is an undo itself, or another file has been read against what it said.
    """
    # First, so that no list comes in between. Each file that goes is recorded by itself.
    Clock.objects.update(version=F("version") + 1)  # nosemgrep: unlogged-write
    file = SourceFile.objects.defer("content").get(pk=file_id)
    return [(reading.pk, _take_back_one(reading, by)) for reading in queries.to_take_back(file)]


def _take_back_one(file: SourceFile, by: Actor) -> int:
    undo = SourceFile.objects.create(
        id=queries.next_file(), undoes=file, name=file.name, layout=file.layout, sender_id=file.sender_id,
        list_date=file.list_date, holds_from=file.holds_from, recorded_at=by.at, mapping={}, size=0,
        digest_index=b"", salt=b"", digest=b"", content=b"", **dict.fromkeys(COUNTS, 0),
    )  # fmt: skip
    details: dict[str, object] = {"undo": undo.pk}
    with connection.cursor() as cursor:
        for spec in SPECS.values():
            given_back = _take_back_ends(cursor, spec, file.pk, undo.pk)
            given_back += _take_back_retractions(cursor, spec, file.pk, undo.pk)
            retracted = _retract_all(cursor, spec, file.pk, undo.pk)
            if retracted or given_back:
                details[spec.kind] = {"retracted": retracted, "given_back": given_back}
        for kind, column in PLACES.items():
            former = "FROM registry_formerplace f WHERE f.moved_by_id = %s AND f.kind = %s"
            cursor.execute(
                f"UPDATE registry_{kind} SET {column} = (SELECT MIN(f.place_id) {former}"
                f" AND f.subject = registry_{kind}.id) WHERE id IN (SELECT f.subject {former})",
                [file.pk, kind, file.pk, kind],
            )
    subject, chain = f"source_file:{file.pk}", file.sender_id or 0
    record(action="registry.take_back", by=by, subject=subject, details=details, chain=chain)
    return undo.pk


OWN = "source_id BETWEEN %s AND %s"


def _take_back_ends(cursor: Any, spec: FactSpec, file: int, undo: int) -> int:
    """Give facts of other files the end, or none, that they had before this one ended them, moved or took an end back.

    The end that is given back is this undo's word: what was known in between stays readable.
    """
    moved = (
        f"NOT {OWN} AND (ended_by_id = %s OR id IN"
        " (SELECT e.fact FROM registry_formerend e WHERE e.kind = %s AND %s IN (e.ended_by_id, e.replaced_by_id)))"
    )
    which = [*queries.rows_of(file), file, spec.kind, file]
    cursor.execute(
        "INSERT INTO registry_formerend (kind, fact, valid_until, ended_by_id, replaced_by_id)"
        f" SELECT %s, id, valid_until, {ENDED_BY}, %s FROM {spec.table} WHERE valid_until IS NOT NULL AND {moved}",
        [spec.kind, undo, *which],
    )
    before = f"FROM registry_formerend e WHERE e.kind = %s AND e.replaced_by_id = %s AND e.fact = {spec.table}.id"
    cursor.execute(
        f"UPDATE {spec.table} SET valid_until = (SELECT MIN(e.valid_until) {before}),"
        f" ended_by_id = CASE WHEN EXISTS (SELECT 1 {before}) THEN %s END WHERE {moved}",
        [spec.kind, file, spec.kind, file, undo, *which],
    )
    return int(cursor.rowcount)


def _take_back_retractions(cursor: Any, spec: FactSpec, file: int, undo: int) -> int:
    """Let the facts of other files that this one retracted hold again; that they did not in between stays known."""
    which = f"retracted_by_id = %s AND NOT {OWN}"
    cursor.execute(
        "INSERT INTO registry_formerend (kind, fact, valid_until, ended_by_id, replaced_by_id)"
        f" SELECT %s, id, valid_from, retracted_by_id, %s FROM {spec.table} WHERE {which}",
        [spec.kind, undo, file, *queries.rows_of(file)],
    )
    cursor.execute(f"UPDATE {spec.table} SET retracted_by_id = NULL WHERE {which}", [file, *queries.rows_of(file)])
    return int(cursor.rowcount)


def _retract_all(cursor: Any, spec: FactSpec, file: int, undo: int) -> int:
    cursor.execute(
        f"UPDATE {spec.table} SET retracted_by_id = %s WHERE retracted_by_id IS NULL AND {OWN}",
        [undo, *queries.rows_of(file)],
    )
    return int(cursor.rowcount)


@whole()
@transaction.atomic
def found_register(*, by: Actor) -> None:
    """Start the register's clock; done once, when the installation is founded."""
    Clock.objects.get_or_create(pk=1)
    record(action="registry.found", by=by, subject="registry")


@whole()
@transaction.atomic
def reseal(old: Keyring, new: Keyring, *, by: Actor) -> int:
    """Seal every cell and blind index of the register anew; returns the number of cells. Part of a key rotation."""
    count = 0
    Clock.objects.update(version=F("version") + 1)
    for spec in SPECS.values():
        for sealed_field in spec.fields:
            if sealed_field.purpose:
                count += _reseal_column(spec, sealed_field, old, new)
    for file in SourceFile.objects.exclude(content=b"").iterator(chunk_size=1):
        content = old.open_bytes("registry_sourcefile", "content", file.pk, bytes(file.content))
        file.content = new.seal_bytes("registry_sourcefile", "content", file.pk, content)
        file.digest_index = new.blind_file(content)
        file.save(update_fields=["content", "digest_index"])
        SourceFile.objects.filter(same_as=file).update(digest_index=file.digest_index)
    record(action="registry.reseal", by=by, subject="keys", details={"cells": count, "key_set": new.active})
    return count


def _reseal_column(spec: FactSpec, column: Field, old: Keyring, new: Keyring) -> int:
    seal, blind, start = (
        new.sealer(spec.table, column.name),
        new.blinder(column.purpose or ""),
        new.blinder("id_start"),
    )
    sets, count, last = ", ".join(f"{name} = %s" for name in column.columns), 0, 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT id, {column.name} FROM {spec.table} WHERE id > %s AND {column.name} IS NOT NULL"
                " ORDER BY id LIMIT 5000",
                [last],
            )
            rows = cursor.fetchall()
            if not rows:
                return count
            changed = []
            for id_, cell in rows:
                value = old.open_text(spec.table, column.name, id_, bytes(cell))
                new_values = [seal(id_, value), blind(value), start(value[:KEPT_BY_NUMBER_CELL])]
                changed.append((*new_values[: len(column.columns)], id_))
            cursor.executemany(f"UPDATE {spec.table} SET {sets} WHERE id = %s", changed)
            count, last = count + len(rows), rows[-1][0]
