"""Pages with a million people in the register: p50 and p95 of each for 16 clients, beside a bare Django page.

    make bench ARGS=pages            1,000,000 people, SQLite and PostgreSQL
    make bench ARGS="pages --quick"  20,000 people
    python -m tests.bench.pages [--quick] [--people N] [--sqlite | --postgres] [--keep]

The register is made by the product's own import and reckoning into SQLite, and copied from there into PostgreSQL row
by row. `--keep` leaves it under build/bench and takes it again while no migration has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.bench.people import CLIENTS, PASSWORD
from tests.postgres import as_keeper, cluster, find_binaries, free_port

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "bench"
BANGFU = Path(sys.executable).parent / "bangfu"
PEOPLE, QUICK = 1_000_000, 20_000
WORKERS = 2  # as `bangfu serve` starts by itself
PATIENCE = 60
SECONDS, SECONDS_BESIDE, WARM = 5.0, 2.0, 4
AIM = 4  # p95 within so many times the bare page's
HOST = "127.0.0.1"


@dataclass
class Measured:
    """One page: its name and what the load found."""

    page: str
    p50: float
    p95: float
    rate: float
    answers: int
    bad: int
    own: float


def run(module: str, *words: str | Path, home: Path, url: str = "") -> str:
    """Run a module in a process of its own, in this home and database; return what it printed."""
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=environment(home, url), check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def environment(home: Path, url: str) -> dict[str, str]:
    """Return the environment of a process in this home."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {"BANGFU_HOME": str(home)} | ({"DATABASE_URL": url} if url else {})


@contextmanager
def register(people: int, keep: bool) -> Iterator[Path]:
    """Yield the home of a register of this size."""
    migrations = sorted(path.read_bytes() for path in (ROOT / "bangfu").glob("*/migrations/*.py"))
    print(f"making a register of {people:,} people", flush=True)
    if keep:
        home = CACHE / f"pages-{people}-{hashlib.sha256(b''.join(migrations)).hexdigest()[:8]}"
        if not home.exists():
            run("tests.bench.people", home.with_suffix(".part"), str(people), home=home.with_suffix(".part"))
            home.with_suffix(".part").rename(home)
        yield home
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        run("tests.bench.people", home, str(people), home=home)
        yield home


@contextmanager
def serving(command: Sequence[str | Path], home: Path, url: str, port: int, path: str) -> Iterator[None]:
    """Start a server and yield when `path` answers."""
    server = subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env=environment(home, url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                connection = http.client.HTTPConnection(HOST, port, timeout=10)
                connection.request("GET", path)
                connection.getresponse().read()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < until, f"{command} does not answer"  # noqa: PT018
                time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(20)


class Browser:
    """A client that signs in and keeps its cookies."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=60)
        self.cookies: dict[str, str] = {}

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> int:
        """Send a request with the cookies there are, keep those that come, return the status."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request(method, path, urlencode(form) if form else None, headers)
        answer = self.connection.getresponse()
        answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        return answer.status

    @property
    def cookie(self) -> str:
        """Return the cookies as a header has them."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def sign_in(self, number: str) -> None:
        """Sign in."""
        self.send("GET", "/account/login/")
        form = {"login": number, "password": PASSWORD, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        status = self.send("POST", "/account/login/", form)
        assert status == 302, f"{number} could not sign in: {status}"
        assert self.send("GET", "/") == 200, f"{number} is not signed in"


def get(path: str, cookie: str = "") -> str:
    """Return a GET as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n\r\n"


def post(path: str, browser: Browser, form: dict[str, str]) -> str:
    """Return a POST as it goes over the wire."""
    body = urlencode(form | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]})
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {browser.cookie}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"


def scenarios(browsers: list[Browser], asks: list[dict[str, list[Any]]]) -> dict[str, list[list[str]]]:
    """Return page -> what each client sends in turn."""
    both = list(zip(browsers, asks, strict=True))
    plain = {
        "inbox": "/",
        "coverage": "/coverage/",
        "pupils to assess": "/people/?state=to_assess",
        "pupils without a sign": "/people/?state=no_sign",
        "differences": "/differences/",
        "differences, one code": "/differences/?code=id_checksum",
        "links": "/links/",
    }
    found = {name: [[get(path, browser.cookie)] for browser in browsers] for name, path in plain.items()}
    keepers = [browser for browser, role in zip(browsers, CLIENTS, strict=True) if role != "class_teacher"]
    found["imports (keepers)"] = [[get("/imports/", keepers[at % len(keepers)].cookie)] for at in range(len(browsers))]
    for field in ("beginning", "name", "id"):
        sent = [[post("/people/", browser, {"text": text}) for text in ask[field]] for browser, ask in both]
        found[f"search: {field}"] = sent
    found["person"] = [[get(f"/people/{id_}/", browser.cookie) for id_ in ask["human"]] for browser, ask in both]
    return found


def measure(port: int, page: str, clients: list[list[str]], seconds: float = SECONDS) -> Measured:
    """Load one page and return what was found."""
    plan = {"host": HOST, "port": port, "clients": clients, "seconds": seconds, "warm": WARM}
    command = [sys.executable, "-m", "tests.bench.load"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(plan), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Measured(page, **json.loads(done.stdout))


@contextmanager
def bare(home: Path, url: str) -> Iterator[int]:
    """Serve the bare pages; yields the port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare", str(port), str(WORKERS)]
    with serving(command, home, url, port, "/nothing/"):
        yield port


@contextmanager
def ours(home: Path, url: str) -> Iterator[tuple[int, list[Browser]]]:
    """Serve our pages and sign 16 clients in; yields the port and the clients."""
    port = free_port()
    command = [BANGFU, "serve", "--port", str(port), "--workers", str(WORKERS)]
    with serving(command, home, url, port, "/account/login/"):
        browsers = [Browser(port) for _ in CLIENTS]
        for at, browser in enumerate(browsers):
            browser.sign_in(f"bench-{at}")
        yield port, browsers


def table(name: str, home: Path, url: str, only: str) -> dict[str, float]:
    """Measure one database, print its table, and return page -> p95 as a multiple of the bare page's.

    Both servers stand; the bare page is measured again before each of ours, so that what else the machine does at
    that moment weighs on both.
    """
    asks = json.loads(run("tests.bench.asks", home=home, url=url))
    people = [[get(f"/person/{id_}/") for id_ in ask["human"]] for ask in asks]
    print(f"\n{name}: {len(CLIENTS)} clients, {WORKERS} workers; {os.cpu_count()} cores for server, database and load")
    print(f"{'':<32}{'p50 ms':>9}{'p95 ms':>9}{'req/s':>9}{'bare p95':>10}{'p95 / bare':>12}{'load CPU':>10}")
    ratios = {}
    with bare(home, url) as bare_port, ours(home, url) as (port, browsers):
        print(line(measure(bare_port, "nothing at all", [[get("/nothing/")]] * len(CLIENTS))), flush=True)
        print(line(measure(bare_port, "bare page, 3 indexed queries", people)), flush=True)
        for page, clients in scenarios(browsers, asks).items():
            if only in page:
                beside = measure(bare_port, "", people, SECONDS_BESIDE)
                found = measure(port, page, clients)
                print(line(found, beside), flush=True)
                assert not found.bad, f"{page}: {found.bad} answers were no pages"
                assert not beside.bad, f"the bare page: {beside.bad} answers were no pages"
                ratios[page] = found.p95 / beside.p95
    return ratios


def line(found: Measured, beside: Measured | None = None) -> str:
    """Return one line of the table."""
    figures = f"{found.page:<32}{found.p50:9.1f}{found.p95:9.1f}{found.rate:9.0f}"
    if beside is None:
        return f"{figures}{'':22}{found.own:10.0%}"
    ratio = found.p95 / beside.p95
    over = "" if ratio <= AIM else "  over the aim"
    return f"{figures}{beside.p95:10.1f}{ratio:11.2f}x{found.own:10.0%}{over}"


@contextmanager
def on_postgres(home: Path) -> Iterator[tuple[Path, str]]:
    """Start a server, copy the register into it, and yield its home and address."""
    with cluster() as url, tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "home"
        other.mkdir()
        shutil.copy(home / "keys.json", other)
        print("\ncopying it into PostgreSQL", flush=True)
        run("tests.bench.copying", home / "bangfu.sqlite3", as_keeper(url), home=other, url=url)
        yield other, url


def _postgres_is_there() -> bool:
    try:
        find_binaries()
    except SystemExit as missing:
        print(f"\n{missing} The pages were measured on SQLite only.")
        return False
    return True


def main(words: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure the pages; returns database -> page -> p95 as a multiple of the bare page's."""
    parser = argparse.ArgumentParser(prog="tests.bench.pages")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--people", type=int)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--home", type=Path, help="A home that `tests.bench.people` has made.")
    parser.add_argument("--only", default="", help="Pages whose name has this in it.")
    given = parser.parse_args(words)
    people = given.people or (QUICK if given.quick else PEOPLE)
    ratios = {}
    with ExitStack() as stack:
        home = given.home or stack.enter_context(register(people, given.keep))
        if given.sqlite or not given.postgres:
            ratios["SQLite"] = table(f"SQLite, {people:,} people", home, "", given.only)
        if (given.postgres or not given.sqlite) and _postgres_is_there():
            other, url = stack.enter_context(on_postgres(home))
            ratios["PostgreSQL"] = table(f"PostgreSQL, {people:,} people", other, url, given.only)
    return ratios


if __name__ == "__main__":
    main(sys.argv[1:])
