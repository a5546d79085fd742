"""`rules.toml`: who may help whom, loads, contacts, terms, weights. Every key may be left out; docs/pairing.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from bangfu.core.errors import BangfuError
from bangfu.core.library import load_toml
from bangfu.core.messages import say

LEVELS = ("helped", "filled", "kept", "load", "cost")
FILE = "rules.toml"
WEIGHT_LIMIT = 10**6
SEARCH = 60.0  # what a search for pairs with budgets may cost at most, in CP-SAT's deterministic seconds

Where = Mapping[str, frozenset[str]]
Row = tuple[str, str]


@dataclass(frozen=True)
class Rule:
    """A rule: its name, whom it is about (cells by column), and what it says of them."""

    name: str
    kind: str  # "only", "never", "must" or "load"
    helper: Where = field(default_factory=dict)
    helped: Where = field(default_factory=dict)
    same: tuple[Row, ...] = ()  # columns of helper and helped whose cells may not be equal
    pairs: tuple[Row, ...] = ()
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True)
class Rules:
    """What `rules.toml` says."""

    day: date | None = None
    order: tuple[str, ...] | None = None  # the levels of the objective, the most important first
    only: tuple[Rule, ...] = ()
    never: tuple[Rule, ...] = ()
    must: tuple[Rule, ...] = ()
    load: tuple[Rule, ...] = ()
    keep_years: int | None = None
    keep_must: bool = False
    contact_for_each: bool = False
    contact_in_own: bool = False
    weights: Mapping[str, int] = field(default_factory=lambda: {"cost": 1})
    search: float = SEARCH


def read_rules(folder: Path) -> Rules:
    """Read `rules.toml` in `folder`; without the file, no rule holds but the files' own."""
    path = folder / FILE
    if not path.exists():
        return Rules()
    try:
        return _rules(load_toml(path))
    except (OSError, ValueError) as problem:
        raise BangfuError("pairing_rules_bad", detail=problem) from problem


def _rules(data: dict[str, Any]) -> Rules:
    _known(data, "", {"day", "order", *TABLES, *LISTS})
    found: dict[str, Any] = {}
    if "day" in data:
        found["day"] = _day(data["day"], "day")
    if "order" in data:
        found["order"] = _order(data["order"])
    for name, keys in TABLES.items():
        part = _table(data.get(name, {}), name)
        if keys:
            _known(part, f"{name}.", keys)
            found |= {keys[key][0]: keys[key][1](value, f"{name}.{key}") for key, value in part.items()}
        elif part:
            given = {key.lower(): _whole(value, f"{name}.{key}", -WEIGHT_LIMIT) for key, value in part.items()}
            found[name] = {"cost": 1, **given}
    for kind, keys_of in LISTS.items():
        found[kind] = tuple(_rule(kind, entry, keys_of, number) for number, entry in enumerate(_list(data, kind), 1))
    _check_names([rule for kind in LISTS for rule in found[kind]])
    return Rules(**found)


def _rule(kind: str, entry: Any, keys: dict[str, Callable[[Any, str], Any]], number: int) -> Rule:
    where = f"{kind}[{number}]"
    part = _table(entry, where)
    _known(part, f"{where}.", {"name", *keys})
    given = {key: keys[key](value, f"{where}.{key}") for key, value in part.items() if key != "name"}
    rule = Rule(_text(part.get("name", where), f"{where}.name"), kind, **given)
    if rule.at_most is not None and rule.at_least > rule.at_most:
        raise BangfuError("pairing_rules_contradict", rules=rule.name, why=say("pairing_why_at_least_over_at_most"))
    if not given.keys() & NEEDS[kind]:
        raise _wrong(where, entry, "rule", needed=", ".join(sorted(NEEDS[kind])))
    return rule


def _check_names(rules: list[Rule]) -> None:
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise _wrong("name", name, "unique")


def _known(part: Mapping[str, Any], where: str, keys: Mapping[str, object] | set[str]) -> None:
    for key in part:
        if key not in keys:
            raise BangfuError("pairing_rule_key", key=f"{where}{key}", known=", ".join(sorted(keys)))


def _wrong(key: str, value: object, expected: str, **facts: object) -> BangfuError:
    what = say(f"pairing_expects_{expected}", None, **facts)
    return BangfuError("pairing_rule_value", key=key, value=value, expected=what)


def _list(data: dict[str, Any], kind: str) -> list[Any]:
    value = data.get(kind, [])
    if not isinstance(value, list):
        raise _wrong(kind, value, "tables", kind=kind)
    return value


def _table(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(key, value, "table")
    return value


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, "text")
    return value


def _day(value: Any, key: str) -> date:
    if type(value) is not date:
        raise _wrong(key, value, "day")
    return value


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value, "flag")
    return value


def _whole(value: Any, key: str, least: int = 0, most: int = WEIGHT_LIMIT) -> int:
    if type(value) is not int or not least <= value <= most:
        raise _wrong(key, value, "whole", least=least, limit=most)
    return value


def _seconds(value: Any, key: str) -> float:
    return float(_whole(value, key, 1))


def _order(value: Any) -> tuple[str, ...]:
    known = isinstance(value, list) and all(level in LEVELS for level in value)
    whole = known and value[:1] == [LEVELS[0]] and value[-1:] == [LEVELS[-1]]
    if not whole or len({*value}) < len(value) or value != sorted(value, key=LEVELS.index):
        raise _wrong("order", value, "order", known=", ".join(LEVELS))
    return tuple(value)


def _where(value: Any, key: str) -> Where:
    cells = {
        column.lower(): texts if isinstance(texts, list) else [texts] for column, texts in _table(value, key).items()
    }
    if not cells:
        raise _wrong(key, value, "where")
    return {column: frozenset(_text(text, f"{key}.{column}") for text in texts) for column, texts in cells.items()}


def _rows(value: Any, key: str) -> tuple[Row, ...]:
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if not (isinstance(row, list) and len(row) == len(("helper", "helped"))):
            raise _wrong(key, row, "two")
    return tuple((_text(left, key), _text(right, key)) for left, right in rows)


def _columns(value: Any, key: str) -> tuple[Row, ...]:
    if isinstance(value, str):
        return ((value.lower(), value.lower()),)
    return tuple((left.lower(), right.lower()) for left, right in _rows(value, key))


# Tables: key -> the field of `Rules` and how it is read. LISTS: key -> how each key of a rule is read.
TABLES: dict[str, dict[str, tuple[str, Callable[[Any, str], Any]]]] = {
    "keep": {"years": ("keep_years", _whole), "must": ("keep_must", _flag)},
    "contacts": {"for_each_group": ("contact_for_each", _flag), "in_own_group": ("contact_in_own", _flag)},
    "search": {"seconds": ("search", _seconds)},
    "weights": {},
}
NEEDS = {"only": {"helped"}, "never": {"helper", "helped", "same", "pairs"}, "must": {"pairs"}}
NEEDS["load"] = {"at_least", "at_most"}
LISTS: dict[str, dict[str, Callable[[Any, str], Any]]] = {
    "only": {"helper": _where, "helped": _where},
    "never": {"helper": _where, "helped": _where, "same": _columns, "pairs": _rows},
    "must": {"pairs": _rows},
    "load": {"helper": _where, "at_least": _whole, "at_most": _whole},
}
