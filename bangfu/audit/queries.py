"""What the surface asks before it does anything: is there an installation here?"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import DatabaseError
from django.db.models import QuerySet

from bangfu.audit.models import Entry, Installation


def key_set_in_use() -> int:
    """Return the number of the key set that the database is sealed with now."""
    return Installation.objects.values_list("key_set", flat=True).get()


def founded() -> bool:
    """Tell whether this database holds an installation."""
    try:
        return Installation.objects.exists()
    except DatabaseError:
        return False


def entries_about(subjects: Iterable[str]) -> QuerySet[Entry]:
    """Return the entries about these subjects, the oldest first. The caller has seen to it that they are open."""
    return Entry.objects.filter(subject__in=list(subjects)).order_by("pk")
