"""The design system on one page: every part in every state, from the same templates that the pages use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.core.messages import say
from bangfu.coverage.queries import Side
from bangfu.coverage.reckon import STATES
from bangfu.web.access import EVERYONE, open_to
from bangfu.web.charts import Row, stacked

TAGS = (
    ("", "total_no_sign"),
    ("info", "total_to_assess"),
    ("wait", "verdict_doubtful"),
    ("back", "verdict_different"),
    ("late", "late"),
    ("done", "verdict_same"),
    ("", "sample_long"),
)
DAY = date(2025, 3, 3)
MANY = 1_234_567
PAGES = 13


@dataclass(frozen=True)
class Task:
    """A line of the task list."""

    kind: str
    title: str
    post: str
    count: int
    due: date
    late: int
    leads: str
    query: str = ""


@open_to(*EVERYONE, writes=())
def components(request: HttpRequest) -> HttpResponse:
    """Show each part of the pages, what it is for, and how it looks when it is empty, long, late, wrong or closed."""
    long = say("sample_long")
    pages = Paginator(range(PAGES), 1)
    context: dict[str, Any] = {
        "tags": TAGS,
        "day": DAY,
        "many": MANY,
        "tasks": [
            Task("no_id", say("sample_task"), "aid_officer", 3, DAY, 2, "imports"),
            Task("id_missing", long, "county_bureau", MANY, DAY, 0, "imports"),
        ],
        "pages": [pages.page(1), pages.page(PAGES // 2), pages.page(PAGES)],
        "sides": [
            Side(0, 1, True, f"{say('sample_file')}:7", say("sample_name"), "女", DAY, say("sample_place"), "••••00"),
            Side(0, 2, False, f"{long}:8"),
        ],
        "chart": stacked("school", {state: say(f"total_{state}") for state in STATES}, _rows()),
        "problem": say("reason_missing"),
        "long": long,
        "name": say("sample_name"),
        "file": say("sample_file"),
    }
    return render(request, "components.html", context)


def _rows() -> list[Row]:
    """Return bars with all parts, a part too small to see, one part only, none at all, and a long name."""
    return [
        Row(1, say("sample_place"), dict(zip(STATES, (40, 25, 10, 60, 5), strict=True))),
        Row(2, say("sample_long"), {"to_assess": 1, "no_sign": 999}),
        Row(3, say("sample_place"), {"determined": 300}),
        Row(4, say("sample_place"), {}),
    ]
