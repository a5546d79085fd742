"""One human over all lists, as far as the reader may see: search, dated history with source rows, open differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from bangfu.audit import keys
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.numbers import IdState, judge_id, normal_roll_number
from bangfu.coverage.models import Alias, PupilState
from bangfu.coverage.queries import is_id, mask, where_rows_stand
from bangfu.registry.models import (
    Detail,
    Enrolment,
    Guardian,
    HouseholdMember,
    LabourRecord,
    Person,
    PersonFact,
    Status,
)
from bangfu.registry.queries import open_to

F = TypeVar("F", bound=PersonFact)
FOUND_AT_MOST = 50
LAST_SIGN = "\U0010ffff"
# Facts of a person's page in the order in which they stand there, and which of their fields are a minor's secrets.
FACTS: tuple[tuple[str, type[PersonFact], tuple[str, ...]], ...] = (
    ("enrolment", Enrolment, ("school", "school_class", "boarding", "left_behind")),
    ("guardian", Guardian, ("guardian_name",)),
    ("household", HouseholdMember, ("relation",)),
    ("status", Status, ("kind", "category", "level")),
    ("labour", LabourRecord, ("school_status", "labour", "health")),
)
SECRET_FACTS = ("status", "labour")
SEALED = (("id_number", "id_number"), ("phone", "phone"))


@dataclass(frozen=True)
class Found:
    """A record that a search found: its human, name, and where it stands."""

    human: int
    name: str
    birth: date | None
    list: str
    place: str


def search(text: str, by: Actor) -> list[Found]:
    """Return the people whose name begins with `text`, or whose ID or roll number it is; at most 50, by name."""
    wanted = _wanted(text.strip())
    if wanted is None:
        return []
    place = open_to(by, "person__organisation__path")
    rows = Detail.objects.filter(wanted, place, retracted_by=None).order_by("name", "person_id")
    columns = ("person_id", "name", "birth", "person__series__layout", "person__organisation__name")
    told = list(rows.values_list(*columns)[: 2 * FOUND_AT_MOST])
    humans = humans_of(row[0] for row in told)
    found: dict[int, Found] = {}
    for record, name, birth, layout, where in told:
        human = humans.get(record, record)
        found.setdefault(human, Found(human, name, birth, layout, where))
    return list(found.values())[:FOUND_AT_MOST]


def _wanted(text: str) -> Q | None:
    if not text:
        return None
    ring = keys.current()
    if roll := normal_roll_number(text):
        index = ring.blind("roll", roll)
        by_roll = Q(person__in=Enrolment.objects.filter(roll_number_index=index).values("person"))
        return by_roll | Q(id_number_index=ring.blind("id", roll))
    number, state = judge_id(text)
    if state in (IdState.OK, IdState.CHECKSUM):
        return Q(id_number_index=ring.blind("id", number))
    return Q(name__gte=text, name__lt=text + LAST_SIGN)


def humans_of(records: Iterable[int]) -> dict[int, int]:
    """Return record -> human, for the records that stand for another."""
    return dict(Alias.objects.filter(record__in=list(records)).values_list("record_id", "human_id"))


@dataclass
class Told:
    """A fact as a page shows it: when it held, what it says (field -> value), and the row that said so."""

    valid_from: date
    valid_until: date | None
    says: dict[str, Any]
    source: str
    secret: bool = False


@dataclass
class Record:
    """What one list says of the human: the list, its details with sealed fields masked or open, its dated facts."""

    id: int
    layout: str
    place: str
    name: str
    sex: str
    birth: date | None
    sealed: dict[str, str]
    source: str
    facts: dict[str, list[Told]] = field(default_factory=dict)


@dataclass
class Human:
    """A human as one reader sees him; `elsewhere`: how many records of his lie outside the reader's scope."""

    id: int
    name: str
    state: str
    school_class: str
    records: list[Record]
    elsewhere: int
    masked: bool


def human(id_: int, by: Actor, *, masked: bool = True) -> Human:
    """Return a human; NotAllowed where no record of his lies in the reader's scope. A fixed number of queries."""
    if not is_id(id_):
        raise NotAllowed("person_not_yours", id=id_)
    members, pupil = _everywhere(id_)
    people = Person.objects.filter(pk__in=members).select_related("organisation", "series").order_by("pk")
    seen = [person for person in people if by.sees(person.organisation.path)]
    if not seen:
        raise NotAllowed("person_not_yours", id=id_)
    ids = [person.pk for person in seen]
    details = {d.person_id: d for d in _stands(Detail, ids)}
    facts = [(name, fields, fact) for name, model, fields in FACTS for fact in _stands(model, ids, fields)]
    sources = where_rows_stand(fact.source_id for fact in (*details.values(), *(fact for *_, fact in facts)))
    records = [_record(person, details[person.pk], masked, sources) for person in seen if person.pk in details]
    _add_facts(records, facts, masked, sources)
    return Human(
        id_,
        records[0].name if records else "",
        pupil.state if pupil else "",
        f"{pupil.school_class.parent.name} {pupil.school_class.name}" if pupil and pupil.school_class.parent else "",
        records,
        len(members) - len(seen),
        masked,
    )


@whole()
def _everywhere(human: int) -> tuple[list[int], PupilState | None]:
    """Return a human's records wherever they are, and his state: how many lie elsewhere is shown, and his class."""
    members = [human, *Alias.objects.filter(human=human).values_list("record_id", flat=True)]
    return members, PupilState.objects.filter(human=human).select_related("school_class__parent").first()


def _stands(model: type[F], people: Sequence[int], fields: Sequence[str] = ()) -> QuerySet[F]:
    """Return what is said of these people and not taken back, the oldest first."""
    related = [f for f in fields if f in ("school", "school_class")]
    rows = model._default_manager.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return rows.select_related(*related) if related else rows


def _record(person: Person, detail: Detail, masked: bool, sources: dict[int, str]) -> Record:
    ring, table = keys.current(), Detail._meta.db_table
    sealed = {}
    for name, column in SEALED:
        cell = getattr(detail, column)
        text = ring.open_text(table, column, detail.pk, bytes(cell)) if cell else ""
        sealed[name] = mask(text) if masked else text
    sealed["address"] = mask(detail.address) if masked else detail.address
    return Record(
        person.pk, person.series.layout, person.organisation.name, detail.name, detail.sex, detail.birth, sealed,
        sources[detail.source_id],
    )  # fmt: skip


def _add_facts(
    records: Sequence[Record],
    facts: Iterable[tuple[str, tuple[str, ...], PersonFact]],
    masked: bool,
    sources: dict[int, str],
) -> None:
    by_id = {record.id: record for record in records}
    for name, fields, fact in facts:
        hidden = masked and name in SECRET_FACTS
        says = {} if hidden else {f: _plain(getattr(fact, f)) for f in fields}
        told = Told(fact.valid_from, fact.valid_until, says, sources[fact.source_id], hidden)
        if fact.person_id in by_id:
            by_id[fact.person_id].facts.setdefault(name, []).append(told)


def _plain(value: Any) -> Any:
    return getattr(value, "name", value)
