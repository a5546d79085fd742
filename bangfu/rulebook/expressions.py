"""SQL expressions of policy files: parsed by sqlglot, and checked node by node against what is allowed.

Allowed: names of facts and rates, texts, whole and decimal numbers, DATE '...', AND OR NOT, comparisons, IN, BETWEEN,
IS NULL, CASE, + - *, and four functions. Whatever is not named here is refused, so no statement, subquery or function
of the engine can hide in a policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bangfu.rulebook.source import Wrong

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = 4000  # characters
FUNCTIONS = "ABS, COALESCE, GREATEST, LEAST"


class Kind(StrEnum):
    """What a value is."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    TEXT = "text"
    DATE = "date"


@dataclass(frozen=True)
class Type:
    """The kind of a value; for money its currency, for a text of a closed list its values."""

    kind: Kind
    unit: str = ""
    values: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.unit}".strip() if self.kind is Kind.MONEY else str(self.kind)


BOOLEAN, INTEGER, DECIMAL = Type(Kind.BOOLEAN), Type(Kind.INTEGER), Type(Kind.DECIMAL)
TEXT, DATE = Type(Kind.TEXT), Type(Kind.DATE)
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
Names = Mapping[str, Type]


@dataclass(frozen=True)
class Expression:
    """A checked expression: its tree, its type, and the names it uses, in the order of the text."""

    text: str
    tree: exp.Expr
    type: Type
    names: tuple[str, ...]


def check(text: str, names: Names, wanted: Type | None = None) -> Expression:
    """Parse and check a text against the names it may use; `Wrong` says what was expected."""
    if len(text) > LONGEST:
        raise Wrong("expr_syntax", text=f"{text[:40]}...", detail=f"> {LONGEST}")
    try:
        tree = sqlglot.parse_one(text, read="duckdb", into=exp.Condition)
        found = _type(tree, names)
        used = tuple(dict.fromkeys(name_of(node) for node in tree.find_all(exp.Column, bfs=False)))
    except SqlglotError as problem:
        errors = getattr(problem, "errors", None) or [{}]
        raise Wrong("expr_syntax", text=text, detail=errors[0].get("description") or "SQL") from problem
    except RecursionError as problem:
        raise Wrong("expr_syntax", text=f"{text[:40]}...", detail="(((") from problem
    if wanted is not None and not _fits(found, wanted):
        raise Wrong("expr_type", text=text, found=found, wanted=wanted)
    return Expression(text, tree, found, used)


def usable(name: str) -> bool:
    """Tell whether a name can stand in an expression as it is: small letters, digits and _, and no word of SQL."""
    if not NAME.fullmatch(name):
        return False
    try:
        return isinstance(sqlglot.parse_one(name, read="duckdb", into=exp.Condition), exp.Column)
    except SqlglotError:
        return False


def name_of(node: exp.Column) -> str:
    """Return the name that a column stands for: 'fact', 'rate' or 'policy.rate'."""
    return f"{node.table}.{node.name}" if node.table else node.name


def _fits(found: Type, wanted: Type) -> bool:
    return found.kind is wanted.kind and (found.kind is not Kind.MONEY or found.unit == wanted.unit)


def _type(node: exp.Expr, names: Names) -> Type:
    """Return the type of a node whose whole subtree is allowed."""
    judge = JUDGES.get(type(node))
    if judge is None:
        if isinstance(node, exp.Func) and not isinstance(node, exp.Cast):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            raise Wrong("expr_function", name=name, known=FUNCTIONS)
        raise _refused(node)
    return judge(node, names)


def _refused(node: exp.Expr) -> Wrong:
    text = node.sql(dialect="duckdb", comments=False)
    if isinstance(node, exp.Div | exp.IntDiv | exp.Mod):
        return Wrong("expr_division", text=text)
    return Wrong("expr_form", text=text, form=node.key)


def _plain(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node that brings more than these parts (a query inside IN, a catalogue before a name)."""
    if any(value for key, value in node.args.items() if key not in allowed):
        raise _refused(node)


def _paren(node: exp.Expr, names: Names) -> Type:
    return _type(node.this, names)


def _column(node: exp.Expr, names: Names) -> Type:
    _plain(node, "this", "table")
    name = name_of(node) if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier) else node.sql()
    if name not in names:
        raise Wrong("expr_unknown", name=name, known=", ".join(sorted(names)))
    return names[name]


def _literal(node: exp.Expr, _names: Names) -> Type:
    if node.is_string:
        return TEXT
    if not node.name.replace(".", "", 1).isdecimal():
        raise Wrong("expr_float", text=node.name)
    return INTEGER if node.name.isdecimal() else DECIMAL


def _boolean(_node: exp.Expr, _names: Names) -> Type:
    return BOOLEAN


def _day(node: exp.Expr, _names: Names) -> Type:
    """Judge DATE '2025-09-01', the only cast there is."""
    _plain(node, "this", "to")
    literal = isinstance(node.this, exp.Literal) and node.this.is_string
    if not literal or not node.args["to"].is_type("date"):
        raise _refused(node)
    try:
        date.fromisoformat(node.this.name)
    except ValueError as problem:
        raise Wrong("expr_date", text=node.this.name) from problem
    return DATE


def _logic(node: exp.Expr, names: Names) -> Type:
    for part in (node.this, node.expression):
        _must_be(part, names, BOOLEAN)
    return BOOLEAN


def _not(node: exp.Expr, names: Names) -> Type:
    _must_be(node.this, names, BOOLEAN)
    return BOOLEAN


def _must_be(node: exp.Expr, names: Names, wanted: Type) -> None:
    found = _type(node, names)
    if not _fits(found, wanted):
        raise Wrong("expr_type", text=node.sql(dialect="duckdb"), found=found, wanted=wanted)


def _compare(node: exp.Expr, names: Names) -> Type:
    together([node.this, node.expression], names)
    return BOOLEAN


def _ordered(node: exp.Expr, names: Names) -> Type:
    found = together([node.this, node.expression], names)
    return _no_order(node, found)


def _no_order(node: exp.Expr, found: Type) -> Type:
    if found.kind in (Kind.TEXT, Kind.BOOLEAN):
        raise Wrong("expr_order", text=node.sql(dialect="duckdb"), found=found)
    return BOOLEAN


def _in(node: exp.Expr, names: Names) -> Type:
    _plain(node, "this", "expressions")
    if not all(isinstance(each, exp.Literal | exp.Cast) for each in node.expressions):
        raise _refused(node)
    together([node.this, *node.expressions], names)
    return BOOLEAN


def _between(node: exp.Expr, names: Names) -> Type:
    _plain(node, "this", "low", "high")
    return _no_order(node, together([node.this, node.args["low"], node.args["high"]], names))


def _is(node: exp.Expr, names: Names) -> Type:
    _plain(node, "this", "expression", "negate")
    if isinstance(node.expression, exp.Boolean):
        _must_be(node.this, names, BOOLEAN)
    elif isinstance(node.expression, exp.Null):
        _type(node.this, names)
    else:
        raise _refused(node)
    return BOOLEAN


def _case(node: exp.Expr, names: Names) -> Type:
    _plain(node, "ifs", "default")  # CASE WHEN ... only: CASE x WHEN ... says the same
    for each in node.args["ifs"]:
        _must_be(each.this, names, BOOLEAN)
    default = node.args.get("default")
    if default is None:  # it would be NULL without anything being unknown
        raise Wrong("expr_no_else", text=node.sql(dialect="duckdb"))
    return together([*(each.args["true"] for each in node.args["ifs"]), default], names)


def _sum(node: exp.Expr, names: Names) -> Type:
    return _countable(node, together([node.this, node.expression], names))


def _countable(node: exp.Expr, found: Type) -> Type:
    if found.kind not in (*NUMBERS, Kind.MONEY):
        raise Wrong("expr_no_number", text=node.sql(dialect="duckdb"), found=found)
    return found


def _product(node: exp.Expr, names: Names) -> Type:
    left, right = _type(node.this, names), _type(node.expression, names)
    money = next((each for each in (left, right) if each.kind is Kind.MONEY), None)
    if money is None:
        return _countable(node, together([node.this, node.expression], names))
    if {left.kind, right.kind} != {Kind.MONEY, Kind.INTEGER}:
        raise Wrong("expr_money_product", text=node.sql(dialect="duckdb"), left=left, right=right)
    return money


def _one(node: exp.Expr, names: Names) -> Type:
    return _countable(node, _type(node.this, names))


def _choice(node: exp.Expr, names: Names) -> Type:
    parts = [node.this, *node.expressions]
    if isinstance(node, exp.Coalesce):
        return together(parts, names)
    return _countable(node, together(parts, names))


def together(nodes: list[exp.Expr], names: Names) -> Type:
    """Return the type that the nodes have in common; whole numbers go with decimal ones, 0 with money."""
    types = [_type(node, names) for node in nodes]
    first = next((each for each in types if each.kind is Kind.MONEY or each.values is not None), types[0])
    for node, found in zip(nodes, types, strict=True):
        _goes_with(node, found, first)
    return DECIMAL if first.kind is Kind.INTEGER and DECIMAL in types else first


def _goes_with(node: exp.Expr, found: Type, first: Type) -> None:
    literal = node.name if isinstance(node, exp.Literal) else None
    if first.values is not None and literal is not None and found.kind is Kind.TEXT and literal not in first.values:
        raise Wrong("expr_no_value", text=literal, known=", ".join(sorted(first.values)))
    if found.kind in NUMBERS and first.kind in NUMBERS:
        return
    if first.kind is Kind.MONEY and literal is not None and found.kind in NUMBERS:
        if literal == "0":
            return
        raise Wrong("expr_bare_money", text=literal)
    if not _fits(found, first):
        raise Wrong("expr_mixed", text=node.sql(dialect="duckdb"), found=found, wanted=first)


Judge = Callable[[exp.Expr, Names], Type]
JUDGES: dict[type[exp.Expr], Judge] = {
    exp.Paren: _paren,
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Cast: _day,
    exp.And: _logic,
    exp.Or: _logic,
    exp.Not: _not,
    exp.EQ: _compare,
    exp.NEQ: _compare,
    exp.LT: _ordered,
    exp.LTE: _ordered,
    exp.GT: _ordered,
    exp.GTE: _ordered,
    exp.In: _in,
    exp.Between: _between,
    exp.Is: _is,
    exp.Case: _case,
    exp.Add: _sum,
    exp.Sub: _sum,
    exp.Mul: _product,
    exp.Neg: _one,
    exp.Abs: _one,
    exp.Coalesce: _choice,
    exp.Greatest: _choice,
    exp.Least: _choice,
}


def value_sql(value: object) -> str:
    """Return a text, number, day or truth as SQL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"DATE '{value.isoformat()}'" if isinstance(value, date) else str(value)


def name_sql(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
