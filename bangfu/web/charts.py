"""Stacked bars as plain SVG: numbers become widths in percent, so that a bar is as wide as the screen lets it be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST_BARS = 20  # more are no picture any more; the table beside it has all
ROOM = 97.0  # percent of the width for the longest bar: small parts are drawn wider than they are
LEAST = 0.5  # percent: a part that is there can be seen


@dataclass(frozen=True)
class Row:
    """What a bar shows: its name, the number that its address takes, and the count of each part by code."""

    id: int
    name: str
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Return the sum of the parts."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Part:
    """A piece of a bar: from where and how wide, in percent as SVG reads it."""

    code: str
    count: int
    x: str
    width: str


@dataclass(frozen=True)
class Bar:
    """A row with its pieces; `cells` has every code, those at nothing too, for the table."""

    row: Row
    parts: list[Part]
    cells: list[tuple[str, int]]


@dataclass(frozen=True)
class Chart:
    """A chart with its table: `bars` are drawn, `table` lists all."""

    kind: str
    codes: Sequence[str]
    bars: list[Bar]
    table: list[Bar]


def stacked(kind: str, codes: Sequence[str], rows: Iterable[Row]) -> Chart:
    """Return stacked bars on one scale, in the order of the rows; `kind` says what a row is, for the sentences."""
    found = list(rows)
    scale = ROOM / max((row.total for row in found), default=0) if any(row.total for row in found) else 0.0
    bars = [_bar(row, codes, scale) for row in found]
    return Chart(kind, codes, bars[:MOST_BARS], bars)


def _bar(row: Row, codes: Sequence[str], scale: float) -> Bar:
    parts, x = [], 0.0
    cells = [(code, row.counts.get(code, 0)) for code in codes]
    for code, count in cells:
        if count:
            width = max(count * scale, LEAST)
            parts.append(Part(code, count, f"{x:.2f}%", f"{width:.2f}%"))
            x += width
    return Bar(row, parts, cells)
