"""The pages of notices and objections, by everybody and by officers; the days of a request are set by the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.test import Client

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.identify import notices
from bangfu.identify.actions.notices import publish
from bangfu.identify.models import Case, Notice, Objection, Round
from bangfu.identify.sealed import opened
from bangfu.tasks.models import Task
from bangfu.web import middleware
from tests.identify.reviewed import DAY, LAST, actor, at, open_round, reviewed_cases
from tests.web.conftest import HERE, Two, person_of, signed_in

AFTER = LAST + timedelta(1)
FORM = {"line": "missing", "name": "刘桂芳", "contact": "13900001111", "words": "漏了一名学生"}


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[date]]:
    """Return the day on which requests are made; a test changes it."""
    days = [DAY]
    monkeypatch.setattr(middleware, "clock", lambda: at(days[0]))
    return days


@pytest.fixture
def round_(two: Two) -> Round:
    """Return a round of the school: three pupils wait, severe, moderate and not in need."""
    found = open_round(two.school)
    reviewed_cases(found, ("severe", "moderate", "none"))
    return found


def publish_it(round_: Round) -> Notice:
    """Return a notice of the school, published on the day."""
    by = actor(Role.PRINCIPAL, round_.path)
    seen = notices.preview(round_, round_.school, by).digest
    return publish(round_id=round_.pk, place_id=round_.school_id, seen=seen, by=by)


@pytest.fixture
def notice(round_: Round) -> Notice:
    return publish_it(round_)


def page(client: Client, address: str, status: int = 200, **form: str) -> str:
    response = client.post(address, form) if form else client.get(address)
    assert response.status_code == status, (address, response.status_code, response.content.decode()[-2000:])
    return response.content.decode()


def address(notice: Notice, more: str = "") -> str:
    return f"/notice/{notice.token}/{more}"


# -- for everybody


def test_anybody_sees_a_notice_on_its_days_and_nothing_after_them(notice: Notice, day: list[date]) -> None:
    client = Client()
    response = client.get(address(notice))
    text = response.content.decode()
    assert response.status_code == 200
    assert HERE[0].name in text
    assert "特别困难" in text
    assert HERE[2].name not in text  # not in need
    assert response.headers["Cache-Control"] == "no-store"
    assert "noindex" in response.headers["X-Robots-Tag"]
    for pupil in HERE:
        assert pupil.id not in text
        assert pupil.phone not in text
    day[0] = AFTER
    for more in ("", "object/"):
        gone = page(client, address(notice, more), 410)
        assert not any(pupil.name in gone for pupil in HERE)
        assert "公示已经结束" in gone
    day[0] = DAY - timedelta(1)
    page(client, address(notice), 410)


def test_an_address_that_was_guessed_leads_nowhere(notice: Notice, day: list[date]) -> None:
    client = Client()
    for token in ("x" * 22, notice.token[:-1], notice.token + "x", notice.token.swapcase()):
        page(client, f"/notice/{token}/", 404)
        page(client, f"/notice/{token}/object/", 404, **FORM)
    assert not Objection.objects.exists()


def test_an_objection_from_the_form_to_its_answer_and_appeal(notice: Notice, two: Two, day: list[date]) -> None:
    client = Client()
    form = page(client, address(notice, "object/"))
    key = re.findall(r'name="key" value="([^"]+)"', form)[0]
    line = next(number for number, _ in notices.numbered(notice, DAY))
    done = page(client, address(notice, "object/"), **(FORM | {"line": str(line), "key": key}))
    code = re.findall(r'class="slip">([^<]+)<', done)[0]
    assert page(client, address(notice, "object/"), **(FORM | {"line": str(line), "key": key})).count(code) == 1
    assert Objection.objects.count() == 1
    assert "还没有答复" in page(client, "/objection/", code=code)

    principal = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    number = Objection.objects.get().pk
    assert "答复异议" in page(principal, "/")
    assert FORM["name"] in page(principal, f"/identify/objections/{number}/")
    page(principal, f"/identify/objections/{number}/", 422, words="查过了")
    page(principal, f"/identify/objections/{number}/", 422, upheld="no", words=" ")
    page(principal, f"/identify/objections/{number}/", 302, upheld="no", words="查过了,属实")

    told = page(client, "/objection/", code=code)
    assert "查过了,属实" in told
    assert not any(pupil.name in told for pupil in HERE)
    page(client, "/objection/appeal/", 422, code=code, words="")
    assert "申诉已收到" in page(client, "/objection/appeal/", code=code, words="还是不服")
    bureau = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert "还是不服" in page(bureau, f"/identify/objections/{number}/")
    page(bureau, f"/identify/objections/{number}/", 302, upheld="yes", words="应重评")
    assert "应重评" in page(client, "/objection/", code=code)
    assert Case.objects.get(pk=line).stage == "evaluated"
    assert not Task.objects.filter(subject=f"objection:{number}", closed=None).exists()


@pytest.mark.parametrize(("missing", "says"), [("name", "匿名"), ("contact", "联系方式"), ("words", "写明")])
def test_what_is_missing_is_said_and_nothing_typed_is_lost(
    notice: Notice, day: list[date], missing: str, says: str
) -> None:
    text = page(Client(), address(notice, "object/"), 422, **(FORM | {missing: ""}))
    assert says in text
    assert all(value in text for name, value in FORM.items() if name != missing)
    assert f'href="#{missing}"' in text
    assert not Objection.objects.exists()


def test_hostile_lines_and_keys_are_refused_or_taken_for_none(notice: Notice, day: list[date]) -> None:
    silent = Case.objects.get(school_tier="none")
    for line in ("", str(silent.pk), "-1", "1e9", "9" * 30, "x"):
        page(Client(), address(notice, "object/"), 422, **(FORM | {"line": line}))
    page(Client(), address(notice, "object/"), 200, **(FORM | {"key": "no key"}))
    assert Objection.objects.count() == 1


def test_codes_cannot_be_tried_for_long(notice: Notice, day: list[date]) -> None:
    client = Client()
    statuses = [client.post("/objection/", {"code": f"AAAAA-AAAAA-{n:05}"}).status_code for n in range(25)]
    assert statuses == [422] * 20 + [429] * 5


def test_objections_cannot_be_sent_without_end(notice: Notice, day: list[date]) -> None:
    client = Client()
    sent = [client.post(address(notice, "object/"), FORM | {"name": f"甲{n}"}).status_code for n in range(62)]
    assert sent == [200] * 60 + [429] * 2


def test_a_strangers_page_keeps_nothing(notice: Notice, day: list[date]) -> None:
    before = Entry.objects.count()
    client = Client()
    for path in (address(notice), address(notice, "object/"), "/objection/"):
        page(client, path)
    assert Entry.objects.count() == before
    assert client.get("/objection/appeal/").status_code == 405


# -- for officers


def test_an_officer_looks_then_publishes_and_prints(round_: Round, two: Two, day: list[date]) -> None:
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    assert "/identify/notices/" in page(officer, "/identify/")
    start = f"/identify/{round_.pk}/notice/"
    assert f"?place={two.school.pk}" in page(officer, start)
    seen = page(officer, f"{start}?place={two.school.pk}")
    assert HERE[0].name in seen
    assert HERE[2].name not in seen
    assert "2025-05-06" in seen
    assert "劳动节" in seen
    digest = re.findall(r'name="seen" value="([^"]+)"', seen)[0]
    page(officer, start, 422, place=str(two.school.pk), seen="stale")
    page(officer, start, 302, place=str(two.school.pk), seen=digest)
    notice = Notice.objects.get()
    assert notice.token in page(officer, f"/identify/notices/{notice.pk}/")
    sheet = page(officer, f"/identify/notices/{notice.pk}/sheet/")
    assert HERE[0].name in sheet
    assert "请于 2025-05-07 取下" in sheet
    assert f"http://testserver/notice/{notice.token}/" in sheet
    page(officer, start, 400, place=str(two.school.pk), seen=digest)


def test_after_its_days_no_officers_page_has_a_line(notice: Notice, two: Two, day: list[date]) -> None:
    day[0] = AFTER
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    assert "取下张贴的公示" in page(officer, "/")
    pages = (
        page(officer, "/identify/notices/"),
        page(officer, f"/identify/notices/{notice.pk}/"),
        page(officer, f"/identify/notices/{notice.pk}/sheet/", 410),
    )
    assert not any(pupil.name in text for pupil in HERE for text in pages)
    assert notice.token not in pages[1]
    officer.post(f"/identify/notices/{notice.pk}/down/")
    assert not Task.objects.filter(kind="take_notice_down", closed=None).exists()


def test_withdrawing_needs_a_reason(notice: Notice, two: Two, day: list[date]) -> None:
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    page(officer, f"/identify/notices/{notice.pk}/withdraw/", 422, reason=" ")
    page(officer, f"/identify/notices/{notice.pk}/withdraw/", 302, reason="名单有误")
    page(Client(), address(notice), 410)


def test_who_sees_and_changes_what(notice: Notice, two: Two, day: list[date]) -> None:
    page(Client(), address(notice, "object/"), **FORM)
    number = Objection.objects.get().pk
    pages = ("/identify/notices/", f"/identify/notices/{notice.pk}/", f"/identify/objections/{number}/")
    for role in Role:
        client = signed_in(person_of(role, two.school.path if role is not Role.SYSTEM_ADMIN else "/"))
        open_ = role in (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU, Role.AUDITOR)
        assert {client.get(path).status_code for path in pages} == {200 if open_ else 404}, role
        says = client.get(pages[2]).content.decode()
        assert (FORM["name"] in says) == (open_ and role is not Role.AUDITOR), role
    for role in (Role.AID_OFFICER, Role.COUNTY_BUREAU, Role.AUDITOR):
        away = two.next_school if role is Role.AID_OFFICER else two.far_county
        client = signed_in(person_of(role, away.path))
        assert [client.get(path).status_code for path in pages] == [200, 403, 403]
        assert not any(pupil.name in client.get("/identify/notices/").content.decode() for pupil in HERE)
    auditor = signed_in(person_of(Role.AUDITOR, two.county.path))
    for path in (f"/identify/notices/{notice.pk}/withdraw/", pages[2]):
        page(auditor, path, 404, reason="x", upheld="yes", words="x")
    assert opened(Objection.objects.get(), "answer") == ""
