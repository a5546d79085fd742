"""Writing the trail: one entry inside each action's transaction."""

from __future__ import annotations

import json
from datetime import datetime

from django.conf import settings
from django.db import transaction

from bangfu.audit import keys
from bangfu.audit.chain import GENESIS, Link, canonical, head_content, link_hash
from bangfu.audit.models import Entry, Head, Installation
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.seal import Keyring


@whole()
@transaction.atomic
def record(
    *,
    action: str,
    by: Actor,
    subject: str,
    details: dict[str, object] | None = None,
    reason: str = "",
    chain: int = 0,
) -> Entry:
    """Append one entry to `chain` (an organisation's id; 0: the installation) and sign the new head.

    The head's row is locked, so two writers of one chain follow each other; its export to the heads file
    happens after the commit, so that a tail cut off in the database shows.
    """
    head = Head.objects.select_for_update().filter(chain=chain).first()
    number, before = (head.number + 1, bytes(head.hash)) if head else (1, GENESIS)
    link = Link(chain, number, by.at, by.name, action, subject, canonical(details or {}), reason)
    hash_ = link_hash(link, before)
    entry = Entry(**vars(link), before_hash=before, hash=hash_)
    entry.save(force_insert=True)
    signature = keys.current().sign(head_content(chain, number, hash_))
    values = {"number": number, "hash": hash_, "signature": signature}
    Head.objects.update_or_create(chain=chain, defaults=values)
    transaction.on_commit(lambda: _export_head(chain, number, hash_, signature))
    return entry


def _export_head(chain: int, number: int, hash_: bytes, signature: bytes) -> None:
    line = {"chain": chain, "number": number, "hash": hash_.hex(), "signature": signature.hex()}
    with settings.HEADS_FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def found_installation(ring: Keyring, at: datetime) -> None:
    """Write down, once, which key set this database is sealed with."""
    Installation.objects.create(created=at, key_set=ring.active, key_check=keys.key_check(ring))


def use_key_set(ring: Keyring) -> None:
    """Write down that the ring's active set is the one in use (at the end of a rotation)."""
    Installation.objects.update(key_set=ring.active, key_check=keys.key_check(ring))
