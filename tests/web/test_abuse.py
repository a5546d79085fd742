"""Abuse of every form and every address: no answer is a fault of ours, says what it should not, or sends markup back.

Forms are found by reading the pages that each role is shown. BANGFU_ABUSE=20 tries twenty times as much.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_from_bytes
from wsgiref.util import setup_testing_defaults

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.signals import request_started
from django.db import close_old_connections
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bangfu.accounts.actions import issue_slip
from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.core.messages import say
from bangfu.coverage import uploading
from bangfu.identify.actions.referrals import refer
from bangfu.identify.models import Notice, Round
from bangfu.registry.models import SourceFile
from bangfu.web import inbox
from bangfu.web.wsgi import application
from tests.conftest import BY, import_paths
from tests.coverage.lists import APRIL, FIRST, Human, record
from tests.identify.applying import ANSWERS, a_pass, a_round
from tests.identify.reviewed import noticed, open_round, proposed_cases, review
from tests.intake.bad_files import BAD_FILES, HEADER, csv_text, pupil_rows, write_roll
from tests.web.abuse import (
    BOUNDARY,
    ESCAPED,
    FORM,
    HEADERS,
    MARK,
    MULTIPART,
    NASTY,
    Answer,
    Caller,
    Field,
    Form,
    faults,
    forms_on,
    multipart,
    urlencoded,
)  # fmt: skip
from tests.web.conftest import HERE, Two, person_of, signed_in
from tests.web.test_matrix import PLACE, addresses, filled

T = TypeVar("T")
DEPTH = int(os.environ.get("BANGFU_ABUSE", "1"))
# Always the same examples, so that a fault found today is found tomorrow.
bounded = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
FORM_TRIES, ADDRESS_TRIES = 6 * DEPTH, 500 * DEPTH
# Which share of the odd texts each field gets: half, and a small one where who is who is reckoned anew with each
# decision, a row is read anew with each mend, or the form is allauth's, which others abuse too.
STEPS = {
    "/notice/": 6, "/objection/": 6, "/family/": 12, "/identify/": 12, "/links/": 12, "/imports/": 12, "/users/": 6,
    "/account/": 3, "/": 2,
}  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "ZQX")
KINDS = (
    FORM, MULTIPART, "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300, "application/json",
    "text/plain", "text/xml", "", "zqx",
)  # fmt: skip
BODIES = (
    b"", b"\0", b"{", b'{"reason": {"$ne": 1}}', b"&&==&", b"%", b"a" * 2000, f"--{BOUNDARY}".encode(),
    f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{BOUNDARY}--".encode(),
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="reason"\r\n\r\n\\ud800\r\n--{BOUNDARY}--\r\n'.encode(),
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x\r\nContent-Transfer-Encoding: base64\r\n\r\n*'.encode(),
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY z SYSTEM "file:///etc/passwd">]><x>&z;</x>',
)  # fmt: skip
ODD_HEADERS: tuple[dict[str, str], ...] = (
    {}, {"HTTP_ACCEPT_LANGUAGE": "x" * 5000}, {"HTTP_ACCEPT_LANGUAGE": "../../../etc;q=-1,*;q=zz, \0"},
    {"HTTP_ACCEPT_LANGUAGE": "zh-" * 2000}, {"HTTP_COOKIE": "django_language=../../x; sessionid=" + "z" * 4000},
    {"HTTP_COOKIE": 'sessionid="\\000aaaaaaaaaaaaaaaaaaaaaaa"; csrftoken="\\000"; messages="\\000"'},
    {"HTTP_COOKIE": 'django_language="\\000"'},
    {"HTTP_COOKIE": "messages=" + MARK}, {"HTTP_COOKIE": "=;;=\xff;a"}, {"HTTP_HOST": "zqx.invalid"},
    {"HTTP_HOST": "a b"}, {"HTTP_X_FORWARDED_HOST": "zqx.invalid", "HTTP_X_FORWARDED_PROTO": "https"},
    {"HTTP_X_FORWARDED_FOR": "\0, 127.0.0.1, " + MARK}, {"HTTP_USER_AGENT": MARK + "\0" + "x" * 5000},
    {"HTTP_REFERER": "javascript:zqx9()"}, {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, {"CONTENT_LENGTH": "-1"},
    {"HTTP_IF_MODIFIED_SINCE": "zqx", "HTTP_RANGE": "bytes=9-1"}, {"REMOTE_ADDR": ""},
    {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest", "HTTP_ACCEPT": "application/json"},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in one round: these tests are not about how slow that is."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


# A row that waits for somebody to mend it, so that the page on which that is done is shown.
WAITS = Human("柏有误", 440, date(2016, 5, 4)).enrolled(FIRST, 出生日期="二〇一六年")

# ---------------------------------------------------------------- the checks themselves


def page(body: bytes, status: int = 200, **headers: str) -> HttpResponse:
    """Return an answer as our pages give it, but for what is changed."""
    good = HEADERS | {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}
    return HttpResponse(body, status=status, headers=good | {n.replace("_", "-"): v for n, v in headers.items()})


def test_a_good_answer_has_no_faults() -> None:
    assert faults(Answer("GET", "/", page(b"<p title='a'>" + ESCAPED + b"<a href=/x>x</a>"), 3)) == []


@pytest.mark.parametrize(
    ("response", "wrote"),
    [
        (page(b"", 500), 0),
        (page(b"", 201), 0),
        (page(b"", 403), 1),
        (page(b"Traceback (most recent call last)"), 0),
        (page(b"no such column in /x/views.py"), 0),
        (page(b"<p>" + MARK.encode()), 0),
        (page(b"<p onclick=x>"), 0),
        (page(b"<a href='javascript:x'>"), 0),
        (page(b"<script>1</script>"), 0),
        (page(b"7777"), 0),
        (page(b"", Content_Security_Policy="default-src 'none'; style-src 'unsafe-inline'"), 0),
        (page(b"", Content_Security_Policy="default-src *"), 0),
        (page(b"", X_Frame_Options=""), 0),
        (page(b"", X_Content_Type_Options=""), 0),
        (page(b"", Referrer_Policy=""), 0),
        (page(b"", Cache_Control="max-age=60"), 0),
        (page(b"", 302, Location="//zqx.invalid/"), 0),
        (page(b"", 302, Location="https://zqx.invalid/"), 0),
    ],
)
def test_a_bad_answer_is_found(response: HttpResponse, wrote: int) -> None:
    assert faults(Answer("POST", "/", response, wrote))


def test_forms_are_read_from_a_page() -> None:
    text = (
        b"<form method=post action=../go/><input name=a value=1><input type=hidden name=csrfmiddlewaretoken value=x>"
        b"<select name=b><option value=1><option value=2></select><textarea name=c></textarea><button name=d value=4>"
        b"</form><form><input type=date name=e></form>"
    )
    post, get = forms_on("/here/now/", HttpResponse(text))
    assert (post.action, post.method, get.action, get.method) == ("/here/go/", "post", "/here/now/", "get")
    assert post.plain() == [("a", b"1"), ("b", b"1"), ("c", "字".encode()), ("d", b"4")]
    assert get.plain() == [("e", b"2025-06-01")]


# ---------------------------------------------------------------- who sends


def caller(name: str, user: User, *, fresh: bool = False) -> Caller:
    """Return the browser of somebody; `fresh`: he has just given his password."""
    client = signed_in(user)
    if fresh:
        assert client.post("/account/again/", {"password": word_of(user)}).status_code == 302
    return Caller(name, client.cookies)


def word_of(user: User) -> str:
    """Return the password that `person_of` gave."""
    return f"word-{user.staff_number.partition('-')[2]}"


def with_second_factor(user: User) -> User:
    """Give a user a second factor and codes for the day on which it is lost."""
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    return user


def half_in(user: User) -> Caller:
    """Return a browser that has given the password, and is asked for the second factor."""
    client = Client()
    given = {"login": user.staff_number, "password": word_of(user)}
    assert client.post("/account/login/", given).headers["Location"] == "/account/two-factor/authenticate/"
    return Caller("half in", client.cookies)


@pytest.fixture
def callers(two: Two, tmp_path: Path) -> list[Caller]:
    """Return a browser for every role, and for those whom other pages meet: strangers, the newly come, the half in."""
    rows = [*(human.enrolled(FIRST) for human in HERE), WAITS]
    held = tmp_path / "held.csv"
    held.write_bytes(csv_text([[*HEADER], *([row.get(heading, "") for heading in HEADER] for row in rows)]).encode())
    (report,) = import_paths([held], day=APRIL)
    assert report.rows["held"] == 1

    def user(role: Role) -> User:
        place = PLACE[role]
        return person_of(role, place if place == "/" else getattr(two, place).path)

    found = [caller(str(role), user(role), fresh=role is Role.SYSTEM_ADMIN) for role in Role]
    new = person_of(Role.PRINCIPAL, two.next_school.path)
    issue_slip(staff_number=new.staff_number, by=BY)
    second, third, fourth = (
        with_second_factor(person_of(Role.AID_OFFICER, place.path))
        for place in (two.next_school, two.far_school, two.far_county)
    )
    # Signed in after the slip, which ends the sessions of before.
    others = [caller("new", User.objects.get(pk=new.pk)), caller("second factor", second, fresh=True)]
    a_notice(two)
    return [*found, *others, caller("stale", third), half_in(fourth), a_family(two), Caller("stranger")]


def a_notice(two: Two) -> None:
    """Publish a notice at the school that stands, with an objection and a referral; one case waits for the next."""
    first, *cases = proposed_cases(open_round(two.school))
    noticed(first.round, cases)
    review([first])
    refer(human=first.person_id, to="veterans.martyr", words="x", by=BY)


def asked_of_strangers() -> list[tuple[str, bytes]]:
    """Return the pages of a notice that stands."""
    token = Notice.objects.get().token
    return [(f"/notice/{token}/", b""), (f"/notice/{token}/object/", b"")]


def a_family(two: Two) -> Caller:
    """Return the phone of a family that has typed its code and begun to apply."""
    last = timezone.localdate() + timedelta(days=1)
    round_ = Round.objects.filter(school=two.school).first() or a_round(two.school)
    Round.objects.filter(pk=round_.pk).update(apply_until=last)
    code, _ = a_pass(round_, record(HERE[0], "school_roll"), two.school_class.path, until=last)
    client = Client()
    assert client.post("/pass/", {"code": code}).status_code == 302
    for address, form in (("/family/notice/", {}), *((f"/family/apply/{page}/", ANSWERS[page]) for page in ANSWERS)):
        rows = form if isinstance(form, list) else [form]
        assert {client.post(address, row).status_code for row in rows} == {302}
    return Caller("family", client.cookies)


def asked_of_families() -> list[tuple[str, bytes]]:
    """Return the pages of the application, and the one on which a teacher types one in, with what each is asked for."""
    round_, person = Round.objects.values_list("pk", flat=True)[0], record(HERE[1], "school_roll")
    typed = (f"/identify/{round_}/families/type-in/", f"person={person}".encode())
    return [*((f"/family/apply/{page}/", b"") for page in ANSWERS), typed]


def every_form(callers: list[Caller], two: Two) -> tuple[list[tuple[Caller, Form]], list[str]]:
    """Return each kind of form once, with the first who is shown it; and what is wrong with the pages."""
    wrong: list[str] = []
    found: dict[tuple[str, ...], tuple[Caller, Form]] = {}
    for who in callers:
        shown = set[str]()
        for address, query in [
            *((address, b"") for address in filled(two)),
            *asked_of_families(),
            *asked_of_strangers(),
        ]:
            kind = re.sub(r"\d+", "0", address)
            if kind in shown and DEPTH == 1:
                continue
            answer = who.send("GET", address, query)
            wrong += [f"{who.name}: {fault}" for fault in faults(answer)]
            if answer.status == 200:
                shown.add(kind)
                for form in forms_on(address, answer.response):
                    found.setdefault(form.key(), (who, form))
    return list(found.values()), wrong


# ---------------------------------------------------------------- every form


def changed(fields: list[Field]) -> st.SearchStrategy[list[tuple[str, bytes]]]:
    """Return what may be sent for these fields: each kept, left out, odd, or sent twice; and one nobody asked for."""
    odd = st.sampled_from(NASTY)

    def one(field: Field) -> st.SearchStrategy[list[tuple[str, bytes]]]:
        kept = st.just([(field.name, field.plain)])
        twice = st.tuples(odd, odd).map(lambda pair: [(field.name, pair[0]), (field.name, pair[1])])
        return st.one_of(kept, st.just([]), odd.map(lambda value: [(field.name, value)]), twice)

    extra = st.one_of(st.just([]), odd.map(lambda value: [("zqx\0" + MARK, value)]))
    parts = st.tuples(*map(one, fields), extra)
    return parts.map(lambda parts: [pair for part in parts for pair in part])


def one_wrong(form: Form) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the form with one field wrong in each way, the others as they should be; and with one field missing."""
    plain = form.plain()
    yield plain
    steps = [step for start, step in STEPS.items() if form.action.startswith(start)]
    step = max(steps) if DEPTH == 1 else 1
    for at, (name, _) in enumerate(plain):
        yield [*plain[:at], *plain[at + 1 :]]
        for value in {MARK.encode(): 0, **dict.fromkeys(NASTY[at % step :: step])}:
            yield [*plain[:at], (name, value), *plain[at + 1 :]]


def test_every_form_takes_abuse(callers: list[Caller], two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    (forms, found), sent, given_back = every_form(callers, two), 0, set[str]()
    for who, form in forms:

        def tried(pairs: list[tuple[str, bytes]], who: Caller = who, form: Form = form) -> list[str]:
            nonlocal sent
            sent += 1
            answer = who.submit(form, pairs)
            if ESCAPED in answer.body:
                given_back.add(form.action)
            return [f"{who.name}: {fault} of {[(n, v[:40]) for n, v in pairs]}" for fault in faults(answer)]

        for pairs in one_wrong(form):
            found += tried(pairs)
        found += combined(form, tried) if form.fields else []
    assert found == []
    actions = {form.action for _, form in forms}
    assert {"/users/add/user/", "/account/login/", "/account/two-factor/authenticate/", "/imports/upload/", "/audit/",
            "/account/two-factor/totp/activate/", "/account/password/"} <= actions  # fmt: skip
    # What was typed comes back, and escaped.
    assert {"/people/", "/audit/", "/account/login/"} <= given_back
    assert any(action.startswith("/differences/") for action in given_back)
    with capsys.disabled():
        print(f"\n{len(forms)} forms, {sent} times abused: 0 faults", end="")  # noqa: T201 - the figure is what counts


def combined(form: Form, tried: Callable[[list[tuple[str, bytes]]], list[str]]) -> list[str]:
    """Return what is found with several fields wrong at once: of the first example that fails, made small."""
    found: list[str] = []

    @given(changed(form.fields))
    @settings(bounded, max_examples=FORM_TRIES)
    def abused(pairs: list[tuple[str, bytes]]) -> None:
        assert tried(pairs) == []

    try:
        abused()
    except AssertionError as problem:
        found.append(str(problem))
    return found


# ---------------------------------------------------------------- every address

INTS = (b"0", b"1", b"-1", b"007", b"1e3", "٣".encode(), b"9" * 18, str(1 << 63).encode(), b"9" * 5000)
QUERY_NAMES = (b"page", b"code", b"who", b"what", b"all", b"next", b"language", b"q\0", b"\xff", b"page[]")
PAGES = ("/differences/", "/audit/", "/links/", "/imports/", "/people/", "/households/", "/schools/", "/account/login/")
ODD_ADDRESSES = (
    b"/zqx", b"/\0", b"//zqx.invalid/", b"/coverage", b"/coverage//", b"/%00/", b"/\xff\xfe/", b"/people/1/open",
    b"/../../etc/passwd", b"/static/../keys.json", b"/static/..%2fkeys.json", b"/static/web/", b"/static/\0.css",
    b"/static//etc/passwd", b"/\\zqx", b"/people/<zqx9>/", b"/" + b"x/" * 3000, b"",
)  # fmt: skip


def unslashed(value: bytes) -> bytes:
    """Return what can stand between two slashes."""
    return value.replace(b"/", b"") or b"-"


def paths() -> st.SearchStrategy[bytes]:
    """Return addresses of the site, filled with what may and may not be there, and addresses that are none."""
    texts = st.sampled_from(NASTY).map(unslashed)

    def filled_in(route: str) -> st.SearchStrategy[bytes]:
        parts = re.split(r"<(\w+):\w+>", route)
        kinds = [st.sampled_from(INTS) if kind == "int" else texts for kind in parts[1::2]]
        return st.tuples(*kinds).map(
            lambda given: b"".join(part.encode() + value for part, value in zip(parts[::2], [*given, b""], strict=True))
        )

    return st.one_of(st.sampled_from(addresses()).flatmap(filled_in), st.sampled_from(ODD_ADDRESSES))


def queries() -> st.SearchStrategy[bytes]:
    """Return query strings."""
    pairs = st.lists(st.tuples(st.sampled_from(QUERY_NAMES), st.sampled_from(NASTY)), max_size=3)
    written = pairs.map(lambda pairs: b"&".join(quoted(name) + b"=" + quoted(value) for name, value in pairs))
    return st.one_of(written, st.binary(max_size=20).map(lambda raw: raw.replace(b"#", b"")), st.just(b"a&" * 1200))


def quoted(value: bytes) -> bytes:
    """Return bytes as an address writes them."""
    return quote_from_bytes(value).encode()


def mostly(plain: T, odd: Sequence[T]) -> st.SearchStrategy[T]:
    """Return the plain thing half of the time, so that one odd thing is not hidden behind another."""
    return st.one_of(st.just(plain), st.sampled_from(odd))


def test_every_address_takes_abuse(callers: list[Caller], capsys: pytest.CaptureFixture[str]) -> None:
    sent = 0

    @given(
        st.sampled_from(callers), mostly("GET", METHODS), paths(), queries(), mostly(b"", BODIES), mostly(FORM, KINDS),
        mostly({}, ODD_HEADERS),
    )  # fmt: skip
    @settings(bounded, max_examples=ADDRESS_TRIES)
    def abused(
        who: Caller, method: str, path: bytes, query: bytes, body: bytes, kind: str, more: dict[str, str]
    ) -> None:
        nonlocal sent
        sent += 1
        answer = who.send(method, path, query, body, kind, **more)
        assert faults(answer) == [], who.name

    abused()
    with capsys.disabled():
        print(f"\n{sent} requests to {len(addresses())} addresses: 0 faults", end="")  # noqa: T201 - as above


def test_every_address_and_page_takes_each_odd_thing(callers: list[Caller], two: Two) -> None:
    bureau = next(who for who in callers if who.name == Role.COUNTY_BUREAU)
    once = {re.sub(r"\d+", "0", address): address for address in filled(two)}.values()
    answers = [bureau.send(method, address) for address in once for method in METHODS]
    answers += [
        bureau.send(
            "GET", address, b"&".join(name + b"=" + quoted(value) for name in (b"page", b"who", b"what", b"next"))
        )
        for address in PAGES
        for value in NASTY
    ]
    odd: list[tuple[str, dict[str, str]]] = [*((kind, {}) for kind in KINDS), *((FORM, more) for more in ODD_HEADERS)]
    answers += [
        who.send(method, "/people/", b"", b"text=x", kind, **more)
        for who in (bureau, callers[-1])
        for method in ("GET", "POST")
        for kind, more in odd
    ]
    assert [fault for answer in answers for fault in faults(answer)] == []
    # A method that no page knows is told so, or nothing at all to who has no business there.
    assert {answer.status for answer in answers if answer.method not in ("GET", "HEAD", "POST")} <= {405}


@pytest.mark.parametrize("kind", [FORM, MULTIPART])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "unicode_escape", "zlib_codec", "idna", "zqx", "\0", "=;="])
def test_forms_are_in_utf_8_whatever_they_say(founded: Path, kind: str, charset: str) -> None:
    pairs, told = [("login", b"\\ud800"), ("password", b"x"), ("next", b"/")], list[str]()
    body = urlencoded(pairs) if kind == FORM else multipart(pairs)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/account/login/", "QUERY_STRING": "next=/%5Cud800",
        "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": f"{kind}; charset={charset}",
    }  # fmt: skip
    setup_testing_defaults(environ)
    request_started.disconnect(close_old_connections)  # it would close the test's own, as Django's test client knows
    try:
        page = b"".join(application(environ, lambda status, headers: told.append(status)))
    finally:
        request_started.connect(close_old_connections)
    assert told == ["403 Forbidden"]  # it was read, and brings no token
    assert say("form_too_old_title", "zh").encode() in page


@pytest.mark.parametrize("address", ["/static/web/bangfu.css", "/static/web/icon.svg", "/static/nothing.css"])
def test_files_of_the_site_are_guarded_too(db: None, address: str) -> None:
    answer = Caller("stranger").send("GET", address)
    assert [fault for fault in faults(answer) if "kept:" not in fault] == []


def test_a_form_without_its_token_is_refused(callers: list[Caller], two: Two) -> None:
    bureau = next(who for who in callers if who.name == Role.COUNTY_BUREAU)
    for address in filled(two):
        answer = bureau.send("POST", address, b"", b"reason=x&text=x", checks_tokens=True)
        assert answer.status in (403, 404, 405), address
        assert faults(answer) == []
        assert answer.wrote == 0
        if answer.status == 403:
            assert say("form_too_old_title", "zh").encode() in answer.body


@pytest.mark.parametrize("fields", [1001, 1])
def test_what_is_too_much_is_refused(callers: list[Caller], fields: int) -> None:
    pairs = [("reason", b"x" * ((3 << 20) // fields))] * fields
    for body, kind in ((urlencoded(pairs), FORM), (multipart(pairs), MULTIPART)):
        answer = callers[1].send("POST", "/people/1/open/", b"", body, kind)
        assert answer.status == 400
        assert faults(answer) == []


def test_a_fault_of_ours_says_nothing_of_itself(callers: list[Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT name FROM registry_detail")

    monkeypatch.setattr(inbox, "grouped_tasks", fails)
    answer = callers[1].send("GET", "/")
    assert answer.status == 500
    assert [fault for fault in faults(answer) if "status 500" not in fault] == []
    assert b"SELECT" not in answer.body


# ---------------------------------------------------------------- uploads

NAMES: tuple[bytes, ...] = (
    b"../../../../zqx-out.csv", b"..\\..\\zqx-out.csv", b"/zqx-out.csv", b"C:\\zqx-out.csv", b"zqx\0out.csv",
    b".csv", b"..csv", b"x" * 300 + b".csv", "名".encode() * 300 + b".csv", "名".encode() * 120 + b".csv",
    MARK.replace('"', "").encode() + b".csv", "\u202evsc.csv".encode(), b"\xff\xfe.csv", b"con.csv",
    b"%2e%2e%2fzqx-out.csv", b"-rf.csv", b"a\tb.csv", b"{by}.csv", b"x;y.csv", b"x.csv/", b"x.CSV", b"x.exe",
    b"x.csv.exe", b"", b".", b"..",
)  # fmt: skip
CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "one zero": b"\0",
    "a mark": b"\xef\xbb\xbf",
    "PK": b"PK\x03\x04",
    "zips": b"PK\x05\x06" + b"\0" * 18,
    "OLE": bytes.fromhex("d0cf11e0a1b11ae1"),
    "program": b"MZ" + b"\0" * 500,
    "formula": "姓名\n=cmd|' /C calc'!A0".encode(),
    "commas": b"," * 100_000,
    "lines": b"\n" * 100_000,
    "entities": b'<!DOCTYPE x [<!ENTITY z SYSTEM "file:///etc/passwd">]><table><tr><td>&z;</table>',
}
# Those that are quickly made and read: tests/intake reads them all.
BAD = (
    "encrypted_xlsx", "truncated_xlsx", "lying_zip_bomb", "empty_sheet", "no_header", "unbalanced_quotes",
    "nul_bytes", "merge_conflict_markers", "binary_garbage", "docx_renamed_to_xlsx", "html_error_page",
)  # fmt: skip


@pytest.fixture
def officer(callers: list[Caller], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Return who may upload; what is put down meanwhile lies in a folder that is empty again at the end."""
    folder = tmp_path / "put-down"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield next(who for who in callers if who.name == Role.AID_OFFICER)
    assert list(folder.iterdir()) == []


def uploaded(who: Caller, *files: tuple[bytes, bytes]) -> Answer:
    """Upload files (name, content); the answer has seen the names under which they are kept."""
    body = multipart([], tuple(("files", name, content) for name, content in files))
    before = set(SourceFile.objects.values_list("pk", flat=True))
    names = SourceFile.objects.exclude(pk__in=before).values_list("name", flat=True)
    return who.send("POST", "/imports/upload/", b"", body, MULTIPART, look=lambda: list(names.all()))


def test_an_upload_has_a_name_and_no_path(officer: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "link_records", lambda **_: None)  # slow, and not about names
    content, found, kept = write_roll(tmp_path / "roll.csv", pupil_rows(2)).read_bytes(), list[str](), list[str]()
    for name in NAMES:
        answer = uploaded(officer, (name, content))
        found += [f"{name[:30]!r}: {fault}" for fault in faults(answer)]
        kept += answer.seen
    assert found == []
    assert len(kept) >= len(NAMES) // 2
    assert [name for name in kept if re.search(r"[/\\\0]|^\.*$", name)] == []
    assert list(tmp_path.rglob("*zqx*")) == []


def test_an_upload_that_is_no_list_is_refused(officer: Caller, tmp_path: Path) -> None:
    made = {name: BAD_FILES[name](tmp_path) for name in BAD}
    sent = {path.name: path.read_bytes() for path in made.values()}
    sent |= {f"{name}{suffix}": content for name, content in CONTENTS.items() for suffix in (".csv", ".xlsx")}
    for name, content in sent.items():
        answer = uploaded(officer, (name.encode(), content))
        assert faults(answer) == [], name
        # That it was tried is in the trail, and that nothing came of it is on the job's page.
        assert answer.seen == [], name
        assert answer.status == 302, name


def test_too_many_uploads_are_refused(officer: Caller) -> None:
    for count in (0, 61, 101):
        answer = uploaded(officer, *[(b"x.csv", b"a,b")] * count)
        assert faults(answer) == []
        assert (answer.status in (302, 400), answer.wrote, answer.seen) == (True, 0, [])
