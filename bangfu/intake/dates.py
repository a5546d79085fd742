"""Of which day a list is: what its title lines, sheet name and file name say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from bangfu.core.calendars import Calendar, term_in_text
from bangfu.core.errors import Refused
from bangfu.core.text import half_width

NOTED = re.compile(
    r"(?:填报|制表|统计|截至|截止|填表|报送|导出|公示)(?:日期|时间|到)?[::]?\s*(20\d\d)[-./年](\d{1,2})[-./月](\d{1,2})"
)
FULL = re.compile(r"(20\d\d)[-./年](\d{1,2})[-./月](\d{1,2})")
DIGITS = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
MONTH = re.compile(r"(20\d\d)[-./年](\d{1,2})(?:月|(?!\d))")


@dataclass(frozen=True)
class ListDate:
    """A list's own day, the day from which what it says holds, and the term it is of where it names one."""

    day: date
    holds_from: date
    term: str | None = None


def list_date(texts: Iterable[str], dated_by: str, calendar: Calendar) -> ListDate | None:
    """Return the day that `texts` (titles and names) state, or None where they state none.

    A list 'dated by its term' holds from the term's first day, whenever in the term it was drawn up.
    """
    text = "\n".join(half_width(text) for text in texts)
    term_name = term_in_text(text)
    day = _stated(text)
    term = None
    if term_name:
        term = calendar.term(term_name)
        day = day or term.first
    elif day and dated_by == "term":
        term = calendar.term_of(day)
    if day is None:
        return None
    return ListDate(day, term.first if term else day, term.name if term else None)


def _stated(text: str) -> date | None:
    for pattern in (NOTED, FULL, DIGITS, MONTH):
        for found in pattern.finditer(text):
            year, month, *day = (int(part) for part in found.groups())
            try:
                return date(year, month, day[0] if day else 1)
            except ValueError:
                continue
    return None


def given_date(day: date, dated_by: str, calendar: Calendar) -> ListDate:
    """Return the list date for a day that a person gave, or that the surface assumes."""
    term = calendar.term_of(day) if dated_by == "term" else None
    return ListDate(day, term.first if term else day, term.name if term else None)


def shared_day(dates: Iterable[ListDate]) -> date | None:
    """Return the day that most of the files sent together speak from; None if none is dated.

    Files of one batch that state no day are read as of it.
    """
    days = Counter(dated.holds_from for dated in dates)
    return max(days, key=lambda day: (days[day], day)) if days else None


def month_start(month: int, dated: ListDate, calendar: Calendar) -> date:
    """Return the first day of the calendar month `month` that lies in the list's term."""
    if dated.term is None:
        return date(dated.day.year, month, 1)
    term = calendar.term(dated.term)
    first = term.first.replace(day=1)
    while first <= term.last:
        if first.month == month:
            return first
        first = next_month(first)
    raise Refused("month_not_in_term", month=month, term=term.name)


def next_month(first: date) -> date:
    """Return the first day of the month after."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
