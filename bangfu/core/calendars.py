"""School terms and school days, from dated calendar files (`library/calendars/*.toml`).

A term is named as money is: '2025-spring', '2025-autumn' (autumn N begins the school year N to N+1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY, load_toml
from bangfu.core.text import half_width

FRIDAY = 4
SEASONS = {"春": "spring", "秋": "autumn"}
SEASON_OF_YEARS = re.compile(r"(20\d\d)\s*[-—~至]+\s*(20\d\d)\s*学年度?\s*([春秋])")
TERM_IN_TEXT = re.compile(r"(20\d\d)\s*年?\s*([春秋])")
YEAR_ALONE_AND_TERM = re.compile(r"(20\d\d)\s*学年度?\s*第?([一二12上下])学?期")
YEAR_AND_TERM = re.compile(r"(20\d\d)\s*[-—~至]+\s*(20\d\d)\s*学年度?\s*第?([一二12上下])学?期")


@dataclass(frozen=True)
class Term:
    """One semester: first and last day, both school days of it, and where the dates come from."""

    name: str
    first: date
    last: date
    source: str


@dataclass(frozen=True)
class Calendar:
    """The terms of a region, its days off and make-up days, and how long its stages last."""

    region: str
    schooling: str
    terms: tuple[Term, ...]
    off: frozenset[date] = field(default_factory=frozenset)
    made_up: frozenset[date] = field(default_factory=frozenset)

    def term(self, name: str) -> Term:
        """Return the term `name`; BangfuError where the calendar has no such term."""
        for term in self.terms:
            if term.name == name:
                return term
        raise BangfuError("term_unknown", term=name, region=self.region)

    def term_of(self, day: date) -> Term | None:
        """Return the term that `day` lies in, or None in the holidays between."""
        return next((term for term in self.terms if term.first <= day <= term.last), None)

    def school_days(self, term: Term) -> list[date]:
        """Return the school days of `term`: weekdays that are not off, and make-up days."""
        span = (term.last - term.first).days + 1
        days = (term.first + timedelta(days=n) for n in range(span))
        return [d for d in days if d in self.made_up or (d.weekday() <= FRIDAY and d not in self.off)]


@cache
def read_calendar(path: Path) -> Calendar:
    """Read one calendar file; ValueError or KeyError names what is wrong with it."""
    content = load_toml(path)
    terms = tuple(Term(t["name"], t["from"], t["until"], t["source"]) for t in content["term"])
    days = content.get("days", {})
    return Calendar(
        content["region"],
        content["schooling"],
        tuple(sorted(terms, key=lambda t: t.first)),
        frozenset(days.get("off", ())),
        frozenset(days.get("made_up", ())),
    )


def calendar_for(region: str, folder: Path | None = None) -> Calendar:
    """Return the calendar of `region` (a county's name), or the shipped default's where it has none."""
    calendars = {c.region: c for c in map(read_calendar, _files(folder))}
    return calendars.get(region) or calendars["*"]


def known_regions(folder: Path | None = None) -> list[str]:
    """Return the regions that have a calendar of their own."""
    return [c.region for c in map(read_calendar, _files(folder)) if c.region != "*"]


def _files(folder: Path | None) -> list[Path]:
    own = sorted(folder.glob("*.toml")) if folder and folder.is_dir() else []
    return sorted((LIBRARY / "calendars").glob("*.toml")) + own


def _half(year: int, half: str) -> str:
    """Return the term that is the first or second half of the school year beginning in `year`."""
    return f"{year}-autumn" if half in "一1上" else f"{year + 1}-spring"


def term_in_text(text: str) -> str | None:
    """Return the term that a title or file name speaks of ('2025年春季学期', '2024-2025学年第二学期')."""
    text = half_width(text)
    if found := YEAR_AND_TERM.search(text):
        return _half(int(found[1]), found[3])
    if found := SEASON_OF_YEARS.search(text):
        return _half(int(found[1]), "上" if found[3] == "秋" else "下")
    if found := YEAR_ALONE_AND_TERM.search(text):
        return _half(int(found[1]), found[2])
    if found := TERM_IN_TEXT.search(text):
        return f"{found[1]}-{SEASONS[found[2]]}"
    return None
