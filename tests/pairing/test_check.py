"""The checker trusts nobody: every answer that is not allowed, or not the best, is caught."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from bangfu.pairing import check, loads
from bangfu.pairing.flow import SINK, SOURCE, network
from bangfu.pairing.problem import Problem
from bangfu.pairing.solve import Answer, solve
from tests.pairing import instances


def answers(problem: Problem) -> list[np.ndarray]:
    """Return every choice of pairs that the hard rules allow."""
    found = []
    for bits in range(2 ** len(problem.arcs)):
        chosen = np.flatnonzero([bits >> place & 1 for place in range(len(problem.arcs))])
        try:
            check.hard_rules(problem, chosen)
        except check.Wrong:
            continue
        found.append(chosen)
    return found


@pytest.mark.parametrize("start", range(0, 90, 30))
def test_of_all_allowed_answers_exactly_the_best_are_proven(start: int) -> None:
    proven = caught = 0
    for seed in range(start, start + 30):
        problem = instances.random_problem(random.Random(seed))
        if len(problem.arcs) > 8:
            continue
        best, prices = instances.best(problem), solve(problem).load_prices
        for chosen in answers(problem):
            if instances.reached(problem, chosen.tolist()) == best:
                check.best(problem, Answer(chosen, prices))
                proven += 1
                continue
            with pytest.raises(check.Wrong) as wrong:
                check.best(problem, Answer(chosen, prices))
            assert wrong.value.code == "pairing_wrong_level"
            caught += 1
    assert proven
    assert caught > proven


def test_hard_rules_are_counted() -> None:
    problem = instances.town(np.random.default_rng(4), 60)
    chosen = solve(problem).chosen
    check.hard_rules(problem, chosen)
    full = problem.arcs.helper[chosen[0]]
    room = replace(problem.helpers, size=np.where(np.arange(60) == full, 0, problem.helpers.size))
    need = replace(problem.helped, size=np.where(np.arange(60) == problem.arcs.helped[chosen[0]], 0, 1))
    missing = np.zeros(len(problem.arcs), np.bool_)
    missing[np.setdiff1d(np.arange(len(problem.arcs)), chosen)[0]] = True
    for wrong, pairs, code in (
        (replace(problem, helpers=room), chosen, "pairing_wrong_capacity"),
        (replace(problem, helped=need), chosen, "pairing_wrong_demand"),
        (replace(problem, must=missing), chosen, "pairing_wrong_must"),
        (problem, np.append(chosen, chosen[0]), "pairing_wrong_pairs"),
        (problem, np.append(chosen, len(problem.arcs)), "pairing_wrong_pairs"),
    ):
        with pytest.raises(check.Wrong) as caught:
            check.hard_rules(wrong, pairs)
        assert caught.value.code == code


def test_a_swap_in_a_larger_answer_is_caught() -> None:
    problem = instances.town(np.random.default_rng(6), 300, least=1)
    answer = solve(problem)
    levels = check.levels(problem, answer.chosen)
    tried = 0
    for gone in answer.chosen[::20]:
        without = np.setdiff1d(answer.chosen, [gone])
        with pytest.raises(check.Wrong):
            check.best(problem, replace(answer, chosen=without))
        for other in np.flatnonzero(problem.arcs.helped == problem.arcs.helped[gone]):
            swapped = np.sort(np.append(without, other))
            if other != gone and _allowed(problem, swapped) and check.levels(problem, swapped) != levels:
                tried += 1
                with pytest.raises(check.Wrong):
                    check.best(problem, replace(answer, chosen=swapped))
    assert tried > 5


def _allowed(problem: Problem, chosen: np.ndarray) -> bool:
    try:
        check.hard_rules(problem, chosen)
    except check.Wrong:
        return False
    return True


def test_a_load_is_not_proven_by_wrong_prices() -> None:
    proven_by_prices = 0
    for seed in range(200):
        problem = instances.random_problem(random.Random(seed))
        answer = solve(problem)
        if answer.load_prices is None:
            continue
        proven_by_prices += 1
        check.best(problem, answer)
        nodes = network(problem, problem.must).nodes
        for wrong in (None, np.zeros(nodes, np.int64), np.zeros(0, np.int64), -answer.load_prices):
            with pytest.raises(check.Wrong) as caught:
                check.best(problem, replace(answer, load_prices=wrong))
            assert caught.value.facts == {"level": "load"}
    assert proven_by_prices >= 20


def test_prices_pay_for_a_unit_from_source_to_sink() -> None:
    problem = instances.town(np.random.default_rng(8), 100)
    net = network(problem, problem.must)
    chosen = np.zeros(len(problem.arcs), np.bool_)
    chosen[solve(problem).chosen] = True
    prices = net.prices(check.flow_of(problem, net, chosen), np.zeros_like(net.cost), 1)
    assert prices[SINK] - prices[SOURCE] == 1


def test_the_least_load_is_the_least_fraction_of_all() -> None:
    pick = random.Random(9)
    for _ in range(300):
        capacity = [pick.randint(1, pick.choice((5, 60, 2**31 - 1))) for _ in range(pick.randint(1, 4))]
        worth = [pick.randint(0, 3) for _ in capacity]
        most = sum(w * c for w, c in zip(worth, capacity, strict=True))
        if not most:
            continue
        need = pick.randint(1, most)
        load = loads.least(np.array(worth), np.array(capacity), need)
        assert room(worth, capacity, load) >= need
        below = loads.room_below(load, np.array(capacity)).tolist()
        assert all(Fraction(count, size) < load for count, size in zip(below, capacity, strict=True))
        assert sum(w * count for w, count in zip(worth, below, strict=True)) < need


def room(worth: list[int], capacity: list[int], load: Fraction) -> int:
    rooms = loads.room_at(load, np.array(capacity)).tolist()
    assert rooms == [int(load * size) for size in capacity]
    return sum(w * count for w, count in zip(worth, rooms, strict=True))
