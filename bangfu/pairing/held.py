"""What rules and previous pairs make of a problem: contacts, loads, forbidden pairs, pairs to keep and that must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.pairing.problem import HELPED, HELPERS, PREVIOUS, Arcs, Flags, Lapsed, Problem
from bangfu.pairing.rules import Rule, Rules
from bangfu.pairing.tables import NO, YES, Block, bad_cell, blocks, day_of, yes


def with_rules(problem: Problem) -> Problem:
    """Apply the rules about contacts, loads and who may help whom."""
    for step in (_with_contacts, _with_loads, _with_bars):
        problem = step(problem)
    return problem


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


def with_previous(problem: Problem, folder: Path) -> Problem:
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
        day_of(PREVIOUS, block.rows[number], column, block.cells(column)[number], rules.day)
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


def with_musts(problem: Problem) -> Problem:
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
