"""Which helper is the contact of which group of the helped."""

from __future__ import annotations

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from bangfu.pairing.problem import Ints, Problem


def contacts(problem: Problem, chosen: Ints) -> dict[str, str | None]:
    """Return each group's contact: the one its file names, else one of those who may be, where most of his pairs are.

    As many groups as can be have one; empty where no helper may be a contact.
    """
    if not problem.contact:
        return {}
    found: dict[str, str | None] = dict.fromkeys(problem.helped.groups)
    for id_, group in sorted(problem.contact.items(), reverse=True):
        if group:
            found[group] = id_  # of several that are named, the first by id
    free = sorted(id_ for id_, group in problem.contact.items() if not group)
    open_ = [group for group, id_ in found.items() if id_ is None]
    found |= _assigned(problem, chosen, free, open_)
    return found


def _assigned(problem: Problem, chosen: Ints, free: list[str], open_: list[str]) -> dict[str, str | None]:
    """Match those who may be a contact with groups without one."""
    arcs = problem.arcs.take(chosen)
    pairs = np.zeros((len(problem.helpers.ids), len(problem.helped.groups)), np.int64)
    np.add.at(pairs, (arcs.helper, problem.helped.group[arcs.helped]), 1)
    ours = pairs[[problem.helpers.index[id_] for id_ in free]][:, [problem.helped.groups.index(g) for g in open_]]
    source, sink, at = 0, 1, 2 + len(free)
    solver = SimpleMinCostFlow()
    for left in range(len(free)):
        solver.add_arc_with_capacity_and_unit_cost(source, 2 + left, 1, 0)
    for right in range(len(open_)):
        solver.add_arc_with_capacity_and_unit_cost(at + right, sink, 1, 0)
    links = {
        solver.add_arc_with_capacity_and_unit_cost(2 + left, at + right, 1, -int(ours[left, right])): (left, right)
        for left in range(len(free))
        for right in range(len(open_))
    }
    many = min(len(free), len(open_))
    if not many:
        return {}
    solver.set_node_supply(source, many)
    solver.set_node_supply(sink, -many)
    solver.solve()
    return {open_[right]: free[left] for arc, (left, right) in links.items() if solver.flow(arc)}
