"""`bangfu keys rotate`: the key file first, then the database, then the old keys go."""

from __future__ import annotations

from django.conf import settings

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.core.seal import save_keyring
from bangfu.intake.actions import rotate_keys as reseal_all


def rotate_keys(by: Actor) -> tuple[int, int]:
    """Rotate; return the number of cells sealed anew and the number of the new key set.

    The file holds both sets until the database has committed to the new one, so a crash at any moment leaves a
    pair that fits: the database names the set it uses.
    """
    old = keys.current()
    both = old.with_next_set()
    save_keyring(both, settings.KEY_FILE)
    cells = reseal_all(old, both, by=by)
    save_keyring(both.only(both.active), settings.KEY_FILE)
    keys.forget()
    return cells, both.active
