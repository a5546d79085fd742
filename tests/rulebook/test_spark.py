"""The same decisions on Spark as on DuckDB; the tests run where PySpark (`bangfu[spark]`) is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
import sqlglot

from bangfu.cli import ruling
from bangfu.core.errors import BangfuError
from bangfu.rulebook.cases import make_table, read_cases
from bangfu.rulebook.compile import compile_set
from bangfu.rulebook.decide import counted, decide_file
from bangfu.rulebook.periods import period_named
from bangfu.rulebook.policies import load_policies
from bangfu.rulebook.spark import decide_with_spark, for_spark
from tests.bench.rulebook import FACTS, FIVE
from tests.rulebook.texts import POLICY, folder_with

SPRING = period_named("2025-spring")
ROWS = 20_000
needs_spark = pytest.mark.skipif(find_spec("pyspark") is None, reason="PySpark is an extra: bangfu[spark]")


def made(path: Path, rows: str = str(ROWS)) -> Path:
    with duckdb.connect() as connection:
        connection.sql(FACTS.format(rows=rows, seed=3)).write_parquet(str(path))
    return path


def test_the_statement_has_no_types_that_spark_lacks() -> None:
    sql = for_spark(compile_set(load_policies(), SPRING, ("student",)))
    assert "__values" not in sql
    assert "UTINYINT" not in sql
    assert "//" not in sql
    assert sqlglot.parse_one(sql, read="spark")


def test_without_pyspark_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ruling, "find_spec", lambda _name: None)
    with pytest.raises(BangfuError, match=r"bangfu\[spark\]"):
        ruling.decide(made(tmp_path / "f.parquet"), None, "2025-spring", tmp_path / "o.parquet", "spark", json_=False)


@needs_spark
@pytest.mark.filterwarnings("ignore")  # PySpark's own
def test_no_row_differs_between_spark_and_duckdb(tmp_path: Path) -> None:
    facts, chosen = made(tmp_path / "f.parquet"), load_policies(only=FIVE)
    one, other = tmp_path / "duckdb.parquet", tmp_path / "spark.parquet"
    statement = decide_file(facts, chosen, SPRING, one)
    decide_with_spark(facts, chosen, SPRING, other)
    with duckdb.connect() as connection:
        connection.read_parquet(str(one)).create_view("one")
        connection.read_parquet(str(other)).create_view("other")
        differing = "(FROM one EXCEPT ALL FROM other) UNION ALL (FROM other EXCEPT ALL FROM one)"
        assert connection.execute(f"SELECT count(*) FROM ({differing})").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM other").fetchall() == [(ROWS,)]
    assert counted(statement, one) == counted(statement, other)


@needs_spark
@pytest.mark.filterwarnings("ignore")  # PySpark's own
def test_every_case_comes_out_on_spark(tmp_path: Path) -> None:
    chosen = load_policies()
    cases = [case for case in read_cases(chosen) if case.policy in chosen.in_force(case.period)]
    wrong = []
    for period in {case.period for case in cases}:
        group = [case for case in cases if case.period == period]
        facts, out = tmp_path / "facts.parquet", tmp_path / "out.parquet"
        with duckdb.connect() as connection:
            make_table(connection, chosen.facts, list(chosen.facts.every), [case.facts for case in group])
            connection.table("facts").write_parquet(str(facts))
        decide_with_spark(facts, chosen, period, out)
        for at, case in enumerate(group):
            with duckdb.connect() as connection:
                columns = f"{case.policy.id}__decision, {case.policy.id}__amount"
                sql = f"SELECT {columns} FROM read_parquet(?) WHERE student = ?"
                found = connection.execute(sql, [str(out), at]).fetchone()
            amount = found[1] if case.amount is None and found else case.amount
            wrong += [] if found == (case.decision, amount) else [case.name]
    assert len(cases) > 200
    assert wrong == []


@needs_spark
@pytest.mark.filterwarnings("ignore")  # PySpark's own
def test_spark_refuses_what_duckdb_refuses(tmp_path: Path) -> None:
    chosen = load_policies(only=FIVE)
    twice = tmp_path / "twice.parquet"
    with duckdb.connect() as connection:
        connection.sql(f"{FACTS.format(rows=3, seed=3)} UNION ALL {FACTS.format(rows=1, seed=4)}").write_parquet(
            str(twice)
        )
    with pytest.raises(BangfuError) as refused:
        decide_with_spark(twice, chosen, SPRING, tmp_path / "o.parquet")
    assert (refused.value.code, refused.value.facts["named"]) == ("facts_twice", "0")
    other = load_policies(folder_with(tmp_path / "p", family_grant=POLICY))
    with pytest.raises(BangfuError) as refused:
        decide_with_spark(made(tmp_path / "f.parquet"), other, SPRING, tmp_path / "o.parquet")
    assert refused.value.code == "facts_columns"
