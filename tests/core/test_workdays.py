"""Working days: holidays, weekends worked for them, a region's own days, years that nobody knows yet."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.calendars import Calendar
from bangfu.core.messages import sentences
from bangfu.core.workdays import NAMES, OWN, holidays_within, is_working_day, knows_holidays, last_day_of_notice

PLAIN = Calendar("*", "6-3", ())
OWN_DAYS = Calendar("x", "6-3", (), frozenset({date(2025, 3, 5)}), frozenset({date(2025, 3, 8)}))


@pytest.mark.parametrize(
    ("first", "working_days", "last"),
    [
        (date(2025, 3, 3), 5, date(2025, 3, 10)),  # a Monday: the day itself does not count
        (date(2025, 3, 7), 5, date(2025, 3, 14)),  # a Friday
        (date(2025, 3, 8), 1, date(2025, 3, 10)),  # a Saturday
        (date(2025, 4, 25), 5, date(2025, 5, 6)),  # Sunday 27 April is worked, 1 to 5 May is off
        (date(2025, 9, 30), 5, date(2025, 10, 14)),  # eight days of October off, Saturday the 11th worked
        (date(2025, 12, 29), 5, date(2026, 1, 6)),  # New Year, and Sunday 4 January worked
        (date(2031, 9, 29), 5, date(2031, 10, 6)),  # nobody knows that year yet: weekdays
    ],
)
def test_a_notice_stands_its_working_days(first: date, working_days: int, last: date) -> None:
    assert last_day_of_notice(first, working_days, PLAIN) == last


def test_the_regions_own_calendar_comes_first() -> None:
    assert not is_working_day(date(2025, 3, 5), OWN_DAYS)
    assert is_working_day(date(2025, 3, 8), OWN_DAYS)
    assert last_day_of_notice(date(2025, 3, 3), 5, OWN_DAYS) == date(2025, 3, 10)
    assert holidays_within(date(2025, 3, 3), date(2025, 3, 10), OWN_DAYS) == [(date(2025, 3, 5), OWN)]


def test_holidays_are_named() -> None:
    found = holidays_within(date(2025, 9, 30), date(2025, 10, 14), PLAIN)
    assert [day.day for day, _ in found] == [1, 2, 3, 6, 7, 8]
    assert dict(found)[date(2025, 10, 1)] == "national_day"
    assert {f"holiday_{name}" for name in (*NAMES.values(), OWN)} <= set(sentences())


def test_a_year_without_known_holidays_says_so() -> None:
    assert knows_holidays(date(2025, 1, 1))
    assert not knows_holidays(date(2031, 1, 1))
    assert holidays_within(date(2031, 9, 29), date(2031, 10, 10), PLAIN) == []


@given(st.dates(date(2004, 1, 1), date(2040, 1, 1)), st.integers(1, 20))
def test_exactly_so_many_working_days_lie_after_the_first(first: date, working_days: int) -> None:
    last = last_day_of_notice(first, working_days, PLAIN)
    days = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    assert sum(is_working_day(day, PLAIN) for day in days) == working_days
    assert is_working_day(last, PLAIN)
