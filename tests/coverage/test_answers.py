"""Answers to differences: what they need, how they are kept, how long they stand, and how they are taken back."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from bangfu.audit.models import Entry
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.seal import BrokenSeal
from bangfu.coverage.actions import answer_difference, decide_link, reseal_evidence, take_back_answer
from bangfu.coverage.models import Difference, Link
from bangfu.coverage.queries import differences, evidence_of
from bangfu.coverage.reckon import CODES
from bangfu.intake.actions import rotate_keys
from bangfu.tasks.models import Task
from tests.conftest import BY, committing
from tests.coverage.lists import (
    AN,
    APRIL,
    JUN,
    LATER,
    MARCH,
    MEI,
    SECOND,
    Desk,
    codes,
    covered,
    gap,
    gaps,
    one,
    open_tasks,
    record,
    snapshot,
    spot,
    states,
    task_of,
)
from tests.coverage.test_differences import OTHER_ID, SHOWS

pytestmark = pytest.mark.usefixtures("whole")
EVIDENCE = "派出所证明,户口簿第三页"


def answer(difference: Difference, said: str, evidence: str = EVIDENCE) -> None:
    """Answer a difference as the operator does."""
    with committing():
        answer_difference(id_=difference.pk, answer=said, evidence=evidence, by=BY)


def two_schools(desk: Desk) -> Difference:
    """Take two rolls with one pupil on both, and return what is asked."""
    desk.roll(AN.enrolled(), MEI.enrolled(), name="a")
    desk.roll(AN.enrolled(SECOND), JUN.enrolled(SECOND), name="b")
    covered()
    return gap("duplicate_enrolment")


def no_id(desk: Desk) -> Difference:
    """Take a roll with a pupil without an ID, and return what is asked."""
    desk.roll(AN.enrolled(身份证件号=""))
    covered()
    return gap("id_missing")


@pytest.mark.parametrize(
    ("said", "evidence", "code"),
    [
        ("recovered", EVIDENCE, "answer_unknown"),  # another code's
        ("", EVIDENCE, "answer_unknown"),
        ("HAS_NONE_YET", EVIDENCE, "answer_unknown"),
        ("has_none_yet", "", "evidence_missing"),
        ("has_none_yet", " \n\t", "evidence_missing"),
    ],
)
def test_an_answer_must_be_known_and_have_evidence(desk: Desk, said: str, evidence: str, code: str) -> None:
    asked = no_id(desk)
    before, entries = snapshot(), Entry.objects.count()
    with pytest.raises(BangfuError) as problem, committing():
        answer_difference(id_=asked.pk, answer=said, evidence=evidence, by=BY)
    assert problem.value.code == code
    assert (snapshot(), Entry.objects.count()) == (before, entries)


@pytest.mark.parametrize("id_", [0, -1, 999, 2**63])
def test_a_difference_that_is_not_there_cannot_be_answered(desk: Desk, id_: int) -> None:
    no_id(desk)
    with pytest.raises(NotAllowed):
        answer_difference(id_=id_, answer="has_none_yet", evidence=EVIDENCE, by=BY)
    with pytest.raises(NotAllowed):
        take_back_answer(id_=id_, by=BY, reason="x")


def test_a_difference_that_is_closed_cannot_be_answered(desk: Desk) -> None:
    asked = no_id(desk)
    desk.roll(AN.enrolled(), day=MARCH, name="right")
    covered()
    with pytest.raises(NotAllowed):
        answer_difference(id_=asked.pk, answer="has_none_yet", evidence=EVIDENCE, by=BY)


def test_an_answer_takes_the_difference_off_the_list_and_closes_its_task(desk: Desk) -> None:
    asked = two_schools(desk)
    assert differences(BY).count() == 1
    answer(asked, "left_first_school")
    assert (differences(BY).count(), open_tasks()) == (0, 0)
    assert (task_of(asked).closed, task_of(asked).count) == (BY.at, 0)
    asked.refresh_from_db()
    assert (asked.answer, asked.closed_at) == ("left_first_school", None)
    entry = Entry.objects.get(action="coverage.answer_difference")
    assert (asked.answered_in, entry.subject) == (entry, f"difference:{asked.pk}")
    assert "left_first_school" in entry.details
    totals = covered().totals
    assert totals["differences"]["duplicate_enrolment"] == {"open": 0, "answered": 1}
    assert totals["pupils"]["in_conflict"] == 0
    assert states()[AN.name] == ("no_sign", "")


def everything_stored() -> bytes:
    """Return all that the tables hold, with blobs as they are."""
    found = b""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our tables
            for row in cursor.fetchall():
                cells = (bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in row)
                found += b"|".join(cells)
    return found


def test_evidence_is_sealed_and_survives_new_keys(desk: Desk) -> None:
    asked, other = two_schools(desk), EVIDENCE + "二"
    desk.poor(MEI.poor(在校生状况=""))
    covered()
    answer(asked, "left_first_school")
    answer(gap("school_status_blank"), "known", other)
    assert EVIDENCE.encode() not in everything_stored()
    assert "派出所".encode() not in everything_stored()
    before = {found.pk: bytes(found.evidence or b"") for found in Difference.objects.all()}
    for _ in range(2):
        with committing():
            rotate_keys(by=BY, others=[reseal_evidence])
    after = list(Difference.objects.order_by("pk"))
    assert [evidence_of(found) for found in after] == [EVIDENCE, other]
    assert all(bytes(found.evidence or b"") != before[found.pk] for found in after)
    assert EVIDENCE.encode() not in everything_stored()
    entries = Entry.objects.filter(action="coverage.reseal_evidence")
    assert [entry.details for entry in entries] == ['{"cells":2}'] * 2
    totals = covered().totals["differences"]
    assert totals == {code: {"open": 0, "answered": 1} for code in ("duplicate_enrolment", "school_status_blank")}


def test_evidence_of_one_answer_does_not_open_as_that_of_another(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    asked.refresh_from_db()
    asked.pk += 1
    with pytest.raises(BrokenSeal):
        evidence_of(asked)


def test_what_was_answered_stays_answered_while_the_lists_say_the_same(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    before = snapshot()
    for path in sorted(desk.folder.iterdir()):
        desk.again(path, date(2025, 2, 17))
    covered(by=LATER)
    assert (codes(), open_tasks()) == ([], 0)
    assert snapshot()["Difference"] == before["Difference"]
    desk.roll(MEI.enrolled(), AN.enrolled(), name="a2", day=MARCH)
    desk.roll(JUN.enrolled(SECOND), AN.enrolled(SECOND), name="b2", day=MARCH)
    found = covered(by=LATER)
    assert (codes(), open_tasks()) == ([], 0)
    assert found.totals["differences"]["duplicate_enrolment"] == {"open": 0, "answered": 1}
    asked.refresh_from_db()
    assert (spot(asked), asked.answer) == (("b2.csv:3", "a2.csv:3"), "left_first_school")


def test_an_answer_outlives_a_newer_roll_of_one_of_the_two_schools(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    desk.roll(MEI.enrolled(), AN.enrolled(), name="a2", day=MARCH)
    covered(by=LATER)
    assert codes() == []


def test_an_answered_fault_of_one_row_stays_answered_through_newer_lists(desk: Desk) -> None:
    asked = no_id(desk)
    answer(asked, "has_none_yet")
    for day, name in ((MARCH, "second"), (APRIL, "third")):
        desk.roll(MEI.enrolled(), AN.enrolled(身份证件号=""), name=name, day=day)
        found = covered(by=LATER)
        assert (codes(), open_tasks()) == ([], 0)
        assert found.totals["differences"]["id_missing"] == {"open": 0, "answered": 1}
    asked.refresh_from_db()
    assert spot(asked) == ("third.csv:3", "")


def test_a_newer_list_that_says_something_else_asks_anew(desk: Desk) -> None:
    desk.roll(MEI.enrolled())
    desk.poor(AN.poor(在校生状况="辍学"))
    covered()
    asked = gap("on_no_roll")
    answer(asked, "taught_at_home")
    desk.poor(AN.poor(在校生状况="失学"), name="next", day=MARCH)
    covered(by=LATER)
    anew = gap("on_no_roll")
    asked.refresh_from_db()
    assert (asked.answer, asked.closed_at) == ("taught_at_home", LATER.at)
    assert (anew.pk != asked.pk, anew.record_id, spot(anew)) == (True, asked.record_id, ("next.csv:2", ""))
    assert (task_of(anew).closed, open_tasks()) == (None, 1)
    assert evidence_of(asked) == EVIDENCE


def test_another_class_in_one_of_two_schools_asks_anew(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    desk.roll(AN.enrolled(班级="2班"), MEI.enrolled(), name="a2", day=MARCH)
    desk.roll(AN.enrolled(SECOND), JUN.enrolled(SECOND), name="b2", day=MARCH)
    covered(by=LATER)
    assert gap("duplicate_enrolment").pk != asked.pk
    assert states()[AN.name] == ("in_conflict", "")


def test_an_answer_taken_back_is_an_open_difference_with_its_task(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    covered()
    for reason in ("", "  "):
        with pytest.raises(BangfuError) as problem:
            take_back_answer(id_=asked.pk, by=BY, reason=reason)
        assert problem.value.code == "reason_missing"
    with committing():
        take_back_answer(id_=asked.pk, by=LATER, reason="证明是旧的")
    again = gap("duplicate_enrolment")
    assert (again.pk, again.due, again.evidence, again.answered_in) == (asked.pk, asked.due, None, None)
    task = Task.objects.get(subject=f"difference:{asked.pk}", closed=None)
    assert (task.due, task.path, task.post) == (asked.due, asked.owner.path, asked.post)
    covered()
    assert states()[AN.name] == ("in_conflict", "")
    with pytest.raises(BangfuError) as problem:
        take_back_answer(id_=asked.pk, by=BY, reason="再来")
    assert problem.value.code == "difference_not_answered"


def test_an_answer_may_be_replaced(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "left_first_school")
    answer(asked, "left_second_school", "电话记录")
    asked.refresh_from_db()
    assert (asked.answer, evidence_of(asked), open_tasks()) == ("left_second_school", "电话记录", 0)
    assert Entry.objects.filter(action="coverage.answer_difference").count() == 2


def test_an_answer_replaced_by_one_about_schools_leaves_one_pupil(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "two_people")
    answer(asked, "left_first_school")
    assert covered().totals["pupils"]["pupils"] == 3


# ---- answers that decide links


def doubt(desk: Desk) -> Difference:
    """Take a roll and a register with two rows that may be one pupil, and return what is asked."""
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.poor(AN.poor(证件号码=OTHER_ID))
    covered()
    return gap("doubtful_link")


@pytest.mark.parametrize(
    ("said", "joined", "state", "left"),
    [
        ("one_person", True, ("to_assess", "registered_poor"), ["id_mismatch"]),
        ("two_people", False, ("no_sign", ""), ["listed_elsewhere"]),
    ],
)
def test_who_is_who_is_decided_by_the_answer(
    desk: Desk,
    said: str,
    joined: bool,
    state: tuple[str, str],
    left: list[str],
) -> None:
    asked = doubt(desk)
    pair = (record(AN, "school_roll"), record(AN, "poverty_register"))
    assert (asked.record_id, asked.other_id, states()[AN.name][0]) == (*pair, "in_conflict")
    answer(asked, said)
    assert one(*pair) == joined
    link = Link.objects.get(how="person", ended_in=None)
    assert (link.left_id, link.right_id, link.verdict) == (*pair, "same" if joined else "different")
    entry = asked.answered_in or Difference.objects.get(pk=asked.pk).answered_in
    assert entry is not None
    assert link.made_in.reason == f"entry:{entry.chain}/{entry.number}"
    covered()
    assert states() == {AN.name: state, MEI.name: ("no_sign", "")}
    assert (codes(), open_tasks()) == (left, len(left))


def test_two_people_on_two_rolls_are_two_pupils(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "two_people")
    found = covered()
    assert (found.totals["pupils"]["pupils"], found.totals["pupils"]["in_conflict"]) == (4, 0)
    for path in sorted(desk.folder.iterdir()):
        desk.again(path, date(2025, 2, 17))
    assert covered().totals["pupils"]["pupils"] == 4
    assert codes() == []


def test_a_row_repeated_that_is_two_people_is_answered_for_good(desk: Desk) -> None:
    desk.poor(AN.poor(), AN.poor(人口编号="M9"))
    covered()
    answer(gap("row_repeated"), "two_people")
    covered()
    assert gaps("row_repeated", "shared_number", "doubtful_link") == []


def test_a_shared_number_that_is_one_person_leaves_the_names_to_settle(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(MEI.poor(证件号码=AN.id, 出生日期="20150506"))
    covered()
    answer(gap("shared_number"), "one_person")
    covered()
    assert codes() == ["name_mismatch"]
    assert states() == {AN.name: ("to_assess", "registered_poor")}


def test_an_answer_that_an_earlier_decision_contradicts_changes_nothing(desk: Desk) -> None:
    asked = doubt(desk)
    desk.minimum(AN.low())
    covered()
    roll, poor, low = (record(AN, layout) for layout in ("school_roll", "poverty_register", "minimum_living"))
    assert one(roll, low)
    with committing():
        decide_link(left=poor, right=low, same=False, by=BY, reason="两个人")
    with committing():
        decide_link(left=roll, right=low, same=True, by=BY, reason="一个人")
    open_ = [found for found in gaps("doubtful_link") if found.pk == asked.pk]
    assert open_
    before, entries = snapshot(), Entry.objects.count()
    with pytest.raises(BangfuError) as problem, committing():
        answer_difference(id_=asked.pk, answer="one_person", evidence=EVIDENCE, by=BY)
    assert problem.value.code == "link_contradicts"
    assert (snapshot(), Entry.objects.count()) == (before, entries)


def test_an_answer_about_people_taken_back_takes_its_link_back_and_asks_again(desk: Desk) -> None:
    asked = doubt(desk)
    answer(asked, "two_people")
    with committing():
        take_back_answer(id_=asked.pk, by=BY, reason="看错了")
    covered()
    assert gap("doubtful_link").pk == asked.pk
    assert states()[AN.name][0] == "in_conflict"


def test_an_answer_about_people_taken_back_is_still_open_at_the_next_reckoning(desk: Desk) -> None:
    asked = two_schools(desk)
    answer(asked, "two_people")
    with committing():
        take_back_answer(id_=asked.pk, by=BY, reason="看错了")
    covered()
    assert gap("duplicate_enrolment").pk == asked.pk
    assert states()[AN.name][0] == "in_conflict"


@pytest.mark.parametrize("code", CODES)
def test_every_answer_of_every_code_is_taken(desk: Desk, code: str) -> None:
    (case,) = (case for case in SHOWS if case.code == code)
    case.setting(desk)
    covered()
    asked = gap(code)
    for said in CODES[code]["answers"]:
        answer(asked, said)
        asked.refresh_from_db()
        assert asked.answer == said
    covered()
    assert code not in codes()
