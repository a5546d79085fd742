"""Rows that wait for a person, and header names that a person corrected."""

from __future__ import annotations

from django.db import models

from bangfu.registry.models import TEXT, Organisation, SourceFile, SourceRow


class HeldRow(models.Model):
    """A row that could not be applied: its text (sealed JSON: header name -> cell), which cell and why.

    `text_index` is the blind index of the text, so that the same row in the next file is known again: a row
    mended once is mended there too. `closed_by` is the file under which it was applied or held anew.
    """

    row = models.OneToOneField(SourceRow, primary_key=True, on_delete=models.PROTECT, related_name="held")
    column = models.TextField()
    code = models.CharField(max_length=TEXT)
    text = models.BinaryField()
    text_index = models.BinaryField(db_index=True)
    mended = models.BinaryField(null=True)
    closed_by = models.ForeignKey(SourceFile, null=True, on_delete=models.PROTECT, related_name="+")


class Mapping(models.Model):
    """That a sender calls a layout's field by a name of its own."""

    layout = models.CharField(max_length=TEXT)
    sender = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    header = models.TextField()
    field = models.CharField(max_length=TEXT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["layout", "sender", "header"], name="intake_mapping_once")]


class KeptFile(models.Model):
    """An uploaded file that no layout fits: kept sealed until its owner says what its columns are, or drops it."""

    owner = models.BigIntegerField()
    name = models.CharField(max_length=TEXT)
    content = models.BinaryField()
    kept_at = models.DateTimeField()
