"""Reading tasks and jobs, as far as the actor's grants open them."""

from __future__ import annotations

from datetime import date

from django.db.models import Min, Q, QuerySet, Sum

from bangfu.accounts.queries import under
from bangfu.core.actor import Actor
from bangfu.tasks.models import Job, Task, TaskTotal


def open_tasks(by: Actor) -> QuerySet[Task]:
    """Return the open tasks in the actor's subtrees, the most urgent first."""
    return Task.objects.filter(_in_scope(by), closed=None).order_by("due", "pk")


def _in_scope(by: Actor) -> Q:
    """Return the condition that a path lies in one of the actor's subtrees."""
    place = Q(pk__in=[])
    for path in by.paths():
        place |= under("path", path)
    return place


def running_jobs(by: Actor) -> QuerySet[Job]:
    """Return the jobs under way, for those who see the whole installation."""
    return Job.objects.filter(ended=False) if "/" in by.paths() else Job.objects.none()


def own_job(number: int, by: Actor) -> Job | None:
    """Return a job that the actor began himself, or None."""
    return Job.objects.filter(pk=number, owner=by.user_id).exclude(owner=None).first()


def open_subjects(prefix: str) -> set[str]:
    """Return the subjects of the open tasks that begin with `prefix`, for checks over the whole installation."""
    return set(Task.objects.filter(closed=None, subject__startswith=prefix).values_list("subject", flat=True))


def grouped_tasks(by: Actor, *, mine: bool) -> list[tuple[str, str, int, date, int]]:
    """Return (kind, post, how many, first due day, how many late) of the actor's open tasks, the first due first.

    `mine`: those of his posts only. Late is what was due before the actor's day.
    """
    tasks = TaskTotal.objects.filter(_in_scope(by))
    if mine and not by.everywhere:
        tasks = tasks.filter(post__in={reach.role for reach in by.reaches})
    late = Sum("count", filter=Q(due__lt=by.at.date()))
    rows = tasks.values_list("kind", "post").annotate(n=Sum("count"), first=Min("due"), late=late)
    rows = rows.order_by("first", "kind", "post")
    return [(kind, post, int(count), first, int(late or 0)) for kind, post, count, first, late in rows]
