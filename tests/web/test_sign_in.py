"""Signing in with a slip, choosing a password, being closed out; what holds on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
from allauth.mfa.adapter import get_adapter
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from bangfu.accounts.actions import deactivate, issue_slip
from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from tests.conftest import BY
from tests.web.conftest import Two, person_of, signed_in

NEW = "a-new-long-word-7"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in one round: these tests are not about how slow that is."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


def sign_in(client: Client, number: str, password: str) -> int:
    """Try to sign in and return the status of the page that comes at the end."""
    return client.post("/account/login/", {"login": number, "password": password}, follow=True).status_code


def test_a_slip_lets_in_once_and_asks_for_a_password(two: Two) -> None:
    user = person_of(Role.COUNTY_BUREAU, two.county.path)
    slip, client = issue_slip(staff_number=user.staff_number, by=BY), Client()
    assert sign_in(client, user.staff_number, slip) == 200
    for address in ("/", "/coverage/", "/people/", "/account/two-factor/"):
        assert client.get(address).headers["Location"] == "/account/password/"
    answer = client.post("/account/password/", {"oldpassword": slip, "password1": NEW, "password2": NEW})
    assert answer.status_code == 302
    assert client.get("/coverage/").status_code == 200
    assert not User.objects.get(pk=user.pk).must_change_password
    assert sign_in(Client(), user.staff_number, slip) == 200
    assert Client().get("/coverage/").status_code == 302
    again = Client()
    sign_in(again, user.staff_number, NEW)
    assert again.get("/coverage/").status_code == 200


def test_a_new_slip_ends_the_sessions_of_before(two: Two) -> None:
    user = person_of(Role.AID_OFFICER, two.school.path)
    client = signed_in(user)
    assert client.get("/").status_code == 200
    issue_slip(staff_number=user.staff_number, by=BY)
    assert client.get("/").status_code == 302


def test_a_closed_account_is_closed(two: Two) -> None:
    user = person_of(Role.AID_OFFICER, two.school.path)
    slip, client = issue_slip(staff_number=user.staff_number, by=BY), signed_in(user)
    deactivate(staff_number=user.staff_number, by=BY, reason="left")
    assert client.get("/").status_code == 302
    other = Client()
    sign_in(other, user.staff_number, slip)
    assert other.get("/").status_code == 302


def test_a_slip_is_never_stored_or_told(two: Two) -> None:
    user = person_of(Role.AID_OFFICER, two.school.path)
    slip = issue_slip(staff_number=user.staff_number, by=BY)
    told = [f"{entry.details}{entry.reason}{entry.subject}" for entry in Entry.objects.all()]
    assert slip not in User.objects.get(pk=user.pk).password + "".join(told)


@pytest.mark.parametrize("address", ["/", "/account/login/", "/no/such/page", "/coverage/", "/users/"])
def test_every_page_keeps_scripts_frames_and_copies_out(two: Two, address: str) -> None:
    for client in (Client(), signed_in(person_of(Role.AUDITOR, two.county.path))):
        headers = client.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert "no-store" in headers["Cache-Control"]


@pytest.mark.parametrize("next_", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_choosing_a_language_leads_nowhere_else(two: Two, next_: str) -> None:
    answer = Client().post("/language/", {"language": "en", "next": next_})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert answer.cookies["django_language"].value == "en"


def test_nobody_signs_up_by_himself(two: Two) -> None:
    for address in ("/account/signup/", "/account/password/reset/", "/admin/"):
        assert Client().get(address).status_code == 404


def test_second_factors_are_sealed(founded: Path) -> None:
    sealed = get_adapter().encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert get_adapter().decrypt(sealed) == "JBSWY3DPEHPK3PXP"
