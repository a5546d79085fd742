"""Installations of their own, worked by the real command line as people do: on SQLite, or on DATABASE_URL's server."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

BANGFU = Path(sys.executable).parent / "bangfu"
SERVER = os.environ.get("DATABASE_URL", "")
# A connection that looks past Bangfu sees all rows, as a command does (bangfu/audit/scope.py).
SEES_ALL = "-c bangfu.scope=whole"
DATABASE = "bangfu.sqlite3"
KEYS = "keys.json"
# What only says when and how something ran: two runs that did the same may differ in it.
INTERNAL = ("django_migrations", "sqlite_sequence", "django_content_type")


@dataclass(frozen=True)
class Home:
    """A folder for $BANGFU_HOME, and its database's address ('' for SQLite in the folder)."""

    folder: Path
    address: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a command in this home; messages come in English."""
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        ours = {"BANGFU_HOME": str(self.folder), "BANGFU_LANG": "en"}
        return kept | ours | ({"DATABASE_URL": self.address} if self.address else {})

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start `bangfu ARGUMENTS` and return at once."""
        command = [str(BANGFU), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str | Path, exits: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `bangfu ARGUMENTS` to its end; it must end with this exit code."""
        command = [str(BANGFU), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == exits, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def run_python(self, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a script of Python in this home."""
        command = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def json(self, *arguments: str | Path, exits: int = 0) -> Any:
        """Run `bangfu ARGUMENTS --json` and return what it printed."""
        return json.loads(self.run(*arguments, "--json", exits=exits).stdout)

    def found(self, exits: int = 1) -> list[str]:
        """Return the sentences of `bangfu verify`, which must end with this exit code."""
        answer = self.json("verify", exits=exits)
        return [sentence for sentences in answer["found"].values() for sentence in sentences]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, with `%s` for values."""
        if self.address:
            with psycopg.connect(self.address, options=SEES_ALL) as connection:
                return connection.execute(statement.encode(), values).fetchall()
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """Change something by hand, past all that Bangfu does; one row or more must be hit, if rows are changed."""
        if self.address:
            with psycopg.connect(self.address, options=SEES_ALL) as connection:
                count = connection.execute(statement.encode(), values).rowcount
        else:
            with closing(sqlite3.connect(self.folder / DATABASE)) as connection, connection:
                count = connection.execute(statement.replace("%s", "?"), values).rowcount
        assert count, f"no row was changed by {statement}"

    def wait_until_alone(self) -> None:
        """Wait until the server has let go of a process that was killed: it may still be ending a statement."""
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while self.address and self.rows(others):
            time.sleep(0.05)

    def drop_trigger(self, verb: str) -> None:
        """Drop one of the trail's triggers."""
        self.change(f"DROP TRIGGER audit_entry_no_{verb}{' ON audit_entry' if self.address else ''}")

    def tables(self) -> list[str]:
        """Return the names of the tables."""
        catalogue = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.address:
            catalogue = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return sorted(name for (name,) in self.rows(catalogue) if name not in INTERNAL)

    def contents(self, tables: Sequence[str] | None = None) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of these tables (of all, if none are named), in a fixed order."""
        found = {table: self.rows(f"SELECT * FROM {table}") for table in tables or self.tables()}  # noqa: S608 - our tables
        return {table: sorted(rows, key=repr) for table, rows in found.items()}

    def copy(self, folder: Path) -> Home:
        """Return another home with the same contents; nobody may be at work in this one."""
        shutil.copytree(self.folder, folder)
        return Home(folder, _new_database(urlsplit(self.address).path.lstrip("/")) if self.address else "")


@contextmanager
def new_home(folder: Path) -> Iterator[Home]:
    """Yield a home that is not founded yet; a database made for it is dropped at the end."""
    with dropping(Home(folder, _new_database() if SERVER else "")) as home:
        yield home


@contextmanager
def dropping(home: Home) -> Iterator[Home]:
    """Yield a home whose database on the server, if it has one, is dropped at the end."""
    try:
        yield home
    finally:
        if home.address:
            name = urlsplit(home.address).path.lstrip("/")
            _on_server(f"DROP DATABASE {name} WITH (FORCE)")


def _new_database(template: str = "") -> str:
    name = f"home_{secrets.token_hex(6)}"
    _on_server(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))


def _on_server(statement: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(statement.encode())
