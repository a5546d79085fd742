"""Reading what intake keeps: corrections of header names, rows that were mended, rows that wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bangfu.audit import keys
from bangfu.audit.queries import entries_about
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.intake.models import HeldRow, Mapping
from bangfu.intake.opened import Correction
from bangfu.registry.models import SourceFile
from bangfu.registry.queries import SLICE, file_for, open_to, standing_files, to_take_back

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
    """A row that waits: its id, file, sheet, number, the column and code, and its cells by header."""

    id: int
    file: str
    sheet: int
    row: int
    column: str
    code: str
    cells: dict[str, str]


def waiting(by: Actor, file_id: int | None = None) -> Iterator[Waiting]:
    """Yield the rows that wait for a person, in the files whose sender the actor's grants open."""
    rows = HeldRow.objects.filter(open_to(by, "row__file__sender__path"), closed_by=None)
    if file_id is not None:
        rows = rows.filter(row__file_id=file_id)
    ring = keys.current()
    for held in rows.select_related("row__file").order_by("pk"):
        cells = json.loads(ring.open_text(HELD_TABLE, HELD_COLUMN, held.pk, bytes(held.text)))
        if held.mended is not None:
            cells |= json.loads(ring.open_text(HELD_TABLE, MENDED_COLUMN, held.pk, bytes(held.mended)))
        source = held.row
        yield Waiting(held.pk, source.file.name, source.sheet, source.row, held.column, held.code, cells)


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
