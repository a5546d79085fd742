"""Run pytest on a PostgreSQL of its own: `.venv/bin/python tests/postgres.py [pytest's arguments]`.

The server is made in a temporary folder, listens on this machine only, and is gone afterwards.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
# The tests' user is an ordinary one, as an installation's should be: PostgreSQL guards no row from a superuser.
USER, ADMIN = "bangfu", "keeper"
# The system user that Debian's package makes; PostgreSQL refuses to run as root.
SERVER_USER = "postgres"
MISSING = "PostgreSQL is not installed. On Debian and Ubuntu: apt-get install postgresql"
# A server that lives for one test run has nothing to lose in a power cut.
CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs: the one on the PATH, or Debian's newest."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not versions:
        raise SystemExit(MISSING)
    return max(versions, key=lambda folder: float(folder.parent.name))


def run_as_server(folder: Path, *command: str | Path) -> None:
    """Run one of PostgreSQL's programs, as a user that it accepts; on failure, end with what it said."""
    start = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
    # Its output goes to a file: the server inherits it, and would keep a pipe open for ever.
    said = folder / "said.txt"
    with said.open("wb") as out:
        done = subprocess.run([*start, *command], cwd=folder, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        log = folder / "server.log"
        texts = [path.read_text(errors="replace") for path in (said, log) if path.exists()]
        raise SystemExit(f"PostgreSQL failed at {Path(command[0]).name}:\n{''.join(texts)}")


def give_to_server(*paths: Path) -> None:
    """As root, hand files over to the user that the server runs as."""
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam(SERVER_USER)
        except KeyError:
            raise SystemExit(f"PostgreSQL refuses to run as root, and there is no user '{SERVER_USER}'.") from None
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster() -> Iterator[str]:
    """Make and start a server; yields the address of its empty database."""
    binaries = find_binaries()
    # Not the user's own temporary folder: a socket's path may have only about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="bangfu-pg-", dir="/tmp"))
    try:
        port, password = free_port(), secrets.token_hex(16)
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        give_to_server(folder, secret)
        data = folder / "data"
        # Order by code point, as SQLite does: the same tests have the same results.
        kind = ("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync")
        run_as_server(folder, binaries / "initdb", "-D", data, "-U", ADMIN, *kind)
        with (data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION.format(port=port, folder=folder))
        control = (binaries / "pg_ctl", "-D", data, "-w")
        try:
            run_as_server(folder, *control, "-l", folder / "server.log", "start")
            address = f"{password}@127.0.0.1:{port}"
            with psycopg.connect(f"postgres://{ADMIN}:{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE ROLE {USER} LOGIN CREATEDB NOSUPERUSER PASSWORD '{password}'")
                connection.execute(f"CREATE DATABASE {USER} OWNER {USER}")
            yield f"postgres://{USER}:{address}/{USER}"
        finally:
            if (data / "postmaster.pid").exists():
                run_as_server(folder, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def as_keeper(address: str) -> str:
    """Return the address of the same database for the server's keeper, a superuser."""
    return address.replace(f"//{USER}:", f"//{ADMIN}:", 1)


def main(arguments: list[str]) -> int:
    """Run pytest with `arguments` and return its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Ends by an exception, so that the server is stopped then too.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with cluster() as address:
        command = [sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": address}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
