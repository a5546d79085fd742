"""Rows under a header: read, held or noise, and none of them lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bangfu.core.stages import Grade, Stage
from bangfu.intake.layouts import all_layouts, find_layout
from bangfu.intake.read import Sheet
from bangfu.intake.table import Table, read_table

LAYOUTS = all_layouts()
HEADER = ["序号", "学校名称", "姓名", "年级", "班级", "学籍号", "身份证件号", "出生日期", "是否住宿生"]
PUPIL = [
    "1",
    "青石镇中心小学校",
    "赵安",
    "一年级",
    "1班",
    "G11010519491231002X",
    "11010519491231002X",
    "1949-12-31",
    "否",
]
NAME, GRADE, ROLL, ID, BIRTH, BOARDS = 2, 3, 5, 6, 7, 8
Merged = list[tuple[tuple[int, int], tuple[int, int]]]


def pupil(**cells: str) -> list[str]:
    """Return the pupil's row with other cells (by the names above, in small letters)."""
    row = [*PUPIL]
    for name, cell in cells.items():
        row[{"name": NAME, "grade": GRADE, "roll": ROLL, "id": ID, "birth": BIRTH, "boards": BOARDS}[name]] = cell
    return row


def table(*rows: Sequence[str], merged: Merged | None = None, schooling: str = "6-3") -> Table:
    """Return a sheet of these rows as it is read."""
    sheet = Sheet("甲", [list(row) for row in rows], merged=merged or [])
    found = find_layout(sheet.rows, LAYOUTS, {})
    assert found is not None
    return read_table(sheet, 0, found, schooling)


def under(*rows: Sequence[str]) -> Table:
    """Return rows under the usual header as they are read."""
    return table(HEADER, *rows)


# ---- clean values


def test_a_row_becomes_clean_values_under_the_number_that_the_office_program_shows() -> None:
    read = table(["学籍表"], [], HEADER, [], [f" {cell} " for cell in PUPIL])
    assert read.numbers == [5]
    assert (read.held, read.noise, read.read) == ([], [], 1)
    assert read.columns == {
        "school_name": ["青石镇中心小学校"],
        "name": ["赵安"],
        "grade": [Grade(Stage.PRIMARY, 1)],
        "class_number": ["1"],
        "roll_number": ["G11010519491231002X"],
        "id_number": ["11010519491231002X"],
        "id_state": ["ok"],
        "birth": ["1949-12-31"],
        "boarding": [False],
    }
    assert read.column("phone") == [None]


@pytest.mark.parametrize(("schooling", "grade"), [("6-3", Grade(Stage.PRIMARY, 6)), ("5-4", Grade(Stage.JUNIOR, 1))])
def test_a_grade_is_counted_as_the_district_counts(schooling: str, grade: Grade) -> None:
    assert table(HEADER, pupil(grade="六年级"), schooling=schooling).columns["grade"] == [grade]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["√", "", ""], [True, False, False]),
        (["是", "否", ""], [True, False, None]),
        (["", "", ""], [None, None, None]),
        (["否", "", ""], [False, None, None]),
    ],
)
def test_a_blank_among_ticks_alone_means_no(cells: list[str], values: list[bool | None]) -> None:
    assert under(*(pupil(boards=cell) for cell in cells)).columns["boarding"] == values


@pytest.mark.parametrize(
    ("number", "state"),
    [
        ("", "missing"),
        ("5.11622201806115E+17", "truncated"),
        ("110105194912310021", "checksum"),
        ("E12345678", "malformed"),
    ],
)
def test_an_id_that_is_wrong_or_missing_holds_nobody_up(number: str, state: str) -> None:
    read = under(pupil(id=number))
    assert read.columns["id_state"] == [state]
    assert read.held == []


@pytest.mark.parametrize(
    ("kind", "number", "state"),
    [
        ("护照", "E12345678", "other"),
        ("港澳居民来往内地通行证", "H1234567", "other"),
        ("居民身份证", "E12345678", "malformed"),
        ("", "E12345678", "malformed"),
        ("护照", "110105194912310021", "checksum"),
        ("护照", "", "missing"),
    ],
)
def test_a_passport_is_no_wrong_id(kind: str, number: str, state: str) -> None:
    read = table([*HEADER, "身份证件类型"], [*pupil(id=number), kind])
    assert read.columns["id_state"] == [state]


def test_a_certificate_holds_the_persons_id() -> None:
    read = table(["姓名", "残疾人证号"], ["赵安", "11010519491231002X41"], ["钱邦", "无"])
    assert read.columns["id_number"][0] == "11010519491231002X"
    assert read.columns["id_state"] == ["ok", "malformed"]
    assert read.columns["certificate"] == ["11010519491231002X41", "无"]


def test_months_are_columns_of_their_own() -> None:
    read = table(["学籍号", "3月", "4月天数"], ["G1", "20", ""], ["G2", "", "0"])
    assert read.columns["days:3"] == [20, None]
    assert read.columns["days:4"] == [None, 0]


# ---- held


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (pupil(name=""), "姓名", "required_missing"),
        (pupil(grade=""), "年级", "required_missing"),
        (pupil(grade="毕业班"), "年级", "grade_unreadable"),
        (pupil(birth="2018年03月"), "出生日期", "date_is_month"),
        (pupil(birth="不详"), "出生日期", "date_unreadable"),
        (pupil(boards="也许"), "是否住宿生", "yes_no_unreadable"),
    ],
)
def test_a_row_with_a_cell_that_is_missing_or_unreadable_is_held_with_its_text(
    row: list[str], column: str, code: str
) -> None:
    read = under(PUPIL, row, PUPIL)
    assert read.numbers == [2, 4]
    assert [(held.row, held.column, held.code, held.cells) for held in read.held] == [(3, column, code, tuple(row))]
    assert {len(values) for values in read.columns.values()} == {2}


def test_a_row_wrong_in_two_places_is_held_once() -> None:
    read = under(pupil(birth="x", boards="y"))
    assert len(read.held) == 1
    assert read.read == 1


@pytest.mark.parametrize("name", ["\u200b", "\ufeff", "\u200b \u200d"])
def test_a_name_of_invisible_signs_is_no_name(name: str) -> None:
    read = under(pupil(name=name))
    assert [held.code for held in read.held] == ["required_missing"]


@pytest.mark.parametrize("number", ["\u200b", "'", "`"])
def test_an_id_of_invisible_signs_is_missing_and_is_nobodys_number(number: str) -> None:
    read = under(pupil(id=number))
    assert read.columns["id_state"] == ["missing"]
    assert read.columns["id_number"] == [None]


def test_a_row_without_a_single_month_is_held() -> None:
    read = table(["学籍号", "3月", "4月"], ["G1", "", ""])
    assert [held.code for held in read.held] == ["required_missing"]


# ---- noise


@pytest.mark.parametrize(
    "row",
    [
        HEADER,
        ["合计", "", "45"],
        ["", "合 计", "", "45人"],
        ["小计:", "3"],
        ["总计：", "", "", "", "", "445"],
        ["本班合计45人"],
        ["注:身份证件号须为文本"],
        ["备注", "", "此表一式两份"],
        ["填表人:赵安", "", "", "", "审核人:钱邦"],
        ["", "", "", "", "", "", "", "", "", "第 1 页"],
        ["一年级1班"],
        ["17"],
    ],
)
def test_a_row_that_names_nobody_is_noise(row: list[str]) -> None:
    read = under(PUPIL, row, PUPIL)
    assert read.noise == [3]
    assert (read.numbers, read.held) == ([2, 4], [])


@pytest.mark.parametrize("row", [[], ["", " ", "\t"], ["\u3000"]])
def test_a_blank_row_is_no_row(row: list[str]) -> None:
    assert under(row, PUPIL).read == 1


@pytest.mark.parametrize(
    "row",
    [
        pupil(name="合计"),  # whoever is called so has a roll number
        pupil(name="共天赐"),
        pupil(name="单位"),
        ["合计", *PUPIL[1:]],
        ["注", *PUPIL[1:]],
    ],
)
def test_somebody_is_never_taken_for_noise(row: list[str]) -> None:
    assert under(row).numbers == [2]


@pytest.mark.parametrize("row", [["", "", "赵安"], ["3", "", "赵安"], ["", "", "", "", "", "G11010519491231002X"]])
def test_a_row_that_may_be_somebody_is_held(row: list[str]) -> None:
    read = under(row)
    assert [held.row for held in read.held] == [2]


def test_a_name_alone_in_the_first_column_is_held_not_lost() -> None:
    read = table(["姓名", "身份证号码", "类别", "现居住地"], ["赵安", "", "", ""])
    assert [held.code for held in read.held] == ["required_missing"]


def test_a_repeated_header_is_noise_however_it_is_spaced() -> None:
    header = [
        "序号",
        "学校名称",
        "姓  名",
        "*年 级",
        "班级:",
        "学籍号\n(必填)",
        "身份证\n件号",
        "出生\n日期",
        "是否住宿生",
    ]
    read = table(header, PUPIL, header, PUPIL)
    assert read.noise == [3]
    assert read.held == []


def test_a_repeated_header_of_two_rows_is_noise() -> None:
    upper, lower = [*HEADER, "监护人", ""], [""] * len(HEADER) + ["姓名", "电话"]
    row = [*PUPIL, "赵诚", "13900001234"]
    read = table(upper, lower, row, upper, lower, row)
    assert read.numbers == [3, 6]
    assert read.noise == [4, 5]


# ---- merged and ragged


def test_a_value_merged_over_rows_is_each_rows_value() -> None:
    header = ["乡镇", "村", "户主", "成员姓名", "月保障金"]
    rows = [["青石镇", "河湾村", "赵安", "赵安", "480"], ["", "", "", "赵诚", ""], ["", "", "", "赵明", ""]]
    merged: Merged = [((1, column), (3, column)) for column in (0, 1, 2, 4)]
    read = table(header, *rows, merged=merged)
    assert read.columns["head_name"] == ["赵安"] * 3
    assert read.columns["amount"] == [48_000] * 3
    assert read.columns["name"] == ["赵安", "赵诚", "赵明"]


@pytest.mark.parametrize("hidden", [" ", "\u3000", "\u200b"])
def test_invisible_signs_under_a_merged_cell_are_its_value_too(hidden: str) -> None:
    rows = [["河湾村", "赵安", "赵安", "480"], [hidden, hidden, "赵诚", ""]]
    read = table(["村", "户主", "成员姓名", "月保障金"], *rows, merged=[((1, 0), (2, 0)), ((1, 1), (2, 1))])
    assert read.columns["head_name"] == ["赵安", "赵安"]
    assert read.columns["village"] == ["河湾村", "河湾村"]


def test_a_title_merged_over_the_header_gives_its_value_to_no_row() -> None:
    read = table(["学籍表"], HEADER, PUPIL, pupil(name=""), merged=[((0, 0), (3, 2))])
    assert read.numbers == [3]
    assert [held.row for held in read.held] == [4]


def test_an_area_merged_beyond_the_table_does_not_stop_it() -> None:
    read = table(HEADER, PUPIL, PUPIL, merged=[((1, 20), (2, 20)), ((1, 25), (500, 30)), ((2, 0), (9, 1))])
    assert read.numbers == [2, 3]


def test_rows_shorter_or_longer_than_the_header_are_read() -> None:
    short, long = PUPIL[:ROLL], [*PUPIL, "", "旁注", "更旁"]
    read = under(short, long, PUPIL)
    assert read.numbers == [2, 3, 4]
    assert read.columns["roll_number"] == [None, PUPIL[ROLL], PUPIL[ROLL]]
    assert read.columns["id_state"] == ["missing", "ok", "ok"]


def test_a_header_alone_is_a_table_of_no_rows() -> None:
    read = under()
    assert read.read == 0
    assert read.columns["name"] == []
