"""Rates: numbers with a first day and a source, alone or in a table keyed by a fact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bangfu.rulebook.expressions import Kind, Type, name_sql, usable
from bangfu.rulebook.facts import CURRENCY, Facts, minor
from bangfu.rulebook.periods import Period
from bangfu.rulebook.source import Table

Number = int | Decimal
MORE = "each_more"
WHOLE = re.compile(r"0|[1-9]\d{0,3}")


@dataclass(frozen=True)
class Entry:
    """What a rate is from a day on: one number, or a number for each key; `more` for each key after the last."""

    first: date
    last: date | None
    numbers: dict[str, Number]
    more: Number | None
    source: str
    confirmed: bool
    table: Table

    @property
    def version(self) -> str:
        """Return the name of this version: its first day."""
        return self.first.isoformat()


@dataclass(frozen=True)
class Rate:
    """A number of a policy over time. `by`: the fact that its table is keyed by."""

    name: str
    unit: str
    type: Type
    by: str | None
    entries: tuple[Entry, ...]
    table: Table

    def on(self, period: Period) -> Entry:
        """Return the one version that holds for the whole period; refused where there is none, or more than one."""
        started = [each for each in self.entries if each.first <= period.first]
        if not started or _over(started[-1], period.first):
            raise self.table.wrong("rate_missing", "values", rate=self.name, day=period.first, period=period.name)
        current = started[-1]
        if changes := [each for each in self.entries if period.first < each.first <= period.last]:
            facts = {"rate": self.name, "day": changes[0].first, "period": period.name}
            raise changes[0].table.wrong("rate_changes", "from", **facts)
        if current.last is not None and current.last < period.last:
            day = current.last + timedelta(days=1)
            raise current.table.wrong("rate_missing", "until", rate=self.name, day=day, period=period.name)
        return current

    def sql(self, entry: Entry, keys: dict[str, str]) -> str:
        """Return a version as SQL: the number, or a CASE over the fact (NULL where the table has no row)."""
        if self.by is None:
            return self._number(entry.numbers[""])
        column = name_sql(self.by)
        rows = [f"WHEN {column} = {keys[key]} THEN {self._number(number)}" for key, number in entry.numbers.items()]
        if entry.more is not None:
            last = max(map(int, entry.numbers))
            step = f"({column} - {last}) * {self._number(entry.more)}"
            rows.append(f"WHEN {column} > {last} THEN {self._number(entry.numbers[str(last)])} + {step}")
        return f"CASE {' '.join(rows)} END"

    def _number(self, number: Number) -> str:
        return str(number) if self.type.kind is Kind.DECIMAL else f"CAST({number} AS BIGINT)"


def _over(entry: Entry, day: date) -> bool:
    return entry.last is not None and entry.last < day


def read_rate(table: Table, facts: Facts) -> Rate:
    """Read one rate with its history."""
    table.only("name", "unit", "by", "values", "note")
    name, unit = table.text("name"), table.text("unit")
    if not usable(name):
        raise table.wrong("policy_bad_name", "name", name=name)
    by = table.text("by") if table.has("by") else None
    if by is not None and (by not in facts.every or not _keyed(facts.every[by].type)):
        raise table.wrong("rate_bad_key", "by", name=by)
    rows = table.tables("values")
    if not rows:
        raise table.wrong("policy_missing", key="values")
    type_ = _type(rows, unit)
    entries = tuple(_entry(row, type_, by, facts) for row in rows)
    for before, after in pairwise(entries):
        _in_order(before, after, name)
    return Rate(name, unit, type_, by, entries, table)


def _keyed(type_: Type) -> bool:
    return type_.kind is Kind.INTEGER or (type_.kind is Kind.TEXT and type_.values is not None)


def _type(rows: list[Table], unit: str) -> Type:
    """Return money where the unit begins with a currency ('CNY/day'), else whole or decimal by the numbers."""
    currency = unit.partition("/")[0]
    if CURRENCY.fullmatch(currency):
        return Type(Kind.MONEY, currency)
    numbers: list[Any] = []
    for row in rows:
        value = row.values.get("value")
        numbers += value.values() if isinstance(value, dict) else [value]
    return Type(Kind.DECIMAL if any(isinstance(each, Decimal) for each in numbers) else Kind.INTEGER)


def _entry(row: Table, type_: Type, by: str | None, facts: Facts) -> Entry:
    row.only("from", "until", "value", "source", "confirmed", "note")
    first, last = row.day("from"), row.day_or_none("until")
    if last is not None and last < first:
        raise row.wrong("rate_overlap", "until", rate=row.file.stem, day=last)
    source = row.text("source")
    if not row.has("value"):
        raise row.wrong("policy_missing", key="value")
    value, more = row.values["value"], None
    if (by is not None) != isinstance(value, dict):
        raise row.wrong("rate_table_wanted" if by else "rate_number_wanted", "value", by=by or "")
    numbers = {"": _number(value, type_, row, "value")} if by is None else {}
    if by is not None:
        numbers = {key: _number(each, type_, row, "value", key) for key, each in value.items()}
        more = numbers.pop(MORE, None)
        _check_keys(row, numbers, more, facts.every[by].type)
    return Entry(first, last, numbers, more, source, row.flag("confirmed", True), row)


def _number(value: object, type_: Type, row: Table, *keys: str) -> Number:
    """Return a number that is not below zero, money in fen."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite() or value < 0:
        raise row.wrong("policy_not_amount", *keys, value=value)
    return minor(value, row, *keys) if type_.kind is Kind.MONEY else value


def _check_keys(row: Table, numbers: dict[str, Number], more: Number | None, type_: Type) -> None:
    """Refuse keys that the fact cannot have, gaps in counted ones, and a step without numbers."""
    for key in numbers:
        if type_.values is not None and key not in type_.values:
            raise row.wrong("expr_no_value", "value", key, text=key, known=", ".join(sorted(type_.values)))
        if type_.kind is Kind.INTEGER and not WHOLE.fullmatch(key):
            raise row.wrong("expr_no_value", "value", key, text=key, known="0, 1, 2 ...")
    if not numbers or (more is not None and type_.kind is not Kind.INTEGER):
        raise row.wrong("rate_bad_step", "value")
    if type_.kind is Kind.INTEGER:
        counted = sorted(map(int, numbers))
        if counted != list(range(counted[0], counted[-1] + 1)) or len(set(counted)) < len(numbers):
            raise row.wrong("rate_bad_step", "value")


def _in_order(before: Entry, after: Entry, name: str) -> None:
    if after.first <= before.first or (before.last is not None and after.first <= before.last):
        raise after.table.wrong("rate_overlap", "from", rate=name, day=after.first)
