"""Are the held rows whole? Yields sentences; none means whole."""

from __future__ import annotations

from collections.abc import Iterator

from bangfu.audit import keys
from bangfu.core.messages import say
from bangfu.core.seal import BrokenSeal
from bangfu.intake.models import HeldRow
from bangfu.intake.queries import HELD_COLUMN, HELD_TABLE, MENDED_COLUMN
from bangfu.registry.models import SourceRow


def held_rows() -> Iterator[str]:
    """Open every held row's text and mend where they stand, and fit the text's index to it."""
    ring = keys.current()
    lost = SourceRow.objects.filter(state="held", held=None).select_related("file")
    for row in lost.order_by("pk"):
        yield say("held_row_lost", file=row.file.name, row=row.row, id=row.pk)
    waits = HeldRow.objects.filter(closed_by=None).exclude(row__file__undone=None)
    for held in waits.select_related("row__file").order_by("pk"):
        yield say("held_row_of_undone", file=held.row.file.name, row=held.row.row)
    for held in HeldRow.objects.select_related("row__file").order_by("pk").iterator():
        where = f" ({held.row.file.name}, {held.row.row})"
        for column, cell in ((HELD_COLUMN, held.text), (MENDED_COLUMN, held.mended)):
            if cell is None:
                continue
            place = {"table": HELD_TABLE, "column": column, "id": held.pk, "where": where}
            try:
                text = ring.open_text(HELD_TABLE, column, held.pk, bytes(cell))
            except BrokenSeal:
                yield say("cell_broken", **place)
                continue
            if column == HELD_COLUMN and ring.blind("held", text) != bytes(held.text_index):
                yield say("index_broken", **place)
