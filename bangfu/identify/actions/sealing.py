"""Sealing what people wrote anew, when keys are rotated."""

from __future__ import annotations

from django.db import transaction

from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.seal import Keyring
from bangfu.identify.sealed import CELLS, opened, seal


@whole()
@transaction.atomic
def reseal_words(old: Keyring, new: Keyring, *, by: Actor) -> int:
    """Seal every cell of identification anew; part of a key rotation, inside its transaction."""
    count = 0
    for model, columns in CELLS:
        for row in (rows := list(model._default_manager.select_for_update().order_by("pk"))):
            for column in columns:
                text = opened(row, column, old)
                setattr(row, column, seal(row, column, text, new))
                count += bool(text)
        model._default_manager.bulk_update(rows, columns, batch_size=500)
    record(action="identify.reseal_words", by=by, subject="keys", details={"cells": count})
    return count
