"""Plain rows into tables of DuckDB, by way of Arrow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

DAY = pa.date32()
NUMBER, TEXT, BYTES = pa.int64(), pa.string(), pa.binary()


def create(
    found: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.DataType], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Make a table of these rows, in place of one of this name."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_array(column, type_) for column, type_ in zip(values, columns.values(), strict=True)]
    found.register("loaded", pa.table(arrays, names=list(columns)))
    found.execute(f"CREATE OR REPLACE TABLE {name} AS FROM loaded")
    found.unregister("loaded")


def load_numbers(found: duckdb.DuckDBPyConnection, table: str, numbers: Iterable[int]) -> None:
    """Make a table of one column `id`."""
    create(found, table, {"id": NUMBER}, [(number,) for number in numbers])


def _array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if type_ == DAY and any(value.__class__ is str for value in values):
        return pa.array(values, TEXT).cast(type_)
    if type_ == BYTES and any(value.__class__ is memoryview for value in values):
        return pa.array([None if value is None else bytes(value) for value in values], type_)
    return pa.array(values, type_)
