"""Opening, closing and moving on tasks and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from bangfu.audit.actions import record
from bangfu.core.actor import Actor
from bangfu.tasks.models import Job, Task


@dataclass(frozen=True)
class Duty:
    """What is asked: of which post, at which organisation path, by when, for how many things."""

    kind: str
    subject: str
    path: str
    post: str
    due: date
    count: int = 1


@transaction.atomic
def settle(duty: Duty, *, by: Actor) -> Task | None:
    """Make the open task for `duty` say what is true now: open it, correct its count, or close it at 0."""
    task = Task.objects.select_for_update().filter(kind=duty.kind, subject=duty.subject, closed=None).first()
    if task is None and duty.count == 0:
        return None
    if task is not None and task.count == duty.count:
        return task
    task = task or Task(kind=duty.kind, subject=duty.subject, path=duty.path, post=duty.post, due=duty.due)
    task.opened = task.opened or by.at
    task.closed = by.at if duty.count == 0 else None
    task.count = duty.count
    task.save()
    record(action="tasks.settle", by=by, subject=duty.subject, details={"kind": duty.kind, "count": duty.count})
    return task


@contextmanager
def running_job(*, kind: str, subject: str, total: int, by: Actor) -> Iterator[Callable[[int, int], None]]:
    """Keep a job's row while long work runs; yields `advance(done, rows)`, for a page to show as progress.

    The row is written outside the work's own transactions, so that others see it move; a failure is kept
    by its kind, and a process that died leaves a job that never ended.
    """
    with transaction.atomic():
        job = Job.objects.create(kind=kind, subject=subject, total=total, started=by.at)
        record(action="tasks.start_job", by=by, subject=f"job:{job.pk}", details={"kind": kind})

    def advance(done: int, rows: int) -> None:
        Job.objects.filter(pk=job.pk).update(done=done, rows=rows)

    try:
        yield advance
    except BaseException as problem:
        Job.objects.filter(pk=job.pk).update(failed=type(problem).__name__, ended=True)
        raise
    Job.objects.filter(pk=job.pk).update(ended=True)
