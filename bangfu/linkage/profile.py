"""What a table's columns hold, so that each is compared and blocked on in the way that suits it.

Nothing is known of the columns beforehand: a column is a number, a date, a Chinese name, other text, or a category by
what stands in it. Cells are text; blanks are NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import duckdb

FILLED = 0.02  # a column with fewer filled cells says nothing
MOSTLY = 0.9
CATEGORY_VALUES = 60
CATEGORY_SHARE = 0.05
HAN_NAME_LENGTH = 6
PAIRS_A_ROW = 5  # a blocking rule may give at most so many pairs for each row
RULES = 10
SAMPLE_ROWS = 100_000


class Kind(StrEnum):
    """What a column's cells are."""

    NUMBER = "number"
    DATE = "date"
    HAN_NAME = "han_name"
    TEXT = "text"
    CATEGORY = "category"


@dataclass(frozen=True)
class Column:
    """A column, its kind, and the number of pairs of rows that agree on it, for each row."""

    name: str
    kind: Kind
    agreeing: float


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(connection: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> list[Column]:
    """Return the columns of `table` that say something."""
    found = []
    for name in names:
        column = quoted(name)
        row = connection.execute(
            f"""SELECT COUNT({column}) / GREATEST(COUNT(*), 1), COUNT(DISTINCT {column}), COUNT(*),
            AVG(CASE WHEN regexp_full_match({column}, '[0-9]+[xX]?') THEN 1.0 ELSE 0 END)
                FILTER ({column} IS NOT NULL),
            AVG(CASE WHEN regexp_full_match({column}, '(19|20)[0-9]{{2}}[-/.年]?[0-9]{{1,2}}[-/.月]?[0-9]{{1,2}}日?')
                THEN 1.0 ELSE 0 END) FILTER ({column} IS NOT NULL),
            AVG(CASE WHEN regexp_matches({column}, '\\p{{Han}}') AND length({column}) <= {HAN_NAME_LENGTH}
                THEN 1.0 ELSE 0 END) FILTER ({column} IS NOT NULL)
            FROM {table}"""
        ).fetchall()
        filled, distinct, rows, *shares = row[0]
        if filled >= FILLED and distinct > 1:
            kind = _kind(distinct, rows, *(share or 0 for share in shares))
            found.append(Column(name, kind, agreeing(connection, table, (name,), rows)))
    return found


def _kind(distinct: int, rows: int, digits: float, dates: float, han: float) -> Kind:
    if dates >= MOSTLY:
        return Kind.DATE
    if distinct <= CATEGORY_VALUES and distinct <= max(rows * CATEGORY_SHARE, 2):
        return Kind.CATEGORY
    if digits >= MOSTLY:
        return Kind.NUMBER
    return Kind.HAN_NAME if han >= MOSTLY else Kind.TEXT


def agreeing(connection: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...], rows: int) -> float:
    """Return how many pairs agree on all of `names`, for each row (NULL agrees with nothing)."""
    columns = ", ".join(map(quoted, names))
    filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in names)
    found = connection.execute(
        f"SELECT SUM(n * (n - 1) / 2) FROM (SELECT COUNT(*) AS n FROM {table} WHERE {filled} GROUP BY {columns})"
    ).fetchall()
    return float(found[0][0] or 0) / max(rows, 1)


def blocking_rules(connection: duckdb.DuckDBPyConnection, table: str, columns: list[Column]) -> list[tuple[str, ...]]:
    """Return the sets of columns whose agreement makes two rows worth comparing, the most telling first.

    A column alone where few rows share a value, else two or three together; together they leave a pair unseen
    only if it disagrees in nearly everything.
    """
    count = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchall()[0][0]
    telling = sorted((c for c in columns if c.kind is not Kind.CATEGORY), key=lambda column: column.agreeing)
    alone = [(c.name,) for c in telling if c.agreeing <= PAIRS_A_ROW]
    rest = [c.name for c in telling if c.agreeing > PAIRS_A_ROW] or [c.name for c in telling]
    rules: list[tuple[str, ...]] = list(alone)
    for size in (2, 3):
        for names in combinations(rest, size):
            if len(rules) >= RULES or any(set(rule) <= set(names) for rule in rules):
                continue
            if agreeing(connection, table, names, count) <= PAIRS_A_ROW:
                rules.append(names)
    return rules or [tuple(c.name for c in columns)]
