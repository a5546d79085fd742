"""Is a pairing allowed, and is it the best one? Checked from the pairs alone, without trusting who found them.

Hard rules are counted. Each level of the objective is proven by prices of the nodes: where every arc that could still
carry a unit costs at least nothing beside them, and every arc that carries one at most nothing, no flow is cheaper
(complementary slackness). Prices are found here, from the pairs; they are integers, so nothing is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bangfu.core.errors import BangfuError
from bangfu.pairing import loads
from bangfu.pairing.flow import FREE, SINK, SOURCE, Network, Unproven, network
from bangfu.pairing.problem import Flags, Ints, Problem
from bangfu.pairing.solve import (
    Answer,
    group_capacity,
    group_count,
    group_room,
    in_order,
    levelled,
    unit_worth,
)  # fmt: skip


@dataclass(frozen=True)
class Levels:
    """What a pairing reaches at each level, counted from its pairs."""

    units: int  # needs met
    helped: int  # people all of whose needs are met
    filled: int  # of the loads that are due
    kept: int
    load: Fraction
    cost: int


class Wrong(BangfuError):
    """A pairing breaks a hard rule, or is not shown to be the best."""


def levels(problem: Problem, chosen: Ints) -> Levels:
    """Count what a pairing reaches."""
    arcs = problem.arcs.take(chosen)
    met = np.bincount(arcs.helped, minlength=len(problem.helped.ids))
    count = np.bincount(arcs.helper, minlength=len(problem.helpers.ids))
    return Levels(
        units=len(arcs),
        helped=int((met >= problem.helped.size).sum()),
        filled=int(np.minimum(count, problem.due).sum()),
        kept=int(problem.kept[chosen].sum()),
        load=loads.largest(group_use(problem, chosen), group_capacity(problem)),
        cost=int(arcs.cost.sum()),
    )


def group_use(problem: Problem, chosen: Ints) -> Ints:
    """Return how much of each group's capacity a pairing uses."""
    arcs = problem.arcs.take(chosen)
    groups = problem.helpers.group[arcs.helper]
    return np.bincount(groups, arcs.use, len(problem.helpers.groups)).astype(np.int64)


def hard_rules(problem: Problem, chosen: Ints) -> None:
    """Check capacities, needs, repeated pairs and pairs that must be; raises `Wrong` naming the first broken one."""
    if len(np.unique(chosen)) < len(chosen) or (chosen < 0).any() or (chosen >= len(problem.arcs)).any():
        raise Wrong("pairing_wrong_pairs")
    arcs = problem.arcs.take(chosen)
    used = np.bincount(arcs.helper, arcs.use, len(problem.helpers.ids)).astype(np.int64)
    for place in np.flatnonzero(used > problem.helpers.size)[:1]:
        raise Wrong("pairing_wrong_capacity", id=problem.helpers.ids[place], room=int(problem.helpers.size[place]))
    met = np.bincount(arcs.helped, minlength=len(problem.helped.ids))
    for place in np.flatnonzero(met > problem.helped.size)[:1]:
        raise Wrong("pairing_wrong_demand", id=problem.helped.ids[place], room=int(problem.helped.size[place]))
    for place in np.setdiff1d(np.flatnonzero(problem.must), chosen)[:1]:
        helper, helped = problem.arcs.helper[place], problem.arcs.helped[place]
        raise Wrong("pairing_wrong_must", helper=problem.helpers.ids[helper], helped=problem.helped.ids[helped])


def best(problem: Problem, answer: Answer) -> None:
    """Check that no pairing is better at any level; raises `Wrong` naming the level that is not proven."""
    hard_rules(problem, answer.chosen)
    problem = in_order(problem)
    chosen = np.zeros(len(problem.arcs), np.bool_)
    chosen[answer.chosen] = True
    net = network(problem, problem.must)
    flow = flow_of(problem, net, chosen)
    _prove("helped", net, flow, np.zeros_like(net.cost), 1)
    settled = problem.must
    if problem.kept.any() and not problem.due.any() and chosen[problem.kept].all():
        settled = problem.must | problem.kept  # all kept: no answer keeps more
        net = network(problem, settled)
        flow = flow_of(problem, net, chosen)
    face = None
    if net.reward.any():
        reduced = _prove("kept", net, flow, -net.reward, unit_worth(net))
        face = -np.sign(reduced)  # what every answer that is best so far leaves empty, free or full
    if "load" in problem.order:
        load = loads.largest(group_count(problem, chosen), group_capacity(problem))
        _prove_load(problem, net, settled, flow, answer)
        net = net.limited(group_room(problem, settled, load))
    _prove("cost", net, flow, levelled(net), None, face)


def flow_of(problem: Problem, net: Network, chosen: Flags) -> Ints:
    """Return the flow that the chosen pairs are, as far as they are not settled."""
    on = chosen[net.chosen]
    arcs = problem.arcs.take(net.chosen).take(on)
    count = np.bincount(arcs.helper, minlength=len(problem.helpers.ids))
    owed = net.owed
    first = np.minimum(count[owed], net.capacity[net.owing])
    rest = count.copy()
    rest[owed] -= first
    groups = np.bincount(problem.helpers.group, count, len(problem.helpers.groups)).astype(np.int64)
    met = np.bincount(arcs.helped, minlength=len(problem.helped.ids))
    return np.concatenate((groups, first, rest, on, met)).astype(np.int64)


def _prove(level: str, net: Network, flow: Ints, cost: Ints, worth: int | None, face: Ints | None = None) -> Ints:
    """Find prices, check complementary slackness against them, and return what arcs cost beside them."""
    try:
        prices = net.prices(flow, cost, worth, face)
    except Unproven:
        raise Wrong("pairing_wrong_level", level=level) from None
    reduced = net.reduced(cost, prices)
    free = np.ones(len(flow), np.bool_) if face is None else face == FREE
    ahead, back = reduced[free & (flow < net.capacity)], reduced[free & (flow > 0)]
    holds = ahead.min(initial=0) >= 0 and back.max(initial=0) <= 0
    if worth is not None:  # the arc that counts the units, from the sink back to the source
        unit = int(prices[SINK] - prices[SOURCE]) - worth
        holds &= unit == 0 if flow[net.pairs].any() else unit >= 0
    if not holds:
        raise Wrong("pairing_wrong_level", level=level)
    return reduced


def _prove_load(problem: Problem, net: Network, settled: Flags, flow: Ints, answer: Answer) -> None:
    """Check that under any smaller largest load fewer are helped, or fewer rewards reached.

    Weak duality: whatever the prices are, no flow is worth more than the capacities at what arcs gain by them.
    """
    capacity, given = group_capacity(problem), group_count(problem, settled)
    counts = given + flow[net.groups]
    load = loads.largest(counts, capacity)
    below = loads.room_below(load, capacity) - given
    units, reward = int(flow[net.pairs].sum()), int((flow * net.reward).sum())
    if (below < 0).any() or int(below.sum()) < units or not units:
        return
    if answer.load_prices is None or len(answer.load_prices) != net.nodes:
        raise Wrong("pairing_wrong_level", level="load")
    limited, prices = net.limited(below), answer.load_prices
    plain = int(prices[SINK] - prices[SOURCE])
    for worth, gain, target in (
        (1, np.zeros_like(net.reward), units),
        (unit_worth(net), net.reward, unit_worth(net) * units + reward),
    ):
        if plain >= worth and _bound(limited, gain, prices) < target:
            return
    raise Wrong("pairing_wrong_level", level="load")


def _bound(net: Network, reward: Ints, prices: Ints) -> int:
    """Return what no flow is worth more than, from any prices at which a unit's worth is paid at the sink."""
    gain = np.maximum(-net.reduced(-reward, prices), 0)
    if int(gain.max(initial=0)) * int(net.capacity.sum()) < 2**62:
        return int((gain * net.capacity).sum())
    return int((gain.astype(object) * net.capacity).sum())
