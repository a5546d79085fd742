"""`bangfu serve`: the pages, by granian; and `bangfu user`: the first people who sign in."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import socket
import ssl
from datetime import date
from pathlib import Path

import click
from django.conf import settings
from django.db import connections

from bangfu.accounts.actions import (
    create_user,
    deactivate,
    drop_second_factor,
    grant_role,
    issue_slip,
    require_second_factor,
)
from bangfu.accounts.queries import second_factor_roles, users
from bangfu.accounts.rules import Role
from bangfu.cli import home, show
from bangfu.cli.size import BACKLOG, THREADS
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.coverage import uploading
from bangfu.registry.queries import all_places, demo_places

PASSWORD_BYTES = 12
EVERYWHERE = "0.0.0.0"  # no name of a host  # noqa: S104  # nosec B104


def serve(host: str, port: int, certificate: Path | None, key: Path | None, workers: int) -> None:
    """Serve the pages until interrupted; with a certificate over TLS, and then cookies travel over TLS only."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    if (certificate is None) != (key is None):
        raise BangfuError("tls_needs_both")
    for path in filter(None, (certificate, key)):
        if not path.is_file():
            raise BangfuError("tls_file_missing", path=path)
    if certificate and key:
        _check_tls(certificate, key)
    _check_port(host, port)
    second_factor_roles()  # a file that cannot be read would stop every page
    os.environ["BANGFU_HOME"] = str(settings.HOME)
    hosts = {host, "localhost", "127.0.0.1", *os.environ.get("BANGFU_HOSTS", "").split(",")} - {"", EVERYWHERE}
    os.environ["BANGFU_HOSTS"] = ",".join(sorted(hosts))
    if certificate:
        os.environ["BANGFU_TLS"] = "1"
    uploading.clear(by=home.here())
    connections.close_all()  # workers are copies of this process, and a connection is one process's
    _read_again()
    scheme = "https" if certificate else "http"
    click.echo(say("serving", address=f"{scheme}://{host}:{port}/"), err=True)
    Granian(
        "bangfu.web.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        ssl_cert=certificate,
        ssl_key=key,
        blocking_threads=THREADS,
        backpressure=BACKLOG,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()


def _read_again() -> None:
    """Let the settings see what was said just now: they were read before, and a worker is a copy of this process."""
    read = importlib.reload(importlib.import_module("bangfu.settings"))
    for name in ("ALLOWED_HOSTS", "TLS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"):
        setattr(settings, name, getattr(read, name))


def _check_tls(certificate: Path, key: Path) -> None:
    """Refuse with one sentence where the two files are no certificate with its key; a key under a password is none."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, lambda: "")
    except (OSError, ValueError) as problem:  # what ssl raises is an OSError
        detail = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or problem
        raise BangfuError("tls_files_wrong", certificate=certificate, key=key, detail=detail) from problem


def _check_port(host: str, port: int) -> None:
    """Refuse with one sentence where the address cannot be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            raise BangfuError("port_taken", host=host, port=port, detail=problem.strerror or problem) from problem


def add_user(number: str, name: str, role: str | None, at: str | None, reason: str, json_: bool) -> None:
    """Make a user, grant him a role if one is given, and print his slip."""
    by = home.here()
    path = _place(at) if role else ""
    create_user(staff_number=number, name=name, password=None, by=by)
    if role:
        _grant(number, Role(role), path, by.at.date(), reason)
    slip = issue_slip(staff_number=number, by=by)
    show.done("user_added", json_, staff_number=number, slip=slip)


def new_slip(number: str, json_: bool) -> None:
    """Print a new slip for a user."""
    slip = issue_slip(staff_number=number, by=home.here())
    show.done("user_slip", json_, staff_number=number, slip=slip)


def grant(number: str, role: str, at: str | None, reason: str, json_: bool) -> None:
    """Grant a user a role at a place from today on."""
    by = home.here()
    _grant(number, Role(role), _place(at), by.at.date(), reason)
    show.done("user_granted", json_, staff_number=number, role=say(f"role_{role}"))


def close(number: str, reason: str, json_: bool) -> None:
    """Close a user's account."""
    deactivate(staff_number=number, by=home.here(), reason=reason)
    show.done("user_closed", json_, staff_number=number)


def second_factor(roles: list[str] | None, reason: str, json_: bool) -> None:
    """Say which roles must have a second factor, if any are given, and show which must."""
    if roles is not None:
        require_second_factor(roles=[Role(role) for role in roles], by=home.here(), reason=reason)
    must = sorted(second_factor_roles())
    code = "second_factor_roles" if must else "second_factor_nobody"
    show.done(code, json_, roles=must if json_ else ", ".join(say(f"role_{role}") for role in must))


def reset_second_factor(number: str, reason: str, json_: bool) -> None:
    """Take a user's second factors off."""
    drop_second_factor(staff_number=number, by=home.here(), reason=reason)
    show.done("second_factor_reset", json_, staff_number=number)


def _grant(number: str, role: Role, path: str, day: date, reason: str) -> None:
    by = home.here()
    user = users(by).filter(staff_number=number).first()
    if user is None:
        raise BangfuError("user_unknown", staff_number=number)
    grant_role(user=user, role=role, path=path, valid_from=day, valid_until=None, by=by, reason=reason)


def _place(name: str | None) -> str:
    """Return the path of the place of this name (without one, of everything)."""
    if not name:
        return "/"
    found = [path for path, title in all_places() if name in (title, path, title.rpartition(" ")[2])]
    if len(found) != 1:
        near = [title for _, title in all_places() if name in title][:10]
        raise BangfuError("place_unknown", name=name, known=", ".join(near) or "—")
    return found[0]


def demo_users() -> list[dict[str, str]]:
    """Make a user for each role in the demo's county, and write their sign-ins where only a demo has them."""
    rows, by = [], home.here()
    places = demo_places()
    for at, role in enumerate(Role, 1):
        path, place = places[role.value]
        number, password = f"demo-{at}", secrets.token_urlsafe(PASSWORD_BYTES)
        create_user(staff_number=number, name=say(f"role_{role.value}"), password=password, by=by)
        _grant(number, role, path, by.at.date(), "demo")
        rows.append({"role": role.value, "place": place, "staff_number": number, "password": password})
    settings.DEMO_FILE.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    settings.DEMO_FILE.chmod(0o600)
    return rows
