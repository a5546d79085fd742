"""The network under a pairing: source, groups, helpers, helped, sink; flows in it, and prices that prove them.

A unit of flow is a pair: source -> its group -> its helper -> the helped -> sink. Everything is an integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python.max_flow import SimpleMaxFlow
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from bangfu.core.errors import BangfuError
from bangfu.pairing.problem import Flags, Ints, Problem

SOURCE, SINK, OTHERS = 0, 1, 2
SAFE = 2**62


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

    def prices(self, flow: Ints, cost: Ints, worth: int | None = None) -> Ints:
        """Return each node's price under a flow; `worth` is what one more unit is worth where their number is free.

        Raises `Unproven` where the flow is not the best one.
        """
        extra = []
        if worth is not None:
            extra = [(SINK, SOURCE, -worth)]
            extra += [(SOURCE, SINK, worth)] if flow[self.pairs].any() else []
        limit = (self.links + 4) * int(np.abs(cost).max(initial=0)) + 2 * (worth or 0) + 1
        return distances(residual(self, flow, cost, extra), np.zeros(self.nodes, np.int64), limit)

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
    columns = [
        np.concatenate([np.broadcast_to(np.asarray(part[column], np.int64), size) for part, size in zip(parts, sizes, strict=True)])
        for column in range(5)
    ]  # fmt: skip
    groups, first, _, pairs, _ = (slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True))
    return Network(at_helped + len(helped.ids), *columns, groups, first, pairs, owing, ~settled)


# ---------------------------------------------------------------- flows, by OR-Tools


def largest_flow(net: Network) -> Ints:
    """Return a flow that reaches as many as can be."""
    solver = SimpleMaxFlow()
    arcs = solver.add_arcs_with_capacity(net.tail, net.head, net.capacity)
    if not len(net.tail) or solver.solve(SOURCE, SINK) != solver.OPTIMAL:
        return np.zeros(len(net.tail), np.int64)
    return np.asarray(solver.flows(arcs), np.int64)


def cheapest_flow(net: Network, cost: Ints, value: int) -> Ints:
    """Return the cheapest flow of a value that is known to be possible."""
    largest = int(np.abs(cost).max(initial=0))
    if largest * 4 * (net.nodes + 2) >= SAFE:
        raise BangfuError("pairing_range", nodes=net.nodes, limit=SAFE // 4 // (net.nodes + 2) // net.links)
    if not value:
        return np.zeros(len(net.tail), np.int64)
    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(net.tail, net.head, net.capacity, cost)
    solver.set_node_supply(SOURCE, value)
    solver.set_node_supply(SINK, -value)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise BangfuError("pairing_solver", status=str(status))
    return np.asarray(solver.flows(arcs), np.int64)


# ---------------------------------------------------------------- prices


@dataclass(frozen=True)
class Residual:
    """What can still be changed in a flow: an arc where a unit can be added, and back where one can be taken."""

    start: Ints  # the arcs of node n are start[n] to start[n + 1]
    head: Ints
    cost: Ints


def residual(net: Network, flow: Ints, cost: Ints, extra: Sequence[tuple[int, int, int]] = ()) -> Residual:
    """Return the residual network of a flow, with `extra` arcs (tail, head, cost)."""
    ahead, back = np.flatnonzero(flow < net.capacity), np.flatnonzero(flow > 0)
    more = np.array(extra, np.int64).reshape(-1, 3)
    tail = np.concatenate((net.tail[ahead], net.head[back], more[:, 0]))
    order = np.argsort(tail, kind="stable")
    start = np.zeros(net.nodes + 1, np.int64)
    np.cumsum(np.bincount(tail, minlength=net.nodes), out=start[1:])
    head = np.concatenate((net.head[ahead], net.tail[back], more[:, 1]))[order]
    return Residual(start, head, np.concatenate((cost[ahead], -cost[back], more[:, 2]))[order])


def distances(graph: Residual, first: Ints, limit: int) -> Ints:
    """Return each node's shortest distance from the nodes where `first` is lowest, by Bellman and Ford.

    Only what changed is looked at again. Raises `Unproven` where a cycle makes distances fall below -`limit`.
    """
    distance = first.copy()
    front = np.flatnonzero(first < SAFE)
    marked = np.zeros(len(first), np.bool_)
    rounds = 0
    while front.size:
        starts, counts = graph.start[front], graph.start[front + 1] - graph.start[front]
        ends = np.cumsum(counts)
        arcs = np.arange(ends[-1]) + np.repeat(starts - ends + counts, counts)
        heads, reached = graph.head[arcs], np.repeat(distance[front], counts) + graph.cost[arcs]
        better = reached < distance[heads]
        heads, reached = heads[better], reached[better]
        np.minimum.at(distance, heads, reached)
        rounds += 1
        if rounds > len(first) + 1 or (heads.size and int(reached.min()) < -limit):
            raise Unproven
        marked[:] = False
        marked[heads] = True
        front = np.flatnonzero(marked)
    return distance
