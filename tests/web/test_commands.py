"""`bangfu user` and `bangfu serve` from the command line: the first admin, slips, grants, and what is refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bangfu.accounts.models import Grant, User
from tests.crawl import make_certificate
from tests.intake.commands import Finished, here
from tests.web.conftest import Two

Run = Callable[..., Finished]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `bangfu` in this process, in English."""
    monkeypatch.setenv("BANGFU_LANG", "en")

    def command(*arguments: Any) -> Finished:
        return here(monkeypatch, capsys, *arguments)

    return command


def refused(done: Finished) -> str:
    """Return the one line of a refusal."""
    assert (done.code, done.out) == (2, ""), done
    (line,) = done.complaints
    return line


def test_the_first_admin_is_made_at_the_machine(two: Two, run: Run) -> None:
    done = run("user", "add", "T001", "王芳", "--role", "system_admin", "--json")
    assert done.code == 0
    slip = done.json()["slip"]
    user = User.objects.get(staff_number="T001")
    assert user.check_password(slip)
    assert user.must_change_password
    grant = Grant.objects.get(user=user)
    assert (grant.role, grant.path, grant.valid_until) == ("system_admin", "/", None)


def test_a_role_is_held_at_a_place_by_its_name(two: Two, run: Run) -> None:
    run("user", "add", "T002", "李强")
    assert run("user", "grant", "T002", "principal", "--at", two.school.name, "--reason", "appointed").code == 0
    assert Grant.objects.get(user__staff_number="T002").path == two.school.path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("user", "add", "T003", "赵敏", "--role", "principal", "--at", "无此学校"), "no place"),
        (("user", "grant", "T999", "principal", "--reason", "x"), "T999"),
        (("user", "slip", "T999"), "T999"),
        (("user", "close", "T999", "--reason", "x"), "T999"),
        (("user", "add", "T003", "赵敏", "--role", "king"), "king"),
    ],
)
def test_what_cannot_be_is_one_line(two: Two, run: Run, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(run(*arguments))
    assert not User.objects.filter(staff_number="T003").exists()


def test_a_number_is_given_once(two: Two, run: Run) -> None:
    run("user", "add", "T004", "周平")
    assert "T004" in refused(run("user", "add", "T004", "别人"))


def test_a_closed_user_is_closed(two: Two, run: Run) -> None:
    run("user", "add", "T005", "孙丽")
    assert run("user", "close", "T005", "--reason", "left").code == 0
    assert not User.objects.get(staff_number="T005").is_active


def test_a_port_that_is_taken_is_said_so(two: Two, run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "--port" in refused(run("serve", "--port", taken.getsockname()[1]))


def test_tls_needs_both_files(two: Two, run: Run, tmp_path: Any) -> None:
    assert "--key" in refused(run("serve", "--certificate", tmp_path / "cert.pem"))
    assert "cert.pem" in refused(run("serve", "--certificate", tmp_path / "cert.pem", "--key", tmp_path / "key.pem"))


@pytest.mark.parametrize("broken", ["certificate", "key", "other key", "folder"])
def test_files_that_are_no_certificate_with_its_key_are_said_so(
    two: Two, run: Run, tmp_path: Path, broken: str
) -> None:
    certificate, key = make_certificate(tmp_path)
    if broken == "other key":
        (tmp_path / "other").mkdir()
        _, key = make_certificate(tmp_path / "other")
    elif broken == "folder":
        key = tmp_path
    else:
        {"certificate": certificate, "key": key}[broken].write_text("-----BEGIN NOTHING-----")
    assert str(key) in refused(run("serve", "--port", "0", "--certificate", certificate, "--key", key))


@pytest.mark.parametrize("tls", [False, True])
def test_the_workers_know_the_host_and_whether_there_is_tls(
    two: Two, run: Run, tmp_path: Path, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    names = ("ALLOWED_HOSTS", "TLS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
    for name in names:
        monkeypatch.setattr(settings, name, getattr(settings, name))
    for name in ("BANGFU_HOSTS", "BANGFU_TLS", "BANGFU_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # put back afterwards

    class Server:
        """What a worker, a copy of this process, would find."""

        def __init__(self, *_: object, **__: object) -> None:
            seen.append({name: getattr(settings, name) for name in names})

        def serve(self) -> None: ...

    monkeypatch.setattr("granian.Granian", Server)
    files = make_certificate(tmp_path)
    run("serve", "--host", "127.0.0.2", "--port", "0", *(("--certificate", files[0], "--key", files[1]) if tls else ()))
    (found,) = seen
    assert {"127.0.0.2", "localhost"} <= set(found["ALLOWED_HOSTS"])
    assert (found["TLS"], found["SESSION_COOKIE_SECURE"], found["CSRF_COOKIE_SECURE"]) == (tls, tls, tls)
    assert bool(found["SECURE_HSTS_SECONDS"]) is tls
