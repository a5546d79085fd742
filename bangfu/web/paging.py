"""What an address asks for: a page of a long list, the number of a row."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest

from bangfu.registry.queries import place_for
from bangfu.web.access import actor_of

PAGE = 50
DIGITS = 18


def page_of(request: HttpRequest, rows: Any, count: int | None = None) -> Page[Any]:
    """Return the asked-for page of these rows; `count`: how many they are, where that is known without counting."""
    paginator = Paginator(rows, PAGE)
    if count is not None:
        paginator.count = count  # a property that is reckoned once, unless it is there
    return paginator.get_page(request.GET.get("page"))


def number_in(text: str) -> int | None:
    """Return the row's number that a text is, or None; numbers larger than a database takes are none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def place_asked(request: HttpRequest) -> Any:
    """Return the place that a request narrows its list to, None for no place; Http404 for one that is not open."""
    text = (request.POST if request.method == "POST" else request.GET).get("place", "")
    if not text:
        return None
    number = number_in(text)
    found = place_for(number, actor_of(request)) if number is not None else None
    if found is None:
        raise Http404
    return found
