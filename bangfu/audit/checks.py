"""Is the trail whole? Each check yields sentences; none means whole."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.conf import settings
from django.db import connection

from bangfu.audit import keys
from bangfu.audit.chain import GENESIS, Link, head_content, link_hash
from bangfu.audit.models import Entry, Head
from bangfu.core.messages import say
from bangfu.core.seal import Keyring

TRIGGERS = ("audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_replace")
# A process that dies between a commit and the export leaves the heads file behind by what its transaction wrote to
# a chain: no action writes more entries than this.
BEHIND = 8
BEHIND_AT_FIRST = 2  # the same for a chain of which nothing is exported yet


def trail() -> Iterator[str]:
    """Check triggers, guards of rows, every link of every chain, the signed heads, and the heads exported earlier."""
    yield from _triggers()
    yield from _guards()
    ends: dict[int, tuple[int, bytes]] = {}
    for entry in Entry.objects.order_by("chain", "number").iterator():
        number, before = ends.get(entry.chain, (0, GENESIS))
        yield from _link(entry, number, before)
        ends[entry.chain] = (entry.number, bytes(entry.hash))
    if not ends:
        yield say("audit_empty")
    yield from _heads(ends, keys.current())
    yield from _exported(ends, keys.current())


def _link(entry: Entry, number: int, before: bytes) -> Iterator[str]:
    if entry.number != number + 1:
        yield say("audit_gap", chain=entry.chain, number=number + 1)
    link = Link(**{name: getattr(entry, name) for name in Link.__dataclass_fields__})
    if bytes(entry.before_hash) != before or bytes(entry.hash) != link_hash(link, bytes(entry.before_hash)):
        yield say("audit_altered", chain=entry.chain, number=entry.number, id=entry.pk, action=entry.action)


def _heads(ends: dict[int, tuple[int, bytes]], ring: Keyring) -> Iterator[str]:
    heads = {head.chain: head for head in Head.objects.all()}
    for chain in sorted(ends.keys() | heads.keys()):
        head = heads.get(chain)
        if head is None or (head.number, bytes(head.hash)) != ends.get(chain):
            yield say("audit_head_differs", chain=chain)
        elif not ring.signed(bytes(head.signature), head_content(chain, head.number, bytes(head.hash))):
            yield say("audit_head_unsigned", chain=chain)


def _exported(ends: dict[int, tuple[int, bytes]], ring: Keyring) -> Iterator[str]:
    if not settings.HEADS_FILE.exists():
        if ends:
            yield say("audit_heads_missing", path=settings.HEADS_FILE)
        return
    wanted: dict[tuple[int, int], bytes] = {}
    for line in settings.HEADS_FILE.read_text(encoding="utf-8").splitlines():
        try:
            head = json.loads(line)
            chain, number, hash_ = head["chain"], head["number"], bytes.fromhex(head["hash"])
            genuine = ring.signed(bytes.fromhex(head["signature"]), head_content(chain, number, hash_))
        except (ValueError, KeyError, TypeError):
            genuine = False
        if not genuine:
            yield say("audit_heads_line", path=settings.HEADS_FILE)
            continue
        wanted[chain, number] = hash_
    yield from _cut(wanted)
    for chain, (number, _) in sorted(ends.items()):
        exported = max((n for c, n in wanted if c == chain), default=0)
        if exported < number - (BEHIND if exported else BEHIND_AT_FIRST):
            yield say("audit_heads_behind", path=settings.HEADS_FILE, chain=chain)


def _cut(wanted: dict[tuple[int, int], bytes]) -> Iterator[str]:
    stored = {(e.chain, e.number): bytes(e.hash) for e in Entry.objects.only("chain", "number", "hash").iterator()}
    for (chain, number), hash_ in sorted(wanted.items()):
        if stored.get((chain, number)) != hash_:
            yield say("audit_cut", chain=chain, number=number)


def _triggers() -> Iterator[str]:
    table = "sqlite_master" if connection.vendor == "sqlite" else "pg_trigger"
    column, where = ("name", "type = 'trigger'") if connection.vendor == "sqlite" else ("tgname", "tgenabled = 'O'")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {where}")
        present = {row[0] for row in cursor.fetchall()}
    for trigger in TRIGGERS:
        if trigger not in present:
            yield say("audit_trigger_missing", trigger=trigger)


def _guards() -> Iterator[str]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
            " WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
        )
        open_ = [str(table) for (table,) in cursor.fetchall()]
    for table in open_:
        yield say("rows_guard_missing", table=table)
