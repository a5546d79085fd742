"""A school's term of identification in small: who works there on which day, and cases led to where one wants them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from bangfu.accounts.rules import Role
from bangfu.audit.actions import record
from bangfu.core.actor import Actor, Reach
from bangfu.identify.actions.rounds import open_round
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.models import Case, Notice, Round
from bangfu.identify.rules import Verb
from bangfu.registry.models import Organisation
from tests.conftest import committing
from tests.coverage.lists import FIRST, Desk, Human

SPRING = "2025-spring"
OPENED, APPLY_UNTIL = date(2025, 3, 3), date(2025, 3, 14)
FIRST_DAY, LAST_DAY, AFTER = date(2025, 3, 20), date(2025, 3, 27), date(2025, 3, 28)
PUPILS = tuple(Human(name, 601 + at, date(2015, 1 + at, 9)) for at, name in enumerate(
    ("程安邦", "田美琳", "武俊豪", "费慧敏", "罗国栋", "骆一鸣")))  # fmt: skip


def on(day: date, role: Role, path: str, name: str = "") -> Actor:
    """Return who holds a role at a place, at work on a day."""
    at = datetime.combine(day, time(9, 30), ZoneInfo("Asia/Shanghai"))
    return Actor(name or f"{role}-{path}", at, user_id=None, reaches=(Reach(role, path),))


@dataclass(frozen=True)
class School:
    """A school with six pupils of one class, of whom the first two stand on the poverty register."""

    school: Organisation
    school_class: Organisation
    county: Organisation

    def officer(self, day: date = OPENED) -> Actor:
        """Return the aid officer."""
        return on(day, Role.AID_OFFICER, self.school.path, "officer")

    def principal(self, day: date = OPENED) -> Actor:
        """Return the head."""
        return on(day, Role.PRINCIPAL, self.school.path, "principal")

    def bureau(self, day: date = OPENED) -> Actor:
        """Return the county's office."""
        return on(day, Role.COUNTY_BUREAU, self.county.path, "bureau")

    def teacher(self, day: date = OPENED) -> Actor:
        """Return the class's teacher."""
        return on(day, Role.CLASS_TEACHER, self.school_class.path, "teacher")

    def opened(self) -> Round:
        """Return the term's round, opened by the officer."""
        with committing():
            return open_round(school_id=self.school.pk, term=SPRING, apply_until=APPLY_UNTIL, by=self.officer())


def with_lists(desk: Desk, school: str = FIRST, pupils: Iterable[Human] = PUPILS) -> School:
    """Return a school whose pupils and poverty register have been imported."""
    pupils = tuple(pupils)
    desk.roll(*(pupil.enrolled(school) for pupil in pupils), name=f"roll-{school}")
    desk.poor(*(pupil.poor() for pupil in pupils[:2]), name=f"poor-{school}")
    place = Organisation.objects.get(kind="school", name=school)
    county = Organisation.objects.get(kind="county")
    return School(place, Organisation.objects.get(kind="class", parent=place), county)


def led(
    school: School, cases: Iterable[Case], tier: str = "moderate", reasons: tuple[str, ...] = ("low_income",)
) -> None:
    """Lead cases of one round from being proposed to a notice from FIRST_DAY to LAST_DAY, by two people."""
    found = list(Case.objects.filter(pk__in=[case.pk for case in cases]).select_related("round"))
    said = {case.pk: Said(tier, reasons) for case in found}
    with committing():
        make_moves(cases=found, verb=Verb.EVALUATE, said={}, by=school.officer())
        for case in found:
            case.school_tier, case.reasons = tier, list(reasons)
        make_moves(cases=found, verb=Verb.RECOGNISE, said=said, by=school.officer())
        make_moves(cases=found, verb=Verb.REVIEW, said=said, by=school.bureau())
        put_up(school, found)


def put_up(school: School, cases: list[Case]) -> Notice:
    """Put cases on a notice of the school."""
    entry = record(action="identify.publish", by=school.officer(FIRST_DAY), subject="notice")
    notice = Notice.objects.create(
        round=cases[0].round, place=school.school, path=school.school.path, token=f"t{cases[0].pk}",
        first_day=FIRST_DAY, last_day=LAST_DAY, entry=entry,
    )  # fmt: skip
    for case in cases:
        case.notice = notice
    make_moves(cases=cases, verb=Verb.PUBLISH, said={}, by=school.officer(FIRST_DAY))
    return notice
