"""Numbers that name people: resident ID (GB 11643-1999), roll number, disability certificate, card.

Nothing is refused for its area code: real numbers with withdrawn or new codes exist.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from operator import mul

from bangfu.core.text import half_width, squeeze

ID_LENGTH = 18
OLD_ID_LENGTH = 15
KEPT_BY_NUMBER_CELL = 15  # a spreadsheet's number cell keeps 15 significant digits
CERTIFICATE_LENGTH = 20  # resident ID, kind, level
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_DIGITS = "10X98765432"
MODULUS = 11
ZERO_OFFSET = ord("0") * sum(WEIGHTS)
SHAPE = re.compile(r"\d{17}[\dX]")
ROLL_SHAPE = re.compile(r"[GJL]\d{17}[\dX]|\d{17}[\dX]")
PHONE_SIGNS = re.compile(r"[^\d+]")
LUHN_DOUBLE = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class IdState(StrEnum):
    """What is known about an ID as it was written."""

    OK = "ok"
    MISSING = "missing"
    TRUNCATED = "truncated"
    CHECKSUM = "checksum"
    MALFORMED = "malformed"


def check_digit(first17: str) -> str:
    """Return the check digit for the first 17 digits."""
    return CHECK_DIGITS[(sum(map(mul, WEIGHTS, first17.encode())) - ZERO_OFFSET) % MODULUS]


def expand_old_id(text: str) -> str:
    """Return the 18-digit form of a 15-digit ID (all of them were born in the 1900s)."""
    first17 = text[:6] + "19" + text[6:]
    return first17 + check_digit(first17)


def birth_in_id(number: str) -> date | None:
    """Return the birth date inside an 18-digit ID, or None where it is no day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def judge_id(text: str) -> tuple[str, IdState]:
    """Return an ID in its 18-digit form and what is wrong with it.

    Full-width and lower-case forms and stray spaces are read; a 15-digit ID is expanded;
    a disability certificate number (ID + kind + level) gives the ID it begins with.
    """
    number = squeeze(half_width(text)).upper().lstrip("'’`") if not _plain(text) else text
    if not number:
        return "", IdState.MISSING
    if len(number) == OLD_ID_LENGTH and number.isdecimal():
        number = expand_old_id(number)
    elif len(number) == CERTIFICATE_LENGTH and number[-2:].isdecimal():
        number = number[:ID_LENGTH]
    if not SHAPE.fullmatch(number):
        return number, IdState.MALFORMED
    if check_digit(number[:17]) == number[17] and birth_in_id(number):
        return number, IdState.OK
    if number.endswith("000"):
        return number, IdState.TRUNCATED
    return number, IdState.CHECKSUM


def _plain(text: str) -> bool:
    return len(text) == ID_LENGTH and text.isascii() and text.isalnum() and not text.endswith("x")


def normal_roll_number(text: str) -> str | None:
    """Return a roll number (学籍号: G, J or L and 18 signs; or 18 signs) or None where it is none."""
    number = squeeze(half_width(text)).upper()
    return number if ROLL_SHAPE.fullmatch(number) else None


def normal_phone(text: str) -> str:
    """Return a phone number as digits (a leading + stays)."""
    return PHONE_SIGNS.sub("", half_width(text))


def luhn_ok(text: str) -> bool:
    """Tell whether a card number's check digit fits; old passbook accounts need not pass."""
    if not (text.isascii() and text.isdecimal()):
        return False
    digits = [ord(sign) - ord("0") for sign in reversed(text)]
    return (sum(digits[::2]) + sum(LUHN_DOUBLE[digit] for digit in digits[1::2])) % 10 == 0
