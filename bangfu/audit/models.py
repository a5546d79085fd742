"""The trail's tables. A trigger refuses to change or delete an entry (migration 0002)."""

from __future__ import annotations

from django.db import models


class Installation(models.Model):
    """The one row that says which keys this database is sealed with."""

    created = models.DateTimeField()
    key_set = models.PositiveIntegerField()
    # The blind index of a fixed word: tells a wrong key file at once, before anything is read or written.
    key_check = models.BinaryField()


class Entry(models.Model):
    """One thing done: who, when, what, to which subject, and why. No personal data, only ids and digests."""

    chain = models.BigIntegerField()
    number = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=128)
    details = models.TextField()
    reason = models.TextField(blank=True)
    before_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "number"], name="audit_entry_place")]
        indexes = [models.Index(fields=["subject"], name="audit_entry_subject")]


class Head(models.Model):
    """The last entry of a chain (an organisation's id; 0 for the installation), signed."""

    chain = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField()
    hash = models.BinaryField()
    signature = models.BinaryField()
