"""Coverage after a list was taken back: what it would be had the list never come."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from bangfu.cli.covering import LISTS, write_lists
from bangfu.core.errors import BangfuError
from bangfu.coverage.actions import answer_difference, decide_link
from bangfu.coverage.models import Alias, Difference, Link, PupilState
from bangfu.intake import checks as intake
from bangfu.intake.actions import undo_import
from bangfu.registry import checks as registry
from bangfu.registry.models import SourceFile
from tests.conftest import BY, committing, import_paths
from tests.coverage.lists import (
    AN,
    GUO,
    HUI,
    JUN,
    LATER,
    MARCH,
    MEI,
    SECOND,
    TERM,
    Desk,
    covered,
    gap,
    gaps,
    one,
    open_tasks,
    record,
    states,
    task_of,
)
from tests.coverage.test_differences import OTHER_ID

pytestmark = pytest.mark.usefixtures("whole")
COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county" / "in"


def undo(name: str) -> None:
    """Take the last file of this name back."""
    number = SourceFile.objects.filter(name__contains=name, undoes=None).order_by("-pk")[0].pk
    with committing():
        undo_import(file_id=number, by=LATER, reason="导错了文件")


def lists(folder: Path) -> dict[str, Any]:
    """Reckon coverage and return its totals and its four lists, with rows in place of the numbers of people."""
    found = covered(by=LATER)
    folder.mkdir()
    write_lists(found, folder)
    told = {name: list(csv.reader((folder / name).read_text(encoding="utf-8").splitlines())) for name in LISTS}
    rows: dict[str, set[tuple[str, str]]] = {}
    for file, row, person in told["rows.csv"][1:]:
        rows.setdefault(person, set()).add((file, row))
    who = {person: tuple(sorted(places)) for person, places in rows.items()}
    pupils = sorted((who[person], *rest) for person, *rest in told["pupils.csv"][1:])
    children = sorted((who[person], *rest) for person, *rest in told["children.csv"][1:])
    return {
        "totals": found.totals, "rows": sorted(who.values()), "pupils": pupils, "children": children,
        "conflicts": sorted(tuple(line[:-1]) for line in told["conflicts.csv"]), "tasks": open_tasks(),
    }  # fmt: skip


def elsewhere(folder: Path, setting: Callable[[], object]) -> dict[str, Any]:
    """Return what coverage comes to in a register of which only this is known; the one at hand stays as it is."""
    with transaction.atomic():
        setting()
        covered()
        found = lists(folder)
        transaction.set_rollback(True)
    return found


TAKES: dict[str, Callable[[Desk], Path]] = {
    "roll": lambda d: d.roll(AN.enrolled(), MEI.enrolled(身份证件号=""), GUO.enrolled(姓名="罗国东")),
    "second": lambda d: d.roll(JUN.enrolled(SECOND), AN.enrolled(SECOND), name="second"),
    "poor": lambda d: d.poor(AN.poor(), MEI.poor(在校生状况=""), HUI.poor(), GUO.poor(证件号码=OTHER_ID)),
    "minimum": lambda d: d.minimum(AN.low(), HUI.low(), MEI.low(成员身份证号=MEI.id[:15] + "000")),
    "newer": lambda d: d.roll(AN.enrolled(身份证件号=JUN.id), HUI.enrolled(), day=MARCH, name="newer"),
}
# The newer roll stands on the first one, which can be taken back only after it.
GONE = [("second",), ("poor",), ("minimum",), ("newer",), ("newer", "roll"), ("poor", "second"), ("minimum", "newer")]


@pytest.mark.parametrize("gone", GONE, ids="+".join)
def test_coverage_comes_to_what_it_would_without_the_list(desk: Desk, tmp_path: Path, gone: tuple[str, ...]) -> None:
    without = elsewhere(tmp_path / "a", lambda: [take(desk) for name, take in TAKES.items() if name not in gone])
    for take in TAKES.values():
        take(desk)
    covered()
    for name in gone:
        undo(name)
    assert lists(tmp_path / "b") == without


def test_step_by_step_coverage_comes_back_too_with_the_days_that_differences_had(desk: Desk, tmp_path: Path) -> None:
    steps = list(TAKES.values())
    for take in steps[:-1]:
        take(desk)
        covered()
    before, days = lists(tmp_path / "a"), {gap.pk: (gap.due, gap.says) for gap in gaps()}
    steps[-1](desk)
    assert covered(by=LATER).totals != before["totals"]
    assert {gap.pk for gap in gaps()} != days.keys()
    undo("newer")
    assert lists(tmp_path / "b") == before
    assert {gap.pk: (gap.due, gap.says) for gap in gaps()} == days


def test_of_a_register_whose_lists_are_all_undone_nothing_is_left(desk: Desk) -> None:
    desk.roll(AN.enrolled(身份证件号=""))
    desk.poor(AN.poor())
    covered()
    undo("poor")
    covered()
    assert list(states().values()) == [("in_conflict" if gaps("doubtful_link") else "no_sign", "")]
    assert (Alias.objects.count(), Link.objects.filter(ended_in=None).count()) == (0, 0)
    undo("roll")
    with pytest.raises(BangfuError) as problem:
        covered()
    assert problem.value.code == "register_empty"


def test_two_people_joined_only_through_a_row_taken_back_are_two(desk: Desk) -> None:
    desk.roll(AN.enrolled(身份证件号="", 学籍号=""))
    desk.minimum(JUN.low(成员身份证号=""))
    desk.poor(MEI.poor())
    covered()
    left, right, between = record(AN, "school_roll"), record(JUN, "minimum_living"), record(MEI, "poverty_register")
    for other in (left, right):
        with committing():
            decide_link(left=between, right=other, same=True, by=BY, reason="家访核实")
    assert one(left, right)
    undo("poor")
    with pytest.raises(BangfuError) as problem:
        decide_link(left=between, right=left, same=False, by=BY, reason="x")
    assert problem.value.code == "record_unknown"
    covered()
    assert not one(left, right)
    assert Link.objects.filter(ended_in=None, how="person").count() == 0
    assert not PupilState.objects.exclude(human=left).exists()


def test_a_decision_about_others_stands(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.minimum(JUN.low())
    desk.poor(HUI.poor())
    covered()
    pair = record(AN, "school_roll"), record(JUN, "minimum_living")
    with committing():
        decide_link(left=pair[0], right=pair[1], same=True, by=BY, reason="家访核实")
    undo("poor")
    covered()
    assert one(*pair)


def test_an_answer_stands_again_when_its_facts_do(desk: Desk) -> None:
    desk.roll(AN.enrolled(身份证件号=""))
    covered()
    asked = gap("id_missing")
    with committing():
        answer_difference(id_=asked.pk, answer="has_none_yet", evidence="派出所证明", by=BY)
    desk.roll(AN.enrolled(身份证件号="", 姓名="程安帮"), day=MARCH, name="newer")
    covered()
    newer = gap("id_missing")
    assert newer.pk != asked.pk
    undo("newer")
    found = covered(by=LATER)
    assert gaps() == []
    assert found.totals["differences"] == {"id_missing": {"open": 0, "answered": 1}}
    assert Difference.objects.get(closed_at=None).pk == asked.pk
    assert task_of(newer).closed == LATER.at


def test_the_newest_day_is_that_of_a_list_that_stands(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.roll(AN.enrolled(), MEI.enrolled(), day=MARCH, name="newer")
    assert covered().run.day == MARCH
    undo("newer")
    assert covered().run.day == TERM


@pytest.mark.usefixtures("founded")
def test_the_example_county_without_a_roll_and_a_register(tmp_path: Path) -> None:
    files = sorted(COUNTY.iterdir())
    gone = ("营养餐", "缺勤", "脱贫户", "永胜乡中心小学校")  # meals and absences tell of the roll's pupils: first in
    rest = [path for path in files if not any(name in path.name for name in gone)]
    without = elsewhere(tmp_path / "a", lambda: import_paths(rest, day=date(2025, 3, 1)))
    import_paths(files, day=date(2025, 3, 1))
    covered()
    for name in gone:
        undo(name)
    assert lists(tmp_path / "b") == without
    assert [*registry.files(), *registry.facts(), *registry.undone(), *intake.held_rows()] == []
