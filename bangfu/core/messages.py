"""Sentences for people, by code, in Chinese and English: `library/messages.toml`."""

from __future__ import annotations

import os

from bangfu.core.library import shipped

LANGUAGES = ("zh", "en")


def reader_language() -> str:
    """Return the reader's language: BANGFU_LANG, else the locale, else Chinese."""
    for name in ("BANGFU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")[:2].lower()
        if value in LANGUAGES:
            return value
    return "zh"


def say(code: str, lang: str | None = None, **facts: object) -> str:
    """Return the sentence for `code` with its facts filled in; KeyError for an unknown code."""
    sentence = shipped("messages.toml")[code]
    return str(sentence[lang or reader_language()]).format(**facts)
