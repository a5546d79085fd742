"""Stacked bars as plain SVG: numbers become widths in percent, so that a bar is as wide as the screen lets it be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_BARS = 20  # more are no picture any more
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
    """A piece of a bar: what it is called, from where and how wide, in percent as SVG reads it."""

    code: str
    name: str
    count: int
    x: str
    width: str


@dataclass(frozen=True)
class Bar:
    """A row with its pieces; `cells` has every code with its name, those at nothing too, for the table."""

    row: Row
    parts: list[Part]
    cells: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Chart:
    """A chart with its table: `bars` are drawn, `table` lists all; `more`: there are others besides."""

    kind: str
    names: Mapping[str, str]
    bars: list[Bar]
    table: list[Bar]
    more: bool = False


def stacked(kind: str, names: Mapping[str, str], rows: Iterable[Row], *, more: bool = False) -> Chart:
    """Return stacked bars on one scale, in the order of the rows; `kind` says what a row is, for the sentences.

    `names`: what each code is called. `more`: the rows are the first of very many.
    """
    found = list(rows)
    scale = ROOM / max((row.total for row in found), default=0) if any(row.total for row in found) else 0.0
    bars = [_bar(row, names, scale) for row in found]
    return Chart(kind, names, bars[:MOST_BARS], bars, more)


def _bar(row: Row, names: Mapping[str, str], scale: float) -> Bar:
    parts, x = [], 0.0
    cells = [(code, name, row.counts.get(code, 0)) for code, name in names.items()]
    for code, name, count in cells:
        if count:
            width = max(count * scale, LEAST)
            parts.append(Part(code, name, count, f"{x:.2f}%", f"{width:.2f}%"))
            x += width
    return Bar(row, parts, cells)
