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
        _move_subjects(cursor, changes.moved_subjects, "person" if delivery.listed is None else "organisation")
        issues = [(series, file.id, file.list_date) for series in file.series]
        _insert(cursor, "seriesfile", ("series_id", "file_id", "list_date"), issues)
    counts = {name: file.columns[name] for name in ("read", "applied", "unchanged", "held", "noise")}
    record(
        action="registry.deliver",
        by=by,
        subject=f"source_file:{file.id}",
        details={**counts, "layout": file.columns["layout"], "digest": file.columns["digest"].hex()},
        chain=file.columns["sender_id"] or 0,
    )


ORGANISATION = ("id", "kind", "name", "code", "parent_id", "path", "series_id")
SUBJECT = ("id", "series_id", "organisation_id")
SOURCE_ROW = ("id", "file_id", "sheet", '"row"', "state", "person_id")


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
            f" SELECT %s, id, valid_until, ended_by_id, %s FROM {table} WHERE id = %s AND valid_until IS NOT NULL"
            " AND ended_by_id IS NOT NULL",
            [(kind, file, id_) for _, _, id_ in ends],
        )
        cursor.executemany(f"UPDATE {table} SET valid_until = %s, ended_by_id = %s WHERE id = %s", ends)
    for kind, retractions in changes.retractions.items():
        cursor.executemany(f"UPDATE {SPECS[kind].table} SET retracted_by_id = %s WHERE id = %s", retractions)


def _move_subjects(cursor: Any, subjects: Sequence[Subject], table: str) -> None:
    place = "organisation_id" if table == "person" else "parent_id"
    rows = [(s.organisation, s.id) for s in subjects]
    if rows:
        cursor.executemany(f"UPDATE registry_{table} SET {place} = %s WHERE id = %s", rows)


def _insert(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO registry_{table} ({', '.join(columns)}) VALUES ({marks})", rows)


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
