"""One reckoning of coverage against what is known: differences new, still there and gone; states; totals that close."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import duckdb
from django.conf import settings

from bangfu.core.calendars import calendar_for
from bangfu.core.library import shipped
from bangfu.coverage import judge
from bangfu.coverage.tables import NUMBER, TEXT, create
from bangfu.intake.layouts import Layout
from bangfu.registry.queries import home_county, organisation_places

CODES: dict[str, dict[str, Any]] = {
    code: rule for code, rule in shipped("coverage/differences.toml").items() if isinstance(rule, dict)
}
STATES = ("determined", "to_assess", "not_in_need", "no_sign", "in_conflict")
BUREAU = "county_bureau"
Key = tuple[str, int, int | None]
WHOLE = {"rolls": "rows", "pupils": "pupils", "children": "of_school_age"}  # group of totals -> its whole


class Gap(NamedTuple):
    """A difference as found: rows are ids of source rows; `organisation` is whose record it is (for scope)."""

    code: str
    record: int
    other: int | None
    says: str
    row: int
    other_row: int | None
    organisation: int
    list_organisation: int
    layout: str


class Known(NamedTuple):
    """A difference as it stands in the database."""

    id: int
    code: str
    record: int
    other: int | None
    says: str
    row: int
    other_row: int | None
    answer: str

    @property
    def key(self) -> Key:
        """Return what makes it this difference, whatever its rows and facts are now."""
        return self.code, self.record, self.other


class Owner(NamedTuple):
    """Who must settle a difference."""

    organisation: int
    post: str


@dataclass
class Reckoning:
    """What to write for `day`. `moved`: (row, other row, says, id) of differences that newer lists repeat;
    `reopened`: those that were closed and whose very facts stand again (a list was taken back)."""

    day: date
    opened: list[tuple[Gap, Owner]] = field(default_factory=list)
    moved: list[tuple[int, int | None, str, int]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    reopened: list[Known] = field(default_factory=list)
    pupils: list[tuple[int, int, str, str]] = field(default_factory=list)
    totals: dict[str, Any] = field(default_factory=dict)


def reckon(
    found: duckdb.DuckDBPyConnection,
    layouts: Sequence[Layout],
    day: date,
    known: Iterable[Known],
    doubts: Iterable[Doubt],
    past: Iterable[Known] = (),
) -> Reckoning:
    """Judge the gathered register on `day` and compare with the differences that stand, and those that did once."""
    judge.describe(found, day)
    judge.differences(found, judge.school_age(term_start(day)))
    _add_doubts(found, doubts)
    reckoning = Reckoning(day)
    gaps = {(gap.code, gap.record, gap.other): gap for gap in _gaps(found)}
    settled = _compare(reckoning, gaps, known, past)
    reckoning.opened = _owned(gaps.values(), layouts)
    columns = {"code": TEXT, "record": NUMBER, "answer": TEXT}
    create(found, "answered", columns, [(code, record, answer) for (code, record, _), answer in settled.items()])
    judge.states(found, _unsettled(found, settled))
    reckoning.pupils = found.execute(
        "SELECT human, school_class, state, COALESCE(bases, '') FROM pupil ORDER BY human"
    ).fetchall()
    reckoning.totals = totals(found, settled)
    return reckoning


def term_start(day: date) -> date:
    """Return the first day of the term that `day` lies in; in the holidays the day itself."""
    term = calendar_for(home_county() or "", settings.HOME / "calendars").term_of(day)
    return term.first if term else day


def _add_doubts(found: duckdb.DuckDBPyConnection, doubts: Iterable[Doubt]) -> None:
    """Add the open questions about who is who, as far as both records stand on a roll or register."""
    columns = {"id": NUMBER, "left": NUMBER, "right": NUMBER, "how": TEXT}
    create(found, "doubt", columns, doubts)
    found.execute(
        """CREATE OR REPLACE TABLE difference AS FROM difference UNION ALL
        SELECT CASE WHEN how = 'probable' THEN 'doubtful_link' ELSE 'shared_number' END,
        "left", "right", 'l' || id FROM doubt
        WHERE "left" IN (SELECT person FROM now) AND "right" IN (SELECT person FROM now)"""
    )


Doubt = tuple[int, int, int, str]  # the link's id, its records, how it was found


def _compare(
    reckoning: Reckoning, gaps: dict[Key, Gap], known: Iterable[Known], past: Iterable[Known]
) -> dict[Key, str]:
    """Fill in what moved, what is gone and what stands again; leave in `gaps` what is new.

    Returns what stays answered, with its answer.
    """
    once = {(old.key, old.says): old for old in past if old.key in gaps}
    answered: dict[Key, str] = {}
    for old in known:
        gap = gaps.get(old.key)
        other = gap is not None and old.says != gap.says
        if gap is None or (other and (old.answer or (old.key, gap.says) in once)):
            reckoning.closed.append(old.id)  # gone, or answered and now something else: that is a new difference
            continue
        answered |= _keep(reckoning, old, gaps.pop(old.key))
    for key, gap in list(gaps.items()):
        if before := once.get((key, gap.says)):
            reckoning.reopened.append(before)
            answered |= _keep(reckoning, before, gaps.pop(key))
    return answered


def _keep(reckoning: Reckoning, old: Known, gap: Gap) -> dict[Key, str]:
    if (old.row, old.other_row, old.says) != (gap.row, gap.other_row, gap.says):
        reckoning.moved.append((gap.row, gap.other_row, gap.says, old.id))
    return {old.key: old.answer} if old.answer else {}


def _owned(gaps: Iterable[Gap], layouts: Sequence[Layout]) -> list[tuple[Gap, Owner]]:
    """Return these differences, each with who must settle it."""
    posts = {layout.id: layout.post for layout in layouts}
    counties = organisation_places("county")
    return [(gap, _owner(gap, posts, counties)) for gap in gaps]


def _gaps(found: duckdb.DuckDBPyConnection) -> list[Gap]:
    rows = found.execute(
        """SELECT d.code, d.record, d.other, d.says, n.row_id, o.row_id, n.organisation, n.list_organisation, n.layout
        FROM difference d JOIN now n ON n.person = d.record LEFT JOIN now o ON o.person = d.other
        ORDER BY d.code, n.row_id, o.row_id"""
    ).fetchall()
    return [Gap(*row) for row in rows]


def _owner(gap: Gap, posts: dict[str, str], counties: dict[int, int]) -> Owner:
    """Return who must settle a difference: the office whose list the row is in, or the county's bureau."""
    if CODES[gap.code]["owner"] == "county":
        return Owner(counties.get(gap.list_organisation, gap.list_organisation), BUREAU)
    return Owner(gap.list_organisation, posts[gap.layout])


def _unsettled(found: duckdb.DuckDBPyConnection, answered: Container[Key]) -> list[int]:
    """Return the records that stand in an open difference which must be settled first."""
    first = [code for code, rule in CODES.items() if rule.get("settle_first")]
    marks = ", ".join(f"'{code}'" for code in first)
    rows = found.execute(f"SELECT code, record, other FROM difference WHERE code IN ({marks})").fetchall()
    open_ = [row for row in rows if tuple(row) not in answered]
    return [record for _, *pair in open_ for record in pair if record is not None]


def totals(found: duckdb.DuckDBPyConnection, answered: Collection[Key]) -> dict[str, Any]:
    """Return the totals of a reckoning, in groups that close (`unequal` says which do not)."""
    states = dict(found.execute("SELECT state, COUNT(*) FROM pupil GROUP BY state").fetchall())
    roll = found.execute(
        "SELECT COUNT(*), COUNT(DISTINCT human), COUNT(DISTINCT (human, list)) FROM now WHERE kind = 'roll'"
    )
    rows, pupils, places = roll.fetchall()[0]
    children = dict(found.execute("SELECT LEAST(schools, 2), COUNT(*) FROM child GROUP BY 1").fetchall())
    counted = dict(found.execute("SELECT code, COUNT(*) FROM difference GROUP BY code").fetchall())
    done = Counter(code for code, *_ in answered)
    codes = {code: {"open": counted[code] - done[code], "answered": done[code]} for code in CODES if code in counted}
    return {
        "rolls": {"rows": rows, "pupils": pupils, "in_a_further_school": places - pupils, "repeated": rows - places},
        "pupils": {"pupils": pupils} | {state: states.get(state, 0) for state in STATES},
        "children": {
            "of_school_age": sum(children.values()),
            "on_one_roll": children.get(1, 0),
            "on_several_rolls": children.get(2, 0),
            **_off_roll(found),
        },
        "differences": codes,
    }


def _off_roll(found: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count the children on no roll by what the list says, and those whose case is answered."""
    rows = dict(
        found.execute(
            """SELECT CASE WHEN a.record IS NOT NULL THEN 'answered' ELSE c.reason END, COUNT(*) FROM child c
            LEFT JOIN answered a ON a.record = c.person AND a.code IN ('on_no_roll', 'listed_elsewhere')
            WHERE c.schools = 0 GROUP BY 1"""
        ).fetchall()
    )
    return {reason: rows.get(reason, 0) for reason in ("out_of_school", "elsewhere", "answered")}


def unequal(found: dict[str, Any]) -> list[str]:
    """Return the groups of totals in which the whole is not the sum of its parts."""
    return [group for group, whole in WHOLE.items() if 2 * found[group][whole] != sum(found[group].values())]
