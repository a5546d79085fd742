"""Tasks and jobs."""

from __future__ import annotations

from django.db import models


class Task(models.Model):
    """Something that a post at an organisation must do by a day, and the action that closes it (clause A.4).

    `subject` names the thing ('source_file:12'); one open task a subject and kind, so that finding the same
    gap twice asks for it once.
    """

    kind = models.CharField(max_length=64)
    subject = models.CharField(max_length=128)
    path = models.CharField(max_length=255)
    post = models.CharField(max_length=32)
    due = models.DateField()
    count = models.PositiveIntegerField(default=1)
    opened = models.DateTimeField()
    closed = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], condition=models.Q(closed=None), name="tasks_one_open")
        ]
        indexes = [
            models.Index(fields=["path", "due"], name="tasks_task_place"),
            models.Index(
                fields=["path", "post", "kind", "due", "count"],
                # In PostgreSQL's order of bytes, in which LIKE can be answered; SQLite needs no such classes.
                opclasses=["varchar_pattern_ops", "text_ops", "text_ops", "date_ops", "int4_ops"],
                condition=models.Q(closed=None),
                name="tasks_task_open",
            ),
        ]


class TaskTotal(models.Model):
    """How many things the open tasks of a place, post, kind and due day ask for; written with the tasks.

    The inbox of a county would count ten thousands of tasks each time; of these rows there are few.
    """

    path = models.CharField(max_length=255)
    post = models.CharField(max_length=32)
    kind = models.CharField(max_length=64)
    due = models.DateField()
    count = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "path", "kind", "due"], name="tasks_total_once")]
        indexes = [
            # In PostgreSQL's order of bytes, in which LIKE can be answered; SQLite needs no such class.
            models.Index(fields=["path"], name="tasks_total_place", opclasses=["varchar_pattern_ops"])
        ]


class Job(models.Model):
    """Long work under way and how far it is: `done` of `total` bytes of input, `rows` read so far."""

    kind = models.CharField(max_length=64)
    subject = models.CharField(max_length=255)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    started = models.DateTimeField()
    ended = models.BooleanField(default=False)
    failed = models.CharField(max_length=64, blank=True)
    # Who began it at a page (his user id), the key under which he did (so that a second click begins nothing), and
    # what there is to tell him of each file.
    owner = models.BigIntegerField(null=True)
    key = models.UUIDField(null=True, unique=True)
    report = models.JSONField(default=list)
