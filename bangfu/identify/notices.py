"""Public notices and what is said against them: what is shown, from when to when, to whom; scope is inside.

A notice's lines are made here and nowhere else, from the columns of `rules.NOTICE_COLUMNS`, each time somebody looks
and only while the notice stands. Nothing of them is stored, so nothing is left when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count, Q, QuerySet
from django.utils.timezone import localtime

from bangfu.accounts.queries import under
from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.calendars import Calendar, calendar_for
from bangfu.core.errors import NotAllowed
from bangfu.core.ids import is_id
from bangfu.core.messages import reader_language, say, sentences
from bangfu.core.workdays import holidays_within, knows_holidays, last_day_of_notice
from bangfu.identify.models import Case, Notice, Objection, Round
from bangfu.identify.queries import around
from bangfu.identify.rules import NO_NEED, NOTICE_COLUMNS, Stage, Verb
from bangfu.identify.sealed import code_index, opened
from bangfu.registry.models import Detail, Enrolment, Organisation
from bangfu.tasks.queries import open_tasks

Line = dict[str, str]  # of NOTICE_COLUMNS, and no other
OPEN, ANSWERED, APPEALED, CLOSED = "open", "answered", "appealed", "closed"
TAKE_DOWN = "take_notice_down"  # the task of taking the sheet off the wall
WAITING = (OPEN, APPEALED)  # somebody must answer: meanwhile the case is not determined
# Who reads what is said in confidence: not the class teacher, against whom it may be.
IN_CONFIDENCE = (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)


# -- the lines


def stands(notice: Notice, day: date) -> bool:
    """Tell whether a notice is to be seen on `day`."""
    return notice.withdrawn_at is None and notice.first_day <= day <= notice.last_day


def lines(notice: Notice, day: date) -> list[Line]:
    """Return what the notice shows on `day`: nothing before its first day, after its last, or once withdrawn."""
    return [line for _, line in numbered(notice, day)]


def numbered(notice: Notice, day: date) -> list[tuple[int, Line]]:
    """Return the lines that the notice shows on `day`, each with its case."""
    if not stands(notice, day):
        return []
    found = Case.objects.filter(notice=notice, stage=Stage.NOTICED)
    return _lines(found, notice.round.school.name, notice.round.procedure)


def _lines(found: QuerySet[Case], school: str, procedure: Mapping[str, Any]) -> list[tuple[int, Line]]:
    """Return the lines of those of these cases that are in need, by class and name."""
    cases = list(found.exclude(school_tier__in=("", NO_NEED)).select_related("school_class__parent"))
    people = [case.person_id for case in cases]
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    names = dict(said.values_list("person_id", "name"))
    told = Enrolment.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    grades = {person: _grade(stage, year) for person, stage, year in told.values_list("person_id", "stage", "year")}
    cases.sort(key=lambda case: (case.school_class.path, names.get(case.person_id, ""), case.pk))
    return [(case.pk, _line(case, school, names, grades, procedure)) for case in cases]


def _line(
    case: Case, school: str, names: Mapping[int, str], grades: Mapping[int, str], procedure: Mapping[str, Any]
) -> Line:
    above = case.school_class.parent
    said = {
        "name": names.get(case.person_id, ""),
        "school": school,
        "department": above.name if above and above.kind == "department" else "",
        "grade": grades.get(case.person_id, ""),
        "class": case.school_class.name,
        "tier": tier_title(case.school_tier, procedure),
    }
    return {column: said[column] for column in NOTICE_COLUMNS}


def _grade(stage: str, year: int | None) -> str:
    return say(f"school_grade_{stage}", None, year=year) if year and f"school_grade_{stage}" in sentences() else ""


def tier_title(tier: str, procedure: Mapping[str, Any]) -> str:
    """Return what the procedure calls a tier, in the reader's language."""
    titles: Mapping[str, str] = procedure["tier"].get(tier, {})
    return titles.get(reader_language(), tier)


# -- before publishing


@dataclass(frozen=True)
class Preview:
    """What publishing now would show, and how long; `silent`: cases that go along and are never shown.

    `digest` names it, so that what is published is what was looked at.
    """

    place: Organisation
    lines: list[Line]
    silent: int
    first_day: date
    last_day: date
    working_days: int
    holidays: list[tuple[date, str]]
    holidays_known: bool
    digest: str


def reviewed(round_: Round, place: Organisation) -> QuerySet[Case]:
    """Return the cases of a round that wait for their notice, at the school or in a class."""
    return Case.objects.filter(under("path", place.path), round=round_, stage=Stage.REVIEWED)


def preview(round_: Round, place: Organisation, by: Actor) -> Preview:
    """Return what a notice of the actor's day would show; NotAllowed where he does not publish there."""
    check_publisher(round_, by)
    found, calendar, first = reviewed(round_, place), calendar_of(round_.path), by.at.date()
    working_days = round_.procedure["notice"]["working_days"]
    last = last_day_of_notice(first, working_days, calendar)
    rows = _lines(found, round_.school.name, round_.procedure)
    cases = sorted(found.values_list("pk", "school_tier"))
    return Preview(
        place,
        [line for _, line in rows],
        len(cases) - len(rows),
        first,
        last,
        working_days,
        holidays_within(first, last, calendar),
        knows_holidays(first) and knows_holidays(last),
        sha256(json.dumps([place.pk, str(last), cases, rows]).encode()).hexdigest(),
    )


def check_publisher(round_: Round, by: Actor) -> None:
    """NotAllowed for who is neither aid officer nor head of the round's school."""
    if not holds_post(by, Role.AID_OFFICER, round_.path, Role.PRINCIPAL):
        raise NotAllowed("notice_not_yours")


def places_waiting(round_: Round, by: Actor) -> list[tuple[Organisation, int]]:
    """Return where a notice could be published now, with how many cases: the school first, then its classes."""
    check_publisher(round_, by)
    waiting = Case.objects.filter(round=round_, stage=Stage.REVIEWED).order_by()
    counts = dict(waiting.values_list("school_class").annotate(n=Count("pk")))
    classes = Organisation.objects.filter(pk__in=counts).order_by("path")
    found = [(place, counts[place.pk]) for place in classes]
    return [(round_.school, sum(counts.values())), *found] if found else []


def calendar_of(path: str) -> Calendar:
    """Return the calendar of the county in which a place lies."""
    above = [int(part) for part in path.strip("/").split("/") if part]
    county = Organisation.objects.filter(pk__in=above, kind="county").values_list("name", flat=True).first()
    return calendar_for(county or "", settings.HOME / "calendars")


# -- notices


def notices(by: Actor) -> QuerySet[Notice]:
    """Return the notices of the actor's schools, the newest first, with how much said against each is waiting."""
    waits = Count("objections", filter=Q(objections__state__in=WAITING))
    found = Notice.objects.filter(around(by)).select_related("round__school", "place")
    return found.annotate(waiting=waits).order_by("-first_day", "-pk")


def notice_for(number: int, by: Actor) -> Notice:
    """Return a notice of the actor's schools; NotAllowed for any other."""
    found = notices(by).filter(pk=number).first() if is_id(number) else None
    if found is None:
        raise NotAllowed("notice_not_there", number=number)
    return found


def down_on(notice: Notice) -> date:
    """Return the day on which the sheet is to be taken down: the one after the last."""
    return notice.last_day + timedelta(days=1)


def sheet_hangs(notice: Notice, by: Actor) -> bool:
    """Tell whether nobody has said yet that the sheet was taken down."""
    return open_tasks(by).filter(kind=TAKE_DOWN, subject=f"notice:{notice.pk}").exists()


@dataclass(frozen=True)
class Shown:
    """A public notice as anybody may see it today; once it is over it has no lines and `stands` is False."""

    notice: Notice
    stands: bool
    rows: list[tuple[int, Line]]
    columns: tuple[str, ...]  # of the table

    @property
    def lines(self) -> list[Line]:
        """Return the lines alone."""
        return [line for _, line in self.rows]


def notice_shown(token: str, day: date) -> Shown | None:
    """Return what the notice at this address shows on `day`, to anybody; None where there is none."""
    with whole():
        found = Notice.objects.filter(token=token).select_related("round__school", "place").first()
        if found is None:
            return None
        rows = numbered(found, day)
    return Shown(found, stands(found, day), rows, used_columns(line for _, line in rows))


def used_columns(found: Iterable[Line]) -> tuple[str, ...]:
    """Return the columns of the table, in their order: where some line says something; the school stands above it."""
    known = list(found)
    return tuple(column for column in NOTICE_COLUMNS if column != "school" and any(line[column] for line in known))


# -- what is said against them


def objections(by: Actor) -> QuerySet[Objection]:
    """Return the objections at the schools whose confidence the actor has, those that wait first."""
    mine = Q(pk__in=[])
    for reach in by.reaches:
        if reach.role in (*IN_CONFIDENCE, Role.AUDITOR):
            mine |= under("path", reach.path)
    found = Objection.objects.filter(Q() if by.everywhere else mine)
    found = found.select_related("notice__round__school", "notice__place", "case__school_class")
    rank = models.Case(models.When(state__in=WAITING, then=0), default=1, output_field=models.IntegerField())
    return found.order_by(rank, "received_at", "pk")


def objection_for(number: int, by: Actor) -> Objection:
    """Return an objection that is open to the actor; NotAllowed for any other."""
    found = objections(by).filter(pk=number).first() if is_id(number) else None
    if found is None:
        raise NotAllowed("objection_not_there", number=number)
    return found


def dues(found: Iterable[Objection], by: Actor) -> dict[int, date]:
    """Return objection -> the day until which it must be answered, of those that wait."""
    subjects = {f"objection:{objection.pk}": objection.pk for objection in found}
    rows = open_tasks(by).filter(subject__in=subjects).values_list("subject", "due")
    return {subjects[subject]: due for subject, due in rows}


@dataclass(frozen=True)
class Said:
    """What was written in an objection; `hidden`: who objects is not shown to him whose work it is about."""

    name: str
    contact: str
    words: str
    answer: str
    appeal: str
    appeal_answer: str
    hidden: bool


def said_in(objection: Objection, by: Actor) -> Said | None:
    """Return what an objection says, to those whose confidence it was given in; None for an auditor."""
    if not holds_post(by, Role.AID_OFFICER, objection.path, Role.PRINCIPAL, Role.COUNTY_BUREAU):
        return None
    own = recognised_by(objection.case, by)
    texts = {name: opened(objection, name) for name in ("name", "contact", *TOLD)}
    return Said(**(texts | {"name": "", "contact": ""} if own else texts), hidden=own)


TOLD = ("words", "answer", "appeal", "appeal_answer")


def recognised_by(case: Case | None, by: Actor) -> bool:
    """Tell whether the actor has ever recognised this case: what is said against it is another's to judge."""
    return case is not None and case.steps.filter(verb=Verb.RECOGNISE, actor=by.name).exists()


def why_not_answered(objection: Objection, by: Actor) -> str:
    """Return the code of why the actor may not answer what waits in an objection, or ''."""
    post, *above = (Role.COUNTY_BUREAU,) if objection.state == APPEALED else (Role.AID_OFFICER, Role.PRINCIPAL)
    if objection.state not in WAITING:
        return "objection_answered"
    if not holds_post(by, post, objection.path, *above):
        return "appeal_not_yours" if objection.state == APPEALED else "objection_not_yours"
    return "objection_own_case" if recognised_by(objection.case, by) else ""


def open_objections(cases: Sequence[int]) -> dict[int, int]:
    """Return case -> how many objections or appeals against it wait, for who judges them within an action."""
    found = Objection.objects.filter(case__in=cases, state__in=WAITING).order_by()
    return dict(found.values_list("case").annotate(n=Count("pk")))


@dataclass(frozen=True)
class Told:
    """What an objector is told by his code: his words and the answers, never a line of the notice."""

    objection: Objection
    texts: dict[str, str]
    school: str
    appeal_until: date | None  # while he may appeal

    @property
    def state(self) -> str:
        """Return the code of how far it is."""
        return f"{self.objection.state}_upheld" if self.objection.upheld else self.objection.state


def told_by_code(code: str, day: date) -> Told | None:
    """Return what stands under a code, to whoever has it; None for no such code."""
    with whole():
        found = Objection.objects.filter(code_index=code_index(code)).select_related("notice__round__school").first()
        if found is None:
            return None
        until = appeal_until(found)
        texts = {name: opened(found, name) for name in TOLD}
    return Told(found, texts, found.notice.round.school.name, until if until and day <= until else None)


def appeal_until(objection: Objection) -> date | None:
    """Return the last day on which the answer of an objection can be appealed against; None where it cannot."""
    if objection.state != ANSWERED or objection.answered_at is None:
        return None
    return due_in(objection, "appeal_working_days", localtime(objection.answered_at).date())


def due_in(objection: Objection, name: str, day: date) -> date:
    """Return the day that lies the round's number of working days (`[objection]` of its procedure) after `day`."""
    round_ = objection.notice.round
    return last_day_of_notice(day, round_.procedure["objection"][name], calendar_of(round_.path))
