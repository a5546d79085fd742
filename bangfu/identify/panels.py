"""Reading panels: who sits on one, whom each member may judge, who has voted. What was voted is read by nobody here.

Only a member himself sees what he said, and only until the count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db.models import Count, Q

from bangfu.accounts.rules import Role
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.ids import is_id
from bangfu.core.messages import say, sentences
from bangfu.coverage.models import Alias
from bangfu.coverage.queries import progress
from bangfu.identify.models import Ballot, Case, Panel, PanelMember, Recusal, Round
from bangfu.identify.passes import Held
from bangfu.identify.queries import cases
from bangfu.identify.rules import NO_NEED, Stage, codes
from bangfu.identify.sealed import opened
from bangfu.registry.models import Detail, Enrolment, Guardian, HouseholdMember, Organisation
from bangfu.registry.queries import clock, held_on, open_to

# Who sets a panel up and counts it; who reads cases, and with the auditor (for a stated reason) their secrets.
KEEPERS = (Role.CLASS_TEACHER, Role.AID_OFFICER)
OFFICES = (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU, Role.CLASS_TEACHER)
READERS = (*OFFICES, Role.AUDITOR)
STUDENT, PARENT = "student", "parent"
SELF, KIN = "self", "kin"

Pair = tuple[int, int]  # member, case


def within(by: Actor, roles: Collection[str] = READERS) -> Actor:
    """Return the actor with those of his grants alone that have to do with identification.

    A class teacher who also keeps the school's money reads the cases of his class, not the school's.
    """
    return replace(by, reaches=tuple(reach for reach in by.reaches if reach.role in roles))


def panel_for(number: int, by: Actor) -> Panel:
    """Return a panel in the actor's scope; NotAllowed for any other."""
    known = Panel.objects.filter(open_to(by, "path"), pk=number) if is_id(number) else Panel.objects.none()
    found = known.select_related("round__school", "school_class").first()
    if found is None:
        raise NotAllowed("panel_not_yours", number=number)
    return found


def class_for(round_: Round, number: int, by: Actor) -> Organisation:
    """Return a class of the round's school in the actor's scope; NotAllowed for any other."""
    known = Organisation.objects.filter(open_to(by, "path"), series=None, kind="class")
    found = known.filter(pk=number, path__startswith=round_.path).first() if is_id(number) else None
    if found is None:
        raise NotAllowed("class_not_yours", number=number)
    return found


def class_pupils(place: Organisation, day: date, by: Actor) -> dict[int, str]:
    """Return person -> name of those on a class's roll on a day, if the class is open to the actor."""
    if not by.sees(place.path):
        return {}
    on_roll = Enrolment.objects.filter(held_on("enrolment", day), school_class=place).values("person")
    said = Detail.objects.filter(person__in=on_roll, retracted_by=None).order_by("valid_from", "pk")
    named = dict(said.values_list("person_id", "name"))
    return dict(sorted(named.items(), key=lambda pupil: (pupil[1], pupil[0])))


# -- whom a member may judge


@dataclass
class Ties:
    """What ties a pupil to others: who he is over all lists, his households and who lives there, his guardians."""

    human: int
    households: set[int] = field(default_factory=set)
    guardians: set[str] = field(default_factory=set)
    phones: set[bytes] = field(default_factory=set)
    housemates: set[str] = field(default_factory=set)

    def touch(self, other: Ties) -> bool:
        """Tell whether two pupils are kin as far as the registers say: one household, one guardian, one phone."""
        shared = (self.households & other.households, self.guardians & other.guardians, self.phones & other.phones)
        return any(shared)


def barred(panel: Panel, judged: Sequence[Case], members: Sequence[PanelMember]) -> dict[Pair, str]:
    """Return (member, case) -> why a member does not judge a case: as written down, and as the registers say now.

    For actions and for who holds a pass: it reads all lists, whosever they are.
    """
    ids = [case.pk for case in judged]
    written = Recusal.objects.filter(member__panel=panel, case__in=ids)
    found = {(member, case): why for member, case, why in written.values_list("member_id", "case_id", "why")}
    ties = _ties({case.person_id for case in judged} | {m.person_id for m in members if m.person_id})
    for member in members:
        for case in judged:
            why = _why(member, ties.get(member.person_id or 0), ties[case.person_id])
            if why:
                found.setdefault((member.pk, case.pk), why)
    return found


def _why(member: PanelMember, own: Ties | None, of_case: Ties) -> str:
    """Return why a member does not judge a pupil, or ''. A parent's ties are those of his child."""
    if own and own.human == of_case.human:
        return KIN if member.kind == PARENT else SELF
    named = plain(member.name) in of_case.guardians | of_case.housemates
    return KIN if named or (own and own.touch(of_case)) else ""


def plain(name: str) -> str:
    """Return a name as it is compared."""
    return "".join(name.split())


def _ties(people: Collection[int]) -> dict[int, Ties]:
    """Return person -> his ties, over all records that are the same human."""
    human = {person: person for person in people}
    human |= dict(Alias.objects.filter(record__in=people).values_list("record_id", "human_id"))
    ties = {one: Ties(one) for one in human.values()}
    of_record = {one: ties[one] for one in ties}
    records = Alias.objects.filter(human__in=list(ties)).values_list("record_id", "human_id")
    of_record |= {record: ties[one] for record, one in records}
    _add_guardians(of_record)
    _add_households(of_record)
    return {person: ties[one] for person, one in human.items()}


def _add_guardians(of_record: dict[int, Ties]) -> None:
    rows = Guardian.objects.filter(person__in=list(of_record), retracted_by=None)
    for person, name, phone in rows.values_list("person_id", "guardian_name", "guardian_phone_index"):
        of_record[person].guardians |= {plain(name)} - {""}
        of_record[person].phones |= {bytes(phone)} if phone else set()


def _add_households(of_record: dict[int, Ties]) -> None:
    rows = HouseholdMember.objects.filter(person__in=list(of_record), retracted_by=None)
    for person, household in rows.values_list("person_id", "household_id"):
        of_record[person].households.add(household)
    wanted = {household for ties in of_record.values() for household in ties.households}
    living: dict[int, set[str]] = defaultdict(set)
    named = Detail.objects.filter(person__householdmembers__household__in=wanted, retracted_by=None)
    for household, name in named.values_list("person__householdmembers__household_id", "name"):
        living[household].add(plain(name))
    for ties in of_record.values():
        ties.housemates |= {name for household in ties.households for name in living[household]} - {""}


def judged_by(panel: Panel) -> list[Case]:
    """Return the cases that a panel has to judge: those of its class that wait for an evaluation."""
    found = Case.objects.filter(round=panel.round_id, school_class=panel.school_class_id, stage=Stage.PROPOSED)
    return list(found.only("person").order_by("pk"))  # on a ballot nothing else of a case is looked at


def kind_words(kind: str) -> str:
    """Return what a kind of member is called; an office's own kinds by their codes."""
    return say(f"panel_kind_{kind}") if f"panel_kind_{kind}" in sentences() else kind


def tiers_of(round_: Round) -> list[str]:
    """Return the codes of the tiers, the neediest first."""
    return codes(round_.procedure, "tier")


# -- how far a panel is


@dataclass(frozen=True)
class Seated:
    """A member as the panel's page shows him: how many he may judge, how many he has judged, whom he does not."""

    member: PanelMember
    asked: int
    done: int
    recused: tuple[tuple[int, str], ...]
    has_pass: bool
    voted: bool

    @property
    def kind(self) -> str:
        """Return what his kind of member is called."""
        return kind_words(self.member.kind)

    @property
    def missing(self) -> int:
        """Return how many he has still to judge."""
        return self.asked - self.done


def seated(panel: Panel, by: Actor) -> list[Seated]:
    """Return the members of a panel in the actor's scope, with how far each is; nothing of what anybody said."""
    members = list(panel.members.order_by("pk").select_related("pass_code")) if by.sees(panel.path) else []
    judged = judged_by(panel) if panel.counted_at is None else []
    known = _barred_in_scope(panel, judged, members) if judged else written(panel)
    voted = set(Ballot.objects.filter(member__panel=panel).values_list("member_id", "case_id"))
    return [_seated(member, judged, known, voted) for member in members]


def state_of(judged: Sequence[Case]) -> str:
    """Return of which register, links and cases recusals were found: while it is the same, so are they."""
    return f"{clock()}-{progress().version}-{len(judged)}-{max((case.pk for case in judged), default=0)}"


def written(panel: Panel) -> dict[Pair, str]:
    """Return (member, case) -> why, as written down."""
    rows = Recusal.objects.filter(member__panel=panel).values_list("member_id", "case_id", "why")
    return {(member, case): why for member, case, why in rows}


@whole()
def _barred_in_scope(panel: Panel, judged: Sequence[Case], members: Sequence[PanelMember]) -> dict[Pair, str]:
    """Return whom the members of a panel do not judge: kin is found over lists that its reader does not see."""
    return barred(panel, judged, members)


def _seated(member: PanelMember, judged: Sequence[Case], known: dict[Pair, str], voted: set[Pair]) -> Seated:
    asked = [case.pk for case in judged if (member.pk, case.pk) not in known]
    done = sum((member.pk, case) in voted for case in asked)
    recused = tuple((case, why) for (who, case), why in known.items() if who == member.pk)
    has_pass = getattr(member, "pass_code", None) is not None
    return Seated(member, len(asked), done, recused, has_pass, any(who == member.pk for who, _ in voted))


@dataclass
class ClassStanding:
    """A class in a round: how many cases it has, how many wait for its panel, and the panel."""

    place: Organisation
    cases: int
    waiting: int
    panel: Panel | None = None
    members: int = 0
    voted: int = 0


def standings(round_: Round, by: Actor) -> list[ClassStanding]:
    """Return the classes of a round in the actor's scope that have cases, each with its panel."""
    counted = cases(round_, by).order_by("path").values_list("school_class_id", "path")
    rows = counted.annotate(n=Count("pk"), waiting=Count("pk", filter=Q(stage=Stage.PROPOSED)))
    found = {place: (n, waiting) for place, _, n, waiting in rows}
    panels = Panel.objects.filter(open_to(by, "path"), round=round_)
    panels = panels.annotate(seats=Count("members", distinct=True),
                             voters=Count("members", distinct=True, filter=~Q(members__ballots=None)))  # fmt: skip
    of_class = {panel.school_class_id: panel for panel in panels}
    places = Organisation.objects.filter(pk__in={*found, *of_class}).order_by("path")
    return [_standing(place, found.get(place.pk, (0, 0)), of_class.get(place.pk)) for place in places]


def _standing(place: Organisation, counts: tuple[int, int], panel: Any) -> ClassStanding:
    seats, voters = (panel.seats, panel.voters) if panel else (0, 0)
    return ClassStanding(place, *counts, panel, seats, voters)


# -- a member's ballot


@dataclass(frozen=True)
class Line:
    """A pupil on a ballot, and what its holder has said of him so far."""

    case: int
    name: str
    score: str


@dataclass(frozen=True)
class Paper:
    """What a member of a panel sees: the class, the pupils whom he may judge, the tiers; and nothing else."""

    member: PanelMember
    panel: Panel
    place: str
    lines: list[Line]
    barred: int
    scores: tuple[str, ...]

    @property
    def left(self) -> list[Line]:
        """Return the pupils of whom he has said nothing yet."""
        return [line for line in self.lines if not line.score]

    def open_on(self, day: date) -> bool:
        """Tell whether he may vote on this day."""
        return self.panel.counted_at is None and day <= self.panel.until


def paper(held: Held) -> Paper:
    """Return the ballot of a member who holds a pass. It opens the whole, for he has no account and no scope."""
    with whole():
        member = PanelMember.objects.select_related("panel__round", "panel__school_class__parent").get(
            pk=held.member or 0
        )
        panel = member.panel
        judged = judged_by(panel) if panel.counted_at is None else []
        known = written(panel) if panel.recused_for == state_of(judged) else barred(panel, judged, [member])
        own = [case for case in judged if (member.pk, case.pk) not in known]
        said = _said_by(member)
        names = names_on_ballot(own)
    lines = [Line(case.pk, names.get(case.person_id, ""), said.get(case.pk, "")) for case in own]
    lines.sort(key=lambda line: (line.name, line.case))
    place = panel.school_class
    where = f"{place.parent.name} {place.name}" if place.parent else place.name
    return Paper(member, panel, where, lines, len(judged) - len(own), scores(panel.round))


def _said_by(member: PanelMember) -> dict[int, str]:
    """Return case -> what this member has said: for himself alone, until the count."""
    ballots = Ballot.objects.filter(member=member).exclude(score=None)
    return {ballot.case_id: opened(ballot, "score").strip() for ballot in ballots}


def names_on_ballot(found: Iterable[Case]) -> dict[int, str]:
    """Return person -> name of the pupils on a ballot."""
    people = [case.person_id for case in found]
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


def scores(round_: Round) -> tuple[str, ...]:
    """Return what may be said of a pupil: the tiers, the neediest first, and that he is not in need."""
    return (*tiers_of(round_), NO_NEED)
