"""`make screenshots`: every page of the demo as a picture, in both sizes and languages, into build/screenshots.

Those that the README shows go to docs/images as well.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.site import SIZES, Site, browser, new_page, served_demo, sign_in

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
# name -> the role that opens it, its address; '>' leads on to the first link of the table.
PAGES = {
    "inbox": ("county_bureau", "/"),
    "inbox-school": ("aid_officer", "/"),
    "coverage": ("county_bureau", "/coverage/"),
    "pupils": ("county_bureau", "/people/?state=to_assess"),
    "coverage-school": ("aid_officer", "/coverage/"),
    "differences": ("county_bureau", "/differences/"),
    "differences-code": ("county_bureau", "/differences/?code=duplicate_enrolment"),
    "difference": ("county_bureau", "/differences/?code=duplicate_enrolment > /differences/"),
    "link": ("county_bureau", "/differences/?code=duplicate_enrolment > /differences/ > /links/"),
    "links": ("county_bureau", "/links/?all"),
    "people": ("county_bureau", "/people/"),
    "person": ("county_bureau", "/people/?state=to_assess > /people/"),
    "households": ("county_bureau", "/households/"),
    "household": ("county_bureau", "/households/ > /households/"),
    "schools": ("county_bureau", "/schools/"),
    "school": ("county_bureau", "/schools/ > /schools/"),
    "imports": ("county_bureau", "/imports/"),
    "import-file": ("county_bureau", "/imports/ > /imports/"),
    "rounds": ("aid_officer", "/identify/"),
    "round": ("aid_officer", "/identify/1/"),
    "propose": ("class_teacher", "/identify/1/propose/"),
    "families": ("class_teacher", "/identify/1/families/"),
    "notices": ("aid_officer", "/identify/notices/"),
    "objections": ("aid_officer", "/identify/objections/"),
    "referrals": ("county_bureau", "/identify/referrals/"),
    "fairness": ("county_bureau", "/identify/fairness/"),
    "panels": ("aid_officer", "/identify/1/panels/"),
    "panel": ("class_teacher", "/identify/1/panels/ > /identify/panels/"),
    "recognition": ("county_bureau", "/identify/1/recognition/?stage=all"),
    "case": ("aid_officer", "/identify/1/recognition/?stage=all > /identify/cases/"),
    "case-auditor": ("auditor", "/identify/1/recognition/?stage=all > /identify/cases/"),
    "case-file": ("aid_officer", "/identify/1/recognition/?stage=all > /identify/cases/ > /identify/cases/"),
    "notice": ("aid_officer", "/identify/notices/ > /identify/notices/"),
    "objection-code": ("aid_officer", "/objection/"),
    "refer": ("aid_officer", "/people/ > /people/ > /people/"),
    "fairness-class": ("class_teacher", "/identify/fairness/"),
    "audit": ("county_bureau", "/audit/"),
    "users": ("system_admin", "/users/"),
    "user": ("system_admin", "/users/ > /users/"),
    "account": ("class_teacher", "/account/"),
    "password": ("class_teacher", "/account/password/"),
    "second-factor": ("class_teacher", "/account/two-factor/"),
    "components": ("class_teacher", "/components/"),
    "sessions": ("class_teacher", "/account/sessions/"),
    "proof": ("class_teacher", "/account/again/"),
    "app-set-up": ("class_teacher", "/account/two-factor/totp/activate/"),
    "kept-none": ("class_teacher", "/account/kept/"),
    "pass": ("class_teacher", "/pass/"),
    "not-there": ("class_teacher", "/users/"),
}
README = (("coverage", "pc", "zh"), ("inbox-school", "phone", "zh"), ("link", "pc", "en"))


def go(page: Page, site: Site, way: str) -> None:
    """Follow a way to a page."""
    first, *steps = way.split(" > ")
    page.goto(site.address + first)
    for step in steps:
        links = page.locator(f"main a[href^='{step}']")
        hrefs = [str(links.nth(at).get_attribute("href")) for at in range(links.count())]
        page.goto(site.address + next(h for h in hrefs if any(part.isdigit() for part in h.split("/")) or "users" in h))


def interrupt(page: Page, site: Site, role: str) -> None:
    """Sign in, fill in a form, and send it when the session is over: the sign-in page comes, with the form in it."""
    sign_in(page, site, role)
    page.goto(f"{site.address}/people/")
    page.fill("#text", "张晓")
    page.context.clear_cookies(name="sessionid")
    page.click("main button")


def take_up(page: Page, site: Site, role: str) -> None:
    """Sign in again where one was interrupted: the page of the kept form comes."""
    number, password = site.sign_ins[role]
    page.fill("#login", number)
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url(f"{site.address}/account/kept/")


def shoot(site: Site) -> None:
    """Take all pictures."""
    with browser() as chromium:
        for size in SIZES:
            for language in ("zh", "en"):
                shoot_all(site, chromium, size, language)


def shoot_all(site: Site, chromium: Browser, size: str, language: str) -> None:
    """Take the pictures of one size and language."""
    by_role: dict[str, Page] = {}
    page = new_page(chromium, size, language)
    page.goto(f"{site.address}/account/login/")
    page.screenshot(path=OUT / f"sign-in-{size}-{language}.png", full_page=True)
    for name, step in (("sign-in-again", interrupt), ("kept", take_up)):
        step(page, site, "county_bureau")
        page.screenshot(path=OUT / f"{name}-{size}-{language}.png", full_page=True)
    for name, (role, way) in PAGES.items():
        if role not in by_role:
            by_role[role] = new_page(chromium, size, language)
            sign_in(by_role[role], site, role)
        go(by_role[role], site, way)
        by_role[role].screenshot(path=OUT / f"{name}-{size}-{language}.png", full_page=name not in LONG)
    for opened in by_role.values():
        opened.context.close()


LONG = ("pupils", "differences", "recognition", "audit")


def main() -> None:
    """Build, serve, take the pictures, and copy those of the README."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, served_demo(Path(folder) / "home") as site:
        shoot(site)
    if "--readme" in sys.argv:
        IMAGES.mkdir(exist_ok=True)
        for name, size, language in README:
            shutil.copy(OUT / f"{name}-{size}-{language}.png", IMAGES)
    print(f"{len(list(OUT.iterdir()))} pictures in {OUT}")


if __name__ == "__main__":
    main()
