"""CSV files as columns, read in blocks; every refusal names the file, the row and the column.

Rows are numbered as the office program counts them: the first line is 1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import NoReturn, TypeVar

from bangfu.core.errors import BangfuError
from bangfu.core.messages import say

BLOCK = 50_000
LIMIT = 2**31 - 1  # of capacities, demands and uses
COST_LIMIT = 10**12
DECIMALS = 6
ENCODINGS = ("utf-8-sig", "gb18030")
NO = frozenset({"", "0", "no", "false", "否", "无"})
YES = frozenset({"1", "yes", "true", "是"})

T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Rows of a file beside each other: their numbers, and each column's cells."""

    file: str
    rows: Sequence[int]
    columns: dict[str, Sequence[str]]

    def cells(self, column: str) -> Sequence[str]:
        """Return a column's cells; blanks where the file does not have it."""
        return self.columns.get(column) or [""] * len(self.rows)

    def counts(self, column: str, least: int, blank: int | None = None) -> list[int]:
        """Return a column of whole numbers from `least` to LIMIT; `blank` stands for an empty cell."""
        cells = self.cells(column)
        try:
            values = [*map(int, cells)]
        except ValueError:
            values = self.each(column, lambda text: _whole(text, blank))
        if values and not (least <= min(values) and max(values) <= LIMIT):
            wrong = next(place for place, value in enumerate(values) if not least <= value <= LIMIT)
            self.refuse(column, wrong, "whole", least=least, limit=LIMIT)
        if values and "_" in "".join(cells):  # Python reads 1_000 as a number, an office does not
            wrong = next(place for place, text in enumerate(cells) if "_" in text)
            self.refuse(column, wrong, "whole", least=least, limit=LIMIT)
        return values

    def each(self, column: str, read: Callable[[str], T]) -> list[T]:
        """Read a column's cells one by one; a ValueError's text says what was expected."""
        values = []
        for place, text in enumerate(self.cells(column)):
            try:
                values.append(read(text))
            except ValueError as problem:
                self.refuse(column, place, str(problem), least=0, limit=LIMIT)
        return values

    def refuse(self, column: str, place: int, expected: str, **facts: object) -> NoReturn:
        """Raise the error for a cell: what it holds and what was expected."""
        raise bad_cell(self.file, self.rows[place], column, self.cells(column)[place], expected, **facts)


def bad_cell(file: str, row: int, column: str, value: object, expected: str, **facts: object) -> BangfuError:
    """Return the error for a cell: where it stands, what it holds and what was expected."""
    what = say(f"pairing_expects_{expected}", None, **facts)
    return BangfuError("pairing_cell", file=file, row=row, column=column, value=value, expected=what)


def _whole(text: str, blank: int | None) -> int:
    if not text and blank is not None:
        return blank
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("whole") from None
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > LIMIT:
        raise ValueError("whole")
    return int(value)


def amount(text: str) -> Decimal:
    """Return a cost cell, exact; a ValueError says what was expected."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("cost") from None
    if not value.is_finite() or "_" in text:
        raise ValueError("cost")
    if abs(value) > COST_LIMIT:
        raise ValueError("cost_range")
    if value != round(value, DECIMALS):
        raise ValueError("cost")
    return value


def day_or_none(text: str) -> date | None:
    """Return a day cell; a ValueError says what was expected."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError("day") from None


def day_of(file: str, row: int, column: str, text: str, today: date | None) -> date | None:
    """Return a day cell; such a cell needs the day of `rules.toml` to be judged by."""
    try:
        day = day_or_none(text)
    except ValueError as problem:
        raise bad_cell(file, row, column, text, str(problem)) from None
    if day and today is None:
        raise BangfuError("pairing_needs_day", file=file, row=row, column=column)
    return day


def yes(text: str) -> bool:
    """Return a yes-or-no cell; a ValueError says what was expected."""
    word = text.lower()
    if word in YES or word in NO:
        return word in YES
    raise ValueError("yes")


def blocks(folder: Path, file: str, needed: Sequence[str]) -> Iterator[Block]:
    """Yield the rows of a CSV file in blocks, at least one; cells without white space around them."""
    reader = csv.reader(io.StringIO(_text(folder / file), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(file, header, needed)
        first, empty = 2, True
        while rows := [*islice(reader, BLOCK)]:
            yield _block(file, header, rows, first)
            first, empty = first + len(rows), False
    except csv.Error as problem:
        raise BangfuError("pairing_file_bad", file=file, detail=f"{reader.line_num}: {problem}") from problem
    if empty:
        yield Block(file, [], {name: [] for name in header})


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BangfuError("pairing_file_missing", path=path) from None
    except OSError as problem:
        raise BangfuError("pairing_file_bad", file=path.name, detail=problem.strerror) from problem
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BangfuError("pairing_encoding", file=path.name)


def _check_header(file: str, header: list[str], needed: Sequence[str]) -> None:
    for name in needed:
        if name not in header:
            raise BangfuError("pairing_column_missing", file=file, column=name, known=", ".join(header) or "-")
    named = [name for name in header if name]
    for name in named:
        if named.count(name) > 1:
            raise BangfuError("pairing_column_twice", file=file, column=name)


def _block(file: str, header: list[str], rows: list[list[str]], first: int) -> Block:
    width, numbers = len(header), [*range(first, first + len(rows))]
    if set(map(len, rows)) != {width}:
        kept = [(number, _fitted(file, row, number, width)) for number, row in zip(numbers, rows, strict=True) if row]
        numbers, rows = [number for number, _ in kept], [row for _, row in kept]
    cells = [[*map(str.strip, column)] for column in zip(*rows, strict=True)] or [[] for _ in header]
    if cells and not all(cells[0]):  # a line of commas holds nothing
        full = [place for place, row in enumerate(zip(*cells, strict=True)) if any(row)]
        numbers, cells = [numbers[place] for place in full], [[column[place] for place in full] for column in cells]
    return Block(file, numbers, {name: column for name, column in zip(header, cells, strict=True) if name})


def _fitted(file: str, row: list[str], number: int, width: int) -> list[str]:
    if any(cell.strip() for cell in row[width:]):
        raise BangfuError("pairing_row_wide", file=file, row=number, width=width)
    return row[:width] + [""] * (width - len(row))
