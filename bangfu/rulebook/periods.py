"""The periods that decisions are made for: '2025-spring', '2024-2025', '2025', '2025-03'."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bangfu.core.calendars import calendar_for
from bangfu.core.errors import BangfuError

KINDS = ("semester", "school_year", "calendar_year", "month")
SEMESTER = re.compile(r"20\d\d-(?:spring|autumn)")
SCHOOL_YEAR = re.compile(r"(20\d\d)-(20\d\d)")
YEAR = re.compile(r"20\d\d")
MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
SCHOOL_YEAR_FIRST = (9, 1)  # Compulsory Education Law, art. 11, as in library/calendars/default.toml
SCHOOL_YEAR_LAST = (8, 31)


@dataclass(frozen=True)
class Period:
    """A span of days that something is owed for; both days belong to it."""

    name: str
    kind: str
    first: date
    last: date

    @property
    def days(self) -> int:
        """Return the number of its days."""
        return (self.last - self.first).days + 1


def period_named(name: str, region: str = "*", calendars: Path | None = None) -> Period:
    """Return a period by its name; a semester's days are those of the region's calendar."""
    if SEMESTER.fullmatch(name):
        term = calendar_for(region, calendars).term(name)
        return Period(name, "semester", term.first, term.last)
    if (found := SCHOOL_YEAR.fullmatch(name)) and int(found[2]) == int(found[1]) + 1:
        first, last = date(int(found[1]), *SCHOOL_YEAR_FIRST), date(int(found[2]), *SCHOOL_YEAR_LAST)
        return Period(name, "school_year", first, last)
    if YEAR.fullmatch(name):
        return Period(name, "calendar_year", date(int(name), 1, 1), date(int(name), 12, 31))
    if found := MONTH.fullmatch(name):
        year, month = int(found[1]), int(found[2])
        return Period(name, "month", date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))
    raise BangfuError("period_unknown", period=name)
