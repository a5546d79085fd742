"""Reading a problem: helpers.csv, helped.csv, allowed.csv, previous.csv and rules.toml of a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bangfu.core.errors import BangfuError
from bangfu.pairing.held import with_musts, with_previous, with_rules
from bangfu.pairing.problem import ALLOWED, HELPED, HELPERS, Arcs, Ints, Problem, Side
from bangfu.pairing.rules import Rules, read_rules
from bangfu.pairing.tables import COST_LIMIT, DECIMALS, LIMIT, Block, amount, bad_cell, blocks, day_of

TOTAL_LIMIT = 10**18


def read_problem(folder: Path) -> Problem:
    """Read and check a problem; BangfuError names file, row, column and what was expected."""
    if not folder.is_dir():
        raise BangfuError("pairing_no_folder", path=folder)
    rules = read_rules(folder)
    helped = _side(folder, HELPED, "demand")
    helpers, exempt = _standing(_side(folder, HELPERS, "capacity"), rules)
    arcs, scale = _arcs(folder, helpers, helped, rules)
    none = np.zeros(len(arcs), np.bool_)
    problem = Problem(helpers, helped, arcs, none, none, scale, exempt=exempt, rules=rules)
    return with_musts(with_previous(with_rules(problem), folder))


# ---------------------------------------------------------------- helpers and helped


def _side(folder: Path, file: str, size: str) -> Side:
    found: dict[str, list[str]] = {}
    sizes: list[int] = []
    rows: list[int] = []
    for block in blocks(folder, file, ("id", size, "group")):
        for name, cells in block.columns.items():
            found.setdefault(name, []).extend(cells)
        sizes += block.counts(size, 0)
        rows += block.rows
    _check_ids(file, rows, found["id"])
    order = sorted(range(len(rows)), key=found["id"].__getitem__)
    columns = {name: [cells[place] for place in order] for name, cells in found.items()}
    groups = sorted({*columns["group"]})
    place_of = {name: place for place, name in enumerate(groups)}
    group = np.array([place_of[name] for name in columns["group"]], np.int64)
    index = {id_: place for place, id_ in enumerate(columns["id"])}
    size_of = np.array(sizes, np.int64)[np.array(order, np.int64)]
    return Side(columns["id"], size_of, group, groups, columns, index, [rows[place] for place in order])


def _check_ids(file: str, rows: Sequence[int], ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, id_ in zip(rows, ids, strict=True):
        if not id_:
            raise bad_cell(file, row, "id", id_, "id")
        if first.setdefault(id_, row) != row:
            raise BangfuError("pairing_id_twice", file=file, row=row, column="id", value=id_, first=first[id_])


def _standing(side: Side, rules: Rules) -> tuple[Side, dict[str, str]]:
    """Return the helpers, those exempt on the day without room, and why each is exempt."""
    blank = [""] * len(side.ids)
    reasons, untils = (side.columns.get(name, blank) for name in ("exempt", "exempt_until"))
    exempt = {}
    for place, id_ in enumerate(side.ids):
        until = day_of(HELPERS, side.rows[place], "exempt_until", untils[place], rules.day)
        if reasons[place] and (until is None or (rules.day is not None and until > rules.day)):
            exempt[id_] = reasons[place]
    stands = np.fromiter((id_ not in exempt for id_ in side.ids), np.bool_, len(side.ids))
    side = replace(side, size=np.where(stands, side.size, 0))
    totals = np.bincount(side.group, side.size, len(side.groups))
    if (totals > LIMIT).any():
        raise BangfuError("pairing_group_large", file=HELPERS, group=side.groups[int(totals.argmax())], limit=LIMIT)
    return side, exempt


# ---------------------------------------------------------------- allowed pairs


def _arcs(folder: Path, helpers: Side, helped: Side, rules: Rules) -> tuple[Arcs, int]:
    """Return the allowed pairs in order, and how many units of cost make one of the files'."""
    weights = {column: weight for column, weight in rules.weights.items() if weight}
    ends, costs, uses, rows = [], [], [], []
    for block in blocks(folder, ALLOWED, ("helper", "helped", "cost", *weights)):
        ends.append((_indices(block, "helper", helpers, HELPERS), _indices(block, "helped", helped, HELPED)))
        costs.append([_costs(block, column) for column in ("cost", *(name for name in weights if name != "cost"))])
        uses.append(np.array(block.counts("use", 1, 1), np.int64))
        rows.append(np.array(block.rows, np.int64))
    row, use = np.concatenate(rows), np.concatenate(uses)
    helper, person = (np.concatenate([pair[side] for pair in ends]) for side in (0, 1))
    parts = [np.concatenate(part) for part in zip(*costs, strict=True)]
    names = ("cost", *(name for name in weights if name != "cost"))
    cost, scale = _weighed(
        {name: part for name, part in zip(names, parts, strict=True) if name in weights}, weights, len(row)
    )
    key = helper * max(len(helped.ids), 1) + person
    order = np.argsort(key, kind="stable")
    key = key[order]
    for place in np.flatnonzero(key[1:] == key[:-1])[:1]:
        first, again = order[place], order[place + 1]
        raise BangfuError(
            "pairing_pair_twice", file=ALLOWED, row=row[again], first=row[first],
            helper=helpers.ids[helper[first]], helped=helped.ids[person[first]],
        )  # fmt: skip
    return Arcs(helper[order], person[order], cost[order], use[order]), scale


def _indices(block: Block, column: str, side: Side, file: str) -> Ints:
    cells = block.columns[column]
    found = [*map(side.index.get, cells)]
    if None in found:
        place = found.index(None)
        raise BangfuError(
            "pairing_id_unknown", file=block.file, row=block.rows[place], column=column, value=cells[place], other=file
        )
    return np.array(found, np.int64)


def _costs(block: Block, column: str) -> Ints:
    """Return a column of costs in millionths."""
    cells = block.columns[column]
    unit = 10**DECIMALS
    try:
        values = np.array([*map(int, cells)], np.int64)
        plain = "_" not in "".join(cells) and (not len(values) or np.abs(values).max() <= COST_LIMIT)
    except (ValueError, OverflowError):
        plain = False
    if not plain:
        return np.array([int(value * unit) for value in block.each(column, amount)], np.int64)
    values *= unit
    return values


def _weighed(parts: Mapping[str, Ints], weights: Mapping[str, int], rows: int) -> tuple[Ints, int]:
    """Return the sum of the cost parts by their weights, in the coarsest exact unit."""
    largest = sum(abs(weights[name]) * int(np.abs(part).max(initial=0)) for name, part in parts.items())
    if largest > TOTAL_LIMIT:
        raise BangfuError("pairing_weights_large", file=ALLOWED, limit=COST_LIMIT)
    cost = np.zeros(rows, np.int64)
    for name, part in parts.items():
        cost += weights[name] * part
    unit = 10**DECIMALS
    while (cost % unit).any():
        unit //= 10
    coarse: Ints = cost // unit
    return coarse, 10**DECIMALS // unit
