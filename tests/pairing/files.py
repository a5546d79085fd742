"""Problems as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from bangfu.cli.main import cli
from bangfu.pairing.problem import Problem
from bangfu.pairing.reading import read_problem

Rows = Sequence[Sequence[object]]
HELPERS: Rows = [("id", "capacity", "group"), ("h1", 2, "A"), ("h2", 1, "A"), ("h3", 1, "B")]
HELPED: Rows = [("id", "demand", "group"), ("p1", 1, "u"), ("p2", 1, "u"), ("p3", 1, "v"), ("p4", 1, "v")]
ALLOWED: Rows = [
    ("helper", "helped", "cost"), ("h1", "p1", 5), ("h1", "p2", 1), ("h2", "p2", 2), ("h2", "p3", -4), ("h3", "p3", 1),
    ("h3", "p4", 9), ("h1", "p4", 3),
]  # fmt: skip


def write(
    folder: Path,
    helpers: Rows = HELPERS,
    helped: Rows = HELPED,
    allowed: Rows = ALLOWED,
    previous: Rows | None = None,
    rules: str = "",
) -> Path:
    """Write the files of a problem and return their folder."""
    folder.mkdir(exist_ok=True)
    tables = {"helpers": helpers, "helped": helped, "allowed": allowed, "previous": previous}
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        path.unlink(missing_ok=True)
        if rows is not None:
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
    (folder / "rules.toml").write_text(rules, encoding="utf-8")
    return folder


def problem(folder: Path, **tables: Any) -> Problem:
    """Return a problem read from files."""
    return read_problem(write(folder, **tables))


def pair(folder: Path, **tables: Any) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Run `bangfu pair --json` on a folder (written first where tables are given): what it prints, and the pairs."""
    if tables:
        write(folder, **tables)
    out = folder / "pairs.csv"
    done = CliRunner().invoke(cli, ["pair", str(folder), "--out", str(out), "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    with out.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["helper", "helped", "cost"]
    assert done.exit_code == (0 if found["status"] == "optimal" and not found["without_contact"] else 1)
    return found, [(left, right, cost) for left, right, cost in rows]


def gaps(path: Path) -> Iterator[dict[str, Rows]]:
    """Yield the generalised assignment problems of an OR-Library file as tables; profits are costs below nought."""
    numbers = iter(map(int, path.read_text(encoding="utf-8").split()))
    for _ in range(next(numbers)):
        agents, jobs = next(numbers), next(numbers)
        profit, use = ([[next(numbers) for _ in range(jobs)] for _ in range(agents)] for _ in ("profit", "use"))
        helpers = [("id", "capacity", "group"), *((f"a{a}", next(numbers), f"g{a}") for a in range(agents))]
        rows = [(f"a{a}", f"j{j:02d}", -profit[a][j], use[a][j]) for a in range(agents) for j in range(jobs)]
        yield {
            "helpers": helpers,
            "helped": [("id", "demand", "group"), *((f"j{j:02d}", 1, "all") for j in range(jobs))],
            "allowed": [("helper", "helped", "cost", "use"), *rows],
        }
