"""Five entitlements for a million and ten million students: ours, the same by hand in SQL, and the floor.

`python -m tests.bench.rulebook KIND FACTS` is one measured run in a process of its own and prints JSON: `ours` (load,
check and compile the policies, then decide, Parquet to Parquet), `hand` (SQL written by hand that gives the same
columns), `floor` (read the same columns, write as many integers, no rules).
What is measured is described in README.md beside this file.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from tests.bench.rulebook_by_hand import SQL

FIVE = ("boarding_allowance", "day_allowance", "nutrition_plan", "free_textbooks", "senior_grant")
PERIOD = "2025-spring"
PARTS = ("amount", "failed", "decision", "case", "version")
CACHE = Path(__file__).resolve().parents[2] / "build" / "bench"

FACTS = """
SELECT i AS student,
    ['kindergarten', 'primary', 'primary', 'primary', 'junior', 'junior', 'senior', 'vocational'][1 + (h % 8)::INT]
        AS stage,
    (1 + (h >> 3) % 3)::TINYINT AS grade,
    CASE WHEN (h >> 5) % 50 = 0 THEN NULL ELSE (h >> 5) % 97 <> 0 END AS enrolled,
    CASE (h >> 12) % 16 WHEN 0 THEN 'severe' WHEN 1 THEN 'moderate' WHEN 2 THEN 'mild' WHEN 3 THEN NULL ELSE 'none' END
        AS hardship_level,
    (h >> 16) % 3 = 0 AS boarding,
    (h >> 18) % 9 = 0 AS registered_poor,
    (h >> 21) % 50 = 0 AS monitored,
    CASE (h >> 24) % 20 WHEN 0 THEN 'rural' WHEN 1 THEN 'urban' ELSE 'none' END AS minimum_living,
    (h >> 28) % 100 = 0 AS destitute,
    (h >> 30) % 60 = 0 AS disabled,
    (h >> 33) % 400 = 0 AS orphan,
    CASE (h >> 35) % 4 WHEN 0 THEN 'none' WHEN 1 THEN 'local' ELSE 'national' END AS nutrition_area,
    CASE WHEN (h >> 38) % 200 = 0 THEN NULL WHEN (h >> 38) % 997 = 0 THEN -1 ELSE 60 + (h >> 38) % 36 END::SMALLINT
        AS meal_days,
    CASE WHEN (h >> 44) % 30 = 0 THEN (h >> 49) % 130 ELSE 130 END::SMALLINT AS days_enrolled
FROM (SELECT i, hash(i + {seed} * 1000003) AS h FROM range({rows}) AS numbers(i))
"""


def make(rows: int, seed: int = 7) -> Path:
    """Return a file of made facts, made once."""
    path = CACHE / f"facts-{rows}-{seed}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with duckdb.connect() as connection:
            connection.sql(FACTS.format(rows=rows, seed=seed)).write_parquet(str(part))
        part.rename(path)
    return path


def ours(facts: Path, out: Path) -> None:
    """Decide with the product's own function."""
    from bangfu.rulebook.decide import decide_file
    from bangfu.rulebook.periods import period_named
    from bangfu.rulebook.policies import load_policies

    decide_file(facts, load_policies(only=FIVE), period_named(PERIOD), out)


def plain(sql: str, facts: Path, out: Path) -> None:
    """Run SQL over the facts with DuckDB as it comes."""
    with duckdb.connect() as connection:
        connection.read_parquet(str(facts)).create_view("facts")
        connection.execute("SET enable_progress_bar = false")
        *before, last = sql.split(";")
        for statement in before:
            connection.execute(statement)
        connection.sql(last).write_parquet(str(out))


def floor_sql() -> str:
    """Return SQL that reads what the rules read and writes as many columns, of whole numbers."""
    columns = ["stage", "enrolled", "hardship_level", "boarding", "registered_poor", "monitored", "minimum_living"]
    columns += ["destitute", "disabled", "nutrition_area", "meal_days", "days_enrolled"]
    read = " + ".join(f"({column} IS NULL)::TINYINT" for column in columns)
    wrote = [f"(n + {at})::TINYINT AS c{at}" for at in range(len(FIVE) * len(PARTS))]
    return f"SELECT student, {', '.join(wrote)} FROM (SELECT student, {read} AS n FROM facts)"


def run(kind: str, facts: Path, out: Path) -> None:
    """Run one kind."""
    if kind == "ours":
        ours(facts, out)
    else:
        plain(floor_sql() if kind == "floor" else SQL, facts, out)


def differing(facts: Path) -> int:
    """Return how many rows differ between ours and what is written by hand, in either direction."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for kind in ("ours", "hand"):
            run(kind, facts, Path(folder) / kind)
            connection.read_parquet(f"{folder}/{kind}").create_view(kind)
        either = "(FROM ours EXCEPT ALL FROM hand) UNION ALL (FROM hand EXCEPT ALL FROM ours)"
        row = connection.execute(f"SELECT count(*) FROM ({either})").fetchone()
        return int(row[0]) if row else -1


def main(kind: str, facts: Path) -> None:
    """Run one kind and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run(kind, facts, Path(folder) / "out.parquet")
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "cpu": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
