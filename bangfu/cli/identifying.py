"""One school's term of identification in the demo: played by its people on their days, through the same actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import click
from rich.table import Table

from bangfu.accounts.rules import Role
from bangfu.cli import home, show
from bangfu.core.actor import Actor, Reach
from bangfu.core.messages import say
from bangfu.coverage.actions import cover
from bangfu.identify import notices, panels, queries
from bangfu.identify.actions.determinations import determine
from bangfu.identify.actions.families import inform
from bangfu.identify.actions.notices import publish
from bangfu.identify.actions.panels import (
    Seat,
    cast,
    count_panel,
    evaluate_without_panel,
    print_panel_passes,
    set_up_panel,
)
from bangfu.identify.actions.recognition import AS_THE_PANEL, recognise, review
from bangfu.identify.actions.rounds import open_round
from bangfu.identify.actions.steps import Said
from bangfu.identify.passes import actor_name, pass_by_code
from bangfu.identify.rules import Stage
from bangfu.registry.queries import demo_places, schools

HOUR = time(9, 30)
ZONE = ZoneInfo("Asia/Shanghai")
STUDENTS = 2  # on a panel of the demo


@dataclass(frozen=True)
class People:
    """Who plays: the aid officer and the head at the school, somebody of the county's office; names for the trail."""

    school: tuple[int, str]
    county_path: str
    officer: str
    head: str
    bureau: str

    def at(self, role: Role, day: date) -> Actor:
        """Return one of them at work on a day."""
        path = self.county_path if role is Role.COUNTY_BUREAU else self.school[1]
        name = {Role.AID_OFFICER: self.officer, Role.PRINCIPAL: self.head, Role.COUNTY_BUREAU: self.bureau}[role]
        return Actor(name, datetime.combine(day, HOUR, ZONE), reaches=(Reach(role, path),))


@dataclass(frozen=True)
class Days:
    """When what happens: the round is opened, the panels vote until, and the notice is published."""

    opened: date
    votes_until: date
    published: date

    @classmethod
    def of_term(cls, first: date) -> Days:
        """Return the days of a term that begins on `first`: three weeks from the second on."""
        return cls(first + timedelta(14), first + timedelta(25), first + timedelta(31))


@dataclass(frozen=True)
class Played:
    """What came of it: the round, how many stood at each step, and the day on which they were determined."""

    round_id: int
    funnel: Sequence[tuple[str, int]]
    day: date


Vote = Callable[[int, int, Sequence[str]], str]


def a_vote(member: int, case: int, tiers: Sequence[str]) -> str:
    """Return what an invented member says of an invented pupil: near what the others say, and always the same."""
    drawn = sha256(f"{case}".encode()).digest()[0] % len(tiers)
    other = sha256(f"{member}/{case}".encode()).digest()[0]
    return tiers[min(drawn + (other < 64), len(tiers) - 1)]  # noqa: PLR2004 - every fourth says one tier less


def play(people: People, term: str, days: Days, vote: Vote = a_vote) -> Played:
    """Open the round, let the panels vote, recognise, review, publish, and determine when the notice is over."""
    officer = people.at(Role.AID_OFFICER, days.opened)
    opened = open_round(school_id=people.school[0], term=term, apply_until=days.votes_until, by=officer)
    round_ = queries.round_for(opened.pk, officer)
    proposed = queries.cases(round_, officer).count()
    with_panel = _vote_in_every_class(round_.pk, days, officer, vote)
    officer = people.at(Role.AID_OFFICER, days.published)
    bureau = people.at(Role.COUNTY_BUREAU, days.published)
    _recognise_all(round_.pk, officer)
    recognised = [case.pk for case in queries.cases(round_, officer, (Stage.RECOGNISED,))]
    review(round_id=round_.pk, case_ids=recognised, by=bureau)
    preview = notices.preview(round_, round_.school, officer)
    notice = publish(round_id=round_.pk, place_id=round_.school_id, seen=preview.digest, by=officer)
    after = notice.last_day + timedelta(1)
    done = determine(round_id=round_.pk, cases=(), by=people.at(Role.AID_OFFICER, after)).done
    tiers = queries.tiers_given(round_, officer)
    counts = {"proposed": proposed, "voted": with_panel, "recognised": len(recognised), "reviewed": len(recognised)}
    counts |= {"shown": len(preview.lines), "determined": len(done)} | {f"tier_{tier}": n for tier, n in tiers}
    return Played(round_.pk, list(counts.items()), after)


def _vote_in_every_class(round_id: int, days: Days, officer: Actor, vote: Vote) -> int:
    """Set up a panel in every class with somebody proposed, vote, count; returns how many cases a panel judged."""
    round_, judged = queries.round_for(round_id, officer), 0
    tiers = panels.scores(round_)
    for standing in panels.standings(round_, officer):
        if not standing.cases:
            continue
        place = standing.place.pk
        told = [person for person, _ in queries.on_roll(place, officer)]
        inform(round_=round_id, people=told, channel="paper", by=officer)
        if len(told) < STUDENTS:
            alone = [case.pk for case in queries.cases(round_, officer) if case.school_class_id == place]
            evaluate_without_panel(round_id=round_id, case_ids=alone, why="too_few_members", by=officer)
            continue
        seats = _seats(told)
        panel = set_up_panel(round_id=round_id, class_id=place, seats=seats, until=days.votes_until, by=officer)
        for member, code in print_panel_passes(panel_id=panel.pk, by=officer):
            _cast(code, member.pk, days.opened, tiers, vote)
        judged += len(count_panel(panel_id=panel.pk, by=replace(officer, at=_at(days.votes_until + timedelta(1)))))
    return judged


def _at(day: date) -> datetime:
    return datetime.combine(day, HOUR, ZONE)


def _seats(pupils: Sequence[int]) -> list[Seat]:
    """Return who sits on an invented class's panel: two of its pupils, its teacher and a parent."""
    students = [Seat("student", person=person) for person in pupils[:STUDENTS]]
    return [*students, Seat("teacher", say("role_class_teacher")), Seat("parent", say("demo_parent"))]


def _cast(code: str, member: int, day: date, tiers: Sequence[str], vote: Vote) -> None:
    """Vote as the holder of a printed code does: on all pupils whom his ballot shows."""
    held = pass_by_code(code, day)
    if held is None:
        return
    scores = {line.case: vote(member, line.case, tiers) for line in panels.paper(held).lines}
    if scores:
        cast(pass_id=held.number, scores=scores, by=Actor(actor_name(held.number), _at(day)))


def _recognise_all(round_id: int, officer: Actor) -> None:
    """Recognise as the panels said; whom no panel could judge, in the mildest tier."""
    round_ = queries.round_for(round_id, officer)
    waiting = list(queries.cases(round_, officer, (Stage.EVALUATED,)))
    mildest = panels.tiers_of(round_)[-1]
    for judged, tier, reasons in ((True, AS_THE_PANEL, ("other", "not_confirmed")), (False, mildest, ("other",))):
        cases = [case.pk for case in waiting if bool(case.panel_tier) is judged]
        if cases:
            recognise(round_id=round_id, case_ids=cases, said=Said(tier, reasons), by=officer)


@dataclass(frozen=True)
class Identified:
    """What the demo's identification came to: the school, the term, the funnel, and the pupils' equation after it."""

    school: str
    term: str
    played: Played
    pupils: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """Return it as JSON's types."""
        told = {"school": self.school, "term": self.term, "day": self.played.day.isoformat()}
        return {**told, "funnel": dict(self.played.funnel), "pupils": self.pupils}


def in_demo(sign_ins: Sequence[dict[str, str]], day: date) -> Identified | None:
    """Take the school at which the demo's people work through the term of a day, and reckon coverage anew.

    None where there is no such school, or no term in the calendar.
    """
    by = home.here()
    places, names = demo_places(), {row["role"]: row["staff_number"] for row in sign_ins}
    path, county = places[Role.AID_OFFICER.value][0], places[Role.COUNTY_BUREAU.value][0]
    school = next((place for place in schools(by) if place.path == path), None)
    term = next((term for term in queries.terms().values() if term.first <= day <= term.last), None)
    if school is None or term is None:
        return None
    roles = (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)
    people = People((school.pk, path), county, *(names[role.value] for role in roles))
    played = play(people, term.name, Days.of_term(term.first))
    covered = cover(day=played.day, by=by)
    return Identified(school.name, term.name, played, covered.totals["pupils"])


def show_identified(found: Identified) -> None:
    """Print the funnel, and the equation of the county's pupils after it."""
    table = Table(box=None, pad_edge=False)
    table.add_column(say("demo_identified", school=found.school, term=found.term, day=found.played.day))
    table.add_column(say("column_people"), justify="right")
    for name, count in found.played.funnel:
        table.add_row(say(f"funnel_{name}"), f"{count:,}")
    click.echo()
    show.print_table(table)
    (name, total), *parts = found.pupils.items()
    sum_ = " + ".join(f"{say(f'total_{part}')} {count:,}" for part, count in parts)
    click.echo(f"\n{say(f'total_{name}')} {total:,} = {sum_}")
