"""Opening, closing and moving on tasks and jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection, transaction

from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.tasks.models import Job, Task, TaskTotal

Place = tuple[str, str, str, date]  # path, post, kind, due
STOPPED = "Stopped"
SLICE = 20_000  # below the number of values that a statement takes


@dataclass(frozen=True)
class Duty:
    """What is asked: of which post, at which organisation path, by when, for how many things."""

    kind: str
    subject: str
    path: str
    post: str
    due: date
    count: int = 1


def settle(duty: Duty, *, by: Actor) -> None:
    """Make the open task for `duty` say what is true now: open it, correct its count, or close it at 0."""
    settle_all([duty], by=by)


@whole()
@transaction.atomic
def settle_all(duties: Sequence[Duty], *, by: Actor) -> None:
    """Settle many duties at once, no two of one kind and subject; one entry of the trail names how many."""
    known = _open_tasks(duties)
    opened, corrected, closed, more = [], [], [], Counter[Place]()
    for duty in duties:
        task = known.get((duty.kind, duty.subject))
        if task is None and duty.count:
            opened.append(task := Task(**vars(duty), opened=by.at))
            more[_place(task)] += duty.count
        elif task is not None and not duty.count:
            closed.append(task)
            more[_place(task)] -= task.count
        elif task is not None and task.count != duty.count:
            more[_place(task)] += duty.count - task.count
            task.count = duty.count
            corrected.append(task)
    if not (opened or corrected or closed):
        return
    Task.objects.bulk_create(opened, batch_size=2_000)
    Task.objects.bulk_update(corrected, ["count"], batch_size=500)
    for start in range(0, len(closed), SLICE):
        ids = [task.pk for task in closed[start : start + SLICE]]
        Task.objects.filter(pk__in=ids).update(closed=by.at, count=0)
    _count(more)
    details: dict[str, object] = {"opened": len(opened), "corrected": len(corrected), "closed": len(closed)}
    subject = duties[0].subject if len(duties) == 1 else "tasks"
    record(action="tasks.settle_all", by=by, subject=subject, details=details)


def _place(task: Task) -> Place:
    return task.path, task.post, task.kind, task.due


def _count(more: Counter[Place]) -> None:
    """Add to what is counted. By the database itself, for two may add to one count at the same time."""
    rows = [(*place, count) for place, count in sorted(more.items()) if count]
    table = TaskTotal._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (path, post, kind, due, count) VALUES (%s, %s, %s, %s, %s)"  # noqa: S608 - our table
            f" ON CONFLICT (post, path, kind, due) DO UPDATE SET count = {table}.count + excluded.count",
            rows,
        )
    TaskTotal.objects.filter(count=0).delete()


def _open_tasks(duties: Sequence[Duty]) -> dict[tuple[str, str], Task]:
    found: dict[tuple[str, str], Task] = {}
    subjects = sorted({duty.subject for duty in duties})
    for start in range(0, len(subjects), SLICE):
        tasks = Task.objects.select_for_update().filter(closed=None, subject__in=subjects[start : start + SLICE])
        found |= {(task.kind, task.subject): task for task in tasks}
    return found


@contextmanager
def running_job(*, kind: str, subject: str, total: int, by: Actor) -> Iterator[Callable[[int, int], None]]:
    """Keep a job's row while long work runs; yields `advance(done, rows)`, for a page to show as progress.

    The row is written outside the work's own transactions, so that others see it move; a failure is kept
    by its kind, and a process that died leaves a job that never ended.
    """
    job, _ = open_job(kind=kind, subject=subject, total=total, by=by)
    with at_work(job=job, by=by) as advance:
        yield advance


@whole()
@transaction.atomic
def open_job(*, kind: str, subject: str, total: int, by: Actor, key: UUID | None = None) -> tuple[int, bool]:
    """Begin a job and return its number; where one was begun under `key` before, that one's, and False."""
    about = {"kind": kind, "subject": subject, "total": total, "started": by.at, "owner": by.user_id}
    if key is None:
        job, new = Job.objects.create(**about), True
    else:
        job, new = Job.objects.get_or_create(key=key, defaults=about)
    if new:
        record(action="tasks.start_job", by=by, subject=f"job:{job.pk}", details={"kind": kind})
    return job.pk, new


@contextmanager
def at_work(*, job: int, by: Actor) -> Iterator[Callable[[int, int], None]]:
    """Do a job's work inside: yields `advance(done, rows)`; at the end, and after a failure, the job says so."""

    def advance(done: int, rows: int) -> None:
        Job.objects.filter(pk=job).update(done=done, rows=rows)  # nosemgrep: unlogged-write - progress, no decision

    try:
        yield advance
    except BaseException as problem:
        with transaction.atomic():
            Job.objects.filter(pk=job).update(failed=type(problem).__name__, ended=True)
            record(action="tasks.fail_job", by=by, subject=f"job:{job}", details={"problem": type(problem).__name__})
        raise
    Job.objects.filter(pk=job).update(ended=True)


@whole()
@transaction.atomic
def tell_job(*, job: int, report: list[dict[str, object]], by: Actor) -> None:
    """Leave with a job what there is to tell of its files."""
    Job.objects.filter(pk=job).update(report=report)
    record(action="tasks.tell_job", by=by, subject=f"job:{job}", details={"lines": len(report)})


@whole()
@transaction.atomic
def give_up_jobs(*, kind: str, by: Actor) -> int:
    """End the jobs of this kind whose process is gone (a server starts: none of its own can be under way)."""
    lost = Job.objects.filter(kind=kind, ended=False).update(failed=STOPPED, ended=True)
    if lost:
        record(action="tasks.give_up_jobs", by=by, subject=kind, details={"jobs": lost})
    return lost
