"""The best pairing: against every answer of small problems, published optima, and orders of rows."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bangfu.pairing import check
from bangfu.pairing.budget import solve_budgets
from bangfu.pairing.problem import Problem
from bangfu.pairing.rules import Rules
from bangfu.pairing.solve import solve
from tests.pairing import files, instances

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "assignment"
ORDERS = [instances.ORDER, ("helped", "cost"), ("helped", "load", "cost"), ("helped", "kept", "cost")]
OPTIMA = {"gap1": [336, 327, 339, 341, 326], "gap2": [434, 436, 420, 419, 428]}


def best_of(problem: Problem) -> None:
    answer = solve(problem)
    check.best(problem, answer)
    assert instances.reached(problem, answer.chosen.tolist()) == instances.best(problem)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_no_answer_of_a_small_problem_is_better(order: tuple[str, ...], start: int) -> None:
    for seed in range(start, start + 250):
        best_of(instances.random_problem(random.Random(seed), order=order))


def test_small_problems_reach_every_kind_of_level() -> None:
    found = [instances.random_problem(random.Random(seed)) for seed in range(250)]
    optima = [instances.best(problem) for problem in found]
    assert any(-optimum[0] < problem.helped.size.sum() for problem, optimum in zip(found, optima, strict=True))
    assert any(problem.must.any() for problem in found)
    assert any(problem.due.any() for problem in found)
    assert any(problem.kept.sum() > -optimum[-3] for problem, optimum in zip(found, optima, strict=True))
    assert len({optimum[-2] for optimum in optima}) > 8  # loads


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_no_answer_with_budgets_is_better(order: tuple[str, ...]) -> None:
    for seed in range(60):
        problem = instances.random_problem(random.Random(seed), budgets=True, order=order)
        answer = solve_budgets(problem)
        check.hard_rules(problem, answer.chosen)
        assert answer.proven
        assert instances.reached(problem, answer.chosen.tolist()) == instances.best(problem)


@pytest.mark.parametrize("name", OPTIMA)
def test_published_optima_are_reached_from_files(name: str, tmp_path: Path) -> None:
    for tables, optimum in zip(files.gaps(DATA / f"{name}.txt"), OPTIMA[name], strict=True):
        found, pairs = files.pair(tmp_path, **tables)
        assert (found["status"], found["total_cost"], found["bound"]) == ("optimal", -optimum, -optimum)
        assert found["helped"] == len(pairs) == len(tables["helped"]) - 1
        assert found["proof"]["method"] == "search"


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data stand beside the project, not in it")
@pytest.mark.parametrize("name", OPTIMA)
def test_our_copy_of_the_published_problems_is_the_same(name: str) -> None:
    assert (DATA / f"{name}.txt").read_text() == (SHARED / f"{name}.txt").read_text()


def test_a_search_cut_short_says_so_and_gives_its_bound(tmp_path: Path) -> None:
    pick = random.Random(1)
    helpers = [("id", "capacity", "group"), *((f"a{a}", 90, "g") for a in range(10))]
    helped = [("id", "demand", "group"), *((f"j{j}", 1, "all") for j in range(60))]
    rows = [(f"a{a}", f"j{j}", -pick.randint(10, 50), pick.randint(5, 25)) for a in range(10) for j in range(60)]
    tables = {"helpers": helpers, "helped": helped, "allowed": [("helper", "helped", "cost", "use"), *rows]}
    problem = files.problem(tmp_path, **tables)
    answer = solve_budgets(replace(problem, rules=Rules(search=0.02)))
    check.hard_rules(problem, answer.chosen)
    assert not answer.proven
    levels = check.levels(problem, answer.chosen)
    assert levels.cost >= answer.bounds["cost"]
    assert levels.units <= answer.bounds["helped"]


def shuffled(rows: files.Rows, pick: random.Random) -> files.Rows:
    return [rows[0], *pick.sample(rows[1:], len(rows) - 1)]


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    pick = random.Random(3)
    helpers = [("id", "capacity", "group"), *((f"h{n}", pick.choice((1, 2)), pick.choice("ABC")) for n in range(30))]
    helped = [("id", "demand", "group"), *((f"p{n}", 1, pick.choice("uv")) for n in range(35))]
    pairs = [(f"h{a}", f"p{b}") for a in range(30) for b in range(35) if pick.random() < 0.2]
    allowed = [("helper", "helped", "cost"), *((*pair, pick.randint(0, 2)) for pair in pairs)]  # many ties
    previous = [("helper", "helped"), *pick.sample(pairs, 20)]
    tables = {"helpers": helpers, "helped": helped, "allowed": allowed, "previous": previous}
    first = files.pair(tmp_path, **tables)
    for _ in range(5):
        assert files.pair(tmp_path, **{name: shuffled(rows, pick) for name, rows in tables.items()}) == first


def test_a_helper_who_leaves_is_replaced_with_the_fewest_other_changes(tmp_path: Path) -> None:
    pick = random.Random(5)
    for _ in range(15):
        problem = instances.random_problem(pick, order=("helped", "kept", "load", "cost"))
        tables = tables_of(problem)
        _, before = files.pair(tmp_path, **tables)
        gone = pick.choice(problem.helpers.ids)
        tables["helpers"] = [row for row in tables["helpers"] if row[0] != gone]
        tables["allowed"] = [row for row in tables["allowed"] if row[0] != gone]
        tables["previous"] = [("helper", "helped"), *(pair[:2] for pair in before)]
        after = files.problem(tmp_path, **tables)
        found, pairs = files.pair(tmp_path)
        assert found["kept"] == len({pair[:2] for pair in pairs} & {pair[:2] for pair in before})
        assert -instances.best(after)[1] == found["kept"]  # no answer that helps as many keeps more
        lapsed = {(one["helper"], one["helped"]) for one in found["lapsed"]}
        assert lapsed == {pair[:2] for pair in before if pair[0] == gone}


def tables_of(problem: Problem) -> dict[str, files.Rows]:
    helpers, helped, arcs = problem.helpers, problem.helped, problem.arcs
    groups = [helpers.groups[group] for group in helpers.group]
    ends = zip(arcs.helper.tolist(), arcs.helped.tolist(), arcs.cost.tolist(), strict=True)
    people = zip(helped.ids, helped.size.tolist(), ["u"] * len(helped.ids), strict=True)
    return {
        "helpers": [("id", "capacity", "group"), *zip(helpers.ids, helpers.size.tolist(), groups, strict=True)],
        "helped": [("id", "demand", "group"), *people],
        "allowed": [("helper", "helped", "cost"), *((helpers.ids[a], helped.ids[b], cost) for a, b, cost in ends)],
    }  # fmt: skip


def test_a_town_of_a_thousand_is_proven_too() -> None:
    pick = np.random.default_rng(2)
    problem = instances.town(pick, 1000)
    answer = solve(problem)
    check.best(problem, answer)
    levels = check.levels(problem, answer.chosen)
    assert levels.units > 900
    assert 0 < levels.kept < problem.kept.sum()


def test_costs_may_be_decimals(tmp_path: Path) -> None:
    allowed = [("helper", "helped", "cost"), ("h1", "p1", "0.1"), ("h1", "p2", "0.2"), ("h2", "p3", "-0.000001")]
    found, pairs = files.pair(tmp_path, allowed=allowed)
    assert found["total_cost"] == 0.299999
    assert [cost for _, _, cost in pairs] == ["0.1", "0.2", "-0.000001"]


@pytest.mark.parametrize(
    ("tables", "helped"),
    [
        ({"allowed": [("helper", "helped", "cost")]}, 0),
        ({"helpers": [("id", "capacity", "group")], "allowed": [("helper", "helped", "cost")]}, 0),
        ({"helped": [("id", "demand", "group")], "allowed": [("helper", "helped", "cost")]}, 0),
        ({"helpers": [("id", "capacity", "group"), ("h1", 0, ""), ("h2", 0, ""), ("h3", 0, "")]}, 0),
    ],
)
def test_an_empty_problem_has_an_answer(tables: dict[str, files.Rows], helped: int, tmp_path: Path) -> None:
    found, pairs = files.pair(tmp_path, **tables)
    assert (found["status"], found["helped"], pairs) == ("optimal", helped, [])
    assert found["proof"]["checked"]
