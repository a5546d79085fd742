"""One's own sessions: listed, ended, and what ends them; nothing of others."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from bangfu.accounts.actions import deactivate, end_grant, issue_slip
from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.web.sessions import browser_words
from tests.conftest import BY, NOW
from tests.web.conftest import Two, person_of, signed_in

EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0"
PHONE = "Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/86.0 Mobile Safari/537.36 MicroMessenger/8.0"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in one round: these tests are not about how slow that is."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


@pytest.fixture
def teacher(two: Two) -> User:
    """Return somebody who is signed in in several places."""
    return person_of(Role.CLASS_TEACHER, two.school_class.path)


def at(user: User, agent: str, address: str = "10.0.0.7") -> Client:
    """Return a browser that has opened its first page."""
    client = signed_in(user)
    client.get("/", headers={"User-Agent": agent}, REMOTE_ADDR=address)
    return client


def number(client: Client) -> int:
    """Return the number under which a browser's session is listed."""
    return UserSession.objects.get(session_key=client.session.session_key).pk


def test_ones_sessions_are_listed_in_words(teacher: User) -> None:
    here = at(teacher, EDGE)
    at(teacher, PHONE, "10.0.0.8")
    page = here.get("/account/sessions/").content.decode()
    for words in ("Edge 120 · Windows", "微信 8 · Android", "10.0.0.7", "10.0.0.8"):
        assert words in page
    assert page.count("/end/") == 1  # this one ends by signing out
    assert "/account/sessions/" in here.get("/account/").content.decode()


def test_nothing_of_others_is_shown_or_ended(teacher: User, two: Two) -> None:
    theirs = at(person_of(Role.PRINCIPAL, two.school.path), PHONE, "10.9.9.9")
    here = at(teacher, EDGE)
    assert "10.9.9.9" not in here.get("/account/sessions/").content.decode()
    assert here.post(f"/account/sessions/{number(theirs)}/end/").status_code == 404
    assert theirs.get("/").status_code == 200


def test_another_session_is_ended_and_the_trail_says_so(teacher: User) -> None:
    here, there = at(teacher, EDGE), at(teacher, PHONE)
    before = Entry.objects.count()
    assert here.post(f"/account/sessions/{number(there)}/end/").status_code == 302
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200
    entry = Entry.objects.order_by("-pk")[0]
    assert (entry.action, entry.subject) == ("accounts.end_session", f"user:{teacher.pk}")
    assert Entry.objects.count() == before + 1


def test_this_session_and_one_that_is_over_are_not_ended(teacher: User) -> None:
    here = at(teacher, EDGE)
    assert here.post(f"/account/sessions/{number(here)}/end/").status_code == 404
    assert here.post("/account/sessions/999999/end/").status_code == 404
    assert here.get("/").status_code == 200


def test_sessions_that_are_over_are_not_listed(teacher: User) -> None:
    here, there = at(teacher, EDGE), at(teacher, PHONE)
    there.post("/account/logout/")
    assert "微信" not in here.get("/account/sessions/").content.decode()


def test_an_auditor_ends_his_own_too(two: Two) -> None:
    auditor = person_of(Role.AUDITOR, two.county.path)
    here, there = at(auditor, EDGE), at(auditor, PHONE)
    assert here.post(f"/account/sessions/{number(there)}/end/").status_code == 302
    assert there.get("/").status_code == 302


def test_a_slip_ends_all_sessions(teacher: User) -> None:
    browsers = at(teacher, EDGE), at(teacher, PHONE)
    issue_slip(staff_number=teacher.staff_number, by=BY)
    assert [browser.get("/").status_code for browser in browsers] == [302, 302]


def test_closing_an_account_ends_all_sessions(teacher: User) -> None:
    browsers = at(teacher, EDGE), at(teacher, PHONE)
    deactivate(staff_number=teacher.staff_number, by=BY, reason="left")
    assert [browser.get("/").status_code for browser in browsers] == [302, 302]


def test_choosing_a_password_ends_the_other_sessions_and_keeps_this_one(teacher: User) -> None:
    here, there = at(teacher, EDGE), at(teacher, PHONE)
    word = "word-" + teacher.staff_number.partition("-")[2]
    new = {"oldpassword": word, "password1": "a-new-long-word-7", "password2": "a-new-long-word-7"}
    here.post("/account/password/", new)
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert "微信" not in here.get("/account/sessions/").content.decode()


def test_a_role_that_ends_closes_its_pages_at_once(teacher: User) -> None:
    client = at(teacher, EDGE)
    assert client.get("/coverage/").status_code == 200
    end_grant(grant_id=teacher.grants.get().pk, day=NOW.date(), by=BY, reason="moved")
    assert client.get("/coverage/").status_code == 404


def test_signing_in_gives_a_new_session(teacher: User) -> None:
    client = Client()
    client.get("/account/login/")
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = planted
    word = "word-" + teacher.staff_number.partition("-")[2]
    client.post("/account/login/", {"login": teacher.staff_number, "password": word})
    assert client.session["_auth_user_id"] == str(teacher.pk)
    assert client.session.session_key != planted
    thief = Client()
    thief.cookies["sessionid"] = planted
    assert thief.get("/").status_code == 302


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (EDGE, "Edge 120 · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", "Firefox 121 · Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1",
            "Safari 17 · iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 Chrome/86.0.4240.198 Safari/537.36", "Chrome 86 · Windows"),
        ("curl", "未知浏览器"),
        ("", "未知浏览器"),
    ],
)
def test_a_browser_in_a_few_words(agent: str, words: str) -> None:
    assert browser_words(agent) == words
