"""Why: one student's decisions in words, with the rates, their sources and the facts used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.core.money import yuan
from bangfu.rulebook.compile import PARTS, Statement
from bangfu.rulebook.decide import WHOLE, engine, make_types, open_facts, prepare_opened
from bangfu.rulebook.expressions import Kind, name_sql, value_sql
from bangfu.rulebook.outcomes import names_of, read_for
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet
from bangfu.rulebook.policy import Policy


@dataclass(frozen=True)
class Used:
    """A rate that a policy was decided by: its version, its source, and whether that is confirmed."""

    rate: str
    version: str
    unit: str
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Explanation:
    """One policy's decision for one row: what, why, by which rates, from which facts."""

    policy: Policy
    row: tuple[Any, ...]
    decision: str
    amount: int | None
    case: str
    version: str
    failed: tuple[str, ...]
    rates: tuple[Used, ...]
    facts: dict[str, Any]

    def reason(self, chosen: PolicySet, lang: str) -> str:
        """Return the decision as a sentence in `lang`."""
        return reason(chosen, self.policy, self.decision, lang)

    def worth(self, lang: str) -> str:
        """Return what is owed, as a person writes it."""
        if self.amount is None:
            return say("worth_open", lang)
        money = self.policy.type.kind is Kind.MONEY
        return f"{yuan(self.amount) if money else self.amount} {self.policy.pays}"


def reason(chosen: PolicySet, policy: Policy, decision: str, lang: str) -> str:
    """Return a decision code as a sentence: nobody hears 'no' without the reason in words."""
    for must in policy.musts:
        if must.code == decision:
            return say("decision_failed", lang, must=must.say[lang])
    code, _, what = decision.partition(":")
    titles = {each.id: each.title[lang] for each in chosen.policies}
    titles |= {name: fact.title[lang] for name, fact in chosen.facts.every.items()}
    return say(f"decision_{code}", lang, what=titles.get(what, what))


def explain(path: Path, chosen: PolicySet, period: Period, student: str) -> list[Explanation]:
    """Return why each policy in force gives one student what it does, for each of his rows in a file of facts."""
    with engine() as connection:
        found = open_facts(connection, path, chosen.facts)
        statement = prepare_opened(path, chosen, period, found)
        key = statement.key[0]
        who = student if WHOLE.fullmatch(found[key]) and student.isdecimal() else value_sql(student)
        columns = ", ".join(name_sql(name) for name in (*statement.key, *statement.columns))
        connection.execute(f"CREATE TABLE one AS SELECT {columns} FROM facts WHERE {name_sql(key)} = {who}")
        connection.execute("CREATE OR REPLACE VIEW facts AS FROM one")
        make_types(connection, statement.types)
        order = ", ".join(map(name_sql, statement.key))
        rows = _rows(connection, f"{statement.sql} ORDER BY {order}")
        known = _rows(connection, f"SELECT {columns} FROM facts ORDER BY {order}")
    if not rows:
        raise BangfuError("student_unknown", path=path, student=student)
    pairs = list(zip(rows, known, strict=True))
    return [_explained(chosen, statement, policy, *pair) for pair in pairs for policy in statement.policies]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    done = connection.execute(sql)
    names = [column[0] for column in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def _explained(
    chosen: PolicySet, statement: Statement, policy: Policy, row: dict[str, Any], known: dict[str, Any]
) -> Explanation:
    parts = {part: row[f"{policy.id}__{part}"] for part in PARTS}
    bits = parts.pop("failed")
    failed = tuple(must.code for at, must in enumerate(policy.musts) if bits >> at & 1)
    reading = read_for(chosen, [policy], statement.period)
    rates = tuple(
        Used(name, entry.version, rate.unit, entry.source, entry.confirmed)
        for name, (rate, entry) in reading.entries.items()
    )
    named = [*names_of(policy), *(rate.by for rate, _ in reading.entries.values() if rate.by)]
    facts = {name: known[name] for name in dict.fromkeys(named) if name in known}
    place = tuple(row[name] for name in statement.key)
    return Explanation(policy, place, **parts, failed=failed, rates=rates, facts=facts)
