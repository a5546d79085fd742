"""The state of each pupil: what proposes him, what settles it, and what must be settled first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from bangfu.coverage.actions import answer_difference
from bangfu.coverage.queries import state_totals
from bangfu.registry.models import Person, SourceRow, Status
from tests.conftest import BY, committing
from tests.coverage.lists import (
    AN,
    GUO,
    HUI,
    JUN,
    MEI,
    SECOND,
    TERM,
    Desk,
    Human,
    covered,
    gap,
    gaps,
    record,
    states,
)
from tests.coverage.test_differences import HEAD, HOME, OTHER_ID, head

pytestmark = pytest.mark.usefixtures("whole")
MONITORED = {"户类型": "一般农户", "监测对象类别": "边缘易致贫户", "风险是否已消除": "否"}


def determine(person: int, level: str, since: date = TERM) -> None:
    """Put a determination into the register, by hand: its own list does not exist yet."""
    source = SourceRow.objects.filter(person=person).earliest("pk")
    last = max(Status.objects.values_list("pk", flat=True), default=0)
    Status.objects.create(pk=last + 1, person_id=person, valid_from=since, source=source, kind="hardship", level=level)


ONE_BASIS: dict[str, Callable[[Desk], object]] = {
    "registered_poor": lambda desk: desk.poor(AN.poor()),
    "monitored": lambda desk: desk.poor(AN.poor(**MONITORED)),
    "minimum_living": lambda desk: desk.minimum(AN.low()),
    "disabled": lambda desk: desk.disabled(AN.disabled()),
    "orphan": lambda desk: desk.orphans(AN.orphan()),
}


@pytest.mark.parametrize("basis", ONE_BASIS)
def test_one_list_proposes_a_pupil_and_nobody_else(desk: Desk, basis: str) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled(SECOND))
    ONE_BASIS[basis](desk)
    found = covered()
    assert states() == {AN.name: ("to_assess", basis), MEI.name: ("no_sign", "")}
    assert found.totals["pupils"] == {
        "pupils": 2, "determined": 0, "to_assess": 1, "not_in_need": 0, "no_sign": 1, "in_conflict": 0,
    }  # fmt: skip
    assert state_totals(BY) == {"to_assess": 1, "no_sign": 1}


@pytest.mark.parametrize("order", [list(ONE_BASIS), list(ONE_BASIS)[::-1]])
def test_several_bases_stand_in_one_order_whatever_the_lists_came_in(desk: Desk, order: list[str]) -> None:
    desk.roll(AN.enrolled())
    for basis in order:
        if basis not in ("registered_poor", "monitored"):
            ONE_BASIS[basis](desk)
    desk.poor(AN.poor(监测对象类别="脱贫不稳定户", 风险是否已消除="否"))
    covered()
    assert states() == {AN.name: ("to_assess", "registered_poor;monitored;minimum_living;disabled;orphan")}


def test_a_list_that_names_somebody_twice_is_one_basis(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(AN.poor(), AN.poor(人口编号="M9"))
    covered()
    assert states() == {AN.name: ("to_assess", "registered_poor")}


def test_a_risk_that_is_gone_gives_no_basis(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(AN.poor(**{**MONITORED, "风险是否已消除": "是"}))
    covered()
    assert states() == {AN.name: ("no_sign", "")}


def test_who_left_a_list_is_no_longer_proposed_by_it(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.disabled(AN.disabled(), GUO.disabled())
    covered()
    assert states() == {AN.name: ("to_assess", "disabled")}
    desk.disabled(GUO.disabled(), day=date(2025, 3, 3), name="next")
    covered()
    assert states() == {AN.name: ("no_sign", "")}
    covered(day=date(2025, 3, 2))
    assert states() == {AN.name: ("to_assess", "disabled")}


def test_a_household_on_a_register_proposes_its_child_that_is_not_listed(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(head())
    desk.disabled(HEAD.disabled())
    covered()
    assert states() == {AN.name: ("to_assess", "registered_poor")}  # the head's certificate is the head's own


def test_a_household_that_is_answered_to_be_another_one_proposes_nobody(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(head())
    covered()
    asked = gap("in_register_not_in_household")
    with committing():
        answer_difference(id_=asked.pk, answer="other_household", evidence="户口簿", by=BY)
    covered()
    assert states() == {AN.name: ("no_sign", "")}


def test_a_household_whose_risk_is_gone_proposes_nobody(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(head(**{**MONITORED, "风险是否已消除": "是"}))
    covered()
    assert states() == {AN.name: ("no_sign", "")}


# ---- determined


@pytest.mark.parametrize(("level", "state"), [("一般困难", "determined"), ("none", "not_in_need")])
@pytest.mark.parametrize("listed", [True, False])
def test_a_determination_goes_before_what_proposes(desk: Desk, level: str, state: str, *, listed: bool) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    if listed:
        desk.poor(AN.poor())
    determine(record(AN, "school_roll"), level)
    found = covered()
    assert states() == {AN.name: (state, "registered_poor" if listed else ""), MEI.name: ("no_sign", "")}
    assert found.totals["pupils"][state] == 1


def test_the_newest_determination_holds(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    for human, levels in ((AN, ("一般困难", "none")), (MEI, ("none", "特别困难"))):
        for level, since in zip(levels, (date(2024, 9, 1), TERM), strict=True):
            determine(record(human, "school_roll"), level, since)
    covered()
    assert {name: state for name, (state, _) in states().items()} == {AN.name: "not_in_need", MEI.name: "determined"}


def test_a_determination_of_another_day_does_not_count(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    determine(record(AN, "school_roll"), "一般困难", since=date(2025, 2, 18))
    covered(day=TERM)
    assert states() == {AN.name: ("no_sign", "")}
    covered(day=date(2025, 2, 18))
    assert states() == {AN.name: ("determined", "")}


# ---- to be settled first

CONFLICTS: dict[str, Callable[[Desk], object]] = {
    "duplicate_enrolment": lambda desk: desk.roll(AN.enrolled(), AN.enrolled(SECOND), MEI.enrolled()),
    "doubtful_link": lambda desk: (
        desk.roll(AN.enrolled(), MEI.enrolled()),
        desk.poor(AN.poor(证件号码=OTHER_ID)),
    ),
    "shared_number": lambda desk: (
        desk.roll(AN.enrolled(), MEI.enrolled()),
        desk.poor(JUN.poor(证件号码=AN.id, 出生日期="20150506")),
    ),
}


@pytest.mark.parametrize("code", CONFLICTS)
@pytest.mark.parametrize("level", ["", "一般困难", "none"])
def test_a_conflict_goes_before_everything(desk: Desk, code: str, level: str) -> None:
    CONFLICTS[code](desk)
    if level:
        determine(Person.objects.earliest("pk").pk, level)
    found = covered()
    assert [shown.code for shown in gaps("duplicate_enrolment", "doubtful_link", "shared_number")] == [code]
    state = {name: state for name, (state, _) in states().items()}
    assert state == {AN.name: "in_conflict", MEI.name: "no_sign"}
    assert found.totals["pupils"]["in_conflict"] == 1


def test_a_conflict_keeps_its_bases(desk: Desk) -> None:
    desk.roll(AN.enrolled(), AN.enrolled(SECOND))
    desk.poor(AN.poor())
    covered()
    assert states() == {AN.name: ("in_conflict", "registered_poor")}


def test_two_pupils_of_whom_one_must_be_settled_are_both_in_conflict(desk: Desk) -> None:
    """Two pupils on two rolls under one number: who is meant is not known of either."""
    desk.roll(AN.enrolled(), JUN.enrolled(SECOND, 身份证件号=AN.id, 学籍号="", 出生日期="2015-05-06"))
    covered()
    assert [shown.code for shown in gaps("shared_number")] == ["shared_number"]
    assert {state for state, _ in states().values()} == {"in_conflict"}


def test_other_differences_leave_the_state_alone(desk: Desk) -> None:
    desk.roll(AN.enrolled(身份证件号="", 出生日期="2015-05-07"))
    desk.poor(AN.poor(姓名="程安帮", 在校生状况="", 劳动技能="普通劳动力"))
    covered()
    found = ["birth_mismatch", "id_missing", "name_mismatch", "school_status_blank", "student_listed_as_labour"]
    assert sorted(shown.code for shown in gaps()) == found
    assert states() == {AN.name: ("to_assess", "registered_poor")}


# ---- totals


def test_every_pupil_and_child_is_counted_once(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled(), AN.enrolled(SECOND), JUN.enrolled(SECOND))
    desk.poor(AN.poor(), MEI.poor(), HUI.poor(), GUO.poor(在校生状况="辍学"), HUI.poor(人口编号="M9"))
    totals = covered().totals
    assert totals["rolls"] == {"rows": 4, "pupils": 3, "in_a_further_school": 1, "repeated": 0}
    assert totals["pupils"] == {
        "pupils": 3, "determined": 0, "to_assess": 1, "not_in_need": 0, "no_sign": 1, "in_conflict": 1,
    }  # fmt: skip
    assert totals["children"] == {
        "of_school_age": 4, "on_one_roll": 1, "on_several_rolls": 1, "out_of_school": 1, "elsewhere": 1, "answered": 0,
    }  # fmt: skip


def test_an_answered_case_of_a_child_moves_to_the_answered(desk: Desk) -> None:
    desk.roll(MEI.enrolled())
    desk.poor(AN.poor(在校生状况="辍学"), GUO.poor())
    covered()
    for code, answer in (("on_no_roll", "taught_at_home"), ("listed_elsewhere", "enrolled_elsewhere")):
        with committing():
            answer_difference(id_=gap(code).pk, answer=answer, evidence="家访", by=BY)
    assert covered().totals["children"] == {
        "of_school_age": 2, "on_one_roll": 0, "on_several_rolls": 0, "out_of_school": 0, "elsewhere": 0, "answered": 2,
    }  # fmt: skip


def test_a_county_without_rolls_has_no_pupils(desk: Desk) -> None:
    desk.poor(AN.poor(), head(), Human("武俊豪", 303, date(2016, 3, 17)).poor(户编号=HOME))
    totals = covered().totals
    assert (totals["pupils"]["pupils"], totals["children"]["of_school_age"], states()) == (0, 2, {})
