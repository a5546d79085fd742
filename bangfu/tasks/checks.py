"""Do the counts of open tasks hold? Yields sentences; none means that they do."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Sum

from bangfu.core.messages import say
from bangfu.tasks.models import Task, TaskTotal

PLACE = ("path", "post", "kind", "due")


def totals() -> Iterator[str]:
    """What is counted is what the open tasks ask for."""
    rows = Task.objects.filter(closed=None).order_by().values_list(*PLACE).annotate(n=Sum("count"))
    wanted = {tuple(place): count for *place, count in rows}
    kept = {tuple(place): count for *place, count in TaskTotal.objects.values_list(*PLACE, "count")}
    for place in sorted(wanted.keys() | kept.keys()):
        if wanted.get(place, 0) != kept.get(place, 0):
            path, post, kind, due = place
            found = {"tasks": wanted.get(place, 0), "counted": kept.get(place, 0)}
            yield say("task_total_differs", path=path, post=post, kind=kind, due=due, **found)
