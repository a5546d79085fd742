"""Why: what stands in the way of those without a helper, what would help, why a pair is one, what a change costs."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bangfu.cli.main import cli
from bangfu.core.errors import BangfuError
from bangfu.core.messages import speaking
from bangfu.pairing import reasons
from bangfu.pairing.budget import solve_budgets
from bangfu.pairing.problem import Problem
from bangfu.pairing.solve import solve
from tests.pairing import files, instances


def reason_of(folder: Path, id_: str, **tables: files.Rows | str) -> tuple[str, str]:
    problem = files.problem(folder, **tables)
    with speaking("en"):
        found = reasons.unhelped(problem, solve(problem))
    one = next(one for one in found if one.id == id_)
    return one.reason, one.change


NOBODY = [*files.HELPED, ("p5", 1, "v")]


def test_nobody_may_help(tmp_path: Path) -> None:
    reason, change = reason_of(tmp_path, "p5", helped=NOBODY)
    assert reason == "no pair in allowed.csv names it; "
    assert change == "what would help: allow it a helper with room"


def test_rules_stand_in_the_way_and_the_cheapest_is_named(tmp_path: Path) -> None:
    allowed = [*files.ALLOWED, ("h1", "p5", 3), ("h2", "p5", 4), ("h3", "p5", 2)]
    rules = "[[never]]\nname = 'kin'\npairs = [['h1', 'p5']]\n[[never]]\nname = 'far'\nhelped = {id = 'p5'}"
    helpers = [("id", "capacity", "group"), ("h1", 4, "A"), ("h2", 2, "A"), ("h3", 0, "B")]
    reason, change = reason_of(tmp_path, "p5", helpers=helpers, helped=NOBODY, allowed=allowed, rules=rules)
    assert reason == "all its 3 pairs are forbidden by rules: far, kin; "
    assert change == "what would help at the least cost: lift rule 'kin' for h1, cost 3"


def test_helpers_without_room_are_named_with_their_exemption(tmp_path: Path) -> None:
    helpers = [("id", "capacity", "group", "exempt"), ("h1", 2, "A", ""), ("h2", 1, "A", "ill"), ("h3", 0, "B", "")]
    reason, _ = reason_of(tmp_path, "p3", helpers=helpers)
    assert reason == "none of its 2 helpers has room: h2 (ill), h3; "


def test_helpers_who_are_full_are_counted_with_all_exchanges(tmp_path: Path) -> None:
    helped = [*files.HELPED, ("p5", 1, "v"), ("p6", 1, "w")]
    helpers = [*files.HELPERS, ("h9", 5, "C")]
    allowed = [*files.ALLOWED, ("h3", "p5", 700), ("h9", "p6", 0)]
    reason, change = reason_of(tmp_path, "p5", helpers=helpers, helped=helped, allowed=allowed)
    assert reason == "its 1 helpers are full: with all exchanges 3 helpers have 4 places for 5 needs; "
    assert change == "what would help at the least cost: one more place at h1, total cost 694 more"


def test_budgets_that_are_too_small_say_how_much_is_missing(tmp_path: Path) -> None:
    allowed = [("helper", "helped", "cost", "use"), ("h1", "p1", 0, 2), ("h1", "p2", 0, 2), ("h3", "p2", 0, 4)]
    problem = files.problem(tmp_path, allowed=allowed)
    with speaking("en"):
        found = {one.id: one for one in reasons.unhelped(problem, solve_budgets(problem))}
    left = found["p1"] if "p1" in found else found["p2"]
    assert "has 0 of 2" in left.reason or "has 1 of 4" in left.reason
    assert left.change.startswith("what would help: ")


@pytest.mark.parametrize("order", [("helped", "cost"), ("helped", "kept", "cost")], ids="-".join)
def test_the_cheapest_place_costs_what_is_said(order: tuple[str, ...]) -> None:
    tried = 0
    for seed in range(900):
        problem = instances.random_problem(random.Random(seed), order=order)
        best = instances.best(problem)
        helpers = np.flatnonzero(problem.helpers.size)
        if -best[0] != problem.helped.size.sum() - 1 or not helpers.size:
            continue
        [lacking] = reasons.unhelped(problem, solve(problem))
        if lacking.code != "pairing_reason_full":
            continue
        after = min(instances.best(one_more(problem, helper)) for helper in helpers)
        with speaking("en"):
            [said] = reasons.unhelped(problem, solve(problem))
        cost, kept = after[-1] - best[-1], (after[1] - best[1] if "kept" in order else 0)
        assert after[0] == best[0] - 1
        assert said.change.endswith(f"total cost {cost} more")
        assert (f"pairs kept {-int(kept):+d}," in said.change) == bool(kept)
        tried += 1
    assert tried > 30


def one_more(problem: Problem, helper: int) -> Problem:
    size = problem.helpers.size.copy()
    size[helper] += 1
    return replace(problem, helpers=replace(problem.helpers, size=size))


def test_why_a_pair_is_one_is_written_beside_it(tmp_path: Path) -> None:
    files.write(
        tmp_path,
        previous=[("helper", "helped"), ("h1", "p2")],
        rules="order = ['helped', 'kept', 'cost']\n[[must]]\npairs = [['h3', 'p4']]",
    )
    out, why = tmp_path / "pairs.csv", tmp_path / "why.csv"
    with speaking("en"):
        done = CliRunner().invoke(cli, ["pair", str(tmp_path), "--out", str(out), "--why", str(why)])
    assert done.exit_code == 0
    with why.open(encoding="utf-8", newline="") as file:
        said = {(row["helper"], row["helped"]): row["why"] for row in csv.DictReader(file)}
    assert said == {
        ("h1", "p1"): "the helper at the least cost",
        ("h1", "p2"): "kept, within its term",
        ("h2", "p3"): "the helper at the least cost",
        ("h3", "p4"): "it must be",
    }


def test_a_change_made_by_hand_costs_what_trying_everything_says() -> None:
    tried = 0
    for seed in range(300):
        problem = instances.random_problem(random.Random(seed), order=("helped", "kept", "load", "cost"))
        answer = solve(problem)
        others = np.setdiff1d(np.arange(len(problem.arcs)), answer.chosen)
        if not others.size:
            continue
        pair = problem.helpers.ids[problem.arcs.helper[others[0]]], problem.helped.ids[problem.arcs.helped[others[0]]]
        must = problem.must.copy()
        must[others[0]] = True
        if too_many(replace(problem, must=must)):
            with pytest.raises(BangfuError, match="\\+"):
                reasons.change(problem, answer, [pair], [])
            continue
        change = reasons.change(problem, answer, [pair], [])
        expected = instances.best(replace(problem, must=must))
        after = change.after
        assert (-after.units, -after.kept, after.load, after.cost) == expected
        assert (change.before.units, change.before.cost) == (-instances.best(problem)[0], instances.best(problem)[-1])
        assert change.moved >= 0
        tried += 1
    assert tried > 100


def too_many(problem: Problem) -> bool:
    given = problem.arcs.take(problem.must)
    return any(
        (np.bincount(ends, minlength=len(side.ids)) > side.size).any()
        for ends, side in ((given.helper, problem.helpers), (given.helped, problem.helped))
    )


def test_taking_a_pair_out_by_hand_says_what_is_lost(tmp_path: Path) -> None:
    problem = files.problem(tmp_path)  # p3 goes to h3, whom p4 needs; h1 takes p4 and p1, h2 p2
    change = reasons.change(problem, solve(problem), [], [("h2", "p3")])
    assert (change.before.units, change.before.cost) == (4, 11)
    assert (change.after.units, change.after.cost) == (4, 11)
    assert change.moved == 2
