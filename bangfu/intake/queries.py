"""Reading what intake keeps: corrections of header names, rows that were mended, rows that wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet

from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.audit.queries import entries_about
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.ids import is_id
from bangfu.intake.models import HeldRow, KeptFile, Mapping
from bangfu.intake.opened import Correction
from bangfu.registry.models import SourceFile
from bangfu.registry.queries import SLICE, file_for, open_to, standing_files, to_take_back

KEPT_TABLE, KEPT_COLUMN = "intake_keptfile", "content"
SHEET_UNKNOWN = "sheet_not_recognised"  # then the column is the name of a sheet
HELD_TABLE, HELD_COLUMN, MENDED_COLUMN = "intake_heldrow", "text", "mended"


def corrections() -> list[Correction]:
    """Return every header name that a person corrected, with its sender."""
    found = []
    for mapping in Mapping.objects.select_related("sender").order_by("pk"):
        sender = mapping.sender
        who = (sender.kind, sender.name, sender.code) if sender else None
        found.append(Correction(mapping.layout, mapping.header, mapping.field, who))
    return found


def mended_texts(layout: str, text_indexes: Iterable[bytes]) -> dict[bytes, dict[str, str]]:
    """Return text index -> the mended cells by header, for held rows that a person mended before."""
    ring, wanted = keys.current(), list(text_indexes)
    found: dict[bytes, dict[str, str]] = {}
    for start in range(0, len(wanted), SLICE):
        slice_ = wanted[start : start + SLICE]
        rows = HeldRow.objects.filter(text_index__in=slice_, row__file__layout=layout).exclude(mended=None)
        for held in rows.order_by("pk"):
            text = ring.open_text(HELD_TABLE, MENDED_COLUMN, held.pk, bytes(held.mended or b""))
            found[bytes(held.text_index)] = json.loads(text)
    return found


@dataclass(frozen=True)
class Waiting:
    """A row that waits: its id, file, sheet, number, the column and code, and its cells by header (in a list: none)."""

    id: int
    file: str
    sheet: int
    row: int
    column: str
    code: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Mended:
    """That somebody mended a row: which, who, when, and which columns."""

    file: str
    row: int
    by: str
    at: datetime
    columns: str


def waiting(by: Actor) -> Iterator[Waiting]:
    """Yield the rows that wait for a person, in the files whose sender the actor's grants open."""
    return map(opened_row, held_rows(by).iterator())


def held_rows(by: Actor, file_id: int | None = None) -> QuerySet[HeldRow]:
    """Return the rows that wait, of one file or of all that the actor's grants open, unopened."""
    # An undo has no rows. It is said for SQLite's sake: then one index tells of the file what is asked here.
    rows = HeldRow.objects.filter(open_to(by, "row__file__sender__path"), closed_by=None, row__file__undoes=None)
    if file_id is not None:
        rows = rows.filter(row__file_id=file_id)
    told = ("column", "code", "text", "mended", "row__sheet", "row__row", "row__file__name")
    return rows.select_related("row__file").only(*told).order_by("pk")


def waiting_row(number: int, by: Actor) -> Waiting | None:
    """Return one row that waits, or None where it does not, or lies outside the actor's scope."""
    held = held_rows(by).filter(pk=number).first() if is_id(number) else None
    return opened_row(held) if held else None


def row_now(was: Waiting, by: Actor) -> Waiting | None:
    """Return the row that waits in the place of one that waited (a mend that did not satisfy it holds it anew)."""
    rows = held_rows(by).filter(row__file__name=was.file, row__sheet=was.sheet, row__row=was.row)
    held = rows.last()
    return opened_row(held) if held else None


def listed_row(held: HeldRow) -> Waiting:
    """Return a row that waits as a list shows it: its cells stay sealed."""
    source = held.row
    return Waiting(held.pk, source.file.name, source.sheet, source.row, held.column, held.code, {})


def opened_row(held: HeldRow) -> Waiting:
    """Open a row that waits."""
    ring = keys.current()
    cells = json.loads(ring.open_text(HELD_TABLE, HELD_COLUMN, held.pk, bytes(held.text)))
    if held.mended is not None:
        cells |= json.loads(ring.open_text(HELD_TABLE, MENDED_COLUMN, held.pk, bytes(held.mended)))
    if held.column and held.column not in cells and held.code != SHEET_UNKNOWN:
        cells = {held.column: "", **cells}  # blank cells are not kept, and this one is to be mended
    return replace(listed_row(held), cells=cells)


def mended_by(number: int, by: Actor) -> Mended | None:
    """Return who mended a row last, when, and which columns, for who comes second; None outside his scope."""
    known = HeldRow.objects.filter(open_to(by, "row__file__sender__path"), pk=number)
    held = known.select_related("row__file").defer("row__file__content").first() if is_id(number) else None
    if held is None:
        return None
    entries = Entry.objects.filter(action="intake.mend_row", subject=f"source_row:{number}")
    entry = entries.order_by("-pk").first()
    if entry is None:
        return None
    columns = json.loads(entry.details).get("columns", [])
    return Mended(held.row.file.name, held.row.row, entry.actor, entry.at, ", ".join(columns))


def kept_files(by: Actor) -> QuerySet[KeptFile]:
    """Return the files of the actor's own that no layout fits, without their contents."""
    return KeptFile.objects.filter(owner=by.user_id or 0).defer("content").order_by("pk")


@dataclass(frozen=True)
class Kept:
    """A kept file with its bytes."""

    id: int
    name: str
    content: bytes


def kept_file(number: int, by: Actor) -> Kept | None:
    """Return a kept file of the actor's own, or None."""
    kept = KeptFile.objects.filter(owner=by.user_id or 0, pk=number).first() if is_id(number) else None
    if kept is None:
        return None
    content = keys.current().open_bytes(KEPT_TABLE, KEPT_COLUMN, kept.pk, bytes(kept.content))
    return Kept(kept.pk, kept.name, content)


def same_file(digest_index: bytes, layout: str) -> SourceFile | None:
    """Return the last file with these very bytes that was read under this layout, or None; it may be taken back."""
    found = SourceFile.objects.filter(digest_index=digest_index, layout=layout)
    return found.order_by("-pk").defer("content").first()


def applied_file(digest_index: bytes, layout: str) -> SourceFile | None:
    """Return the last file with these very bytes that was read under this layout and stands, or None."""
    return standing_files().filter(digest_index=digest_index, layout=layout).order_by("-pk").first()


def why_not_undone(file_id: int, by: Actor) -> str:
    """Return why a file cannot be taken back now (which one must be first), or ''; NotAllowed outside the scope."""
    file = file_for(file_id, by)
    try:
        to_take_back(file)
    except BangfuError as problem:
        return str(problem)
    return ""


@dataclass(frozen=True)
class Undone:
    """That a file was taken back: when, by whom, and why."""

    at: datetime
    by: str
    reason: str


def undone(files: Iterable[int]) -> dict[int, Undone]:
    """Return file -> when, by whom and why it was taken back, for those of a scoped query's files that were."""
    subjects = {f"source_file:{number}": number for number in files}
    entries = entries_about(subjects).filter(action="intake.undo_import")
    return {subjects[entry.subject]: Undone(entry.at, entry.actor, entry.reason) for entry in entries}
