"""Checked expressions as SQL: names replaced by columns, rates and days, and why a result is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from bangfu.rulebook.expressions import Expression, Kind, Names, name_of

ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs)


@dataclass(frozen=True)
class Scope:
    """What the names of a policy stand for: their SQL, their types, and the code where one of them is NULL.

    A name that cannot be NULL (a plain rate, a day of the period) has no such code. `coded`: texts of a closed list
    whose columns hold an enumerated type, which is compared as a byte.
    """

    values: dict[str, str]
    types: Names
    missing: dict[str, str]
    coded: frozenset[str] = frozenset()


def render(expression: Expression, scope: Scope) -> str:
    """Return an expression as DuckDB SQL, each name replaced by what it stands for."""
    return _sql(expression.tree, scope)


def _sql(tree: exp.Expr, scope: Scope) -> str:
    def put(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Literal) and node.is_string:
            coded = _compared_with(node, scope)
            return exp.maybe_parse(f"CAST({node.sql()} AS {enum_of(coded)})", dialect="duckdb") if coded else node
        if not isinstance(node, exp.Column):
            return _strict(node)
        name = name_of(node)
        put_in = sqlglot.parse_one(scope.values[name], read="duckdb", into=exp.Condition)
        small = scope.types[name].kind is Kind.INTEGER and isinstance(node.parent, ARITHMETIC)
        # A column may be as narrow as a byte, and sums must not overflow it.
        return exp.cast(put_in, "BIGINT") if small and isinstance(put_in, exp.Column) else put_in

    return tree.transform(put).sql(dialect="duckdb", comments=False)


def enum_of(name: str) -> str:
    """Return the enumerated type of a fact with a closed list of values, as SQL."""
    return f"{name}__values"


def _compared_with(literal: exp.Expr, scope: Scope) -> str | None:
    """Return the fact with enumerated values that a text is compared with, if there is one."""
    parent = literal.parent
    if not isinstance(parent, exp.EQ | exp.NEQ | exp.In):
        return None
    sides = [each for each in (parent.this, parent.args.get("expression")) if isinstance(each, exp.Column)]
    return next((name_of(each) for each in sides if name_of(each) in scope.coded), None)


def _strict(node: exp.Expr) -> exp.Expr:
    """Let the least or greatest of something unknown be unknown; SQL would leave it out."""
    if not isinstance(node, exp.Least | exp.Greatest):
        return node
    nulls = [exp.Is(this=part.copy(), expression=exp.Null()) for part in (node.this, *node.expressions)]
    case = exp.Case(ifs=[exp.If(this=exp.or_(*nulls, copy=False), true=exp.Null())])
    case.set("default", type(node)(this=node.this.copy(), expressions=[e.copy() for e in node.expressions]))
    return exp.paren(case, copy=False)


def cause(expression: Expression, scope: Scope) -> str:
    """Return SQL for the code of what makes the expression NULL, where it is NULL.

    AND and OR are followed to the side that is NULL, so that a fact that does not matter is not asked for.
    """

    def follow(node: exp.Expr) -> str:
        if isinstance(node, exp.Paren | exp.Not):
            return follow(node.this)
        if isinstance(node, exp.And | exp.Or):
            left, right = follow(node.this), follow(node.expression)
            return (
                left if left == right else f"CASE WHEN ({_sql(node.this, scope)}) IS NULL THEN {left} ELSE {right} END"
            )
        return _first_missing(_needed(node, scope), scope)

    return follow(expression.tree)


def may_miss(expression: Expression, scope: Scope) -> bool:
    """Tell whether something that the expression names may be unknown."""
    return any(name in scope.missing for name in expression.names)


def _first_missing(needed: list[str], scope: Scope) -> str:
    """Return SQL for the code of the first of these names that is NULL; the last one's where the others are not."""
    if not needed:
        return "0"
    *before, last = needed
    whens = [f"WHEN ({scope.values[name]}) IS NULL THEN {scope.missing[name]}" for name in before]
    return f"CASE {' '.join(whens)} ELSE {scope.missing[last]} END" if whens else scope.missing[last]


def _needed(node: exp.Expr, scope: Scope) -> list[str]:
    """Return the names in a part that may be NULL; those whose NULL is provided for (IS NULL, COALESCE) come last."""
    columns = [column for column in node.find_all(exp.Column, bfs=False) if name_of(column) in scope.missing]
    provided = [column for column in columns if column.find_ancestor(exp.Coalesce, exp.Is)]
    ordered = [column for column in columns if column not in provided] + provided
    return list(dict.fromkeys(name_of(column) for column in ordered))


def never_negative(tree: exp.Expr, sure: Callable[[str], bool]) -> bool:
    """Tell whether an amount cannot be below zero, as far as its form shows."""
    if isinstance(tree, exp.Column):
        return sure(name_of(tree))
    if isinstance(tree, exp.Literal):
        return True
    if isinstance(tree, exp.Greatest):
        return any(never_negative(part, sure) for part in (tree.this, *tree.expressions))
    if isinstance(tree, exp.Sub | exp.Neg):
        return False
    if isinstance(tree, exp.Case):
        results = [each.args["true"] for each in tree.args["ifs"]] + [tree.args["default"]]
        return all(never_negative(part, sure) for part in results)
    return all(never_negative(part, sure) for part in tree.iter_expressions())
