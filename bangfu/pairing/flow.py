"""The network under a pairing: source, groups, helpers, helped, sink; flows in it, and prices that prove them.

A unit of flow is a pair: source -> its group -> its helper -> the helped -> sink. Everything is an integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ortools.graph.python.max_flow import SimpleMaxFlow
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from bangfu.core.errors import BangfuError
from bangfu.pairing.problem import Flags, Ints, Problem

SOURCE, SINK, OTHERS = 0, 1, 2
SAFE = FAR = 2**62
EMPTY, FREE, FULL = -1, 0, 1
ROUNDS = 16  # after so many, and whenever they have doubled, look for a cycle


class Unproven(Exception):
    """A flow is not the best one: the residual network has a cycle that makes it cheaper."""


@dataclass(frozen=True)
class Network:
    """Arcs beside each other: to each group, to each helper, what he owes apart, each pair, and to the sink."""

    nodes: int
    tail: Ints
    head: Ints
    capacity: Ints
    reward: Ints
    cost: Ints
    groups: slice
    owing: slice  # the arcs of what helpers owe
    pairs: slice
    owed: Ints  # who owes
    chosen: Flags  # which of the problem's pairs are arcs here; the others are settled

    def limited(self, caps: Ints) -> Network:
        """Return the network with other capacities to its groups."""
        capacity = self.capacity.copy()
        capacity[self.groups] = caps
        return replace(self, capacity=capacity)

    @property
    def links(self) -> int:
        """Return the most pairs that a cycle without repetition can pass."""
        ends = [np.unique(side[self.pairs]).size for side in (self.tail, self.head)]
        return 2 * min(ends) + 1

    def value(self, flow: Ints) -> int:
        """Return how many units reach the helped."""
        return int(flow[self.pairs].sum())

    def prices(self, flow: Ints, cost: Ints, worth: int | None = None, face: Ints | None = None) -> Ints:
        """Return each node's price under a flow; `worth` is what one more unit is worth where their number is free.

        With a face, the flow is compared with the flows of that face alone.

        Raises `Unproven` where the flow is not the best one.
        """
        extra = []
        if worth is not None:
            extra = [(SINK, SOURCE, -worth)]
            extra += [(SOURCE, SINK, worth)] if flow[self.pairs].any() else []
        free = np.ones(len(flow), np.bool_) if face is None else face == FREE
        return distances(residual(self, flow, cost, extra, free), np.zeros(self.nodes, np.int64))[0]

    def face(self, flow: Ints, cost: Ints, worth: int) -> Ints:
        """Return which arcs the best flows leave empty, free or full: exactly the best ones keep to that.

        `flow` is a best one; what an arc costs beside the prices of its ends tells (complementary slackness).
        """
        return -np.sign(self.reduced(cost, self.prices(flow, cost, worth)))

    def reduced(self, cost: Ints, prices: Ints) -> Ints:
        """Return what each arc costs beside the prices of its ends."""
        return cost + prices[self.tail] - prices[self.head]


def network(problem: Problem, settled: Flags) -> Network:
    """Return the network of the pairs that are not settled; settled ones have taken their places."""
    helpers, helped, arcs = problem.helpers, problem.helped, problem.arcs
    given = arcs.take(settled)
    taken = np.bincount(given.helper, minlength=len(helpers.ids))
    room, need = helpers.size - taken, helped.size - np.bincount(given.helped, minlength=len(helped.ids))
    owed = np.clip(problem.due - taken, 0, room)
    open_ = arcs.take(~settled)
    at_helper = OTHERS + len(helpers.groups)
    at_helped = at_helper + len(helpers.ids)
    who, owing = np.arange(len(helpers.ids)), np.flatnonzero(owed)
    kept = problem.kept[~settled].astype(np.int64)
    group_room = np.bincount(helpers.group, room, len(helpers.groups)).astype(np.int64)
    parts = [
        (np.full(len(helpers.groups), SOURCE), OTHERS + np.arange(len(helpers.groups)), group_room, 0, 0),
        (OTHERS + helpers.group[owing], at_helper + owing, owed[owing], 1 + problem.kept.sum(), 0),
        (OTHERS + helpers.group, at_helper + who, room - owed, 0, 0),
        (at_helper + open_.helper, at_helped + open_.helped, 1, kept, open_.cost),
        (at_helped + np.arange(len(helped.ids)), np.full(len(helped.ids), SINK), need, 0, 0),
    ]
    sizes = [len(part[0]) for part in parts]
    ends = np.cumsum(sizes)
    tail, head, capacity, reward, cost = (
        np.concatenate([np.broadcast_to(np.asarray(part[column], np.int64), len(part[0])) for part in parts])
        for column in range(5)
    )
    groups, first, _, pairs, _ = (slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True))
    nodes = at_helped + len(helped.ids)
    return Network(nodes, tail, head, capacity, reward, cost, groups, first, pairs, owing, ~settled)


# ---------------------------------------------------------------- flows, by OR-Tools


def largest_flow(net: Network) -> Ints:
    """Return a flow that reaches as many as can be."""
    solver = SimpleMaxFlow()
    arcs = solver.add_arcs_with_capacity(net.tail, net.head, net.capacity)
    if not len(net.tail) or solver.solve(SOURCE, SINK) != solver.OPTIMAL:
        return np.zeros(len(net.tail), np.int64)
    return np.asarray(solver.flows(arcs), np.int64)


def cheapest_flow(net: Network, cost: Ints, value: int, face: Ints | None = None) -> Ints:
    """Return the cheapest flow of a value that is known to be possible, among those of a face (`Network.face`)."""
    largest = int(np.abs(cost).max(initial=0))
    if largest * 4 * (net.nodes + 2) >= SAFE:
        raise BangfuError("pairing_range", people=net.nodes, limit=SAFE // 4 // (net.nodes + 2))
    free = np.arange(len(cost)) if face is None else np.flatnonzero(face == FREE)
    flow = np.zeros(len(cost), np.int64)
    supply = np.zeros(net.nodes, np.int64)
    supply[SOURCE], supply[SINK] = value, -value
    if face is not None:
        full = np.flatnonzero(face == FULL)
        flow[full] = net.capacity[full]
        np.subtract.at(supply, net.tail[full], flow[full])
        np.add.at(supply, net.head[full], flow[full])
    if not supply.any():
        return flow
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(net.tail[free], net.head[free], net.capacity[free], cost[free])
    solver.set_nodes_supplies(np.arange(net.nodes), supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise BangfuError("pairing_solver", status=str(status))
    flow[free] = solver.flows(arcs)
    return flow


# ---------------------------------------------------------------- prices


@dataclass(frozen=True)
class Residual:
    """What can still be changed in a flow: an arc where a unit can be added, and back where one can be taken."""

    start: Ints  # the arcs of node n are start[n] to start[n + 1]
    head: Ints
    cost: Ints


def residual(net: Network, flow: Ints, cost: Ints, extra: Sequence[tuple[int, int, int]], free: Flags) -> Residual:
    """Return the residual network of a flow on the arcs that are free, with `extra` arcs (tail, head, cost)."""
    ahead, back = np.flatnonzero(free & (flow < net.capacity)), np.flatnonzero(free & (flow > 0))
    more = np.array(extra, np.int64).reshape(-1, 3)
    tail = np.concatenate((net.tail[ahead], net.head[back], more[:, 0]))
    order = np.argsort(tail, kind="stable")
    start = np.zeros(net.nodes + 1, np.int64)
    np.cumsum(np.bincount(tail, minlength=net.nodes), out=start[1:])
    head = np.concatenate((net.head[ahead], net.tail[back], more[:, 1]))[order]
    return Residual(start, head, np.concatenate((cost[ahead], -cost[back], more[:, 2]))[order])


def distances(graph: Residual, first: Ints) -> tuple[Ints, Ints]:
    """Return each node's shortest distance, and the node before it on the way, by Bellman and Ford.

    `first` is where to start: each node's distance at most; FAR where no way starts. Only what changed is looked at
    again. Raises `Unproven` where a cycle makes distances fall without end.
    """
    nodes = len(first)
    distance, parent = first.copy(), np.arange(nodes)
    front, rounds = np.flatnonzero(first < FAR), 0
    while front.size:
        starts, counts = graph.start[front], graph.start[front + 1] - graph.start[front]
        ends = np.cumsum(counts)
        arcs = np.arange(ends[-1]) + np.repeat(starts - ends + counts, counts)
        heads, reached = graph.head[arcs], np.repeat(distance[front], counts) + graph.cost[arcs]
        better = np.flatnonzero(reached < distance[heads])
        heads, reached, tails = heads[better], reached[better], np.repeat(front, counts)[better]
        np.minimum.at(distance, heads, reached)
        won = reached == distance[heads]
        parent[heads[won]] = tails[won]
        rounds += 1
        if rounds >= ROUNDS and rounds.bit_count() == 1 and _has_cycle(parent):  # at 16, 32, 64 ...
            raise Unproven
        front = np.unique(heads)
    return distance, parent


def _has_cycle(parent: Ints) -> bool:
    """Tell whether going from parent to parent ever comes back: a cycle that grows cheaper each time round."""
    place = parent
    for _ in range(len(parent).bit_length()):
        place = place[place]
    return bool((parent[place] != place).any())
