"""Random workbooks: headers of real layouts mixed with junk, and rows of every kind below them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any

import xlsxwriter
from hypothesis import strategies as st

from bangfu.intake.layouts import Column, Layout, all_layouts
from tests.intake.bad_files import ID, NAME, Row, pupil_rows

LAYOUTS = all_layouts()
PUPILS = pupil_rows(12)  # on the roll of the school that events speak of
ROLL = 3
# Cells that fit nowhere; '=...' is written as a formula, numbers and dates as their own types.
NOON = datetime(1999, 12, 31, 12)  # noqa: DTZ001 - sheets know no zones
JUNK: list[Any] = [
    "", " ", "\u3000", "\u200b", "\r\n", "x", "合计", "小计 3", "注:无", "备注", "#N/A", "=1+1",
    '=""', "😀", "汪\u4dae", "a\x0bb", "'", "\u0663" * 16, "无", "-1", "0", "9" * 40, "5.1E+17", "长" * 300,
    "\U0002b36f", "{x}", "%s", "\\", "_x0000_", "3月", 0, -1, 7, 3.5, 1e15, 5.11622201806115e17, 1e300,
    -1e-300, 43163, True, False, date(2018, 3, 4), NOON,
]  # fmt: skip
OTHER_NAMES = ["序号", "备注一", "#", "", "监护人", "村", "=A1", "数据", "3月", "姓 名", "年级(必填)"]
names = st.sampled_from([str(row[NAME]) for row in PUPILS] + ["王\u00b7芳", "严  鑫", "张三"])
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "person_name": names,
    "text": st.sampled_from(["青石镇中心小学校", "青石镇", "河湾村", "脱贫户", "户主", "子女", "病假", "旷课", "一般"]),
    "code": st.sampled_from(["2199900001", "7", "0042", "A-1"]),
    "date": st.sampled_from(["2018-03-04", "2018年3月4日", "20180304", "2025-03-04", 43163, date(2018, 3, 4)]),
    "month": st.sampled_from(["202409", "2024-09", "2024年9月", "203012"]),
    "sex": st.sampled_from(["男", "女"]),
    "yes_no": st.sampled_from(["是", "否", "√", ""]),
    "integer": st.integers(-5, 70_000),
    "days_of_month": st.integers(-1, 33),
    "yuan": st.sampled_from(["480", 312.5, "1,000.00", "0"]),
    "class_number": st.sampled_from(["1班", "(2)班", "3", "火箭班"]),
    "grade": st.sampled_from(["一年级", "初二", "九年级", "高三", "大班", "毕业"]),
    "id_number": st.sampled_from([row[ID] for row in PUPILS] + ["", "5.11622201806115E+17", 511699201709010.0, "无"]),
    "other_id": st.sampled_from([row[ID] for row in PUPILS] + [""]),
    "certificate": st.sampled_from([f"{row[ID]}41" for row in PUPILS] + ["无"]),
    "roll_number": st.sampled_from([row[ROLL] for row in PUPILS] + ["G1", "L511622201508027038"]),
    "phone": st.sampled_from(["13900001234", "无", 13900001234]),
    "account": st.sampled_from(["79927398713", "6217001234567890123", 6.2e18, ""]),
}
LINES: list[Row] = [[], ["合计", None, 3], ["", "", "小计", 4], ["注:此表一式两份"], ["一年级1班"], ["17"], ["", " "]]


@dataclass(frozen=True)
class Sheet:
    """A sheet to write: its rows, the areas that are merged, and whether it is hidden."""

    rows: tuple[tuple[Any, ...], ...]
    merged: tuple[tuple[int, int, int, int], ...] = ()
    hidden: bool = False


def heading(column: Column) -> st.SearchStrategy[str]:
    """Return headings under which a column is known, decorated or not."""
    known = ["3月", "4月天数", "9月"] if column.each_month else list(column.names)
    return st.sampled_from([*known, f"*{known[0]}", " ".join(known[0])])


@st.composite
def headers(draw: st.DrawFn) -> tuple[list[str], list[Column | None]]:
    """Draw a header and, for each heading, the column that it is meant for (None: junk)."""
    layout: Layout = draw(st.sampled_from(LAYOUTS))
    chosen = [column for column in layout.columns if column.required or column.signature]
    chosen += draw(st.lists(st.sampled_from(layout.columns), max_size=6))
    columns: list[Column | None] = list(draw(st.permutations(list(dict.fromkeys(chosen)))))
    if draw(st.integers(0, 9)) == 0:
        columns.pop()
    for _ in range(draw(st.integers(0, 2))):
        columns.insert(draw(st.integers(0, len(columns))), None)
    return [draw(heading(column) if column else st.sampled_from(OTHER_NAMES)) for column in columns], columns


@st.composite
def rows_under(draw: st.DrawFn, header: list[str], columns: list[Column | None]) -> list[Sequence[Any]]:
    """Draw the rows under a header: people, halves of people, junk, and lines that name nobody."""
    rows: list[Sequence[Any]] = []
    for _ in range(draw(st.integers(0, 7))):
        kind = draw(st.integers(0, 11))
        if kind == 0:
            rows.append(header)
        elif kind == 1:
            rows.append(draw(st.sampled_from(LINES)))
        elif kind == 2 and rows:
            rows.append(draw(st.sampled_from(rows)))
        else:
            odd = 2 if kind < 6 else 14  # how rarely a cell is junk
            rows.append([cell(draw, column, odd) for column in columns])
    return rows


def cell(draw: st.DrawFn, column: Column | None, odd: int) -> object:
    """Draw a cell that fits its column, or one in `odd` times one that need not."""
    if column is None or draw(st.integers(0, odd)) == 0:
        return draw(st.sampled_from(JUNK) | st.text(max_size=6) if column is None else st.sampled_from(JUNK))
    return draw(GOOD[column.type])


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    """Draw a sheet: title lines, a header, rows, merged areas; or nothing but junk."""
    if draw(st.integers(0, 7)) == 0:
        junk = draw(st.lists(st.lists(st.sampled_from(JUNK), max_size=4), max_size=4))
        return Sheet(tuple(map(tuple, junk)), hidden=draw(st.booleans()))
    titles = draw(
        st.lists(st.sampled_from([["2025年春季学期学籍表"], [], ["填报日期:2025-02-20", "", "单位:人"]]), max_size=2)
    )
    header, columns = draw(headers())
    rows = [*titles, header, *draw(rows_under(header, columns))]
    merged = []
    for _ in range(draw(st.integers(0, 2))):
        top, left = draw(st.integers(0, len(rows))), draw(st.integers(0, len(header) + 3))
        merged.append((top, left, top + draw(st.integers(1, 3)), left + draw(st.integers(0, 1))))
    return Sheet(tuple(map(tuple, rows)), apart(merged), draw(st.integers(0, 9)) == 0)


def apart(areas: list[tuple[int, int, int, int]]) -> tuple[tuple[int, int, int, int], ...]:
    """Return the areas that do not overlap an earlier one, as a workbook demands."""
    kept: list[tuple[int, int, int, int]] = []
    for area in areas:
        if all(area[0] > k[2] or area[2] < k[0] or area[1] > k[3] or area[3] < k[1] for k in kept):
            kept.append(area)
    return tuple(kept)


def write_book(sheets_: Sequence[Sheet], comment: str = "") -> bytes:
    """Return a workbook of these sheets; another comment makes other bytes of the same rows."""
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "nan_inf_to_errors": True})
    book.set_properties({"comments": comment})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, plan in enumerate(sheets_):
        sheet = book.add_worksheet(f"表{number + 1}")
        for area in plan.merged:
            sheet.merge_range(*area, "", day)
        for at, row in enumerate(plan.rows):
            for column, value in enumerate(row):
                write(sheet, at, column, value, day)
        if plan.hidden and number:
            sheet.hide()
    book.close()
    return out.getvalue()


def write(sheet: Any, at: int, column: int, value: Any, day: Any) -> None:
    """Write one cell by its own type; what begins with '=' is a formula."""
    writers: dict[type, Callable[..., object]] = {bool: sheet.write_boolean, date: sheet.write_datetime}
    if value is None or value == "":
        return
    if isinstance(value, str):
        write_text = sheet.write_formula if value.startswith("=") else sheet.write_string
        write_text(at, column, value)
    elif isinstance(value, date):
        sheet.write_datetime(at, column, value, day)
    else:
        writers.get(type(value), sheet.write_number)(at, column, value)


def write_text_table(rows: Sequence[Sequence[Any]], comment: str = "") -> bytes:
    """Return rows as a .csv; the comment is a number of blank lines at the end."""
    out = StringIO()
    csv.writer(out).writerows([["" if cell is None else str(cell).replace("\0", "") for cell in row] for row in rows])
    return (out.getvalue() + "\r\n" * len(comment)).encode("utf-8", "replace")
