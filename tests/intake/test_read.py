"""Bytes of a file become sheets of text, by their content."""

from __future__ import annotations

import math
import struct
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
import xlsxwriter
import xlwt

from bangfu.core.errors import Refused
from bangfu.intake.read import as_text, cell_text, number_text, read_sheets
from tests.intake import raw_formats as raw
from tests.intake.bad_files import MADE, write_xlsx

TABLE = [["姓名", "班级"], ["赵安", "1班"]]
PAGE = "<table><tr><th>姓名</th><th>班级</th></tr><tr><td>赵安</td><td>1班</td></tr></table>"
TEXT = "姓名,班级\r\n赵安,1班\r\n"


def refusal(content: bytes) -> Refused:
    """Return why a file's content is refused."""
    with pytest.raises(Refused) as caught:
        read_sheets(content)
    return caught.value


# ---- cells


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (6.0, "6"),
        (-6.0, "-6"),
        (36.5, "36.5"),
        (0.1 + 0.2, "0.3"),
        (312.50, "312.5"),
        (999_999_999_999_999.0, "999999999999999"),
        (1e15, "1.00000000000000E+15"),
        (511_622_201_806_115_123.0, "5.11622201806115E+17"),
        (-1e15, "-1.00000000000000E+15"),
        (13_900_001_234.0, "13900001234"),
    ],
)
def test_a_number_is_shown_as_the_office_program_shows_it(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 5e-324, 1.7e308])
def test_no_number_stops_a_reading(number: float) -> None:
    assert number_text(number)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("", ""),
        (" 甲 ", " 甲 "),
        (True, "是"),
        (False, "否"),
        (7, "7"),
        (date(2018, 3, 4), "2018-03-04"),
        (datetime(2018, 3, 4), "2018-03-04"),  # noqa: DTZ001 - a sheet knows no time zones
        (datetime(2018, 3, 4, 12, 30), "2018-03-04 12:30:00"),  # noqa: DTZ001
        (time(8, 30), "08:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
    ],
)
def test_a_cell_becomes_text(cell: object, text: str) -> None:
    assert cell_text(cell) == text
    assert as_text([[cell]]) == [[text]]


# ---- workbooks


def typed_workbook(path: Path) -> bytes:
    """Return a workbook with a cell of every type in row 4 from column C, and hidden and chart sheets."""
    book = xlsxwriter.Workbook(path)
    book.set_properties({"created": MADE})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("甲")
    sheet.write_string(3, 2, "赵安")
    sheet.write_datetime(3, 3, date(2018, 3, 4), day)
    sheet.write_boolean(3, 4, True)
    sheet.write_number(3, 5, 511_622_201_806_115_123)
    sheet.write_formula(3, 6, '="甲"', None, "甲")
    sheet.write_formula(3, 7, "=1+1", None, 2)
    sheet.write_formula(3, 8, "=1/0", None, "#DIV/0!")
    sheet.write_string(3, 9, "a\nb")
    for hide in ("hide", "very_hidden"):
        getattr(book.add_worksheet(hide), hide)()
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=甲!$D$4:$D$4"})
    book.add_chartsheet("图").set_chart(chart)
    book.close()
    return path.read_bytes()


def test_cells_of_every_type_come_out_at_their_own_row_and_column(tmp_path: Path) -> None:
    sheets = read_sheets(typed_workbook(tmp_path / "typed.xlsx"))
    first = sheets[0]
    assert [(sheet.name, sheet.hidden) for sheet in sheets] == [("甲", False), ("hide", True), ("very_hidden", True)]
    assert not any(map(any, first.rows[:3]))
    assert first.rows[3][:8] == ["", "", "赵安", "2018-03-04", "是", "5.11622201806115E+17", "甲", "2"]
    assert first.rows[3][8] in {"", "#DIV/0!"}
    assert first.rows[3][9] == "a\nb"


def test_merged_areas_are_told(tmp_path: Path) -> None:
    path = tmp_path / "merged.xlsx"
    write_xlsx(path, {"甲": [["户主", "姓名"], ["赵安", "赵安"], [None, "赵诚"]]}, ["A2:A3"])
    sheet = read_sheets(path.read_bytes())[0]
    assert sheet.merged == [((1, 0), (2, 0))]
    assert sheet.rows == [["户主", "姓名"], ["赵安", "赵安"], ["", "赵诚"]]


def test_an_old_workbook_reads_as_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "old.xls"
    book = xlwt.Workbook()
    sheet = book.add_sheet("甲")
    style = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for column, cell in enumerate(["汪\u4dae", 36.5, 7, 511_622_201_806_115_123, True]):
        sheet.write(1, column + 1, cell)
    sheet.write(1, 6, date(2018, 3, 4), style)
    hidden = book.add_sheet("乙")
    hidden.visibility = 1
    hidden.write(0, 0, "x")
    book.save(str(path))
    sheets = read_sheets(path.read_bytes())
    assert sheets[0].rows[1] == ["", "汪\u4dae", "36.5", "7", "5.11622201806115E+17", "是", "2018-03-04"]
    assert [sheet.hidden for sheet in sheets] == [False, True]


def test_an_excel_95_error_cell_is_no_number() -> None:
    """#N/A is stored as the byte 42, and nobody is owed 42 yuan."""
    plain = raw.excel95([["姓名", "月保障金"], ["赵安", None]])
    error = struct.pack("<HHHHHBB", 0x205, 8, 1, 1, 0, 42, 1)
    book = plain[:-4] + error + plain[-4:]
    sheet = read_sheets(raw.compound_file({"Book": book}))[0]
    assert sheet.rows[1][0] == "赵安"
    assert sheet.rows[1][1:] in ([""], ["#N/A"])


def test_the_widest_sheet_that_fits_is_read_and_a_wider_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.xlsx"
    write_xlsx(path, {"甲": [["姓名"], [None] * 701 + ["x"]]})
    assert len(read_sheets(path.read_bytes())[0].rows[1]) == 702
    write_xlsx(path, {"甲": [["姓名"], *[[None]] * 4000, [None] * 16_383 + ["x"]]})
    assert refusal(path.read_bytes()).code == "sheet_too_wide"


# ---- texts


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("gb18030"),
        TEXT.encode("utf-16"),
        ("\ufeff" + TEXT).encode("utf-16-be"),
        TEXT.replace("\r\n", "\n").encode(),
        TEXT.replace("\r\n", "\r").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "|").encode(),
        TEXT.rstrip().encode(),
        '"姓名","班级"\r\n"赵安","1班"\r\n'.encode(),
    ],
    ids=["utf8", "bom", "gb", "utf16le", "utf16be", "lf", "cr", "tab", "semicolon", "bar", "open end", "quoted"],
)
def test_a_text_table_is_read_in_every_encoding_and_with_every_separator(content: bytes) -> None:
    assert read_sheets(content)[0].rows == TABLE


def test_blank_lines_and_cells_of_several_lines_keep_rows_at_their_numbers() -> None:
    rows = read_sheets('姓名,住址\r\n\r\n赵安,"青石镇\r\n1组"\r\n钱邦,2组\r\n'.encode())[0].rows
    assert rows == [["姓名", "住址"], [], ["赵安", "青石镇\r\n1组"], ["钱邦", "2组"]]


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        f"<html><body>{PAGE}</body></html>",
        f"<!DOCTYPE html><html>{PAGE}</html>",
        f"  \n<HTML>{PAGE}</HTML>",
        f"<meta charset='utf-8'>{PAGE}",
        PAGE.replace("</td>", "").replace("</th>", "").replace("</tr>", ""),
    ],
)
def test_a_table_of_a_page_is_read(page: str) -> None:
    assert read_sheets(page.encode())[0].rows == TABLE
    assert read_sheets(("\ufeff" + page).encode())[0].rows == TABLE


def test_a_page_in_a_declared_encoding_is_read() -> None:
    page = f"<html><head><meta charset=gb2312></head>{PAGE}</html>".replace("赵安", "汪\u4dae")
    assert read_sheets(page.encode("gb18030"))[0].rows[1][0] == "汪\u4dae"


@pytest.mark.parametrize("charset", ["no-such", "idna", "undefined", "base64", "utf-16", "rot13"])
def test_a_page_that_declares_nonsense_is_read_or_refused(charset: str) -> None:
    page = f"<html><head><meta charset={charset}></head>{PAGE}</html>".encode()
    try:
        rows = read_sheets(page)[0].rows
    except Refused:
        return
    assert rows == TABLE


def test_a_page_cell_over_several_columns_keeps_the_others_in_place() -> None:
    page = "<table><tr><td colspan=2>甲</td><td>乙</td></tr><tr><td>1</td><td>2</td><td>3</td></tr></table>"
    assert read_sheets(page.encode())[0].rows == [["甲", "", "乙"], ["1", "2", "3"]]


def test_a_page_cell_over_a_hundred_million_columns_costs_no_memory() -> None:
    page = '<table><tr><td colspan="100000000">姓名</td></tr></table>'
    try:
        rows = read_sheets(page.encode())[0].rows
    except Refused:
        return
    assert len(rows[0]) < 20_000


# ---- refused whole


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n\t", "file_empty"),
        (b"\xff\xff\xff\xff", "file_encoding"),
        (TEXT.encode() + b"\xff\xff", "file_encoding"),
        (b"\xff\xfe\x41", "file_encoding"),
        (TEXT.encode("utf-16-le"), "file_nul_bytes"),
        (b"a,b\n1,\x002\n", "file_nul_bytes"),
        (b'a,b\n1,"2\n', "file_quotes"),
        (b"a,b\n<<<<<<< HEAD\n1,2\n=======\n1,3\n>>>>>>> x\n", "file_merge_markers"),
        (b"<html><body>502</body></html>", "file_web_page"),
        (b"PK\x03\x04 and no more", "file_truncated"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_reason(content: bytes, code: str) -> None:
    assert refusal(content).code == code


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a,b\n1,2\n3,\x004\n", 3),
        (b'a,b\n1,2\n"3,4\n5,6\n', 3),
        (b"a,b\n1,2\n<<<<<<< HEAD\n", 3),
        (b"a,b\n1,2\n3,\xff\xff\n", 3),
    ],
)
def test_the_line_that_is_wrong_is_named(content: bytes, line: int) -> None:
    assert refusal(content).facts["line"] == line


def test_a_sign_of_less_than_in_a_table_is_no_marker() -> None:
    assert read_sheets("姓名,备注\n赵安,<<<<<<<\n".encode())[0].rows[1] == ["赵安", "<<<<<<<"]
