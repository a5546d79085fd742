"""Whatever stands in a workbook: read = applied + unchanged + held + noise, and the same again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bangfu.audit import checks as trail
from bangfu.core.text import squeeze
from bangfu.intake import checks as intake
from bangfu.intake.opened import open_file
from bangfu.intake.read import Sheet as ReadSheet
from bangfu.intake.read import read_sheets
from bangfu.intake.report import Report
from bangfu.registry import checks as registry
from bangfu.registry.models import Person, SourceFile, SourceRow
from tests.conftest import import_paths
from tests.intake.bad_files import write_roll
from tests.intake.random_books import LAYOUTS, PUPILS, Sheet, sheets, write_book, write_text_table

CHECKS = (trail.trail, registry.cells, registry.files, registry.facts, intake.held_rows)
RANDOM = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def school(founded: Path, tmp_path: Path) -> Path:
    """Return the home of a register in which a school's roll stands, so that events find their pupils."""
    assert import_paths([write_roll(tmp_path / "2025年春季学期.csv", PUPILS)])[0].rows["applied"] == len(PUPILS)
    return founded


@contextmanager
def undone() -> Iterator[None]:
    """Undo what is written in the block, the exported heads too."""
    heads = settings.HEADS_FILE.read_bytes()
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        settings.HEADS_FILE.write_bytes(heads)


def counts() -> dict[str, int]:
    """Return the number of rows of the register's and intake's tables."""
    models = [model for name in ("registry", "intake") for model in apps.get_app_config(name).get_models()]
    return {model._meta.db_table: model._default_manager.count() for model in models}


def filled_rows(sheet: ReadSheet) -> set[int]:
    """Return the numbers of the rows that hold anything to be seen."""
    return {n for n, row in enumerate(sheet.rows, 1) if any(squeeze(cell) for cell in row)}


def under_merged(sheet: ReadSheet, header: int) -> set[int]:
    """Return the numbers of the rows below the header that a filled merged cell goes over."""
    found: set[int] = set()
    for (top, left), (bottom, _) in sheet.merged:
        inside = header < top < len(sheet.rows) and left < len(sheet.rows[top])
        if inside and squeeze(sheet.rows[top][left]):
            found |= set(range(top + 1, min(bottom + 1, len(sheet.rows)) + 1))
    return found


def rows_of(path: Path) -> list[tuple[int, int]]:
    """Return (sheet, row) of every row that an import must account for: all, or all below a known header."""
    content = path.read_bytes()
    headers = {n: found.header for n, found in open_file(path.name, content, LAYOUTS, []).found.items()}
    rows = []
    for n, sheet in enumerate(read_sheets(content)):
        filled = filled_rows(sheet)
        if n in headers:
            filled = {row for row in filled | under_merged(sheet, headers[n]) if row > headers[n] + 1}
        rows += [(n, row) for row in sorted(filled)]
    return rows


def accounted_for(report: Report, path: Path) -> None:
    """Check one import's row equation against the file and the register."""
    said = report.rows
    assert said["read"] == said["applied"] + said["unchanged"] + said["held"] + said["noise"]
    file = SourceFile.objects.order_by("-pk")[0]
    assert {name: getattr(file, name) for name in said} == said
    assert len(report.problems) == said["held"]
    rows = [*SourceRow.objects.filter(file=file).order_by("pk").values_list("sheet", "row")]
    if file.same_as_id is None:
        assert rows == rows_of(path)
        assert len(rows) == said["read"]


def whole() -> list[str]:
    """Return what bangfu's own checks find wrong."""
    return [sentence for check in CHECKS for sentence in check()]


def tried(first: Path, saved_anew: Path) -> None:
    """Import a file, the same rows in other bytes, and the file again."""
    before = counts()
    report = import_paths([first])[0]
    if report.refused is not None:
        assert counts() == before
        return
    accounted_for(report, first)
    people = Person.objects.count()
    for path in (saved_anew, first):
        again = import_paths([path])[0]
        assert again.refused is None
        accounted_for(again, path)
        assert again.rows["applied"] == 0, again
        assert again.rows["read"] == report.rows["read"]
        assert again.rows["held"] <= report.rows["held"]
        assert Person.objects.count() == people
    assert whole() == []


@RANDOM
@given(plan=st.lists(sheets(), min_size=1, max_size=2))
def test_every_row_of_any_workbook_is_accounted_for_and_the_same_again_changes_nothing(
    school: Path, tmp_path: Path, plan: Sequence[Sheet]
) -> None:
    paths = [tmp_path / "book.xlsx", tmp_path / "anew.xlsx"]
    for path in paths:
        path.write_bytes(write_book(plan, path.stem))
    with undone():
        tried(*paths)


@RANDOM
@given(plan=sheets())
def test_every_row_of_any_text_table_is_accounted_for_and_the_same_again_changes_nothing(
    school: Path, tmp_path: Path, plan: Sheet
) -> None:
    paths = [tmp_path / "table.csv", tmp_path / "anew.csv"]
    for path, comment in zip(paths, ("", "x"), strict=True):
        path.write_bytes(write_text_table(plan.rows, comment))
    with undone():
        tried(*paths)


@RANDOM
@given(content=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_refused_or_accounted_for(school: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.xlsx"
    path.write_bytes(content)
    with undone():
        before = counts()
        report = import_paths([path])[0]
        assert report.refused is not None or report.rows["read"] >= 0
        assert report.refused is None or counts() == before
