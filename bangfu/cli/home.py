"""Opening and founding an installation in $BANGFU_HOME."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import django
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from bangfu.core.actor import Actor, operator
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.core.seal import load_keyring, new_keyring, save_keyring

LOCK = "founding.lock"


def now() -> datetime:
    """Return the moment of this command, in the installation's time zone."""
    return datetime.now(ZoneInfo("Asia/Shanghai"))


def here() -> Actor:
    """Return the operator, acting now."""
    return operator(now())


def start(home: Path | None = None) -> None:
    """Set Django up for the home (the given one, else $BANGFU_HOME)."""
    if home is not None:
        os.environ["BANGFU_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bangfu.settings")
    django.setup()


def open_home() -> None:
    """Open the installation that is there; BangfuError says what is missing."""
    from bangfu.audit import keys, queries

    _reach()
    if not queries.founded():
        raise BangfuError("not_initialised", path=settings.HOME)
    _check_tables()
    keys.current()


def upgrade_home() -> int:
    """Bring the tables of an installation that an older bangfu made to this one's; return in how many steps.

    All steps or none: nothing is half done, whatever happens.
    """
    from bangfu.audit import queries

    _reach()
    if not queries.founded():
        raise BangfuError("not_initialised", path=settings.HOME)
    with _alone():
        steps = len(_steps_to_go())
        if steps:
            with _tables_whole_or_not_at_all():
                call_command("migrate", verbosity=0)
        return steps


def found_home() -> bool:
    """Make an installation where there is none; return whether one was made.

    Safe to run again after a crash, and by two commands at once: the second waits and finds it made.
    """
    settings.HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone():
        return _found()


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other commands from making or altering tables meanwhile."""
    with (settings.HOME / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file closes, or the process dies
        yield


def _steps_to_go() -> list[object]:
    executor = MigrationExecutor(connection)
    return list(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check_tables() -> None:
    if _steps_to_go():
        raise BangfuError("upgrade_needed", path=settings.HOME)


def warn_of_superuser() -> None:
    """Say in one sentence on stderr where PostgreSQL guards no rows, because it is opened as a user without limits."""
    from bangfu.audit import scope

    if not scope.guards():
        click.echo(say("rows_unguarded", user=settings.DATABASES["default"]["USER"]), err=True)


def _found() -> bool:
    from bangfu.audit import keys, queries
    from bangfu.audit.actions import found_installation
    from bangfu.registry.actions import found_register

    _reach()
    if queries.founded():
        _check_tables()
        keys.current()
        return False
    ring = load_keyring(settings.KEY_FILE) if settings.KEY_FILE.exists() else new_keyring()
    if not settings.KEY_FILE.exists():
        save_keyring(ring, settings.KEY_FILE)
    with _tables_whole_or_not_at_all():
        call_command("migrate", verbosity=0)
    with transaction.atomic():
        found_installation(ring, now())
        keys.forget()
        found_register(by=here())
    return True


@contextmanager
def _tables_whole_or_not_at_all() -> Iterator[None]:
    """Keep all migrations in one transaction: Django may commit a table before it notes that it has made it.

    SQLite lets tables be altered only while it does not check foreign keys, and takes that order only outside a
    transaction; each migration checks them at its end.
    """
    connection.disable_constraint_checking()
    try:
        with transaction.atomic():
            yield
    finally:
        connection.enable_constraint_checking()


def _reach() -> None:
    """Reach the database and open all its rows; refuse with one sentence where it cannot be reached.

    An SQLite file that is not there is fine.
    """
    from bangfu.audit import scope

    if connection.vendor == "sqlite" and not settings.HOME.is_dir():
        return
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        detail = str(problem).strip().splitlines()[0]
        raise BangfuError("database_unreachable", detail=detail) from problem
    scope.open_for_command()
