"""Money is integer fen (分). Text and decimals come in; floats never carry an amount."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

FEN_PER_YUAN = 100


def fen(text: str) -> int:
    """Return the amount in fen of a yuan amount as text ('480', '312.50'); ValueError if it is none."""
    try:
        yuan = Decimal(text.strip().replace(",", "").removeprefix("¥").removesuffix("元"))
        amount = yuan * FEN_PER_YUAN
    except InvalidOperation as problem:
        raise ValueError(text) from problem
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(text)
    return int(amount)


def yuan(amount: int) -> str:
    """Return fen as yuan text with two decimals ('312.50')."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // FEN_PER_YUAN}.{abs(amount) % FEN_PER_YUAN:02d}"
