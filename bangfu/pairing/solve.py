"""The best pairing, level by level: number helped, owed loads, pairs kept, largest load, cost.

Each level is the exact optimum among the answers that are best in all before it, by flows in integers. What proves
the level of loads (prices at which no smaller load suffices) goes with the answer; the other levels need no witness:
`check.py` finds their prices itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from bangfu.pairing import loads
from bangfu.pairing.flow import Network, cheapest_flow, largest_flow, network
from bangfu.pairing.problem import Flags, Ints, Problem


@dataclass(frozen=True)
class Answer:
    """Chosen pairs (indices of the problem's pairs, in order), and how far they are proven."""

    chosen: Ints
    load: Fraction | None = None  # the least largest load, where it is a level
    load_prices: Ints | None = None  # why no smaller one suffices; None where counting tells
    bounds: dict[str, int] = field(default_factory=dict)  # with budgets: the proven bound of each level
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
    rewarded = bool(net.reward.any())
    best = cheapest_flow(net, -net.reward, units) if rewarded else most
    reward = int((best * net.reward).sum()) if rewarded else 0
    load, prices = None, None
    if "load" in problem.order:
        load, prices = _least_load(problem, net, settled, units, reward)
        net = net.limited(group_room(problem, settled, load))
    flow = cheapest_flow(net, weighed(net), units)
    chosen = settled.copy()
    chosen[np.flatnonzero(net.chosen)[flow[net.pairs] > 0]] = True
    return Answer(np.flatnonzero(chosen), load, prices)


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


def weighed(net: Network) -> Ints:
    """Return costs in which one reward outweighs whatever a change can save.

    Two flows differ by cycles that pass no node twice; each passes at most `links` pairs, as many ahead as back.
    """
    pairs = net.cost[net.pairs]
    low, high = int(pairs.min(initial=0)), int(pairs.max(initial=0))
    cost = -(net.links * (high - low) + 1) * net.reward if net.reward.any() else np.zeros_like(net.cost)
    cost[net.pairs] += pairs - low
    return cost


# ---------------------------------------------------------------- the largest load


def group_count(problem: Problem, chosen: Flags | Ints) -> Ints:
    """Return how many people each group helps."""
    helpers = problem.helpers.group[problem.arcs.helper[chosen]]
    return np.bincount(helpers, minlength=len(problem.helpers.groups)).astype(np.int64)


def group_capacity(problem: Problem) -> Ints:
    """Return each group's capacity."""
    sizes = np.bincount(problem.helpers.group, problem.helpers.size, len(problem.helpers.groups))
    return sizes.astype(np.int64)


def group_room(problem: Problem, settled: Flags, load: Fraction) -> Ints:
    """Return how many more each group may help at a load, beside what is settled."""
    room = loads.room_at(load, group_capacity(problem)) - group_count(problem, settled)
    return np.maximum(room, 0)


def unit_worth(net: Network) -> int:
    """Return what one more unit must be worth so that no rewards outweigh it."""
    return net.links * int(net.reward.max(initial=0)) + 1


def _least_load(
    problem: Problem, net: Network, settled: Flags, units: int, reward: int
) -> tuple[Fraction, Ints | None]:
    """Return the least largest load that allows all units and the whole reward, and the prices that prove it.

    Newton's way: where a load is too small, prices tell how much the groups' room must grow at least.
    """
    capacity, given = group_capacity(problem), group_count(problem, settled)
    every = np.ones(len(capacity), np.int64)
    load = max(loads.largest(given, capacity), loads.least(every, capacity, units + int(given.sum())))
    prices = None
    while True:
        room = group_room(problem, settled, load)
        limited = net.limited(np.minimum(room, net.capacity[net.groups]))
        flow = largest_flow(limited)
        reached, worth, cost, target = int(flow[net.pairs].sum()), 1, np.zeros_like(net.cost), units
        if reached == units and reward:
            worth, cost = unit_worth(net), -net.reward
            flow = cheapest_flow(limited, cost, units)
            reached, target = worth * units + int((flow * net.reward).sum()), worth * units + reward
        if reached == target:
            return load, prices
        prices = limited.prices(flow, cost, worth)
        gain = np.maximum(prices[limited.head[net.groups]] - prices[limited.tail[net.groups]], 0)
        need = target - reached + int((gain * (limited.capacity[net.groups] + given)).sum())
        load = loads.least(gain, capacity, need)
