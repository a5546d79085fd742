"""Sealing: cells encrypted for one place, blind indexes to look them up, signatures.

A sealed cell is `key id (2 bytes) | nonce (12) | AES-256-GCM-SIV ciphertext and tag`; the table, column and
row it belongs to are authenticated with it, so a cell moved elsewhere does not open. A blind index is the
first 16 bytes of HMAC-SHA-256 over a purpose and the value. Keys live in one file, readable by its owner only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from bangfu.core.errors import KeyMissing

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 2
INDEX_BYTES = 16
OWNER_ONLY = 0o600
Sealer = Callable[[int, str], bytes]


class BrokenSeal(Exception):
    """A sealed cell that does not open where it stands: altered, moved, or sealed with an unknown key."""


@dataclass(frozen=True)
class KeySet:
    """One generation of keys: `cell` seals, `index` makes blind indexes (both 32 bytes)."""

    number: int
    cell: bytes
    index: bytes

    @classmethod
    def fresh(cls, number: int) -> KeySet:
        """Return new random keys under `number`."""
        return cls(number, secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES))


def place(table: str, column: str, row: int) -> bytes:
    """Return what a cell is bound to."""
    return f"{table}.{column}:{row}".encode()


class Keyring:
    """The key sets by number, the one in use, and the signing key."""

    def __init__(self, sets: dict[int, KeySet], active: int, signing: Ed25519PrivateKey, web: str) -> None:
        self.sets = sets
        self.active = active
        self.signing = signing
        self.web = web
        self._ciphers = {number: AESGCMSIV(keys.cell) for number, keys in sets.items()}

    def seal_bytes(self, table: str, column: str, row: int, content: bytes) -> bytes:
        """Seal `content` for one place."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.active].encrypt(nonce, content, place(table, column, row))
        return self.active.to_bytes(KEY_ID_BYTES, "big") + nonce + sealed

    def sealer(self, table: str, column: str) -> Sealer:
        """Return a fast `(row, text) -> cell` for one column."""
        encrypt = self._ciphers[self.active].encrypt
        header, prefix, urandom = self.active.to_bytes(KEY_ID_BYTES, "big"), f"{table}.{column}:", os.urandom

        def seal(row: int, text: str) -> bytes:
            nonce = urandom(NONCE_BYTES)
            return header + nonce + encrypt(nonce, text.encode(), f"{prefix}{row}".encode())

        return seal

    def open_bytes(self, table: str, column: str, row: int, cell: bytes) -> bytes:
        """Open a cell where it stands; BrokenSeal if it was altered, moved or sealed with another key."""
        start = KEY_ID_BYTES + NONCE_BYTES
        cipher = self._ciphers.get(int.from_bytes(cell[:KEY_ID_BYTES], "big"))
        if cipher is None:
            raise BrokenSeal
        try:
            return cipher.decrypt(cell[KEY_ID_BYTES:start], cell[start:], place(table, column, row))
        except (InvalidTag, ValueError) as problem:
            raise BrokenSeal from problem

    def open_text(self, table: str, column: str, row: int, cell: bytes) -> str:
        """Open a cell of text where it stands; BrokenSeal as in `open_bytes`."""
        return self.open_bytes(table, column, row, cell).decode()

    def blind(self, purpose: str, value: str | bytes) -> bytes:
        """Return the blind index (16 bytes) of `value` for one purpose."""
        content = value if isinstance(value, bytes) else value.encode()
        key = self.sets[self.active].index
        return hmac.digest(key, purpose.encode() + b"\0" + content, "sha256")[:INDEX_BYTES]

    def blind_file(self, content: bytes) -> bytes:
        """Return the blind index of a file's bytes."""
        return self.blind("file", hashlib.sha256(content).digest())

    def blinder(self, purpose: str) -> Callable[[str], bytes]:
        """Return a fast `value -> blind index` for one purpose."""
        key, prefix, digest = self.sets[self.active].index, purpose.encode() + b"\0", hmac.digest

        def blind(value: str) -> bytes:
            return digest(key, prefix + value.encode(), "sha256")[:INDEX_BYTES]

        return blind

    def sign(self, content: bytes) -> bytes:
        """Sign `content` (Ed25519, 64 bytes)."""
        return self.signing.sign(content)

    def signed(self, signature: bytes, content: bytes) -> bool:
        """Tell whether `signature` is ours over `content`."""
        return signed_by(self.signing.public_key(), signature, content)

    def with_next_set(self) -> Keyring:
        """Return a ring with a new key set in use; the older ones still open what they sealed."""
        number = max(self.sets) + 1
        return Keyring({**self.sets, number: KeySet.fresh(number)}, number, self.signing, self.web)

    def only(self, number: int) -> Keyring:
        """Return a ring that holds key set `number` alone."""
        return Keyring({number: self.sets[number]}, number, self.signing, self.web)

    def using(self, number: int) -> Keyring:
        """Return a ring with key set `number` in use; KeyMissing if it is not in the file."""
        if number not in self.sets:
            raise KeyMissing("key_set_missing", number=number)
        return Keyring(self.sets, number, self.signing, self.web)


def signed_by(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Tell whether `signature` over `content` was made with the private half of `key`."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def new_keyring() -> Keyring:
    """Return a ring with fresh keys."""
    return Keyring({1: KeySet.fresh(1)}, 1, Ed25519PrivateKey.generate(), secrets.token_urlsafe(KEY_BYTES))


def save_keyring(ring: Keyring, path: Path) -> None:
    """Write the key file whole or not at all, readable by its owner only."""
    raw = ring.signing.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    sets = [{"number": s.number, "cell": s.cell.hex(), "index": s.index.hex()} for s in ring.sets.values()]
    content = json.dumps({"sets": sets, "active": ring.active, "signing": raw.hex(), "web": ring.web}, indent=1)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)  # one left by a crash might be open to others
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_keyring(path: Path) -> Keyring:
    """Read the key file; KeyMissing, with the path, where it is absent or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sets = {
            s["number"]: KeySet(s["number"], bytes.fromhex(s["cell"]), bytes.fromhex(s["index"]))
            for s in content["sets"]
        }
        signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(content["signing"]))
        return Keyring(sets, content["active"], signing, content["web"])
    except FileNotFoundError as problem:
        raise KeyMissing("key_file_missing", path=path) from problem
    except (ValueError, KeyError, TypeError, OSError) as problem:
        raise KeyMissing("key_file_damaged", path=path) from problem
