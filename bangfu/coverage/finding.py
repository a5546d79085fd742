"""Finding people by the beginning of a name, by the initials of its pinyin, by ID or by roll number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.core.numbers import IdState, judge_id, normal_roll_number
from bangfu.coverage.models import Alias, Named
from bangfu.linkage.names import initials
from bangfu.registry.models import Detail, Enrolment, Organisation, SourceFile, SourceRow
from bangfu.registry.plan import ROWS_PER_FILE
from bangfu.registry.queries import open_to

FOUND_AT_MOST = 50
LAST_SIGN = "\U0010ffff"
NAMES_AT_ONCE = 10_000
FEW_PLACES = 500  # up to so many, each place's names are looked up in their own order


@dataclass(frozen=True)
class Found:
    """A record that a search found: its human, name, and where it stands."""

    human: int
    name: str
    birth: date | None
    place: str


def search(text: str, by: Actor) -> list[Found]:
    """Return the people whose name or its initials begin with `text`, or whose ID or roll number it is.

    At most 50, by name; a fixed number of queries, each answered by an index.
    """
    wanted = _wanted(text.strip())
    if wanted is None:
        return []
    rows = Named.objects.filter(wanted, _in_scope(by)).order_by("name", "record")
    told = list(rows.values_list("record_id", "name", "organisation__name")[: 2 * FOUND_AT_MOST])
    records = [record for record, *_ in told]
    humans, births = humans_of(records), _births(records)
    found: dict[int, Found] = {}
    for record, name, place in told:
        human = humans.get(record, record)
        found.setdefault(human, Found(human, name, births.get(record), place))
    return list(found.values())[:FOUND_AT_MOST]


def named_like(text: str) -> Q | None:
    """Return the condition that a `Named` row's name begins like `text`: its signs, or its pinyin's initials."""
    text = text.strip()
    if not text:
        return None
    by_name = Q(name__gte=text, name__lt=text + LAST_SIGN)
    letters = text.replace(" ", "").lower()
    return by_name | Q(initials__gte=letters, initials__lt=letters + LAST_SIGN) if letters.isascii() else by_name


def _wanted(text: str) -> Q | None:
    ring = keys.current()
    if roll := normal_roll_number(text):
        by_roll = Enrolment.objects.filter(roll_number_index=ring.blind("roll", roll))
        by_id = Detail.objects.filter(id_number_index=ring.blind("id", roll))
        return Q(record__in={*_people(by_roll), *_people(by_id)})
    number, state = judge_id(text)
    if state in (IdState.OK, IdState.CHECKSUM):
        return Q(record__in=set(_people(Detail.objects.filter(id_number_index=ring.blind("id", number)))))
    return named_like(text)


def _people(facts: QuerySet[Any]) -> Iterator[int]:
    """Yield whom these facts are about: few, and asked first, for within another question they would not be."""
    yield from facts.values_list("person", flat=True)


def _in_scope(by: Actor) -> Q:
    """Return the actor's scope over `Named`: as a short list of places where it is one, else by their paths."""
    if by.everywhere:
        return Q()
    places = Organisation.objects.filter(open_to(by, "path")).values_list("pk", flat=True)[: FEW_PLACES + 1]
    few = list(places)
    return Q(organisation__in=few) if len(few) <= FEW_PLACES else open_to(by)


def _births(records: Sequence[int]) -> dict[int, date | None]:
    said = Detail.objects.filter(person__in=records, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "birth"))


def humans_of(records: Iterable[int]) -> dict[int, int]:
    """Return record -> human, for the records that stand for another."""
    return dict(Alias.objects.filter(record__in=list(records)).values_list("record_id", "human_id"))


def current_names(people: Sequence[int] | None) -> list[tuple[int, int, str, str]]:
    """Return what records (None: all) are called now: record, organisation, name, initials; only those with facts."""
    said = Detail.objects.filter(retracted_by=None).order_by("valid_from", "pk")
    if people is not None:
        said = said.filter(person__in=people)
    rows = said.values_list("person_id", "person__organisation_id", "name").iterator(NAMES_AT_ONCE)
    now = {record: (place, name) for record, place, name in rows}
    short = {name: initials(name) for name in {name for _, name in now.values()}}  # many share a name
    return [(record, place, name, short[name]) for record, (place, name) in sorted(now.items())]


def spoken_of(after: int, until: int) -> set[int] | None:
    """Return the records of which files after `after`, up to `until`, spoke; None: all there are, as after 0."""
    return set(_spoken_of(after, until)) if after else None


def _spoken_of(after: int, until: int) -> Iterator[int]:
    files = SourceFile.objects.filter(pk__gt=after, pk__lte=until).values_list("pk", "undoes")
    for file in {number for row in files for number in row if number}:  # of what was taken back as of what came
        rows = SourceRow.objects.filter(pk__gte=file * ROWS_PER_FILE, pk__lt=(file + 1) * ROWS_PER_FILE)
        yield from rows.exclude(person=None).values_list("person_id", flat=True)
