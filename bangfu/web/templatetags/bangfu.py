"""Tags for the templates: sentences by code, numbers and lists as people read them."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest

from bangfu.core.messages import reader_language, sentences
from bangfu.core.messages import say as say_
from bangfu.coverage.reckon import CODES
from bangfu.intake.layouts import all_layouts
from bangfu.intake.queries import Waiting

register = template.Library()


@register.simple_tag
def say(code: str, *rest: object, **facts: object) -> str:
    """Return the sentence for a code; what stands in `rest` goes to the code's end ('state_' + state)."""
    return say_("".join([code, *map(str, rest)]), None, **facts)


@register.simple_tag
def code_title(code: str) -> str:
    """Return what a difference is called."""
    return str(CODES[code][reader_language()])


@register.simple_tag
def layout_title(layout: str | None) -> str:
    """Return what a kind of list is called."""
    titles = {found.id: found.title for found in all_layouts(settings.HOME / "layouts")}
    return str(titles[layout][reader_language()]) if layout in titles else layout or ""


@register.simple_tag
def action_words(action: str) -> str:
    """Return what an entry of the trail says was done."""
    name = action.replace(".", "_")
    return say_(f"action_{name}")


@register.simple_tag
def held_words(row: Waiting) -> str:
    """Return why a row waits."""
    return say_(row.code, None, row=row.row, column=row.column)


@register.simple_tag
def fact_words(says: dict[str, Any]) -> str:
    """Return what a fact says, its filled fields in their order."""
    return " · ".join(_fact_word(name, value) for name, value in says.items() if value not in (None, ""))


def _fact_word(name: str, value: Any) -> str:
    if name == "kind":
        return say_(f"status_{value}") if f"status_{value}" in sentences() else str(value)
    if isinstance(value, bool):
        return f"{say_(f'fact_{name}')}: {say_('yes' if value else 'no')}"
    return str(value)


@register.filter
def number(value: int | None) -> str:
    """Return a number with its thousands parted."""
    return f"{value:,}" if value is not None else ""


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Return this page's query string with some parts changed."""
    request: HttpRequest = context["request"]
    parts = request.GET.copy()
    for name, value in changes.items():
        parts[name] = str(value)
    return f"?{parts.urlencode()}"
