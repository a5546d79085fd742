"""Deciding: a table of facts in, a table of decisions out, by DuckDB and out of core."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bangfu.core.errors import BangfuError
from bangfu.rulebook.compile import Statement, compile_set
from bangfu.rulebook.expressions import Kind, Type, name_sql, value_sql
from bangfu.rulebook.facts import Facts
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet

MEMORY = "400MB"  # what does not fit goes to a temporary folder
NAMED = 5  # how many duplicate students a refusal names
DENSE = 64  # whole-number keys whose range is at most this many times their count are counted in a bitmap
WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?")
MONEY = re.compile(r"DECIMAL\((\d+),([012])\)")
KEY = re.compile(rf"{WHOLE.pattern}|VARCHAR")
COLUMN_TYPES = {
    Kind.BOOLEAN: re.compile(r"BOOLEAN"),
    Kind.INTEGER: WHOLE,
    Kind.DECIMAL: re.compile(rf"DECIMAL\(\d+,\d+\)|{WHOLE.pattern}"),
    Kind.MONEY: MONEY,
    Kind.TEXT: re.compile(r"VARCHAR|ENUM\(.*\)", re.DOTALL),
    Kind.DATE: re.compile(r"DATE"),
}
CSV_TYPES = {
    Kind.BOOLEAN: ("BOOLEAN", "(?i)true|false|t|f|1|0"),
    Kind.INTEGER: ("BIGINT", r"-?\d{1,18}"),
    Kind.DECIMAL: ("DECIMAL(18, 6)", r"-?\d{1,12}(\.\d{1,6})?"),
    Kind.MONEY: ("DECIMAL(18, 2)", r"-?\d{1,16}(\.\d{1,2})?"),
    Kind.DATE: ("DATE", r"\d{4}-\d{2}-\d{2}"),
}


@dataclass(frozen=True)
class Count:
    """How many rows of a policy have one decision and case, and what they are owed together."""

    policy: str
    decision: str
    case: str | None
    version: str | None
    rows: int
    amount: int


@contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB in memory, with a folder for what does not fit, and nothing but the files that we name."""
    with tempfile.TemporaryDirectory(prefix="bangfu-rulebook-") as folder, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET enable_progress_bar = false")  # it would stand in what programs read
        # Rows carry their key. To keep them in order costs twice the memory, and under a limit all but one thread.
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"SET temp_directory = {value_sql(folder)}")
        yield connection


def decide_file(facts: Path, chosen: PolicySet, period: Period, out: Path) -> Statement:
    """Decide a file of facts (Parquet or CSV, or a folder of Parquet) and write the decisions, whole or not at all."""
    if out.exists() and out.resolve() == facts.resolve():
        raise BangfuError("out_unwritable", path=out, detail="--facts")
    with engine() as connection:
        statement = prepare(connection, facts, chosen, period)
        write(connection, statement, out)
        return statement


def prepare(connection: duckdb.DuckDBPyConnection, facts: Path, chosen: PolicySet, period: Period) -> Statement:
    """Open a file as the table `facts`, compile the policies for it, and refuse it where it will not do."""
    found = open_facts(connection, facts, chosen.facts)
    statement = prepare_opened(facts, chosen, period, found)
    check_key(connection, facts, statement.key, found)
    make_types(connection, statement.types)
    return statement


def prepare_opened(facts: Path, chosen: PolicySet, period: Period, found: dict[str, str]) -> Statement:
    """Compile the policies for a table with these columns; refused where one is missing or of another type."""
    key = tuple(name for name in chosen.facts.key if name in found)
    if not key or key[0] != chosen.facts.key[0]:
        raise BangfuError("facts_columns", path=facts, missing=chosen.facts.key[0])
    statement = compile_set(chosen, period, key)
    check_columns(facts, found, statement.columns)
    if wrong := [f"{name} ({found[name]}, integer | text)" for name in key if not KEY.fullmatch(found[name])]:
        raise BangfuError("facts_types", path=facts, wrong=", ".join(wrong))
    return statement


def open_facts(connection: duckdb.DuckDBPyConnection, path: Path, facts: Facts) -> dict[str, str]:
    """Make the table `facts` from a file, or a folder of Parquet files, and return its columns with their types."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise BangfuError("facts_unreadable", path=path, detail=os.strerror(errno.ENOENT))
    try:
        if path.suffix.lower() == ".csv":
            _open_csv(connection, path, facts)
        else:
            connection.read_parquet([str(file) for file in files]).create_view("facts")
        rows = connection.execute("SELECT column_name, column_type FROM (DESCRIBE facts)").fetchall()
    except duckdb.Error as problem:
        raise BangfuError("facts_unreadable", path=path, detail=str(problem).splitlines()[0]) from problem
    return dict(rows)


def _open_csv(connection: duckdb.DuckDBPyConnection, path: Path, facts: Facts) -> None:
    """Read a CSV file as text, and each cell as its fact's type; refused where one is not of it."""
    source = connection.read_csv(str(path), header=True, all_varchar=True)
    source.create_view("rows")
    parts, tests = [], []
    for name in source.columns:
        column, fact = name_sql(name), facts.every.get(name)
        if fact is None or fact.type.kind is Kind.TEXT:
            parts.append(f"NULLIF({column}, '') AS {column}")
            continue
        type_, form = CSV_TYPES[fact.type.kind]
        parts.append(f"TRY_CAST(NULLIF({column}, '') AS {type_}) AS {column}")
        good = f"regexp_full_match({column}, {value_sql(form)}) AND TRY_CAST({column} AS {type_}) IS NOT NULL"
        tests.append((name, f"{column} <> '' AND NOT ({good})"))
    for name, test in tests:
        wrong = connection.execute(
            f"SELECT {name_sql(name)}, count(*) OVER () FROM rows WHERE {test} LIMIT 1"
        ).fetchone()
        if wrong:
            wanted = facts.every[name].type
            raise BangfuError("facts_cells", path=path, column=name, value=wrong[0], count=wrong[1], wanted=wanted)
    connection.execute(f"CREATE VIEW facts AS SELECT {', '.join(parts)} FROM rows")


def check_columns(path: Path, found: dict[str, str], wanted: dict[str, Type]) -> None:
    """Refuse a table that lacks a column that a policy needs, or has it in another type."""
    if missing := [name for name in wanted if name not in found]:
        raise BangfuError("facts_columns", path=path, missing=", ".join(missing))
    wrong = [f"{n} ({found[n]}, {wanted[n]})" for n in wanted if not COLUMN_TYPES[wanted[n].kind].fullmatch(found[n])]
    if wrong:
        raise BangfuError("facts_types", path=path, wrong=", ".join(wrong))


def check_key(connection: duckdb.DuckDBPyConnection, path: Path, key: tuple[str, ...], found: dict[str, str]) -> None:
    """Refuse a table with rows that name nobody, or one twice: paid twice would be the least of it."""
    columns = [name_sql(name) for name in key]
    nobody = " OR ".join(f"{column} IS NULL" for column in columns)
    rows, nameless = _one(connection, f"SELECT count(*), count(*) FILTER (WHERE {nobody}) FROM facts")
    if nameless:
        raise BangfuError("facts_nameless", path=path, key=", ".join(key), count=nameless)
    if not rows:
        raise BangfuError("facts_empty", path=path)
    if len(key) == 1 and WHOLE.fullmatch(found[key[0]]) and _all_different(connection, columns[0], rows):
        return
    names = ", ".join(columns)
    twice = connection.execute(
        f"SELECT {names}, count(*) OVER () FROM (SELECT {names} FROM facts GROUP BY {names} HAVING count(*) > 1)"
        f" ORDER BY {names} LIMIT {NAMED}"
    ).fetchall()
    if twice:
        named = ", ".join(" ".join(map(str, row[:-1])) for row in twice)
        raise BangfuError("facts_twice", path=path, key=", ".join(key), count=twice[0][-1], named=named)


def _all_different(connection: duckdb.DuckDBPyConnection, column: str, rows: int) -> bool:
    """Tell whether whole numbers that lie close together are all different, by a bit for each."""
    low, high = _one(connection, f"SELECT min({column}), max({column}) FROM facts")
    if high - low >= min(rows * DENSE, 1_000_000_000):
        return False
    (different,) = _one(connection, f"SELECT bit_count(bitstring_agg({column}, {low}, {high})) FROM facts")
    return bool(different == rows)


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row: tuple[int, ...] | None = connection.execute(sql).fetchone()
    return row or ()


def make_types(connection: duckdb.DuckDBPyConnection, types: dict[str, list[str]]) -> None:
    """Make the enumerated types that a statement names."""
    for name, labels in types.items():
        connection.execute(f"CREATE TYPE {name_sql(name)} AS ENUM ({', '.join(map(value_sql, labels))})")


def write(connection: duckdb.DuckDBPyConnection, statement: Statement, out: Path) -> None:
    """Run a statement over the table `facts` and write what it gives."""
    part = out.with_name(f"{out.name}.part")
    try:
        connection.sql(statement.sql).write_parquet(str(part))
        part.replace(out)
    except (OSError, duckdb.IOException) as problem:
        raise BangfuError("out_unwritable", path=out, detail=str(problem).splitlines()[0]) from problem
    except duckdb.Error as problem:
        raise BangfuError("decide_failed", detail=str(problem).splitlines()[0]) from problem
    finally:
        part.unlink(missing_ok=True)


def counted(statement: Statement, decisions: Path) -> list[Count]:
    """Count the decisions of a file by policy, decision, case and version."""
    found: list[Count] = []
    with engine() as connection:
        files = sorted(decisions.rglob("*.parquet")) if decisions.is_dir() else [decisions]
        connection.read_parquet([str(file) for file in files]).create_view("decisions")
        for policy in statement.policies:
            names = [name_sql(f"{policy.id}__{part}") for part in ("decision", "case", "version")]
            columns = ", ".join(f"CAST({name} AS VARCHAR)" for name in names)
            sql = f"SELECT {columns}, count(*), coalesce(sum({name_sql(policy.id + '__amount')}), 0)::BIGINT"
            rows = connection.execute(f"{sql} FROM decisions GROUP BY ALL ORDER BY 4 DESC, 1, 2").fetchall()
            found += [Count(policy.id, *row) for row in rows]
    return found
