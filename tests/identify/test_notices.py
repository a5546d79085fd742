"""Public notices: published, seen for their days and gone after them; objections, answers, appeals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.core.errors import NotAllowed, Overtaken
from bangfu.identify import notices
from bangfu.identify.actions.determinations import determine, end_determination
from bangfu.identify.actions.notices import (
    Against,
    answer_appeal,
    answer_objection,
    appeal,
    object_to,
    publish,
    sheet_taken_down,
    withdraw_notice,
)
from bangfu.identify.models import Case, Notice, Objection, Round, Step
from bangfu.identify.queries import moves
from bangfu.identify.rules import NOTICE_COLUMNS, CaseFacts, why_not_determined
from bangfu.identify.sealed import opened
from bangfu.registry.models import Organisation
from bangfu.tasks.models import Task
from tests.conftest import committing
from tests.coverage.lists import AN, FIRST, GUO, HUI, JUN, MEI, Desk
from tests.identify.reviewed import DAY, LAST, actor, open_round, refused, reviewed_cases, stranger

PUPILS = (AN, MEI, JUN, HUI, GUO)  # severe, moderate, mild, not in need, severe
NOWHERE = "x" * 22  # an address that leads to no notice
SAYS = Against(None, "刘桂芳", "13900001111", "名单漏了一名学生")


@pytest.fixture
def desk(founded: Path, tmp_path: Path) -> Desk:
    """Return a desk over an empty register."""
    folder = tmp_path / "lists"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def round_(desk: Desk) -> Round:
    """Return a round of a school whose five pupils wait for their notice, one of them not in need."""
    desk.roll(*(human.enrolled() for human in PUPILS[:4]), PUPILS[4].enrolled(班级="2班"))
    round_ = open_round(Organisation.objects.get(kind="school", name=FIRST))
    reviewed_cases(round_)
    return round_


def officer(round_: Round, day: date = DAY, name: str = "") -> object:
    return actor(Role.AID_OFFICER, round_.path, day, name)


def published(round_: Round, place: Organisation | None = None, day: date = DAY) -> Notice:
    by = actor(Role.PRINCIPAL, round_.path, day)
    place = place or round_.school
    seen = notices.preview(round_, place, by).digest
    return publish(round_id=round_.pk, place_id=place.pk, seen=seen, by=by)


def objected(notice: Notice, against: Against = SAYS, day: date = DAY, key: UUID | None = None) -> str:
    return object_to(token=notice.token, against=against, key=key or uuid4(), by=stranger(day))


def line_of(notice: Notice, name: str, day: date = DAY) -> int:
    return next(case for case, line in notices.numbered(notice, day) if line["name"] == name)


# -- what is shown, and for how long


def test_a_notice_over_a_holiday_is_longer_by_it(round_: Round) -> None:
    found = notices.preview(round_, round_.school, actor(Role.AID_OFFICER, round_.path))
    assert (found.first_day, found.last_day, found.working_days) == (DAY, LAST, 5)
    assert [(day.day, name) for day, name in found.holidays] == [(day, "labour_day") for day in (1, 2, 5)]
    assert (len(found.lines), found.silent, found.holidays_known) == (4, 1, True)
    notice = published(round_)
    assert (notice.first_day, notice.last_day) == (DAY, LAST)


def test_it_shows_the_permitted_columns_of_who_is_in_need_and_nothing_else(round_: Round) -> None:
    notice = published(round_)
    found = notices.lines(notice, DAY)
    assert [set(line) for line in found] == [set(NOTICE_COLUMNS)] * 4
    assert {line["name"] for line in found} == {AN.name, MEI.name, JUN.name, GUO.name}
    assert {line["tier"] for line in found} == {"特别困难", "困难", "一般困难"}
    assert {line["class"] for line in found} == {"2022级小1班", "2022级小2班"}
    assert {(line["school"], line["grade"], line["department"]) for line in found} == {(FIRST, "小学3年级", "")}


def test_it_is_there_on_its_days_and_gone_after_them(round_: Round) -> None:
    notice = published(round_)
    days = {DAY - timedelta(1): 0, DAY: 4, LAST: 4, LAST + timedelta(1): 0, date(2031, 1, 1): 0}
    for day, count in days.items():
        assert len(notices.lines(notice, day)) == count
        seen = notices.notice_shown(notice.token, day)
        assert seen is not None
        assert (len(seen.lines), seen.stands) == (count, bool(count))
    assert notices.notice_shown(NOWHERE, DAY) is None


def test_all_cases_go_along_and_the_trail_names_nobody(round_: Round) -> None:
    notice = published(round_)
    assert list(Case.objects.filter(stage="noticed", notice=notice).values_list("pk", flat=True)) == list(
        Case.objects.values_list("pk", flat=True)
    )
    entry = notice.entry
    assert (entry.action, entry.chain) == ("identify.publish_notice", round_.school_id)
    assert AN.name not in entry.details
    assert notice.token not in entry.details
    task = Task.objects.get(kind="take_notice_down")
    assert (task.due, task.post, task.path) == (LAST + timedelta(1), "aid_officer", round_.path)


def test_of_one_class_only(round_: Round) -> None:
    second = Organisation.objects.get(kind="class", name__contains="2班")
    notice = published(round_, second)
    assert [line["name"] for line in notices.lines(notice, DAY)] == [GUO.name]
    assert Case.objects.filter(stage="reviewed").count() == 4
    rest = published(round_)
    assert GUO.name not in {line["name"] for line in notices.lines(rest, DAY)}


def test_who_publishes_and_where(round_: Round) -> None:
    elsewhere = Organisation.objects.get(kind="county")
    for role in (Role.COUNTY_BUREAU, Role.CLASS_TEACHER, Role.FINANCE_OFFICER):
        with pytest.raises(NotAllowed):
            publish(round_id=round_.pk, place_id=round_.school_id, seen="", by=actor(role, round_.path))
    with pytest.raises(NotAllowed):
        publish(round_id=round_.pk, place_id=elsewhere.pk, seen="", by=actor(Role.PRINCIPAL, round_.path))
    with pytest.raises(NotAllowed):
        publish(round_id=round_.pk, place_id=round_.school_id, seen="", by=actor(Role.PRINCIPAL, "/999/"))


def test_what_was_not_looked_at_is_not_published(round_: Round) -> None:
    by = actor(Role.PRINCIPAL, round_.path)
    seen = notices.preview(round_, round_.school, by).digest
    Case.objects.filter(school_tier="mild").update(school_tier="severe")
    with pytest.raises(Overtaken):
        publish(round_id=round_.pk, place_id=round_.school_id, seen=seen, by=by)
    assert not Notice.objects.exists()


def test_twice_or_with_nobody_waiting_nothing_is_published(round_: Round) -> None:
    published(round_)
    with refused("notice_nobody"):
        published(round_)
    round_.closed_on = DAY
    round_.save()
    with refused("notice_round_closed"):
        published(round_)


def test_a_withdrawn_notice_shows_nothing_and_its_cases_begin_anew(round_: Round) -> None:
    notice = published(round_)
    with refused("reason_missing"):
        withdraw_notice(notice_id=notice.pk, by=officer(round_), reason=" ")
    assert withdraw_notice(notice_id=notice.pk, by=officer(round_), reason="班级有误") == 5
    notice.refresh_from_db()
    assert notices.lines(notice, DAY) == []
    assert set(Case.objects.values_list("stage", "notice")) == {("evaluated", None)}
    assert opened(Step.objects.filter(verb="reopen")[0], "words") == "班级有误"
    with refused("notice_over"):
        withdraw_notice(notice_id=notice.pk, by=officer(round_), reason="again")


def test_the_sheet_comes_down_after_its_days(round_: Round) -> None:
    notice = published(round_)
    with refused("notice_still_stands"):
        sheet_taken_down(notice_id=notice.pk, by=officer(round_))
    sheet_taken_down(notice_id=notice.pk, by=officer(round_, LAST + timedelta(1)))
    assert not Task.objects.filter(kind="take_notice_down", closed=None).exists()


# -- objections


def test_an_objection_is_sealed_and_its_code_opens_the_answer(round_: Round) -> None:
    notice = published(round_)
    code = objected(notice, replace(SAYS, case=line_of(notice, MEI.name)))
    objection = Objection.objects.get()
    for column in ("name", "contact", "words"):
        assert SAYS.name.encode() not in bytes(getattr(objection, column))
    task = Task.objects.get(kind="answer_objection")
    assert (task.post, task.due) == ("principal", date(2025, 5, 6))
    principal = actor(Role.PRINCIPAL, round_.path)
    answer_objection(objection_id=objection.pk, upheld=False, words="已经核实", by=principal)
    said = notices.told_by_code(code.lower().replace("-", " "), DAY)
    assert said is not None
    assert (said.state, said.texts["answer"], said.appeal_until) == ("answered", "已经核实", LAST)
    assert not Task.objects.filter(kind="answer_objection", closed=None).exists()
    assert notices.told_by_code("AAAAA-AAAAA-AAAAA", DAY) is None
    trail = "".join(f"{e.details}{e.subject}{e.reason}{e.actor}" for e in Entry.objects.all())
    assert not any(word in trail for word in (SAYS.name, SAYS.contact, SAYS.words, MEI.name, code))


@pytest.mark.parametrize("missing", ["name", "contact", "words"])
def test_an_objection_without_a_name_is_refused_with_the_reason(round_: Round, missing: str) -> None:
    notice = published(round_)
    with refused(f"objection_{missing}_missing"):
        objected(notice, replace(SAYS, **{missing: " \n"}))
    with refused("objection_too_long"):
        objected(notice, replace(SAYS, **{missing: "长" * 5000}))
    assert not Objection.objects.exists()


def test_only_while_the_notice_stands(round_: Round) -> None:
    notice = published(round_)
    objected(notice, day=LAST)
    with refused("objection_too_late"):
        objected(notice, replace(SAYS, name="张三"), LAST + timedelta(1))
    with refused("notice_unknown", NotAllowed):
        object_to(token=NOWHERE, against=SAYS, key=uuid4(), by=stranger())
    withdraw_notice(notice_id=notice.pk, by=officer(round_), reason="x")
    with refused("objection_too_late"):
        objected(notice, replace(SAYS, name="张三"))


def test_sent_twice_it_is_one_and_a_second_of_one_name_waits(round_: Round) -> None:
    notice, key = published(round_), uuid4()
    assert objected(notice, key=key) == objected(notice, key=key)
    assert Objection.objects.count() == 1
    with refused("objection_twice"):
        objected(notice)
    objected(notice, replace(SAYS, case=line_of(notice, MEI.name)))
    assert Objection.objects.count() == 2


def test_of_a_line_that_is_not_shown_nothing_is_told(round_: Round) -> None:
    notice = published(round_)
    silent = Case.objects.get(school_tier="none")
    for case in (silent.pk, 10**9):
        with refused("objection_no_line"):
            objected(notice, replace(SAYS, case=case))


def test_upheld_its_case_alone_begins_anew_with_the_reason(round_: Round) -> None:
    notice = published(round_)
    number = line_of(notice, MEI.name)
    objected(notice, replace(SAYS, case=number))
    principal = actor(Role.PRINCIPAL, round_.path)
    answer_objection(objection_id=Objection.objects.get().pk, upheld=True, words="收入有误", by=principal)
    case = Case.objects.get(pk=number)
    assert (case.stage, case.notice) == ("evaluated", None)
    assert Case.objects.filter(stage="noticed").count() == 4
    assert MEI.name not in {line["name"] for line in notices.lines(notice, DAY)}
    assert opened(case.steps.get(verb="reopen"), "words") == "收入有误"
    with pytest.raises(Overtaken):
        answer_objection(objection_id=Objection.objects.get().pk, upheld=True, words="again", by=principal)


def test_who_recognised_a_case_neither_answers_nor_sees_who_objects(round_: Round) -> None:
    notice = published(round_)
    objected(notice, replace(SAYS, case=line_of(notice, MEI.name)))
    objection, maker = Objection.objects.get(), officer(round_)
    with refused("objection_own_case", NotAllowed):
        answer_objection(objection_id=objection.pk, upheld=False, words="x", by=maker)
    said = notices.said_in(objection, maker)
    assert said is not None
    assert (said.name, said.contact, said.words, said.hidden) == ("", "", SAYS.words, True)
    other = notices.said_in(objection, officer(round_, name="second"))
    assert other is not None
    assert (other.name, other.hidden) == (SAYS.name, False)


def test_who_may_read_and_answer(round_: Round) -> None:
    notice = published(round_)
    objected(notice)
    objection = Objection.objects.get()
    assert notices.said_in(objection, actor(Role.AUDITOR, round_.path)) is None
    class_path = Organisation.objects.filter(kind="class")[0].path
    for role, path in ((Role.CLASS_TEACHER, class_path), (Role.CLASS_TEACHER, round_.path), (Role.PRINCIPAL, "/999/")):
        assert not notices.objections(actor(role, path)).exists()
        with pytest.raises(NotAllowed):
            answer_objection(objection_id=objection.pk, upheld=False, words="x", by=actor(role, path))
    for role in (Role.COUNTY_BUREAU, Role.AUDITOR):
        with pytest.raises(NotAllowed):
            answer_objection(objection_id=objection.pk, upheld=False, words="x", by=actor(role, round_.path))
    with refused("answer_words_missing"):
        answer_objection(objection_id=objection.pk, upheld=False, words=" ", by=officer(round_))


def test_an_appeal_goes_to_the_county_within_its_days_and_ends_it(round_: Round) -> None:
    notice = published(round_)
    number = line_of(notice, MEI.name)
    code = objected(notice, replace(SAYS, case=number))
    objection = Objection.objects.get()
    with refused("appeal_too_late"):
        appeal(code=code, words="不服", by=stranger())
    answer_objection(objection_id=objection.pk, upheld=False, words="属实", by=actor(Role.PRINCIPAL, round_.path))
    with refused("objection_words_missing"):
        appeal(code=code, words=" ", by=stranger())
    with refused("appeal_too_late"):
        appeal(code=code, words="不服", by=stranger(LAST + timedelta(1)))
    with pytest.raises(NotAllowed):
        appeal(code="X", words="不服", by=stranger())
    appeal(code=code, words="不服", by=stranger(LAST))
    assert notices.open_objections([number]) == {number: 1}
    assert Task.objects.get(kind="answer_appeal", closed=None).post == "county_bureau"
    with refused("appeal_not_yours", NotAllowed):
        answer_appeal(objection_id=objection.pk, upheld=True, words="x", by=actor(Role.PRINCIPAL, round_.path))
    bureau = actor(Role.COUNTY_BUREAU, round_.path, LAST, "bureau-2")
    answer_appeal(objection_id=objection.pk, upheld=True, words="应予重评", by=bureau)
    assert Case.objects.get(pk=number).stage == "evaluated"
    said = notices.told_by_code(code, LAST)
    assert said is not None
    assert (said.state, said.appeal_until, said.texts["appeal_answer"]) == ("closed_upheld", None, "应予重评")


def test_nothing_is_determined_while_an_objection_waits(round_: Round) -> None:
    notice = published(round_)
    number = line_of(notice, MEI.name)
    code = objected(notice, replace(SAYS, case=number))
    case = Case.objects.get(pk=number)

    def stands_against(day: date) -> str:
        waiting = notices.open_objections([number]).get(number, 0)
        facts = CaseFacts(["registered_poor"], moves(case), notice.last_day, notice.withdrawn_at is not None, waiting)
        return why_not_determined(facts, day)

    after = LAST + timedelta(1)
    assert (stands_against(LAST), stands_against(after)) == ("notice_still_stands", "objection_open")
    principal = actor(Role.PRINCIPAL, round_.path)
    answer_objection(objection_id=Objection.objects.get().pk, upheld=False, words="属实", by=principal)
    assert stands_against(after) == ""
    appeal(code=code, words="不服", by=stranger())
    assert stands_against(after) == "objection_open"


def test_upheld_after_the_determination_the_school_must_correct_it(round_: Round) -> None:
    notice = published(round_)
    number = line_of(notice, MEI.name)
    code = objected(notice, replace(SAYS, case=number))
    objection = Objection.objects.get()
    head = actor(Role.PRINCIPAL, round_.path, LAST)
    answer_objection(objection_id=objection.pk, upheld=False, words="属实", by=head)
    later = actor(Role.PRINCIPAL, round_.path, LAST + timedelta(1))
    with committing():
        assert determine(round_id=round_.pk, cases=[number], by=later).done == [number]
    appeal(code=code, words="不服", by=stranger(LAST + timedelta(2)))
    bureau = actor(Role.COUNTY_BUREAU, round_.path, LAST + timedelta(3), "bureau-2")
    answer_appeal(objection_id=objection.pk, upheld=True, words="应予更正", by=bureau)
    assert Case.objects.get(pk=number).stage == "determined"
    assert Task.objects.get(kind="correct_determination", closed=None).subject == f"case:{number}"
    with committing():
        end_determination(case_id=number, why="corrected", by=later, reason="申诉成立")
    assert not Task.objects.filter(kind="correct_determination", closed=None).exists()
