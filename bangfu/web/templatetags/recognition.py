"""Tags for the pages of panels and recognition: what a round's own procedure calls its tiers and reasons."""

from __future__ import annotations

from typing import Any

from django import template

from bangfu.core.messages import reader_language, sentences
from bangfu.core.messages import say as say_
from bangfu.core.money import yuan as yuan_
from bangfu.identify.rules import NO_NEED

register = template.Library()


@register.simple_tag
def tier_words(procedure: dict[str, Any], code: str) -> str:
    """Return what a tier is called; that there is none is a dash."""
    if code == NO_NEED:
        return say_("recog_not_in_need")
    return _words(procedure["tier"], code) if code else "—"


@register.simple_tag
def reason_words(procedure: dict[str, Any], code: str) -> str:
    """Return what a reason is called, for being in need or for not."""
    return _words(procedure["reason"] | procedure["no_need_reason"], code)


@register.filter
def yuan(amount: int) -> str:
    """Return fen as yuan."""
    return yuan_(amount)


@register.simple_tag
def proposal_words(kind: str) -> str:
    """Return what proposes a pupil: a list's standing, or who says so."""
    codes = (f"recog_by_{kind}", f"status_{kind}")
    return next((say_(code) for code in codes if code in sentences()), kind)


@register.simple_tag
def note_words(note: str) -> str:
    """Return why a panel gave no tier."""
    return say_(f"recog_note_{note}") if f"recog_note_{note}" in sentences() else note


@register.simple_tag
def counts_words(procedure: dict[str, Any], counts: list[tuple[str, int]]) -> str:
    """Return how many said which tier, in one line."""
    said = [(say_("recog_missing") if code == "missing" else tier_words(procedure, code), n) for code, n in counts]
    return " · ".join(f"{words} {n}" for words, n in said if n)


def _words(table: dict[str, Any], code: str) -> str:
    return str(table[code][reader_language()]) if code in table else code
