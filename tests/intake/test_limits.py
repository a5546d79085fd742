"""The longest texts and largest numbers that are taken fit into every database; longer ones are held."""

from __future__ import annotations

from pathlib import Path

import pytest

from bangfu.intake.layouts import Column, Layout, all_layouts
from bangfu.intake.values import LONGEST_TEXT
from tests.conftest import import_paths
from tests.intake.bad_files import csv_text, pupil_rows, write_roll

ROLL = pupil_rows(1)
LAYOUTS = all_layouts()
GOOD = {
    "date": "2018-03-04",
    "month": "2024-09",
    "sex": "男",
    "yes_no": "是",
    "integer": "6",
    "days_of_month": "20",
    "yuan": "480",
    "grade": "一年级",
    "roll_number": str(ROLL[0][3]),
}
LARGEST = {"integer": str(2**31 - 1), "yuan": "92233720368547758.07", "days_of_month": "31", "date": "2099-12-31"}


def write(folder: Path, layout: Layout, cells: dict[str, str]) -> Path:
    """Write a list of one row, with these cells by type; texts are as given under 'text'."""
    header = ["3月" if column.each_month else column.names[0] for column in layout.columns]
    row = [cells.get(column.type, cells["text"]) for column in layout.columns]
    path = folder / f"{layout.id}-2025春.csv"
    path.write_text(csv_text([header, row]), encoding="utf-8", newline="")
    return path


@pytest.fixture
def folder(founded: Path, tmp_path: Path) -> Path:
    """Return a folder, beside a register with a pupil on whom events can be told."""
    import_paths([write_roll(tmp_path / "2025年春季学期.csv", ROLL)])
    return tmp_path


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
@pytest.mark.parametrize("sign", ["长", "7", "\U0002b36f"], ids=["han", "digit", "rare"])
def test_the_longest_text_fits_in_every_column_or_its_row_is_held(folder: Path, layout: Layout, sign: str) -> None:
    report = import_paths([write(folder, layout, {**GOOD, "text": sign * LONGEST_TEXT})])[0]
    assert report.refused is None
    assert report.rows["applied"] + report.rows["held"] == 1


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_a_longer_text_is_held(folder: Path, layout: Layout) -> None:
    report = import_paths([write(folder, layout, {**GOOD, "text": "长" * (LONGEST_TEXT + 1)})])[0]
    if any(is_text(column) for column in layout.columns):
        assert [problem["code"] for problem in report.problems] == ["cell_too_long"]


def is_text(column: Column) -> bool:
    """Tell whether a column takes any text."""
    return column.type not in GOOD


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_the_largest_numbers_and_last_days_fit_or_are_held(folder: Path, layout: Layout) -> None:
    report = import_paths([write(folder, layout, {**GOOD, **LARGEST, "text": "7"})])[0]
    assert report.refused is None
    assert report.rows["applied"] + report.rows["held"] == 1


def test_a_file_far_down_in_folders_is_imported_as_any_other(founded: Path, tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(4):
        deep = deep / ("长" * 80)
    deep.mkdir(parents=True)
    report = import_paths([write_roll(deep / "学籍.xlsx", ROLL)])[0]
    assert report.rows["applied"] == 1
