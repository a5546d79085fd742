"""Terms and school days, shipped and a county's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bangfu.core.calendars import calendar_for, known_regions, read_calendar, term_in_text
from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY

COUNTY = "武胜县"
SHIPPED = sorted((LIBRARY / "calendars").glob("*.toml"))
OWN = """
region = "{region}"
schooling = "5-4"
[[term]]
name = "2025-spring"
from = 2025-02-24
until = 2025-03-02
source = "invented"
[days]
off = [2025-02-28]
made_up = [2025-03-01]
"""


def own_calendar(folder: Path, region: str) -> Path:
    """Write a county's calendar of one week, with the Friday off and the Saturday made up."""
    folder.mkdir(exist_ok=True)
    (folder / "own.toml").write_text(OWN.format(region=region), encoding="utf-8")
    return folder


def test_spring_2025_in_the_example_county_has_91_school_days() -> None:
    calendar = calendar_for(COUNTY)
    days = calendar.school_days(calendar.term("2025-spring"))
    assert len(days) == 91
    assert (days[0], days[-1]) == (date(2025, 2, 17), date(2025, 6, 27))


@pytest.mark.parametrize(
    ("day", "at_school"),
    [
        (date(2025, 2, 16), False),
        (date(2025, 2, 17), True),
        (date(2025, 4, 3), True),
        (date(2025, 4, 4), False),  # Qingming
        (date(2025, 4, 26), False),  # a Saturday
        (date(2025, 4, 27), True),  # the make-up Sunday
        (date(2025, 5, 1), False),
        (date(2025, 5, 5), False),
        (date(2025, 5, 6), True),
        (date(2025, 6, 2), False),  # Dragon Boat Festival
        (date(2025, 6, 27), True),
        (date(2025, 6, 28), False),
        (date(2025, 6, 30), False),  # a Monday after the term
    ],
)
def test_holidays_and_make_up_days_are_told_apart(day: date, at_school: bool) -> None:
    calendar = calendar_for(COUNTY)
    assert (day in calendar.school_days(calendar.term("2025-spring"))) is at_school


@pytest.mark.parametrize(
    ("day", "term"),
    [
        (date(2025, 1, 17), "2024-autumn"),
        (date(2025, 1, 18), None),
        (date(2025, 2, 16), None),
        (date(2025, 2, 17), "2025-spring"),
        (date(2025, 6, 27), "2025-spring"),
        (date(2025, 6, 28), None),
    ],
)
def test_a_day_lies_in_a_term_or_in_the_holidays(day: date, term: str | None) -> None:
    found = calendar_for(COUNTY).term_of(day)
    assert (found.name if found else None) == term


def test_an_unknown_term_is_an_error_that_names_it() -> None:
    with pytest.raises(BangfuError) as caught:
        calendar_for(COUNTY).term("1999-spring")
    assert caught.value.code == "term_unknown"
    assert "1999-spring" in caught.value.said("en")


def test_a_county_without_a_calendar_has_the_default_one() -> None:
    assert calendar_for("青石县").region == "*"
    assert calendar_for("").region == "*"


def test_a_countys_own_calendar_is_found_and_replaces_a_shipped_one(tmp_path: Path) -> None:
    folder = own_calendar(tmp_path / "one", "青石县")
    assert set(known_regions(folder)) == {COUNTY, "青石县"}
    calendar = calendar_for("青石县", folder)
    assert calendar.schooling == "5-4"
    assert [day.day for day in calendar.school_days(calendar.terms[0])] == [24, 25, 26, 27, 1]
    assert calendar_for(COUNTY, own_calendar(tmp_path / "two", COUNTY)).schooling == "5-4"
    assert calendar_for(COUNTY, tmp_path / "none").schooling == "6-3"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_calendar_is_in_order_and_says_where_it_is_from(path: Path) -> None:
    calendar = read_calendar(path)
    assert calendar.terms
    for term in calendar.terms:
        year, season = term.name.split("-")
        assert season in {"spring", "autumn"}
        assert term.first.year == int(year)
        assert (term.first.month < 7) is (season == "spring")
        assert term.first < term.last
        assert term.source
    for earlier, later in zip(calendar.terms, calendar.terms[1:], strict=False):
        assert earlier.last < later.first
    assert not calendar.off & calendar.made_up
    assert all(calendar.term_of(day) for day in calendar.off | calendar.made_up)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("2025年春季学期学籍信息表", "2025-spring"),
        ("2025春", "2025-spring"),
        ("2025 年 秋", "2025-autumn"),
        ("2025年秋", "2025-autumn"),
        ("缺勤记录-2025春", "2025-spring"),
        ("2024-2025学年第一学期", "2024-autumn"),
        ("2024-2025学年第二学期", "2025-spring"),
        ("2024—2025学年度第2学期", "2025-spring"),
        ("2024-2025学年度第1学期", "2024-autumn"),
        ("2024~2025学年上学期", "2024-autumn"),
        ("2024至2025学年下学期", "2025-spring"),
        ("2024-2025学年下期", "2025-spring"),
        ("2024-2025学年春季学期", "2025-spring"),
        ("2024-2025学年秋季学期", "2024-autumn"),
        ("2025年2月20日", None),
        ("2024-2025学年", None),
        ("1999年春", None),
        ("2025年青春", None),
        ("春", None),
        ("", None),
    ],
)
def test_a_title_names_its_term(text: str, term: str | None) -> None:
    assert term_in_text(text) == term
