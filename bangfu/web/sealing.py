"""What the pages keep sealed with keys of their own, drawn from the web key, which outlives rotations."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

FERNET_BYTES = 32


def fernet(purpose: bytes) -> Fernet:
    """Return what seals for one purpose; what is sealed for another one does not open with it."""
    key = HKDF(SHA256(), FERNET_BYTES, None, purpose).derive(settings.SECRET_KEY.encode())
    return Fernet(urlsafe_b64encode(key))
