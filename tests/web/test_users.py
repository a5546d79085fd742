"""Making users on the page: what is refused keeps what was typed, and any staff number has its page."""

from __future__ import annotations

import pytest
from django.test import Client

from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from tests.web.conftest import Two, person_of, signed_in


@pytest.fixture
def admin(two: Two) -> Client:
    """Return a system admin's browser."""
    return signed_in(person_of(Role.SYSTEM_ADMIN, "/"))


@pytest.mark.parametrize("number", ["", "two words", "system_admin-", "x" * 33])
def test_a_refused_user_keeps_what_was_typed(admin: Client, number: str) -> None:
    before = User.objects.count()
    page = admin.post("/users/add/user/", {"staff_number": number, "name": "新来的人"})
    assert page.status_code == 422
    assert 'value="新来的人"' in page.content.decode()
    assert f'name="staff_number" value="{number}"' in page.content.decode()
    assert 'href="#staff_number"' in page.content.decode()
    assert User.objects.count() == before


@pytest.mark.parametrize("number", ["add", "grants", "user", "slip"])
def test_every_staff_number_has_its_page(admin: Client, number: str) -> None:
    assert number in admin.post("/users/add/user/", {"staff_number": number, "name": "新来的人"}).content.decode()
    assert "新来的人" in admin.get(f"/users/{number}/").content.decode()
    assert f'href="/users/{number}/"' in admin.get("/users/").content.decode()
