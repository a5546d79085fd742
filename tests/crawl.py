"""Crawl and attack a demo on loopback with wapiti, signed in as each role: `make crawl` (ARGS=ROLE: as that one).

A demo is built in build/crawl-demo and served over TLS with a certificate made for it. Wapiti is handed each role's
cookies, and a catcher on loopback stands where its own service on the network would be. It exits 1 on any finding, on
an address that the server failed at, and where a role was signed out on the way.
"""

from __future__ import annotations

import html
import http.cookiejar
import ipaddress
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
HOME, OUT = BUILD / "crawl-demo", BUILD / "crawl"
BANGFU = Path(sys.executable).parent / "bangfu"
WAPITI = BUILD / "crawl-venv" / "bin" / "wapiti"
STRANGER = "stranger"
PATIENCE = 60  # seconds until the pages must answer

# What is tried. Left out, with the reason:
#   ssl, https_redirect: the certificate is made for the crawl, and there is no plain HTTP beside it;
#   brute_login_form: a sign-in is locked after five wrong words, tests/web/test_sign_in.py tries that;
#   buster, nikto, cms, wp_enum, htp, wapp, network_device, takeover: known products, with lists from the network;
#   spring4shell, log4shell: Java, and a name service on the network.
MODULES = (
    "backup", "cookieflags", "crlf", "csp", "csrf", "exec", "file", "htaccess", "http_headers", "ldap", "methods",
    "permanentxss", "redirect", "shellshock", "sql", "ssrf", "timesql", "upload", "xss", "xxe",
)  # fmt: skip
# How far: so many pages of a kind (a person's, a difference's, a list's second page), so deep, and seconds for looking
# around and for each kind of attack, which no crawl should need.
EACH, DEPTH, LOOK_SECONDS, ATTACK_SECONDS = 1, 5, 60, 180
# The pages are the same for all, so most roles get the attacks that are soon done; these, and who is named, get all.
DEEP = ("county_bureau", "system_admin", STRANGER)
QUICK = ("cookieflags", "crlf", "csp", "csrf", "http_headers", "permanentxss", "redirect", "sql", "upload", "xss")
# Nothing to attack in these: they end the crawl's own session.
LEFT_ALONE = ("/account/logout/*", "/account/locked/*")


@dataclass
class Crawl:
    """What a role's crawl came to."""

    role: str
    addresses: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    wrote: int = 0
    seconds: int = 0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1, valid today, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = built.add_extension(place, critical=False).sign(key, hashes.SHA256())
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.touch(mode=0o600)
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return certificate, secret


@contextmanager
def served() -> Iterator[tuple[str, ssl.SSLContext]]:
    """Build the demo and serve it over TLS; yields its address and who to trust."""
    environment = {n: value for n, value in os.environ.items() if n not in ("DATABASE_URL", "BANGFU_LANG")}
    environment |= {"BANGFU_HOME": str(HOME)}
    subprocess.run([BANGFU, "demo", "--dir", HOME, "--no-serve"], env=environment, check=True, capture_output=True)
    certificate, key = make_certificate(OUT)
    port = free_port()
    command = [BANGFU, "serve", "--port", str(port), "--workers", "1", "--certificate", certificate, "--key", key]
    trusted = ssl.create_default_context(cafile=str(certificate))
    with (OUT / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"https://127.0.0.1:{port}"
            _wait_for(address, trusted)
            yield address, trusted
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(address: str, trusted: ssl.SSLContext) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{address}/account/login/", context=trusted)  # noqa: S310 - our own address
            return
        except OSError:
            if time.monotonic() > until:
                raise SystemExit(f"The pages did not answer, see {OUT / 'server.log'}") from None
            time.sleep(0.2)


@contextmanager
def catcher() -> Iterator[tuple[str, list[str]]]:
    """Listen where our server must never call; yields the address, and what called there."""
    called: list[str] = []

    class Catch(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Wapiti asks get_*.php itself what was caught.
            if "/get_" not in self.path:
                called.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - as above

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Catch)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", called
    finally:
        server.shutdown()


class Browser:
    """Somebody signed in, with his cookies."""

    def __init__(self, address: str, trusted: ssl.SSLContext) -> None:
        self.address, self.cookies = address, http.cookiejar.CookieJar()
        handlers = (urllib.request.HTTPSHandler(context=trusted), urllib.request.HTTPCookieProcessor(self.cookies))
        self.opener = urllib.request.build_opener(*handlers)

    def page(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Return where a request led and the page there, '' where it was refused."""
        body = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(self.address + path, body, {"Referer": self.address + path})  # noqa: S310 - ours
        try:
            with self.opener.open(request) as answer:
                return urllib.parse.urlsplit(answer.url).path, answer.read().decode()
        except HTTPError:
            return path, ""

    def sign_in(self, number: str, password: str) -> None:
        """Sign in."""
        _, page = self.page("/account/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        form = {"csrfmiddlewaretoken": token[1] if token else "", "login": number, "password": password}
        if self.page("/account/login/", form)[0] != "/":
            raise SystemExit(f"{number} could not sign in")

    def save(self, path: Path) -> None:
        """Write the cookies as wapiti reads them."""
        each = {
            cookie.name: {"value": cookie.value, "expires": cookie.expires, "secure": cookie.secure, "port": None,
                          "version": 0}
            for cookie in self.cookies
        }  # fmt: skip
        path.touch(mode=0o600)
        path.write_text(json.dumps({"127.0.0.1": {"/": each}}))


def left_alone(browser: Browser, role: str, number: str) -> list[str]:
    """Return what the crawl must not send: what ends its own session, or shuts its own user out."""
    found = list(LEFT_ALONE)
    if role == "system_admin":
        _, page = browser.page(f"/users/{number}/")
        found += [f"/users/{number}/*", *re.findall(r'action="(/users/grants/\d+/end/)"', page)]
    return found


LINK = re.compile(r'(?:href|action)="(/[^"#]*|\?[^"#]*)"')
NUMBERED = re.compile(r"(?<=[/=-])\d+")


def kept(browser: Browser, alone: list[str]) -> dict[str, set[str]]:
    """Return the numbers that stay, by what stands before them, found as a reader finds pages: so many of each kind."""
    found: dict[str, set[str]] = {}
    seen, now = set[str](), ["/"]
    for _ in range(DEPTH):
        pages = [browser.page(path)[1] for path in now]
        seen |= set(now)
        links = [
            html.unescape(link) for page in pages for link in re.findall(r'(?:href|action)="(/[^"#]*|\?[^"#]*)"', page)
        ]
        now = []
        for link in dict.fromkeys(links):
            number = NUMBERED.search(link)
            if number:
                ids = found.setdefault(link[: number.start()], set())
                if len(ids) >= EACH and number[0] not in ids:
                    continue
                ids.add(number[0])
            ours = link.endswith("/") and not any(fnmatch(link, pattern) for pattern in alone)
            if ours and link not in seen:
                now.append(link)
    return found


def others(kept: dict[str, set[str]]) -> list[str]:
    """Return patterns of the addresses of all other numbers."""
    return [
        f"*{before}{start}{digit}*"
        for before, numbers in kept.items()
        for start in sorted({number[:size] for number in numbers for size in range(len(number) + 1)})
        for digit in "0123456789"
        if not any(number.startswith(start + digit) for number in numbers)
    ] + [
        f"*{before}{number[:size]}/*"
        for before, numbers in kept.items()
        for number in numbers
        for size in range(1, len(number))
    ]


def crawl(role: str, browser: Browser, number: str, endpoint: str, modules: tuple[str, ...]) -> Crawl:
    """Crawl and attack as a role."""
    began, done, before = time.monotonic(), Crawl(role), entries()
    report, cookies = OUT / f"{role}.json", OUT / f"{role}-cookies.json"
    report.unlink(missing_ok=True)
    browser.save(cookies)
    command = [
        WAPITI, "--url", f"{browser.address}/", "--scope", "folder", "--cookie", cookies, "--module", ",".join(modules),
        "--depth", str(DEPTH), "--max-scan-time", str(LOOK_SECONDS), "--max-attack-time", str(ATTACK_SECONDS),
        "--endpoint", endpoint, "--dns-endpoint", "localhost", "--verify-ssl", "0", "--no-bugreport",
        "--flush-session", "--store-session", OUT / "session", "--store-config", OUT / "config",
        "--format", "json", "--output", report, "--detailed-report", "1", "--verbose", "1",
    ]  # fmt: skip
    signed_in = role != STRANGER
    alone = left_alone(browser, role, number) if signed_in else []
    for path in [*alone, *others(kept(browser, alone))]:
        command += ["--exclude", browser.address + path]
    with (OUT / f"{role}.log").open("wb") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if not report.exists():
        raise SystemExit(f"wapiti has written no report, see {OUT / f'{role}.log'}")
    log_text = (OUT / f"{role}.log").read_text(encoding="utf-8", errors="replace")
    done.unfinished = re.findall(r"Max attack time was reached for module (\w+)", log_text)
    told = json.loads(report.read_text(encoding="utf-8"))
    done.addresses, done.findings = visited(told), findings(told) + loose(browser.cookies)
    if signed_in and browser.page("/")[0] != "/":
        done.findings.append("the crawl was signed out on its way")
    done.wrote, done.seconds = entries() - before, round(time.monotonic() - began)
    return done


def visited(report: dict[str, Any]) -> list[str]:
    """Return the addresses that were visited, each with its method."""
    pages = report["infos"]["crawled_pages"]
    told = {f"{page['request']['method']} {urllib.parse.urlsplit(page['request']['url']).path}" for page in pages}
    return sorted(told)


def findings(report: dict[str, Any]) -> list[str]:
    """Return what was found."""
    return [
        f"{kind}: {each['method']} {each['path']} {each['parameter'] or ''}: {each['info']}"
        for group in ("vulnerabilities", "anomalies")
        for kind, found in report[group].items()
        for each in found
    ]


def loose(cookies: Iterable[http.cookiejar.Cookie]) -> list[str]:
    """Return the cookies of a sign-in that a script could read, or that would travel without TLS."""
    return [
        f"the cookie {cookie.name} is not Secure and HttpOnly"
        for cookie in cookies
        if not (cookie.secure and cookie.has_nonstandard_attr("HttpOnly"))
    ]


def entries() -> int:
    """Return how many entries the demo's trail has."""
    with closing(sqlite3.connect(f"file:{HOME / 'bangfu.sqlite3'}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM audit_entry").fetchone()[0])


def main(roles: list[str]) -> int:
    """Crawl as each role and tell; 1 where something was found."""
    OUT.mkdir(parents=True, exist_ok=True)
    done: list[Crawl] = []
    with served() as (address, trusted), catcher() as (endpoint, called):
        people = {row["role"]: row for row in json.loads((HOME / "demo-sign-ins.json").read_text(encoding="utf-8"))}
        # The system admin last of those who sign in, for he may end the others' sessions.
        known = [*(role for role in people if role != "system_admin"), "system_admin", STRANGER]
        browsers = {role: Browser(address, trusted) for role in known if role in roles or not roles}
        for role, browser in browsers.items():
            if role != STRANGER:
                browser.sign_in(people[role]["staff_number"], people[role]["password"])
        for role, browser in browsers.items():
            number = people[role]["staff_number"] if role in people else ""
            done.append(crawl(role, browser, number, endpoint, MODULES if role in (*DEEP, *roles) else QUICK))
            tell(done[-1])
    failed = (OUT / "server.log").read_text(encoding="utf-8", errors="replace").count("Traceback")
    urls = {each for crawled in done for each in crawled.addresses}
    count = sum(len(crawled.findings) for crawled in done) + failed + len(called)
    print(f"{len(urls)} addresses visited, {len(done)} roles, {len(MODULES)} kinds of attack, "
          f"{failed} failures of the server, {len(called)} calls elsewhere: {count} findings")  # fmt: skip
    return int(count > 0 or not urls)


def tell(crawled: Crawl) -> None:
    """Print what a crawl came to."""
    print(f"{crawled.role:<16} {len(crawled.addresses):>4} addresses visited, {crawled.wrote:>5} entries written, "
          f"{len(crawled.findings)} findings, {crawled.seconds} s", flush=True)  # fmt: skip
    if crawled.unfinished:
        print(f"    not finished in {ATTACK_SECONDS} s: {', '.join(crawled.unfinished)}", flush=True)
    for finding in crawled.findings:
        print(f"    {finding}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
