"""Long lists by pages."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

PAGE = 50


def page_of(request: HttpRequest, rows: Any, count: int | None = None) -> Page[Any]:
    """Return the asked-for page of these rows; `count`: how many they are, where that is known without counting."""
    paginator = Paginator(rows, PAGE)
    if count is not None:
        paginator.count = count  # a property that is reckoned once, unless it is there
    return paginator.get_page(request.GET.get("page"))
