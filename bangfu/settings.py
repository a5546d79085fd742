"""Django settings, from two environment variables: BANGFU_HOME and DATABASE_URL.

SQLite in $BANGFU_HOME by default; PostgreSQL by DATABASE_URL (postgres://user:password@host:port/name).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HOME = Path(os.environ.get("BANGFU_HOME", "bangfu-home"))
KEY_FILE = HOME / "keys.json"
HEADS_FILE = HOME / "audit-heads.jsonl"


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for the database at `url`, or for SQLite in the home where it is empty."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "bangfu.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # Seconds that a writer waits for another one; an import's apply is far shorter.
                "timeout": 30,
                # Take the write lock at BEGIN: a later upgrade from a read lock cannot wait, it fails.
                "transaction_mode": "IMMEDIATE",
                # Cache in KiB; checkpoints every 40,000 pages (160 MB), for each waits for the disk.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                " PRAGMA cache_size=-262144; PRAGMA wal_autocheckpoint=40000;",
            },
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "bangfu.audit",
    "bangfu.accounts",
    "bangfu.tasks",
    "bangfu.registry",
    "bangfu.intake",
    "bangfu.coverage",
]
# No page is served yet that could outlive the process; sessions get a lasting key with the pages.
SECRET_KEY = secrets.token_urlsafe(50)
DEBUG = False
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
