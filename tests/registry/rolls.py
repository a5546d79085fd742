"""Small rolls for tests: a school's pupils by name, written and imported as of a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bangfu.core.actor import Actor, operator
from bangfu.intake.report import Report
from tests.conftest import import_paths
from tests.intake.bad_files import HEADER, Cell, Row, pupil_rows, write_roll

CHINA = ZoneInfo("Asia/Shanghai")
SPRING, AUTUMN = date(2024, 2, 15), date(2024, 9, 1)  # first days of terms in the default calendar
NEXT_SPRING, NEXT_AUTUMN = date(2025, 2, 15), date(2025, 9, 1)
SECOND_SCHOOL = {"学校标识码": "2199900002", "学校名称": "白石镇中心小学校"}


def changed(row: Row, **cells: Cell) -> Row:
    """Return a pupil's row with other cells under these headings."""
    return [cells.get(heading, cell) for heading, cell in zip(HEADER, row, strict=True)]


def pupils(*numbers: int, **cells: Cell) -> list[Row]:
    """Return the rows of the pupils of these numbers, with other cells where given."""
    rows = pupil_rows(max(numbers))
    return [changed(rows[number - 1], **cells) for number in numbers]


def name_of(number: int) -> str:
    """Return the name of the pupil of this number."""
    return str(pupils(number)[0][HEADER.index("姓名")])


def by_on(day: date, hour: int = 12) -> Actor:
    """Return the operator acting at this hour of a day in China."""
    return operator(datetime(day.year, day.month, day.day, hour, tzinfo=CHINA))


def take(path: Path, rows: Iterable[Row], day: date, by: Actor | None = None) -> Report:
    """Write a roll and import it as of `day`, by an operator at noon of that day; every row must be taken."""
    write_roll(path, list(rows))
    (report,) = import_paths([path], day=day, by=by or by_on(day))
    assert report.refused is None
    return report
