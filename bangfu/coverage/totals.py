"""What is counted for every place at once: pupils by state, open differences by code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import Count, Min

from bangfu.coverage.models import Difference

# Place (None: everything), state or code, how many, the first day on which one is due.
TotalRow = tuple[int | None, str, int, date | None]


def places_of(*paths: str) -> set[int | None]:
    """Return the organisations at and above these paths, and None for everything."""
    return {None, *(int(part) for path in paths for part in path.split("/") if part)}


def state_totals(pupils: Iterable[tuple[str, str]]) -> list[TotalRow]:
    """Return the totals of pupils (path, state) at every place in which one is."""
    found: Counter[tuple[int | None, str]] = Counter()
    for (path, state), count in Counter(pupils).items():
        for place in places_of(path):
            found[place, state] += count
    return [(place, state, count, None) for (place, state), count in found.items()]


def code_totals(code: str = "", at: Collection[int | None] = ()) -> list[TotalRow]:
    """Return the totals of the open differences at every place where one counts; of one code, and at some places."""
    waiting = Difference.objects.filter(closed_at=None, answer="").order_by()
    if code:
        waiting = waiting.filter(code=code)
    found: dict[tuple[int | None, str], tuple[int, date]] = {}
    rows = waiting.values_list("path", "owner_path", "code").annotate(n=Count("pk"), first=Min("due"))
    for path, owner_path, name, count, first in rows:
        for place in places_of(path, owner_path):
            if not at or place in at:
                before, due = found.get((place, name), (0, first))
                found[place, name] = before + count, min(due, first)
    return [(place, name, count, first) for (place, name), (count, first) in found.items()]
