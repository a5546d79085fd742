"""Of which day and term a list is, and in which year its months lie."""

from __future__ import annotations

from datetime import date

import pytest

from bangfu.core.calendars import calendar_for
from bangfu.core.errors import BangfuError
from bangfu.intake.dates import ListDate, given_date, list_date, month_start, next_month, shared_day

CALENDAR = calendar_for("武胜县")
SPRING = date(2025, 2, 17)
AUTUMN = date(2024, 9, 1)
TITLE = "2025年春季学期学籍信息表"


def dated(*texts: str, by: str = "list") -> ListDate | None:
    """Return the day that titles state in the example county."""
    return list_date(texts, by, CALENDAR)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("填报日期:2025-02-20", date(2025, 2, 20)),
        ("填报日期\uff1a2025年2月20日", date(2025, 2, 20)),
        ("制表时间 2025.2.20", date(2025, 2, 20)),
        ("截至2025年1月31日", date(2025, 1, 31)),
        ("统计日期2025/2/20", date(2025, 2, 20)),
        ("城乡低保名单2025年1月", date(2025, 1, 1)),
        ("名单2025-01", date(2025, 1, 1)),
        ("名单2025.12", date(2025, 12, 1)),
        ("名单20250220", date(2025, 2, 20)),
        ("名单_20250220_v2", date(2025, 2, 20)),
        ("2025年2月20日", date(2025, 2, 20)),
        ("２０２５年２月２０日", date(2025, 2, 20)),
        ("2024年2月29日", date(2024, 2, 29)),
        ("2025年2月29日", date(2025, 2, 1)),  # no such day, but a month
        ("2025年13月", None),
        ("20251345", None),
        ("120250220", None),
        ("2025", None),
        ("2025年", None),
        ("1999年1月1日", None),
        ("2024-2025学年", None),
        ("名单", None),
        ("", None),
    ],
)
def test_a_text_states_a_day_or_none(text: str, day: date | None) -> None:
    found = dated(text)
    assert (found.day if found else None) == day


def test_a_noted_date_counts_before_other_dates() -> None:
    found = dated("2024年12月31日在册人员名单", "填报日期:2025-01-08")
    assert found == ListDate(date(2025, 1, 8), date(2025, 1, 8))


def test_a_date_that_there_is_not_gives_way_to_one_that_there_is() -> None:
    found = dated("20251345", "2025年2月20日")
    assert found is not None
    assert found.day == date(2025, 2, 20)


@pytest.mark.parametrize(
    ("texts", "by", "expected"),
    [
        ((TITLE,), "term", ListDate(SPRING, SPRING, "2025-spring")),
        ((TITLE, "填报日期:2025-03-20"), "term", ListDate(date(2025, 3, 20), SPRING, "2025-spring")),
        (("2024-2025学年第一学期",), "term", ListDate(AUTUMN, AUTUMN, "2024-autumn")),
        (("填报日期:2025-03-20",), "term", ListDate(date(2025, 3, 20), SPRING, "2025-spring")),
        (("填报日期:2025-02-01",), "term", ListDate(date(2025, 2, 1), date(2025, 2, 1))),
        (("填报日期:2025-03-20",), "list", ListDate(date(2025, 3, 20), date(2025, 3, 20))),
        (("填报日期:2025-02-10", TITLE), "term", ListDate(date(2025, 2, 10), SPRING, "2025-spring")),
    ],
)
def test_a_list_of_a_term_holds_from_its_first_day(texts: tuple[str, ...], by: str, expected: ListDate) -> None:
    assert dated(*texts, by=by) == expected


def test_a_term_that_no_calendar_has_is_an_error() -> None:
    with pytest.raises(BangfuError) as caught:
        dated("2005年春季学期", by="term")
    assert caught.value.code == "term_unknown"


@pytest.mark.parametrize(
    ("day", "by", "expected"),
    [
        (SPRING, "term", ListDate(SPRING, SPRING, "2025-spring")),
        (date(2025, 6, 27), "term", ListDate(date(2025, 6, 27), SPRING, "2025-spring")),
        (date(2025, 6, 28), "term", ListDate(date(2025, 6, 28), date(2025, 6, 28))),
        (date(2025, 6, 27), "list", ListDate(date(2025, 6, 27), date(2025, 6, 27))),
    ],
)
def test_a_given_day_is_placed_in_its_term(day: date, by: str, expected: ListDate) -> None:
    assert given_date(day, by, CALENDAR) == expected


def test_a_batch_speaks_from_the_day_that_most_of_its_files_speak_from() -> None:
    early, late = (ListDate(day, day) for day in (date(2025, 1, 1), SPRING))
    assert shared_day([early, late, late]) == SPRING
    assert shared_day([early, early, late]) == date(2025, 1, 1)
    assert shared_day([early, late]) == SPRING  # the later of two that are as many
    assert shared_day([]) is None


@pytest.mark.parametrize(
    ("month", "term", "first"),
    [
        (2, "2025-spring", date(2025, 2, 1)),
        (6, "2025-spring", date(2025, 6, 1)),
        (9, "2024-autumn", date(2024, 9, 1)),
        (12, "2024-autumn", date(2024, 12, 1)),
        (1, "2024-autumn", date(2025, 1, 1)),
        (5, None, date(2025, 5, 1)),
    ],
)
def test_a_month_lies_in_the_lists_term(month: int, term: str | None, first: date) -> None:
    assert month_start(month, ListDate(SPRING, SPRING, term), CALENDAR) == first


@pytest.mark.parametrize(
    ("month", "term"), [(1, "2025-spring"), (7, "2025-spring"), (2, "2024-autumn"), (8, "2024-autumn")]
)
def test_a_month_outside_the_term_is_an_error(month: int, term: str) -> None:
    with pytest.raises(BangfuError) as caught:
        month_start(month, ListDate(SPRING, SPRING, term), CALENDAR)
    assert caught.value.code == "month_not_in_term"


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (date(2025, 1, 1), date(2025, 2, 1)),
        (date(2025, 12, 1), date(2026, 1, 1)),
        (date(2024, 2, 1), date(2024, 3, 1)),
        (date(2025, 2, 1), date(2025, 3, 1)),
    ],
)
def test_the_month_after_begins_on_its_first(first: date, after: date) -> None:
    assert next_month(first) == after
