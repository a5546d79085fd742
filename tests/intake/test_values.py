"""Cells of each type, in every form that offices write, and those that hold their row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.intake.read import number_text
from bangfu.intake.values import READERS

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
LARGEST_INTEGER = 2**63 - 1  # of a database column
# What a reader may say of a cell; the row is held with it.
CODES = {
    "date": {"date_unreadable", "date_is_month"},
    "month": {"month_unreadable"},
    "sex": {"sex_unreadable"},
    "yes_no": {"yes_no_unreadable"},
    "integer": {"integer_unreadable"},
    "days_of_month": {"integer_unreadable", "days_out_of_month"},
    "yuan": {"amount_unreadable", "amount_negative"},
}
ID = "511622201508027038"
CARD = "6217001234567890123"

READ: dict[str, list[tuple[str, object]]] = {
    "text": [
        ("汉族", "汉族"),
        ("(1)班  A".translate(FULL_WIDTH), "(1)班 A"),
        ("苏州工业园区服务外包\n职业学院", "苏州工业园区服务外包职业学院"),
        ("a\nb", "a b"),
        ("汪\u4dae", "汪\u4dae"),
    ],
    "code": [("2199900001", "2199900001"), ("21 999", "21999"), ("'21", "21"), ("21".translate(FULL_WIDTH), "21")],
    "person_name": [("严  鑫", "严鑫"), ("杨\U0002b36f", "杨\U0002b36f"), ("阿里\u2022江", "阿里\u00b7江")],
    "date": [
        ("2018-03-04", "2018-03-04"),
        ("2018-3-4", "2018-03-04"),
        ("2018.3.4", "2018-03-04"),
        ("2018/03/04", "2018-03-04"),
        ("2018年3月4日", "2018-03-04"),
        ("2018 年 3 月 4 日", "2018-03-04"),
        ("2018年3月4", "2018-03-04"),
        ("20180304", "2018-03-04"),
        ("2018-03-04 00:00:00", "2018-03-04"),
        ("2018-03-04".translate(FULL_WIDTH), "2018-03-04"),
        ("43163", "2018-03-04"),
        ("43163.75", "2018-03-04"),
        ("2016-02-29", "2016-02-29"),
        ("1900-01-01", "1900-01-01"),
        ("2099-12-31", "2099-12-31"),
    ],
    "month": [
        ("202409", "2024-09-01"),
        ("20240915", "2024-09-01"),
        ("2024-09", "2024-09-01"),
        ("2024.9", "2024-09-01"),
        ("2024/9", "2024-09-01"),
        ("2024年9月", "2024-09-01"),
        ("2024年09月", "2024-09-01"),
        ("2024-09-15", "2024-09-01"),
        ("2024年9月15日", "2024-09-01"),
        ("2024-09-15 00:00:00", "2024-09-01"),
        ("45536", "2024-09-01"),
        ("202412", "2024-12-01"),
    ],
    "sex": [("男", "男"), ("女性", "女"), ("1", "男"), ("2", "女"), ("F", "女"), (" 女", "女")],
    "yes_no": [
        ("是", True),
        ("√", True),
        ("1", True),
        ("有", True),
        ("否", False),
        ("×", False),
        ("0", False),
        ("无", False),
    ],
    "integer": [("0", 0), ("6", 6), ("6.0", 6), ("-3", -3), ("6个月", 6), ("6月", 6), ("6".translate(FULL_WIDTH), 6)],
    "days_of_month": [("0", 0), ("31", 31), ("22天", 22), ("22.0", 22)],
    "yuan": [
        ("480", 48_000),
        ("312.5", 31_250),
        ("0", 0),
        ("1,234.50", 123_450),
        ("480元", 48_000),
        ("480".translate(FULL_WIDTH), 48_000),
        ("\u00a5480", 48_000),
        ("\uffe5480", 48_000),  # the yen sign of a Chinese keyboard
    ],
    "class_number": [
        ("1班", "1"),
        ("1", "1"),
        ("01班", "1"),
        ("(1)班", "1"),
        ("(1)班".translate(FULL_WIDTH), "1"),
        ("一班", "1"),
        ("十二班", "12"),
        ("三年级2班", "2"),
        ("高一(3)班", "3"),
        ("火箭班", "火箭班"),
    ],
    "grade": [("三年级", "三年级"), ("初 二", "初二")],
    "id_number": [
        (ID, (ID, "checksum")),
        ("11010519491231002x", ("11010519491231002X", "ok")),
        ("110105491231002", ("11010519491231002X", "ok")),
        ("5.11622201806115E+17", ("511622201806115000", "truncated")),
        ("5.11622201806115e+17", ("511622201806115000", "truncated")),
        ("5.1162220180611E+17", ("511622201806110000", "truncated")),
        ("511622201508027000", ("511622201508027000", "truncated")),
        ("无", ("无", "malformed")),
    ],
    "other_id": [("11010519491231002x", "11010519491231002X"), ("无", "无")],
    "certificate": [(f"{ID}41", f"{ID}41"), (f" {ID} 41", f"{ID}41")],
    "roll_number": [(f"g{ID}", f"G{ID}"), (f" L{ID}", f"L{ID}"), ("临时 007", "临时007")],
    "phone": [("139-0000-1234", "13900001234")],
    "account": [
        ("79927398713", ("79927398713", "ok")),
        ("79927398714", ("79927398714", "check_digit")),
        ("6217 0012 3456 7890 123", (CARD, "check_digit")),
        ("6.21700123456789E+18", ("6217001234567890000", "truncated")),
        ("甲001", ("甲001", "check_digit")),
    ],
}

HELD: dict[str, list[tuple[str, str]]] = {
    "date": [
        ("2018年03月", "date_is_month"),
        ("2018-03", "date_is_month"),
        ("2018.3", "date_is_month"),
        ("2018-02-30", "date_unreadable"),
        ("2015-02-29", "date_unreadable"),
        ("2018-13-01", "date_unreadable"),
        ("2018-00-01", "date_unreadable"),
        ("1899-12-31", "date_unreadable"),
        ("2100-01-01", "date_unreadable"),
        ("99999", "date_unreadable"),
        ("00000", "date_unreadable"),
        ("18-3-4", "date_unreadable"),
        ("不详", "date_unreadable"),
        ("2018", "date_unreadable"),
        ("2018-3-4-5", "date_unreadable"),
    ],
    "month": [(text, "month_unreadable") for text in ("202413", "202400", "2024", "9月", "189912", "210001", "秋季")],
    "sex": [(text, "sex_unreadable") for text in ("3", "未知", "男女", "X")],
    "yes_no": [(text, "yes_no_unreadable") for text in ("2", "不详", "是否", "-")],
    "integer": [
        (text, "integer_unreadable")
        for text in ("6.5", "六", "nan", "inf", "1e400", "", "3000000000", "-3000000000", "--1", "1_000")
    ],
    "days_of_month": [("32", "days_out_of_month"), ("-1", "days_out_of_month"), ("20.5", "integer_unreadable")],
    "yuan": [
        ("-1", "amount_negative"),
        ("-0.01", "amount_negative"),
        ("1.005", "amount_unreadable"),
        ("无", "amount_unreadable"),
        ("NaN", "amount_unreadable"),
        ("1E+999999", "amount_unreadable"),
        ("1_000", "amount_unreadable"),
    ],
}


def cases(
    table: dict[str, list[tuple[str, object]]] | dict[str, list[tuple[str, str]]],
) -> list[tuple[str, str, object]]:
    """Return a table's cases, each with its type."""
    return [(kind, *case) for kind, found in table.items() for case in found]


def test_every_type_of_column_has_examples() -> None:
    assert set(READ) == set(READERS)


@pytest.mark.parametrize(("kind", "cell", "value"), cases(READ))
def test_a_cell_is_read_as_offices_write_it(kind: str, cell: str, value: object) -> None:
    assert READERS[kind](cell) == value


@pytest.mark.parametrize(("kind", "cell", "code"), cases(HELD))
def test_a_cell_that_cannot_be_read_says_why_and_is_never_guessed(kind: str, cell: str, code: str) -> None:
    with pytest.raises(ValueError, match=f"^{code}$"):
        READERS[kind](cell)


@pytest.mark.parametrize("kind", READERS)
@given(cell=st.text(min_size=1, max_size=30) | st.from_regex(r"[\d./年月日eE+-]{1,20}", fullmatch=True))
def test_whatever_a_cell_holds_it_is_read_or_gives_a_known_code(kind: str, cell: str) -> None:
    try:
        READERS[kind](cell.strip() or "x")
    except ValueError as problem:
        assert str(problem) in CODES.get(kind, set())  # noqa: PT017 - most cells raise nothing


@given(st.integers(10**15, 10**18 - 1))
def test_a_long_number_from_a_number_cell_is_known_to_be_cut(number: int) -> None:
    """All but the first 15 digits come back as zeros, and the state says so."""
    cell = number_text(float(number))
    for kind in ("id_number", "account"):
        digits, state = READERS[kind](cell)  # type: ignore[misc]
        assert state == "truncated"
        assert len(str(digits)) in {len(str(number)), len(str(number)) + 1}  # 999... rounds up
        assert set(str(digits)[15:]) <= {"0"}


@pytest.mark.parametrize("cell", ["1E+20", "92233720368547759", "99999999999999999999"])
def test_an_amount_that_no_column_holds_is_not_taken(cell: str) -> None:
    try:
        amount = READERS["yuan"](cell)
    except ValueError as problem:
        assert str(problem) == "amount_unreadable"  # noqa: PT017 - taking it whole would do as well
    else:
        assert isinstance(amount, int)
        assert amount <= LARGEST_INTEGER


@pytest.mark.parametrize("kind", ["id_number", "other_id", "account"])
@pytest.mark.parametrize("cell", ["1.5E+400", "1.1E+99999999999"])
def test_a_number_of_absurd_length_is_not_written_out(kind: str, cell: str) -> None:
    value = READERS[kind](cell)
    assert len(str(value)) < 100


@pytest.mark.parametrize("kind", ["account", "id_number", "phone", "code"])
def test_digits_of_other_scripts_do_not_stop_an_import(kind: str) -> None:
    assert READERS[kind]("\u0663" * 16) is not None
