"""Linking two tables, or one with itself: pairs of rows that are probably the same person.

Fellegi-Sunter with Splink: each column is compared in levels by its kind (profile.py), the levels' weights are learnt
from the tables themselves by expectation maximisation, and pairs that agree on a blocking rule are scored.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import duckdb
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.blocking_rule_creator import BlockingRuleCreator
from splink.internals.comparison_creator import ComparisonCreator
from splink.internals.exceptions import EMTrainingException, SplinkException

from bangfu.core.errors import BangfuError
from bangfu.linkage.names import sound
from bangfu.linkage.profile import Column, Kind, blocking_rules, columns_of, quoted

THRESHOLD = 0.5
RANDOM_PAIRS = 1_000_000
SEED = 1
LESSONS = 2
OWN_NAMES = frozenset({"name", "姓名", "学生姓名", "成员姓名", "full_name"})
ASSUMED_RECALL = 0.9
PINYIN = "__pinyin"
ID = "unique_id"


@dataclass(frozen=True)
class Pair:
    """Two rows by name, and the probability that they are one person."""

    left: str
    right: str
    probability: float


def link_files(left: Path, right: Path | None, id_column: str) -> list[Pair]:
    """Link two UTF-8 CSV files, or one with itself; BangfuError where a file or its id column will not do.

    `id_column` names the rows and is not compared. Both files' shared columns are.
    """
    connection = duckdb.connect()
    shared = _load(connection, "rows_left", left, id_column)
    if right is not None:
        others = _load(connection, "rows_right", right, id_column)
        shared = [name for name in shared if name in others]
    if not shared:
        raise BangfuError("link_no_columns", left=left, right=right or left)
    return link_tables(connection, ["rows_left"] + (["rows_right"] if right else []), shared)


def _load(connection: duckdb.DuckDBPyConnection, table: str, path: Path, id_column: str) -> list[str]:
    try:
        source = connection.read_csv(str(path), all_varchar=True, header=True)
    except duckdb.Error as problem:
        raise BangfuError("link_file_bad", path=path, detail=str(problem).splitlines()[0]) from problem
    names = {name.strip(): name for name in source.columns}
    if id_column not in names:
        raise BangfuError("link_no_id", path=path, column=id_column, known=", ".join(names))
    parts = [f"trim({quoted(names[id_column])}) AS {ID}"]
    fields = [name for name in names if name != id_column and name]
    parts += [f"NULLIF(TRIM(LOWER({quoted(names[f])})), '') AS {quoted(f)}" for f in fields]
    try:
        source.to_table(f"{table}_raw")
    except duckdb.Error as problem:
        raise BangfuError("link_file_bad", path=path, detail=str(problem).splitlines()[0]) from problem
    connection.execute(f"CREATE TABLE {table} AS SELECT {', '.join(parts)} FROM {table}_raw")
    connection.execute(f"DROP TABLE {table}_raw")
    sql = f"SELECT {ID} FROM {table} GROUP BY {ID} HAVING COUNT(*) > 1 OR {ID} IS NULL LIMIT 1"
    if twice := connection.execute(sql).fetchall():
        raise BangfuError("link_id_twice", path=path, column=id_column, value=twice[0][0])
    return fields


def link_tables(connection: duckdb.DuckDBPyConnection, tables: list[str], names: list[str]) -> list[Pair]:
    """Link the tables (columns `names` and unique_id, blanks NULL) and return the pairs at or over 0.5."""
    every = ", ".join(map(quoted, names))
    union = " UNION ALL ".join(f"SELECT {every} FROM {table}" for table in tables)
    connection.execute(f"CREATE TEMP TABLE all_rows AS {union}")
    columns = columns_of(connection, "all_rows", names)
    if not columns:
        return []
    for column in columns:
        if column.kind is Kind.HAN_NAME:
            _add_pinyin(connection, tables, column.name)
    rules = blocking_rules(connection, "all_rows", columns)
    linker = _trained(connection, tables, columns, rules)
    found = linker.inference.predict(threshold_match_probability=THRESHOLD)
    others = _other_people(columns)
    rows = connection.execute(
        f"SELECT p.{ID}_l, p.{ID}_r, p.match_probability FROM {found.physical_name} p"
        f" JOIN {tables[0]} l ON l.{ID} = p.{ID}_l JOIN {tables[-1]} r ON r.{ID} = p.{ID}_r"
        f" WHERE NOT ({others}) ORDER BY ALL"
    ).fetchall()
    return [Pair(*row) for row in rows]


def _other_people(columns: list[Column]) -> str:
    """Return the SQL condition that tells twins and brothers from one person.

    They agree in everything but the given name, and a model that weighs columns one by one lets the rest outweigh
    it. So: the person's own Chinese name differs in every sign of the given name and in sound, and no number agrees.
    """
    own = next((c.name for c in columns if c.kind is Kind.HAN_NAME and c.name.lower() in OWN_NAMES), None)
    if own is None:
        return "FALSE"
    left, right, sound = f"l.{quoted(own)}", f"r.{quoted(own)}", quoted(own + PINYIN)
    differs = [f"({left}[{place}] = '' OR NOT contains({right}[2:], {left}[{place}]))" for place in (2, 3)]
    numbers = [f"l.{quoted(c.name)} = r.{quoted(c.name)}" for c in columns if c.kind is Kind.NUMBER]
    conditions = [f"length({left}) BETWEEN 2 AND 4", *differs, f"l.{sound} <> r.{sound}", f"NOT contains({right}, '?')"]
    conditions += [f"NOT contains({left}, '?')", *(f"NOT COALESCE({number}, FALSE)" for number in numbers)]
    return f"COALESCE({' AND '.join(conditions)}, FALSE)"


def _add_pinyin(connection: duckdb.DuckDBPyConnection, tables: list[str], name: str) -> None:
    """Add a column of the names' sounds. Each character is read once, whatever stands beside it."""
    column = quoted(name)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE names AS SELECT DISTINCT {column} AS name FROM all_rows")
    values = [row[0] for row in connection.execute("SELECT name FROM names WHERE name IS NOT NULL").fetchall()]
    read = [sound(value) for value in values]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE sounds AS SELECT unnest($1) AS name, unnest($2) AS sound", [values, read]
    )
    for table in tables:
        target = quoted(name + PINYIN)
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT t.*, s.sound AS {target}"
            f" FROM {table} t LEFT JOIN sounds s ON s.name = t.{column}"
        )


def comparison(column: Column) -> ComparisonCreator:
    """Return how two cells of a column are compared: levels from equal to different."""
    if column.kind is Kind.CATEGORY:
        return comparisons.ExactMatch(column.name)
    if column.kind in (Kind.NUMBER, Kind.DATE):
        return comparisons.DamerauLevenshteinAtThresholds(column.name, [1, 2])
    if column.kind is Kind.HAN_NAME:
        return _han_name(column.name)
    return comparisons.JaroWinklerAtThresholds(column.name, [0.92, 0.8])


def _han_name(name: str) -> ComparisonCreator:
    """Chinese names: the same, the same sound (homophones are the commonest slip), one character off."""
    left, right = quoted(f"{name}_l"), quoted(f"{name}_r")
    sound_left, sound_right = quoted(f"{name}{PINYIN}_l"), quoted(f"{name}{PINYIN}_r")
    return comparisons.CustomComparison(
        output_column_name=name,
        comparison_levels=[
            {"sql_condition": f"{left} IS NULL OR {right} IS NULL", "is_null_level": True},
            {"sql_condition": f"{left} = {right}", "tf_adjustment_column": name},
            {"sql_condition": f"{sound_left} = {sound_right}"},
            {"sql_condition": f"levenshtein({left}, {right}) <= 1"},
            {"sql_condition": "ELSE"},
        ],
    )


def _trained(
    connection: duckdb.DuckDBPyConnection, tables: list[str], columns: list[Column], rules: list[tuple[str, ...]]
) -> Linker:
    settings = SettingsCreator(
        link_type="dedupe_only" if len(tables) == 1 else "link_only",
        comparisons=[comparison(column) for column in columns],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        probability_two_random_records_match=1 / max(_count(connection), 2),
        retain_matching_columns=False,
        unique_id_column_name=ID,
    )
    api = DuckDBAPI(connection)
    frames = [api.register(table) for table in tables]
    linker = Linker(frames if len(frames) > 1 else frames[0], settings, log_level=logging.ERROR)
    every = frozenset(column.name for column in columns)
    # Learning needs pairs that agree on the rule and a column beside it; a table too small for that keeps
    # the weights that Splink starts from.
    learning = [rule for rule in rules if frozenset(rule) < every and _agrees(connection, rule)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if learning:
            likely: list[str | BlockingRuleCreator] = [block_on(*rule) for rule in learning[:LESSONS]]
            linker.training.estimate_probability_two_random_records_match(likely, recall=ASSUMED_RECALL)
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=SEED, num_chunks=1)
        learnt = 0
        for rule in learning:
            learnt += learnt < LESSONS and _learn(linker, rule)
    return linker


def _learn(linker: Linker, rule: tuple[str, ...]) -> bool:
    """Learn the weights of the columns beside `rule`; tell whether that could be done.

    Splink refuses a level that no pair under the rule reaches; another rule may reach it.
    """
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    except (ValueError, SplinkException, EMTrainingException):
        return False
    return True


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM all_rows").fetchall()[0][0])


def _agrees(connection: duckdb.DuckDBPyConnection, rule: tuple[str, ...]) -> bool:
    columns = ", ".join(map(quoted, rule))
    filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in rule)
    sql = f"SELECT 1 FROM all_rows WHERE {filled} GROUP BY {columns} HAVING COUNT(*) > 1 LIMIT 1"
    return bool(connection.execute(sql).fetchall())
