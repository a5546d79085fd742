"""A notice in the browser: it appears, somebody objects and is answered; then it is gone, and all are determined.

Served in this process, so that the test says which day it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.identify.models import Notice, Objection, Round
from bangfu.registry.models import Organisation, Status
from bangfu.web import middleware
from tests.browser.site import new_page
from tests.browser.test_pages import faults_of
from tests.coverage.lists import AN, FIRST, JUN, MEI, Desk
from tests.identify.reviewed import DAY, LAST, at, open_round, reviewed_cases
from tests.web.conftest import person_of

pytestmark = pytest.mark.browser
WORDS = "他家去年买了房,请核实"


@dataclass
class Term:
    """A served school whose cases wait for their notice; `day` is what its pages take for today."""

    address: str
    round: Round
    head: User
    day: date = DAY


@pytest.fixture(autouse=True, scope="module")
def _database_beside_the_browser() -> Iterator[None]:
    """Let the test ask its database: the browser's driver runs a loop in this thread, in which Django refuses to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture
def term(monkeypatch: pytest.MonkeyPatch, founded_committing: Path, live_server: LiveServer, tmp_path: Path) -> Term:
    cache.clear()
    Desk(tmp_path).roll(*(human.enrolled() for human in (AN, MEI, JUN)))
    school = Organisation.objects.get(kind="school", name=FIRST)
    round_ = open_round(school)
    reviewed_cases(round_, ("severe", "moderate", "none"))
    found = Term(live_server.url, round_, person_of(Role.PRINCIPAL, school.path))
    monkeypatch.setattr(middleware, "clock", lambda: at(found.day))
    return found


def head_of(term: Term, chromium: Browser) -> Page:
    """Return the browser of the school's head, signed in."""
    page = new_page(chromium, "pc", "zh")
    page.goto(f"{term.address}/account/login/")
    page.fill("#login", term.head.staff_number)
    page.fill("#password", f"word-{term.round.path.strip('/').replace('/', '-')}")
    page.click("main button")
    page.wait_for_url(f"{term.address}/")
    return page


def determine_all(head: Page, term: Term) -> list[str]:
    """Let the head determine all whose notice is over; the register says so. Returns what axe finds."""
    head.goto(f"{term.address}/identify/{term.round.pk}/")
    head.click("text=认定公示期满的学生")
    expect(head.locator(".notice").first).to_contain_text("已认定 3 名学生")
    standing = Status.objects.filter(kind="hardship", retracted_by=None).order_by("level")
    assert list(standing.values_list("level", flat=True)) == ["moderate", "none", "severe"]
    return faults_of(head, "determined")


def test_a_notice_appears_is_objected_to_and_gone_after_its_days_and_its_pupils_are_determined(
    term: Term, chromium: Browser
) -> None:
    faults: list[str] = []
    head = head_of(term, chromium)
    head.goto(f"{term.address}/identify/{term.round.pk}/notice/")
    head.click("text=全校")
    expect(head.locator("main")).to_contain_text(AN.name)
    expect(head.locator("main")).to_contain_text("劳动节")
    expect(head.locator("main")).not_to_contain_text(JUN.name)
    faults += faults_of(head, "preview")
    head.click("main button.primary")
    expect(head.locator(".notice")).to_contain_text(f"{LAST}")
    public = f"{term.address}/notice/{Notice.objects.get().token}/"

    parent = new_page(chromium, "phone", "zh")
    parent.goto(public)
    expect(parent.locator("main")).to_contain_text(AN.name)
    faults += faults_of(parent, "public notice")
    parent.click("text=提出异议 >> nth=1")
    parent.select_option("#line", label=f"2022级小1班 {MEI.name} 困难")
    parent.fill("#words", WORDS)
    parent.fill("#contact", "13900001111")
    parent.eval_on_selector("form.card", "form => form.noValidate = true")
    parent.click("main button.primary")
    expect(parent.locator(".summary")).to_contain_text("匿名")
    faults += faults_of(parent, "objection without a name")
    assert parent.input_value("#words") == WORDS
    parent.fill("#name", "刘桂芳")
    parent.click("main button.primary")
    code = parent.inner_text(".slip")
    faults += faults_of(parent, "objection received")

    head.goto(f"{term.address}/identify/objections/{Objection.objects.get().pk}/")
    expect(head.locator("main")).to_contain_text(WORDS)
    head.check("input[name=upheld][value=no]")
    head.fill("#words", "房屋是公租房,已核实")
    faults += faults_of(head, "objection")
    head.click("main button.primary")
    expect(head.locator(".notice").first).to_contain_text("已答复")

    parent.goto(f"{term.address}/objection/")
    parent.fill("#code", code)
    parent.click("main button.primary")
    expect(parent.locator("main")).to_contain_text("公租房")
    faults += faults_of(parent, "answer")

    term.day = LAST + timedelta(1)
    answered = parent.goto(public)
    assert answered is not None
    assert answered.status == 410
    expect(parent.locator("main")).to_contain_text("公示已经结束")
    expect(parent.locator("main")).not_to_contain_text(AN.name)
    faults += faults_of(parent, "notice that is over")
    faults += determine_all(head, term)
    for page in (head, parent):
        page.context.close()
    assert faults == []
