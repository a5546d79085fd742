"""Bytes of a workbook or text table -> sheets of text cells. By content, never by the file's name.

Numbers become text as the office program shows them: whole numbers plain, and numbers of more than 15 digits
in scientific form ('5.11622201806115E+17'), because a number cell keeps no more than 15. Dates become
'YYYY-MM-DD'. Every trouble with the file as a whole is a `Refused`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

import xlrd
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from bangfu.core.errors import Refused
from bangfu.intake.archive import check_archive
from bangfu.intake.tables import read_html, read_text

OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
ZIP_MAGIC = b"PK\x03\x04"
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
WORKBOOK_STREAM = "Workbook".encode("utf-16-le")
WHOLE_DIGITS = 1e15
Cells = list[list[str]]


@dataclass
class Sheet:
    """One sheet: `rows` are its lines as text; row n of the office program is rows[n - 1]."""

    name: str
    rows: Cells
    hidden: bool = False
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)


def read_sheets(content: bytes) -> list[Sheet]:
    """Return the sheets of a file; Refused where it cannot be read."""
    if not content.strip():
        raise Refused("file_empty")
    if content.startswith(ZIP_MAGIC):
        check_archive(content)
        return _workbook(content)
    if content.startswith(OLE_MAGIC):
        if ENCRYPTED_STREAM in content:
            raise Refused("file_encrypted")
        return _old_workbook(content)
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<head")):
        return [Sheet("1", rows) for rows in read_html(content)]
    return [Sheet("1", read_text(content))]


def _workbook(content: bytes) -> list[Sheet]:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        return [_sheet(book, n) for n, meta in enumerate(book.sheets_metadata) if meta.typ is SheetTypeEnum.WorkSheet]
    except (CalamineError, OSError, ValueError) as problem:
        raise Refused("file_damaged", detail=problem) from problem


def _sheet(book: CalamineWorkbook, number: int) -> Sheet:
    meta = book.sheets_metadata[number]
    sheet = book.get_sheet_by_index(number)
    rows = sheet.to_python(skip_empty_area=False)
    hidden = meta.visible is not SheetVisibleEnum.Visible
    return Sheet(meta.name, as_text(rows), hidden, list(sheet.merged_cell_ranges or ()))


def _old_workbook(content: bytes) -> list[Sheet]:
    """Read an .xls. The older ones (BIFF5, text in a code page) go to xlrd: the first reader garbles them."""
    if WORKBOOK_STREAM in content:
        return _workbook(content)
    try:
        book = xlrd.open_workbook(file_contents=content, logfile=io.StringIO())
    except Exception as problem:  # xlrd raises whatever its parsing stumbles over
        raise Refused("file_damaged", detail=problem) from problem
    return [Sheet(s.name, _xlrd_rows(s, book.datemode), hidden=s.visibility != 0) for s in book.sheets()]


def _xlrd_rows(sheet: xlrd.sheet.Sheet, datemode: Literal[0, 1]) -> Cells:
    def value(cell: xlrd.sheet.Cell) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(float(cell.value), datemode)
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return ""
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        return cell.value

    return as_text([[value(cell) for cell in sheet.row(n)] for n in range(sheet.nrows)])


def as_text(rows: Sequence[Sequence[object]]) -> Cells:
    """Return rows of typed cells as rows of text; rows of text stay as they are."""
    return [[cell if cell.__class__ is str else cell_text(cell) for cell in row] for row in rows]


def cell_text(cell: object) -> str:
    """Return one cell as the office program shows it."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, int | float):
        return number_text(float(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)


def number_text(number: float) -> str:
    """Return a number cell as text (see the top of this file)."""
    if abs(number) >= WHOLE_DIGITS:
        return f"{number:.14E}"
    return str(int(number)) if number.is_integer() else f"{number:.15g}"
