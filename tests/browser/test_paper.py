"""On paper: a list with its heading and all rows of its page, a slip alone, nothing to press."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, new_page, sign_in

pytestmark = pytest.mark.browser
TO_PRESS = ".top, footer, form, .crumb, .actions, .pages a, details, .skip"
SHEET = re.compile(rb"/Type\s*/Page\b")


@pytest.fixture(params=["pc", "phone"])
def paper(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """Return a browser of either size."""
    page = new_page(chromium, request.param, "zh")
    yield page
    page.context.close()


def pressable(page: Page) -> list[str]:
    """Return what of the screen's controls would come out on paper."""
    found = page.locator(TO_PRESS)
    return [found.nth(at).evaluate("node => node.outerHTML.slice(0, 80)") for at in range(found.count())
            if found.nth(at).is_visible()]  # fmt: skip


def test_a_list_prints_with_its_heading_and_all_its_rows(paper: Page, site: Site) -> None:
    sign_in(paper, site, "county_bureau")
    paper.goto(f"{site.address}/people/?state=to_assess")
    paper.emulate_media(media="print")
    assert pressable(paper) == []
    expect(paper.locator("h1")).to_be_visible()
    expect(paper.locator("thead th").first).to_be_visible()
    rows = paper.locator("tbody tr")
    assert rows.count() == 50
    assert all(rows.nth(at).is_visible() for at in range(50))
    expect(paper.locator(".pages")).to_contain_text("第 1 页")
    assert paper.evaluate("getComputedStyle(document.querySelector('tbody tr')).display") == "table-row"
    assert paper.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    assert len(SHEET.findall(paper.pdf(format="A4"))) == 2  # fifty rows; a list on more would have lost its density


def test_a_slip_prints_alone_on_one_sheet(paper: Page, site: Site) -> None:
    sign_in(paper, site, "system_admin")
    paper.goto(f"{site.address}/users/demo-8/")
    paper.click("form[action$='/slip/'] button")
    paper.emulate_media(media="print")
    assert pressable(paper) == []
    words = paper.locator("body").inner_text().split()
    assert words[0] == "密码条"
    assert "demo-8" in words
    assert "返回" not in words
    assert len(SHEET.findall(paper.pdf(format="A4"))) == 1


def test_a_chart_prints_its_bars(paper: Page, site: Site) -> None:
    sign_in(paper, site, "county_bureau")
    paper.goto(f"{site.address}/coverage/")
    paper.emulate_media(media="print")
    assert pressable(paper) == []
    bars = paper.locator(".bars svg")
    assert bars.count() > 10
    assert all(bars.nth(at).is_visible() for at in range(bars.count()))
