"""A sheet whose columns a person names: where its header is, what each column would be, and how its rows begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bangfu.intake.layouts import HEADER_WITHIN, Layout, candidates_of, header_name
from bangfu.intake.read import Cells, read_sheets

SHOWN_ROWS = 6
UNUSED = ""


@dataclass(frozen=True)
class Heading:
    """A column of the sheet: where it stands, what the sheet calls it, the name to map by, and its field ('': none)."""

    at: int
    title: str
    key: str
    field: str


@dataclass(frozen=True)
class Sketch:
    """A sheet's header (its row as the office program counts) with the columns, and the first rows below it."""

    header: int
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]


def sketch(content: bytes, layout: Layout, header: int | None) -> Sketch:
    """Return how a file's first sheet with rows, a visible one if there is any, would be read under a layout.

    `header`: the row that a person says is the header (None: the likeliest one). Refused where the file cannot be
    read.
    """
    filled = [sheet for sheet in read_sheets(content) if any(map(any, sheet.rows))]
    rows = next((sheet.rows for sheet in filled if not sheet.hidden), filled[0].rows)
    at = header - 1 if header is not None and 0 < header <= len(rows) else _likeliest(rows, layout)
    above = [header_name(cell) for cell in rows[at - 1]] if at else []
    names = [header_name(cell) for cell in rows[at]]
    headings = tuple(
        Heading(n, rows[at][n] or keys[0], keys[0], _known(layout, keys))
        for n, keys in enumerate(candidates_of(names, above))
        if keys[0]
    )
    shown = [row for row in rows[at + 1 :] if any(row)][:SHOWN_ROWS]
    cells = tuple(tuple(row[h.at] if h.at < len(row) else "" for h in headings) for row in shown)
    return Sketch(at + 1, headings, cells)


def chosen(headings: tuple[Heading, ...], layout: Layout, fields: Mapping[int, str]) -> dict[str, str]:
    """Return header name -> field for the columns about which a person says otherwise than the layout."""
    known = {column.field for column in layout.columns}
    picked = {h.key: fields[h.at] for h in headings if fields.get(h.at, UNUSED) in known | {UNUSED} and h.at in fields}
    return {key: field for key, field in picked.items() if field != _known(layout, (key,))}


def _likeliest(rows: Cells, layout: Layout) -> int:
    """Return the row with the most names that the layout knows; among equals the one with the most filled cells."""
    within = range(min(len(rows), HEADER_WITHIN))
    return max(within, key=lambda at: (_known_names(rows[at], layout), sum(map(bool, rows[at])), -at))


def _known_names(row: list[str], layout: Layout) -> int:
    return sum(header_name(cell) in layout.by_name for cell in row)


def _known(layout: Layout, keys: tuple[str, ...]) -> str:
    return next((layout.by_name[key][1].field for key in keys if key in layout.by_name), UNUSED)
