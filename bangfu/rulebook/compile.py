"""From policies and a period to one SQL statement: a single pass that decides every row.

The statement is a chain of projections over the facts: facts cleaned of impossible values, tests, outcomes, amounts,
labels. An *outcome* is a small number that says which must failed, which fact is missing, or which case pays; decision,
case and rate version are labels of it. Amounts are NULL where a decision waits for a fact, 0 where the answer is no.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from bangfu.core.errors import BangfuError
from bangfu.rulebook.expressions import Expression, Kind, Type, name_sql, value_sql
from bangfu.rulebook.facts import MINOR
from bangfu.rulebook.outcomes import Outcomes, Reading, needs_amounts, read_for
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet
from bangfu.rulebook.policy import Case, Policy
from bangfu.rulebook.render import Scope, cause, enum_of, may_miss, render

LABELS = ("decision", "case", "version")
PARTS = ("amount", "failed", *LABELS)  # of each policy, in this order
BITS_OF_A_BYTE = 8


@dataclass(frozen=True)
class Statement:
    """A compiled policy set: the SQL over the table `facts`, and what its columns mean."""

    sql: str
    types: dict[str, list[str]]  # the enumerated types that the SQL names, with their labels
    key: tuple[str, ...]
    policies: tuple[Policy, ...]
    outcomes: dict[str, Outcomes]
    columns: dict[str, Type]
    left_out: tuple[str, ...]
    period: Period


def in_force(chosen: PolicySet, period: Period) -> list[Policy]:
    """Return the policies that are decided for a period; refused where there is none, or one holds for a part of it."""
    for policy in chosen.cut_by(period):
        day = policy.first if policy.first > period.first else policy.last
        raise policy.table.wrong("policy_cut", "from", policy=policy.id, day=day, period=period.name)
    policies = chosen.in_force(period)
    if not policies:
        raise BangfuError("policies_not_in_force", path=chosen.folder, period=period.name)
    return policies


@lru_cache(maxsize=16)
def compile_set(chosen: PolicySet, period: Period, key: tuple[str, ...]) -> Statement:
    """Compile the policies in force for a period; refused where a rate is missing or changes inside it.

    `key`: the key columns that the facts have. Remembered, for a page explains one student after the other.
    """
    return compile_reading(read_for(chosen, in_force(chosen, period), period), key)


def compile_reading(reading: Reading, key: tuple[str, ...]) -> Statement:
    """Compile policies whose rates have been chosen."""
    compiler = _Compiler(reading, key)
    left = tuple(each.id for each in reading.chosen.policies if each not in reading.policies)
    columns = {name: reading.facts.every[name].type for name in reading.used}
    sql, types = compiler.sql(), compiler.types
    return Statement(sql, types, key, reading.policies, compiler.outcomes, columns, left, reading.period)


class _Compiler:
    def __init__(self, reading: Reading, key: tuple[str, ...]) -> None:
        self.reading, self.key = reading, key
        self.facts, self.policies = reading.facts, reading.policies
        self.decided = {policy.id for policy in reading.policies}
        self.outcomes = {policy.id: reading.outcomes(policy) for policy in self.policies}
        self.scopes = {p.id: reading.scope(p, self.outcomes[p.id], self.decided) for p in self.policies}
        self.tests: dict[str, str] = {}

    def sql(self) -> str:
        """Return the whole statement."""
        sql = "facts"
        for at, columns in enumerate([self._clean(), *self._decide()]):
            sql = f"(SELECT {', '.join(columns)} FROM {sql}) AS step{at}"
        return f"SELECT {', '.join(self._labelled())} FROM {sql}"

    # ------------------------------------------------------------ facts

    @cached_property
    def bounded(self) -> list[str]:
        """Return the facts that may be impossible."""
        return [name for name in self.reading.used if self.facts.tests_of(name)]

    def _clean(self) -> list[str]:
        """Return the first step: impossible values become NULL; `raw x` tells that they were there."""
        raw = {name: self._raw(name) for name in self.reading.used}
        scope = self.reading.bare_scope(raw)
        columns = [name_sql(name) for name in self.key]
        for name in self.reading.used:
            columns.append(f"{self._possible(name, raw[name], scope)} AS {name_sql(name)}")
        return columns + [f"{name_sql(name)} AS {name_sql('raw ' + name)}" for name in self.bounded]

    def _possible(self, name: str, raw: str, scope: Scope) -> str:
        """Return a fact's value, or NULL where it is impossible; a text of a closed list as an enumerated type."""
        tests = self.facts.tests_of(name)
        if name in self.reading.coded:
            raw, tests = f"TRY_CAST({raw} AS {enum_of(name)})", tests[1:]
        wrong = " OR ".join(f"NOT ({render(test, scope)})" for test in tests)
        return f"CASE WHEN {wrong} THEN NULL ELSE {raw} END" if wrong else raw

    def _raw(self, name: str) -> str:
        money = self.facts.every[name].type.kind is Kind.MONEY  # a decimal in the table, read in fen
        return f"CAST({name_sql(name)} * {MINOR} AS BIGINT)" if money else name_sql(name)

    # ------------------------------------------------------------ deciding

    def _decide(self) -> list[list[str]]:
        """Return the steps: the tests of all policies, then outcomes and amounts, level by level."""
        carried = [name_sql(name) for name in (*self.key, *self.reading.used)]
        carried += [name_sql(f"raw {name}") for name in self.bounded]
        outcomes = {policy.id: self._outcome(policy) for policy in self.policies}  # collects the tests
        steps = [carried + [f"{sql} AS {name_sql(name)}" for sql, name in self.tests.items()]]
        carried = carried + [name_sql(name) for name in self.tests.values()]
        for level in self._levels():
            names = [name_sql(f"{policy.id} outcome") for policy in level]
            steps.append(carried + [f"{outcomes[p.id]} AS {name}" for p, name in zip(level, names, strict=True)])
            carried = carried + names
            names = [name_sql(f"{policy.id} amount") for policy in level]
            steps.append(carried + [f"{self._amount(p)} AS {name}" for p, name in zip(level, names, strict=True)])
            carried = carried + names
        return steps

    def _levels(self) -> list[list[Policy]]:
        depth: dict[str, int] = {}
        for policy in self.policies:
            depth[policy.id] = 1 + max((depth.get(other, 0) for other in policy.needs), default=0)
        return [[p for p in self.policies if depth[p.id] == level] for level in sorted(set(depth.values()))]

    def _test(self, policy: Policy, test: Expression) -> str:
        """Return the column of a test, made once for all policies; one over another's amount is made in place."""
        sql = render(test, self.scopes[policy.id])
        if needs_amounts(test, self.decided):
            return f"({sql})"
        return name_sql(self.tests.setdefault(sql, f"test {len(self.tests)}"))

    def _outcome(self, policy: Policy) -> str:
        scope, numbers = self.scopes[policy.id], self.outcomes[policy.id]
        musts = [self._test(policy, must.test) for must in policy.musts]
        whens = [f"WHEN NOT {test} THEN {at}" for at, test in enumerate(musts, 1)]
        for test, must in zip(musts, policy.musts, strict=True):
            whens += self._unknown(test, must.test, scope)
        whens += [when for other in policy.yields_to for when in self._yield(policy, other)]
        for at, case in enumerate(policy.cases):
            paid = self._paid(policy, case, numbers.first_case + at)
            if case.when is None:
                return f"CASE {' '.join(whens)} ELSE {paid} END" if whens else paid
            test = self._test(policy, case.when)
            whens.append(f"WHEN {test} THEN {paid}")
            whens += self._unknown(test, case.when, scope)
        return f"CASE {' '.join(whens)} ELSE {numbers.of('no_case')} END"

    def _unknown(self, sql: str, expression: Expression, scope: Scope) -> list[str]:
        return [f"WHEN {sql} IS NULL THEN {cause(expression, scope)}"] if may_miss(expression, scope) else []

    def _yield(self, policy: Policy, other: str) -> list[str]:
        """Return what follows from a policy that goes before this one: paid there, or not decided there."""
        if other not in self.decided:
            return []
        theirs, ours = self.outcomes[other], self.outcomes[policy.id]
        column = name_sql(f"{other} outcome")
        return [
            f"WHEN {column} >= {theirs.first_case} THEN {ours.of(f'excluded:{other}')}",
            f"WHEN {column} >= {theirs.first_wait} THEN {ours.of(f'waits:{other}')}",
        ]

    def _paid(self, policy: Policy, case: Case, number: int) -> str:
        """Return the outcome of a case that holds: its number, unless something of its amount is not known."""
        scope = self.scopes[policy.id]
        parts = [(render(each, scope), each) for each in case.expressions]
        whens = [when for sql, each in parts for when in self._unknown(f"({sql})", each, scope)]
        if self.reading.may_be_negative(case):
            below = " OR ".join(f"({sql}) < 0" for sql, _ in parts)
            whens.append(f"WHEN {below} THEN {self.outcomes[policy.id].of('below_zero')}")
        return f"CASE {' '.join(whens)} ELSE {number} END" if whens else str(number)

    # ------------------------------------------------------------ amounts

    def _amount(self, policy: Policy) -> str:
        numbers, column = self.outcomes[policy.id], name_sql(f"{policy.id} outcome")
        whens = [f"WHEN {column} < {numbers.first_wait} THEN 0"]
        whens += [f"WHEN {column} < {numbers.first_case} THEN NULL"] if numbers.waits else []
        sums = [self._sum(policy, case) for case in policy.cases]
        for at, amount in enumerate(sums[:-1]):
            whens.append(f"WHEN {column} = {numbers.first_case + at} THEN {amount}")
        return f"CAST(CASE {' '.join(whens)} ELSE {sums[-1]} END AS BIGINT)"

    def _sum(self, policy: Policy, case: Case) -> str:
        """Return a case's amount: no more than the cap, its share, for the days; rounded once, at the end."""
        scope = self.scopes[policy.id]
        amount = render(case.pay, scope)
        if case.cap is not None:
            cap = render(case.cap, scope)
            amount = f"CASE WHEN ({cap}) < ({amount}) THEN {cap} ELSE {amount} END"
        over, under = [f"({amount})"], []
        if case.share is not None:
            over, under = [*over, str(case.share.part)], [str(case.share.whole)]
        if case.prorate is not None:
            days, of = (f"CAST({render(each, scope)} AS BIGINT)" for each in case.prorate)
            over, under = [*over, days], [*under, of]
        return _rounded(" * ".join(over), " * ".join(under), case.rounding) if under else amount

    # ------------------------------------------------------------ labels

    @cached_property
    def types(self) -> dict[str, list[str]]:
        """Return the enumerated types: of facts with a closed list of values, and of each policy's labels."""
        found = {enum_of(name): sorted(self.facts.every[name].type.values or ()) for name in self.reading.coded}
        for policy in self.policies:
            for part in LABELS:
                found[f"{policy.id}__{part}"] = list(dict.fromkeys(self.outcomes[policy.id].labels(part)))
        return found

    def _labelled(self) -> list[str]:
        """Return the last step: the columns that go out."""
        columns = [name_sql(name) for name in self.key]
        for policy in self.policies:
            columns.append(f"{name_sql(policy.id + ' amount')} AS {name_sql(policy.id + '__amount')}")
            columns.append(f"{self._failed(policy)} AS {name_sql(policy.id + '__failed')}")
            columns += [f"{self._label(policy, part)} AS {name_sql(f'{policy.id}__{part}')}" for part in LABELS]
        return columns

    def _failed(self, policy: Policy) -> str:
        """Return the musts that are false, a bit each, the first must's the lowest."""
        type_ = "UTINYINT" if len(policy.musts) <= BITS_OF_A_BYTE else "USMALLINT"
        bits = [
            f"CASE WHEN NOT {self._test(policy, must.test)} THEN CAST({1 << at} AS {type_}) ELSE CAST(0 AS {type_}) END"
            for at, must in enumerate(policy.musts)
        ]
        return " + ".join(bits) or f"CAST(0 AS {type_})"

    def _label(self, policy: Policy, part: str) -> str:
        """Return a label as a CASE over the outcome: neighbours with one label in one step, those of yes first."""
        outcomes, column = self.outcomes[policy.id], name_sql(f"{policy.id} outcome")
        labels = [f"CAST({value_sql(label)} AS {name_sql(f'{policy.id}__{part}')})" for label in outcomes.labels(part)]
        yes, others = labels[outcomes.first_case - 1 :], labels[: outcomes.first_case - 1]
        whens = [f"WHEN {column} >= {at} THEN {label}" for at, label in _falling(yes, outcomes.first_case)]
        whens += [f"WHEN {column} <= {at} THEN {label}" for at, label in _rising(others)]
        return f"CASE {' '.join(whens[:-1])} ELSE {whens[-1].split(' THEN ')[1]} END" if whens[1:] else labels[0]


def _falling(labels: list[str], first: int) -> list[tuple[int, str]]:
    """Return the lowest number of each run of one label, from the last run to the first."""
    starts = [(first + at, label) for at, label in enumerate(labels) if at == 0 or labels[at - 1] != label]
    return starts[::-1]


def _rising(labels: list[str]) -> list[tuple[int, str]]:
    """Return the highest number of each run of one label, counted from 1."""
    return [(at + 1, label) for at, label in enumerate(labels) if at + 1 == len(labels) or labels[at + 1] != label]


def _rounded(over: str, under: str, rounding: str) -> str:
    """Return a whole quotient of two whole numbers that are not below zero."""
    if rounding == "half_up":
        return f"(2 * ({over}) + ({under})) // (2 * ({under}))"
    if rounding == "up":
        return f"(({over}) + ({under}) - 1) // ({under})"
    return f"({over}) // ({under})"
