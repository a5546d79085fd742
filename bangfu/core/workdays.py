"""Working days of the country, for what must stand or be answered within some of them.

Public holidays and the weekends worked for them are those of the State Council's yearly notices, as the package
chinesecalendar lists them. For a year that it does not know, Monday to Friday. A region's own calendar file
(`core/calendars.py`: off, made_up) comes before both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from chinese_calendar import Holiday, get_holiday_detail, is_workday

from bangfu.core.calendars import FRIDAY, Calendar

ONE = timedelta(days=1)
NAMES = {holiday.value: holiday.name for holiday in Holiday}
OWN = "own_calendar"  # what a day is called that the region's own file takes off


def is_working_day(day: date, calendar: Calendar) -> bool:
    """Tell whether people work on `day`."""
    if day in calendar.made_up:
        return True
    if day in calendar.off:
        return False
    return bool(is_workday(day)) if knows_holidays(day) else day.weekday() <= FRIDAY


def knows_holidays(day: date) -> bool:
    """Tell whether the holidays of the year of `day` are known; else its weekdays pass for working days."""
    try:
        is_workday(day)
    except NotImplementedError:
        return False
    return True


def last_day_of_notice(first_day: date, working_days: int, calendar: Calendar) -> date:
    """Return the last day of what is published on `first_day` and must stand so many working days.

    The day of publication does not count; over a holiday it stands longer by the holiday.
    """
    day = first_day
    for _ in range(working_days):
        day += ONE
        while not is_working_day(day, calendar):
            day += ONE
    return day


def holidays_within(first: date, last: date, calendar: Calendar) -> list[tuple[date, str]]:
    """Return the weekdays from `first` to `last` on which nobody works, with the holiday's code."""
    days = (day for day in _days(first, last) if day.weekday() <= FRIDAY and not is_working_day(day, calendar))
    return [(day, _name(day, calendar)) for day in days]


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _name(day: date, calendar: Calendar) -> str:
    if day in calendar.off or not knows_holidays(day):
        return OWN
    return str(NAMES.get(get_holiday_detail(day)[1] or "", OWN))
