"""A panel votes on phones, an officer recognises its class, the county's office reviews: in the browser, to the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from bangfu.accounts.rules import Role
from bangfu.identify.models import Ballot, Case
from tests.browser.site import new_page
from tests.browser.test_pages import faults_of
from tests.coverage.lists import Desk
from tests.identify.school import PUPILS, School, a_school
from tests.web.conftest import person_of

pytestmark = pytest.mark.browser
AN, MEI, JUN, HUI, *_ = PUPILS


@pytest.fixture(autouse=True, scope="module")
def _database_beside_the_browser() -> Iterator[None]:
    """Let the test ask its database: the browser's driver runs a loop in this thread, in which Django refuses to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@dataclass
class Served:
    """A served school in whose class three pupils are proposed, one of them a student of the panel."""

    address: str
    school: School

    def page(self, chromium: Browser, size: str, language: str, role: Role) -> Page:
        """Return a browser in which somebody of a role has signed in."""
        places = {Role.CLASS_TEACHER: self.school.place.path, Role.AID_OFFICER: self.school.round.path,
                  Role.COUNTY_BUREAU: self.school.bureau.paths()[0]}  # fmt: skip
        user = person_of(role, places[role])
        page = new_page(chromium, size, language)
        page.goto(f"{self.address}/account/login/")
        page.fill("#login", user.staff_number)
        page.fill("#password", f"word-{places[role].strip('/').replace('/', '-')}")
        page.click("main button")
        page.wait_for_url(f"{self.address}/")
        return page

    @property
    def round(self) -> str:
        """Return the address of the round's pages."""
        return f"{self.address}/identify/{self.school.round.pk}"


@pytest.fixture
def served(founded_committing: Path, live_server: LiveServer, tmp_path: Path) -> Served:
    cache.clear()
    school = a_school(Desk(tmp_path))
    for human in (AN, MEI, JUN):
        school.case(human)
    return Served(live_server.url, school)


def check(page: Page, name: str) -> None:
    """Check that the page which is open is clear to everybody."""
    assert faults_of(page, name) == []


def test_a_panel_votes_on_phones_an_officer_recognises_the_county_reviews(served: Served, chromium: Browser) -> None:
    teacher = served.page(chromium, "pc", "zh", Role.CLASS_TEACHER)
    codes = set_up(served, teacher)
    for at, code in enumerate(codes):
        vote(served, chromium, code, "zh" if at % 2 else "en", asked=2 if at == 0 else 3)
    teacher.goto(f"{served.round}/panels/")
    teacher.click("tbody .btn")
    teacher.click("form[action$='/count/'] button")
    expect(teacher.locator("main")).to_contain_text("一般困难")
    check(teacher, "panel counted")
    assert not Ballot.objects.exclude(score=None).exists()
    recognise(served, chromium)
    review(served, chromium)
    assert set(Case.objects.values_list("stage", flat=True)) == {"reviewed"}


def set_up(served: Served, teacher: Page) -> list[str]:
    """Set the class's panel up, with a student who is proposed himself, and return the printed codes."""
    teacher.goto(f"{served.round}/panels/")
    check(teacher, "panels")
    teacher.click("tbody .btn")
    teacher.select_option("#student-0", label=AN.name)
    teacher.select_option("#student-1", label=HUI.name)
    teacher.fill("#teacher-0", "何老师")
    check(teacher, "set up")
    teacher.click("main .btn.primary")
    expect(teacher.locator(".summary")).to_contain_text("家长代表")
    assert teacher.input_value("#teacher-0") == "何老师"
    teacher.fill("#parent-0", "林家长")
    teacher.click("main .btn.primary")
    expect(teacher.locator("tbody tr").first).to_contain_text(AN.name)
    expect(teacher.locator("tbody tr").first).to_contain_text("本人")
    check(teacher, "panel")
    teacher.click("form[action$='/passes/'] .btn.primary")
    check(teacher, "passes")
    codes = teacher.locator("p.slip").all_inner_texts()
    assert len(codes) == 4
    return codes


def vote(served: Served, chromium: Browser, code: str, language: str, asked: int) -> None:
    """Vote with a code on a phone."""
    phone = new_page(chromium, "phone", language)
    phone.goto(f"{served.address}/pass/")
    phone.fill("#code", code.lower().replace("-", " "))
    phone.click("main .btn.primary")
    check(phone, "ballot")
    phone.click("main .btn.primary")
    for number in range(asked):
        check(phone, "pupil")
        phone.locator("input[name=score]").nth(2).check()
        phone.click("main .btn.primary")
        assert ("/pupil/" in phone.url) == (number < asked - 1)
    expect(phone.locator("tbody tr")).to_have_count(asked)
    check(phone, "check")
    phone.click("main .btn.primary")
    check(phone, "done")
    phone.click("main .btn.primary")
    phone.goto(f"{served.address}/ballot/")
    assert phone.url == f"{served.address}/pass/"  # whoever takes the phone next finds nothing
    phone.context.close()


def recognise(served: Served, chromium: Browser) -> None:
    """Recognise two at once as the panel says, and one side by side, on a phone."""
    officer = served.page(chromium, "phone", "zh", Role.AID_OFFICER)
    officer.goto(f"{served.round}/recognition/")
    expect(officer.locator("tbody tr")).to_have_count(3)
    officer.locator("input[name=case]").nth(1).check()
    officer.locator("input[name=case]").nth(2).check()
    check(officer, "recognition")
    officer.click("main .btn.primary")
    expect(officer.locator("tbody tr")).to_have_count(1)
    officer.click("tbody th a")
    check(officer, "case")
    officer.check("input[name=tier][value=severe]")
    officer.fill("#comment", "家访过,父亲住院")
    officer.click("button[value=recognise]")
    officer.goto(f"{served.round}/recognition/?stage=recognised")
    expect(officer.locator("tbody tr").first).to_contain_text("学校与评议不同")
    officer.click("tbody th a")
    officer.click("main a[href$='/file/']")
    expect(officer.locator("main")).to_contain_text("县教育局")
    check(officer, "file")


def review(served: Served, chromium: Browser) -> None:
    """Review what agrees at once, and the one that differs by itself, with a look at what was said."""
    bureau = served.page(chromium, "pc", "en", Role.COUNTY_BUREAU)
    bureau.goto(f"{served.round}/recognition/")
    check(bureau, "to review")
    bureau.check("input[name=agreeing]")
    bureau.click("main button[value=review]")
    expect(bureau.locator("tbody tr")).to_have_count(1)
    bureau.click("tbody th a")
    expect(bureau.locator("main")).to_contain_text("家访过,父亲住院")
    check(bureau, "case to review")
    bureau.click("button[value=review]")
    bureau.goto(f"{served.round}/recognition/?stage=reviewed")
    expect(bureau.locator("tbody tr")).to_have_count(3)
