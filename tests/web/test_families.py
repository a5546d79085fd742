"""The pages of families and of their class teacher: step by step, back and on, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.audit.scope import SETTING
from bangfu.core.actor import Actor
from bangfu.identify.actions.families import keep_page, receive_notice, send_application
from bangfu.identify.models import Application, Case, Determination, Informed, Notice, Pass, Round
from bangfu.identify.rules import Stage
from bangfu.registry.models import Organisation
from tests.coverage.lists import record
from tests.identify.applying import ANSWERS, HAPPENED, SIGNED, a_pass, a_round
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in
from tests.web.test_matrix import PLACE, SEES, addresses, leaks

NOW = datetime(2025, 7, 2, 10, 0, tzinfo=timezone.get_default_timezone())
AT_MOST = 15
PAGES = ("household", "contact", "members", "groups", "facts", "aid")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a day of the round."""
    at(NOW, monkeypatch)


def at(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be another moment."""
    monkeypatch.setattr(timezone, "localtime", lambda *given: now)
    monkeypatch.setattr(timezone, "localdate", lambda *given: now.date())


@pytest.fixture
def round_(two: Two) -> Round:
    """Return the round of the first school."""
    return a_round(two.school)


def pupil(at: int = 0) -> int:
    """Return one of the pupils of the class."""
    return record(HERE[at], "school_roll")


@pytest.fixture
def phone(two: Two, round_: Round) -> Client:
    """Return the phone of a family that has typed its code."""
    return with_code(two, round_)


def with_code(two: Two, round_: Round, who: int = 0) -> Client:
    """Return the phone of a family."""
    code, _ = a_pass(round_, pupil(who), two.school_class.path)
    client = Client()
    assert client.post("/pass/", {"code": code}).status_code == 302
    return client


def leads(response: Any) -> str:
    """Return where an answer leads."""
    assert response.status_code == 302, response.content.decode()
    return str(response.headers["Location"])


def text_of(response: Any) -> str:
    """Return what a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def answer(client: Client, page: str) -> str:
    """Answer a page as it should be, and return where that leads."""
    address = f"/family/apply/{page}/"
    if page != "members":
        return leads(client.post(address, ANSWERS[page]))
    for each in ANSWERS["members"]:
        assert leads(client.post(address, {**each, "do": "add"})) == address
    return leads(client.post(address, {"do": "on"}))


def send(client: Client, **change: object) -> Any:
    """Send the application."""
    return client.post("/family/send/", {"agreed": list(SIGNED.agreed), "signed": SIGNED.name} | change)


# -- on the phone


def test_a_family_goes_from_the_code_to_the_end(phone: Client) -> None:
    assert leads(phone.get("/family/")) == "/family/notice/"
    assert "第三十一条" in text_of(phone.get("/family/notice/"))
    assert leads(phone.post("/family/notice/")) == "/family/"
    home = phone.get("/family/")
    assert HERE[0].name in text_of(home)
    assert 'href="/family/apply/household/"' in home.content.decode()
    at = "/family/apply/household/"
    for page, after in zip(PAGES, (*PAGES[1:], None), strict=True):
        assert phone.get(at).status_code == 200
        at = answer(phone, page)
        assert at == (f"/family/apply/{after}/" if after else "/family/check/")
    check = text_of(phone.get(at))
    assert all(word in check for word in ("王建国", "13900001234", "务农", "孩子妈妈常年吃药", "4500"))
    assert leads(send(phone)) == "/family/"
    done = text_of(phone.get("/family/"))
    assert "已收到您的申请" in done
    assert "2025-07-20" in done  # by when the panel begins
    assert "王建国" not in done
    assert Case.objects.get().stage == Stage.PROPOSED
    for page in ("check", "send", "apply/aid"):
        assert leads(phone.get(f"/family/{page}/")) == "/family/"


def test_nothing_is_asked_before_the_notice_was_read(phone: Client) -> None:
    for page in ("apply/household", "check", "send"):
        assert leads(phone.get(f"/family/{page}/")) == "/family/"
    assert leads(phone.post("/family/apply/household/", ANSWERS["household"])) == "/family/"
    assert not Application.objects.exists()


def test_one_goes_on_where_one_stopped_with_what_was_typed(two: Two, round_: Round) -> None:
    code, _ = a_pass(round_, pupil(), two.school_class.path)
    first, later = Client(), Client()
    first.post("/pass/", {"code": code})
    first.post("/family/notice/")
    for page in ("household", "contact"):
        answer(first, page)
    later.post("/pass/", {"code": code})
    assert 'href="/family/apply/members/"' in later.get("/family/").content.decode()
    contact = later.get("/family/apply/contact/").content.decode()
    assert 'value="青石镇河湾村3组12号"' in contact
    assert 'href="/family/apply/household/"' in contact  # the way back
    assert 'value="rural" checked' in later.get("/family/apply/household/").content.decode()


def test_what_is_wrong_comes_back_as_it_was_typed_with_the_way_to_it(phone: Client) -> None:
    phone.post("/family/notice/")
    response = phone.post("/family/apply/contact/", {"guardian": "王<b>建国", "phone": "none", "address": ""})
    page = response.content.decode()
    assert response.status_code == 422
    assert 'value="王&lt;b&gt;建国"' in page
    assert 'value="none"' in page
    assert page.count('href="#phone"') == page.count('href="#address"') == 1
    assert 'href="#guardian"' not in page
    assert page.count('aria-invalid="true"') == 2
    assert not Application.objects.exists()


def test_people_are_added_changed_and_taken_off_one_at_a_time(phone: Client) -> None:
    phone.post("/family/notice/")
    address = "/family/apply/members/"
    father, mother = ANSWERS["members"]
    assert phone.post(address, {"do": "on"}).status_code == 422  # nobody yet
    assert phone.post(address, {**father, "age": "old", "do": "add"}).status_code == 422
    for each in (father, mother, {**father, "name": "王小二", "relation": "sibling", "age": "9"}):
        phone.post(address, {**each, "do": "add"})
    assert "已填 3 人" in text_of(phone.get(address))
    assert 'value="李秀英"' in phone.get(f"{address}?at=2").content.decode()
    assert leads(phone.post(f"{address}?at=2", {**mother, "name": "李秀兰", "do": "on"})) == "/family/apply/groups/"
    phone.post(address, {"do": "off-1"})
    shown = text_of(phone.get(address))
    assert [name in shown for name in ("王建国", "李秀兰", "王小二")] == [False, True, True]
    for odd in ("off-7", "off-0", "off--1", "off-x", "off-"):
        assert phone.post(address, {"do": odd}).status_code == 302
    assert "已填 2 人" in text_of(phone.get(address))
    assert phone.get(f"{address}?at=99").status_code == phone.get(f"{address}?at=x").status_code == 200


def test_there_is_an_end_to_the_people(phone: Client) -> None:
    phone.post("/family/notice/")
    for _ in range(12):
        assert phone.post("/family/apply/members/", {**ANSWERS["members"][0], "do": "add"}).status_code == 302
    response = phone.post("/family/apply/members/", {**ANSWERS["members"][0], "do": "add"})
    assert (response.status_code, "12" in response.context["problem"]) == (422, True)


def test_an_answer_is_changed_from_the_check_and_one_comes_back_to_it(phone: Client) -> None:
    phone.post("/family/notice/")
    assert len(phone.get("/family/check/").context["missing"]) == 4
    for page in PAGES:
        answer(phone, page)
    assert phone.get("/family/check/").context["missing"] == {}
    assert 'href="/family/check/"' in phone.get("/family/apply/household/?check").content.decode()
    assert leads(phone.post("/family/apply/household/?check", {"kind": "urban", "size": "5"})) == "/family/check/"
    assert leads(phone.post("/family/apply/members/?check", {"do": "on"})) == "/family/check/"
    assert "城镇" in text_of(phone.get("/family/check/"))


@pytest.mark.parametrize("change", [{"agreed": []}, {"agreed": ["promise"]}, {"signed": " "}])
def test_without_promise_or_consent_nothing_is_sent_and_nothing_lost(phone: Client, change: dict[str, Any]) -> None:
    phone.post("/family/notice/")
    assert leads(phone.get("/family/send/")) == "/family/check/"  # not filled in yet
    for page in PAGES:
        answer(phone, page)
    response = send(phone, **change)
    assert response.status_code == 422
    ticked = {each["code"] for each in response.context["agreed"] if each["ticked"]}
    assert ticked == set(change.get("agreed", SIGNED.agreed))
    assert Application.objects.get().sent_at is None
    assert leads(send(phone)) == "/family/"


def test_after_the_last_day_only_an_emergency_is_asked_for(phone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    phone.post("/family/notice/")
    for page in PAGES:
        answer(phone, page)
    at(NOW + timedelta(days=19), monkeypatch)
    home = phone.get("/family/")
    assert "申请时间已于 2025-07-20 结束" in text_of(home)
    assert leads(phone.get("/family/send/")) == "/family/check/"
    assert set(phone.get("/family/check/").context["missing"]) == {"emergency"}
    assert leads(phone.post("/family/apply/emergency/", HAPPENED)) == "/family/apply/household/"
    assert leads(send(phone)) == "/family/"
    assert Case.objects.get().emergency


def test_who_withdraws_is_asked_first_and_told_what_comes(phone: Client) -> None:
    assert leads(phone.get("/family/withdraw/")) == "/family/"
    phone.post("/family/notice/")
    for page in PAGES:
        answer(phone, page)
    send(phone)
    assert phone.get("/family/withdraw/").status_code == 200
    assert Application.objects.get().withdrawn_at is None
    assert leads(phone.post("/family/withdraw/")) == "/family/"
    home = text_of(phone.get("/family/"))
    assert "您已于 2025-07-02 撤回申请" in home
    assert "接下来" in home
    assert leads(phone.post("/family/withdraw/")) == "/family/"


def test_a_stranger_and_another_kind_of_pass_are_asked_for_a_code(two: Two, round_: Round) -> None:
    for page in ("", "notice/", "apply/household/", "check/", "send/", "withdraw/"):
        assert leads(Client().get(f"/family/{page}")) == "/pass/"
        assert leads(Client().post(f"/family/{page}")) == "/pass/"


def test_each_family_sees_its_own_child(two: Two, round_: Round) -> None:
    phones = [with_code(two, round_, who) for who in (0, 1)]
    for client in phones:
        client.post("/family/notice/")
    answer(phones[0], "household")
    for mine, client in enumerate(phones):
        said = "".join(text_of(client.get(f"/family/{page}")) for page in ("", "notice/", "apply/household/", "check/"))
        assert HERE[mine].name in said
        assert HERE[1 - mine].name not in said
    assert "农村" not in phones[1].get("/family/check/").content.decode()


def test_a_family_sees_no_other_child_at_any_address(two: Two, phone: Client) -> None:
    with_code(two, Round.objects.get(), 1)
    phone.post("/family/notice/")
    answer(phone, "household")
    ids = [str(number) for number in (Round.objects.get().pk, two.school_class.pk, pupil(0), pupil(1))]
    for route in addresses():
        words = route.replace("<slug:page>", "household")
        for where in {re.sub(r"<\w+:\w+>", number, words) for number in ids}:
            for response in (phone.get(where), phone.post(where, {"person": pupil(1), "place": two.school_class.pk})):
                assert response.status_code in (200, 302, 403, 404, 405, 422), where
                assert leaks(response, HERE[:1]) == [], where


def test_a_page_that_is_none_leads_home(phone: Client) -> None:
    phone.post("/family/notice/")
    for page in ("nonsense", "emergency", "promise"):
        assert leads(phone.get(f"/family/apply/{page}/")) == "/family/"


# -- how it is, in plain words


def a_case(two: Two, round_: Round, stage: Stage) -> Case:
    """Return the pupil's case at a stage."""
    return Case.objects.create(round=round_, person_id=pupil(), human=pupil(), school_class=two.school_class,
                               path=two.school_class.path, stage=stage)  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "now"),
    [
        (Stage.PROPOSED, "评议"), (Stage.EVALUATED, "提出认定意见"), (Stage.RECOGNISED, "复核"),
        (Stage.REVIEWED, "公示"), (Stage.NOTICED, "确定"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", ["zh-hans", "en"])
def test_a_family_reads_how_far_it_is(
    two: Two, round_: Round, phone: Client, stage: Stage, now: str, lang: str
) -> None:
    phone.post("/family/notice/")
    a_case(two, round_, stage)
    page = phone.get("/family/", headers={"accept-language": lang})
    (step,) = [step for step in page.context["steps"] if step["now"]]
    assert lang == "en" or now in step["words"]
    assert page.content.decode().count('aria-current="step"') == 1


def test_a_family_reads_until_when_the_notice_is_up(two: Two, round_: Round, phone: Client) -> None:
    phone.post("/family/notice/")
    case = a_case(two, round_, Stage.NOTICED)
    case.notice = Notice.objects.create(round=round_, place=two.school, path=two.school.path, token="t",  # noqa: S106 - no secret
                                        first_day=date(2025, 7, 1), last_day=date(2025, 7, 7),
                                        entry=Entry.objects.order_by("pk")[0])  # fmt: skip
    case.save()
    assert "到 2025-07-07 止" in text_of(phone.get("/family/"))


def test_after_a_decision_one_applies_in_an_emergency_only(
    two: Two, round_: Round, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.post("/family/notice/")
    case = a_case(two, round_, Stage.DETERMINED)
    Determination.objects.create(case=case, path=case.path, tier="none", reasons=["income_enough"], actor="A-1",
                                 valid_from=NOW.date(), valid_until=date(2025, 8, 31),
                                 entry=Entry.objects.order_by("pk")[0])  # fmt: skip
    assert "/family/apply/" not in phone.get("/family/").content.decode()
    at(NOW + timedelta(days=19), monkeypatch)
    for page, said in (("emergency", HAPPENED), *ANSWERS.items()):
        assert leads(answered(phone, page, said)) != "/family/"
    assert leads(send(phone)) == "/family/"
    home = text_of(phone.get("/family/"))
    assert "本次不认定" in home
    assert "已收到您的申请" in home
    assert Case.objects.filter(emergency=True, stage=Stage.PROPOSED).count() == 1


def answered(client: Client, page: str, said: Any) -> Any:
    """Answer a page; people, one after the other."""
    rows = said if isinstance(said, list) else [said]
    return [client.post(f"/family/apply/{page}/", {**row, "do": "add"}) for row in rows][-1]


def test_a_closed_round_takes_nothing(round_: Round, phone: Client) -> None:
    phone.post("/family/notice/")
    Round.objects.update(closed_on=NOW.date())
    assert "本学期的认定已经结束" in text_of(phone.get("/family/"))
    assert leads(phone.get("/family/apply/household/")) == "/family/"


@pytest.mark.parametrize(
    ("tier", "reason", "words"),
    [("severe", "orphan", "认定结果:特别困难"), ("none", "not_confirmed", "本次不认定为家庭经济困难")],
)
def test_a_family_reads_the_result_its_reasons_and_how_to_appeal(
    two: Two, round_: Round, phone: Client, tier: str, reason: str, words: str
) -> None:
    phone.post("/family/notice/")
    case = a_case(two, round_, Stage.DETERMINED)
    Determination.objects.create(case=case, path=case.path, tier=tier, reasons=[reason], valid_from=NOW.date(),
                                 valid_until=date(2025, 8, 31), actor="A-1",
                                 entry=Entry.objects.order_by("pk")[0])  # fmt: skip
    home = text_of(phone.get("/family/"))
    assert words in home
    assert {"severe": "孤儿", "none": "未能核实"}[tier] in home
    assert "县教育局" in home
    assert "开始申请" not in home
    assert leads(phone.get("/family/apply/household/")) == "/family/"


def test_a_family_whose_child_moved_reads_where_it_goes_on(two: Two, round_: Round, phone: Client) -> None:
    phone.post("/family/notice/")
    case = a_case(two, round_, Stage.CONTINUED)
    there = a_round(two.next_school)
    case.continued_in = Case.objects.create(
        round=there, person_id=pupil(1), human=pupil(), school_class=two.next_school, path=two.next_school.path,
        stage=Stage.PROPOSED,
    )  # fmt: skip
    case.save()
    assert two.next_school.name in text_of(phone.get("/family/"))


# -- the class teacher


@pytest.fixture
def teacher(two: Two) -> Client:
    """Return the class teacher's browser."""
    return signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))


def address(round_: Round, page: str = "") -> str:
    """Return the address of a page of the teacher's."""
    return f"/identify/{round_.pk}/families/{page}"


def test_a_teacher_prints_a_sheet_of_codes_that_open(two: Two, round_: Round, teacher: Client) -> None:
    response = teacher.post(address(round_, "passes/"), {"place": two.school_class.pk, "all": "1"})
    sheet = response.content.decode()
    codes = re.findall(r"[2-9A-Z]{5}-[2-9A-Z]{5}-[2-9A-Z]{5}", sheet)
    assert len(codes) == len(set(codes)) == len(HERE)
    assert all(human.name in sheet for human in HERE)
    assert "http://testserver/pass/" in sheet
    assert [Client().post("/pass/", {"code": code}).status_code for code in codes] == [302] * len(HERE)
    again = teacher.post(address(round_, "passes/"), {"place": two.school_class.pk, "all": "1"})
    assert again.status_code == 422  # all have one
    one = teacher.post(address(round_, "passes/"), {"place": two.school_class.pk, "people": [pupil()], "all": "1"})
    assert [slip["name"] for slip in one.context["slips"]] == [HERE[0].name]
    assert Client().post("/pass/", {"code": codes[0]}).status_code == 422


def test_codes_are_printed_only_by_somebody_who_has_shown_who_he_is(two: Two, round_: Round) -> None:
    stale = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path), ago=3600)
    response = stale.post(address(round_, "passes/"), {"place": two.school_class.pk, "all": "1"})
    assert "/account/again/" in leads(response)
    assert not Pass.objects.exists()


def test_a_teacher_notes_receipts_on_paper(two: Two, round_: Round, teacher: Client) -> None:
    form = {"place": two.school_class.pk, "channel": "paper", "people": [pupil(0), pupil(1)]}
    assert leads(teacher.post(address(round_, "informed/"), form)).endswith(f"place={two.school_class.pk}")
    assert Informed.objects.count() == 2
    form = {"place": two.school_class.pk, "channel": "phone", "all": "1"}
    teacher.post(address(round_, "informed/"), form)
    assert sorted(Informed.objects.values_list("channel", flat=True)) == ["paper", "paper", "phone"]
    assert teacher.post(address(round_, "informed/"), form).status_code == 422
    assert teacher.post(address(round_, "informed/"), {"place": two.school_class.pk}).status_code == 422


def typed(**change: object) -> dict[str, object]:
    """Return what a teacher types in from a paper form."""
    form: dict[str, object] = {"person": pupil(), "agreed": list(SIGNED.agreed), "signed": SIGNED.name}
    for page, said in ANSWERS.items():
        rows = said if isinstance(said, list) else [said]
        for at, row in enumerate(rows):
            start = f"{page}-{at}-" if isinstance(said, list) else f"{page}-"
            form |= {f"{start}{name}": value for name, value in row.items()}
    return form | change


def test_a_teacher_types_in_a_form_and_prints_it(two: Two, round_: Round, teacher: Client) -> None:
    page = address(round_, "type-in/")
    assert HERE[0].name in text_of(teacher.get(page, {"person": pupil()}))
    assert leads(teacher.post(page, typed())).endswith(f"place={two.school_class.pk}")
    row = next(row for row in teacher.get(address(round_)).context["rows"] if row.person == pupil())
    assert row.application.by_teacher
    before = Entry.objects.filter(action="identify.open_case").count()
    sheet = teacher.post(address(round_, "filled/"), {"person": pupil()})
    said = text_of(sheet)
    assert all(word in said for word in ("李秀英", "13900001234", "☑ 家人重病", "☐ 失业", "4500", "☑ 本人承诺"))
    assert Entry.objects.filter(action="identify.open_case").count() == before + 1
    assert teacher.post(page, typed()).status_code == 422  # a second one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contact-phone": "none"}, "7 至 15 位"),
        ({"members-1-age": "x"}, "0 到 120"),
        ({"agreed": []}, "承诺"),
        ({"signed": ""}, "签"),
        ({f"members-{at}-{name}": "" for at in (0, 1) for name in ANSWERS["members"][0]}, "姓名"),
    ],
)
def test_what_a_teacher_mistypes_is_not_lost(
    round_: Round, teacher: Client, change: dict[str, object], said: str
) -> None:
    response = teacher.post(address(round_, "type-in/"), typed(**change))
    assert response.status_code == 422
    assert said in "".join(words for _, words in response.context["problems"])
    page = response.content.decode()
    assert 'value="青石镇河湾村3组12号"' in page
    assert 'value="illness" checked' in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all(name in ids for name in re.findall(r'href="#([\w-]+)"', page))
    assert not Application.objects.exists()


def test_the_blank_form_has_every_field(round_: Round, teacher: Client) -> None:
    said = text_of(teacher.get(address(round_, "blank/")))
    assert all(word in said for word in ("户口类型", "☐ 农村", "一年收入", "☐ 孩子有残疾", "学校意见"))
    assert "☑" not in said


@pytest.mark.parametrize(
    ("role", "place", "page", "status"),
    [
        (Role.AID_OFFICER, "school", "", 200), (Role.PRINCIPAL, "school", "", 200),
        (Role.COUNTY_BUREAU, "county", "", 200), (Role.AUDITOR, "county", "", 200),
        (Role.FINANCE_OFFICER, "school", "", 404), (Role.PAIRING_OFFICE, "school", "", 404),
        (Role.AID_OFFICER, "next_school", "", 403), (Role.AID_OFFICER, "next_school", "blank/", 403),
        (Role.PRINCIPAL, "school", "type-in/", 404), (Role.AUDITOR, "county", "type-in/", 404),
        (Role.AID_OFFICER, "school", "type-in/", 404),
    ],
)  # fmt: skip
def test_the_pages_are_open_to_who_works_there(
    two: Two, round_: Round, role: Role, place: str, page: str, status: int
) -> None:
    client = signed_in(person_of(role, getattr(two, place).path))
    assert client.get(address(round_, page)).status_code == status


def test_another_class_and_another_schools_pupil_are_not_there(two: Two, round_: Round, teacher: Client) -> None:
    other = record(NEXT_DOOR[0], "school_roll")
    assert teacher.get(address(round_), {"place": two.next_school.pk}).status_code == 404
    assert teacher.get(address(round_), {"place": two.school.pk}).status_code == 404  # a school is no class
    assert teacher.get(address(round_, "type-in/"), {"person": other}).status_code == 403
    assert teacher.post(address(round_, "filled/"), {"person": other}).status_code == 403
    form = {"place": two.school_class.pk, "people": [other], "channel": "paper"}
    assert teacher.post(address(round_, "informed/"), form).status_code == 422
    assert not Informed.objects.exists()


@pytest.mark.parametrize("role", Role)
def test_nobody_sees_or_changes_other_families(two: Two, round_: Round, role: Role) -> None:
    place = PLACE[role]
    client = signed_in(person_of(role, place if place == "/" else getattr(two, place).path))
    rounds = [round_, a_round(two.next_school), a_round(two.far_school)]
    people = [record(humans[0], "school_roll") for humans in (HERE, NEXT_DOOR, FAR)]
    places = [two.school_class, two.school, *Organisation.objects.filter(parent__in=(two.next_school, two.far_school))]
    asked_ = [{"place": place.pk} for place in places] + [{"person": person} for person in people]
    asked_ += [{"place": place.pk, "people": people, "channel": "paper", "all": "1"} for place in places]
    for each in rounds:
        for page in ("", "informed/", "passes/", "type-in/", "blank/", "filled/"):
            for given in asked_:
                before = Entry.objects.count()
                shown = client.get(address(each, page), given)
                assert Entry.objects.count() == before
                sent = client.post(address(each, page), given)
                for response in (shown, sent):
                    assert response.status_code in (200, 302, 400, 403, 404, 405, 422), (page, given)
                    assert leaks(response, SEES[role]) == [], (page, given)
    works = role in (Role.CLASS_TEACHER, Role.AID_OFFICER)
    done = {*Informed.objects.values_list("person_id", flat=True), *Pass.objects.values_list("person_id", flat=True)}
    assert done == ({pupil(0)} if works else set())


def test_the_auditor_sees_lists_and_no_answers(two: Two, round_: Round) -> None:
    auditor = signed_in(person_of(Role.AUDITOR, two.county.path))
    page = auditor.get(address(round_), {"place": two.school_class.pk})
    assert HERE[0].name in text_of(page)
    assert '<form method="post" action="/identify/' not in page.content.decode()
    assert auditor.post(address(round_, "filled/"), {"person": pupil()}).status_code == 404


# -- how much a page asks


def asked(ask: Callable[[], Any]) -> int:
    """Return how many statements a page takes the second time, but for those that set the scope."""
    for _ in range(2):
        with CaptureQueriesContext(connection) as found:
            assert ask().status_code in (200, 422)
    return len([query for query in found if SETTING not in query["sql"]])


def test_pages_ask_as_much_of_many_families_as_of_one(two: Two, round_: Round, teacher: Client) -> None:
    client = with_code(two, round_)
    client.post("/family/notice/")
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    pages: dict[str, Callable[[], Any]] = {
        "home": lambda: client.get("/family/"),
        "ask": lambda: client.get("/family/apply/household/"),
        "check": lambda: client.get("/family/check/"),
        "class": lambda: teacher.get(address(round_)),
        "school": lambda: officer.get(address(round_)),
        "type in": lambda: teacher.get(address(round_, "type-in/"), {"person": pupil(2)}),
    }
    few = {name: asked(ask) for name, ask in pages.items()}
    for who in (1, 2):
        _, row = a_pass(round_, pupil(who), two.school_class.path)
        by = Actor(f"pass:{row.pk}", NOW)
        receive_notice(number=row.pk, by=by)
        for page, said in ANSWERS.items():
            keep_page(number=row.pk, page=page, said=said, by=by)
        if who == 1:
            send_application(number=row.pk, signed=SIGNED, by=by)
    assert {name: asked(ask) for name, ask in pages.items()} == few
    assert max(few.values()) <= AT_MOST, few
