"""Numbers of rows, as an address or a form brings them."""

from __future__ import annotations

LARGEST = (1 << 63) - 1  # databases refuse to be asked for larger ones


def is_id(number: int) -> bool:
    """Tell whether a number can be a row's id at all."""
    return 0 < number <= LARGEST


def id_in(text: str) -> int | None:
    """Return the row's id that a text is, in plain digits, or None."""
    # So many digits and no more are read: a long text of them would cost much time.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        return None
    return int(text) if is_id(int(text)) else None
