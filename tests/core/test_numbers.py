"""Resident IDs, roll numbers, certificates, cards and phones. Every number is invented or from a standard."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.numbers import (
    IdState,
    birth_in_id,
    check_digit,
    expand_old_id,
    judge_id,
    luhn_ok,
    normal_phone,
    normal_roll_number,
)

STANDARD = "11010519491231002X"  # the examples that GB 11643-1999 prints
STANDARD_TOO = "440524188001010014"
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
FIRST_17 = st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True)


def whole(first17: str) -> str:
    """Return the ID that begins with these 17 digits."""
    return first17 + check_digit(first17)


@pytest.mark.parametrize("number", [STANDARD, STANDARD_TOO])
def test_the_standards_own_examples_are_valid(number: str) -> None:
    assert check_digit(number[:17]) == number[17]
    assert judge_id(number) == (number, IdState.OK)


@pytest.mark.parametrize("area", ["412723", "321119", "441282", "370284", "330113", "511622", "999999", "000000"])
def test_no_id_is_refused_for_its_area_code(area: str) -> None:
    number = whole(f"{area}20150802703"[:17])
    assert judge_id(number) == (number, IdState.OK)


@given(FIRST_17, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(first17: str, at: int, more: int) -> None:
    wrong = str((int(first17[at]) + more) % 10)
    assert judge_id(first17[:at] + wrong + whole(first17)[at + 1 :])[1] != IdState.OK


@given(FIRST_17, st.integers(0, 15))
def test_two_swapped_digits_are_always_noticed(first17: str, at: int) -> None:
    number = whole(first17)
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert swapped == number or judge_id(swapped)[1] != IdState.OK


@pytest.mark.parametrize(
    "written",
    [
        STANDARD,
        STANDARD.lower(),
        STANDARD.translate(FULL_WIDTH),
        "11010519491231002\uff58",  # a full-width small x
        "110105 19491231 002X",
        " 11010519491231002X\u3000",
        "\ufeff110105\u200b19491231002X",
        "'11010519491231002X",
        "\u201911010519491231002X",
        "`11010519491231002X",
        "110105491231002",
        "110105491231002".translate(FULL_WIDTH),
        STANDARD + "41",
        STANDARD.lower() + "11",
    ],
)
def test_an_id_is_read_however_it_is_written(written: str) -> None:
    assert judge_id(written) == (STANDARD, IdState.OK)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("511622830910121", "511622198309101217"),
        ("110105491231002", STANDARD),
        ("110105000101001", "110105190001010011"),
        ("110105991231001", "110105199912310011"),
    ],
)
def test_an_old_id_gets_its_century_and_check_digit(written: str, number: str) -> None:
    expanded = expand_old_id(written)
    assert expanded[:17] == number[:17]
    assert judge_id(written) == (expanded, IdState.OK)
    assert judge_id(expanded) == (expanded, IdState.OK)


@pytest.mark.parametrize("written", ["", " ", "\u3000", "\u200b", "'"])
def test_a_blank_is_a_missing_id(written: str) -> None:
    assert judge_id(written) == ("", IdState.MISSING)


@pytest.mark.parametrize(
    "written",
    [
        "1",
        "11010549123100",  # 14
        "1101054912310021",  # 16
        STANDARD[:17],
        STANDARD + "1",  # 19
        STANDARD + "4X",  # 20, but no kind and level
        STANDARD + "411",  # 21
        "11010519491231X020",
        "A1010519491231002X",
        "1101051949123100XX",
        "11010549123100X",
        "无",
        "E12345678",
        "一1010519491231002X",
    ],
)
def test_what_has_no_ids_shape_is_malformed(written: str) -> None:
    assert judge_id(written)[1] == IdState.MALFORMED


@pytest.mark.parametrize(
    ("first17", "state"),
    [
        ("51162220150228001", IdState.OK),
        ("51162220150229001", IdState.CHECKSUM),  # no such day, though the check digit fits
        ("51162220160229001", IdState.OK),
        ("51162220151301001", IdState.CHECKSUM),
        ("51162220150100001", IdState.CHECKSUM),
        ("51162200000101001", IdState.CHECKSUM),
    ],
)
def test_an_id_holds_a_day_that_there_is(first17: str, state: IdState) -> None:
    number = whole(first17)
    assert not number.endswith("000")
    assert judge_id(number) == (number, state)


def test_three_zeros_at_the_end_tell_of_a_number_cell_unless_the_check_digit_fits() -> None:
    for year in range(1990, 2016):
        first17 = f"511622{year}0802100"
        fits = check_digit(first17) == "0"
        assert judge_id(f"{first17}0")[1] == (IdState.OK if fits else IdState.TRUNCATED)
        assert judge_id(f"{first17[:16]}10")[1] in {IdState.OK, IdState.CHECKSUM}


@pytest.mark.parametrize(
    ("number", "birth"),
    [
        (STANDARD, date(1949, 12, 31)),
        ("511622200002290000", date(2000, 2, 29)),
        ("511622190002290000", None),
        ("511622201804310000", None),
        ("51162220180430000X", date(2018, 4, 30)),
        ("511622201800010000", None),
        ("51162220180", None),
        ("", None),
    ],
)
def test_the_birth_date_stands_in_the_id(number: str, birth: date | None) -> None:
    assert birth_in_id(number) == birth


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (f"G{STANDARD}", f"G{STANDARD}"),
        (f"g{STANDARD.lower()}", f"G{STANDARD}"),
        (f"J{STANDARD_TOO}", f"J{STANDARD_TOO}"),
        (f"L{STANDARD_TOO}", f"L{STANDARD_TOO}"),
        (STANDARD, STANDARD),
        (f" G 110105 {STANDARD[6:]}\u200b", f"G{STANDARD}"),
        (f"G{STANDARD}".translate(FULL_WIDTH), f"G{STANDARD}"),
        (f"A{STANDARD}", None),
        (f"G{STANDARD[:17]}", None),
        (f"G{STANDARD}1", None),
        (STANDARD[:17], None),
        ("GX1010519491231002X", None),
        ("", None),
    ],
)
def test_a_roll_number_is_a_letter_and_eighteen_signs_or_these_alone(written: str, number: str | None) -> None:
    assert normal_roll_number(written) == number


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("13900001234", "13900001234"),
        ("139-0000-1234", "13900001234"),
        ("139 0000 1234", "13900001234"),
        ("13900001234".translate(FULL_WIDTH), "13900001234"),
        ("+86 139 0000 1234", "+8613900001234"),
        ("0826-1234567", "08261234567"),
        ("(0826)1234567", "08261234567"),
        ("", ""),
    ],
)
def test_a_phone_is_its_digits(written: str, phone: str) -> None:
    assert normal_phone(written) == phone


@pytest.mark.parametrize("last", range(10))
def test_a_card_has_one_right_check_digit(last: int) -> None:
    assert luhn_ok(f"7992739871{last}") is (last == 3)


@pytest.mark.parametrize(
    ("card", "right"),
    [
        ("0", True),
        ("18", True),
        ("19", False),
        ("4539578763621486", True),
        ("4539578763621487", False),
        ("", False),
        ("7992739871 3", False),
        ("79927398713X", False),
        ("\u0663" * 16, False),  # decimal, but no digits that a bank writes
    ],
)
def test_a_card_number_is_digits_that_add_up(card: str, right: bool) -> None:
    assert luhn_ok(card) is right
