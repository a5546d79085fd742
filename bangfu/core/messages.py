"""Sentences for people, by code, in Chinese and English: `library/messages.toml`, and `pages.toml` for the pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from bangfu.core.library import shipped

LANGUAGES = ("zh", "en")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Speak `lang` meanwhile (a page knows its reader's language)."""
    token = _chosen.set(lang)
    try:
        yield
    finally:
        _chosen.reset(token)


@cache
def sentences() -> dict[str, Any]:
    """Return every sentence by its code."""
    return shipped("messages.toml") | shipped("pages.toml")


def reader_language() -> str:
    """Return the reader's language: the page's, else BANGFU_LANG, else the locale, else Chinese."""
    if chosen := _chosen.get():
        return chosen
    for name in ("BANGFU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")[:2].lower()
        if value in LANGUAGES:
            return value
    return "zh"


def say(code: str, lang: str | None = None, **facts: object) -> str:
    """Return the sentence for `code` with its facts filled in; KeyError for an unknown code."""
    sentence = sentences()[code]
    return str(sentence[lang or reader_language()]).format(**facts)
