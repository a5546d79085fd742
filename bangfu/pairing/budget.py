"""Pairs that use different amounts of a helper's capacity (a donor's budget): generalised assignment, by CP-SAT.

Level by level like `solve.py`. The search is one thread and is limited in its own deterministic time, so that the same
input gives the same answer on any machine; where the limit cuts it short, each level's bound says how far it got.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from ortools.sat.python import cp_model

from bangfu.core.errors import BangfuError
from bangfu.pairing import loads
from bangfu.pairing.problem import Flags, Ints, Problem
from bangfu.pairing.solve import Answer, group_capacity, in_order

EXACT = 2**53  # bounds come as floats
SEED = 1


def solve_budgets(problem: Problem) -> Answer:
    """Return the best pairing, or the best one found with the bounds that are proven."""
    problem = in_order(problem)
    if int(np.abs(problem.arcs.cost).astype(object).sum()) >= EXACT:
        raise BangfuError("pairing_range", people=len(problem.helped.ids), limit=EXACT // max(len(problem.arcs), 1))
    search = _Search(problem)
    for level in problem.order:
        search.steps[level]()
    return Answer(np.flatnonzero(search.on), None, search.bounds, search.proven)


class _Search:
    """A model that grows by a constraint for each level that is settled."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.model = problem, cp_model.CpModel()
        self.vars = [self.model.new_bool_var("") for _ in range(len(problem.arcs))]
        self.on: Flags = problem.must.copy()
        self.bounds: dict[str, int] = {}
        self.proven = True
        self.steps = {
            "helped": self._helped, "filled": self._filled, "kept": self._kept, "load": self._load, "cost": self._cost,
        }  # fmt: skip
        self._hard_rules()

    def _hard_rules(self) -> None:
        arcs, model = self.problem.arcs, self.model
        for place in np.flatnonzero(self.problem.must):
            model.add(self.vars[place] == 1)
        for places, room in _by(arcs.helper, self.problem.helpers.size):
            model.add(cp_model.LinearExpr.weighted_sum(*self._weighted(places, arcs.use)) <= room)
        for places, room in _by(arcs.helped, self.problem.helped.size):
            model.add(cp_model.LinearExpr.sum([self.vars[place] for place in places]) <= room)

    def _weighted(self, places: Ints, weights: Ints) -> tuple[list[cp_model.IntVar], list[int]]:
        return [self.vars[place] for place in places], [int(weights[place]) for place in places]

    def _total(self, weights: Ints) -> cp_model.LinearExprT:
        return cp_model.LinearExpr.weighted_sum(*self._weighted(np.flatnonzero(weights), weights))

    def _helped(self) -> None:
        total = self._total(np.ones(len(self.vars), np.int64))
        self.model.add(total >= self._best("helped", total, 1))

    def _kept(self) -> None:
        if self.problem.kept.any():
            total = self._total(self.problem.kept.astype(np.int64))
            self.model.add(total >= self._best("kept", total, 1))

    def _filled(self) -> None:
        arcs, parts = self.problem.arcs, []
        for places, due in _by(arcs.helper, self.problem.due):
            part = self.model.new_int_var(0, due, "")
            self.model.add(part <= cp_model.LinearExpr.sum([self.vars[place] for place in places]))
            parts.append(part)
        total = cp_model.LinearExpr.sum(parts)
        self.model.add(total >= self._best("filled", total, 1))

    def _cost(self) -> None:
        self._best("cost", self._total(self.problem.arcs.cost), -1)

    def _best(self, level: str, total: cp_model.LinearExprT, sign: int) -> int:
        """Find the largest (sign 1) or least (-1) total, keep the answer, and return the total."""
        if sign > 0:
            self.model.maximize(total)
        else:
            self.model.minimize(total)
        solver, found = self._search()
        self.model.clear_objective()  # type: ignore[no-untyped-call]
        value = round(solver.objective_value) if found else self._value(level)
        self.bounds[level] = round(solver.best_objective_bound)
        self.proven &= self.bounds[level] == value
        return value

    def _value(self, level: str) -> int:
        """Return what the answer at hand reaches, where the search found none."""
        count = np.bincount(self.problem.arcs.helper[self.on], minlength=len(self.problem.due))
        return {
            "helped": int(self.on.sum()),
            "kept": int(self.problem.kept[self.on].sum()),
            "filled": int(np.minimum(count, self.problem.due).sum()),
            "cost": int(self.problem.arcs.cost[self.on].sum()),
        }[level]

    def _search(self) -> tuple[cp_model.CpSolver, bool]:
        """Search from the answer at hand; tell whether an answer was found, and keep it."""
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for var, value in zip(self.vars, self.on, strict=True):
            self.model.add_hint(var, bool(value))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = SEED
        solver.parameters.max_deterministic_time = self.problem.rules.search
        status = solver.solve(self.model)
        found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        if found:
            self.on = np.array([solver.boolean_value(var) for var in self.vars], np.bool_)
        self.infeasible = status == cp_model.INFEASIBLE
        return solver, found

    def _load(self) -> None:
        """Halve the span between a load that is too small and one that is reached, until none lies between."""
        capacity = group_capacity(self.problem)
        low, high, too_little = Fraction(0), self._largest(capacity), np.full(len(capacity), -1, np.int64)
        while high:
            middle, below = (low + high) / 2, loads.room_below(high, capacity)
            room = np.minimum(loads.room_at(middle, capacity), below)
            known = bool((room == too_little).all())
            if not known and self._under(room):
                high = self._largest(capacity)
            elif (room == below).all():
                break
            else:
                low, too_little = middle, room
        self._limit(self.model, loads.room_at(high, capacity))

    def _largest(self, capacity: Ints) -> Fraction:
        arcs = self.problem.arcs.take(self.on)
        groups = self.problem.helpers.group[arcs.helper]
        return loads.largest(np.bincount(groups, arcs.use, len(capacity)).astype(np.int64), capacity)

    def _under(self, room: Ints) -> bool:
        """Search for an answer whose groups use no more than `room`; without one that is proven, note so."""
        whole = self.model
        self.model = whole.clone()
        self._limit(self.model, room)
        _, found = self._search()
        self.model = whole
        self.proven &= found or self.infeasible
        return found

    def _limit(self, model: cp_model.CpModel, room: Ints) -> None:
        groups = self.problem.helpers.group[self.problem.arcs.helper]
        for places, most in _by(groups, room):
            model.add(cp_model.LinearExpr.weighted_sum(*self._weighted(places, self.problem.arcs.use)) <= most)


def _by(ends: Ints, sizes: Ints) -> list[tuple[Ints, int]]:
    """Return, for each end that has pairs, their places and its size."""
    order = np.argsort(ends, kind="stable")
    starts = np.flatnonzero(np.diff(ends[order], prepend=-1))
    parts = np.split(order, starts[1:]) if len(order) else []
    return [(part, int(sizes[ends[part[0]]])) for part in parts]
