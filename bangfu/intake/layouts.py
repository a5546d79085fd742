"""Layout files: what a kind of workbook looks like, and finding it in a sheet.

A layout is data (`library/layouts/*.toml`, and `$BANGFU_HOME/layouts/*.toml`): its columns with the names that
offices give them, how a row's person is known from issue to issue, and which facts a row states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY, load_toml
from bangfu.core.text import half_width, squeeze
from bangfu.intake.read import Cells
from bangfu.intake.values import READERS
from bangfu.registry.facts import SPECS

HEADER_WITHIN = 40
GROUPS = 2  # one filled cell is a title; from two on a row may be the upper half of a header
CORRECTED = -1
Corrected = dict[str, dict[str, str]]
DECORATION = re.compile(r"^[*※★]+|[*※★:]+$|\((?:必填|选填)\)$")
SUBJECTS = ("person", "event", "organisation")
DATED_BY = ("term", "list")
SCOPES = ("school", "county", "college", "country")


@dataclass(frozen=True)
class Column:
    """One column: the register's field, the names it goes by, and the type of its cells."""

    field: str
    names: tuple[str, ...]
    type: str
    required: bool = False
    signature: bool = False
    each_month: re.Pattern[str] | None = None
    fills: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FactRule:
    """Which rows state a fact of `kind`, with what set, taken from which fields, and from when."""

    kind: str
    set: dict[str, str] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)
    when: dict[str, Any] = field(default_factory=dict)
    start: str | None = None
    lasts: str | None = None


@dataclass(frozen=True)
class Layout:
    """A kind of workbook; see a file in `library/layouts` for what each entry means."""

    id: str
    order: int
    title: dict[str, str]
    subject: str
    complete: bool
    dated_by: str
    post: str
    mend_within_days: int
    scope: dict[str, str]
    columns: tuple[Column, ...]
    facts: tuple[FactRule, ...]
    place: dict[str, str] = field(default_factory=dict)
    household: dict[str, str] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)
    list_key: tuple[tuple[str, ...], ...] = ()
    alt_key: tuple[str, ...] = ()
    kind: str = ""

    @cached_property
    def by_name(self) -> dict[str, tuple[int, Column]]:
        """Return header name -> (its rank among the column's names, the column)."""
        return {name: (rank, column) for column in self.columns for rank, name in enumerate(column.names)}

    @cached_property
    def monthly(self) -> tuple[Column, ...]:
        """Return the columns that stand once for each month."""
        return tuple(column for column in self.columns if column.each_month)

    @cached_property
    def required(self) -> frozenset[str]:
        """Return the fields without which a row says nothing."""
        return frozenset(column.field for column in self.columns if column.required)

    @cached_property
    def signatures(self) -> frozenset[str]:
        """Return the fields one of which must be there for the layout to be this one."""
        return frozenset(column.field for column in self.columns if column.signature)


@dataclass(frozen=True)
class Place:
    """A mapped column of a sheet: where it stands, what the sheet calls it, and the month it is for."""

    at: int
    title: str
    column: Column
    month: int | None = None


@dataclass(frozen=True)
class Found:
    """A layout found in a sheet: the header's index and the mapped columns; `other` names what is not mapped."""

    layout: Layout
    header: int
    places: tuple[Place, ...]
    other: tuple[str, ...]

    def title_of(self, name: str) -> str:
        """Return what the sheet calls the field `name`, or the layout's first name for it."""
        for place in self.places:
            if place.column.field == name:
                return place.title
        names = next((column.names for column in self.layout.columns if column.field == name), ())
        return names[0] if names else name


@lru_cache(maxsize=4096)
def header_name(cell: str) -> str:
    """Return a header cell without spaces, line breaks, full-width forms and decoration."""
    return DECORATION.sub("", squeeze(half_width(cell)))


def read_layout(path: Path) -> Layout:
    """Read one layout file; ValueError names the file and what is wrong in it."""
    content = load_toml(path)
    content.pop("legal_basis", None)
    try:
        columns = tuple(_column(entry) for entry in content.pop("column"))
        facts = tuple(_fact_rule(entry) for entry in content.pop("fact"))
        list_key = tuple(tuple(key) for key in content.pop("list_key", ()))
        alt_key = tuple(content.pop("alt_key", ()))
        layout = Layout(**content, columns=columns, facts=facts, list_key=list_key, alt_key=alt_key)
    except (TypeError, KeyError) as problem:
        raise ValueError(f"{path.name}: {problem}") from problem
    _check(layout, path.name)
    return layout


def _check(layout: Layout, name: str) -> None:
    _one_of(f"{name}: subject", layout.subject, SUBJECTS)
    _one_of(f"{name}: dated_by", layout.dated_by, DATED_BY)
    _one_of(f"{name}: scope.kind", layout.scope.get("kind", ""), SCOPES)
    for column in layout.columns:
        _one_of(f"{name}: column {column.field}: type", column.type, READERS)
    for rule in layout.facts:
        _one_of(f"{name}: fact: kind", rule.kind, SPECS)
    fields = [field for rule in layout.facts for field in SPECS[rule.kind].place_of]
    for key in (*layout.list_key, layout.alt_key):
        for field_name in key:
            _one_of(f"{name}: key", field_name, fields)


def _one_of(what: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} = {value!r}; expected one of {', '.join(sorted(allowed))}")


def _column(entry: dict[str, Any]) -> Column:
    pattern = entry.pop("each_month", None)
    names = tuple(header_name(name) for name in entry.pop("names", ()))
    fills = tuple(entry.pop("fills", {}).items())
    return Column(**entry, names=names, fills=fills, each_month=re.compile(pattern) if pattern else None)


def _fact_rule(entry: dict[str, Any]) -> FactRule:
    return FactRule(start=entry.pop("from", None), **entry)


@cache
def all_layouts(own: Path | None = None) -> tuple[Layout, ...]:
    """Return the shipped layouts and those in the folder `own`, which replace shipped ones of the same id."""
    folders = [LIBRARY / "layouts", *([own] if own and own.is_dir() else [])]
    layouts = {layout.id: layout for folder in folders for layout in map(read_layout, sorted(folder.glob("*.toml")))}
    return tuple(sorted(layouts.values(), key=lambda layout: layout.order))


def choose_layouts(name: str | None, own: Path | None) -> tuple[Layout, ...]:
    """Return the layout called `name` (an id, or the path of a layout file), or all of them."""
    try:
        if name is not None and name.endswith(".toml"):
            return (read_layout(Path(name)),)
        known = {layout.id: layout for layout in all_layouts(own)}
    except (OSError, ValueError) as problem:
        raise BangfuError("layout_file_bad", detail=problem) from problem
    if name is None:
        return tuple(known.values())
    if name not in known:
        raise BangfuError("layout_unknown", layout=name, known=", ".join(known))
    return (known[name],)


def find_layout(rows: Cells, layouts: Iterable[Layout], corrected: Corrected) -> Found | None:
    """Return the layout that fits the sheet best, or None.

    The header is the row among the first 40 under which most columns get a field; names are looked for in the
    row alone, joined to the row above it (two-row headers), and in the row above where the row itself is blank.
    `corrected` maps, for a layout's id, header names to fields as a person set them.
    """
    layouts = tuple(layouts)
    known = frozenset(name for layout in layouts for name in layout.by_name)
    known |= {name for names in corrected.values() for name in names}
    best: Found | None = None
    above: list[str] = []
    for index, row in enumerate(rows[:HEADER_WITHIN]):
        names = [header_name(cell) for cell in row]
        if not known.isdisjoint(names):
            candidates = candidates_of(names, above)
            for layout in layouts:
                found = _match(layout, index, candidates, corrected.get(layout.id, {}))
                if found and (best is None or len(found.places) > len(best.places)):
                    best = found
        above = names
    return best


def candidates_of(names: Sequence[str], above: Sequence[str]) -> list[tuple[str, ...]]:
    """Return for each column the names to look for: group and name, the name, or the row above's where blank."""
    if sum(map(bool, above)) < GROUPS:
        return [(name,) for name in names]
    candidates: list[tuple[str, ...]] = []
    group = ""
    for index, name in enumerate(names):
        over = above[index] if index < len(above) else ""
        group = over or group
        candidates.append((group + name, name) if name else (over,))
    return candidates


def _match(layout: Layout, header: int, candidates: list[tuple[str, ...]], corrected: dict[str, str]) -> Found | None:
    taken: dict[tuple[str, int | None], tuple[int, Place]] = {}
    for at, names in enumerate(candidates):
        matched = _column_named(layout, names, corrected)
        if matched is None:
            continue
        rank, place = matched[0], Place(at, names[-1], matched[1], matched[2])
        key = (place.column.field, place.month)
        if key not in taken or rank < taken[key][0]:
            taken[key] = (rank, place)
    fields = {name for name, _ in taken}
    if not layout.required <= fields or (layout.signatures and not layout.signatures & fields):
        return None
    places = tuple(sorted((place for _, place in taken.values()), key=lambda place: place.at))
    mapped = {place.at for place in places}
    other = tuple(names[-1] for at, names in enumerate(candidates) if names[-1] and at not in mapped)
    return Found(layout, header, places, other)


def _column_named(
    layout: Layout, names: tuple[str, ...], corrected: dict[str, str]
) -> tuple[int, Column, int | None] | None:
    """Return how well a column's names fit (less is better), the layout's column, and the month it is for."""
    for name in names:
        if name in corrected:
            column = next((column for column in layout.columns if column.field == corrected[name]), None)
            return (CORRECTED, column, None) if column else None
        if name in layout.by_name:
            return (*layout.by_name[name], None)
        for column in layout.monthly:
            if column.each_month and (month := column.each_month.match(name)):
                return 0, column, int(month[1])
    return None
