"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.test import TestCase

from bangfu.audit import keys
from bangfu.audit.actions import found_installation
from bangfu.core.actor import Actor, operator
from bangfu.core.seal import new_keyring, save_keyring
from bangfu.intake.actions import import_files
from bangfu.intake.layouts import choose_layouts
from bangfu.intake.report import Options, Report
from bangfu.registry.actions import found_register
from tests.homes import SEES_ALL

# When the tests act, unless they say otherwise: after every list of the example county.
NOW = datetime(2025, 7, 1, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
BY = operator(NOW)


def pytest_configure() -> None:
    """Let the tests' own connections to PostgreSQL see all rows; pages and commands set their own scope."""
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        settings.DATABASES["default"]["OPTIONS"]["options"] += f" {SEES_ALL}"


@pytest.fixture(autouse=True, scope="session")
def _home_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and what they start, away from the keys and data of a real home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANGFU_HOME", str(home))
        set_home(patch, home)
        yield


def set_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Let the settings point at `home`."""
    patch.setattr(settings, "HOME", home)
    patch.setattr(settings, "KEY_FILE", home / "keys.json")
    patch.setattr(settings, "HEADS_FILE", home / "audit-heads.jsonl")


@pytest.fixture
def founded(db: None, tmp_path: Path) -> Iterator[Path]:
    """Return the home of an installation with keys and an empty register; undone after the test.

    The test runs inside one transaction: what waits for a commit (the exported heads of the trail) is done at
    the end of each `committing()` block, and `import_paths` is one.
    """
    with installation(tmp_path / "bangfu-home") as home:
        yield home


@pytest.fixture
def founded_committing(transactional_db: None, tmp_path: Path) -> Iterator[Path]:
    """Return the home of an installation as `founded` does, where transactions really commit (for races)."""
    with installation(tmp_path / "bangfu-home") as home:
        yield home
    _clear_trail()


@contextmanager
def installation(home: Path) -> Iterator[Path]:
    """Found an installation in the folder `home` on the open test database, which is migrated already."""
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        set_home(patch, home)
        ring = new_keyring()
        save_keyring(ring, settings.KEY_FILE)
        keys.forget()
        with committing():
            found_installation(ring, NOW)
            found_register(by=BY)
        yield home
    keys.forget()


@contextmanager
def committing() -> Iterator[None]:
    """Check and do at the end of a block what a commit would check and do, also where the test never commits."""
    if not connection.in_atomic_block:
        yield
        return
    with TestCase.captureOnCommitCallbacks(execute=True):
        yield
        connection.check_constraints()


def import_paths(
    paths: Sequence[Path],
    day: date | None = None,
    layout: str | None = None,
    maps: dict[str, str] | None = None,
    by: Actor = BY,
) -> list[Report]:
    """Import files into the test database as `bangfu import` does, with the arguments that it takes."""
    layouts = choose_layouts(layout, settings.HOME / "layouts")
    options = Options(layouts, by.at.date(), day, maps or {})
    with committing():
        return import_files(list(paths), options, lambda done, total, rows: None, by=by)


def _clear_trail() -> None:
    """Empty the trail past its triggers, for a test database that is emptied table by table."""
    append_only = import_module("bangfu.audit.migrations.0002_append_only")
    with connection.cursor() as cursor:
        on_table = " ON audit_entry" if connection.vendor == "postgresql" else ""
        for verb in ("update", "delete", "replace"):
            cursor.execute(f"DROP TRIGGER audit_entry_no_{verb}{on_table}")
        with connection.constraint_checks_disabled():  # rows that rest on an entry are emptied after it
            cursor.execute("DELETE FROM audit_entry")
        append_only.create(None, SimpleNamespace(connection=connection, execute=cursor.execute))
