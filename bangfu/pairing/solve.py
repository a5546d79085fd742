"""The best pairing, level by level: number helped, owed loads, pairs kept, largest load, cost.

Each level is the exact optimum among the answers that are best in all before it, by flows in integers. What proves
the level of loads (prices at which no smaller load suffices) goes with the answer; the other levels need no witness:
`check.py` finds their prices itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from bangfu.pairing import loads
from bangfu.pairing.flow import Network, Unproven, cheapest_flow, largest_flow, network
from bangfu.pairing.problem import Flags, Ints, Problem


@dataclass(frozen=True)
class Answer:
    """Chosen pairs (indices of the problem's pairs, in order), and how far they are proven."""

    chosen: Ints
    load_prices: Ints | None = None  # why no smaller largest load suffices; None where counting tells
    bounds: Mapping[str, int] = field(default_factory=dict)  # with budgets: the proven bound of each level
    proven: bool = True


def solve(problem: Problem) -> Answer:
    """Return the best pairing where each pair uses one place of its helper."""
    problem = in_order(problem)
    settled = problem.must
    net = network(problem, settled)
    most = largest_flow(net)
    units = int(most[net.pairs].sum())
    apart = all_kept(problem, units)
    if apart is not None:
        units -= int(apart.sum() - settled.sum())
        settled, net = apart, network(problem, apart)
    state = _State(problem, net, settled, units)
    limited, flow = state.rewarded() if "load" not in problem.order else state.balanced()
    face = limited.face(flow, -net.reward, unit_worth(net)) if net.reward.any() else None
    flow = cheapest_flow(limited, levelled(net), units, face)
    chosen = settled.copy()
    chosen[np.flatnonzero(net.chosen)[flow[net.pairs] > 0]] = True
    return Answer(np.flatnonzero(chosen), state.load_prices)


def in_order(problem: Problem) -> Problem:
    """Return the problem without the wishes whose level is left out."""
    kept = problem.kept if "kept" in problem.order else np.zeros_like(problem.kept)
    due = problem.due if "filled" in problem.order else np.zeros(len(problem.helpers.ids), np.int64)
    return replace(problem, kept=kept, due=due)


def all_kept(problem: Problem, units: int) -> Flags | None:
    """Return the settled pairs with all previous ones, if as many can be helped when all of them are kept.

    Then keeping them is the optimum of that level, and what is left is a smaller problem without it.
    """
    both = problem.must | problem.kept
    if problem.due.any() or not problem.kept.any():
        return None
    given = problem.arcs.take(both)
    for ends, side in ((given.helper, problem.helpers), (given.helped, problem.helped)):
        if (np.bincount(ends, minlength=len(side.ids)) > side.size).any():
            return None
    net = network(problem, both)
    reached = int(largest_flow(net)[net.pairs].sum())
    return both if reached + both.sum() == units + problem.must.sum() else None


def levelled(net: Network) -> Ints:
    """Return the costs with the least of them at nought: a unit passes one pair, so no order changes."""
    cost = net.cost.copy()
    cost[net.pairs] -= net.cost[net.pairs].min(initial=0)
    return cost


# ---------------------------------------------------------------- the largest load


def group_count(problem: Problem, chosen: Flags | Ints) -> Ints:
    """Return how many people each group helps."""
    helpers = problem.helpers.group[problem.arcs.helper[chosen]]
    return np.bincount(helpers, minlength=len(problem.helpers.groups)).astype(np.int64)


def group_capacity(problem: Problem) -> Ints:
    """Return each group's capacity."""
    sizes: Ints = np.bincount(problem.helpers.group, problem.helpers.size, len(problem.helpers.groups)).astype(np.int64)
    return sizes


def group_room(problem: Problem, settled: Flags, load: Fraction) -> Ints:
    """Return how many more each group may help at a load, beside what is settled."""
    room: Ints = np.maximum(loads.room_at(load, group_capacity(problem)) - group_count(problem, settled), 0)
    return room


def unit_worth(net: Network) -> int:
    """Return what one more unit must be worth so that no rewards outweigh it."""
    return 2 * net.links * int(net.reward.max(initial=0)) + 1


class _State:
    """The search for the levels between the number of units and the cost."""

    def __init__(self, problem: Problem, net: Network, settled: Flags, units: int) -> None:
        self.problem, self.net, self.settled, self.units = problem, net, settled, units
        self.capacity, self.given = group_capacity(problem), group_count(problem, settled)
        self.load_prices: Ints | None = None

    def rewarded(self) -> tuple[Network, Ints]:
        """Return the network and a flow of all units with the largest reward (loads due, pairs kept)."""
        return self.net, cheapest_flow(self.net, -self.net.reward, self.units)

    def balanced(self) -> tuple[Network, Ints]:
        """Return the network under the least largest load that allows all units and the largest reward, and a flow.

        Newton's way: where a load is too small, prices tell how much the groups' room must grow at least.
        """
        every = np.ones(len(self.capacity), np.int64)
        needed = loads.least(every, self.capacity, self.units + int(self.given.sum()))
        load = max(loads.largest(self.given, self.capacity), needed)
        limited, flow = self._units_at(load)
        if not self.net.reward.any():
            return limited, flow
        cost = -self.net.reward
        flow = cheapest_flow(limited, cost, self.units)
        if self._is_best(self.net, flow):  # no limit costs any reward
            return limited, flow
        _, best = self.rewarded()
        target = int((best * self.net.reward).sum())
        while (reached := int((flow * self.net.reward).sum())) < target:
            limited = self._next(limited, limited.prices(flow, cost, unit_worth(self.net)), target - reached)
            flow = cheapest_flow(limited, cost, self.units)
        return limited, flow

    def _units_at(self, load: Fraction) -> tuple[Network, Ints]:
        """Return the network at the least load from this one on that allows all units, and a flow of them."""
        limited = self.net.limited(group_room(self.problem, self.settled, load))
        flow = largest_flow(limited)
        while (reached := limited.value(flow)) < self.units:
            prices = limited.prices(flow, np.zeros_like(self.net.cost), 1)
            limited = self._next(limited, prices, self.units - reached)
            flow = largest_flow(limited)
        return limited, flow

    def _next(self, limited: Network, prices: Ints, missing: int) -> Network:
        """Return the network at the least load at which the prices do not rule out what is missing."""
        self.load_prices = prices
        groups = limited.groups
        gain = np.maximum(prices[limited.head[groups]] - prices[limited.tail[groups]], 0)
        need = missing + int((gain * (limited.capacity[groups] + self.given)).sum())
        load = loads.least(gain, self.capacity, need)
        return self.net.limited(group_room(self.problem, self.settled, load))

    def _is_best(self, net: Network, flow: Ints) -> bool:
        """Tell whether a flow has the largest reward in a network."""
        try:
            net.prices(flow, -net.reward, unit_worth(net))
        except Unproven:
            return False
        return True
