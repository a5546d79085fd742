"""Tasks are opened once, corrected and closed; a job's row tells how far it is and how it ended."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import DjangoAssertNumQueries

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.tasks.actions import Duty, running_job, settle, settle_all
from bangfu.tasks.checks import totals
from bangfu.tasks.models import Job, Task, TaskTotal
from bangfu.tasks.queries import grouped_tasks, open_tasks, running_jobs
from tests.conftest import BY, NOW

pytestmark = pytest.mark.usefixtures("founded")
DUE = date(2025, 7, 8)


def duty(count: int, subject: str = "source_file:1", path: str = "/1/4/", due: date = DUE) -> Duty:
    """Return a duty to mend this many rows."""
    return Duty("mend_rows", subject, path, "aid_officer", due, count)


def settled() -> int:
    """Return how many entries about tasks the trail holds."""
    return Entry.objects.filter(action="tasks.settle_all").count()


def actor_at(*paths: str) -> Actor:
    """Return somebody to whom these subtrees are open."""
    return Actor("T0001", NOW, 1, tuple(Reach("aid_officer", path) for path in paths))


def test_a_gap_found_opens_one_task() -> None:
    settle(duty(3), by=BY)
    task = Task.objects.get()
    assert (task.kind, task.subject, task.path, task.post) == ("mend_rows", "source_file:1", "/1/4/", "aid_officer")
    assert (task.due, task.count, task.opened, task.closed) == (DUE, 3, NOW, None)


def test_the_same_gap_found_twice_asks_once() -> None:
    settle(duty(3), by=BY)
    settle(duty(3), by=BY)
    assert (Task.objects.count(), settled()) == (1, 1)


def test_another_count_corrects_the_open_task_and_keeps_when_it_was_opened() -> None:
    settle(duty(3), by=BY)
    later = Actor("T0002", NOW + timedelta(days=1), everywhere=True)
    settle(duty(1, due=DUE + timedelta(days=9)), by=later)
    task = Task.objects.get()
    assert (task.count, task.opened, task.closed, task.due) == (1, NOW, None, DUE)
    assert settled() == 2


def test_no_gap_left_closes_the_task() -> None:
    settle(duty(3), by=BY)
    later = Actor("T0002", NOW + timedelta(days=1), everywhere=True)
    settle(duty(0), by=later)
    task = Task.objects.get()
    assert (task.closed, task.opened) == (later.at, NOW)
    assert not open_tasks(BY).exists()


def test_no_gap_and_no_task_is_nothing() -> None:
    settle(duty(0), by=BY)
    assert (Task.objects.count(), settled()) == (0, 0)


def test_a_gap_found_again_after_it_was_closed_is_a_new_task() -> None:
    for count in (3, 0, 2):
        settle(duty(count), by=BY)
    assert list(Task.objects.order_by("pk").values_list("count", "closed")) == [(0, NOW), (2, None)]


def test_gaps_of_two_things_are_two_tasks() -> None:
    settle(duty(3), by=BY)
    settle(duty(3, subject="source_file:2"), by=BY)
    assert Task.objects.filter(closed=None).count() == 2


def test_the_database_refuses_a_second_open_task_for_one_gap() -> None:
    settle(duty(3), by=BY)
    again = Task.objects.get()
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_open_tasks_are_those_in_the_actors_subtrees_most_urgent_first() -> None:
    settle(duty(1, "source_file:1", "/1/4/", DUE), by=BY)
    settle(duty(1, "source_file:2", "/1/40/", DUE), by=BY)
    settle(duty(1, "source_file:3", "/1/4/9/", DUE - timedelta(days=1)), by=BY)
    assert [task.subject for task in open_tasks(actor_at("/1/4/"))] == ["source_file:3", "source_file:1"]
    assert open_tasks(actor_at("/1/")).count() == 3
    assert not open_tasks(Actor("N0001", NOW)).exists()


def test_many_gaps_are_settled_in_one_entry_and_a_fixed_number_of_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(20):
        settle_all([duty(1, f"source_file:{n}") for n in range(1, 301)], by=BY)
    assert (Task.objects.filter(closed=None).count(), settled()) == (300, 1)
    changes = [duty(0, "source_file:1"), duty(4, "source_file:2"), duty(1, "source_file:3"), duty(2, "source_file:999")]
    with django_assert_max_num_queries(20):
        settle_all(changes, by=BY)
    entry = Entry.objects.filter(action="tasks.settle_all").latest("pk")
    assert json.loads(entry.details) == {"opened": 1, "corrected": 1, "closed": 1}
    assert Task.objects.get(subject="source_file:2").count == 4
    assert Task.objects.get(subject="source_file:1").closed == NOW
    assert Task.objects.get(subject="source_file:3").closed is None


# ---- jobs


def test_a_running_job_shows_how_far_it_is() -> None:
    with running_job(kind="import", subject="2 files", total=100, by=BY) as advance:
        advance(40, 7)
        job = Job.objects.get()
        assert (job.kind, job.subject, job.total, job.started) == ("import", "2 files", 100, NOW)
        assert (job.done, job.rows, job.ended, job.failed) == (40, 7, False, "")
        assert list(running_jobs(BY)) == [job]
        assert not running_jobs(actor_at("/1/")).exists()
    job.refresh_from_db()
    assert (job.done, job.rows, job.ended, job.failed) == (40, 7, True, "")
    assert not running_jobs(BY).exists()


def fail(problem: BaseException) -> None:
    """Run a job that breaks off half-way with this problem."""
    with running_job(kind="import", subject="1 files", total=100, by=BY) as advance:
        advance(50, 1)
        raise problem


@pytest.mark.parametrize("problem", [ValueError("姓名 张三"), KeyboardInterrupt(), SystemExit(2)], ids=repr)
def test_a_failure_is_kept_by_its_kind_and_goes_on(problem: BaseException) -> None:
    with pytest.raises(type(problem)):
        fail(problem)
    job = Job.objects.get()
    assert (job.failed, job.ended, job.done) == (type(problem).__name__, True, 50)


def test_a_job_leaves_a_trail() -> None:
    with running_job(kind="import", subject="1 files", total=0, by=BY):
        pass
    assert Entry.objects.get(action="tasks.start_job").subject == f"job:{Job.objects.get().pk}"


# ---- what is counted of them


def test_what_is_counted_follows_every_change() -> None:
    other = DUE + timedelta(days=9)
    for duties in (
        [duty(3), duty(2, "source_file:2"), duty(5, "source_file:3", "/1/5/"), duty(1, "source_file:4", due=other)],
        [duty(1), duty(0, "source_file:3", "/1/5/")],
        [duty(4, "source_file:3", "/1/5/"), duty(0, "source_file:4", due=other)],
    ):
        settle_all(duties, by=BY)
        assert list(totals()) == []
    assert sorted(TaskTotal.objects.values_list("path", "due", "count")) == [("/1/4/", DUE, 3), ("/1/5/", DUE, 4)]
    late = Actor("T0002", NOW + timedelta(days=365), 1, (Reach("aid_officer", "/1/4/"),))
    assert grouped_tasks(late, mine=True) == [("mend_rows", "aid_officer", 3, DUE, 3)]
    assert grouped_tasks(actor_at("/1/4/", "/1/5/"), mine=True) == [("mend_rows", "aid_officer", 7, DUE, 0)]
    assert grouped_tasks(actor_at("/1/6/"), mine=True) == []


def test_a_count_that_differs_from_the_tasks_is_found() -> None:
    settle(duty(3), by=BY)
    TaskTotal.objects.update(count=2)
    assert len(list(totals())) == 1
    TaskTotal.objects.all().delete()
    assert len(list(totals())) == 1
    Task.objects.all().delete()
    TaskTotal.objects.create(path="/1/", post="x", kind="x", due=DUE, count=1)
    assert len(list(totals())) == 1
