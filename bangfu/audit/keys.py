"""The installation's keys: made once, loaded once, and refused clearly when they are not there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from bangfu.audit.models import Installation
from bangfu.core.errors import KeyMissing
from bangfu.core.seal import Keyring, load_keyring

CHECK_WORD = "bangfu"
CHECK_PURPOSE = "installation"


def key_check(ring: Keyring) -> bytes:
    """Return what `Installation.key_check` holds for the ring's active set."""
    return ring.blind(CHECK_PURPOSE, CHECK_WORD)


def current() -> Keyring:
    """Return the ring with the set in use that the database names; KeyMissing says what is wrong."""
    return _checked(settings.KEY_FILE)


def locked() -> Keyring:
    """Return the ring read anew, with the installation's row locked until the transaction ends (for a rotation)."""
    installation = Installation.objects.select_for_update().get()
    return load_keyring(settings.KEY_FILE).using(installation.key_set)


def forget() -> None:
    """Load the key file again at the next use (after a rotation, or in another home)."""
    _checked.cache_clear()


@cache
def _checked(path: Path) -> Keyring:
    try:
        return _read(path)
    except KeyMissing:
        # A rotation between reading the file and the row makes them differ once; a second look decides.
        return _read(path)


def _read(path: Path) -> Keyring:
    ring = load_keyring(path)
    installation = Installation.objects.get()
    ring = ring.using(installation.key_set)
    if key_check(ring) != bytes(installation.key_check):
        raise KeyMissing("key_file_of_another", path=path)
    return ring
