"""One human over all lists, as far as the reader may see: dated history with source rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from bangfu.audit import keys
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.ids import is_id
from bangfu.coverage.gather import kind_of
from bangfu.coverage.models import Alias, PupilState
from bangfu.coverage.queries import linkable_layouts, mask, where_rows_stand
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

F = TypeVar("F", bound=PersonFact)
# Facts of a person's page in the order in which they stand there, and which of their fields are a minor's secrets.
FACTS: tuple[tuple[str, type[PersonFact], tuple[str, ...]], ...] = (
    ("enrolment", Enrolment, ("school", "school_class", "boarding", "left_behind")),
    ("guardian", Guardian, ("guardian_name",)),
    ("household", HouseholdMember, ("relation",)),
    ("status", Status, ("kind", "category", "level")),
    ("labour", LabourRecord, ("school_status", "labour", "health")),
)
CLOSED = "••••"
SECRET_FACTS = ("status", "labour")
SEALED = (("id_number", "id_number"), ("phone", "phone"))


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
    """What one list says of the human: the list, its details with sealed fields masked or open, its dated facts.

    `closed`: that he stands in this list is itself a reason for hardship or says something of his health, so neither
    the list nor its file is named before the secrets are opened.
    """

    id: int
    layout: str
    place: str
    name: str
    sex: str
    birth: date | None
    sealed: dict[str, str]
    source: str
    closed: bool
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


def _stands(model: type[F], people: Sequence[int], fields: Sequence[str] = ()) -> list[F]:
    """Return what is said of these people and not taken back, the oldest first."""
    related = [f for f in fields if f in ("school", "school_class")]
    rows = model._default_manager.filter(person__in=people, retracted_by=None)
    # A human has few; put in order here, for the database would be told how at some length.
    return sorted(rows.select_related(*related) if related else rows, key=lambda fact: (fact.valid_from, fact.pk))


def _record(person: Person, detail: Detail, masked: bool, sources: dict[int, str]) -> Record:
    ring, table = keys.current(), Detail._meta.db_table
    closed = masked and person.series.layout in _registers()
    sealed = {}
    for name, column in SEALED:
        cell = getattr(detail, column)
        text = ring.open_text(table, column, detail.pk, bytes(cell)) if cell else ""
        sealed[name] = mask(text) if masked else text
    sealed["address"] = mask(detail.address) if masked else detail.address
    return Record(
        person.pk, person.series.layout, person.organisation.name, detail.name, detail.sex, detail.birth, sealed,
        _source(sources[detail.source_id], closed), closed,
    )  # fmt: skip


def _registers() -> set[str]:
    """Return the layouts of lists on which one stands for being in hardship."""
    return {layout.id for layout in linkable_layouts() if kind_of(layout) == "register"}


def _source(stands: str, closed: bool) -> str:
    """Return 'file:row' as the reader may see it."""
    return f"{CLOSED}:{stands.rpartition(':')[2]}" if closed else stands


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
        record = by_id.get(fact.person_id)
        if record is not None:
            source = _source(sources[fact.source_id], record.closed)
            record.facts.setdefault(name, []).append(Told(fact.valid_from, fact.valid_until, says, source, hidden))


def _plain(value: Any) -> Any:
    return getattr(value, "name", value)
