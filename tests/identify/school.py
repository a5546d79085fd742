"""A school in the middle of a round, for tests of panels and recognition: a class with cases, and who works on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor, Reach
from bangfu.coverage.models import Alias
from bangfu.identify.actions.panels import Seat, cast, print_panel_passes, set_up_panel
from bangfu.identify.forms import procedure
from bangfu.identify.models import Case, Panel, PanelMember, Pass, Proposal, Round
from bangfu.identify.passes import Held, actor_name
from bangfu.registry.models import Detail, Enrolment, Organisation
from tests.conftest import committing
from tests.coverage.lists import FIRST, Desk, Human

AT = datetime(2025, 7, 1, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
UNTIL = date(2025, 7, 4)
AFTER = AT + timedelta(days=4)

# The pupils of a class, none of them kin by what the roll says: a parent's name and phone of each one's own.
PUPILS = tuple(
    Human(name, 101 + at, date(2014 + at % 3, 1 + at, 3 + at), guardian=f"{name[0]}家长{'甲乙丙丁戊己庚辛'[at]}")
    for at, name in enumerate(("程安邦", "田美琳", "武俊豪", "费慧敏", "罗国栋", "骆一鸣", "牛大力", "卞小楼"))
)


@dataclass
class School:
    """A school with one class and a round; pupils by name."""

    round: Round
    place: Organisation
    people: dict[str, int]

    @property
    def teacher(self) -> Actor:
        """Return the class's teacher."""
        return Actor("teacher", AT, 1, (Reach(Role.CLASS_TEACHER, self.place.path),))

    @property
    def officer(self) -> Actor:
        """Return the school's aid officer."""
        return Actor("officer", AT, 2, (Reach(Role.AID_OFFICER, self.round.path),))

    @property
    def head(self) -> Actor:
        """Return the school's principal."""
        return Actor("head", AT, 3, (Reach(Role.PRINCIPAL, self.round.path),))

    @property
    def bureau(self) -> Actor:
        """Return somebody of the county's office."""
        county = self.round.path[: self.round.path.rstrip("/").rindex("/") + 1]
        return Actor("bureau", AT, 4, (Reach(Role.COUNTY_BUREAU, county),))

    def case(self, human: Human, *kinds: str) -> Case:
        """Propose a pupil by lists of these kinds, and return his case."""
        person = self.people[human.name]
        one = dict(Alias.objects.filter(record=person).values_list("record_id", "human_id")).get(person, person)
        case = Case.objects.create(round=self.round, person_id=person, human=one, school_class=self.place,
                                   path=self.place.path, stage="proposed")  # fmt: skip
        for kind in kinds or ("registered_poor",):
            Proposal.objects.create(case=case, kind=kind, list_date=date(2025, 3, 3))
        return case

    def seats(self, students: tuple[Human, ...] = PUPILS[6:], parent: str = "林外人") -> list[Seat]:
        """Return the seats of a panel of these students, a teacher and a parent."""
        own = [Seat("student", person=self.people[human.name]) for human in students]
        return [*own, Seat("teacher", "何老师"), Seat("parent", parent)]

    def panel(self, students: tuple[Human, ...] = PUPILS[6:], parent: str = "林外人") -> Panel:
        """Set up the class's panel."""
        with committing():
            return set_up_panel(round_id=self.round.pk, class_id=self.place.pk, seats=self.seats(students, parent),
                                until=UNTIL, by=self.teacher)  # fmt: skip


@dataclass(frozen=True)
class Voter:
    """A member of a panel with his code."""

    member: PanelMember
    code: str

    @property
    def pass_(self) -> Pass:
        """Return his pass."""
        return Pass.objects.get(member=self.member)

    @property
    def held(self) -> Held:
        """Return his pass as a page has it."""
        return Held(self.pass_.pk, self.pass_.round_id, None, self.member.pk)

    def vote(self, scores: dict[int, str], at: datetime = AT) -> None:
        """Say of each of these cases which tier he sees it in."""
        number = self.pass_.pk
        with committing():
            cast(pass_id=number, scores=scores, by=Actor(actor_name(number), at))


def voters(school: School, panel: Panel) -> list[Voter]:
    """Print the passes of a panel and return its members, students first."""
    with committing():
        return [Voter(*row) for row in print_panel_passes(panel_id=panel.pk, by=school.teacher)]


def later(by: Actor, at: datetime = AFTER) -> Actor:
    """Return the same person later."""
    return replace(by, at=at)


def a_school(desk: Desk) -> School:
    """Take a class's roll and open a round at its school."""
    desk.roll(*(human.enrolled(FIRST) for human in PUPILS), name="roll")
    school = Organisation.objects.get(kind="school", name=FIRST)
    place = Organisation.objects.get(kind="class", parent=school)
    round_ = Round.objects.create(school=school, path=school.path, term="2025-spring", procedure=procedure(),
                                  opened_on=date(2025, 6, 20), apply_until=date(2025, 7, 20))  # fmt: skip
    on_roll = Enrolment.objects.filter(school_class=place).values("person")
    people = dict(Detail.objects.filter(person__in=on_roll).values_list("name", "person_id"))
    return School(round_, place, people)
