"""Worked cases beside the policies: facts in, decision and amount out, each with its source. They are the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from bangfu.core.errors import BangfuError
from bangfu.rulebook.compile import compile_reading
from bangfu.rulebook.decide import engine, make_types
from bangfu.rulebook.expressions import Kind, Type, name_sql, value_sql
from bangfu.rulebook.facts import MINOR, Facts, minor
from bangfu.rulebook.outcomes import read_for
from bangfu.rulebook.periods import Period, period_named
from bangfu.rulebook.policies import PolicySet
from bangfu.rulebook.policy import Policy
from bangfu.rulebook.source import Table, read_table

FOLDER = "cases"
NOT_IN_FORCE = "not_in_force"
COLUMNS = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.DECIMAL: "DECIMAL(18, 6)",
    Kind.MONEY: "DECIMAL(18, 2)",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
}
VALUES: dict[Kind, tuple[type, ...]] = {
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
    Kind.DECIMAL: (int, Decimal),
    Kind.MONEY: (int, Decimal),
    Kind.TEXT: (str,),
    Kind.DATE: (date,),
}


@dataclass(frozen=True)
class WorkedCase:
    """One case: the facts of a subject in a period, and what the policy must say."""

    policy: Policy
    name: str
    period: Period
    facts: dict[str, Any]
    decision: str
    amount: int | None
    case: str | None
    source: str
    table: Table


@dataclass(frozen=True)
class Mismatch:
    """A case that came out otherwise."""

    case: WorkedCase
    decision: str
    amount: int | None
    pays: str | None

    def __str__(self) -> str:
        wanted, found = _shown(self.case.decision, self.case.amount), _shown(self.decision, self.amount)
        facts = {"name": self.case.name, "wanted": wanted, "found": found}
        return str(self.case.table.wrong("case_otherwise", "decision", **facts))


def _shown(decision: str, amount: int | None) -> str:
    return decision if amount is None else f"{decision} {Decimal(amount) / MINOR:.2f}"


def read_cases(chosen: PolicySet, calendars: Path | None = None) -> list[WorkedCase]:
    """Read the cases beside a set of policies; refused where a file, a fact or a value is not as it should be."""
    known = {policy.id: policy for policy in chosen.policies}
    found: list[WorkedCase] = []
    for path in sorted((chosen.folder / FOLDER).glob("*.toml")):
        if path.stem in known:
            found += _read_file(path, known[path.stem], chosen.facts, calendars)
        elif not (chosen.folder / path.name).is_file():
            raise BangfuError("case_of_none", path=path)
    return found


def _read_file(path: Path, policy: Policy, facts: Facts, calendars: Path | None) -> Iterator[WorkedCase]:
    table = read_table(path)
    table.only("facts", "period", "source", "case")
    common = _facts(table.table("facts"), facts) if table.has("facts") else {}
    for each in table.tables("case"):
        each.only("name", "period", "facts", "without", "decision", "amount", "case", "source")
        own = _facts(each.table("facts"), facts) if each.has("facts") else {}
        period = period_named((each if each.has("period") else table).text("period"), calendars=calendars)
        decision = each.text("decision")
        amount = _amount(each, policy.type) if each.has("amount") else (0 if decision == "yes" else None)
        if decision == "yes" and not each.has("amount"):
            raise each.wrong("policy_missing", key="amount")
        yield WorkedCase(
            policy,
            each.text("name"),
            period,
            {name: value for name, value in (common | own).items() if name not in each.texts("without")},
            decision,
            amount,
            each.text("case") if each.has("case") else None,
            (each if each.has("source") else table).text("source"),
            each,
        )


def _amount(table: Table, type_: Type) -> int:
    value = table.values["amount"]
    if type_.kind is Kind.MONEY:
        return minor(value, table, "amount")
    if isinstance(value, bool) or not isinstance(value, int):
        raise table.wrong("policy_not_amount", "amount", value=value)
    return value


def _facts(table: Table, facts: Facts) -> dict[str, Any]:
    """Return the facts of a case; a value of the wrong type is refused, an impossible one is a case to be tried."""
    for name, value in table.values.items():
        if name not in facts.every:
            raise table.wrong("expr_unknown", name, name=name, known=", ".join(sorted(facts.every)))
        kind = facts.every[name].type.kind
        if not isinstance(value, VALUES[kind]) or (isinstance(value, bool) and kind is not Kind.BOOLEAN):
            raise table.wrong("expr_type", name, text=value, found=type(value).__name__, wanted=kind)
    return dict(table.values)


def run_cases(chosen: PolicySet, cases: list[WorkedCase]) -> list[Mismatch]:
    """Decide every case and return those that came out otherwise than they say."""
    groups: dict[tuple[str, str], list[WorkedCase]] = {}
    for case in cases:
        groups.setdefault((case.policy.id, case.period.name), []).append(case)
    with engine() as connection:
        return [each for group in groups.values() for each in _run_group(connection, chosen, group)]


def _run_group(connection: duckdb.DuckDBPyConnection, chosen: PolicySet, group: list[WorkedCase]) -> list[Mismatch]:
    policy, period = group[0].policy, group[0].period
    if policy not in chosen.in_force(period):
        return [Mismatch(each, NOT_IN_FORCE, None, None) for each in group if each.decision != NOT_IN_FORCE]
    rows = decide_rows(connection, chosen, policy, period, [case.facts for case in group])
    return [
        Mismatch(case, *row)
        for case, row in zip(group, rows, strict=True)
        if (row[0], row[1]) != (case.decision, _expected(case, row[1])) or (case.case and row[2] != case.case)
    ]


def _expected(case: WorkedCase, found: int | None) -> int | None:
    """Return the amount that a case asks for; a no is 0 and a waiting one nothing, whether or not it says so."""
    return case.amount if case.amount is not None else found if not found else None


def decide_rows(
    connection: duckdb.DuckDBPyConnection, chosen: PolicySet, policy: Policy, period: Period, rows: list[dict[str, Any]]
) -> list[tuple[str, int | None, str | None]]:
    """Decide one policy (and those it needs) for rows of facts: decision, amount and case of each."""
    needed = needed_by(chosen, policy)
    policies = [each for each in chosen.in_force(period) if each.id in needed]
    statement = compile_reading(read_for(chosen, policies, period), chosen.facts.key[:1])
    place = name_sql(f"{policy.id} {period.name}")  # types and table of this group only
    connection.execute(f"CREATE SCHEMA {place}")
    connection.execute(f"SET schema = {value_sql(place)}")
    make_table(connection, chosen.facts, list(statement.columns), rows)
    make_types(connection, statement.types)
    names = ", ".join(name_sql(f"{policy.id}__{part}") for part in ("decision", "amount", "case"))
    sql = f"SELECT {names} FROM ({statement.sql}) ORDER BY {name_sql(chosen.facts.key[0])}"
    return connection.execute(sql).fetchall()


def needed_by(chosen: PolicySet, policy: Policy) -> set[str]:
    """Return a policy and all that it needs, at whatever distance."""
    known = {each.id: each for each in chosen.policies}
    found, todo = {policy.id}, [policy.id]
    while todo:
        new = set(known[todo.pop()].needs) - found
        found |= new
        todo += new
    return found


def make_table(
    connection: duckdb.DuckDBPyConnection, facts: Facts, columns: list[str], rows: list[dict[str, Any]]
) -> None:
    """Make the table `facts` from rows, numbered from 0."""
    types = [f"{name_sql(name)} {COLUMNS[facts.every[name].type.kind]}" for name in columns]
    key = name_sql(facts.key[0])
    connection.execute(f"CREATE TABLE facts ({', '.join([f'{key} BIGINT', *types])})")
    values = [
        "(" + ", ".join([str(at), *("NULL" if row.get(n) is None else value_sql(row[n]) for n in columns)]) + ")"
        for at, row in enumerate(rows)
    ]
    connection.sql(f"SELECT * FROM (VALUES {', '.join(values)})").insert_into("facts")
