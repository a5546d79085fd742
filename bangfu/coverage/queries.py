"""Reading links, differences and states; scope is inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet

from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage.gather import kind_of, slices
from bangfu.coverage.models import Alias, Difference, Link, Progress, PupilState, Run, Verdict
from bangfu.coverage.reckon import CODES, Known
from bangfu.intake.layouts import Layout, all_layouts
from bangfu.linkage.humans import chain
from bangfu.registry.models import Detail, Organisation, Person, SourceFile, SourceRow
from bangfu.registry.queries import open_to


def linkable_layouts() -> list[Layout]:
    """Return the layouts whose people are linked: rolls, registers, accounts."""
    return [layout for layout in all_layouts(settings.HOME / "layouts") if kind_of(layout)]


def progress() -> Progress:
    """Return how far linking has come."""
    return Progress.objects.first() or Progress()


def next_link() -> int:
    """Return the first free id of a link."""
    return (Link.objects.aggregate(last=Max("pk"))["last"] or 0) + 1


def next_difference() -> int:
    """Return the first free id of a difference."""
    return (Difference.objects.aggregate(last=Max("pk"))["last"] or 0) + 1


def link_digests(ids: Sequence[int]) -> list[bytes]:
    """Return the digests of these links in the order of their ids."""
    found: dict[int, bytes] = {}
    for part in slices(ids):
        found |= {pk: bytes(digest) for pk, digest in Link.objects.filter(pk__in=part).values_list("pk", "digest")}
    return [found[id_] for id_ in sorted(found)]


def is_id(number: int) -> bool:
    """Tell whether a number can be a row's id at all: databases refuse to be asked for larger ones."""
    return 0 < number < 1 << 63


def check_records(records: Sequence[int], by: Actor) -> None:
    """BangfuError where one of the records does not exist, NotAllowed where the actor may not see it."""
    possible = [record for record in records if is_id(record)]
    paths = dict(Person.objects.filter(pk__in=possible).values_list("pk", "organisation__path"))
    for record in records:
        if record not in paths:
            raise BangfuError("record_unknown", record=record)
        if not by.sees(paths[record]):
            raise NotAllowed("record_not_yours", record=record)


def organisation_of(human: int, by: Actor) -> int:
    """Return the organisation of a human's first record that the actor may see; NotAllowed where there is none."""
    if not is_id(human):
        raise NotAllowed("person_not_yours", id=human)
    members = Q(pk=human) | Q(pk__in=Alias.objects.filter(human=human).values("record"))
    rows = Person.objects.filter(members).order_by("pk").values_list("organisation_id", "organisation__path")
    seen = [organisation for organisation, path in rows if by.sees(path)]
    if not seen:
        raise NotAllowed("person_not_yours", id=human)
    return seen[0]


def newest_day(layouts: Sequence[Layout]) -> date | None:
    """Return the day of the newest roll or register."""
    listed = [layout.id for layout in layouts if kind_of(layout) in ("roll", "register")]
    files = SourceFile.objects.filter(layout__in=listed).order_by("-list_date")
    return files.values_list("list_date", flat=True).first()


def pupils_digest(rows: Iterable[tuple[int, int, str, str]]) -> str:
    """Return a digest over pupils' states (human, class, state, bases), whatever their order (hexadecimal)."""
    return sha256(json.dumps(sorted(map(list, rows)), ensure_ascii=False).encode()).hexdigest()


def paths(organisations: Iterable[int]) -> dict[int, str]:
    """Return organisation -> its path."""
    wanted = sorted(set(organisations))
    found: dict[int, str] = {}
    for part in slices(wanted):
        found |= dict(Organisation.objects.filter(pk__in=part).values_list("pk", "path"))
    return found


def open_doubts() -> list[tuple[int, int, int, str]]:
    """Return the questions about links that nobody has answered: id, left, right, how they were found."""
    doubtful = Link.objects.filter(verdict=Verdict.DOUBTFUL, ended_in=None).order_by("pk")
    return list(doubtful.values_list("pk", "left_id", "right_id", "how"))


def open_differences() -> list[Known]:
    """Return the differences that stand, answered or not, for a reckoning."""
    columns = ("pk", "code", "record_id", "other_id", "says", "row_id", "other_row_id", "answer")
    return [Known(*row) for row in Difference.objects.filter(closed_at=None).order_by("pk").values_list(*columns)]


def last_run() -> Run | None:
    """Return the last reckoning."""
    return Run.objects.order_by("-pk").first()


# -- what people read


def differences(by: Actor) -> QuerySet[Difference]:
    """Return the open differences in the actor's subtrees (of the record or of the owner), the most urgent first."""
    place = open_to(by, "organisation__path") | open_to(by, "owner__path")
    return Difference.objects.filter(place, closed_at=None, answer="").order_by("due", "pk")


def difference_for(id_: int, by: Actor) -> Difference:
    """Return a difference that stands; NotAllowed where there is none that the actor may see."""
    place = open_to(by, "organisation__path") | open_to(by, "owner__path")
    known = Difference.objects.select_related("owner").filter(place, closed_at=None)
    gap = known.filter(pk=id_).first() if is_id(id_) else None
    if gap is None:
        raise NotAllowed("difference_not_yours", id=id_)
    return gap


def decided_by(gap: Difference) -> bool:
    """Tell whether the decision that stands about a difference's two records came with its answer."""
    if gap.answered_in is None:
        return False
    pair, reason = sorted((gap.record_id, gap.other_id or 0)), as_reason(gap.answered_in)
    links = Link.objects.filter(left=pair[0], right=pair[1], how="person", ended_in=None, made_in__reason=reason)
    return links.exists()


def as_reason(entry: Entry) -> str:
    """Return how a decision that comes with an answer names the answer's entry as its reason."""
    return f"entry:{entry.chain}/{entry.number}"


def evidence_of(gap: Difference) -> str:
    """Return the evidence of an answer, opened."""
    if gap.evidence is None:
        return ""
    return keys.current().open_text(Difference._meta.db_table, "evidence", gap.pk, bytes(gap.evidence))


def listed(by: Actor, code: str = "") -> QuerySet[Difference]:
    """Return the open differences for a page, with what a line shows of each."""
    found = differences(by).select_related("owner")
    return found.filter(code=code) if code else found


def code_totals(by: Actor) -> list[tuple[str, int, date]]:
    """Return (code, how many, first due day) of the open differences, the most urgent code first."""
    rows = differences(by).order_by().values_list("code").annotate(n=Count("pk"), first=Min("due"))
    return sorted(((code, n, first) for code, n, first in rows), key=lambda row: CODES[row[0]]["rank"])


def of_records(records: Sequence[int], by: Actor) -> list[Difference]:
    """Return the differences, open or answered, in which these records stand."""
    place = open_to(by, "organisation__path") | open_to(by, "owner__path")
    found = Difference.objects.filter(place, Q(record__in=records) | Q(other__in=records), closed_at=None)
    return list(found.select_related("owner").order_by("due", "pk"))


def pupils_in(state: str, by: Actor) -> QuerySet[PupilState]:
    """Return the pupils in a state whose classes are open to the actor."""
    found = PupilState.objects.filter(open_to(by, "school_class__path"), state=state)
    return found.select_related("school_class__parent").order_by("school_class__path", "human")


@whole()
def names_of(records: Sequence[int]) -> dict[int, str]:
    """Return record -> name, for humans that a scoped query has given; one may be known by another office's list."""
    said = Detail.objects.filter(person__in=records, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


@whole()
def where_rows_stand(rows: Iterable[int | None]) -> dict[int, str]:
    """Return row -> 'file:row', for rows that a scoped query has named: all that a reader sees of another's list."""
    found: dict[int, str] = {}
    for part in slices(sorted({row for row in rows if row})):
        told = SourceRow.objects.filter(pk__in=part).values_list("pk", "file__name", "row")
        found |= {pk: f"{file}:{row}" for pk, file, row in told}
    return found


@dataclass(frozen=True)
class Side:
    """One of two records beside each other: where it stands, and what a reader may see of it."""

    record: int
    human: int
    open: bool
    source: str
    name: str = ""
    sex: str = ""
    birth: date | None = None
    place: str = ""
    number: str = ""


def side_by_side(records: Sequence[int], by: Actor) -> list[Side]:
    """Return these records for comparing; of one outside the actor's scope only where it stands."""
    said = Detail.objects.filter(person__in=records, retracted_by=None).order_by("valid_from", "pk")
    open_ = said.filter(open_to(by, "person__organisation__path")).select_related("person__organisation", "village")
    details = {detail.person_id: detail for detail in open_}
    humans = dict(Alias.objects.filter(record__in=records).values_list("record_id", "human_id"))
    stands = last_rows(records)
    return [
        _side(details[record], humans.get(record, record), stands[record])
        if record in details
        else Side(record, humans.get(record, record), False, stands[record])
        for record in records
        if record in stands
    ]


def _side(detail: Detail, human: int, source: str) -> Side:
    organisation, number = detail.person.organisation, ""
    if detail.id_number:
        number = keys.current().open_text(Detail._meta.db_table, "id_number", detail.pk, bytes(detail.id_number))
    return Side(
        detail.person_id, human, True, source, detail.name, detail.sex, detail.birth,
        detail.village.name if detail.village else organisation.name, mask(number),
    )  # fmt: skip


def mask(text: str) -> str:
    """Return a secret as it is shown before it is opened: its last two signs."""
    return f"••••{text[-2:]}" if text else ""


@dataclass(frozen=True)
class Row:
    """A difference as it is listed: where it is, and who must settle it by when."""

    id: int
    code: str
    file: str
    row: int
    other_file: str
    other_row: int | None
    owner: str
    post: str
    due: date


def urgent(by: Actor, count: int | None = None, codes: Sequence[str] = ()) -> list[Row]:
    """Return the open differences that the actor may see, the most urgent first: by day, then by rank of the code."""
    found = differences(by).filter(code__in=codes) if codes else differences(by)
    columns = ("pk", "code", "row__file__name", "row__row", "other_row__file__name", "other_row__row", "owner__name")
    told = found.values_list(*columns, "post", "due").iterator()
    rows = [Row(pk, code, file, row, other or "", *rest) for pk, code, file, row, other, *rest in told]
    rows.sort(key=lambda row: (row.due, CODES[row.code]["rank"], row.id))
    return rows[:count]


@dataclass(frozen=True)
class LinkRow:
    """A link as it is listed: its records with their rows, how they agree, who made it and why."""

    id: int
    verdict: str
    how: str
    probability: float
    agrees: dict[str, str]
    records: tuple[int, int]
    rows: tuple[str, str]
    by: str
    reason: str


def links(by: Actor, verdicts: Sequence[str], records: Sequence[int] = ()) -> list[LinkRow]:
    """Return the links with these verdicts that stand and are open to the actor; of these records, if any are given."""
    place = open_to(by, "left__organisation__path") & open_to(by, "right__organisation__path")
    found = Link.objects.filter(place, ended_in=None, verdict__in=verdicts).select_related("made_in").order_by("pk")
    if records:
        records = [record for record in records if is_id(record)]
        found = found.filter(Q(left__in=records) | Q(right__in=records))
    rows = list(found)
    at = last_rows({record for link in rows for record in (link.left_id, link.right_id)})
    return [_link_row(link, at) for link in rows]


def _link_row(link: Link, at: dict[int, str]) -> LinkRow:
    pair = (link.left_id, link.right_id)
    return LinkRow(
        link.pk, link.verdict, link.how, link.probability / 1_000_000, dict(link.agrees), pair,
        (at.get(pair[0], ""), at.get(pair[1], "")), link.made_in.actor, link.made_in.reason,
    )  # fmt: skip


@whole()
def last_rows(records: Iterable[int]) -> dict[int, str]:
    """Return record -> 'file:row' of the row that says last who it is, for records that a scoped query has named."""
    found: dict[int, str] = {}
    for part in slices(sorted(records)):
        said = Detail.objects.filter(person__in=part, retracted_by=None).order_by("valid_from", "pk")
        rows = said.values_list("person_id", "source__file__name", "source__row")
        found |= {person: f"{file}:{row}" for person, file, row in rows}
    return found


@whole()
def chain_between(left: int, right: int, by: Actor) -> list[int]:
    """Return the records through which two records hang together, from one to the other; empty where they do not.

    The two must be open to the actor; those between may lie anywhere.
    """
    check_records((left, right), by)
    same = Link.objects.filter(ended_in=None, verdict=Verdict.SAME)
    known, edge = {left}, {left}
    pairs: set[tuple[int, int]] = set()
    while edge:
        part = sorted(edge)
        found = set(same.filter(Q(left__in=part) | Q(right__in=part)).values_list("left_id", "right_id"))
        pairs |= found
        edge = {record for pair in found for record in pair} - known
        known |= edge
    return chain(sorted(pairs), left, right)


def state_totals(by: Actor) -> dict[str, int]:
    """Return state -> the number of pupils in it, as far as their classes are open to the actor."""
    found = PupilState.objects.filter(open_to(by, "school_class__path")).values_list("state").annotate(n=Count("pk"))
    return dict(found.order_by("state"))


def how_linked() -> dict[str, int]:
    """Return how many links stand, by how they were found; and how many questions are open."""
    found = Link.objects.filter(ended_in=None).values_list("verdict", "how").annotate(n=Count("pk")).order_by()
    totals: dict[str, int] = {}
    for verdict, how, count in found:
        name = how if verdict == Verdict.SAME else verdict
        totals[name] = totals.get(name, 0) + count
    return totals


def as_json(row: Any) -> dict[str, Any]:
    """Return a listed row as JSON's types."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in vars(row).items()}
