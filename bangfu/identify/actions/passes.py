"""That a printed code was used."""

from __future__ import annotations

from django.db import transaction

from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.identify.passes import check_pass


@whole()
@transaction.atomic
def use_pass(*, number: int, by: Actor) -> None:
    """Write down that a pass is used for the first time; afterwards nothing more is written."""
    found = check_pass(number, by)
    if found.used_at is not None:
        return
    found.used_at = by.at
    found.save(update_fields=["used_at"])
    record(action="identify.use_pass", by=by, subject=f"pass:{number}", chain=found.round.school_id)
