"""The same rows in another shape of file are the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bangfu.registry.models import Detail, Organisation, OrganisationFact, SourceFile
from tests.conftest import import_paths
from tests.intake.bad_files import HEADER, RENAMED, Row, csv_text, pupil_rows, write_roll, write_xlsx

PUPILS = pupil_rows(6)
LIST: list[Row] = [
    ["学校名称", "学校标识码", "主管部门", "所在地", "办学层次", "备注"],
    ["甲大学", "4111010001", "教育部", "安和市", "本科", None],
    ["乙学院", "4111010002", "安和省", "安和市", "专科", "民办"],
    ["丙学院", "4111010003", "安和省", "青石市", "专科", None],
]


def first_roll(folder: Path) -> None:
    """Import the roll that the others are compared with."""
    assert import_paths([write_roll(folder / "学籍.xlsx", PUPILS)])[0].rows["applied"] == len(PUPILS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("学籍.csv", {}),
        ("学籍.xls", {}),
        ("学籍-gb.csv", {"encoding": "gb18030"}),
        ("学籍-tab.csv", {"delimiter": "\t", "encoding": "utf-16"}),
        ("学籍-bom.csv", {"encoding": "utf-8-sig"}),
        ("学籍-renamed.xlsx", {"header": [RENAMED.get(name, name) for name in HEADER]}),
    ],
)
def test_a_roll_saved_in_another_format_or_under_other_headings_changes_nothing(
    founded: Path, tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    first_roll(tmp_path)
    report = import_paths([write_roll(tmp_path / name, PUPILS, **options)])[0]  # type: ignore[arg-type]
    assert (report.rows["applied"], report.rows["unchanged"], report.rows["held"]) == (0, len(PUPILS), 0)


def test_a_roll_with_its_columns_and_rows_in_another_order_changes_nothing(founded: Path, tmp_path: Path) -> None:
    first_roll(tmp_path)
    other = write_roll(tmp_path / "学籍-b.xlsx", [row[::-1] for row in PUPILS[::-1]], HEADER[::-1])
    report = import_paths([other])[0]
    assert (report.rows["applied"], report.rows["unchanged"]) == (0, len(PUPILS))
    assert Detail.objects.count() == len(PUPILS)


def test_a_list_of_organisations_with_its_columns_in_another_order_changes_nothing(
    founded: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / "全国高等学校名单.xlsx", tmp_path / "全国高等学校名单-b.xlsx"]
    write_xlsx(paths[0], {"sheet1": LIST})
    write_xlsx(paths[1], {"sheet1": [[*row[4:], *row[:4]] for row in LIST]})
    assert import_paths(paths[:1])[0].rows["applied"] == 3
    again = import_paths(paths[1:])[0]
    assert (again.rows["applied"], again.rows["unchanged"]) == (0, 3)
    assert OrganisationFact.objects.count() == 3


def test_an_organisation_that_changes_one_thing_changes_nothing_else(founded: Path, tmp_path: Path) -> None:
    rows = [[*row] for row in LIST]
    rows[2][4] = "本科"
    paths = [tmp_path / "名单2024年6月.csv", tmp_path / "名单2025年6月.csv"]
    for path, table in zip(paths, (LIST, rows), strict=True):
        path.write_text(csv_text(table), encoding="utf-8", newline="")
        report = import_paths([path])[0]
    assert (report.rows["applied"], report.rows["unchanged"]) == (1, 2)
    assert Organisation.objects.filter(kind="university").count() == 3


def test_the_same_bytes_under_another_name_are_the_same_file(founded: Path, tmp_path: Path) -> None:
    first_roll(tmp_path)
    copy = tmp_path / "别名.dat"
    copy.write_bytes((tmp_path / "学籍.xlsx").read_bytes())
    for path in (copy, copy):
        report = import_paths([path])[0]
        assert (report.rows["applied"], report.rows["unchanged"]) == (0, len(PUPILS))
    first, *others = SourceFile.objects.order_by("pk")
    assert [file.same_as_id for file in others] == [first.pk] * 2
    assert {bytes(file.content) for file in others} == {b""}


def test_a_file_given_twice_in_one_command_is_applied_once(founded: Path, tmp_path: Path) -> None:
    path = write_roll(tmp_path / "学籍.xlsx", PUPILS)
    copy = tmp_path / "copy.xlsx"
    copy.write_bytes(path.read_bytes())
    reports = import_paths([path, copy])
    assert [report.rows["applied"] for report in reports] == [len(PUPILS), 0]
    assert reports[1].rows["unchanged"] == len(PUPILS)


def test_the_same_file_read_with_a_remembered_heading_is_the_same_file(founded: Path, tmp_path: Path) -> None:
    header = ["学员" if name == "姓名" else name for name in HEADER]
    path = write_roll(tmp_path / "学籍.xlsx", PUPILS, header)
    assert import_paths([path], layout="school_roll")[0].refused is not None
    assert import_paths([path], layout="school_roll", maps={"学员": "name"})[0].rows["applied"] == len(PUPILS)
    for _ in range(2):
        report = import_paths([path])[0]
        assert (report.rows["applied"], report.rows["unchanged"]) == (0, len(PUPILS))
    assert [bool(file.content) for file in SourceFile.objects.order_by("pk")] == [True, False, False]
