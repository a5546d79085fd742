"""Tables as workbooks: text and whole numbers only, so that no cell is ever a formula or a link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from io import BytesIO

from django.http import HttpResponse
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from bangfu.core.messages import say

KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTH = 20
MOST_ROWS = 100_000  # of one workbook: more is no list that anybody works through, and takes the server's memory
MOST_SIGNS = 32_767  # that a cell of the format takes


def workbook(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Return a download `name`.xlsx with one sheet; `columns` are codes of sentences."""
    out = BytesIO()
    with Workbook(out, {"constant_memory": True, "in_memory": True}) as book:
        sheet = book.add_worksheet(name)
        sheet.set_column(0, len(columns) - 1, WIDTH)
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for at, code in enumerate(columns):
            sheet.write_string(0, at, say(code), bold)
        for number, row in enumerate(rows, 1):
            for at, value in enumerate(row):
                _write(sheet, number, at, value)
    response = HttpResponse(out.getvalue(), content_type=KIND)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def _write(sheet: Worksheet, row: int, column: int, value: object) -> None:
    if isinstance(value, int):
        sheet.write_number(row, column, value)
    else:
        text = value.isoformat() if isinstance(value, date) else str(value)
        sheet.write_string(row, column, text[:MOST_SIGNS])
