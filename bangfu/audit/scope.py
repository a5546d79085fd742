"""What the database itself opens, on PostgreSQL: a setting of the connection that every guarded table's policy reads.

Without it a guarded table has no rows. `seen_by` opens what lies under a reader's paths, for the time of his request;
`whole` opens all, for an action, which must judge beyond one scope, and for the few reads that say so. SQLite has no
such thing: there the queries' own conditions stand alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from bangfu.core.actor import Actor

SETTING = "bangfu.scope"
# A reader's paths begin with '/', so none of them can be this word.
WHOLE = "whole"
NOTHING = ""
BETWEEN = " "
IN_ERROR = 3  # libpq's word for a transaction that failed; psycopg itself is not loaded where SQLite is used


@contextmanager
def seen_by(actor: Actor | None) -> Iterator[None]:
    """Open what the actor's grants open, and nothing for nobody; afterwards what was open before."""
    with _opened(_paths(actor)):
        yield


@contextmanager
def whole() -> Iterator[None]:
    """Open everything while an action runs (`@whole()`), or while one statement is read; then as it was before."""
    with _opened(WHOLE):
        yield


def open_for_command() -> None:
    """Open everything for the rest of this process: a command at the machine."""
    if _guarded():
        _change(WHOLE)


def guards() -> bool:
    """Tell whether the database guards rows from the user that it is opened as: from a superuser it guards none."""
    if not _guarded():
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user")
        return not cursor.fetchone()[0]


def _guarded() -> bool:
    return connection.vendor == "postgresql"


def _paths(actor: Actor | None) -> str:
    if actor is None:
        return NOTHING
    if actor.everywhere:
        return WHOLE
    wrong = [path for path in actor.paths() if not (path.startswith("/") and path.endswith("/")) or BETWEEN in path]
    if wrong:
        raise ValueError(f"no organisation's path: {wrong[0]!r}")
    return BETWEEN.join(actor.paths())


@contextmanager
def _opened(value: str) -> Iterator[None]:
    if not _guarded():
        yield
        return
    before = _change(value)
    try:
        yield
    finally:
        # A transaction that failed takes its settings with it when it is rolled back, and a lost connection, all.
        if _takes_orders():
            _change(before)


def _change(value: str) -> str:
    """Set the connection's scope and return what it was; the server remembers it, so nothing here can be stale."""
    with connection.cursor() as cursor:
        # Columns are reckoned from left to right: the first is what was set before the second sets it.
        cursor.execute(
            f"SELECT COALESCE(current_setting('{SETTING}', true), ''), set_config('{SETTING}', %s, false)", [value]
        )
        return str(cursor.fetchone()[0])


def _takes_orders() -> bool:
    raw = connection.connection
    return raw is not None and not raw.closed and raw.info.transaction_status != IN_ERROR
