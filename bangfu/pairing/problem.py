"""The problem as arrays, read from a folder: helpers.csv, helped.csv, allowed.csv, previous.csv, rules.toml.

Ids are sorted and pairs stand by helper, then helped: the same input gives the same arrays, whatever its row order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.pairing.rules import Rule, Rules, Where, read_rules
from bangfu.pairing.tables import (
    COST_LIMIT,
    DECIMALS,
    LIMIT,
    NO,
    YES,
    Block,
    amount,
    bad_cell,
    blocks,
    day_or_none,
    yes,
)

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
HELPERS, HELPED, ALLOWED, PREVIOUS = "helpers.csv", "helped.csv", "allowed.csv", "previous.csv"
TOTAL_LIMIT = 10**18


@dataclass(frozen=True)
class Side:
    """The helpers, or the helped: ids in order, how much room (or need) each has, and every other column."""

    ids: list[str]
    size: Ints
    group: Ints  # an index into `groups`
    groups: list[str]
    columns: Mapping[str, Sequence[str]]
    index: dict[str, int]
    rows: list[int]

    def where(self, rule: Rule, where: Where, file: str) -> Flags:
        """Tell who has one of the wanted cells in each column."""
        chosen = np.ones(len(self.ids), dtype=np.bool_)
        for column, texts in where.items():
            chosen &= np.fromiter((cell in texts for cell in self.cells(rule, column, file)), np.bool_, len(self.ids))
        return chosen

    def cells(self, rule: Rule, column: str, file: str) -> Sequence[str]:
        """Return a column that a rule speaks of."""
        if column not in self.columns:
            raise BangfuError(
                "pairing_rule_column", rule=rule.name, column=column, file=file, known=", ".join(self.columns)
            )
        return self.columns[column]


@dataclass(frozen=True)
class Arcs:
    """Pairs beside each other: helper and helped by index, what the pair costs and uses."""

    helper: Ints
    helped: Ints
    cost: Ints  # in units of 1 / Problem.scale
    use: Ints

    def take(self, chosen: Flags | Ints) -> Arcs:
        """Return some of them."""
        return Arcs(self.helper[chosen], self.helped[chosen], self.cost[chosen], self.use[chosen])

    def __len__(self) -> int:
        return len(self.cost)


@dataclass(frozen=True)
class Lapsed:
    """A previous pair that cannot be kept, and the code of the sentence that says why."""

    helper: str
    helped: str
    code: str


@dataclass(frozen=True)
class Problem:
    """Who may help whom at what cost, and what must and should be kept."""

    helpers: Side
    helped: Side
    arcs: Arcs
    kept: Flags  # previous pairs within their term
    must: Flags
    scale: int = 1
    due: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # how many each helper should have at least
    barred: Arcs = field(default_factory=lambda: Arcs(*(np.zeros(0, np.int64) for _ in range(4))))
    barred_by: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # an index into `barring`
    barring: list[str] = field(default_factory=list)
    exempt: Mapping[str, str] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    lapsed: tuple[Lapsed, ...] = ()
    rules: Rules = field(default_factory=Rules)

    @property
    def budgets(self) -> bool:
        """Tell whether pairs use different amounts of a helper's capacity."""
        return bool((self.arcs.use != 1).any())

    @property
    def order(self) -> tuple[str, ...]:
        """Return the levels of the objective. A count of people by a sum of money is no load: none with budgets."""
        levels = self.rules.order or ("helped", "filled", "kept", *(() if self.budgets else ("load",)), "cost")
        return tuple(level for level in levels if level != "filled" or self.due.any())

    def money(self, cost: int) -> int | float:
        """Return a cost in the unit of the files."""
        return cost // self.scale if cost % self.scale == 0 else float(Decimal(cost) / self.scale)

    def written(self, cost: int) -> str:
        """Return a cost as the files write it."""
        return format((Decimal(cost) / self.scale).normalize(), "f")


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
    for step in (_with_contacts, _with_loads, _with_bars):
        problem = step(problem)
    return _with_musts(_with_previous(problem, folder))


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
        until = _day_of(HELPERS, side.rows[place], "exempt_until", untils[place], rules)
        if reasons[place] and (until is None or (rules.day is not None and until > rules.day)):
            exempt[id_] = reasons[place]
    stands = np.fromiter((id_ not in exempt for id_ in side.ids), np.bool_, len(side.ids))
    side = replace(side, size=np.where(stands, side.size, 0))
    totals = np.bincount(side.group, side.size, len(side.groups))
    if (totals > LIMIT).any():
        raise BangfuError("pairing_group_large", file=HELPERS, group=side.groups[int(totals.argmax())], limit=LIMIT)
    return side, exempt


def _day_of(file: str, row: int, column: str, text: str, rules: Rules) -> date | None:
    try:
        day = day_or_none(text)
    except ValueError as problem:
        raise bad_cell(file, row, column, text, str(problem)) from None
    if day and rules.day is None:
        raise BangfuError("pairing_needs_day", file=file, row=row, column=column)
    return day


def _with_contacts(problem: Problem) -> Problem:
    """Read who may be a contact: the cell names a group, or says yes or no."""
    side, groups = problem.helpers, {*problem.helped.groups}
    contact = {}
    for id_, row, cell in zip(side.ids, side.rows, side.columns.get("contact", ()), strict=False):
        word = cell.lower()
        if cell in groups or word not in (YES | NO):
            if cell not in groups and problem.rules.contact_in_own:
                raise bad_cell(HELPERS, row, "contact", cell, "contact")
            contact[id_] = cell
        elif word in YES:
            contact[id_] = ""  # of whichever group
    return replace(problem, contact={id_: cell for id_, cell in contact.items() if id_ not in problem.exempt})


def _with_loads(problem: Problem) -> Problem:
    """Hold the loads that the rules give by post, group or any other column."""
    side = problem.helpers
    room, due = side.size.copy(), np.zeros(len(side.ids), np.int64)
    for rule in problem.rules.load:
        chosen = side.where(rule, rule.helper, HELPERS)
        if rule.at_most is not None:
            room[chosen] = np.minimum(room[chosen], rule.at_most)
        due[chosen] = np.maximum(due[chosen], rule.at_least)
    due = np.where([id_ in problem.exempt for id_ in side.ids], 0, due) if len(due) else due
    for place in np.flatnonzero(due > room)[:1]:
        raise _load_contradiction(problem, int(place), int(due[place]), int(side.size[place]))
    return replace(problem, helpers=replace(side, size=room), due=due)


def _load_contradiction(problem: Problem, place: int, due: int, capacity: int) -> BangfuError:
    side = problem.helpers
    about = [rule for rule in problem.rules.load if side.where(rule, rule.helper, HELPERS)[place]]
    names = [rule.name for rule in about if rule.at_least == due]
    names += [rule.name for rule in about if rule.at_most is not None and rule.at_most < due]
    why = say("pairing_why_load", None, helper=side.ids[place], due=due, capacity=capacity)
    return BangfuError("pairing_rules_contradict", rules=", ".join(names), why=why)


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


# ---------------------------------------------------------------- rules about pairs


def _with_bars(problem: Problem) -> Problem:
    """Take out the pairs that a rule forbids, and keep them beside with their rule."""
    arcs, rules = problem.arcs, (*problem.rules.only, *problem.rules.never)
    _check_rules(problem)
    barred_by = np.full(len(arcs), -1, np.int64)
    for number, rule in enumerate(rules):
        barred_by[(barred_by < 0) & _forbids(rule, problem)] = number
    if problem.rules.contact_in_own:
        barred_by[(barred_by < 0) & _elsewhere(problem)] = len(rules)
    bad = barred_by >= 0
    return replace(
        problem, arcs=arcs.take(~bad), kept=problem.kept[~bad], must=problem.must[~bad],
        barred=arcs.take(bad), barred_by=barred_by[bad],
        barring=[*(rule.name for rule in rules), "contacts.in_own_group"],
    )  # fmt: skip


def _elsewhere(problem: Problem) -> Flags:
    """Tell which pairs would take a contact out of the group that he is the contact of."""
    places = {name: place for place, name in enumerate(problem.helped.groups)}
    own = np.array([places.get(problem.contact.get(id_, ""), -1) for id_ in problem.helpers.ids], np.int64)
    at = own[problem.arcs.helper]
    away: Flags = (at >= 0) & (at != problem.helped.group[problem.arcs.helped])
    return away


def _forbids(rule: Rule, problem: Problem) -> Flags:
    """Tell which of the pairs a rule forbids."""
    arcs, helpers, helped = problem.arcs, problem.helpers, problem.helped
    theirs = helpers.where(rule, rule.helper, HELPERS)[arcs.helper]
    them = helped.where(rule, rule.helped, HELPED)[arcs.helped]
    if rule.kind == "only":
        return theirs & ~them
    if not (rule.same or rule.pairs):
        return theirs & them
    found = np.zeros(len(arcs), np.bool_)
    for one, other in _known(rule, problem):
        found |= (arcs.helper == helpers.index[one]) & (arcs.helped == helped.index[other])
    for left, right in rule.same:
        found |= _equal(helpers.cells(rule, left, HELPERS), helped.cells(rule, right, HELPED), arcs)
    return theirs & them & found


def _equal(left: Sequence[str], right: Sequence[str], arcs: Arcs) -> Flags:
    """Tell for which pairs both cells say the same, and something."""
    number: dict[str, int] = {"": -1}
    lefts, rights = (
        np.array([number.setdefault(cell, len(number)) for cell in cells], np.int64) for cells in (left, right)
    )
    ours = lefts[arcs.helper]
    equal: Flags = (ours >= 0) & (ours == rights[arcs.helped])
    return equal


def _known(rule: Rule, problem: Problem) -> tuple[tuple[str, str], ...]:
    for row in rule.pairs:
        for id_, side, file in zip(row, (problem.helpers, problem.helped), (HELPERS, HELPED), strict=True):
            if id_ not in side.index:
                raise BangfuError("pairing_rule_id", rule=rule.name, value=id_, file=file)
    return rule.pairs


def _check_rules(problem: Problem) -> None:
    """Refuse rules that leave a helper nobody at all, though each leaves him somebody."""
    helpers, helped = problem.helpers, problem.helped
    rules = [*problem.rules.only, *(r for r in problem.rules.never if not (r.same or r.pairs))]
    if not problem.rules.only or len(rules) < len(("one", "other")):
        return
    about = np.array([helpers.where(rule, rule.helper, HELPERS) for rule in rules])
    leaves = np.array([helped.where(rule, rule.helped, HELPED) ^ (rule.kind == "never") for rule in rules])
    kinds, places = np.unique(about, axis=1, return_index=True)
    for kind, place in zip(kinds.T, places, strict=True):
        those = leaves[kind]
        only = any(rule.kind == "only" for rule, held in zip(rules, kind, strict=True) if held)
        if only and those.any(axis=1).all() and not those.all(axis=0).any():
            names = ", ".join(rule.name for rule, held in zip(rules, kind, strict=True) if held)
            why = say("pairing_why_nobody_left", None, helper=helpers.ids[place])
            raise BangfuError("pairing_rules_contradict", rules=names, why=why)


# ---------------------------------------------------------------- previous pairs, and pairs that must be


def _with_previous(problem: Problem, folder: Path) -> Problem:
    """Mark the previous pairs that stand in their term; the others lapse, each with its reason."""
    if not (folder / PREVIOUS).exists():
        return problem
    place_of = _places(problem)
    kept, must = problem.kept.copy(), problem.must.copy()
    lapsed = []
    seen: dict[tuple[str, str], int] = {}
    for block in blocks(folder, PREVIOUS, ("helper", "helped")):
        firm = block.each("must", yes)
        for number, pair in enumerate(zip(block.columns["helper"], block.columns["helped"], strict=True)):
            row = block.rows[number]
            if seen.setdefault(pair, row) != row:
                raise BangfuError(
                    "pairing_pair_twice", file=PREVIOUS, row=row, first=seen[pair], helper=pair[0], helped=pair[1]
                )
            in_term = _in_term(block, number, problem.rules)
            place = place_of(pair)
            if place is None or not in_term:
                code = _why_lapsed(problem, pair) if place is None else "pairing_lapsed_term"
                if firm[number] or (problem.rules.keep_must and in_term and place is None):
                    raise _must_error(pair, PREVIOUS, say(code))
                lapsed.append(Lapsed(*pair, code))
                continue
            kept[place] = True
            must[place] |= firm[number] or problem.rules.keep_must
    return replace(
        problem, kept=kept, must=must, lapsed=tuple(sorted(lapsed, key=lambda one: (one.helper, one.helped)))
    )


def _places(problem: Problem) -> Callable[[tuple[str, str]], int | None]:
    """Return a look-up of a pair's place among the allowed; None where it is not, or its helper has no room."""
    arcs, helpers, helped = problem.arcs, problem.helpers, problem.helped
    width = max(len(helped.ids), 1)
    keys = arcs.helper * width + arcs.helped

    def place_of(pair: tuple[str, str]) -> int | None:
        left, right = helpers.index.get(pair[0]), helped.index.get(pair[1])
        if left is None or right is None or not helpers.size[left]:
            return None
        place = int(np.searchsorted(keys, left * width + right))
        return place if place < len(keys) and keys[place] == left * width + right else None

    return place_of


def _in_term(block: Block, number: int, rules: Rules) -> bool:
    """Tell whether a previous pair stands in its term: until its own day, or so many years since it began."""
    until, since = (
        _day_of(PREVIOUS, block.rows[number], column, block.cells(column)[number], rules)
        for column in ("until", "since")
    )
    if until:
        return rules.day is not None and rules.day < until
    if since and rules.day is not None and rules.keep_years is not None:
        ends = since.year + rules.keep_years, since.month, since.day
        return (rules.day.year, rules.day.month, rules.day.day) < ends
    return True


def _why_lapsed(problem: Problem, pair: tuple[str, str]) -> str:
    left, right = problem.helpers.index.get(pair[0]), problem.helped.index.get(pair[1])
    if left is None:
        return "pairing_lapsed_helper_gone"
    if right is None:
        return "pairing_lapsed_helped_gone"
    if pair[0] in problem.exempt:
        return "pairing_lapsed_exempt"
    if not problem.helpers.size[left]:
        return "pairing_lapsed_no_room"
    barred = (problem.barred.helper == left) & (problem.barred.helped == right)
    return "pairing_lapsed_rule" if barred.any() else "pairing_lapsed_not_allowed"


def _with_musts(problem: Problem) -> Problem:
    """Mark the pairs that must be, and refuse where one cannot be or they are too many for somebody."""
    place_of, must = _places(problem), problem.must.copy()
    for rule in problem.rules.must:
        for pair in _known(rule, problem):
            place = place_of(pair)
            if place is None:
                raise _must_contradiction(problem, rule, pair)
            must[place] = True
    problem = replace(problem, must=must)
    check_musts(problem, "rules.toml" if problem.rules.must else PREVIOUS)
    return problem


def check_musts(problem: Problem, source: str) -> None:
    """Refuse pairs that must be and are too many for a helper or for one who is helped; names one of them."""
    chosen = problem.arcs.take(problem.must)
    for ends, weights, side, code in (
        (chosen.helper, chosen.use, problem.helpers, "pairing_why_helper_full"),
        (chosen.helped, np.ones(len(chosen), np.int64), problem.helped, "pairing_why_helped_full"),
    ):
        taken = np.bincount(ends, weights, len(side.ids)).astype(np.int64)
        for place in np.flatnonzero(taken > side.size)[:1]:
            last = np.flatnonzero(ends == place)[-1]
            pair = problem.helpers.ids[chosen.helper[last]], problem.helped.ids[chosen.helped[last]]
            raise _must_error(pair, source, say(code, None, id=side.ids[place], room=int(side.size[place])))


def _must_contradiction(problem: Problem, rule: Rule, pair: tuple[str, str]) -> BangfuError:
    left, right = problem.helpers.index[pair[0]], problem.helped.index[pair[1]]
    for place in np.flatnonzero((problem.barred.helper == left) & (problem.barred.helped == right)):
        names = f"{rule.name}, {problem.barring[problem.barred_by[place]]}"
        why = say("pairing_why_pair", None, helper=pair[0], helped=pair[1])
        return BangfuError("pairing_rules_contradict", rules=names, why=why)
    return _must_error(pair, rule.name, say(_why_lapsed(problem, pair)))


def _must_error(pair: tuple[str, str], source: str, why: str) -> BangfuError:
    return BangfuError("pairing_must", helper=pair[0], helped=pair[1], source=source, why=why)
