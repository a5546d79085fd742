"""An aid officer's first hour: sign in, import the school's roll, mend a row, answer a difference, undo a link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, new_page, sign_in

pytestmark = pytest.mark.browser
COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county" / "in"
ROLL = COUNTY / "学籍-永胜乡中心小学校.xlsx"


@pytest.fixture
def officer(site: Site, chromium: Browser) -> Iterator[Page]:
    """Return the aid officer's browser, signed in."""
    page = new_page(chromium, "pc", "zh")
    sign_in(page, site, "aid_officer")
    yield page
    page.context.close()


def upload(page: Page, site: Site, *files: Path) -> None:
    """Upload files on the imports page."""
    page.goto(f"{site.address}/imports/")
    page.set_input_files("#files", [str(path) for path in files])
    page.click("text=上传并导入")
    page.wait_for_selector("main:has-text('导入结果'), .notice.error")


def test_the_same_roll_again_changes_nothing(officer: Page, site: Site) -> None:
    upload(officer, site, ROLL)
    row = officer.locator("tbody tr").first.inner_text().split()
    assert row[-5:] == ["425", "0", "424", "0", "1"]


def test_another_offices_list_is_refused(officer: Page, site: Site) -> None:
    upload(officer, site, next(COUNTY.glob("脱贫户*")))
    expect(officer.locator(".notice.error")).to_contain_text("不在您的范围内")


def test_a_picture_is_no_list(officer: Page, site: Site, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"\x89PNG")
    upload(officer, site, tmp_path / "scan.png")
    expect(officer.locator(".notice")).to_contain_text("scan.png")


def test_a_row_that_waits_is_mended(officer: Page, site: Site, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(ROLL)
    sheet = book.worksheets[0]
    birth = next(cell for row in sheet.iter_rows(max_row=5) for cell in row if cell.value == "出生日期")
    sheet.cell(birth.row + 1, birth.column).value = "去年春天"
    book.save(tmp_path / ROLL.name)
    upload(officer, site, tmp_path / ROLL.name)
    officer.goto(f"{site.address}/imports/")
    officer.click("tbody a:has-text('改正')")
    field = officer.locator(".field", has=officer.locator(".tag")).locator("input")
    expect(field).to_have_value("去年春天")
    field.fill("又写错")
    officer.fill("#reason", "家长确认")
    officer.click("button:has-text('改正并应用')")
    expect(officer.locator(".summary")).to_be_visible()
    expect(officer.locator("#reason")).to_have_value("家长确认")
    officer.locator(".field", has=officer.locator(".tag")).locator("input").fill("2018-03-04")
    officer.click("button:has-text('改正并应用')")
    expect(officer.locator(".notice.success")).to_contain_text("已改正")


def test_a_difference_is_answered_and_nothing_typed_is_lost(officer: Page, site: Site) -> None:
    officer.goto(f"{site.address}/differences/?code=id_missing")
    count = int(officer.locator("h1").inner_text().split("(")[1].rstrip(")"))
    officer.click("text=查看并答复 >> nth=0")
    officer.fill("#evidence", "看过户口本")
    officer.click("button:has-text('答复')")
    expect(officer.locator(".summary")).to_be_visible()
    expect(officer.locator("#evidence")).to_have_value("看过户口本")
    officer.check("input[value=has_none_yet]")
    officer.click("button:has-text('答复')")
    expect(officer.locator(".notice.success")).to_be_visible()
    officer.goto(f"{site.address}/differences/?code=id_missing")
    assert int(officer.locator("h1").inner_text().split("(")[1].rstrip(")")) == count - 1


def test_a_link_is_undone_and_taken_back(officer: Page, site: Site) -> None:
    officer.goto(f"{site.address}/differences/?code=row_repeated")
    officer.click("text=查看并答复 >> nth=0")
    officer.click("text=对照两条记录")
    expect(officer.locator("main")).to_contain_text("目前归为同一人")
    officer.fill("#reason", "见过两个孩子")
    officer.click("button:has-text('是两个人')")
    expect(officer.locator("main")).to_contain_text("目前归为两个人")
    officer.fill("#reason", "看错了")
    officer.click("button:has-text('撤回决定')")
    expect(officer.locator("main")).to_contain_text("目前归为同一人")


def test_a_list_goes_out_as_a_workbook(officer: Page, site: Site, tmp_path: Path) -> None:
    officer.goto(f"{site.address}/people/?state=determined")
    count = int(officer.locator("h2").first.inner_text().split("(")[1].rstrip(")").replace(",", ""))
    with officer.expect_download() as download:
        officer.click("button:has-text('导出 Excel')")
    download.value.save_as(tmp_path / "pupils.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "pupils.xlsx").active.iter_rows(values_only=True))
    assert rows[0] == ("姓名", "学校", "班级", "状态")
    assert {row[3] for row in rows[1:]} == {"已认定"}
    assert len(rows) == count + 1


def test_a_strange_table_is_explained_column_by_column(officer: Page, site: Site, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(ROLL)
    sheet = book.worksheets[0]
    name = next(cell for row in sheet.iter_rows(max_row=5) for cell in row if cell.value == "姓名")
    name.value = "娃儿"
    book.save(tmp_path / "怪表.xlsx")
    upload(officer, site, tmp_path / "怪表.xlsx")
    officer.click("text=指明各列是什么")
    officer.select_option("#layout", "school_roll")
    officer.click("button:has-text('显示各列')")
    officer.select_option(f"#map-{name.column - 1}", "name")
    officer.click("button:has-text('预览结果')")
    expect(officer.locator(".notice.info")).to_contain_text("读入 425")
    officer.click("button:text-is('导入')")
    officer.wait_for_selector("main:has-text('导入结果')")
    assert officer.locator("tbody tr").first.inner_text().split()[-5] == "425"


def test_secrets_open_with_a_reason_only(officer: Page, site: Site) -> None:
    officer.goto(f"{site.address}/people/?state=no_sign")
    officer.click("tbody a >> nth=0")
    assert "••••" in officer.locator("main").inner_text()
    officer.fill("#reason", "核对证件")
    officer.click("button:has-text('打开')")
    expect(officer.locator(".notice.info")).to_be_visible()
    assert "••••" not in officer.locator("main").inner_text()


def test_five_wrong_passwords_lock_the_sign_in(site: Site, chromium: Browser) -> None:
    page = new_page(chromium, "phone", "zh")
    for _ in range(5):
        page.goto(f"{site.address}/account/login/")
        page.fill("#login", "demo-9")
        page.fill("#password", "wrong-password")
        page.click("main button")
    expect(page.locator("h1")).to_have_text("登录已锁定")
    page.context.close()
