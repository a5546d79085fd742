"""Policy files: who is owed what, from when, by which document. Read, and checked as far as one file can be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bangfu.rulebook.expressions import BOOLEAN, INTEGER, NAME, Expression, Kind, Names, Type, check, usable
from bangfu.rulebook.facts import CURRENCY, PERIOD_NAMES, Facts
from bangfu.rulebook.periods import KINDS
from bangfu.rulebook.rates import Rate, read_rate
from bangfu.rulebook.source import Table, Wrong, read_table

ROUNDINGS = ("half_up", "up", "down")
FRACTION = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")
MOST_MUSTS = 16  # a bit each
# Codes that decisions have by themselves; the last five say after a colon what is meant.
OWN_CODES = ("yes", "no_case", "below_zero", "unknown", "invalid", "waits", "no_rate", "excluded")
KEYS = (
    *("id", "title", "clauses", "subject", "period", "pays", "from", "until", "source", "confirmed", "note"),
    *("yields_to", "stacks_with", "must", "rate", "case"),
)


@dataclass(frozen=True)
class Must:
    """A condition: its code, its test, and its sentence."""

    code: str
    test: Expression
    say: dict[str, str]
    table: Table


@dataclass(frozen=True)
class Share:
    """A part of an amount: numerator and denominator."""

    part: int
    whole: int


@dataclass(frozen=True)
class Case:
    """What is paid when: an amount, no more than `cap` of it, a share of that, for the days enrolled of all days."""

    code: str
    when: Expression | None
    pay: Expression
    cap: Expression | None
    share: Share | None
    prorate: tuple[Expression, Expression] | None
    rounding: str
    table: Table

    @property
    def expressions(self) -> list[Expression]:
        """Return all expressions that the amount is made of."""
        found = [self.pay, self.cap, *(self.prorate or ())]
        return [each for each in found if each is not None]


@dataclass(frozen=True)
class Policy:
    """A policy as its file states it."""

    id: str
    title: dict[str, str]
    clauses: tuple[str, ...]
    subject: str
    period: str
    pays: str
    first: date
    last: date | None
    source: str
    confirmed: bool
    musts: tuple[Must, ...]
    rates: dict[str, Rate]
    cases: tuple[Case, ...]
    yields_to: tuple[str, ...]
    stacks_with: tuple[str, ...]
    table: Table

    @property
    def type(self) -> Type:
        """Return the type of what it pays."""
        return paid_type(self.pays)

    @property
    def needs(self) -> list[str]:
        """Return the policies whose amounts or decisions this one needs, each once."""
        used = [name.split(".") for each in self.expressions for name in each.names]
        return list(dict.fromkeys([*self.yields_to, *(parts[0] for parts in used if parts[1:] == ["amount"])]))

    @property
    def expressions(self) -> list[Expression]:
        """Return every expression of the policy."""
        whens = [case.when for case in self.cases if case.when]
        return [must.test for must in self.musts] + whens + [e for case in self.cases for e in case.expressions]


def paid_type(pays: str) -> Type:
    """Return the type of a payment: money of a currency, or a count of things."""
    return Type(Kind.MONEY, pays) if CURRENCY.fullmatch(pays) else INTEGER


@dataclass(frozen=True)
class Draft:
    """A file that was read but whose expressions were not judged, for they may name other files' rates."""

    table: Table
    id: str
    subject: str
    period: str
    pays: str
    rates: dict[str, Rate]
    facts: Facts


def read_draft(path: Path, facts: Facts) -> Draft:
    """Read what stands in a policy file but its conditions and cases."""
    table = read_table(path)
    table.only(*KEYS)
    id_ = table.text("id")
    if id_ != path.stem or not usable(id_) or id_ in facts.every:
        raise table.wrong("policy_bad_id", "id", id=id_, stem=path.stem)
    subject, period, pays = table.text("subject"), table.text("period"), table.text("pays")
    if subject != facts.subject:
        raise table.wrong("facts_unknown_subject", "subject", subject=subject)
    if period not in KINDS:
        raise table.wrong("policy_bad_period", "period", period=period, known=", ".join(KINDS))
    if not (CURRENCY.fullmatch(pays) or NAME.fullmatch(pays)):
        raise table.wrong("policy_bad_pays", "pays", pays=pays)
    rates: dict[str, Rate] = {}
    for each in table.tables("rate"):
        rate = read_rate(each, facts)
        if rate.name in rates or rate.name in facts.every or rate.name in PERIOD_NAMES:
            raise each.wrong("policy_twice", "name", name=rate.name)
        rates[rate.name] = rate
    return Draft(table, id_, subject, period, pays, rates, facts)


def finish(draft: Draft, names: Names) -> Policy:
    """Judge the conditions and cases of a draft; `names`: all that its expressions may name, with types."""
    table = draft.table
    musts = tuple(_must(each, names) for each in table.tables("must"))
    if len(musts) > MOST_MUSTS:
        raise table.wrong("policy_too_many", "must", most=MOST_MUSTS)
    cases = tuple(_case(each, at, names, draft) for at, each in enumerate(table.tables("case")))
    if not cases:
        raise table.wrong("policy_missing", key="case")
    _codes_once(musts)
    _codes_once(cases)
    _cases_reached(cases)
    first, last = table.day("from"), table.day_or_none("until")
    if last is not None and last < first:
        raise table.wrong("rate_overlap", "until", rate=draft.id, day=last)
    yields, stacks = table.texts("yields_to"), table.texts("stacks_with")
    if both := sorted(set(yields) & set(stacks)):
        raise table.wrong("policy_stacks_and_yields", "yields_to", other=both[0])
    return Policy(
        **{name: getattr(draft, name) for name in ("id", "subject", "period", "pays", "rates", "table")},
        title=table.in_both("title"),
        clauses=table.texts("clauses"),
        first=first,
        last=last,
        source=table.text("source"),
        confirmed=table.flag("confirmed", True),
        musts=musts,
        cases=cases,
        yields_to=yields,
        stacks_with=stacks,
    )


def _expression(table: Table, key: str, names: Names, wanted: Type) -> Expression:
    try:
        return check(table.text(key), names, wanted)
    except Wrong as problem:
        raise problem.at(table.file, table.line(key)) from problem


def _must(table: Table, names: Names) -> Must:
    table.only("code", "test", "say", "clause", "note")
    code = table.text("code")
    if not NAME.fullmatch(code) or code in OWN_CODES:
        raise table.wrong("policy_bad_name", "code", name=code)
    return Must(code, _expression(table, "test", names, BOOLEAN), table.in_both("say"), table)


def _case(table: Table, at: int, names: Names, draft: Draft) -> Case:
    table.only("code", "when", "pay", "cap", "share", "prorate", "round", "say", "note")
    wanted = paid_type(draft.pays)
    pay = _expression(table, "pay", names, wanted)
    cap = _expression(table, "cap", names, wanted) if table.has("cap") else None
    when = _expression(table, "when", names, BOOLEAN) if table.has("when") else None
    share, prorate = _share(table), _prorate(table, names, draft.facts)
    rounding = table.text("round", "")
    if bool(share or prorate) != bool(rounding) or (rounding and rounding not in ROUNDINGS):
        raise table.wrong("case_rounding", "round", known=", ".join(ROUNDINGS))
    code = table.text("code", "") or (pay.text if NAME.fullmatch(pay.text) else f"case_{at + 1}")
    if not NAME.fullmatch(code):
        raise table.wrong("policy_bad_name", "code", name=code)
    if table.has("say"):
        table.in_both("say")
    return Case(code, when, pay, cap, share, prorate, rounding, table)


def _share(table: Table) -> Share | None:
    if not table.has("share"):
        return None
    found = FRACTION.fullmatch(table.text("share"))
    if found is None or int(found[1]) > int(found[2]):
        raise table.wrong("case_share", "share", share=table.text("share"))
    return Share(int(found[1]), int(found[2]))


def _prorate(table: Table, names: Names, facts: Facts) -> tuple[Expression, Expression] | None:
    if not table.has("prorate"):
        return None
    parts = table.table("prorate")
    parts.only("days", "of")
    days, of = _expression(parts, "days", names, INTEGER), _expression(parts, "of", names, INTEGER)
    fact = facts.every.get(of.text)
    if of.text != "period_days" and not (fact and fact.minimum is not None and fact.minimum > 0):
        raise parts.wrong("case_of_days", "of")
    return days, of


def _codes_once(parts: tuple[Must, ...] | tuple[Case, ...]) -> None:
    seen: set[str] = set()
    for part in parts:
        if part.code in seen:
            raise part.table.wrong("policy_twice", "code", name=part.code)
        seen.add(part.code)


def _cases_reached(cases: tuple[Case, ...]) -> None:
    """Refuse a case after one that always holds, or with the test of an earlier one."""
    tests: set[str] = set()
    for at, case in enumerate(cases):
        test = case.when.tree.sql(dialect="duckdb", comments=False) if case.when else ""
        if test in tests or (at and cases[at - 1].when is None):
            raise case.table.wrong("case_unreachable", "when", case=case.code)
        tests.add(test)
