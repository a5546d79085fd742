"""Text as people type it in offices: full-width forms, stray spaces, look-alike dots."""

from __future__ import annotations

import re

# Full-width ASCII (U+FF01..U+FF5E) and the ideographic space to their plain forms. Only these:
# a general compatibility folding (NFKC) would change rare characters in people's names.
HALF_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20, 0x00A0: 0x20}
# Everything that stands for the name separator; the standard form is U+00B7 (policy/facts: names).
DOTS = re.compile(r"(?<=\S)[•‧∙・･．.·\u0387●﹒⋅](?=\S)")
SPACES = re.compile(r"[\s\u3000\u00a0\u200b\u200c\u200d\ufeff]+")


def half_width(text: str) -> str:
    """Return `text` with full-width digits, letters and signs as plain ones."""
    return text if text.isascii() else text.translate(HALF_WIDTH)


def squeeze(text: str) -> str:
    """Return `text` without any white space, visible or not."""
    return SPACES.sub("", text)


def person_name(text: str) -> str:
    """Return a person's name without stray spaces and with `·` (U+00B7) between its parts.

    Spaces inside Latin names ('Ali Khan') stay single; inside Chinese names ('严  鑫') they are padding.
    """
    text = SPACES.sub(" ", text).strip()
    if not text.isascii():
        text = text.replace(" ", "")
    return DOTS.sub("·", text)
