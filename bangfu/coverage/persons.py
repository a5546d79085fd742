"""One human over all lists, as far as the reader may see: dated history with source rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import QuerySet

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.coverage.gather import kind_of
from bangfu.coverage.models import Alias, PupilState
from bangfu.coverage.queries import is_id, linkable_layouts, mask
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

CONTENT = "source__file__content"  # a whole workbook: a page names the file only
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
    members = [id_, *Alias.objects.filter(human=id_).values_list("record_id", flat=True)]
    people = Person.objects.filter(pk__in=members).select_related("organisation", "series").order_by("pk")
    every = list(people)
    seen = [person for person in every if by.sees(person.organisation.path)]
    if not seen:
        raise NotAllowed("person_not_yours", id=id_)
    ids = [person.pk for person in seen]
    details = {d.person_id: d for d in _newest(Detail.objects.filter(person__in=ids))}
    records = [_record(person, details[person.pk], masked) for person in seen if person.pk in details]
    _add_facts(records, ids, masked)
    pupil = PupilState.objects.filter(human=id_).select_related("school_class__parent").first()
    return Human(
        id_,
        records[0].name if records else "",
        pupil.state if pupil else "",
        f"{pupil.school_class.parent.name} {pupil.school_class.name}" if pupil and pupil.school_class.parent else "",
        records,
        len(every) - len(seen),
        masked,
    )


def _newest(rows: QuerySet[Detail]) -> QuerySet[Detail]:
    return rows.filter(retracted_by=None).select_related("source__file").defer(CONTENT).order_by("valid_from", "pk")


def _record(person: Person, detail: Detail, masked: bool) -> Record:
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
        _source(detail, closed), closed,
    )  # fmt: skip


def _registers() -> set[str]:
    """Return the layouts of lists on which one stands for being in hardship."""
    return {layout.id for layout in linkable_layouts() if kind_of(layout) == "register"}


def _source(fact: Any, closed: bool) -> str:
    return f"{CLOSED if closed else fact.source.file.name}:{fact.source.row}"


def _add_facts(records: Sequence[Record], ids: Sequence[int], masked: bool) -> None:
    by_id = {record.id: record for record in records}
    for name, model, fields in FACTS:
        related = [f for f in fields if f in ("school", "school_class")]
        rows = model._default_manager.filter(person__in=ids, retracted_by=None)
        for fact in rows.select_related("source__file", *related).defer(CONTENT).order_by("valid_from", "pk"):
            hidden = masked and name in SECRET_FACTS
            says = {} if hidden else {f: _plain(getattr(fact, f)) for f in fields}
            record = by_id.get(fact.person_id)
            if record is not None:
                source = _source(fact, record.closed)
                record.facts.setdefault(name, []).append(Told(fact.valid_from, fact.valid_until, says, source, hidden))


def _plain(value: Any) -> Any:
    return getattr(value, "name", value)
