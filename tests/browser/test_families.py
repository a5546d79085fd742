"""A parent applies on a phone in few steps; the class teacher hands out slips and takes paper back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import SIZES, Site, new_page, sign_in
from tests.browser.test_pages import faults_of
from tests.browser.test_paper import SHEET

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
NEXT = "main .btn.primary"
MOST_SCREENS, MOST_ACTIONS = 14, 60  # five minutes at five seconds for each thing that is typed or pressed
FAMILY = (("王建国", "father", "41", "18000", "healthy"), ("李秀英", "mother", "39", "0", "grave"))


@pytest.fixture(scope="module")
def opened(site: Site) -> dict[str, Any]:
    """Return a round of the demo's class, and codes of its families."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BANGFU_LANG")}
    environment |= {"BANGFU_HOME": str(site.home)}
    command = [sys.executable, "-m", "tests.browser.round"]
    found = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(found.stdout)
    return told


@dataclass
class Parent:
    """A parent with a phone, who counts: screens seen, and things typed or pressed."""

    page: Page
    site: Site
    screens: int = 0
    actions: int = 0
    faults: list[str] = field(default_factory=list)

    def look(self, name: str) -> None:
        """Look at the page that is open."""
        self.screens += 1
        self.faults += faults_of(self.page, name)

    def type(self, id_: str, text: str) -> None:
        """Type into a field."""
        self.actions += 1
        self.page.fill(f"#{id_}", text)

    def tick(self, *values: str) -> None:
        """Choose by touching the words, as with a thumb."""
        for value in values:
            self.actions += 1
            self.page.locator(f"label:has(input[value='{value}'])").click()

    def press(self, what: str = NEXT) -> None:
        """Press a button."""
        self.actions += 1
        self.page.click(what)

    def add(self, name: str, relation: str, age: str, income: str, health: str) -> None:
        """Write down somebody of the family."""
        for id_, text in (("name", name), ("age", age), ("income", income)):
            self.type(id_, text)
        self.tick(relation, health)

    def apply(self, code: str) -> None:
        """Go from the slip to the end."""
        self.page.goto(f"{self.site.address}/pass/")
        self.look("code")
        self.type("code", code.lower())
        self.press()
        self.look("notice")
        self.press()
        self.look("home")
        self.press()
        self.look("household")
        self.tick("rural")
        self.type("size", "4")
        self.press()
        self.look("contact")
        for id_, text in (("guardian", "王建国"), ("phone", "139 0000 1234"), ("address", "河湾村3组12号")):
            self.type(id_, text)
        self.press()
        self.look("members")
        self.add(*FAMILY[0])
        self.press("main button[value=add]")
        self.look("members, another")
        self.add(*FAMILY[1])
        self.press()
        self.look("groups")
        self.tick("minimum_living")
        self.press()
        self.look("facts")
        self.tick("illness", "debt")
        self.press()
        self.look("aid")
        self.tick("any")
        self.press()
        self.look("check")
        self.press()
        self.look("send")
        self.tick("promise", "child", "compare", "notice")
        self.type("signed", "王建国")
        self.press()
        self.look("done")


@pytest.mark.parametrize(("size", "language", "which"), [("phone", "zh", 0), ("phone", "en", 1), ("pc", "en", 2)])
def test_a_parent_applies_in_few_steps(
    site: Site,
    chromium: Browser,
    opened: dict[str, Any],
    size: str,
    language: str,
    which: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parent = Parent(new_page(chromium, size, language), site)
    blocked: list[str] = []
    parent.page.on("console", lambda message: blocked.append(message.text))
    parent.apply(opened["codes"][which])
    expect(parent.page.locator(".notice.success")).to_contain_text("已收到" if language == "zh" else "has arrived")
    expect(parent.page.locator("[aria-current=step]")).to_have_count(1)
    parent.page.context.close()
    assert (parent.faults, blocked) == ([], [])
    assert parent.screens <= MOST_SCREENS
    assert parent.actions <= MOST_ACTIONS
    with capsys.disabled():
        print(f"\n{size} {language}: {parent.screens} screens, {parent.actions} things typed or pressed", end="")  # noqa: T201 - the figure is what counts


def test_a_mistake_is_shown_at_its_field_and_nothing_is_lost(
    site: Site, chromium: Browser, opened: dict[str, Any]
) -> None:
    parent = Parent(new_page(chromium, "phone", "zh"), site)
    parent.page.goto(f"{site.address}/pass/")
    parent.type("code", "22222-22222-22222")
    parent.press()
    parent.look("wrong code")
    parent.type("code", opened["codes"][3])
    parent.press()
    parent.press()
    parent.press()
    parent.type("size", "four")
    parent.press()
    parent.look("wrong answers")
    assert parent.page.input_value("#size") == "four"
    parent.page.locator(".summary a").first.click()
    assert parent.page.url.endswith("#kind")
    parent.tick("urban")
    parent.type("size", "4")
    parent.press()
    parent.page.click(".crumb a")
    assert parent.page.is_checked("input[value=urban]")
    parent.page.context.close()
    later = Parent(new_page(chromium, "phone", "zh"), site)  # another day, the same slip
    later.page.goto(f"{site.address}/pass/")
    later.type("code", opened["codes"][3])
    later.press()
    later.press()
    expect(later.page.locator("h1")).to_have_text("怎样联系您")
    for id_, text in (("guardian", "王建国"), ("phone", "13900001234"), ("address", "河湾村")):
        later.type(id_, text)
    later.press()
    later.page.go_back()
    assert later.page.input_value("#address") == "河湾村"
    later.page.goto(f"{site.address}/family/check/")
    later.look("check with gaps")
    assert later.page.locator(".summary li").count() == 2
    later.page.context.close()
    assert parent.faults + later.faults == []


def test_who_withdraws_is_asked(site: Site, chromium: Browser, opened: dict[str, Any]) -> None:
    parent = Parent(new_page(chromium, "phone", "zh"), site)
    parent.apply(opened["codes"][4])
    parent.page.click("a[href='/family/withdraw/']")
    parent.look("withdraw")
    parent.press("main .btn.danger")
    parent.look("withdrawn")
    expect(parent.page.locator(".notice")).to_contain_text("撤回")
    parent.press("form[action='/pass/leave/'] button")
    expect(parent.page.locator("#code")).to_be_visible()
    parent.page.context.close()
    assert parent.faults == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_the_teachers_pages_are_clear_to_everybody(
    site: Site, chromium: Browser, opened: dict[str, Any], size: str, language: str
) -> None:
    page = new_page(chromium, size, language)
    sign_in(page, site, "class_teacher")
    start = f"{site.address}/identify/{opened['round']}/families/"
    faults = []
    for way in ("", "blank/", f"type-in/?person={opened['people'][7]}"):
        page.goto(start + way)
        faults += faults_of(page, way or "class")
    page.click(NEXT)
    faults += faults_of(page, "type-in with errors")
    page.context.close()
    officer = new_page(chromium, size, language)
    sign_in(officer, site, "aid_officer")
    officer.goto(start)
    faults += faults_of(officer, "classes")
    officer.context.close()
    assert faults == []


def test_a_teacher_prints_slips_and_takes_paper_back(site: Site, chromium: Browser, opened: dict[str, Any]) -> None:
    page = new_page(chromium, "pc", "zh")
    sign_in(page, site, "class_teacher")
    start = f"{site.address}/identify/{opened['round']}/families/"
    page.goto(start)
    page.click("button[formaction]")
    slips = page.locator(".slips > li")
    assert slips.count() == len(opened["people"]) - 6
    assert faults_of(page, "slips") == []
    page.emulate_media(media="print")
    assert not page.locator(".top").is_visible()
    assert not page.locator("h1").is_visible()
    assert all(slips.nth(at).is_visible() for at in range(slips.count()))
    assert slips.first.evaluate("node => getComputedStyle(node).breakInside") == "avoid"
    page.emulate_media(media="screen")
    page.goto(start)
    page.click("main form .filters button:not([formaction])")
    expect(page.locator(".notice.success")).to_be_visible()
    page.goto(f"{start}type-in/?person={opened['people'][8]}")
    for name, text in (("household-size", "3"), ("contact-guardian", "赵六"), ("contact-phone", "13900001111"),
                       ("contact-address", "河湾村"), ("members-0-name", "赵六"), ("members-0-age", "40"),
                       ("members-0-income", "9000"), ("signed", "赵六")):  # fmt: skip
        page.fill(f"#{name}", text)
    for name, value in (("household-kind", "rural"), ("members-0-relation", "father"), ("members-0-health", "healthy"),
                        ("aid-aid", "any")):  # fmt: skip
        page.check(f"input[name={name}][value={value}]")
    for box in page.locator("input[name=agreed]").all():
        box.check()
    page.click(NEXT)
    expect(page.locator(".notice.success")).to_be_visible()
    page.locator("form[action$='/filled/'] button").last.click()
    assert faults_of(page, "filled") == []
    expect(page.locator("main")).to_contain_text("赵六")
    page.emulate_media(media="print")
    assert len(SHEET.findall(page.pdf(format="A4"))) <= 2
    page.context.close()
