"""A person mends what could not be read, and says what a column is: remembered for the next file, and not elsewhere."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.intake.actions import mend_row
from bangfu.intake.layouts import all_layouts
from bangfu.intake.models import HeldRow, Mapping
from bangfu.intake.queries import Waiting, waiting
from bangfu.intake.report import Report
from bangfu.registry import queries
from bangfu.registry.models import Absence, Detail, Enrolment, Guardian, Organisation, Person, SourceFile
from bangfu.tasks.models import Task
from bangfu.tasks.queries import open_tasks
from tests.conftest import BY, committing, import_paths
from tests.intake.bad_files import HEADER, write_roll, write_xlsx
from tests.registry.rolls import AUTUMN, NEXT_AUTUMN, NEXT_SPRING, SECOND_SCHOOL, changed, name_of, pupils
from tests.story.conftest import UNREADABLE

pytestmark = pytest.mark.usefixtures("founded")
RIGHT = "2018-03-04"
REASON = "电话问过家长"


@pytest.fixture
def roll(tmp_path: Path) -> Path:
    """Return a roll of three, the second of whom has no birth that can be read; imported as of the spring."""
    path = write_roll(tmp_path / "roll.xlsx", [*pupils(1), *pupils(2, 出生日期=UNREADABLE), *pupils(3)])
    (report,) = import_paths([path], day=NEXT_SPRING)
    assert (report.rows["applied"], report.rows["held"]) == (2, 1)
    return path


def the_row(by: Actor = BY) -> Waiting:
    """Return the one row that waits."""
    (row,) = waiting(by)
    return row


def mend(row: Waiting, by: Actor = BY, **cells: str) -> Report:
    """Mend a row, and do what waits for the commit."""
    with committing():
        return mend_row(held_id=row.id, cells=cells, by=by, reason=REASON)


def births(number: int) -> list[str]:
    """Return the births that the register has for a pupil now."""
    found = Detail.objects.filter(name=name_of(number), retracted_by=None, valid_until=None)
    return [str(birth) for birth in found.values_list("birth", flat=True)]


def test_a_row_that_waits_shows_its_place_its_cells_and_what_is_wrong(roll: Path) -> None:
    row = the_row()
    assert (row.file, row.row, row.column, row.code) == ("roll.xlsx", 3, "出生日期", "date_unreadable")
    assert (row.cells["姓名"], row.cells["出生日期"]) == (name_of(2), UNREADABLE)
    assert "残疾类型" not in row.cells


def test_a_mended_row_is_applied_and_the_others_are_unchanged(roll: Path) -> None:
    report = mend(the_row(), 出生日期=RIGHT)
    assert report.rows == {"read": 3, "applied": 1, "unchanged": 2, "held": 0, "noise": 0}
    assert births(2) == [RIGHT]
    assert list(waiting(BY)) == []
    assert (Person.objects.count(), Enrolment.objects.count()) == (3, 3)
    assert queries.enrolled(BY, NEXT_SPRING).count() == 3


def test_a_mended_row_keeps_its_place_in_the_file(roll: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    source = Detail.objects.get(name=name_of(2)).source
    assert (source.file.name, source.row) == ("roll.xlsx", 3)


def test_the_task_to_mend_is_opened_and_closed(roll: Path) -> None:
    task = Task.objects.get(closed=None)
    school = Organisation.objects.get(kind="school")
    assert (task.kind, task.count, task.post, task.path) == ("mend_rows", 1, "aid_officer", school.path)
    mend(the_row(), 出生日期=RIGHT)
    assert not Task.objects.filter(closed=None).exists()


def test_a_mend_is_in_the_trail_with_its_reason_and_without_the_cells(roll: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    entry = Entry.objects.get(action="intake.mend_row")
    assert (entry.reason, entry.actor) == (REASON, "operator")
    assert entry.chain == Organisation.objects.get(kind="school").pk
    assert RIGHT not in entry.details
    assert "出生日期" in entry.details


def test_the_same_file_after_a_mend_is_all_unchanged(roll: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    (again,) = import_paths([roll], day=NEXT_SPRING)
    assert again.rows == {"read": 3, "applied": 0, "unchanged": 3, "held": 0, "noise": 0}


def test_the_next_file_with_the_same_bad_text_comes_out_mended(roll: Path, tmp_path: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    rows = [*pupils(2, 出生日期=UNREADABLE), *pupils(1, 3, 年级="二年级"), *pupils(4, 年级="二年级")]
    (report,) = import_paths([write_roll(tmp_path / "next.xlsx", rows)], day=NEXT_AUTUMN)
    assert (report.rows["held"], report.problems) == (0, [])
    assert births(2) == [RIGHT]
    assert not Task.objects.filter(closed=None).exists()


def test_another_bad_text_is_not_taken_for_the_mended_one(roll: Path, tmp_path: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    rows = [*pupils(1, 3), *pupils(2, 出生日期="前年")]
    (report,) = import_paths([write_roll(tmp_path / "next.xlsx", rows)], day=NEXT_SPRING)
    assert report.rows["held"] == 1


def test_a_mend_that_is_still_wrong_stays_held_with_what_is_wrong_now(roll: Path) -> None:
    report = mend(the_row(), 出生日期=RIGHT, 性别="不详")
    assert (report.rows["applied"], report.rows["held"]) == (0, 1)
    row = the_row()
    assert (row.row, row.column, row.code) == (3, "性别", "sex_unreadable")
    assert Task.objects.get(closed=None).count == 1
    mend(row, 性别="女", 出生日期=RIGHT)
    assert births(2) == [RIGHT]
    assert not Task.objects.filter(closed=None).exists()


def test_a_second_mend_builds_on_the_first(roll: Path) -> None:
    mend(the_row(), 出生日期=RIGHT, 性别="不详")
    mend(the_row(), 性别="女")
    assert births(2) == [RIGHT]
    assert list(waiting(BY)) == []


def test_two_rows_of_a_file_are_mended_one_after_the_other(tmp_path: Path) -> None:
    rows = [*pupils(1, 2, 出生日期=UNREADABLE), *pupils(3)]
    import_paths([write_roll(tmp_path / "roll.xlsx", rows)], day=NEXT_SPRING)
    first, _ = waiting(BY)
    mend(first, 出生日期=RIGHT)
    assert Task.objects.get(closed=None).count == 1
    mend(the_row(), 出生日期="2018-03-05")
    assert (births(1), births(2)) == ([RIGHT], ["2018-03-05"])
    assert not Task.objects.filter(closed=None).exists()
    assert Person.objects.count() == 3


def test_a_row_mended_after_a_newer_list_came_tells_only_of_its_own_time(tmp_path: Path) -> None:
    old = write_roll(tmp_path / "old.xlsx", [*pupils(1), *pupils(2, 出生日期=UNREADABLE, 班级="7班")])
    import_paths([old], day=AUTUMN)
    import_paths([write_roll(tmp_path / "new.xlsx", pupils(1, 2, 班级="8班"))], day=NEXT_SPRING)
    mend(the_row(), 出生日期=str(pupils(2)[0][HEADER.index("出生日期")]))
    person = Detail.objects.filter(name=name_of(2)).values("person")
    enrolled = [queries.enrolled(BY, day).filter(person__in=person) for day in (AUTUMN, NEXT_SPRING)]
    classes = [list(found.values_list("school_class__name", flat=True)) for found in enrolled]
    assert classes == [["2024级小7班"], ["2024级小8班"]]


def test_a_column_that_the_row_does_not_have_is_refused(roll: Path) -> None:
    with pytest.raises(BangfuError) as problem:
        mend(the_row(), 没有这一列="x")
    assert problem.value.code == "column_unknown"
    assert HeldRow.objects.get().mended is None
    assert not Entry.objects.filter(action="intake.mend_row").exists()


def test_a_row_that_was_mended_does_not_wait_any_more(roll: Path) -> None:
    row = the_row()
    mend(row, 出生日期=RIGHT)
    with pytest.raises(NotAllowed) as problem:
        mend(row, 出生日期="2018-03-05")
    assert problem.value.code == "row_not_waiting"
    assert births(2) == [RIGHT]


def test_only_who_sees_the_sender_mends(roll: Path) -> None:
    school = Organisation.objects.get(kind="school")
    row = the_row()
    stranger = Actor("T0009", BY.at, 9, (Reach("aid_officer", "/999/"),))
    assert list(waiting(stranger)) == []
    with pytest.raises(NotAllowed):
        mend(row, by=stranger, 出生日期=RIGHT)
    officer = Actor("T0001", BY.at, 1, (Reach("aid_officer", school.path),))
    assert the_row(officer) == row
    mend(row, by=officer, 出生日期=RIGHT)
    assert births(2) == [RIGHT]


def test_a_mended_cell_is_sealed_where_it_lies(roll: Path) -> None:
    mend(the_row(), 出生日期=RIGHT)
    held = HeldRow.objects.get(mended__isnull=False)
    assert RIGHT.encode() not in bytes(held.mended or b"")
    assert RIGHT in keys.current().open_text("intake_heldrow", "mended", held.pk, bytes(held.mended or b""))


def test_a_mended_row_reads_a_ticked_column_as_the_others_do(tmp_path: Path) -> None:
    rows = [*pupils(1, 是否住宿生="√"), *pupils(2, 是否住宿生=None, 出生日期=UNREADABLE), *pupils(3, 是否住宿生=None)]
    import_paths([write_roll(tmp_path / "roll.xlsx", rows)], day=NEXT_SPRING)
    mend(the_row(), 出生日期=RIGHT)
    assert list(Enrolment.objects.order_by("person_id").values_list("boarding", flat=True)) == [True, False, False]


# ---- an absence of somebody who stands on no roll

ABSENCES = ("学校", "学籍号", "姓名", "日期", "类别")


def take_absence(path: Path, roll_number: str) -> Report:
    """Import an absence of somebody under a roll number."""
    write_xlsx(path, {"缺勤": [[*ABSENCES], ["青石镇中心小学校", roll_number, "无名氏", "2025-03-10", "病假"]]})
    (report,) = import_paths([path], day=NEXT_SPRING)
    return report


def test_an_absence_under_a_wrong_roll_number_is_mended(roll: Path, tmp_path: Path) -> None:
    right = str(pupils(1)[0][HEADER.index("学籍号")])
    assert take_absence(tmp_path / "absences.xlsx", f"{right[:-3]}999").rows["held"] == 1
    row = next(row for row in waiting(BY) if row.code == "pupil_not_on_roll")
    report = mend(row, 学籍号=right)
    assert (report.rows["applied"], report.rows["held"]) == (1, 0)
    assert Absence.objects.get().valid_from == date(2025, 3, 10)
    assert [row.code for row in waiting(BY)] == ["date_unreadable"]


def test_an_absence_that_came_before_its_roll_is_taken_when_it_comes_again(tmp_path: Path) -> None:
    number = str(pupils(1)[0][HEADER.index("学籍号")])
    assert take_absence(tmp_path / "absences.xlsx", number).rows["held"] == 1
    import_paths([write_roll(tmp_path / "roll.xlsx", pupils(1))], day=NEXT_SPRING)
    (report,) = import_paths([tmp_path / "absences.xlsx"], day=NEXT_SPRING)
    assert (report.rows["applied"], report.rows["held"]) == (1, 0)
    assert list(waiting(BY)) == []
    assert not Task.objects.filter(closed=None).exists()


# ---- rows held before anything else is known


def test_rows_held_in_an_empty_register_wait_for_the_operator(tmp_path: Path) -> None:
    number = str(pupils(1)[0][HEADER.index("学籍号")])
    take_absence(tmp_path / "absences.xlsx", number)
    assert the_row().code == "pupil_not_on_roll"
    assert open_tasks(BY).get().count == 1


def test_a_first_roll_whose_rows_are_all_held_does_not_name_the_county(tmp_path: Path) -> None:
    import_paths([write_roll(tmp_path / "1.xlsx", pupils(1, 2, 出生日期=UNREADABLE))], day=AUTUMN)
    assert len(list(waiting(BY))) == 2
    import_paths([write_roll(tmp_path / "2.xlsx", pupils(1, 2))], day=AUTUMN)
    assert Organisation.objects.get(kind="county").name == "安和县"


# ---- what a column is

ODD = "家里的号码"
ROLL = next(layout for layout in all_layouts() if layout.id == "school_roll")
FIELD = next(column.field for column in ROLL.columns if "监护人电话" in column.names)


def odd_roll(path: Path, *numbers: int, **cells: str) -> Path:
    """Write a roll that calls the guardian's phone by a name of its own."""
    header = [ODD if heading == "监护人电话" else heading for heading in HEADER]
    return write_roll(path, pupils(*numbers, **cells), header)


def phones() -> int:
    """Return how many guardians have a phone number."""
    return Guardian.objects.exclude(guardian_phone=None).count()


def test_a_corrected_column_is_remembered_for_the_sender(tmp_path: Path) -> None:
    import_paths([odd_roll(tmp_path / "1.xlsx", 1, 2)], day=AUTUMN)
    assert phones() == 0
    import_paths([tmp_path / "1.xlsx"], day=AUTUMN, maps={ODD: FIELD})
    assert phones() == 2
    assert [(m.layout, m.sender and m.sender.kind, m.field) for m in Mapping.objects.all()] == [
        ("school_roll", "school", FIELD)
    ]
    import_paths([odd_roll(tmp_path / "2.xlsx", 1, 2, 3)], day=NEXT_SPRING)
    assert phones() == 3


def test_a_corrected_column_is_not_used_for_another_sender(tmp_path: Path) -> None:
    import_paths([odd_roll(tmp_path / "1.xlsx", 1)], day=AUTUMN, maps={ODD: FIELD})
    assert phones() == 1
    import_paths([odd_roll(tmp_path / "2.xlsx", 5, 6, **SECOND_SCHOOL)], day=AUTUMN)
    assert phones() == 1


def test_a_corrected_column_is_not_used_for_another_kind_of_list(tmp_path: Path) -> None:
    header = ("姓名", ODD, "类别", "监护人", "现居住地")
    row = [name_of(1), "511699201709010012", "孤儿", "某人", "青石镇河湾村"]
    orphans = tmp_path / "orphans.xlsx"
    write_xlsx(orphans, {"名单": [[*header], row]})
    import_paths([orphans], day=AUTUMN, maps={ODD: "id_number"})
    assert Detail.objects.get().id_number is not None
    header = ("户主姓名", "学生姓名", ODD, "开户行", "银行账号")
    write_xlsx(
        tmp_path / "cards.xlsx", {"名单": [[*header], ["某人", name_of(2), row[1], "农业银行", "6217000000000000012"]]}
    )
    import_paths([tmp_path / "cards.xlsx"], day=AUTUMN)
    assert Detail.objects.get(name=name_of(2)).id_number is None


def test_a_corrected_column_is_used_when_a_row_is_mended(tmp_path: Path) -> None:
    path = odd_roll(tmp_path / "1.xlsx", 1, 2)
    header = [ODD if heading == "监护人电话" else heading for heading in HEADER]
    write_roll(path, [*pupils(1), changed(pupils(2)[0], 出生日期=UNREADABLE)], header)
    import_paths([path], day=AUTUMN, maps={ODD: FIELD})
    mend(the_row(), 出生日期=RIGHT)
    assert phones() == 2
    assert SourceFile.objects.count() == 2
