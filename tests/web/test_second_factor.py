"""A second factor: at sign-in, demanded by role, not to be walked around, and taken off by the office."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from bangfu.accounts.actions import drop_second_factor, require_second_factor
from bangfu.accounts.models import User
from bangfu.accounts.queries import second_factor_roles
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed
from tests.conftest import BY, NOW
from tests.intake.commands import Finished, here
from tests.web.conftest import Two, person_of, signed_in
from tests.web.test_matrix import FOR_STRANGERS, FORM, filled

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - nobody's
OLD = 601  # seconds: older than ACCOUNT_REAUTHENTICATION_TIMEOUT
Run = Callable[..., Finished]


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in one round: these tests are not about how slow that is."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


@pytest.fixture
def admin(two: Two) -> User:
    """Return the system admin."""
    return person_of(Role.SYSTEM_ADMIN, "/")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `bangfu` in this process, in English."""
    monkeypatch.setenv("BANGFU_LANG", "en")

    def command(*arguments: Any) -> Finished:
        return here(monkeypatch, capsys, *arguments)

    return command


def word(user: User) -> str:
    """Return the password of a user of these tests."""
    return "word-" + user.staff_number.partition("-")[2]


def code_of(secret: str) -> str:
    """Return the code that an app shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def with_app(user: User) -> User:
    """Give a user an authenticator app."""
    TOTP.activate(user, SECRET)
    return user


def demand(*roles: Role) -> None:
    """Let these roles need a second factor."""
    require_second_factor(roles=roles, by=BY, reason="office decided")


def half_signed_in(user: User) -> Client:
    """Return a browser in which only the password was given."""
    client = Client()
    client.post("/account/login/", {"login": user.staff_number, "password": word(user), "next": "/users/"})
    return client


# ---- at sign-in


def test_the_code_signs_in_and_leads_where_one_wanted_to_go(admin: User) -> None:
    client = half_signed_in(with_app(admin))
    assert client.get("/users/").status_code == 302
    page = client.post("/account/two-factor/authenticate/", {"code": "000000"})
    assert "验证码不对" in page.content.decode()
    done = client.post("/account/two-factor/authenticate/", {"code": code_of(SECRET)})
    assert done.headers["Location"] == "/users/"
    assert client.get("/users/").status_code == 200


def test_a_code_opens_once(admin: User) -> None:
    code = code_of(SECRET)
    first, second = half_signed_in(with_app(admin)), half_signed_in(admin)
    assert first.post("/account/two-factor/authenticate/", {"code": code}).status_code == 302
    assert second.post("/account/two-factor/authenticate/", {"code": code}).status_code == 200
    assert second.get("/users/").status_code == 302


def test_many_wrong_codes_are_stopped(admin: User) -> None:
    client = half_signed_in(with_app(admin))
    for _ in range(5):
        client.post("/account/two-factor/authenticate/", {"code": "000000"})
    client.post("/account/two-factor/authenticate/", {"code": code_of(SECRET)})
    assert client.get("/users/").status_code == 302


@pytest.mark.parametrize("method", ["get", "post"])
def test_with_the_password_alone_no_address_opens(two: Two, admin: User, method: str) -> None:
    client = half_signed_in(with_app(admin))
    person_of(Role.HELPER, two.school.path)
    before = Entry.objects.count()
    for address in filled(two):
        if address.startswith("/account/logout/"):  # ends the try to sign in
            continue
        response = client.get(address) if method == "get" else client.post(address, FORM)
        own = address.startswith("/account/two-factor/authenticate/") or address in FOR_STRANGERS
        assert response.status_code in (302, 403, 404, 405, 422) or own, address
        assert "_auth_user_id" not in client.session
    assert Entry.objects.count() == before
    assert client.get("/account/two-factor/authenticate/").status_code == 200


def test_a_form_that_waits_goes_through_the_second_factor(admin: User) -> None:
    client = signed_in(with_app(admin))
    client.get("/")
    client.session.flush()
    page = client.post("/users/add/user/", {"staff_number": "N1", "name": "新来的人"}).content.decode()
    kept = re.search(r'name="kept" value="([^"]+)"', page)
    assert kept
    form = {"login": admin.staff_number, "password": word(admin), "kept": kept[1], "next": "/account/kept/"}
    client.post("/account/login/", form)
    done = client.post("/account/two-factor/authenticate/", {"code": code_of(SECRET)}, follow=True)
    assert "新来的人" in done.content.decode()


# ---- demanded by role


def test_nobody_must_unless_the_office_says_so(two: Two, admin: User) -> None:
    assert second_factor_roles() == frozenset()
    assert signed_in(admin).get("/users/").status_code == 200


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.AUDITOR, Role.COUNTY_BUREAU])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_must_have_one_reaches_its_page_alone(two: Two, role: Role, method: str) -> None:
    demand(role)
    place = {Role.SYSTEM_ADMIN: "/"}.get(role, two.county.path)
    client = signed_in(person_of(role, place))
    person_of(Role.HELPER, two.school.path)
    before = Entry.objects.count()
    open_ = {"/account/two-factor/totp/activate/", "/account/password/", "/account/again/", "/language/"}
    for address in filled(two):
        if address.startswith("/account/logout/"):
            continue
        response = client.get(address) if method == "get" else client.post(address, FORM)
        leads = response.headers.get("Location")
        assert address in open_ or leads == "/account/two-factor/totp/activate/", (address, leads)
    assert Entry.objects.count() == before


def test_setting_it_up_opens_the_rest(admin: User) -> None:
    demand(Role.SYSTEM_ADMIN)
    client = signed_in(admin)
    page = client.get("/users/", follow=True).content.decode()
    assert "您的角色必须使用两步验证" in page
    assert 'href="/users/"' not in page
    secret = re.search(r"[A-Z2-7]{32}", page)
    assert secret
    done = client.post("/account/two-factor/totp/activate/", {"code": code_of(secret[0])}, follow=True)
    assert done.redirect_chain[-1][0] == "/account/two-factor/recovery-codes/"
    assert client.get("/users/").status_code == 200
    stored = Authenticator.objects.get(user=admin, type="totp")
    assert secret[0] not in str(stored.data)
    assert decrypt(stored.data["secret"]) == secret[0]


def test_it_may_not_be_taken_off_while_the_role_demands_it(admin: User) -> None:
    demand(Role.SYSTEM_ADMIN)
    client = signed_in(with_app(admin))
    client.post("/account/two-factor/totp/deactivate/")
    assert Authenticator.objects.filter(user=admin, type="totp").exists()
    require_second_factor(roles=[], by=BY, reason="no longer")
    client.post("/account/two-factor/totp/deactivate/")
    assert not Authenticator.objects.filter(user=admin).exists()


def test_recovery_codes_alone_are_no_second_factor(admin: User) -> None:
    demand(Role.SYSTEM_ADMIN)
    Authenticator.objects.create(user=admin, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    assert signed_in(admin).get("/users/").status_code == 302


def test_other_roles_go_on_as_before(two: Two) -> None:
    demand(Role.SYSTEM_ADMIN)
    assert signed_in(person_of(Role.AUDITOR, two.county.path)).get("/audit/").status_code == 200


def test_a_slip_comes_first(admin: User) -> None:
    demand(Role.SYSTEM_ADMIN)
    User.objects.filter(pk=admin.pk).update(must_change_password=True)
    assert signed_in(admin).get("/account/two-factor/totp/activate/").headers["Location"] == "/account/password/"


# ---- changing it


@pytest.mark.parametrize("page", ["totp/activate/", "totp/deactivate/", "recovery-codes/generate/"])
def test_changing_it_asks_again_after_a_while(admin: User, page: str) -> None:
    if "activate" not in page or "deactivate" in page:
        with_app(admin)
    assert signed_in(admin).get(f"/account/two-factor/{page}").status_code == 200
    asked = signed_in(admin, ago=OLD).get(f"/account/two-factor/{page}")
    assert asked.headers["Location"].startswith("/account/again/")


def test_a_code_proves_as_well_as_the_password(admin: User) -> None:
    client = signed_in(with_app(admin), ago=OLD)
    assert client.post(f"/users/{admin.staff_number}/slip/").status_code == 302
    assert "/account/two-factor/reauthenticate/" in client.get("/account/again/").content.decode()
    client.post("/account/two-factor/reauthenticate/", {"code": code_of(SECRET)})
    assert client.post(f"/users/{admin.staff_number}/slip/").status_code == 200


def test_wrong_passwords_when_asked_again_lock(admin: User) -> None:
    client = signed_in(admin, ago=OLD)
    for _ in range(5):
        page = client.post("/account/again/", {"password": "wrong"})
    assert "已锁定" in page.content.decode()
    client.post("/account/again/", {"password": word(admin)})
    assert client.post(f"/users/{admin.staff_number}/slip/").status_code == 302


def test_changes_are_in_the_trail(admin: User, django_capture_on_commit_callbacks: Any) -> None:
    client = signed_in(with_app(admin))
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/account/two-factor/recovery-codes/generate/")
        client.post("/account/two-factor/totp/deactivate/")
    entries = Entry.objects.filter(action="accounts.change_second_factor", subject=f"user:{admin.pk}")
    assert sorted(entry.details for entry in entries) == [
        '{"event":"recovery_codes_generated"}', '{"event":"totp_deactivated"}',
    ]  # fmt: skip


def test_the_office_takes_a_lost_one_off(two: Two, admin: User) -> None:
    user = with_app(person_of(Role.AID_OFFICER, two.school.path))
    client = signed_in(admin)
    address = f"/users/{user.staff_number}/second-factor/"
    assert address in client.get(f"/users/{user.staff_number}/").content.decode()
    assert client.post(address, {"reason": " "}).status_code == 422
    assert Authenticator.objects.filter(user=user).exists()
    assert client.post(address, {"reason": "phone lost"}).status_code == 302
    assert not Authenticator.objects.filter(user=user).exists()
    assert Entry.objects.filter(action="accounts.drop_second_factor", reason="phone lost").count() == 1
    assert address not in client.get(f"/users/{user.staff_number}/").content.decode()


def test_only_an_admin_takes_off_and_demands(two: Two, admin: User) -> None:
    officer = Actor("O1", NOW, 2, (Reach(Role.COUNTY_BUREAU, "/"),))
    with_app(admin)
    with pytest.raises(NotAllowed):
        drop_second_factor(staff_number=admin.staff_number, by=officer, reason="x")
    with pytest.raises(NotAllowed):
        require_second_factor(roles=[Role.AUDITOR], by=officer, reason="x")
    assert Authenticator.objects.filter(user=admin).exists()
    assert second_factor_roles() == frozenset()


# ---- the file and the command


@pytest.mark.parametrize(
    "text",
    [
        "second_factor = [",
        "second_factor = ['king']",
        "second_factor = 'auditor'",
        "second_factor = [['auditor']]",
        "second_factor = [1]",
        "second_factors = ['auditor']",
        "second_factor = []\nother = 1",
        "",
    ],
)
def test_a_bad_file_is_one_sentence_and_opens_nothing(admin: User, run: Run, text: str) -> None:
    file = settings.HOME / "sign-in.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BangfuError, match=re.escape(str(file))):
        second_factor_roles()
    page = signed_in(admin).get("/users/")
    assert page.status_code == 500
    assert str(file) in page.content.decode()
    done = run("serve", "--port", "0")
    assert (done.code, done.out) == (2, "")
    (line,) = done.complaints
    assert str(file) in line
    assert "second_factor = [" in line


def test_the_file_is_read_in_any_encoding_or_refused(admin: User) -> None:
    (settings.HOME / "sign-in.toml").write_bytes("# 角色\nsecond_factor = []".encode("gb18030"))
    with pytest.raises(BangfuError):
        second_factor_roles()


def test_the_command_says_and_shows_who_must(two: Two, run: Run) -> None:
    assert run("user", "mfa", "--json").json()["roles"] == []
    done = run("user", "mfa", "--require", "finance_officer", "--require", "system_admin", "--reason", "county rule")
    assert (done.code, "finance officer, system admin" in done.out) == (0, True)
    assert second_factor_roles() == {Role.SYSTEM_ADMIN, Role.FINANCE_OFFICER}
    assert run("user", "mfa", "--json").json()["roles"] == ["finance_officer", "system_admin"]
    (entry,) = Entry.objects.filter(action="accounts.require_second_factor")
    assert (entry.reason, entry.details) == ("county rule", '{"roles":["finance_officer","system_admin"]}')
    assert run("user", "mfa", "--nobody").code == 0
    assert second_factor_roles() == frozenset()
    assert run("user", "mfa", "--nobody", "--require", "auditor").code == 2
    assert run("user", "mfa", "--require", "king").code == 2


def test_the_command_takes_a_lost_one_off(two: Two, admin: User, run: Run) -> None:
    with_app(admin)
    assert run("user", "mfa-reset", admin.staff_number, "--reason", "phone lost").code == 0
    assert not Authenticator.objects.filter(user=admin).exists()
    assert run("user", "mfa-reset", "T999", "--reason", "x").code == 2


def test_many_wrong_codes_when_asked_again_are_stopped_in_words(admin: User) -> None:
    client = signed_in(with_app(admin), ago=OLD)
    for _ in range(11):
        page = client.post("/account/two-factor/reauthenticate/", {"code": "000000"})
    assert page.status_code == 429
    assert "请等一分钟再试" in page.content.decode()
    assert client.post(f"/users/{admin.staff_number}/slip/").status_code == 302
