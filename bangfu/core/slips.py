"""Words that are printed on a slip, read off paper and typed once: a first password, a family's or a member's code."""

from __future__ import annotations

import secrets

# No signs that look alike. 15 of 31 signs are 74 bits.
SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
PART, PARTS = 5, 3


def new_slip() -> str:
    """Return a new word of three groups of five signs."""
    return "-".join("".join(secrets.choice(SIGNS) for _ in range(PART)) for _ in range(PARTS))
