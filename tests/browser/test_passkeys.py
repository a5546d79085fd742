"""Passkeys, where the site has TLS: added, used to sign in and as a proof, under a policy without inline script.

Browsers take `http://localhost` for a safe place, so no certificate is needed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import Site, new_page, served_demo, sign_in
from tests.browser.test_pages import faults_of

pytestmark = pytest.mark.browser
KEY = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
       "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip


@pytest.fixture(scope="module")
def safe_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a demo that is served as if over TLS, where system admins must have a second factor."""
    home: Path = tmp_path_factory.mktemp("demo") / "home"
    with served_demo(home, "localhost", BANGFU_TLS="1") as site:
        (home / "sign-in.toml").write_text('second_factor = ["system_admin"]', encoding="utf-8")
        yield site


def with_key(page: Page) -> None:
    """Give a browser a key that answers by itself."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})


def test_a_passkey_is_set_up_and_signs_in(safe_site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "pc", "en")
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    with_key(page)
    number, password = safe_site.sign_ins["system_admin"]
    page.goto(f"{safe_site.address}/account/login/")
    page.fill("#login", number)
    page.fill("#password", password)
    page.click("main button")
    page.click("text=With a passkey")
    faults = faults_of(page, "add")
    page.click("#add_passkey")
    page.wait_for_url(f"{safe_site.address}/account/two-factor/recovery-codes/")
    page.goto(f"{safe_site.address}/account/two-factor/webauthn/")
    faults += faults_of(page, "list")
    page.click("header button:has-text('Sign out')")
    page.goto(f"{safe_site.address}/account/login/")
    page.fill("#login", number)
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url(f"{safe_site.address}/account/two-factor/authenticate/")
    faults += faults_of(page, "authenticate")
    page.click("#use_passkey")
    page.wait_for_url(f"{safe_site.address}/")
    page.goto(f"{safe_site.address}/account/two-factor/webauthn/reauthenticate/?next=/users/")
    faults += faults_of(page, "prove")
    page.click("#use_passkey")
    page.wait_for_url(f"{safe_site.address}/users/")
    page.context.close()
    assert (faults, blocked) == ([], [])


def test_only_the_pages_that_need_it_run_script(safe_site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "pc", "en")
    sign_in(page, safe_site, "class_teacher")
    policies = {}
    for address in (
        "/",
        "/account/",
        "/account/two-factor/",
        "/account/two-factor/webauthn/",
        "/account/two-factor/webauthn/add/",
    ):
        response = page.goto(safe_site.address + address)
        assert response is not None
        policies[address] = response.headers["content-security-policy"]
    page.context.close()
    assert [address for address, policy in policies.items() if "script-src" in policy] == [
        "/account/two-factor/webauthn/add/"
    ]
    assert "script-src 'self';" in policies["/account/two-factor/webauthn/add/"] + ";"
