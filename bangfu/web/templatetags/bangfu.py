"""Tags for the templates: sentences by code, numbers and lists as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst

from bangfu.core.messages import reader_language, sentences
from bangfu.core.messages import say as say_
from bangfu.coverage.reckon import CODES
from bangfu.intake.layouts import all_layouts
from bangfu.intake.queries import Waiting
from bangfu.web.charts import Part

register = template.Library()
SEXES = {"男": "sex_male", "女": "sex_female"}


@register.simple_tag
def say(code: str, *rest: object, **facts: object) -> str:
    """Return the sentence for a code; what stands in `rest` goes to the code's end ('state_' + state)."""
    return say_("".join([code, *map(str, rest)]), None, **facts)


@register.simple_tag
def tag(kind: str, code: str, *rest: object) -> str:
    """Return a state in a word, a colour and a shape, like `parts/tag.html`, for tables: an include is slow."""
    return format_html('<span class="tag {}">{}</span>', kind, say(code, *rest))


@register.simple_tag
def pupils_cell(label: str, count: int, people: str, place: int | None = None, state: str = "") -> str:
    """Return a cell of a table that counts pupils; with a place, it leads to the list of them at the address `people`.

    A tag, for a table of these is most of what some pages take.
    """
    text: str = number(count)
    if count and place:
        address = f"{people}?place={place}&state={state}" if state else f"{people}?place={place}"
        text = format_html('<a href="{}">{}</a>', address, text)
    return format_html('<td class="number" data-label="{}">{}</td>', label, text)


@register.simple_tag
def bar_parts(parts: Sequence[Part]) -> str:
    """Return the pieces of a bar (web/charts.py) as SVG."""
    rect = '<rect x="{}" width="{}" height="18" class="part {}"/>'
    return format_html_join("", rect, ((part.x, part.width, part.code) for part in parts))


@register.simple_tag
def parts_words(parts: Sequence[Part]) -> str:
    """Return what a bar shows in words."""
    return ", ".join(f"{part.name} {number(part.count)}" for part in parts)


@register.simple_tag
def code_title(code: str) -> str:
    """Return what a difference is called, as a heading writes it."""
    return capfirst(str(CODES[code][reader_language()]))


@register.simple_tag
def layout_title(layout: str | None) -> str:
    """Return what a kind of list is called."""
    if f"list_{layout}" in sentences():  # made in this house
        return say_(f"list_{layout}")
    titles = {found.id: found.title for found in all_layouts(settings.HOME / "layouts")}
    return str(titles[layout][reader_language()]) if layout in titles else layout or ""


@register.simple_tag
def action_words(action: str) -> str:
    """Return what an entry of the trail says was done; a code without words is said as it is."""
    name = action.replace(".", "_")
    return say_(f"action_{name}") if f"action_{name}" in sentences() else action


@register.simple_tag
def held_words(row: Waiting) -> str:
    """Return why a row waits."""
    return say_(row.code, None, row=row.row, column=row.column)


@register.simple_tag
def agrees_words(agrees: dict[str, str]) -> str:
    """Return how two records agree, field by field."""
    return say_("comma").join(f"{say_(f'field_{name}')} {say_(f'level_{level}')}" for name, level in agrees.items())


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


@register.filter
def day(value: date | None) -> str:
    """Return a day as 2025-04-17, by a shorter way than Django's filter for dates of any form."""
    return value.isoformat() if value else ""


@register.filter
def words(text: str) -> list[str]:
    """Return the words of a text that are parted by spaces."""
    return text.split()


@register.filter
def place(name: str) -> str:
    """Return what a place is called; '*' is every place."""
    return say_("everywhere") if name == "*" else name


@register.filter
def term_words(name: str) -> str:
    """Return what a term is called: '2025-spring' as 'spring term 2025'."""
    year, _, half = name.partition("-")
    return say_(f"term_{half}", None, year=year) if f"term_{half}" in sentences() else name


@register.filter
def in_language(words: dict[str, str]) -> str:
    """Return a text of a data file in the reader's language."""
    return str(words[reader_language()])


@register.filter
def at(found: dict[Any, Any], key: Any) -> Any:
    """Return what a dictionary holds under a key, or None."""
    return found.get(key)


@register.filter
def actor(name: str) -> str:
    """Return who acted: a staff number, or that it was done at the machine itself."""
    return say_("actor_operator") if name == "operator" else name


@register.filter
def subject(text: str) -> str:
    """Return what an entry of the trail is about: 'source_file:12' as 'file 12'."""
    kind, _, rest = text.partition(":")
    return f"{say_(f'subject_{kind}')} {rest}".strip() if f"subject_{kind}" in sentences() else text


@register.filter
def sex(sign: str) -> str:
    """Return a sex in the reader's language; lists write 男 and 女."""
    return say_(SEXES[sign]) if sign in SEXES else sign


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Return this page's query string with some parts changed."""
    request: HttpRequest = context["request"]
    parts = request.GET.copy()
    for name, value in changes.items():
        parts[name] = str(value)
    return f"?{parts.urlencode()}"
