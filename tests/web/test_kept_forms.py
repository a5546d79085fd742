"""What was typed while a session ended, or a proof of identity grew old, comes back to its sender alone."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.http import HttpResponse
from django.test import Client

from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.coverage.models import Difference
from bangfu.web import kept
from bangfu.web.sealing import fernet
from tests.web.conftest import Two, person_of, prove, signed_in

OLD = 601  # seconds: older than ACCOUNT_REAUTHENTICATION_TIMEOUT
TYPED = {"answer": "this_is_right", "evidence": "看过户口本,问了班主任"}
OURS = "http://testserver"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in one round: these tests are not about how slow that is."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


@pytest.fixture
def officer(two: Two) -> User:
    """Return somebody who answers differences."""
    return person_of(Role.COUNTY_BUREAU, two.county.path)


@pytest.fixture
def gap(two: Two) -> Difference:
    """Return an open difference of the officer's county that takes the typed answer."""
    return Difference.objects.filter(code="id_checksum", owner__path__startswith=two.county.path).order_by("pk")[0]


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list whose only number is how many seconds ago forms are sealed."""
    ago, seal = [0], Fernet.encrypt_at_time
    monkeypatch.setattr(Fernet, "encrypt", lambda self, data: seal(self, data, int(time.time()) - ago[0]))
    return ago


def word(user: User) -> str:
    """Return the password of a user of these tests."""
    return "word-" + user.staff_number.partition("-")[2]


def session_over(client: Client) -> Client:
    """End a browser's session, and leave it what else it remembers."""
    client.get("/")
    client.session.flush()
    return client


def sent(client: Client, gap: Difference, **fields: str) -> HttpResponse:
    """Send an answer to a difference."""
    return client.post(f"/differences/{gap.pk}/answer/", TYPED | fields)  # type: ignore[return-value]


def hidden(response: HttpResponse, name: str) -> str:
    """Return the value of a hidden field of a page, or ''."""
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', response.content.decode().split("<main")[1])
    return found[1] if found else ""


def sign_in(client: Client, user: User, page: HttpResponse, password: str = "") -> HttpResponse:
    """Fill in a sign-in page, with all that is hidden in it."""
    fields = {"login": user.staff_number, "password": password or word(user)}
    fields |= {name: hidden(page, name) for name in ("next", "kept")}
    return client.post("/account/login/", fields, follow=True)  # type: ignore[return-value]


def test_a_session_that_ended_in_the_middle_of_a_form_loses_nothing(officer: User, gap: Difference) -> None:
    client = session_over(signed_in(officer))
    page = sent(client, gap)
    assert page.status_code == 403
    assert "户口本" not in page.content.decode()  # it travels sealed
    back = sign_in(client, officer, page)
    text = back.content.decode()
    assert back.redirect_chain[-1][0] == "/account/kept/"
    assert "看过户口本,问了班主任" in text
    assert f'action="/differences/{gap.pk}/answer/"' in text
    assert Difference.objects.get(pk=gap.pk).answer == ""  # nothing was done yet
    answer = sent(client, gap, **{name: hidden(back, name) for name in TYPED})
    assert answer.status_code == 302
    assert Difference.objects.get(pk=gap.pk).answer == "this_is_right"
    assert "this_is_right" not in client.get("/account/kept/").content.decode()


def test_wrong_passwords_do_not_lose_it_either(officer: User, gap: Difference) -> None:
    client = session_over(signed_in(officer))
    page = sign_in(client, officer, sent(client, gap), "wrong")
    assert hidden(page, "kept")
    assert "看过户口本" in sign_in(client, officer, page).content.decode()


def test_it_can_be_dropped(officer: User, gap: Difference) -> None:
    client = session_over(signed_in(officer))
    sign_in(client, officer, sent(client, gap))
    assert "看过户口本" in client.get("/account/kept/").content.decode()
    assert "/account/kept/" in client.get("/").content.decode()  # every page leads to it
    client.post("/account/kept/drop/")
    assert "看过户口本" not in client.get("/account/kept/").content.decode()
    assert "/account/kept/" not in client.get("/").content.decode()
    assert Difference.objects.get(pk=gap.pk).answer == ""


def test_an_old_proof_asks_again_and_keeps_the_form(officer: User, two: Two) -> None:
    client = signed_in(officer, ago=OLD)
    (number,) = set(re.findall(r"/people/(\d+)/", client.post("/people/", {"text": "程安邦"}).content.decode()))
    before = Entry.objects.count()
    asked = client.post(f"/people/{number}/open/", {"reason": "核对证件"})
    assert unquote(asked.headers["Location"]) == "/account/again/?next=/account/kept/"
    assert "已为您留着" in client.get(asked.headers["Location"]).content.decode()
    back = client.post("/account/again/", {"password": word(officer), "next": "/account/kept/"}, follow=True)
    assert "核对证件" in back.content.decode()
    assert Entry.objects.count() == before
    opened = client.post(f"/people/{number}/open/", {"reason": hidden(back, "reason")})
    assert opened.status_code == 200
    assert Entry.objects.filter(action="coverage.open_secrets", reason="核对证件").count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "/users/add/user/", "/users/{0}/slip/", "/users/{0}/grant/", "/users/grants/{1}/end/",
        "/users/{0}/second-factor/",
    ],
)  # fmt: skip
def test_what_is_sensitive_asks_again(two: Two, officer: User, address: str) -> None:
    admin = person_of(Role.SYSTEM_ADMIN, "/")
    address = address.format(officer.staff_number, officer.grants.get().pk)
    form = {"staff_number": "N1", "name": "新人", "role": "helper", "path": two.school.path, "reason": "理由"}
    before = Entry.objects.count()
    old = signed_in(admin, ago=OLD)
    assert unquote(old.post(address, form).headers["Location"]) == "/account/again/?next=/account/kept/"
    assert Entry.objects.count() == before
    prove(old, admin, 0)
    assert old.post(address, form).status_code in (200, 302)
    assert Entry.objects.count() == before + (2 if "add" in address else 1)


def test_to_whom_a_page_is_not_there_nobody_asks_for_a_password(officer: User) -> None:
    assert signed_in(officer, ago=OLD).post("/users/add/user/", {"staff_number": "N1"}).status_code == 404


# ---- abuse


def test_another_user_who_signs_in_does_not_see_it(two: Two, officer: User, gap: Difference) -> None:
    other = person_of(Role.PRINCIPAL, two.school.path)
    client = session_over(signed_in(officer))
    back = sign_in(client, other, sent(client, gap))
    assert "看过户口本" not in back.content.decode()
    assert "已经丢弃" in back.content.decode()
    assert "kept" not in client.session
    assert Difference.objects.get(pk=gap.pk).answer == ""


def test_a_form_of_nobody_known_is_not_kept(officer: User, gap: Difference) -> None:
    page = sent(Client(), gap)
    assert hidden(page, "kept") == ""
    assert "无法确定" in page.content.decode()


def test_whose_form_it_was_cannot_be_claimed(officer: User, gap: Difference) -> None:
    client = Client()
    for claim in (str(officer.pk), f'"{officer.pk}":1tyqAq:AAAA', ""):
        client.cookies[kept.WHOSE] = claim
        assert hidden(sent(client, gap), "kept") == ""


@pytest.mark.parametrize(
    "forged",
    ["x", "gAAAAA", "看", "a" * 100_000, Fernet(b"0" * 43 + b"=").encrypt(b"{}").decode()],
    ids=lambda text: text[:6],
)
def test_a_forged_form_is_none(officer: User, forged: str) -> None:
    client = Client()
    client.post("/account/login/", {"login": officer.staff_number, "password": word(officer), "kept": forged})
    assert client.session["_auth_user_id"] == str(officer.pk)
    assert "kept" not in client.session


def test_what_is_sealed_for_another_purpose_is_none(officer: User) -> None:
    assert (
        kept.opened(fernet(b"second factor").encrypt(b'{"to":"/","user":1,"fields":[],"files":false}').decode()) is None
    )


@pytest.mark.parametrize(("ago", "there"), [(kept.SECONDS - 5, True), (kept.SECONDS + 5, False)])
def test_it_is_dropped_after_an_hour(officer: User, gap: Difference, moments: list[int], ago: int, there: bool) -> None:
    client = session_over(signed_in(officer))
    moments[0] = ago
    back = sign_in(client, officer, sent(client, gap))
    assert ("看过户口本" in back.content.decode()) is there


@pytest.mark.parametrize("fields", [{"evidence": "长" * 30_000}, {f"f{at}": "1" for at in range(400)}])
def test_a_huge_form_is_not_kept_and_says_so(officer: User, gap: Difference, fields: dict[str, str]) -> None:
    page = sent(session_over(signed_in(officer)), gap, **fields)
    assert hidden(page, "kept") == ""
    assert "太多" in page.content.decode()
    stale = signed_in(officer, ago=OLD)
    assert unquote(stale.post("/people/1/open/", fields).headers["Location"]) == "/account/again/?next=/"
    assert "无法保留" in stale.get("/account/again/").content.decode()


def test_passwords_and_tokens_are_not_kept(officer: User, gap: Difference) -> None:
    client = session_over(signed_in(officer))
    page = sent(client, gap, **{"password": "one", "oldPassword": "two", "csrfmiddlewaretoken": "three"})
    form = kept.opened(hidden(page, "kept"))
    assert form is not None
    assert dict(form.fields) == TYPED


def test_pages_that_take_no_forms_keep_none(officer: User) -> None:
    client = session_over(signed_in(officer))
    for address in ("/", "/coverage/", "/account/"):
        assert client.post(address, TYPED).headers["Location"] == f"/account/login/?next={address}"


def test_a_form_goes_back_to_its_own_address_only(officer: User) -> None:
    client = session_over(signed_in(officer))
    page = client.post("/people/?next=//elsewhere.example/", {"text": '"><form action="https://elsewhere.example/">'})
    text = sign_in(client, officer, page).content.decode()
    assert set(re.findall(r'action="([^"]*)"', text)) == {
        "/people/?next=//elsewhere.example/", "/account/kept/drop/", "/account/logout/", "/language/",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/account/login/?next={}", {}), ("/account/login/", {"next": "{}"}),
        ("/account/again/?next={}", {}), ("/account/again/", {"next": "{}"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "next_", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "/\\elsewhere.example"]
)
def test_signing_in_leads_nowhere_else(officer: User, address: str, fields: dict[str, str], next_: str) -> None:
    client = signed_in(officer, ago=OLD) if "again" in address else Client()
    form = {"login": officer.staff_number, "password": word(officer)} | {n: v.format(next_) for n, v in fields.items()}
    assert client.post(address.format(next_), form).headers["Location"] == "/"


@pytest.mark.parametrize(
    "referer",
    ["https://elsewhere.example/people/1/", "//elsewhere.example/", "", "http://testserver.elsewhere.example/"],
)
def test_a_foreign_page_is_not_where_one_goes_back_to(two: Two, referer: str) -> None:
    assert hidden(Client().post("/people/", {"text": "x"}, headers={"Referer": referer}), "next") == "/"
    ours = Client().post("/people/", {"text": "x"}, headers={"Referer": f"{OURS}/people/7/?a=1"})
    assert hidden(ours, "next") == "/people/7/"


# ---- forged requests


def checked(user: User, ago: float = 0) -> Client:
    """Return a signed-in browser whose forms are checked for their token, as they are for everybody."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    prove(client, user, ago)
    client.get("/account/login/")
    return client


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "https://testserver", "http://testserver:81"])
def test_a_form_of_another_site_is_neither_taken_nor_kept(officer: User, gap: Difference, origin: str) -> None:
    client = checked(officer)
    for browser in (client, session_over(checked(officer))):
        refused = browser.post(f"/differences/{gap.pk}/answer/", TYPED, headers={"Origin": origin})
        assert refused.status_code == 403
        assert "太旧" in refused.content.decode()
        assert hidden(refused, "kept") == ""
    assert "kept" not in client.session
    assert Difference.objects.get(pk=gap.pk).answer == ""


def test_without_a_word_of_the_browser_nothing_is_kept(officer: User, gap: Difference) -> None:
    client = checked(officer)
    refused = sent(client, gap)
    assert refused.status_code == 403
    assert "kept" not in client.session


def test_a_token_that_grew_old_in_another_tab_loses_nothing(officer: User, gap: Difference) -> None:
    client = checked(officer)
    form = TYPED | {"csrfmiddlewaretoken": "a" * 64}
    back = client.post(f"/differences/{gap.pk}/answer/", form, headers={"Origin": OURS}, follow=True)
    assert "看过户口本" in back.content.decode()
    assert Difference.objects.get(pk=gap.pk).answer == ""
    again = {name: hidden(back, name) for name in TYPED}
    assert sent(client, gap, **again).status_code == 403  # the kept form's button needs its token as well
    again["csrfmiddlewaretoken"] = hidden(back, "csrfmiddlewaretoken")
    assert sent(client, gap, **again).status_code == 302
    assert Difference.objects.get(pk=gap.pk).answer == "this_is_right"


def test_sign_in_forms_are_never_kept(officer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    form = {"login": officer.staff_number, "password": word(officer)}
    refused = client.post("/account/login/", form, headers={"Origin": OURS})
    assert refused.status_code == 403
    assert word(officer) not in unquote(refused.content.decode())
