"""A running demo for the browser: built in a folder of its own, served on loopback, with those who sign in to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from playwright.sync_api import Browser, Page, sync_playwright

BANGFU = Path(sys.executable).parent / "bangfu"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 60  # seconds until the pages must answer
SIZES = {"pc": (1366, 768), "phone": (390, 844)}


@dataclass(frozen=True)
class Site:
    """A served demo: its address, its home, and who signs in (role -> staff number, password)."""

    address: str
    home: Path
    sign_ins: dict[str, tuple[str, str]]


def chromium() -> str:
    """Return the path of Debian's Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found, "Chromium is not installed. On Debian: apt-get install chromium fonts-noto-cjk"
    return found


@contextmanager
def served_demo(home: Path, host: str = "127.0.0.1", **more: str) -> Iterator[Site]:
    """Build the demo in `home`, serve it (with more in its environment), and stop at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BANGFU_LANG")}
    environment |= {"BANGFU_HOME": str(home)}
    subprocess.run([BANGFU, "demo", "--dir", home, "--no-serve"], env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BANGFU, "serve", "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(command, env=environment | more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://{host}:{port}"
        _wait_for(address)
        rows = json.loads((home / "demo-sign-ins.json").read_text(encoding="utf-8"))
        yield Site(address, home, {row["role"]: (row["staff_number"], row["password"]) for row in rows})
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{address}/account/login/")  # noqa: S310 - our own address
            return
        except URLError:
            assert time.monotonic() < until, "the pages did not answer"
            time.sleep(0.2)


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), headless=True, args=FLAGS)
        yield found
        found.close()


def sign_in(page: Page, site: Site, role: str) -> None:
    """Sign in as the demo's person of this role."""
    number, password = site.sign_ins[role]
    page.goto(f"{site.address}/account/login/")
    page.fill("#login", number)
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url(f"{site.address}/")


def new_page(browser: Browser, size: str, language: str) -> Page:
    """Return a page of a context of its own, in a size and a language."""
    width, height = SIZES[size]
    locale = "zh-CN" if language == "zh" else "en"
    return browser.new_context(viewport={"width": width, "height": height}, locale=locale).new_page()
