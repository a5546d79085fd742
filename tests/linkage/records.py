"""A small register for linking, written as short dicts, and what linking makes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from bangfu.core.numbers import IdState, check_digit, judge_id
from bangfu.linkage.humans import Humans, humans
from bangfu.linkage.people import COLUMNS, Edge, find_edges

Row = dict[str, Any]
SIZE = 20_000
BORN = date(2015, 3, 4)
HOME: Row = {"birth": BORN, "sex": "男", "village": 7, "adult": "张大山", "phone": b"one"}


def id_number(serial: int, born: date = BORN) -> str:
    """Return a valid ID."""
    first17 = f"522326{born:%Y%m%d}{serial:03}"
    return first17 + check_digit(first17)


def digit_wrong(number: str) -> str:
    """Return an ID with its last but one digit mistyped."""
    return number[:16] + str((int(number[16]) + 1) % 10) + number[17]


def digits_swapped(number: str) -> str:
    """Return an ID with the last two neighbours that differ swapped, the check digit left where it is."""
    at = next(at for at in range(15, 0, -1) if number[at] != number[at + 1])
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def register(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """Return a connection with these rows as `records`. A row's number is its place (from 1) if it does not say."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE records ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    if rows:
        full = list(numbered(rows))
        table = pa.table({name: [row[name] for row in full] for name in COLUMNS})
        connection.from_arrow(table).insert_into("records")
    return connection


def numbered(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows with all their columns."""
    for place, row in enumerate(rows, start=1):
        valid = judge_id(row["number"])[1] is IdState.OK if row.get("number") else None
        usual = {"record": place, "list": place, "valid": valid, "certified": False, "fresh": True}
        yield dict.fromkeys(COLUMNS) | usual | row


def edges_of(*rows: Row, size: int = SIZE) -> list[Edge]:
    """Return the judged pairs of these rows in a register of this size."""
    return find_edges(register(rows), size)


def pairs_weighed(rows: Sequence[Row]) -> int:
    """Return how many pairs of these rows are compared."""
    connection = register(rows)
    find_edges(connection, SIZE)
    return int(connection.execute("SELECT COUNT(*) FROM pairs").fetchall()[0][0])


def valid_ids(rows: Iterable[Row]) -> dict[int, frozenset[str]]:
    """Return each record's valid IDs."""
    return {
        row["record"]: frozenset(filter(None, [row["number"] if row["valid"] else None, row["roll"]]))
        for row in numbered(rows)
    }


def linked(*rows: Row, size: int = SIZE) -> Humans:
    """Return the humans of these rows in a register of this size."""
    return humans(edges_of(*rows, size=size), valid_ids(rows), [])


def groups(found: Humans) -> set[frozenset[int]]:
    """Return the humans that have more than one record."""
    members: dict[int, set[int]] = defaultdict(set)
    for record, root in found.root.items():
        members[root].add(record)
    return {frozenset(records) for records in members.values() if len(records) > 1}


def questions(found: Humans) -> list[tuple[int, int]]:
    """Return the pairs that a person is asked about."""
    return sorted((edge.left, edge.right) for edge in found.doubtful)
