"""What is known of a subject: the columns of its table, their types, and what is possible in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bangfu.core.library import LIBRARY
from bangfu.rulebook.expressions import (
    BOOLEAN,
    INTEGER,
    NAME,
    Expression,
    Kind,
    Type,
    check,
    name_sql,
    usable,
    value_sql,
)
from bangfu.rulebook.source import Table, Wrong, read_table

CURRENCY = re.compile(r"[A-Z]{3}")
MINOR = 100  # fen in a yuan, cents in a euro: money is counted in these


@dataclass(frozen=True)
class Fact:
    """One column: its type, its title, and the test that a possible value passes (None: whatever the type takes)."""

    name: str
    type: Type
    title: dict[str, str]
    unit: str
    minimum: int | Decimal | None
    maximum: int | Decimal | None
    possible: Expression | None

    @property
    def never_negative(self) -> bool:
        """Tell whether no possible value is below zero."""
        return self.minimum is not None and self.minimum >= 0


@dataclass(frozen=True)
class Facts:
    """The facts of a subject. `key`: the columns that name a row; what comes after the first may be missing."""

    subject: str
    key: tuple[str, ...]
    every: dict[str, Fact]
    checks: tuple[tuple[str, Expression], ...]
    file: Path

    def tests_of(self, name: str) -> list[Expression]:
        """Return what must hold of a fact that is possible, where it is known."""
        fact = self.every[name]
        own = [fact.possible] if fact.possible else []
        return own + [test for of, test in self.checks if of == name]


PERIOD_NAMES = {"period_first": Type(Kind.DATE), "period_last": Type(Kind.DATE), "period_days": INTEGER}


def facts_for(subject: str, folder: Path | None = None) -> Facts:
    """Return the facts of a subject: the policies' own `facts.toml` in `folder`, else those that are shipped."""
    own = folder / "facts.toml" if folder else None
    if own is not None and own.is_file():
        return read_facts(own)
    shipped = LIBRARY / "facts" / f"{subject}.toml"
    if not NAME.fullmatch(subject) or not shipped.is_file():
        raise Wrong("facts_unknown_subject", subject=subject)
    return read_facts(shipped)


def read_facts(path: Path) -> Facts:
    """Read a file of facts; refused with file and line where it is wrong."""
    table = read_table(path)
    table.only("subject", "key", "fact", "check")
    every: dict[str, Fact] = {}
    for each in table.tables("fact"):
        fact = _fact(each)
        if fact.name in every or fact.name in PERIOD_NAMES:
            raise each.wrong("policy_twice", "name", name=fact.name)
        every[fact.name] = fact
    key = table.texts("key")
    if not key or not every:
        raise table.wrong("policy_missing", key="fact" if key else "key")
    if clash := [name for name in key if name in every or not NAME.fullmatch(name)]:
        raise table.wrong("policy_bad_name", "key", name=clash[0])
    types = {name: fact.type for name, fact in every.items()} | PERIOD_NAMES
    checks = tuple(_check(each, types, every) for each in table.tables("check"))
    return Facts(table.text("subject"), key, every, checks, path)


def _fact(table: Table) -> Fact:
    table.only("name", "type", "title", "unit", "values", "min", "max", "note")
    name = table.text("name")
    if not usable(name):
        raise table.wrong("policy_bad_name", "name", name=name)
    unit = table.text("unit", "")
    type_ = _type(table, unit)
    minimum, maximum = (_bound(table, key, type_) for key in ("min", "max"))
    possible = _possible(table, name, type_, minimum, maximum)
    return Fact(name, type_, table.in_both("title"), unit, minimum, maximum, possible)


def _type(table: Table, unit: str) -> Type:
    kind = table.text("type")
    if kind not in list(Kind):
        raise table.wrong("facts_no_type", "type", type=kind, known=", ".join(Kind))
    if kind == Kind.MONEY and not CURRENCY.fullmatch(unit):
        raise table.wrong("facts_no_currency", "unit" if table.has("unit") else "type")
    values = table.texts("values")
    if (values and kind != Kind.TEXT) or len(set(values)) < len(values):
        raise table.wrong("policy_not_texts", "values", key="values")
    return Type(Kind(kind), unit if kind == Kind.MONEY else "", frozenset(values) if values else None)


def _bound(table: Table, key: str, type_: Type) -> int | Decimal | None:
    value = table.values.get(key)
    if value is None:
        return None
    numeric = type_.kind in (Kind.INTEGER, Kind.DECIMAL, Kind.MONEY)
    if not numeric or isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise table.wrong("facts_bad_bound", key, key=key)
    return minor(value, table, key) if type_.kind is Kind.MONEY else value


def minor(value: object, table: Table, *keys: str | int) -> int:
    """Return an amount of the file in integer fen or cents; refused where it has more than two decimals."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise table.wrong("policy_not_amount", *keys, value=value)
    amount = Decimal(value) * MINOR
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise table.wrong("policy_not_amount", *keys, value=value)
    return int(amount)


def _possible(
    table: Table, name: str, type_: Type, minimum: int | Decimal | None, maximum: int | Decimal | None
) -> Expression | None:
    column, parts = name_sql(name), []
    if type_.values is not None:
        parts.append(f"{column} IN ({', '.join(map(value_sql, table.texts('values')))})")
    # Bounds of money are in fen already, as the column is when the test is asked; so its type is a whole number here.
    parts += [f"{column} >= {minimum}"] if minimum is not None else []
    parts += [f"{column} <= {maximum}"] if maximum is not None else []
    judged = INTEGER if type_.kind is Kind.MONEY else type_
    return check(" AND ".join(parts), {name: judged}, BOOLEAN) if parts else None


def _check(table: Table, types: dict[str, Type], every: dict[str, Fact]) -> tuple[str, Expression]:
    """Read a test between facts: where it is false, `fact` is impossible."""
    table.only("fact", "test", "say")
    name = table.text("fact")
    if name not in every:
        raise table.wrong("expr_unknown", "fact", name=name, known=", ".join(sorted(every)))
    table.in_both("say")
    try:
        return name, check(table.text("test"), types, BOOLEAN)
    except Wrong as problem:
        raise problem.at(table.file, table.line("test")) from problem
