"""Households: a list by place or by a member's name, and one household with its members and their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from bangfu.accounts.queries import under
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.ids import is_id
from bangfu.coverage.finding import humans_of, named_like
from bangfu.coverage.models import Named, PupilState
from bangfu.registry.models import Detail, Household, HouseholdMember, Organisation
from bangfu.registry.queries import open_to

HEAD = "户主"


@dataclass(frozen=True)
class Listed:
    """A household as it is listed: its number, head, place and how many members it has now."""

    id: int
    number: str
    head: str
    place: str
    members: int


@dataclass(frozen=True)
class Member:
    """Somebody of a household: since when (and until when), as what, and a pupil's state."""

    human: int
    name: str
    birth: date | None
    relation: str
    since: date
    until: date | None
    state: str


def households(by: Actor, text: str = "", place: Organisation | None = None) -> QuerySet[Household]:
    """Return the households of the actor's villages: below a place, or with a member or number that begins so."""
    found = Household.objects.filter(open_to(by, "village__path"))
    if place:
        found = found.filter(under("village__path", place.path))
    if (named := named_like(text)) is not None:
        people = Named.objects.filter(named).values("record")
        living = HouseholdMember.objects.filter(person__in=people, retracted_by=None).values("household")
        found = found.filter(pk__in=living) | found.filter(number=text.strip())
    return found.select_related("village__parent").order_by("pk")


def listed(page: Sequence[Household]) -> list[Listed]:
    """Return what a page's lines show of its households; two queries."""
    members = HouseholdMember.objects.filter(household__in=page, retracted_by=None, valid_until=None)
    told = list(members.order_by("pk").values_list("household_id", "person_id", "relation"))
    heads = {household: person for household, person, relation in told if relation == HEAD}
    names = dict(Named.objects.filter(record__in=heads.values()).values_list("record_id", "name"))
    return [
        Listed(
            home.pk, home.number, names.get(heads.get(home.pk, 0), ""), _place(home),
            sum(household == home.pk for household, *_ in told),
        )
        for home in page
    ]  # fmt: skip


def _place(home: Household) -> str:
    village = home.village
    if village is None:
        return ""
    return f"{village.parent.name if village.parent else ''} {village.name}".strip()


def household(id_: int, by: Actor) -> tuple[Household, str, list[Member]]:
    """Return a household, its place and its members, those who left too; NotAllowed outside the actor's villages."""
    known = Household.objects.filter(open_to(by, "village__path")).select_related("village__parent", "series")
    home = known.filter(pk=id_).first() if is_id(id_) else None
    if home is None:
        raise NotAllowed("household_not_yours", id=id_)
    facts = list(HouseholdMember.objects.filter(household=home, retracted_by=None).order_by("valid_from", "pk"))
    records = [fact.person_id for fact in facts]
    said = Detail.objects.filter(person__in=records, retracted_by=None).order_by("valid_from", "pk")
    details = {person: (name, birth) for person, name, birth in said.values_list("person_id", "name", "birth")}
    humans = humans_of(records)
    pupils = PupilState.objects.filter(open_to(by, "school_class__path"), human__in=[*records, *humans.values()])
    states = dict(pupils.values_list("human_id", "state"))
    members = [_member(fact, details, humans.get(fact.person_id, fact.person_id), states) for fact in facts]
    return home, _place(home), members


def _member(
    fact: HouseholdMember, details: dict[int, tuple[str, date | None]], human: int, states: dict[int, str]
) -> Member:
    name, birth = details.get(fact.person_id, ("", None))
    return Member(human, name, birth, fact.relation, fact.valid_from, fact.valid_until, states.get(human, ""))
