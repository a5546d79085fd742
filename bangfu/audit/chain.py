"""The chain's arithmetic: what an entry's hash covers, and what a head's signature covers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

GENESIS = bytes(32)


@dataclass(frozen=True)
class Link:
    """An entry's contents as they are hashed."""

    chain: int
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    reason: str


def canonical(details: dict[str, object]) -> str:
    """Return details as the one JSON text that is stored and hashed."""
    return json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def link_hash(link: Link, before: bytes) -> bytes:
    """Return the SHA-256 over the entry before and this entry's contents (32 bytes)."""
    at = link.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [link.chain, link.number, at, link.actor, link.action, link.subject, link.details, link.reason]
    return hashlib.sha256(before + json.dumps(fields, ensure_ascii=False).encode()).digest()


def head_content(chain: int, number: int, hash_: bytes) -> bytes:
    """Return the bytes that a head's signature covers."""
    return f"{chain}:{number}:{hash_.hex()}".encode()
