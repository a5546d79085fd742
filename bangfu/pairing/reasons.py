"""Why: for each pair, for each who has no helper, and what a change made by hand would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bangfu.core.messages import say
from bangfu.pairing import check
from bangfu.pairing.flow import FAR, SAFE, distances, network, residual
from bangfu.pairing.held import check_musts
from bangfu.pairing.problem import Arcs, Flags, Ints, Problem
from bangfu.pairing.solve import Answer, in_order, levelled, solve

NAMED = 5  # helpers or rules named in one sentence


@dataclass(frozen=True)
class Unhelped:
    """One whose need is not met: what stands in the way, and the cheapest change that would help."""

    id: str
    code: str
    reason: str
    change: str


def unhelped(problem: Problem, answer: Answer) -> list[Unhelped]:
    """Explain everybody whose need is not met, in order of ids."""
    met = np.bincount(problem.arcs.helped[answer.chosen], minlength=len(problem.helped.ids))
    lacking = np.flatnonzero(met < problem.helped.size)
    if not lacking.size:
        return []
    view = _View(problem, answer)
    return [view.explain(int(place)) for place in lacking]


class _View:
    """What all explanations of one answer share."""

    def __init__(self, problem: Problem, answer: Answer) -> None:
        self.problem, arcs = problem, problem.arcs
        self.chosen = np.zeros(len(arcs), np.bool_)
        self.chosen[answer.chosen] = True
        used = np.bincount(arcs.helper[self.chosen], arcs.use[self.chosen], len(problem.helpers.ids))
        self.left = problem.helpers.size - used.astype(np.int64)
        people, has_room = len(problem.helped.ids), problem.helpers.size[arcs.helper] > 0
        self.open, self.shut = np.flatnonzero(~self.chosen & has_room), np.flatnonzero(~has_room)
        self.of, self.shut_of = (_by_helped(arcs.helped[some], people) for some in (self.open, self.shut))
        self.barred_of = _by_helped(problem.barred.helped, people)
        if not problem.budgets:
            self.cost, self.before = _ways(problem, self.chosen)
            self.circle = _circles(problem, self.chosen)

    def explain(self, place: int) -> Unhelped:
        """Say what stands in the way of one who lacks a helper, and what would help."""
        id_ = self.problem.helped.ids[place]
        pairs = self.open[self.of(place)]
        if not pairs.size:
            code, facts = self._nobody(place)
            return Unhelped(id_, code, say(code, None, **facts), self._lift(place))
        if self.problem.budgets:
            return self._too_little(id_, pairs)
        helpers, places, people = self.circle[place]
        code = "pairing_reason_full"
        reason = say(code, None, count=len(pairs), helpers=helpers, places=places, people=people)
        return Unhelped(id_, code, reason, self._one_more(place))

    def _nobody(self, place: int) -> tuple[str, dict[str, object]]:
        """Say why no helper with room may help him."""
        problem = self.problem
        mine = problem.arcs.helper[self.shut[self.shut_of(place)]]
        barred = self.barred_of(place)
        if mine.size:
            names = [problem.helpers.ids[helper] for helper in mine[:NAMED]]
            said = [f"{name} ({problem.exempt[name]})" if name in problem.exempt else name for name in names]
            return "pairing_reason_no_room", {"count": len(mine), "helpers": _listed(said, len(mine))}
        if barred.size:
            rules = sorted({problem.barring[by] for by in problem.barred_by[barred]})
            return "pairing_reason_rules", {"count": len(barred), "rules": _listed(rules[:NAMED], len(rules))}
        return "pairing_reason_no_pair", {}

    def _lift(self, place: int) -> str:
        """Name the cheapest pair that a rule forbids and whose helper has room."""
        problem, barred = self.problem, self.barred_of(place)
        barred = barred[self.left[problem.barred.helper[barred]] >= problem.barred.use[barred]]
        if not barred.size:
            return say("pairing_change_allow")
        best = barred[problem.barred.cost[barred].argmin()]
        return say(
            "pairing_change_lift",
            None,
            helper=problem.helpers.ids[problem.barred.helper[best]],
            rule=problem.barring[problem.barred_by[best]],
            cost=problem.money(int(problem.barred.cost[best])),
        )

    def _too_little(self, id_: str, pairs: Ints) -> Unhelped:
        """Say how much is missing at the helper who has almost enough left."""
        arcs = self.problem.arcs.take(pairs)
        missing = arcs.use - self.left[arcs.helper]
        best = int(missing.argmin())
        helper = self.problem.helpers.ids[arcs.helper[best]]
        code = "pairing_reason_budget"
        facts = {"count": len(pairs), "helper": helper, "left": self.left[arcs.helper[best]], "use": arcs.use[best]}
        change = say("pairing_change_budget", None, helper=helper, more=max(int(missing[best]), 0))
        return Unhelped(id_, code, say(code, None, **facts), change)

    def _one_more(self, place: int) -> str:
        """Name the helper at whom one more place would help at the least cost."""
        problem = self.problem
        node = _at_helped(problem) + place
        while self.before[node] != node:
            node = self.before[node]
        helper = problem.helpers.ids[node - _at_helper(problem)]
        kept, cost = self.cost[place]
        code = "pairing_change_place_kept" if kept else "pairing_change_place"
        return say(code, None, helper=helper, cost=problem.money(cost), kept=-kept)


def _listed(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (" …" if count > len(names) else "")


def _by_helped(ends: Ints, count: int) -> _Index:
    order = np.argsort(ends, kind="stable")
    return _Index(order, np.searchsorted(ends[order], np.arange(count + 1)))


@dataclass(frozen=True)
class _Index:
    """Places in an array by the helped that they are about."""

    order: Ints
    start: Ints

    def __call__(self, place: int) -> Ints:
        return self.order[self.start[place] : self.start[place + 1]]


def _at_helper(problem: Problem) -> int:
    return 2 + len(problem.helpers.groups)


def _at_helped(problem: Problem) -> int:
    return _at_helper(problem) + len(problem.helpers.ids)


def _ways(problem: Problem, chosen: Flags) -> tuple[list[tuple[int, int]], Ints]:
    """Return what the cheapest way from one more place anywhere costs each helped: pairs not kept, cost; and the ways.

    A way moves people from helper to helper; nobody loses help, and every other helper has as many as before.
    """
    problem = in_order(problem)
    net = network(problem, problem.must)
    flow = check.flow_of(problem, net, chosen)
    cost = levelled(net)
    span = 2 * net.links * int(cost.max(initial=0)) + 1  # one kept pair outweighs what any way can save, twice
    heavy = span if span * net.links < SAFE else 0
    weights = cost - heavy * np.where(net.reward > 0, 1, 0)
    inside = np.zeros(len(cost), np.bool_)
    inside[net.pairs] = True
    graph = residual(net, flow, weights, (), inside)
    first = np.full(net.nodes, FAR)
    there = np.array([id_ not in problem.exempt for id_ in problem.helpers.ids], np.bool_) & (problem.helpers.size > 0)
    first[_at_helper(problem) + np.flatnonzero(there)] = 0
    distance, before = distances(graph, first)
    low = int(net.cost[net.pairs].min(initial=0))
    found = distance[_at_helped(problem) :].tolist()
    return [_parted(value, heavy, low) for value in found], before


def _parted(value: int, heavy: int, low: int) -> tuple[int, int]:
    """Return a way's pairs no longer kept and its cost; a way has one new pair more than it ends."""
    if not heavy:
        return 0, value + low
    kept = round(value / heavy)
    return kept, value - kept * heavy + low


def _circles(problem: Problem, chosen: Flags) -> dict[int, tuple[int, int, int]]:
    """Return, for each who lacks help: helpers who might, also by exchange, their places, and those who share them."""
    arcs, people = problem.arcs, len(problem.helped.ids)
    met = np.bincount(arcs.helped[chosen], minlength=people)
    lacking = np.flatnonzero(met < problem.helped.size)
    on = problem.helpers.size[arcs.helper] > 0
    helper, helped = np.zeros(len(problem.helpers.ids), np.bool_), np.zeros(people, np.bool_)
    helped[lacking] = True
    grown = True
    while grown:  # who may help one in the circle, and whom those help now
        helper[arcs.helper[helped[arcs.helped] & on & ~chosen]] = True
        joined = arcs.helped[chosen & helper[arcs.helper] & ~problem.must]
        grown = not helped[joined].all()
        helped[joined] = True
    inside = on & helper[arcs.helper] & helped[arcs.helped]
    label = _components(arcs.take(inside), len(helper), people)
    helpers = np.bincount(label[0][helper], minlength=people + 1)
    places = np.bincount(label[0][helper], problem.helpers.size[helper], people + 1).astype(np.int64)
    needs = np.bincount(label[1][helped], problem.helped.size[helped], people + 1).astype(np.int64)
    rows = zip(lacking.tolist(), label[1][lacking], strict=True)
    return {place: (int(helpers[at]), int(places[at]), int(needs[at])) for place, at in rows}


def _components(arcs: Arcs, helpers: int, people: int) -> tuple[Ints, Ints]:
    """Return a label for each helper and each helped: the same where pairs connect them."""
    left, right = np.full(helpers, people), np.arange(people)
    while True:
        before = right.copy()
        np.minimum.at(left, arcs.helper, right[arcs.helped])
        np.minimum.at(right, arcs.helped, left[arcs.helper])
        if (before == right).all():
            return left, right


# ---------------------------------------------------------------- pairs


def why(problem: Problem, answer: Answer) -> list[str]:
    """Return the code of the sentence why each chosen pair is one."""
    arcs = problem.arcs
    least = np.full(len(problem.helped.ids), FAR)
    np.minimum.at(least, arcs.helped, arcs.cost)
    chosen = answer.chosen
    conditions = [
        problem.must[chosen],
        problem.kept[chosen] & ("kept" in problem.order),
        arcs.cost[chosen] == least[arcs.helped[chosen]],
    ]
    codes = ["pairing_pair_must", "pairing_pair_kept", "pairing_pair_cheapest"]
    return [str(code) for code in np.select(conditions, codes, "pairing_pair_together")]


@dataclass(frozen=True)
class Change:
    """What a change made by hand would do to the best answer, level by level, and how many other pairs it moves."""

    before: check.Levels
    after: check.Levels
    moved: int


def change(problem: Problem, answer: Answer, put: Sequence[tuple[str, str]], out: Sequence[tuple[str, str]]) -> Change:
    """Reckon the best answer with some pairs put in and some taken out by hand.

    `put` and `out` name allowed pairs (helper, helped). Of the answers that are best then, one that keeps as many of
    the present pairs as can be is not sought: the levels of the objective alone decide.
    """
    forced, gone = (_places(problem, pairs) for pairs in (put, out))
    arcs = problem.arcs
    left = np.ones(len(arcs), np.bool_)
    left[gone] = False
    must = problem.must.copy()
    must[forced] = True
    changed = replace(problem, arcs=arcs.take(left), kept=problem.kept[left], must=must[left])
    check_musts(changed, "+")
    other = solve(changed).chosen
    chosen = np.flatnonzero(left)[other]
    moved = len(np.setdiff1d(answer.chosen, chosen)) - len(np.intersect1d(answer.chosen, gone))
    return Change(check.levels(problem, answer.chosen), check.levels(problem, chosen), moved)


def _places(problem: Problem, pairs: Sequence[tuple[str, str]]) -> Ints:
    found = []
    for helper, helped in pairs:
        ends = problem.helpers.index[helper], problem.helped.index[helped]
        found += np.flatnonzero((problem.arcs.helper == ends[0]) & (problem.arcs.helped == ends[1])).tolist()
    return np.array(found, np.int64)
