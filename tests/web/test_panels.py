"""Pages of panels and recognition: a ballot in secret, what each role is shown and may do, and no query too many."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.audit.scope import SETTING
from bangfu.identify.actions.panels import print_panel_passes
from bangfu.identify.forms import procedure
from bangfu.identify.models import Ballot, Case, Panel, PanelMember, Proposal, Round
from bangfu.registry.models import Detail, Enrolment, Organisation
from tests.conftest import BY, committing
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in
from tests.web.test_matrix import EVERYONE, PLACE

OFFICES = (Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AID_OFFICER, Role.CLASS_TEACHER)
TODAY = timezone.localdate
AT_MOST = 15


def names_in(response: object) -> set[str]:
    """Return which people of the two counties a page names."""
    text = response.content.decode()  # type: ignore[attr-defined]
    return {human.name for human in EVERYONE if human.name in text}


def a_round(school: Organisation) -> Round:
    """Return a round of a school."""
    return Round.objects.create(school=school, path=school.path, term="2025-spring", procedure=procedure(),
                                opened_on=TODAY(), apply_until=TODAY() + timedelta(days=9))  # fmt: skip


def cases_of(round_: Round, stage: str = "proposed", tier: str = "") -> list[Case]:
    """Propose each pupil of a school by the poverty register, at a stage."""
    rows = Enrolment.objects.filter(school=round_.school, school_class__isnull=False).select_related("school_class")
    found = []
    for row in rows.order_by("person_id"):
        case = Case.objects.create(round=round_, person=row.person, human=row.person_id, stage=stage, panel_tier=tier,
                                   school_class=row.school_class, path=row.school_class.path,
                                   counts={tier: 3, "missing": 1} if tier else {})  # fmt: skip
        Proposal.objects.create(case=case, kind="registered_poor", layout="poverty_register", row=row.source,
                                list_date=date(2025, 3, 3))  # fmt: skip
        found.append(case)
    return found


def a_panel(round_: Round, place: Organisation) -> Panel:
    """Return a panel of a class, with its members."""
    panel = Panel.objects.create(round=round_, school_class=place, path=place.path, until=TODAY() + timedelta(days=3))
    for kind, name in (("student", "甲同学"), ("student", "乙同学"), ("teacher", "何老师"), ("parent", "林家长")):
        PanelMember.objects.create(panel=panel, kind=kind, name=name)
    return panel


def staff(two: Two, role: Role) -> User:
    """Return somebody of a role at its usual place in these tests."""
    place = PLACE[role]
    return person_of(role, place if place == "/" else getattr(two, place).path)


def phone(code: str) -> Client:
    """Return a browser in which a code was typed."""
    client = Client()
    assert client.post("/pass/", {"code": code}).status_code == 302
    return client


def codes(panel: Panel) -> list[str]:
    """Return the codes of a panel's members."""
    with committing():
        return [code for _, code in print_panel_passes(panel_id=panel.pk, by=BY)]


# ---------------------------------------------------------------- setting a panel up


def test_a_teacher_sets_up_a_panel_prints_its_codes_and_counts_it(two: Two) -> None:
    round_ = a_round(two.school)
    cases_of(round_)
    client = signed_in(staff(two, Role.CLASS_TEACHER))
    page = client.get(f"/identify/{round_.pk}/panels/")
    assert f"/identify/{round_.pk}/panels/new/?class={two.school_class.pk}" in page.content.decode()
    form = client.get(f"/identify/{round_.pk}/panels/new/?class={two.school_class.pk}").content.decode()
    assert all(human.name in form for human in HERE)
    people = list(Enrolment.objects.filter(school_class=two.school_class).values_list("person_id", flat=True))
    filled = {"class": two.school_class.pk, "student-0": people[0], "teacher-0": "何老师", "until": str(TODAY())}
    bad = client.post(f"/identify/{round_.pk}/panels/new/", filled)
    assert bad.status_code == 422
    assert 'value="何老师"' in bad.content.decode()  # what was typed stays
    assert f'value="{people[0]}" selected' in bad.content.decode()
    filled |= {"student-1": people[1], "parent-0": "林外人", "parent-0-child": people[2]}
    with committing():
        done = client.post(f"/identify/{round_.pk}/panels/new/", filled)
    panel = Panel.objects.get()
    assert done.headers["Location"] == f"/identify/panels/{panel.pk}/"
    sheet = client.post(f"/identify/panels/{panel.pk}/passes/").content.decode()
    printed = re.findall(r'<p class="slip">([A-Z2-9-]{17})</p>', sheet)
    assert len(set(printed)) == 4
    assert not any(code in client.get(f"/identify/panels/{panel.pk}/").content.decode() for code in printed)
    assert client.post(f"/identify/panels/{panel.pk}/passes/", {"member": "x"}).status_code == 404  # not: all of them
    early = client.post(f"/identify/panels/{panel.pk}/count/")
    assert early.status_code == 422
    Panel.objects.update(until=TODAY() - timedelta(days=1))
    assert client.post(f"/identify/panels/{panel.pk}/count/").status_code == 302
    assert set(Case.objects.values_list("stage", flat=True)) == {"evaluated"}
    assert "没有" not in client.get(f"/identify/panels/{panel.pk}/").content.decode().split("<main")[0]


@pytest.mark.parametrize("until", ["", "2025-02-30", "tomorrow", "9999-99-99"])
def test_a_day_that_is_none_is_said(two: Two, until: str) -> None:
    round_ = a_round(two.school)
    client = signed_in(staff(two, Role.AID_OFFICER))
    filled = {"class": two.school_class.pk, "until": until}
    answer = client.post(f"/identify/{round_.pk}/panels/new/", filled)
    assert (answer.status_code, Panel.objects.count()) == (422, 0)


# ---------------------------------------------------------------- the ballot


def test_a_ballot_shows_name_and_class_and_nothing_else(two: Two) -> None:
    round_ = a_round(two.school)
    cases = cases_of(round_)
    client = phone(codes(a_panel(round_, two.school_class))[0])
    pages = [client.get(address).content.decode() for address in
             ("/ballot/", "/ballot/check/", *(f"/ballot/pupil/{case.pk}/" for case in cases))]  # fmt: skip
    text = "\n".join(pages)
    assert all(human.name in text for human in HERE)
    assert not any(human.name in text for human in (*NEXT_DOOR, *FAR))
    for secret in ("registered_poor", "脱贫", "poor", HERE[0].id, HERE[0].phone, HERE[0].parent, "申请", "名单"):
        assert secret not in text, secret


def test_a_member_judges_one_pupil_a_page_checks_and_is_done(two: Two) -> None:
    round_ = a_round(two.school)
    cases_of(round_)
    client = phone(codes(a_panel(round_, two.school_class))[0])
    begin = re.search(r'class="btn primary" href="([^"]+)"', client.get("/ballot/").content.decode())
    assert begin
    at, seen = begin[1], []
    while at != "/ballot/check/":
        seen.append(at)
        assert client.post(at, {}).status_code == 422
        with committing():
            at = client.post(at, {"score": "mild"}).headers["Location"]
    assert len(set(seen)) == 3
    assert "一般困难" in client.get("/ballot/check/").content.decode()
    with committing():
        client.post(seen[0], {"score": "none"})
    assert "不属于困难" in client.get("/ballot/check/").content.decode()
    assert client.get("/ballot/done/").status_code == 200
    assert Ballot.objects.count() == 3
    client.post("/pass/leave/")
    assert client.get("/ballot/").headers["Location"] == "/pass/"


def test_after_its_days_the_page_says_so_and_takes_nothing(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_)[0]
    client = phone(codes(a_panel(round_, two.school_class))[0])
    Panel.objects.update(until=TODAY() - timedelta(days=1))
    assert f"{TODAY() - timedelta(days=1)}" in client.get("/ballot/").content.decode()
    for address in (f"/ballot/pupil/{case.pk}/", "/ballot/check/"):
        assert client.post(address, {"score": "mild"}).headers["Location"] == "/ballot/"
    assert not Ballot.objects.exists()


def test_a_code_opens_the_cases_of_its_own_class_alone(two: Two) -> None:
    round_, other = a_round(two.school), a_round(two.next_school)
    cases_of(round_)
    strange = cases_of(other)[0]
    client = phone(codes(a_panel(round_, two.school_class))[0])
    assert client.get(f"/ballot/pupil/{strange.pk}/").status_code == 404
    assert client.post(f"/ballot/pupil/{strange.pk}/", {"score": "mild"}).status_code == 404
    assert client.get("/family/").headers["Location"] == "/pass/"
    assert client.get(f"/identify/cases/{strange.pk}/").headers["Location"].startswith("/account/login/")


@pytest.mark.parametrize("address", ["/ballot/", "/ballot/check/", "/ballot/done/", "/ballot/pupil/1/"])
def test_without_a_code_there_is_no_ballot(two: Two, address: str) -> None:
    for client in (signed_in(None), signed_in(staff(two, Role.COUNTY_BUREAU))):
        for answer in (client.get(address), client.post(address, {"score": "mild"})):
            assert answer.headers["Location"] == "/pass/"


# ---------------------------------------------------------------- recognition and review


def test_an_officer_recognises_a_class_and_the_county_reviews_it(two: Two) -> None:
    round_ = a_round(two.school)
    cases_of(round_, "evaluated", "moderate")
    officer, bureau = signed_in(staff(two, Role.AID_OFFICER)), signed_in(staff(two, Role.COUNTY_BUREAU))
    address = f"/identify/{round_.pk}/recognition/"
    page = officer.get(address).content.decode()
    marks = re.findall(r'name="case" value="(\d+-\d+)"', page)
    assert len(marks) == 3
    with committing():
        done = officer.post(address, {"stage": "evaluated", "case": marks, "verb": "recognise"})
    assert done.status_code == 302, done.content.decode()[:3000]
    assert set(Case.objects.values_list("school_tier", "stage")) == {("moderate", "recognised")}
    late = officer.post(address, {"stage": "evaluated", "case": marks, "verb": "recognise"})
    assert late.status_code == 422
    assert "aid_officer-" in late.content.decode()  # who came first
    with committing():
        bureau.post(address, {"stage": "recognised", "agreeing": "1", "verb": "review"})
    assert set(Case.objects.values_list("stage", flat=True)) == {"reviewed"}


def test_all_that_agree_are_taken_from_every_page_but_no_disagreement(two: Two) -> None:
    round_ = a_round(two.school)
    cases = cases_of(round_, "evaluated", "mild")
    Case.objects.filter(pk=cases[0].pk).update(panel_tier="none")
    client = signed_in(staff(two, Role.AID_OFFICER))
    with committing():
        client.post(f"/identify/{round_.pk}/recognition/", {"stage": "evaluated", "agreeing": "1", "verb": "recognise"})
    assert list(Case.objects.filter(stage="evaluated").values_list("pk", flat=True)) == [cases[0].pk]


def test_a_case_is_seen_side_by_side_recognised_sent_back_and_done_again(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_, "evaluated", "mild")[0]
    officer, head = signed_in(staff(two, Role.AID_OFFICER)), signed_in(staff(two, Role.PRINCIPAL))
    address = f"/identify/cases/{case.pk}/"
    page = officer.get(address).content.decode()
    assert "一般困难 3 · 未投 1" in page
    assert re.search(r"脱贫|建档", page)
    mark = re.search(r'name="seen" value="(\d+)"', page)
    assert mark
    form = {"seen": mark[1], "verb": "recognise", "tier": "severe", "comment": "家访过"}
    assert officer.post(f"{address}move/", form).status_code == 422  # no reason
    assert "家访过" in officer.post(f"{address}move/", form).content.decode()
    with committing():
        assert officer.post(f"{address}move/", form | {"reasons": ["low_income"]}).status_code == 302
    overtaken = officer.post(f"{address}move/", form | {"reasons": ["low_income"]})
    assert overtaken.status_code == 422
    assert "aid_officer" in overtaken.content.decode()
    mark = re.search(r'name="seen" value="(\d+)"', head.get(address).content.decode())
    assert mark
    assert head.post(f"{address}move/", {"seen": mark[1], "verb": "return", "comment": ""}).status_code == 422
    with committing():
        head.post(f"{address}move/", {"seen": mark[1], "verb": "return", "comment": "名单是去年的"})
    assert "名单是去年的" in officer.get(address).content.decode()
    assert Case.objects.get(pk=case.pk).stage == "evaluated"


def test_opening_a_case_is_written_down_once_a_day(two: Two) -> None:
    case = cases_of(a_round(two.school), "evaluated", "mild")[0]
    client = signed_in(staff(two, Role.CLASS_TEACHER))
    for _ in range(3):
        assert client.get(f"/identify/cases/{case.pk}/").status_code == 200
    assert Entry.objects.filter(action="identify.open_case").count() == 1


def test_the_auditor_sees_lists_and_steps_and_opens_the_rest_with_a_reason(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_, "evaluated", "mild")[0]
    client = signed_in(staff(two, Role.AUDITOR))
    assert HERE[0].name in client.get(f"/identify/{round_.pk}/recognition/").content.decode()
    closed = client.get(f"/identify/cases/{case.pk}/").content.decode()
    assert not re.search(r"脱贫|建档|家长", closed)
    assert client.post(f"/identify/cases/{case.pk}/open/", {"reason": " "}).status_code == 422
    opened = client.post(f"/identify/cases/{case.pk}/open/", {"reason": "抽查"})
    assert re.search(r"脱贫|建档", opened.content.decode())
    assert list(Entry.objects.filter(action="identify.open_case").values_list("reason", flat=True)) == ["抽查"]
    for address in (f"/identify/cases/{case.pk}/move/", f"/identify/{round_.pk}/recognition/"):
        assert client.post(address, {"verb": "recognise"}).status_code == 404


def test_lists_name_tiers_and_no_reasons(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_, "evaluated", "mild")[0]
    a_panel(round_, two.school_class)
    client = signed_in(staff(two, Role.AID_OFFICER))
    for address in (f"/identify/{round_.pk}/recognition/?stage=all", f"/identify/{round_.pk}/panels/",
                    f"/identify/panels/{Panel.objects.get().pk}/", f"/identify/cases/{case.pk}/file/"):  # fmt: skip
        main = client.get(address).content.decode()
        main = re.sub(r'(?s)<div class="sides"><fieldset.*?</fieldset></div>', "", main)  # the reasons to choose from
        assert not re.search(r"脱贫|建档|registered_poor", main), address


def test_the_file_is_printed_with_what_is_missing_and_by_whom(two: Two) -> None:
    case = cases_of(a_round(two.school), "evaluated", "mild")[0]
    page = signed_in(staff(two, Role.CLASS_TEACHER)).get(f"/identify/cases/{case.pk}/file/").content.decode()
    assert re.search(r"还缺 \d 项", page)
    assert all(word in page for word in ("家庭", "班主任", "资助专干"))


# ---------------------------------------------------------------- who sees what, and at what cost


def addresses(two: Two) -> dict[str, list[str]]:
    """Return the addresses of the pages, for a round of each of the three schools: by the school's name."""
    found: dict[str, list[str]] = {}
    for school in (two.school, two.next_school, two.far_school):
        round_ = a_round(school)
        cases = cases_of(round_, "evaluated", "mild")
        panel = a_panel(round_, cases[0].school_class)
        found[school.name] = [
            f"/identify/{round_.pk}/panels/", f"/identify/{round_.pk}/recognition/?stage=all",
            f"/identify/{round_.pk}/panels/new/?class={cases[0].school_class_id}", f"/identify/panels/{panel.pk}/",
            f"/identify/cases/{cases[0].pk}/", f"/identify/cases/{cases[0].pk}/file/",
        ]  # fmt: skip
    return found


@pytest.mark.parametrize("role", Role)
def test_each_role_sees_its_own_schools_cases_alone(two: Two, role: Role) -> None:
    of_school, client = addresses(two), signed_in(staff(two, role))
    own = {two.school.name, two.next_school.name} if PLACE[role] == "county" else {two.school.name}
    for school, pages in of_school.items():
        for address in pages:
            answer = client.get(address)
            if role not in (*OFFICES, Role.AUDITOR):
                assert answer.status_code == 404, (role, address)
            elif school not in own:
                assert answer.status_code in (403, 404), (role, address)
            elif "/new/" not in address:
                assert answer.status_code == 200, (role, address)
            seen = {human.name for human in (*HERE, *NEXT_DOOR)} if len(own) > 1 else {human.name for human in HERE}
            assert names_in(answer) <= seen, (role, address)


def test_forms_are_taken_from_those_alone_whose_work_they_are(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_)[0]
    panel = a_panel(round_, two.school_class)
    before = (Case.objects.values_list("stage", "path").get(pk=case.pk), Panel.objects.get().counted_at)
    for role in (Role.PRINCIPAL, Role.COUNTY_BUREAU, Role.AUDITOR, Role.FINANCE_OFFICER, Role.HELPER):
        client = signed_in(staff(two, role))
        for verb in ("passes", "recuse", "count", "dissolve"):
            assert client.post(f"/identify/panels/{panel.pk}/{verb}/", {"reason": "x"}).status_code == 404
        answer = client.post(f"/identify/cases/{case.pk}/move/", {"verb": "without", "why": "emergency"})
        assert answer.status_code in (404, 422)
    assert (Case.objects.values_list("stage", "path").get(pk=case.pk), Panel.objects.get().counted_at) == before


def grow(round_: Round, place: Organisation, count: int) -> None:
    """Add pupils with cases to a class: by copies of the rows of its first pupil."""
    row = Enrolment.objects.filter(school_class=place).order_by("pk")[0]
    detail = Detail.objects.filter(person=row.person).order_by("pk")[0]
    for at in range(count):
        person = row.person
        person.pk = 70_000 + at
        person.save(force_insert=True)
        for model, fact in ((Enrolment, row), (Detail, detail)):
            fact.pk, fact.person_id = 80_000 + at, person.pk
            fact.save(force_insert=True)
            assert model._default_manager.filter(pk=fact.pk).exists()
        case = Case.objects.create(round=round_, person_id=person.pk, human=person.pk, stage="evaluated",
                                   panel_tier="mild", school_class=place, path=place.path)  # fmt: skip
        Proposal.objects.create(case=case, kind="orphan", list_date=date(2025, 3, 3))


def asked(client: Client, address: str) -> int:
    """Return how many queries a page takes the second time, PostgreSQL's orders about scope not counted."""
    for _ in range(2):
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200, address
    queries = [query["sql"] for query in found if SETTING not in query["sql"]]
    assert len(queries) <= AT_MOST, (address, queries)
    return len(queries)


def test_a_page_asks_as_much_of_many_cases_as_of_few(two: Two) -> None:
    pages = addresses(two)[two.school.name]
    clients = {role: signed_in(staff(two, role)) for role in OFFICES}
    wanted = [(role, page) for role in OFFICES for page in pages if "/new/" not in page or role not in
              (Role.COUNTY_BUREAU, Role.PRINCIPAL)]  # fmt: skip
    few = {each: asked(clients[each[0]], each[1]) for each in wanted}
    grow(Round.objects.get(school=two.school), two.school_class, 20)
    assert {each: asked(clients[each[0]], each[1]) for each in wanted} == few


def test_a_ballot_asks_as_much_of_many_pupils_as_of_few(two: Two) -> None:
    round_ = a_round(two.school)
    case = cases_of(round_)[0]
    client = phone(codes(a_panel(round_, two.school_class))[0])
    pages = ("/ballot/", f"/ballot/pupil/{case.pk}/", "/ballot/check/")
    few = {page: asked(client, page) for page in pages}
    grow(round_, two.school_class, 20)
    Case.objects.update(stage="proposed")
    assert {page: asked(client, page) for page in pages} == few
