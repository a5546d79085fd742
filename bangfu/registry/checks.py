"""Is the register whole? Each check yields sentences; none means whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count

from bangfu.audit import keys
from bangfu.core.messages import say
from bangfu.core.numbers import KEPT_BY_NUMBER_CELL
from bangfu.core.seal import BrokenSeal, Keyring
from bangfu.registry.facts import SPECS, FactSpec, Field
from bangfu.registry.models import SourceFile, SourceRow
from bangfu.registry.plan import ROWS_PER_FILE
from bangfu.registry.queries import stored_content

BATCH = 5000
STATES = ("applied", "unchanged", "held", "noise")


def cells() -> Iterator[str]:
    """Open every sealed cell where it stands, and fit its blind indexes to it."""
    ring = keys.current()
    files = dict(SourceFile.objects.values_list("pk", "name"))
    for spec in SPECS.values():
        for field in spec.fields:
            if field.purpose:
                yield from _column(spec, field, ring, files)


def _column(spec: FactSpec, field: Field, ring: Keyring, files: dict[int, str]) -> Iterator[str]:
    blind, start = ring.blinder(field.purpose or ""), ring.blinder("id_start")
    for id_, source, cell, *indexes in _rows(f"id, source_id, {', '.join(field.columns)}", spec.table, field.columns):
        place = {"table": spec.table, "column": field.name, "id": id_}
        if cell is None:
            yield say("cell_broken", **place, where=_where(source, files))
            continue
        try:
            value = ring.open_text(spec.table, field.name, id_, bytes(cell))
        except BrokenSeal:
            yield say("cell_broken", **place, where=_where(source, files))
            continue
        expected = [blind(value), start(value[:KEPT_BY_NUMBER_CELL])][: len(indexes)]
        if [index and bytes(index) for index in indexes] != expected:
            yield say("index_broken", **place, where=_where(source, files))


def _where(source: int, files: dict[int, str]) -> str:
    row = SourceRow.objects.filter(pk=source).values_list("row", flat=True).first()
    return f" ({files.get(source // ROWS_PER_FILE, '?')}, {row})"


def _rows(columns: str, table: str, filled: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    last, some = 0, " OR ".join(f"{column} IS NOT NULL" for column in filled)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM {table} WHERE id > %s AND ({some}) ORDER BY id LIMIT {BATCH}",
                [last],
            )
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < BATCH:
            return
        last = rows[-1][0]


def files() -> Iterator[str]:
    """Open every stored file and fit it to its digest; close every file's row equation."""
    found: dict[int, dict[str, int]] = {}
    for file_id, state, count in SourceRow.objects.values_list("file_id", "state").annotate(n=Count("pk")):
        found.setdefault(file_id, {})[state] = count
    for file in SourceFile.objects.order_by("pk").iterator(chunk_size=1):
        said = {state: getattr(file, state) for state in STATES}
        if file.read != sum(said.values()):
            yield say("rows_do_not_close", file=file.name, read=file.read, **said)
        rows = found.get(file.pk, {})
        if rows or not file.same_as_id:
            for state in STATES:
                if said[state] != rows.get(state, 0):
                    yield say("rows_differ", file=file.name, state=state, said=said[state], found=rows.get(state, 0))
        if not (file.same_as_id or file.undoes_id):
            yield from _content(file)


def _content(file: SourceFile) -> Iterator[str]:
    try:
        content = stored_content(file)
    except BrokenSeal:
        yield say("cell_broken", table="registry_sourcefile", column="content", id=file.pk, where=f" ({file.name})")
        return
    if hashlib.sha256(bytes(file.salt) + content).digest() != bytes(file.digest):
        yield say("file_digest_differs", file=file.name)


def undone() -> Iterator[str]:
    """A file that was taken back says nothing: no fact of it stands, and none is ended or retracted by it."""
    gone = "(SELECT undoes_id FROM registry_sourcefile WHERE undoes_id IS NOT NULL)"
    with connection.cursor() as cursor:
        for spec in SPECS.values():
            cursor.execute(
                f"SELECT id FROM {spec.table} WHERE retracted_by_id IN {gone} OR (retracted_by_id IS NULL"
                f" AND (ended_by_id IN {gone} OR source_id / {ROWS_PER_FILE} IN {gone})) ORDER BY id"
            )
            for (id_,) in cursor.fetchall():
                yield say("undone_file_speaks", table=spec.table, id=id_)


def facts() -> Iterator[str]:
    """No fact ends before it begins, and no two facts of one subject and key hold on one day."""
    with connection.cursor() as cursor:
        for spec in SPECS.values():
            cursor.execute(f"SELECT id FROM {spec.table} WHERE valid_until < valid_from")
            for (id_,) in cursor.fetchall():
                yield say("fact_backwards", table=spec.table, id=id_)
            keys_ = ["valid_from"] if spec.event else [*spec.key]
            partition = ", ".join([f"{spec.subject}_id", *keys_])
            cursor.execute(
                "SELECT id, before FROM (SELECT id, valid_from, LAG(id) OVER w AS before,"
                " LAG(COALESCE(valid_until, '9999-12-31')) OVER w AS ended"
                f" FROM {spec.table} WHERE retracted_by_id IS NULL"
                f" WINDOW w AS (PARTITION BY {partition} ORDER BY valid_from, id)) AS course"
                " WHERE ended > valid_from",
            )
            for first, second in cursor.fetchall():
                yield say("facts_overlap", table=spec.table, first=second, second=first)
