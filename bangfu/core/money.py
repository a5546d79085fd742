"""Money is integer fen (分). Text and decimals come in; floats never carry an amount."""

from __future__ import annotations

import re

FEN_PER_YUAN = 100
AMOUNT = re.compile(r"[¥￥]?(-?)([0-9]{0,16})(?:\.([0-9]{1,2})0*)?元?")


def fen(text: str) -> int:
    """Return the amount in fen of a yuan amount as text ('480', '312.50'); ValueError if it is none.

    At most sixteen digits before the point (more than any budget, less than a column holds); no exponents.
    """
    found = AMOUNT.fullmatch(text.strip().replace(",", ""))
    if found is None or not (found[2] or found[3]):
        raise ValueError(text)
    sign, whole, part = found.groups()
    amount = int(whole or "0") * FEN_PER_YUAN + int((part or "0").ljust(2, "0")[:2])
    return -amount if sign else amount


def yuan(amount: int) -> str:
    """Return fen as yuan text with two decimals ('312.50')."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // FEN_PER_YUAN}.{abs(amount) % FEN_PER_YUAN:02d}"
