"""Columns of text cells -> clean values, by type. A cell that cannot be read gives a code, never a guess.

Each reader takes one stripped, non-empty cell and returns its value; ValueError(code) holds the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from bangfu.core import numbers, text
from bangfu.core.money import fen
from bangfu.core.stages import han_number

Value = object
Reader = Callable[[str], Value]

DATE_PARTS = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+[\d:.]+)?")
DATE_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
MONTH_PARTS = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*月?(?:\s*[-/.]?\s*\d{1,2}\s*日?)?(?:\s+[\d:.]+)?")
MONTH_DIGITS = re.compile(r"(\d{4})(\d{2})(?:\d{2})?")
SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
SERIAL_ORIGIN = date(1899, 12, 30)
HAN_SPACE = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
YEARS = range(1900, 2100)
SCIENTIFIC = re.compile(r"[0-9]\.[0-9]+E\+([0-9]{1,3})", re.IGNORECASE)
LONGEST_NUMBER = 32
LARGEST_INTEGER = 2**15 - 1
LONGEST_TEXT = 255  # what the register's columns take
WHOLE = re.compile(r"([-+]?[0-9]{1,10})(?:\.0+)?")
CLASS_NUMBER = re.compile(r".*?\(?([\d一二三四五六七八九十]{1,3})\)?班?")
YES = frozenset({"是", "√", "✓", "✔", "有", "Y", "y", "1", "对", "TRUE", "true", "住校", "住宿", "寄宿", "留守"})
NO = frozenset(
    {"否", "×", "✗", "无", "N", "n", "0", "不是", "FALSE", "false", "非", "走读", "不住校", "不住宿", "非留守"}
)
SEXES = {"男": "男", "女": "女", "男性": "男", "女性": "女", "1": "男", "2": "女", "M": "男", "F": "女"}
DAYS_OF_MONTH = 31


def plain(cell: str) -> str:
    """Return the cell's text in half-width forms, spaces squeezed to one, and none between Chinese signs."""
    squeezed = " ".join(text.half_width(cell).split())
    return squeezed if squeezed.isascii() else HAN_SPACE.sub("", squeezed)


def code(cell: str) -> str:
    """Return a number used as a name: no spaces, half-width."""
    return text.squeeze(text.half_width(cell)).lstrip("'’")


def day(cell: str) -> str:
    """Return a date as 'YYYY-MM-DD' from any of the forms offices write, a sheet's serial number included."""
    cell = text.half_width(cell)
    found = DATE_PARTS.fullmatch(cell) or DATE_DIGITS.fullmatch(cell)
    try:
        if found:
            return _day(int(found[1]), int(found[2]), int(found[3]))
        if SERIAL.fullmatch(cell):
            serial = SERIAL_ORIGIN + timedelta(days=int(float(cell)))
            return _day(serial.year, serial.month, serial.day)
    except ValueError as problem:
        raise ValueError("date_unreadable") from problem
    raise ValueError("date_is_month" if MONTH_PARTS.fullmatch(cell) else "date_unreadable")


def _day(year: int, month: int, number: int) -> str:
    if year not in YEARS:
        raise ValueError(year)
    return date(year, month, number).isoformat()


def month(cell: str) -> str:
    """Return a month as its first day, 'YYYY-MM-01'."""
    cell = text.half_width(cell)
    found = MONTH_PARTS.fullmatch(cell) or MONTH_DIGITS.fullmatch(cell)
    try:
        if found:
            return _day(int(found[1]), int(found[2]), 1)
        if SERIAL.fullmatch(cell):
            return day(cell)[:8] + "01"
    except ValueError as problem:
        raise ValueError("month_unreadable") from problem
    raise ValueError("month_unreadable")


def sex(cell: str) -> str:
    """Return 男 or 女."""
    if (value := SEXES.get(code(cell))) is None:
        raise ValueError("sex_unreadable")
    return value


def yes_no(cell: str) -> bool:
    """Return whether a cell says yes (是, √) or no (否, ×)."""
    mark = code(cell)
    if mark in YES:
        return True
    if mark in NO:
        return False
    raise ValueError("yes_no_unreadable")


def integer(cell: str) -> int:
    """Return a whole number of months, years or the like (what a small column takes)."""
    number = code(cell).removesuffix("个月").removesuffix("月")
    found = WHOLE.fullmatch(number)
    if found is None or not abs(int(found[1])) <= LARGEST_INTEGER:
        raise ValueError("integer_unreadable")
    return int(found[1])


def days_of_month(cell: str) -> int:
    """Return a number of days, 0 to 31."""
    days = integer(cell.removesuffix("天"))
    if not 0 <= days <= DAYS_OF_MONTH:
        raise ValueError("days_out_of_month")
    return days


def amount(cell: str) -> int:
    """Return a yuan amount in fen, not negative."""
    try:
        value = fen(text.half_width(cell))
    except ValueError as problem:
        raise ValueError("amount_unreadable") from problem
    if value < 0:
        raise ValueError("amount_negative")
    return value


def class_number(cell: str) -> str:
    """Return a class's number ('1班', '(1)班', '一班' and 1 are one), or its name where it has none."""
    cell = code(cell)
    found = CLASS_NUMBER.fullmatch(cell)
    number = han_number(found[1]) if found else None
    return str(number) if number is not None else cell


def whole_number(cell: str) -> tuple[str, bool]:
    """Return a long number as its digits, and whether a number cell had cut it to 15."""
    if (found := SCIENTIFIC.fullmatch(cell)) and int(found[1]) < LONGEST_NUMBER:
        digits = cell[: cell.upper().index("E")].replace(".", "")
        return digits.ljust(int(found[1]) + 1, "0"), True
    return cell, False


def resident_id(cell: str) -> tuple[str, str] | None:
    """Return an ID in its 18-digit form and its state (`numbers.IdState`); None where nothing is left of it."""
    digits, cut = whole_number(cell)
    number, state = numbers.judge_id(digits)
    if not number:
        return None
    return number, (numbers.IdState.TRUNCATED if cut else state).value


def roll_number(cell: str) -> str:
    """Return a roll number; one of no known shape is kept as it is written (a child is not left out for it)."""
    return numbers.normal_roll_number(cell) or code(cell)


def account(cell: str) -> tuple[str, str]:
    """Return an account number and its state: ok, check_digit (a warning), or truncated."""
    digits, cut = whole_number(code(cell))
    if cut:
        return digits, "truncated"
    return digits, "ok" if numbers.luhn_ok(digits) else "check_digit"


READERS: dict[str, Reader] = {
    "text": plain,
    "code": code,
    "person_name": text.person_name,
    "date": day,
    "month": month,
    "sex": sex,
    "yes_no": yes_no,
    "integer": integer,
    "days_of_month": days_of_month,
    "yuan": amount,
    "class_number": class_number,
    "grade": plain,
    "id_number": resident_id,
    "other_id": lambda cell: (resident_id(cell) or (None,))[0],
    "certificate": code,
    "roll_number": roll_number,
    "phone": numbers.normal_phone,
    "account": account,
}
