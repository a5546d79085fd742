"""`bangfu pair`: from a folder of files to a file of pairs, with their proof."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.pairing import check, reasons
from bangfu.pairing.contacts import contacts
from bangfu.pairing.problem import Problem
from bangfu.pairing.reading import read_problem
from bangfu.pairing.solve import Answer, group_capacity, solve


def run(folder: Path, out: Path, why: Path | None) -> dict[str, Any]:
    """Solve the problem in `folder`, check the answer, write the pairs (whole or not at all), and say what came."""
    problem = read_problem(folder)
    answer = _best(problem)
    arcs = problem.arcs.take(answer.chosen)
    helpers, helped = ([side.ids[place] for place in ends] for side, ends in (
        (problem.helpers, arcs.helper), (problem.helped, arcs.helped),
    ))  # fmt: skip
    costs = [problem.written(cost) for cost in arcs.cost.tolist()]
    _write(out, ("helper", "helped", "cost"), zip(helpers, helped, costs, strict=True))
    if why is not None:
        sentences = [say(code) for code in reasons.why(problem, answer)]
        _write(why, ("helper", "helped", "cost", "why"), zip(helpers, helped, costs, sentences, strict=True))
    return _found(problem, answer)


def _best(problem: Problem) -> Answer:
    """Return the best pairing, checked."""
    if not problem.budgets:
        answer = solve(problem)
        check.best(problem, answer)
        return answer
    from bangfu.pairing.budget import solve_budgets  # takes half a second to load

    answer = solve_budgets(problem)
    check.hard_rules(problem, answer.chosen)
    return answer


def _found(problem: Problem, answer: Answer) -> dict[str, Any]:
    """Return what the answer reaches, who is left over on either side and why, and how it is proven."""
    levels = check.levels(problem, answer.chosen)
    busy = np.bincount(problem.arcs.helper[answer.chosen], minlength=len(problem.helpers.ids)) > 0
    known = contacts(problem, answer.chosen)
    missing = [group for group in problem.helped.groups if known.get(group) is None]
    idle = np.flatnonzero((problem.helpers.size > 0) & ~busy)
    return {
        "status": "optimal" if answer.proven else "feasible",
        "helped": levels.helped,
        "unhelped": [vars(one) for one in reasons.unhelped(problem, answer)],
        "kept": levels.kept,
        "total_cost": problem.money(levels.cost),
        "bound": problem.money(answer.bounds.get("cost", levels.cost)),
        "proof": _proof(problem, answer, levels),
        "pairs": levels.units,
        "load": str(levels.load),
        "groups": _groups(problem, answer),
        "reserve": [problem.helpers.ids[place] for place in idle],
        "exempt": [{"id": id_, "reason": reason} for id_, reason in problem.exempt.items()],
        "lapsed": [{"helper": one.helper, "helped": one.helped, "reason": say(one.code)} for one in problem.lapsed],
        "contacts": known,
        "without_contact": missing if problem.rules.contact_for_each else [],
    }


def _groups(problem: Problem, answer: Answer) -> list[dict[str, Any]]:
    used, capacity = check.group_use(problem, answer.chosen), group_capacity(problem)
    rows = zip(problem.helpers.groups, used.tolist(), capacity.tolist(), strict=True)
    return [{"group": name, "used": uses, "capacity": room} for name, uses, room in rows]


def _proof(problem: Problem, answer: Answer, levels: check.Levels) -> dict[str, Any]:
    """Say level by level what is reached and what no pairing can surpass."""
    reached = {
        "helped": levels.units, "filled": levels.filled, "kept": levels.kept, "load": str(levels.load),
        "cost": problem.money(levels.cost),
    }  # fmt: skip
    bounds: dict[str, Any] = {**answer.bounds}
    if "cost" in bounds:
        bounds["cost"] = problem.money(bounds["cost"])
    rows = [{"level": name, "value": reached[name], "bound": bounds.get(name, reached[name])} for name in problem.order]
    method = "search" if problem.budgets else "prices"
    return {"method": method, "checked": not problem.budgets, "levels": rows}


def _write(out: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
        part.replace(out)
    except OSError as problem:
        raise BangfuError("out_unwritable", path=out, detail=problem.strerror) from problem
