"""Coverage reckoned again: nothing moves without news, news closes what it repairs and keeps what it repeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from bangfu.coverage import actions
from bangfu.coverage.actions import link_records
from bangfu.coverage.models import Alias, Difference, Link, Progress, Run
from bangfu.intake.actions import mend_row
from bangfu.intake.queries import waiting
from tests.conftest import BY, committing, import_paths
from tests.coverage.lists import (
    AN,
    APRIL,
    GUO,
    HUI,
    JUN,
    LATER,
    MARCH,
    MEI,
    SECOND,
    Desk,
    Row,
    codes,
    covered,
    gap,
    gaps,
    one,
    open_tasks,
    record,
    snapshot,
    spot,
    task_of,
)
from tests.coverage.test_differences import ADULT, OTHER_ID, SHOWS, Shows
from tests.coverage.test_states import CONFLICTS
from tests.intake.bad_files import HEADER, csv_text

pytestmark = pytest.mark.usefixtures("whole")


@pytest.mark.parametrize("case", SHOWS, ids=lambda case: case.code)
def test_reckoning_twice_changes_nothing_the_second_time(desk: Desk, case: Shows) -> None:
    case.setting(desk)
    first = covered()
    before = snapshot()
    second = covered(by=LATER)
    assert snapshot() == before
    assert (second.totals, second.links) == (first.totals, {"made": 0, "ended": 0})
    assert Run.objects.count() == 2


@pytest.mark.parametrize("case", SHOWS, ids=lambda case: case.code)
def test_the_same_files_again_change_nothing(desk: Desk, case: Shows) -> None:
    case.setting(desk)
    first = covered()
    before = snapshot()
    for path in sorted(desk.folder.iterdir()):
        assert desk.again(path, date(2025, 2, 17)).rows["applied"] == 0
    second = covered(by=LATER)
    assert snapshot() == before
    assert second.totals == first.totals


def moved(rows: list[Row]) -> list[Row]:
    """Return the rows of a newer list that says the same of everybody, with somebody new at the top."""
    return [GUO.enrolled() if "学籍号" in rows[0] else ADULT.poor(), *rows]


# Each: what the roll and the poverty register say, and the code of the difference between them.
REPEATED: dict[str, tuple[list[Row], list[Row]]] = {
    "id_missing": ([AN.enrolled(身份证件号="")], [AN.poor()]),
    "on_no_roll": ([MEI.enrolled()], [AN.poor(在校生状况="辍学")]),
    "listed_elsewhere": ([MEI.enrolled()], [AN.poor()]),
    "student_listed_as_labour": ([AN.enrolled()], [AN.poor(劳动技能="普通劳动力")]),
    "school_status_blank": ([AN.enrolled()], [AN.poor(在校生状况="")]),
    "name_mismatch": ([AN.enrolled()], [AN.poor(姓名="程安帮")]),
    "birth_mismatch": ([AN.enrolled(出生日期="2015-05-07")], [AN.poor()]),
    "doubtful_link": ([AN.enrolled()], [AN.poor(证件号码=OTHER_ID)]),
    "shared_number": ([AN.enrolled()], [MEI.poor(证件号码=AN.id, 出生日期="20150506")]),
    "duplicate_enrolment": ([AN.enrolled(), AN.enrolled(SECOND)], [MEI.poor()]),
    "row_repeated": ([AN.enrolled()], [AN.poor(), AN.poor(人口编号="M9")]),
}


@pytest.mark.parametrize("newer", ["roll", "poor"])
@pytest.mark.parametrize("code", REPEATED)
def test_a_newer_list_that_repeats_a_fault_keeps_its_number_and_day_and_shows_its_newer_row(
    desk: Desk, code: str, newer: str
) -> None:
    roll, poor = REPEATED[code]
    desk.roll(*roll)
    desk.poor(*poor)
    covered()
    before, task = gap(code), task_of(gap(code))
    if newer == "roll":
        desk.roll(*moved(roll), day=MARCH, name="newer")
    else:
        desk.poor(*moved(poor), day=MARCH, name="newer")
    covered(by=LATER)
    after = gap(code)
    assert (after.pk, after.due, after.owner_id, after.opened_at) == (
        before.pk, before.due, before.owner_id, before.opened_at,
    )  # fmt: skip
    assert task_of(after) == task
    assert open_tasks() == len(gaps())
    assert [place.split(":")[0] for place in spot(after) if place] == [
        "newer.csv" if place.startswith(newer) else place.split(":")[0] for place in spot(before) if place
    ]


def test_a_newer_roll_of_the_first_school_alone_keeps_a_double_enrolment(desk: Desk) -> None:
    desk.roll(AN.enrolled(), name="a")
    desk.roll(AN.enrolled(SECOND), name="b")
    covered()
    before = gap("duplicate_enrolment")
    desk.roll(GUO.enrolled(), AN.enrolled(), name="a2", day=MARCH)
    covered(by=LATER)
    after = gap("duplicate_enrolment")
    assert (after.pk, after.due, set(spot(after))) == (before.pk, before.due, {"a2.csv:3", "b.csv:2"})


def test_a_child_on_two_registers_keeps_its_case_when_one_of_them_comes_again(desk: Desk) -> None:
    desk.roll(MEI.enrolled())
    desk.minimum(AN.low())
    desk.disabled(AN.disabled())
    covered()
    before = gap("on_no_roll")
    desk.minimum(GUO.low(), AN.low(), name="minimum2", day=MARCH)
    covered(by=LATER)
    assert [(found.pk, found.due) for found in gaps("on_no_roll") if found.record_id == before.record_id] == [
        (before.pk, before.due)
    ]
    assert Difference.objects.exclude(closed_at=None).count() == 0


def test_a_newer_list_in_another_order_keeps_a_repeated_row(desk: Desk) -> None:
    twice = [AN.poor(), AN.poor(人口编号="M9")]
    desk.poor(*twice)
    covered()
    before = gap("row_repeated")
    desk.poor(*twice[::-1], name="newer", day=MARCH)
    covered(by=LATER)
    after = gap("row_repeated")
    assert (after.pk, after.due, set(spot(after))) == (before.pk, before.due, {"newer.csv:2", "newer.csv:3"})


Repair = tuple[Callable[[Desk], object], Callable[[Desk], object]]
REPAIRS: dict[str, Repair] = {
    "on_no_roll": (
        lambda desk: (desk.roll(MEI.enrolled()), desk.poor(AN.poor(在校生状况="辍学"))),
        lambda desk: desk.roll(MEI.enrolled(), AN.enrolled(), day=MARCH, name="newer"),
    ),
    "duplicate_enrolment": (
        lambda desk: desk.roll(AN.enrolled(), MEI.enrolled(), AN.enrolled(SECOND), JUN.enrolled(SECOND)),
        lambda desk: desk.roll(JUN.enrolled(SECOND), day=MARCH, name="newer"),
    ),
    "id_missing": (
        lambda desk: desk.roll(AN.enrolled(身份证件号="")),
        lambda desk: desk.roll(AN.enrolled(), day=MARCH, name="newer"),
    ),
    "name_mismatch": (
        lambda desk: (desk.roll(AN.enrolled()), desk.poor(AN.poor(姓名="程安帮"))),
        lambda desk: desk.poor(AN.poor(), day=MARCH, name="newer"),
    ),
    "school_status_blank": (
        lambda desk: (desk.roll(AN.enrolled()), desk.poor(AN.poor(在校生状况=""))),
        lambda desk: desk.poor(AN.poor(), day=MARCH, name="newer"),
    ),
    "row_repeated": (
        lambda desk: desk.poor(AN.poor(), AN.poor(人口编号="M9")),
        lambda desk: desk.poor(AN.poor(), day=MARCH, name="newer"),
    ),
}


@pytest.mark.parametrize("code", REPAIRS)
def test_a_newer_list_that_repairs_a_fault_closes_it_and_its_task(desk: Desk, code: str) -> None:
    wrong, right = REPAIRS[code]
    wrong(desk)
    covered()
    asked = gap(code)
    right(desk)
    found = covered(by=LATER)
    assert code not in codes()
    asked.refresh_from_db()
    assert (asked.closed_at, asked.answer) == (LATER.at, "")
    assert (task_of(asked).closed, task_of(asked).count) == (LATER.at, 0)
    assert code not in found.totals["differences"]


def test_a_fault_that_comes_back_is_a_new_one(desk: Desk) -> None:
    desk.roll(AN.enrolled(身份证件号=""))
    covered()
    first = gap("id_missing")
    desk.roll(AN.enrolled(), day=MARCH, name="right")
    covered()
    assert codes() == []
    desk.roll(AN.enrolled(身份证件号=""), day=APRIL, name="wrong")
    covered(by=LATER)
    second = gap("id_missing")
    assert second.pk != first.pk
    assert second.due == LATER.at.date() + timedelta(days=14)
    assert open_tasks() == 1


def test_new_records_join_who_is_known_and_nothing_else_is_linked_again(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled(), JUN.enrolled(SECOND))
    desk.poor(AN.poor())
    covered()
    before = {link.pk for link in Link.objects.all()}
    desk.minimum(AN.low(), MEI.low(), HUI.low())
    assert covered().links == {"made": 2, "ended": 0}
    assert before < {link.pk for link in Link.objects.filter(ended_in=None)}


TAKES: list[Callable[[Desk], Path]] = [
    lambda desk: desk.roll(AN.enrolled(), MEI.enrolled(学籍号="", 身份证件号=""), JUN.enrolled(SECOND)),
    lambda desk: desk.poor(AN.poor(姓名="程安帮"), MEI.poor(), HUI.poor(证件号码=JUN.id), GUO.poor()),
    lambda desk: desk.minimum(AN.low(成员身份证号=AN.id[:15] + "000"), MEI.low(成员身份证号="")),
    lambda desk: desk.disabled(MEI.disabled(), GUO.disabled(姓名="罗国栋")),
    lambda desk: desk.roll(GUO.enrolled(身份证件号=""), AN.enrolled(学籍号=""), name="roll2", day=MARCH),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 3, 1, 4), (1, 4, 0, 2, 3)])
def test_linked_file_by_file_or_at_once_comes_to_the_same(desk: Desk, order: tuple[int, ...]) -> None:
    for at in order:
        TAKES[at](desk)
        covered()
    step_by_step = _linked()
    with transaction.atomic():
        Link.objects.all().delete()
        Alias.objects.all().delete()
        Progress.objects.update(linked_until=0)
        link_records(by=BY)
        at_once = _linked()
        transaction.set_rollback(True)
    assert len(step_by_step[0]) > 3
    assert step_by_step == at_once


def _linked() -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    doubtful = Link.objects.filter(verdict="doubtful", ended_in=None)
    return set(Alias.objects.values_list("record_id", "human_id")), set(doubtful.values_list("left_id", "right_id"))


def test_a_row_that_was_mended_is_linked_like_one_that_was_right(desk: Desk, tmp_path: Path) -> None:
    desk.poor(AN.poor(), MEI.poor())
    covered()
    rows = [[row.get(heading, "") for heading in HEADER] for row in (AN.enrolled(出生日期="去年春天"), MEI.enrolled())]
    path = tmp_path / "held.csv"
    path.write_bytes(csv_text([[*HEADER], *rows]).encode())
    import_paths([path], day=MARCH)
    covered()
    (held,) = waiting(BY)
    with committing():
        mend_row(held_id=held.id, cells={"出生日期": f"{AN.born}"}, by=BY, reason="家长确认")
    found = covered()
    assert found.totals["pupils"]["to_assess"] == 2
    assert one(record(AN, "school_roll"), record(AN, "poverty_register"))


# ---- others at work meanwhile


@pytest.mark.parametrize("moment", ["gather", "load_rows", "link_records", "load_aliases", "reckon"])
def test_a_list_that_comes_while_coverage_is_reckoned_is_taken_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    covered()
    step, came = getattr(actions, moment), []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        done = step(*arguments, **named)
        if not came:
            came.append(desk.poor(AN.poor()))
        return done

    monkeypatch.setattr(actions, moment, interrupted)
    covered()
    assert came
    found = covered()
    assert one(record(AN, "school_roll"), record(AN, "poverty_register"))
    assert found.totals["pupils"]["to_assess"] == 1
    assert codes() == []


@pytest.mark.parametrize("moment", ["gather", "link_records", "load_aliases", "reckon"])
def test_a_decision_that_comes_while_coverage_is_reckoned_is_taken_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.poor(AN.poor())
    covered()
    step, decided = getattr(actions, moment), []
    pair = (record(AN, "school_roll"), record(AN, "poverty_register"))

    def interrupted(*arguments: Any, **named: Any) -> Any:
        done = step(*arguments, **named)
        if not decided:
            decided.append(pair)
            actions.decide_link(left=pair[0], right=pair[1], same=False, by=BY, reason="两个人")
        return done

    monkeypatch.setattr(actions, moment, interrupted)
    found = covered()
    assert not one(*pair)
    assert found.totals["pupils"]["to_assess"] == 0
    assert codes() == ["listed_elsewhere"]


def test_an_answer_that_comes_while_coverage_is_reckoned_is_taken_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.roll(AN.enrolled(), AN.enrolled(SECOND))
    covered()
    asked, done = gap("duplicate_enrolment").pk, actions.reckon

    def interrupted(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(actions, "reckon", done)
        found = done(*arguments, **named)
        actions.answer_difference(id_=asked, answer="left_first_school", evidence="证明", by=BY)
        return found

    monkeypatch.setattr(actions, "reckon", interrupted)
    totals = covered().totals
    assert totals["differences"]["duplicate_enrolment"] == {"open": 0, "answered": 1}
    assert totals["pupils"]["in_conflict"] == 0


def test_a_reckoning_that_fails_at_its_end_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.roll(AN.enrolled(身份证件号=""))
    covered()
    desk.roll(AN.enrolled(), MEI.enrolled(身份证件号=""), day=MARCH, name="next")
    link_records(by=BY)
    before, runs = snapshot(), Run.objects.count()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(actions, "settle_all", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        actions.cover(by=LATER)
    monkeypatch.undo()
    assert (snapshot(), Run.objects.count()) == (before, runs)


@pytest.mark.parametrize("code", CONFLICTS)
def test_a_day_before_all_lists_has_nobody(desk: Desk, code: str) -> None:
    CONFLICTS[code](desk)
    totals = covered(day=date(2020, 5, 6)).totals
    assert (totals["rolls"]["rows"], totals["differences"], gaps()) == (0, {}, [])
