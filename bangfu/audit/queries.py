"""What the surface asks before it does anything: is there an installation here?"""

from __future__ import annotations

from django.db import DatabaseError

from bangfu.audit.models import Installation


def key_set_in_use() -> int:
    """Return the number of the key set that the database is sealed with now."""
    return Installation.objects.values_list("key_set", flat=True).get()


def founded() -> bool:
    """Tell whether this database holds an installation."""
    try:
        return Installation.objects.exists()
    except DatabaseError:
        return False
