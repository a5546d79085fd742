"""The same statement on Spark, for data that one machine does not hold: PySpark 4, Java 17, `bangfu[spark]`.

The statement is DuckDB's, transpiled by sqlglot; enumerated types, which Spark lacks, become texts. Where Spark runs is
its own affair (`spark-submit`, spark-defaults.conf); without that, in local mode.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from bangfu.core.errors import BangfuError
from bangfu.rulebook.compile import Statement
from bangfu.rulebook.decide import NAMED, engine, prepare_opened
from bangfu.rulebook.expressions import value_sql
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NAMES = {"string": "VARCHAR", "int": "INTEGER"}
ENUM = re.compile(r"\w+__\w+")


def decide_with_spark(facts: Path, chosen: PolicySet, period: Period, out: Path) -> Statement:
    """Decide a Parquet file, or a folder of them, with Spark.

    Decisions of a folder are written as a folder, those of a file as one file.
    """
    session = _session()
    try:
        table = session.read.parquet(str(facts))
    except _spark_errors() as problem:
        raise BangfuError("facts_unreadable", path=facts, detail=str(problem).splitlines()[0]) from problem
    found = {name: _named(type_) for name, type_ in table.dtypes}
    try:
        statement = prepare_opened(facts, chosen, period, found)
        _check_key(table, facts, statement.key)
        table.createOrReplaceTempView("facts")
        _write(session.sql(for_spark(statement)), out, whole=facts.is_file())
    except OSError as problem:
        raise BangfuError("out_unwritable", path=out, detail=problem.strerror or problem) from problem
    except _spark_errors() as problem:
        raise BangfuError("decide_failed", detail=str(problem).splitlines()[0]) from problem
    return statement


def for_spark(statement: Statement) -> str:
    """Return a statement in Spark's SQL."""
    tree = sqlglot.parse_one(statement.sql, read="duckdb")

    def plain(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Cast | exp.TryCast):
            return node
        type_ = node.to.sql(dialect="duckdb")
        if ENUM.fullmatch(type_):
            return node.this if isinstance(node.this, exp.Literal) else _listed(node.this, statement.types[type_])
        return exp.cast(node.this, "SMALLINT") if type_ in ("UTINYINT", "USMALLINT") else node

    return tree.transform(plain).sql(dialect="spark")


def _listed(column: exp.Expr, values: list[str]) -> exp.Expr:
    """Return a text where it is one of these values, and NULL where it is another."""
    listed = ", ".join(map(value_sql, values))
    text = column.sql(dialect="duckdb")
    return sqlglot.parse_one(f"CASE WHEN {text} IN ({listed}) THEN {text} END", read="duckdb")


def _session() -> SparkSession:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession

        session = SparkSession.builder.appName("bangfu").config("spark.ui.enabled", "false").getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
    except (ImportError, OSError, PySparkException) as problem:
        raise BangfuError("engine_missing") from problem
    return session


def _spark_errors() -> type[Exception]:
    from pyspark.errors import PySparkException

    kind: type[Exception] = PySparkException
    return kind


def _named(type_: str) -> str:
    """Return Spark's name of a type as DuckDB would say it."""
    return NAMES.get(type_, type_.upper())


def _check_key(table: DataFrame, path: Path, key: tuple[str, ...]) -> None:
    """Refuse a table with rows that name nobody, or one twice, as on DuckDB."""
    if table.isEmpty():
        raise BangfuError("facts_empty", path=path)
    if nameless := table.filter(" OR ".join(f"`{name}` IS NULL" for name in key)).count():
        raise BangfuError("facts_nameless", path=path, key=", ".join(key), count=nameless)
    twice = table.groupBy(*key).count().filter("count > 1")
    rows: list[Any] = twice.orderBy(*key).limit(NAMED).collect()
    if rows:
        named = ", ".join(" ".join(str(row[name]) for name in key) for row in rows)
        raise BangfuError("facts_twice", path=path, key=", ".join(key), count=twice.count(), named=named)


def _write(decisions: DataFrame, out: Path, *, whole: bool) -> None:
    """Write decisions as a folder of Parquet files, or made into one file."""
    with tempfile.TemporaryDirectory(prefix=f"{out.name}.", dir=out.parent) as folder:
        made = Path(folder) / "made"
        decisions.write.parquet(str(made))
        if not whole:
            shutil.rmtree(out, ignore_errors=True)
            made.replace(out)
            return
        with engine() as connection:
            one = Path(folder) / "one"
            connection.read_parquet([str(file) for file in sorted(made.glob("*.parquet"))]).write_parquet(str(one))
        one.replace(out)
