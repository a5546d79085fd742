"""What hostile readers send, and what every answer must hold: used by test_abuse.py.

A `Caller` is a browser of somebody. `forms_on` reads the forms of a page, so that a new form is abused by itself.
`faults` says what is wrong with an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_from_bytes, urljoin, urlsplit

from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.http.cookie import SimpleCookie
from django.test import Client

from bangfu.audit.models import Entry

BOUNDARY = "zqx-boundary"
FORM, MULTIPART = "application/x-www-form-urlencoded", f"multipart/form-data; boundary={BOUNDARY}"
# ---- what is typed

# Written into a page as it is, this would be an element with a handler, and would end an attribute or a text.
MARK = "'\"><zqx9 onzqx=1></textarea></title><!--"
ESCAPED = b"&lt;zqx9 onzqx=1&gt;"
TEXTS = (
    # Nothing, and what looks like something.
    "", " ", "\u3000", "null", "true", "[]", "{}", "NaN", "1e309", "0", "-1", "1.5", "0x10", "٣", "９",
    str(1 << 31), str(1 << 63), "9" * 40, "-" + "9" * 5000,
    # Signs that are none: zero bytes, half signs, turned and invisible ones, a sign beyond 16 bits.
    "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufffe\uffff", "\u202e\u2066abc", "\u200b\u200d\ufeff", "𠀀",
    # Lengths.
    "x" * 33, "名" * 129, "x" * 300, "名" * 20_000,
    # Markup, templates, formats, statements, paths, headers.
    MARK, "<script>zqx9()</script>", "javascript:zqx9()", "{{ 7|add:7770 }}{% csrf_token %}", "${7*1111}",
    "%s%(x)n", "{by.name} {0.__class__}", "' OR '1'='1", "1; DROP TABLE accounts_user; --", "%' OR 1=1 --", "\\", "_%",
    "../../../etc/passwd", "..\\..\\x", "a/b", ".", "..", "?x=1#y", "x\r\nSet-Cookie: zqx=1", "//zqx.invalid/",
    "https://zqx.invalid/", "/\\zqx.invalid", "inbox", "no_such_page",
    # Days that are none, and days far off.
    "2025-02-30", "0000-00-00", "10000-01-01", "0001-01-01", "9999-12-31", "2025-W01-1", "20250101",
)  # fmt: skip
BROKEN = (b"\xff\xfe", b"\xc0\xaf", b"\xe4\xbd", b"%00%zz")
NASTY: tuple[bytes, ...] = (*(text.encode("utf-8", "surrogatepass") for text in TEXTS), *BROKEN)
PLAIN = {"password": b"some-long-word-7", "date": b"2025-06-01", "number": b"1"}


@dataclass(frozen=True)
class Field:
    """A field of a form: its name, its kind, and what a well-meaning person would send."""

    name: str
    kind: str
    plain: bytes


@dataclass
class Form:
    """A form as a page shows it."""

    action: str
    method: str
    multipart: bool
    fields: list[Field] = field(default_factory=list)

    def key(self) -> tuple[str, ...]:
        """Return what tells one kind of form from another: numbers in its address do not."""
        kinds = (re.sub(r"-?\d+", "0", each.name) for each in self.fields)
        return (self.method, re.sub(r"\d+", "0", self.action), *dict.fromkeys(kinds))

    def plain(self) -> list[tuple[str, bytes]]:
        """Return the fields as a well-meaning person would send them."""
        return [(each.name, each.plain) for each in self.fields]


class _Forms(HTMLParser):
    """Collects the forms of a page. A choice is sent once: a list's first option, the last of several buttons."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.forms, self.select = address, list[Form](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urlsplit(urljoin(self.address, told.get("action") or self.address))
            multipart = told.get("enctype") == "multipart/form-data"
            self.forms.append(Form(action.path, told.get("method", "get").lower(), multipart))
        elif tag == "select":
            self.select = told.get("name", "")
        elif tag == "option" and self.select:
            self._add(self.select, "select", told.get("value", ""))
        elif tag in ("input", "textarea", "button") and told.get("name"):
            self._add(told["name"], told.get("type", tag), told.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""

    def _add(self, name: str, kind: str, value: str) -> None:
        if not self.forms or name == "csrfmiddlewaretoken":
            return
        fields = self.forms[-1].fields
        if kind == "select" and name in [each.name for each in fields]:
            return
        fields[:] = [each for each in fields if each.name != name]
        fields.append(Field(name, kind, value.encode() or PLAIN.get(kind, "字".encode())))


def forms_on(address: str, response: HttpResponse) -> list[Form]:
    """Return the forms of a page."""
    page = _Forms(address)
    page.feed(body_of(response).decode(errors="replace"))
    return page.forms


# ---- sending it


@dataclass
class Caller:
    """Somebody's browser. What a request changes is undone at once, so that each is the first."""

    name: str
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def send(self, method: str, path: bytes | str, query: bytes = b"", body: bytes = b"", kind: str = FORM,
             look: Callable[[], Any] | None = None, checks_tokens: bool = False, **headers: str) -> Answer:  # fmt: skip
        """Send one request as it is and return the answer; `look` is asked before what it changed is undone."""
        client = Client(raise_request_exception=False, enforce_csrf_checks=checks_tokens)
        client.cookies = SimpleCookie({name: morsel.value for name, morsel in self.cookies.items()})
        cache.clear()
        with transaction.atomic():
            before = Entry.objects.count()
            response = client.generic(method, "/", body, kind, **_at(path, query), **self._with_own_cookies(headers))
            answer = Answer(method, path, response, Entry.objects.count() - before, look() if look else None)
            transaction.set_rollback(True)
        return answer

    def _with_own_cookies(self, headers: dict[str, str]) -> dict[str, str]:
        own = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        return headers | ({"HTTP_COOKIE": f"{own}; {headers['HTTP_COOKIE']}"} if "HTTP_COOKIE" in headers else {})

    def submit(self, form: Form, pairs: list[tuple[str, bytes]]) -> Answer:
        """Send a form."""
        if form.method == "get":
            return self.send("GET", form.action, urlencoded(pairs))
        if form.multipart:
            return self.send("POST", form.action, b"", multipart(pairs), MULTIPART)
        return self.send("POST", form.action, b"", urlencoded(pairs))


def _at(path: bytes | str, query: bytes) -> dict[str, str]:
    raw = path.encode() if isinstance(path, str) else path
    return {"PATH_INFO": raw.decode("latin-1"), "QUERY_STRING": query.decode("latin-1")}


def urlencoded(pairs: list[tuple[str, bytes]]) -> bytes:
    """Return fields as a form's body, byte by byte."""
    return "&".join(f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in pairs).encode()


def multipart(pairs: list[tuple[str, bytes]], files: tuple[tuple[str, bytes, bytes], ...] = ()) -> bytes:
    """Return fields and files (field, file name, content) as a multipart body."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value for name, value in pairs]
    parts += [
        f'Content-Disposition: form-data; name="{at}"; filename="'.encode() + name
        + b'"\r\nContent-Type: application/octet-stream\r\n\r\n' + content
        for at, name, content in files
    ]  # fmt: skip
    line = f"--{BOUNDARY}".encode()
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


# ---- judging what comes back

ALLOWED = frozenset({200, 301, 302, 400, 403, 404, 405, 409, 410, 413, 422, 429})
INTERNAL = re.compile(
    rb"Traceback|\bException\b|IntegrityError|DataError|DoesNotExist|\bdjango\.|\ballauth\.|sqlite|psycopg|\.py\b"
    rb"|site-packages|\bbangfu\.(?:web|core|intake|coverage|accounts|registry)|\bDEBUG\b|/tmp/|KeyError|ValueError",
    re.IGNORECASE,
)
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
BAD_TAGS = frozenset({"script", "zqx9", "iframe", "object", "embed", "base", "style"})


@dataclass(frozen=True)
class Answer:
    """An answer, what it answers, how many entries the request wrote into the trail, and what a look then showed."""

    method: str
    path: bytes | str
    response: HttpResponse
    wrote: int
    seen: Any = None

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.response.status_code)

    @property
    def body(self) -> bytes:
        """Return the page."""
        return body_of(self.response)


def body_of(response: HttpResponse) -> bytes:
    """Return what a response holds."""
    return b"".join(response) if response.streaming else bytes(response.content)


class _Markup(HTMLParser):
    """Collects what no page of ours may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BAD_TAGS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction")
            away = leads and re.match(r"\s*(javascript:|https?:|//|/\\)", value or "", re.IGNORECASE)
            if name.startswith("on") or name == "style" or away:
                self.found.append(f"<{tag} {name}={value}>")


def faults(answer: Answer) -> list[str]:
    """Return what is wrong with an answer, each as a short text."""
    found = [*_bad_status(answer), *_bad_headers(answer.response), *_bad_page(answer.response)]
    return [f"{answer.method} {answer.path!r} {answer.status}: {what}" for what in found]


def _bad_status(answer: Answer) -> Iterator[str]:
    if answer.status not in ALLOWED:
        raised = getattr(answer.response, "exc_info", None)
        yield f"status {answer.status} {raised[0].__name__ if raised else ''} {str(raised[1])[:80] if raised else ''}"
    # A mend that leaves a row waiting is kept: what was typed into it stays for the next one.
    mends = str(answer.path).startswith("/imports/rows/") and answer.status == 422
    if answer.status >= 400 and answer.wrote and not mends:
        yield "refused, and yet something stands in the trail"


def _bad_headers(response: HttpResponse) -> Iterator[str]:
    yield from (f"{name}: {response.headers.get(name)}" for name, value in HEADERS.items()
                if response.headers.get(name) != value)  # fmt: skip
    policy = response.headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy or "*" in policy:
        yield f"policy {policy!r}"
    if "no-store" not in response.headers.get("Cache-Control", ""):
        yield f"kept: {response.headers.get('Cache-Control')}"
    leads = response.headers.get("Location", "/")
    if re.match(r"\s*([/\\]{2}|[a-z][a-z0-9+.-]*:(?!//testserver/))", leads, re.IGNORECASE):
        yield f"leads to {leads}"
    if "zqx" in response.cookies:
        yield "sets a cookie of the sender's choosing"


def _bad_page(response: HttpResponse) -> Iterator[str]:
    body = body_of(response)
    if word := INTERNAL.search(body):
        yield f"says {body[max(0, word.start() - 60) : word.end() + 20]!r}"
    if b"7777" in body:
        yield "reckoned what was typed"
    if response.headers.get("Content-Type", "").startswith("text/html"):
        page = _Markup()
        page.feed(body.decode(errors="replace"))
        yield from page.found
