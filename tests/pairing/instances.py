"""Small random problems, and their answers by trying everything."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import numpy as np

from bangfu.pairing.problem import Arcs, Problem, Side
from bangfu.pairing.rules import Rules

ORDER = ("helped", "filled", "kept", "load", "cost")


def side(prefix: str, sizes: list[int], groups: list[str]) -> Side:
    """Return one side of a problem."""
    ids = [f"{prefix}{number:02d}" for number in range(len(sizes))]
    names = sorted({*groups})
    places = np.array([names.index(group) for group in groups], np.int64)
    columns = {"id": ids, "group": groups}
    index = {id_: place for place, id_ in enumerate(ids)}
    return Side(ids, np.array(sizes, np.int64), places, names, columns, index, [*range(2, 2 + len(ids))])


def random_problem(pick: random.Random, budgets: bool = False, order: tuple[str, ...] = ORDER) -> Problem:
    """Return a problem small enough to try every answer."""
    helpers, helped = pick.randint(1, 4), pick.randint(1, 5)
    capacities = [pick.choice((0, 1, 1, 2, 3)) * (4 if budgets else 1) for _ in range(helpers)]
    demands = [pick.choice((1, 1, 1, 2)) for _ in range(helped)]
    groups = [pick.choice("xyz") for _ in range(helpers)]
    share = pick.choice((0.4, 0.6, 0.9))
    arcs = [(a, b) for a in range(helpers) for b in range(helped) if pick.random() < share][:12]
    spread = pick.choice((1, 3, 50))
    cost = [pick.randint(-spread, spread) for _ in arcs]
    use = [pick.randint(1, 6) if budgets else 1 for _ in arcs]
    columns = [np.array(column, np.int64) for column in ([a for a, _ in arcs], [b for _, b in arcs], cost, use)]
    kept = np.array([pick.random() < 0.3 for _ in arcs], np.bool_)
    due = np.zeros(helpers, np.int64)
    if pick.random() < 0.3:
        due = np.array([pick.randint(0, size) for size in capacities], np.int64)
    ours = side("h", capacities, groups)
    return Problem(
        ours, side("p", demands, [pick.choice("uv") for _ in demands]), Arcs(*columns), kept,
        _musts(pick, arcs, capacities, demands, use), due=due, rules=Rules(order=order),
    )  # fmt: skip


def _musts(
    pick: random.Random, arcs: list[tuple[int, int]], capacities: list[int], demands: list[int], use: list[int]
) -> np.ndarray:
    must = np.zeros(len(arcs), np.bool_)
    room, need = capacities[:], demands[:]
    if pick.random() < 0.3:
        for place, (a, b) in enumerate(arcs):
            if pick.random() < 0.2 and room[a] >= use[place] and need[b]:
                must[place] = True
                room[a] -= use[place]
                need[b] -= 1
    return must


def reached(problem: Problem, chosen: list[int]) -> tuple[Fraction, ...]:
    """Return what an answer reaches at each level, smaller is better."""
    arcs = problem.arcs
    count = Counter(int(arcs.helper[place]) for place in chosen)
    helpers = problem.helpers
    capacity: Counter[int] = Counter()
    use: Counter[int] = Counter()
    for place, size in enumerate(helpers.size):
        capacity[int(helpers.group[place])] += int(size)
    for place in chosen:
        use[int(helpers.group[arcs.helper[place]])] += int(arcs.use[place])
    levels = {
        "helped": -len(chosen),
        "filled": -sum(min(number, int(problem.due[place])) for place, number in count.items()),
        "kept": -sum(bool(problem.kept[place]) for place in chosen),
        "load": max((Fraction(used, capacity[group]) for group, used in use.items()), default=Fraction(0)),
        "cost": sum(int(arcs.cost[place]) for place in chosen),
    }
    return tuple(Fraction(levels[level]) for level in problem.order)


def best(problem: Problem) -> tuple[Fraction, ...]:
    """Return what the best of all answers reaches."""
    arcs = problem.arcs
    room, need = [*map(int, problem.helpers.size)], [*map(int, problem.helped.size)]
    found: list[tuple[Fraction, ...]] = []

    def extend(place: int, chosen: list[int]) -> None:
        if place == len(arcs):
            found.append(reached(problem, chosen))
            return
        a, b, use = int(arcs.helper[place]), int(arcs.helped[place]), int(arcs.use[place])
        if not problem.must[place]:
            extend(place + 1, chosen)
        if room[a] >= use and need[b]:
            room[a] -= use
            need[b] -= 1
            extend(place + 1, [*chosen, place])
            room[a] += use
            need[b] += 1

    extend(0, [])
    return min(found)


def town(pick: np.random.Generator, people: int, least: int = 0, each: int = 8) -> Problem:
    """Return a larger problem: eight pairs for each, previous pairs that cannot all be kept."""
    key = np.unique(pick.integers(0, people, people * each) * people + np.repeat(np.arange(people), each))
    helper, helped = np.divmod(key, people)
    arcs = Arcs(helper, helped, pick.integers(-50, 50, len(key)), np.ones(len(key), np.int64))
    capacities = pick.integers(least, 3, people).tolist()
    groups = [f"g{number}" for number in pick.integers(0, 12, people)]
    kept = pick.random(len(key)) < 0.1
    helpers, helped = side("h", capacities, groups), side("p", [1] * people, ["u"] * people)
    return Problem(
        helpers, helped, arcs, kept, np.zeros(len(key), np.bool_),
        due=np.zeros(people, np.int64), rules=Rules(order=ORDER),
    )  # fmt: skip
