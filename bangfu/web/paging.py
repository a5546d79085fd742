"""What an address asks for: a page of a long list, a place."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest

from bangfu.core.ids import id_in
from bangfu.registry.queries import Place, place_for
from bangfu.web.access import actor_of

PAGE = 50


def page_of(request: HttpRequest, rows: Any, count: int | None = None, name: str = "page") -> Page[Any]:
    """Return the asked-for page of these rows; `count`: how many they are, where that is known without counting.

    `name`: of the page's number in the address. The rows are read once, and a list that one page holds is not counted.
    """
    asked = request.GET.get(name)
    paginator = Paginator(rows, PAGE)
    first = list(rows[: PAGE + 1]) if asked is None else []
    if asked is None and len(first) <= PAGE:
        count = len(first)
    if count is not None:
        paginator.count = count  # a property that is reckoned once, unless it is there
    page = paginator.get_page(asked)
    page.object_list = first[:PAGE] if asked is None else list(page.object_list)
    return page


def place_asked(request: HttpRequest) -> Place | None:
    """Return the place that a request narrows its list to, None for no place; Http404 for one that is not open."""
    text = (request.POST if request.method == "POST" else request.GET).get("place", "")
    if not text:
        return None
    number = id_in(text)
    found = place_for(number, actor_of(request)) if number is not None else None
    if found is None:
        raise Http404
    return found
