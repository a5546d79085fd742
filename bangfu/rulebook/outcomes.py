"""The outcomes of a policy in a period, and what its names stand for there."""

from __future__ import annotations

from dataclasses import dataclass

from bangfu.rulebook.expressions import Expression, Type, name_sql, value_sql
from bangfu.rulebook.facts import PERIOD_NAMES, Facts
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet
from bangfu.rulebook.policy import Case, Policy, paid_type
from bangfu.rulebook.rates import Entry, Rate
from bangfu.rulebook.render import Scope, enum_of, never_negative

AMOUNT = ".amount"
NOTHING = "-"  # the case and version where nothing is paid; a column without NULLs is written twice as fast


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a policy, numbered from 1: failed musts and other noes, then what waits, then the cases."""

    noes: list[str]
    waits: list[str]
    cases: list[str]
    versions: list[str]

    def of(self, label: str) -> int:
        """Return the number of a no or of what is waited for."""
        return [*self.noes, *self.waits].index(label) + 1

    @property
    def first_wait(self) -> int:
        """Return the lowest number that stands for a decision not made."""
        return len(self.noes) + 1

    @property
    def first_case(self) -> int:
        """Return the lowest number that stands for yes."""
        return self.first_wait + len(self.waits)

    def labels(self, part: str) -> list[str]:
        """Return the label of each outcome for 'decision', 'case' or 'version'."""
        if part == "decision":
            return [*self.noes, *self.waits, *("yes" for _ in self.cases)]
        return [NOTHING] * (self.first_case - 1) + (self.cases if part == "case" else self.versions)


@dataclass(frozen=True)
class Reading:
    """A policy set read for one period: which policies are in force, and each rate's one version."""

    chosen: PolicySet
    policies: tuple[Policy, ...]
    entries: dict[str, tuple[Rate, Entry]]
    period: Period

    @property
    def facts(self) -> Facts:
        """Return the facts of the subject."""
        return self.chosen.facts

    @property
    def used(self) -> list[str]:
        """Return the facts that are needed, those of their checks among them."""
        named = [name for policy in self.policies for each in policy.expressions for name in each.names]
        named += [rate.by for rate, _ in self.entries.values() if rate.by]
        found = [name for name in dict.fromkeys(named) if name in self.facts.every]
        checks = [name for each in found for test in self.facts.tests_of(each) for name in test.names]
        return [name for name in dict.fromkeys([*found, *checks]) if name in self.facts.every]

    def bare_scope(self, values: dict[str, str]) -> Scope:
        """Return a scope of facts (as `values` says) and the period's days only."""
        first, last = value_sql(self.period.first), value_sql(self.period.last)
        days = {"period_first": first, "period_last": last, "period_days": str(self.period.days)}
        types = {name: fact.type for name, fact in self.facts.every.items()} | PERIOD_NAMES
        return Scope(values | days, types, {})

    def rate_of(self, policy: Policy, name: str) -> tuple[Rate, Entry] | None:
        """Return the rate that a name in a policy's expression means, with its version."""
        return self.entries.get(f"{policy.id}.{name}" if name in policy.rates else name)

    def scope(self, policy: Policy, outcomes: Outcomes, decided: set[str]) -> Scope:
        """Return what the policy's names stand for; `decided`: the policies whose amounts can be named."""
        scope = self.bare_scope({name: name_sql(name) for name in self.used})
        values, types, missing = dict(scope.values), dict(scope.types), {}
        for name in names_of(policy):
            if name in self.facts.every:
                missing[name] = self._fact_code(name, outcomes)
            elif found := self.rate_of(policy, name):
                rate, entry = found
                values[name], types[name] = rate.sql(entry, self._keys(rate, entry)), rate.type
                if rate.by:
                    code = self._fact_code(rate.by, outcomes)
                    number = outcomes.of(f"no_rate:{rate.name}")
                    missing[name] = f"CASE WHEN {name_sql(rate.by)} IS NULL THEN {code} ELSE {number} END"
            elif name.endswith(AMOUNT):
                other = name.removesuffix(AMOUNT)
                types[name] = self._paid(other)
                values[name] = name_sql(f"{other} amount") if other in decided else "CAST(0 AS BIGINT)"
                missing[name] = str(outcomes.of(f"waits:{other}"))
        return Scope(values, types, missing, frozenset(self.coded))

    @property
    def coded(self) -> list[str]:
        """Return the facts that are texts of a closed list."""
        return [name for name in self.used if self.facts.every[name].type.values is not None]

    def _paid(self, other: str) -> Type:
        return next(paid_type(each.pays) for each in self.chosen.policies if each.id == other)

    def _keys(self, rate: Rate, entry: Entry) -> dict[str, str]:
        """Return the keys of a rate's table as SQL."""
        if rate.by in self.coded:
            return {key: f"CAST({value_sql(key)} AS {enum_of(rate.by)})" for key in entry.numbers}
        return {key: key for key in entry.numbers}

    def _fact_code(self, name: str, outcomes: Outcomes) -> str:
        unknown = outcomes.of(f"unknown:{name}")
        if not self.facts.tests_of(name):
            return str(unknown)
        return f"CASE WHEN {name_sql('raw ' + name)} IS NULL THEN {unknown} ELSE {outcomes.of(f'invalid:{name}')} END"

    def outcomes(self, policy: Policy) -> Outcomes:
        """Return the outcomes that the policy can have."""
        noes = [must.code for must in policy.musts]
        noes += [f"excluded:{other}" for other in policy.yields_to]
        noes += ["no_case"] if policy.cases[-1].when is not None else []
        noes += ["below_zero"] if any(self.may_be_negative(case) for case in policy.cases) else []
        waits = [label for name in names_of(policy) for label in self._waits(policy, name)]
        waits += [f"waits:{other}" for other in policy.yields_to]
        versions = [self._version(policy, case) for case in policy.cases]
        return Outcomes(noes, list(dict.fromkeys(waits)), [case.code for case in policy.cases], versions)

    def _waits(self, policy: Policy, name: str) -> list[str]:
        if name in self.facts.every:
            return self._fact_labels(name)
        if found := self.rate_of(policy, name):
            rate = found[0]
            return [*self._fact_labels(rate.by), f"no_rate:{rate.name}"] if rate.by else []
        return [f"waits:{name.removesuffix(AMOUNT)}"] if name.endswith(AMOUNT) else []

    def _fact_labels(self, name: str) -> list[str]:
        return [f"unknown:{name}", *([f"invalid:{name}"] if self.facts.tests_of(name) else [])]

    def _version(self, policy: Policy, case: Case) -> str:
        """Return the versions of the rates that a case pays by: their first days, joined by '+'."""
        found = [self.rate_of(policy, name) for each in case.expressions for name in each.names]
        versions = dict.fromkeys(each[1].version for each in found if each)
        return "+".join(versions) or policy.first.isoformat()

    def may_be_negative(self, case: Case) -> bool:
        """Tell whether the amount of a case could be below zero for some facts."""

        def sure(name: str) -> bool:
            fact = self.facts.every.get(name)
            return fact.never_negative if fact else True

        return not all(never_negative(each.tree, sure) for each in case.expressions)


def names_of(policy: Policy) -> list[str]:
    """Return the names that a policy's expressions use, each once."""
    return list(dict.fromkeys(name for each in policy.expressions for name in each.names))


def needs_amounts(expression: Expression, decided: set[str]) -> bool:
    """Tell whether an expression names another policy's amount that is decided in the same statement."""
    return any(name.endswith(AMOUNT) and name.removesuffix(AMOUNT) in decided for name in expression.names)


def read_for(chosen: PolicySet, policies: list[Policy], period: Period) -> Reading:
    """Read a set for a period; refused where a rate that is named has no version for it, or more than one."""
    known = {f"{policy.id}.{rate.name}": rate for policy in chosen.policies for rate in policy.rates.values()}
    wanted = [f"{p.id}.{n}" if n in p.rates else n for p in policies for n in names_of(p)]
    entries = {name: (known[name], known[name].on(period)) for name in dict.fromkeys(wanted) if name in known}
    return Reading(chosen, tuple(policies), entries, period)
