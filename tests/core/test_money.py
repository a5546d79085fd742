"""Money is integer fen; what is no amount to the fen is refused, never rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.money import fen, yuan


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("480", 48_000),
        ("312.50", 31_250),
        ("312.5", 31_250),
        ("0.01", 1),
        ("0", 0),
        ("-0.01", -1),
        (" 625 ", 62_500),
        ("1,234.56", 123_456),
        ("\u00a5480", 48_000),
        ("480元", 48_000),
        ("480.00000", 48_000),
        (".5", 50),
        ("9007199254740993.01", 900_719_925_474_099_301),  # past what a float holds
    ],
)
def test_yuan_as_text_is_fen(text: str, amount: int) -> None:
    assert fen(text) == amount


@pytest.mark.parametrize(
    "text",
    ["", " ", "元", "无", "480.001", "0.005", "1e-3", "NaN", "sNaN", "Infinity", "-Infinity", "12:00", "0x10"],
)
def test_what_is_no_amount_to_the_fen_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text itself is the message
        fen(text)


@pytest.mark.parametrize("text", ["1E+999999", "1E+99999", "1E-999999"])
def test_a_monstrous_amount_is_refused_as_any_other(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        fen(text)


def test_an_amount_is_exact_or_refused_however_long() -> None:
    try:
        found = fen("12345678901234567890123456789.01")
    except ValueError:
        return
    assert found == 1_234_567_890_123_456_789_012_345_678_901


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (99, "0.99"),
        (100, "1.00"),
        (101, "1.01"),
        (31_250, "312.50"),
        (-1, "-0.01"),
        (-100, "-1.00"),
        (-101, "-1.01"),
    ],
)
def test_fen_are_written_as_yuan(amount: int, text: str) -> None:
    assert yuan(amount) == text


@given(st.integers(-(10**17), 10**17))
def test_what_is_written_is_read_back_to_the_fen(amount: int) -> None:
    assert fen(yuan(amount)) == amount
