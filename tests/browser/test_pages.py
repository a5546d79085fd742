"""Every page in Debian's Chromium: no accessibility fault, no sideways scrolling, nothing that the policy blocks."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.shots import PAGES, go, interrupt, take_up
from tests.browser.site import SIZES, Site, new_page, sign_in

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
NOT_THERE = "404"  # the page that is not there is among them
ONE_LINE_FROM, ONE_LINE = 1_366, 60  # pixels: where the head stands in one line, and how high that is
MOST_BYTES = 60 * 1024  # of the home page over the wire


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_clear_to_everybody(site: Site, chromium: Browser, size: str, language: str) -> None:
    pages: dict[str, Page] = {}
    blocked: list[str] = []
    faults: list[str] = []
    for name, (role, way) in PAGES.items():
        if role not in pages:
            pages[role] = new_page(chromium, size, language)
            pages[role].on("console", lambda message: blocked.append(message.text))
            sign_in(pages[role], site, role)
        page = pages[role]
        go(page, site, way)
        faults += faults_of(page, name)
    for page in pages.values():
        page.context.close()
    assert faults == []
    assert [text for text in blocked if NOT_THERE not in text] == []


def faults_of(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page that is open."""
    found = Axe().run(page, options=RULES).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    faults = [f"{name}: {fault['id']} {fault['nodes'][0]['html'][:120]}" for fault in found]
    faults += [f"{name}: scrolls sideways by {wide} px"] if wide > 0 else []
    tall = page.evaluate(f"innerWidth >= {ONE_LINE_FROM} && document.querySelector('.top').offsetHeight > {ONE_LINE}")
    return faults + ([f"{name}: the head takes two lines"] if tall else [])


@pytest.mark.parametrize("size", SIZES)
def test_a_form_outlives_the_session(site: Site, chromium: Browser, size: str) -> None:
    page = new_page(chromium, size, "zh")
    interrupt(page, site, "county_bureau")
    assert "已为您留着" in page.inner_text("main")
    faults = faults_of(page, "sign-in-again")
    take_up(page, site, "county_bureau")
    assert "张晓" in page.inner_text("main")
    faults += faults_of(page, "kept")
    page.focus("main .btn.primary")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.address}/people/")
    assert page.input_value("#text") == "张晓"
    page.context.close()
    assert faults == []


def test_a_page_from_before_another_sign_in_loses_nothing(site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "pc", "zh")
    sign_in(page, site, "county_bureau")
    page.goto(f"{site.address}/people/")
    page.fill("#text", "张晓")
    page.context.clear_cookies(name="sessionid")
    other = page.context.new_page()
    sign_in(other, site, "county_bureau")
    page.click("main button")
    page.wait_for_url(f"{site.address}/account/kept/")
    assert "张晓" in page.inner_text("main")
    page.context.close()


def test_home_is_light(site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "pc", "zh")
    sizes: list[int] = []
    sign_in(page, site, "county_bureau")
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(f"{site.address}/")
    page.context.close()
    assert sum(sizes) < MOST_BYTES


def test_home_can_be_worked_by_keyboard_alone(site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "pc", "zh")
    sign_in(page, site, "aid_officer")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    page.context.close()
    assert {"待办", "覆盖", "差异", "退出", "逐项办理"} <= reached
