"""The addresses of passkeys, there only where the site has TLS. What a browser does with them: tests/browser."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import allauth.mfa.urls
import pytest
from allauth.mfa.models import Authenticator
from django.test import override_settings
from django.urls import clear_url_caches

import bangfu.web.urls
from bangfu.accounts.actions import require_second_factor
from bangfu.accounts.rules import Role
from tests.conftest import BY
from tests.web.conftest import Two, person_of, signed_in
from tests.web.test_matrix import FORM, addresses, filled

KEYS = "/account/two-factor/webauthn/"


def load_addresses() -> None:
    """Make the addresses anew from the settings of now."""
    for module in (allauth.mfa.urls, bangfu.web.urls):
        importlib.reload(module)
    clear_url_caches()


@pytest.fixture
def _tls() -> Iterator[None]:
    """Let the site have TLS."""
    with override_settings(TLS=True, MFA_SUPPORTED_TYPES=["totp", "recovery_codes", "webauthn"]):
        load_addresses()
        yield
    load_addresses()


def test_without_tls_there_are_none(two: Two) -> None:
    assert [address for address in addresses() if "webauthn" in address] == []


@pytest.mark.usefixtures("_tls")
def test_the_keys_of_others_are_not_there(two: Two) -> None:
    other = person_of(Role.PRINCIPAL, two.school.path)
    key = Authenticator.objects.create(user=other, type="webauthn", data={"name": "校长的电脑", "credential": {}})
    client = signed_in(person_of(Role.SYSTEM_ADMIN, "/"))
    for address in (f"{KEYS}keys/{key.pk}/edit/", f"{KEYS}keys/{key.pk}/remove/"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"name": "x"}).status_code == 404
    assert "校长的电脑" not in client.get(KEYS).content.decode()
    key.refresh_from_db()
    assert key.data["name"] == "校长的电脑"


@pytest.mark.usefixtures("_tls")
def test_who_must_have_a_second_factor_may_choose_a_passkey_and_nothing_else(two: Two) -> None:
    require_second_factor(roles=[Role.AUDITOR], by=BY, reason="office decided")
    client = signed_in(person_of(Role.AUDITOR, two.county.path))
    person_of(Role.HELPER, two.school.path)
    start = "/account/two-factor/totp/activate/"
    open_ = {start, f"{KEYS}add/", "/account/password/", "/account/again/", "/language/", "/account/logout/"}
    for address in [address.replace("<int:pk>", "1") for address in filled(two)]:
        for response in () if address in open_ else (client.get(address), client.post(address, FORM)):
            assert response.headers["Location"] == start, address
    assert f'href="{KEYS}add/"' in client.get(start).content.decode()


@pytest.mark.usefixtures("_tls")
def test_scripts_are_files_of_ours(two: Two) -> None:
    page = signed_in(person_of(Role.PRINCIPAL, two.school.path)).get(f"{KEYS}add/")
    assert re.search(r"script-src 'self'(;|$)", page.headers["Content-Security-Policy"])
    scripts = re.findall(r"<script ([^>]*)>", page.content.decode())
    assert len(scripts) == 5
    assert [script for script in scripts if "application/json" not in script and 'src="/static/' not in script] == []
