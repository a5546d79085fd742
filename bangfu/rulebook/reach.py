"""Whether every case of a policy can be reached: all facts that matter are tried at and beside every bound."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from math import prod

import duckdb
from sqlglot import exp

from bangfu.rulebook.decide import engine, make_types
from bangfu.rulebook.expressions import Expression, Kind, name_of, name_sql, value_sql
from bangfu.rulebook.facts import Fact
from bangfu.rulebook.outcomes import AMOUNT, Reading
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet
from bangfu.rulebook.policy import Policy
from bangfu.rulebook.render import Scope, enum_of, render

MOST = 500_000  # combinations tried; a policy with more is checked by its form only
SPAN = 120  # days of the period that is assumed
# Where facts are added up, or compared with each other, trying values beside the bounds proves nothing.
RECKONED = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs, exp.Greatest, exp.Least, exp.Coalesce)


def check_reach(chosen: PolicySet) -> None:
    """Refuse a set in which a case cannot be reached."""
    values = {name: fact.type.values for name, fact in chosen.facts.every.items()}
    with engine() as connection:
        make_types(connection, {enum_of(name): sorted(each) for name, each in values.items() if each is not None})
        for policy in chosen.policies:
            tests = [must.test for must in policy.musts] + [case.when for case in policy.cases if case.when]
            if not any(_reckoned(test, policy) for test in tests):
                _check(connection, chosen, policy, tests)


def _reckoned(test: Expression, policy: Policy) -> bool:
    """Tell whether a test does more than compare single facts with single numbers."""
    if any(name.endswith(AMOUNT) for name in test.names) or test.tree.find(*RECKONED):
        return True
    return any(_between_facts(node, policy) for node in test.tree.find_all(exp.Binary, exp.Between))


def _between_facts(node: exp.Expr, policy: Policy) -> bool:
    if isinstance(node, exp.And | exp.Or):
        return False
    sides = [part for part in node.iter_expressions() if isinstance(part, exp.Column)]
    return len([part for part in sides if name_of(part) not in policy.rates and not part.table]) > 1


def _check(connection: duckdb.DuckDBPyConnection, chosen: PolicySet, policy: Policy, tests: list[Expression]) -> None:
    scope, numbers, keys = _assumed(chosen, policy)
    names = [name for test in tests for name in test.names] + keys
    facts = [chosen.facts.every[name] for name in dict.fromkeys(names) if name in chosen.facts.every]
    marks = _marks(tests)
    tried = {fact.name: _values(fact, marks, numbers) for fact in facts}
    if prod(len(values) for values in tried.values()) > MOST:
        return
    for case, reached in zip(policy.cases, _reached(connection, policy, scope, tried), strict=True):
        if not reached:
            raise case.table.wrong("case_unreachable", "when", case=case.code)


def _assumed(chosen: PolicySet, policy: Policy) -> tuple[Scope, list[int | Decimal], list[str]]:
    """Return the policy's scope with each rate's newest version, the numbers in these, and what they are keyed by."""
    rates = {f"{p.id}.{r.name}": (r, r.entries[-1]) for p in chosen.policies for r in p.rates.values()}
    first = max((entry.first for _, entry in rates.values()), default=policy.first)
    period = Period("any", policy.period, first, first + timedelta(days=SPAN - 1))
    reading = Reading(chosen, (policy,), rates, period)
    scope = reading.scope(policy, reading.outcomes(policy), set())
    named = {name for each in policy.expressions for name in each.names}
    used = [rate for name, rate in rates.items() if name in named or name in {f"{policy.id}.{n}" for n in named}]
    numbers = [number for _, entry in used for number in entry.numbers.values()]
    return scope, numbers, [rate.by for rate, _ in used if rate.by]


def _marks(tests: list[Expression]) -> list[exp.Literal]:
    return [literal for test in tests for literal in test.tree.find_all(exp.Literal)]


def _values(fact: Fact, marks: list[exp.Literal], numbers: list[int | Decimal]) -> list[str]:
    """Return the values to try of a fact, as SQL: all of a closed list, else every bound and its neighbours."""
    kind = fact.type.kind
    if kind is Kind.BOOLEAN:
        return ["TRUE", "FALSE"]
    texts = [mark.name for mark in marks if mark.is_string]
    if kind is Kind.TEXT:
        if fact.type.values is None:
            return [value_sql(text) for text in sorted({*texts, "~"})]
        return [f"CAST({value_sql(text)} AS {enum_of(fact.name)})" for text in sorted(fact.type.values)]
    if kind is Kind.DATE:
        days = [date.fromisoformat(text) for text in texts if len(text) == len("2025-01-01") and text[4] == "-"]
        return [value_sql(day + timedelta(days=by)) for day in days or [date(2000, 1, 1)] for by in (-1, 0, 1)]
    bounds = [Decimal(mark.name) for mark in marks if not mark.is_string]
    bounds += [Decimal(number) for number in numbers] + [Decimal(0)]
    bounds += [Decimal(bound) for bound in (fact.minimum, fact.maximum) if bound is not None]
    tried = {bound + by for bound in bounds for by in (-1, 0, 1)}
    low, high = fact.minimum, fact.maximum
    kept = [n for n in sorted(tried) if (low is None or n >= low) and (high is None or n <= high)]
    return [str(number) for number in kept if kind is Kind.DECIMAL or number == number.to_integral_value()]


def _reached(
    connection: duckdb.DuckDBPyConnection, policy: Policy, scope: Scope, tried: dict[str, list[str]]
) -> list[bool]:
    musts = " AND ".join(f"({render(must.test, scope)})" for must in policy.musts) or "TRUE"
    parts, before = [], "TRUE"
    for case in policy.cases:
        when = render(case.when, scope) if case.when else "TRUE"
        parts.append(f"coalesce(bool_or({musts} AND {before} AND ({when})), FALSE)")
        before += f" AND NOT ({when})"
    tables = [f"(SELECT unnest([{', '.join(values)}]) AS {name_sql(name)})" for name, values in tried.items()]
    sql = f"SELECT {', '.join(parts)} FROM {' CROSS JOIN '.join(tables) or '(SELECT 1)'}"
    row: tuple[bool, ...] | None = connection.execute(sql).fetchone()
    return list(row or ())
