"""Lists of what happened: absences and meal days of pupils who stand on a roll."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bangfu.registry.models import Absence, MealDays, SourceFile
from tests.conftest import import_paths
from tests.intake.bad_files import NAME, Cell, csv_text, pupil_rows, write_roll

PUPILS = pupil_rows(4)
ROLL = 3
SCHOOL = "青石镇中心小学校"


@pytest.fixture
def school(founded: Path, tmp_path: Path) -> Path:
    """Return a folder for files, beside a register in which a school's roll stands."""
    folder = tmp_path / "files"
    folder.mkdir()
    import_paths([write_roll(folder / "学籍-2025年春季学期.csv", PUPILS)])
    return folder


def write(folder: Path, name: str, *rows: list[Cell]) -> Path:
    """Write a .csv of the spring term."""
    path = folder / f"{name}-2025春.csv"
    path.write_text(csv_text(rows), encoding="utf-8", newline="")
    return path


def absence(pupil: int, day: str, kind: str) -> list[Cell]:
    """Return a row of an absence list."""
    return [SCHOOL, PUPILS[pupil][ROLL], PUPILS[pupil][NAME], day, kind]


ABSENCES: list[Cell] = ["学校", "学籍号", "姓名", "日期", "类别"]


def saved_anew(path: Path) -> Path:
    """Return a copy with other bytes and the same rows."""
    copy = path.with_name(f"另存{path.name}")
    copy.write_bytes(path.read_bytes() + b"\r\n")
    return copy


def test_days_away_are_recorded_for_the_pupil_of_the_roll_number(school: Path) -> None:
    path = write(school, "缺勤", ABSENCES, absence(0, "2025-03-03", "病假"), absence(1, "2025.3.3", "旷课"))
    assert import_paths([path])[0].rows["applied"] == 2
    assert [*Absence.objects.order_by("pk").values_list("valid_from", "valid_until", "kind")] == [
        (date(2025, 3, 3), date(2025, 3, 4), "病假"),
        (date(2025, 3, 3), date(2025, 3, 4), "旷课"),
    ]


def test_a_pupil_on_no_roll_is_held_until_the_roll_has_come(founded: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "缺勤", ABSENCES, absence(0, "2025-03-03", "病假"))
    report = import_paths([path])[0]
    assert [problem["code"] for problem in report.problems] == ["pupil_not_on_roll"]
    import_paths([write_roll(tmp_path / "学籍-2025年春季学期.csv", PUPILS)])
    assert import_paths([path])[0].rows["applied"] == 1


def test_a_roll_in_the_same_batch_comes_before_what_refers_to_it(founded: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "缺勤", ABSENCES, absence(0, "2025-03-03", "病假"))
    roll = write_roll(tmp_path / "学籍-2025年春季学期.csv", PUPILS)
    assert [report.rows["applied"] for report in import_paths([path, roll])] == [1, len(PUPILS)]


def test_the_same_day_twice_in_a_list_is_one_day(school: Path) -> None:
    rows = [absence(0, "2025-03-03", "病假"), absence(0, "2025年3月3日", "病假")]
    report = import_paths([write(school, "缺勤", ABSENCES, *rows)])[0]
    assert (report.rows["applied"], report.rows["unchanged"]) == (1, 1)
    assert Absence.objects.filter(retracted_by=None).count() == 1


def test_a_list_that_contradicts_itself_changes_nothing_the_second_time(school: Path) -> None:
    rows = [absence(0, "2025-03-03", "病假"), absence(0, "2025-03-03", "旷课"), absence(1, "2025-03-04", "事假")]
    path = write(school, "缺勤", ABSENCES, *rows)
    import_paths([path])
    standing = [*Absence.objects.filter(retracted_by=None).order_by("pk").values_list("valid_from", "kind")]
    again = import_paths([saved_anew(path)])[0]
    assert again.rows["applied"] == 0
    assert [*Absence.objects.filter(retracted_by=None).order_by("pk").values_list("valid_from", "kind")] == standing


def test_meal_days_that_contradict_themselves_change_nothing_the_second_time(school: Path) -> None:
    rows: list[list[Cell]] = [["学籍号", "3月", "4月"], [PUPILS[0][ROLL], 20, 21], [PUPILS[0][ROLL], 19, 21]]
    path = write(school, "营养餐", *rows)
    import_paths([path])
    again = import_paths([saved_anew(path)])[0]
    assert again.rows["applied"] == 0
    assert MealDays.objects.filter(retracted_by=None).count() == 2


def test_a_later_list_of_another_kind_of_day_corrects_the_earlier(school: Path) -> None:
    import_paths([write(school, "缺勤", ABSENCES, absence(0, "2025-03-03", "旷课"))], day=date(2025, 3, 10))
    later = write(school, "缺勤更正", ABSENCES, absence(0, "2025-03-03", "病假"))
    assert import_paths([later], day=date(2025, 3, 20))[0].rows["applied"] == 1
    assert [*Absence.objects.filter(retracted_by=None).values_list("kind", flat=True)] == ["病假"]


def test_a_month_outside_the_term_refuses_its_file_and_no_other(school: Path) -> None:
    rows: list[list[Cell]] = [["学籍号", "3月", "9月"], [PUPILS[0][ROLL], 20, 21]]
    bad = write(school, "营养餐", *rows)
    good = write(school, "缺勤", ABSENCES, absence(0, "2025-03-03", "病假"))
    files = SourceFile.objects.count()
    refused, applied = import_paths([bad, good])
    assert refused.refused is not None
    assert refused.refused.code == "month_not_in_term"
    assert refused.rows["read"] == 0
    assert applied.rows["applied"] == 1
    assert SourceFile.objects.count() == files + 1


def test_a_month_without_days_says_nothing(school: Path) -> None:
    rows: list[list[Cell]] = [["学籍号", "3月", "4月"], [PUPILS[0][ROLL], 20, ""], [PUPILS[1][ROLL], "", 0]]
    assert import_paths([write(school, "营养餐", *rows)])[0].rows["applied"] == 2
    assert [*MealDays.objects.order_by("pk").values_list("valid_from", "valid_until", "days")] == [
        (date(2025, 3, 1), date(2025, 4, 1), 20),
        (date(2025, 4, 1), date(2025, 5, 1), 0),
    ]
