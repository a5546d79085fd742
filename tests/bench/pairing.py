"""Pairing: all levels and the proof beside one bare solve of the same pairs by OR-Tools, SciPy and HiGHS.

python -m tests.bench.pairing KIND FOLDER      one of `kinds`, on a folder that `make` has filled
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bangfu.pairing import check
from bangfu.pairing.problem import Problem
from bangfu.pairing.reading import read_problem
from bangfu.pairing.solve import solve

EACH = 20  # allowed pairs of a household
DEPARTMENTS = 50


def make(folder: Path, households: int, kept: float = 0.0) -> None:
    """Write a random problem: as many helpers as households, one in ten with two places, twenty pairs each."""
    folder.mkdir(parents=True, exist_ok=True)
    pick = np.random.default_rng(1)
    helper = pick.integers(0, households, households * EACH)
    helped = np.repeat(np.arange(households), EACH)
    helper, helped = np.divmod(np.unique(helper * households + helped), households)
    cost = pick.integers(0, 1000, len(helper))
    places = 1 + (pick.random(households) < 0.1)
    groups = pick.integers(0, DEPARTMENTS, households)
    rows = np.flatnonzero(pick.random(len(helper)) < kept / EACH)
    _write(folder / "helpers.csv", "id,capacity,group", ([f"h{n}", places[n], groups[n]] for n in range(households)))
    _write(folder / "helped.csv", "id,demand,group", ([f"p{n}", 1, n % DEPARTMENTS] for n in range(households)))
    lines = zip(helper.tolist(), helped.tolist(), cost.tolist(), strict=True)
    _write(folder / "allowed.csv", "helper,helped,cost", ([f"h{a}", f"p{b}", c] for a, b, c in lines))
    if kept:
        _write(folder / "previous.csv", "helper,helped", ([f"h{helper[n]}", f"p{helped[n]}"] for n in rows))


def _write(path: Path, header: str, rows: object) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)  # type: ignore[arg-type]


def ours(problem: Problem) -> int:
    """Solve every level and prove it."""
    answer = solve(problem)
    check.best(problem, answer)
    return check.levels(problem, answer.chosen).cost


def bare(problem: Problem) -> int:
    """Solve the cost alone, as OR-Tools' own example does."""
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    helpers, helped, arcs = len(problem.helpers.ids), len(problem.helped.ids), problem.arcs
    left, right = 2 + np.arange(helpers), 2 + helpers + np.arange(helped)
    tail = np.concatenate((np.zeros(helpers, np.int64), left[arcs.helper], right))
    head = np.concatenate((left, right[arcs.helped], np.ones(helped, np.int64)))
    capacity = np.concatenate((problem.helpers.size, np.ones(len(arcs), np.int64), problem.helped.size))
    cost = np.concatenate((np.zeros(helpers, np.int64), arcs.cost, np.zeros(helped, np.int64)))
    solver = SimpleMinCostFlow()
    solver.add_arcs_with_capacity_and_unit_cost(tail, head, capacity, cost)
    solver.set_nodes_supplies(np.array([0, 1]), np.array([helped, -helped]))
    solver.solve_max_flow_with_min_cost()
    return int(solver.optimal_cost())


def scipy(problem: Problem) -> int:
    """Solve the cost alone as a sparse matching, a helper with two places standing twice."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    arcs, sizes = problem.arcs, problem.helpers.size
    first = np.concatenate(([0], np.cumsum(sizes)))
    twice = np.flatnonzero(sizes[arcs.helper] > 1)
    left = np.concatenate((first[arcs.helper], first[arcs.helper[twice]] + 1))
    right, cost = (np.concatenate((column, column[twice])) for column in (arcs.helped, arcs.cost))
    matrix = csr_array((cost + 1.0, (right, left)), shape=(len(problem.helped.ids), int(first[-1])))
    rows, columns = min_weight_full_bipartite_matching(matrix)
    return round(float(matrix[rows, columns].sum())) - len(rows)


def highs(problem: Problem) -> int:
    """Solve the cost alone as a linear programme."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    arcs, every = problem.arcs, np.arange(len(problem.arcs))
    ones = np.ones(len(arcs))
    ours = csr_array((ones, (arcs.helper, every)), shape=(len(problem.helpers.ids), len(arcs)))
    theirs = csr_array((ones, (arcs.helped, every)), shape=(len(problem.helped.ids), len(arcs)))
    found = linprog(arcs.cost, ours, problem.helpers.size, theirs, problem.helped.size, (0, 1), method="highs-ds")
    return round(found.fun)


kinds: dict[str, Callable[[Problem], int]] = {"ours": ours, "bare": bare, "scipy": scipy, "highs": highs}


def main(kind: str, folder: Path) -> None:
    """Print seconds, total cost and peak MiB of one kind as JSON."""
    problem = read_problem(folder)
    started = time.perf_counter()
    cost = kinds[kind](problem)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cost": cost, "pairs": len(problem.arcs), "peak_mib": peak}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
