"""Reading links, differences and states; scope is inside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from hashlib import sha256
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, prefetch_related_objects

from bangfu.accounts.queries import BySign, outermost, under
from bangfu.accounts.rules import Role, holds_post
from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.ids import is_id
from bangfu.coverage.gather import kind_of, slices
from bangfu.coverage.models import Alias, Difference, Link, PlaceTotal, Progress, PupilState, Question, Run, Verdict
from bangfu.coverage.reckon import CODES, STATES, Known
from bangfu.intake.layouts import Layout, all_layouts
from bangfu.linkage.humans import chain
from bangfu.registry.models import Detail, Organisation, Person, SourceRow
from bangfu.registry.queries import open_to, standing_files


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


def check_records(records: Sequence[int], by: Actor) -> None:
    """BangfuError where one of the records does not exist (any more), NotAllowed where the actor may not see it."""
    possible = [record for record in records if is_id(record)]
    said = Detail.objects.filter(person__in=possible, retracted_by=None)
    paths = dict(said.values_list("person", "person__organisation__path"))
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
    files = standing_files().filter(layout__in=listed).order_by("-list_date")
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
    return [Known(*row) for row in Difference.objects.filter(closed_at=None).order_by("pk").values_list(*KNOWN)]


def past_differences() -> list[Known]:
    """Return the differences that are closed, for a reckoning: where their very facts stand again, so do they."""
    return [Known(*row) for row in Difference.objects.exclude(closed_at=None).order_by("pk").values_list(*KNOWN)]


KNOWN = ("pk", "code", "record_id", "other_id", "says", "row_id", "other_row_id", "answer")


def last_run() -> Run | None:
    """Return the last reckoning."""
    return Run.objects.order_by("-pk").first()


# -- what people read


def differences(by: Actor) -> QuerySet[Difference]:
    """Return the open differences in the actor's subtrees (of the record or of the owner), the most urgent first."""
    return Difference.objects.filter(_sees(by), closed_at=None, answer="").order_by("due", "pk")


def _sees(by: Actor) -> Q:
    """Return the condition that a difference's record or owner lies in the actor's subtrees."""
    if by.everywhere:
        return Q()
    return reduce(or_, (under(field, path) for field in ("path", "owner_path") for path in by.paths()), Q(pk__in=[]))


def difference_for(id_: int, by: Actor) -> Difference:
    """Return a difference that stands; NotAllowed where there is none that the actor may see."""
    known = Difference.objects.select_related("owner", "assignee", "answered_in").filter(_sees(by), closed_at=None)
    gap = known.filter(pk=id_).first() if is_id(id_) else None
    if gap is None:
        raise NotAllowed("difference_not_yours", id=id_)
    return gap


def may_settle(gap: Difference, by: Actor) -> bool:
    """Tell whether the actor may answer: he holds the post, is of the county's office, or has been asked to."""
    asked = gap.assignee_id is not None and gap.assignee_id == by.user_id
    return asked or holds_post(by, gap.post, gap.owner_path, Role.COUNTY_BUREAU)


def may_assign(gap: Difference, by: Actor) -> bool:
    """Tell whether the actor may ask somebody to settle it: who may answer by his post, and the head of the place."""
    return holds_post(by, gap.post, gap.owner_path, Role.COUNTY_BUREAU, Role.PRINCIPAL)


def assigned(by: Actor) -> list[tuple[str, int, date]]:
    """Return (code, how many, first due day) of the open differences that the actor has been asked to settle."""
    own = differences(by).order_by().filter(assignee=by.user_id or 0)
    rows = own.values_list("code").annotate(n=Count("pk"), first=Min("due")).order_by("first", "code")
    return list(rows)


def stands_at(gap: Difference) -> str:
    """Return a mark of what is known of a difference, for a form to bring back: it is another once it is answered."""
    return str(gap.answered_in_id or "")


def link_stands_at(left: int, right: int) -> str:
    """Return a mark of what was decided about two records, for a form to bring back."""
    pair = sorted((left, right))
    found = Link.objects.filter(left=pair[0], right=pair[1], how="person", ended_in=None).order_by("-pk")
    return str(found.values_list("made_in", flat=True).first() or "")


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


def listed(by: Actor, code: str = "", *, mine: bool = False) -> QuerySet[Difference]:
    """Return the open differences for a page, with what a line shows of each; `mine`: which he was asked to settle."""
    found = differences(by).select_related("owner", "assignee")
    if mine:
        found = found.filter(assignee=by.user_id or 0)
    return found.filter(code=code) if code else found


def code_totals(by: Actor) -> list[tuple[str, int, date]]:
    """Return (code, how many, first due day) of the open differences, the most urgent code first."""
    heads = outermost(by.paths())
    rows: Iterable[tuple[Any, ...]]
    if len(heads) == 1:
        rows = _totals(heads[0], CODES).values_list("name", "count", "first_due")
    else:  # what lies in two of them would count twice
        rows = differences(by).order_by().values_list("code").annotate(n=Count("pk"), first=Min("due"))
    return sorted(((code, n, first) for code, n, first in rows), key=lambda row: CODES[row[0]]["rank"])


def _totals(path: str, names: Iterable[str]) -> QuerySet[PlaceTotal]:
    """Return what is counted at a place for the states or codes of these names."""
    place = path.rstrip("/").rpartition("/")[2]
    return PlaceTotal.objects.filter(organisation=int(place) if place else None, name__in=names)


def of_records(records: Sequence[int], by: Actor) -> list[Difference]:
    """Return the differences, open or answered, in which these records stand."""
    found = Difference.objects.filter(_sees(by), Q(record__in=records) | Q(other__in=records), closed_at=None)
    return list(found.select_related("owner").order_by("due", "pk"))


def pupils(by: Actor, state: str = "", place: Organisation | None = None) -> QuerySet[PupilState]:
    """Return the pupils whose classes are open to the actor, by class: of one state, below one place, or all."""
    found = PupilState.objects.filter(open_to(by, "path"))
    if state:
        found = found.filter(state=state)
    if place:
        found = found.filter(under("path", place.path))
    return found.select_related("school_class__parent").order_by(BySign(F("path")), "human")


def count_pupils(by: Actor, state: str = "", place: Organisation | None = None) -> int:
    """Return how many pupils `pupils` returns, from what is counted for every place."""
    states = standing_of([place], by)[0].states if place else state_totals(by)
    return states.get(state, 0) if state else sum(states.values())


@dataclass
class Standing:
    """How a place's pupils stand: state -> how many, and how many differences are open there."""

    place: Organisation
    states: Counter[str] = field(default_factory=Counter)
    gaps: int = 0

    @property
    def pupils(self) -> int:
        """Return how many pupils there are."""
        return self.states.total()

    @property
    def waiting(self) -> int:
        """Return about how many pupils somebody has still to decide."""
        return sum(self.states[state] for state in WAITING)


def standing_of(places: Sequence[Organisation], by: Actor) -> list[Standing]:
    """Return how the pupils of these places stand, as far as the places are open to the actor; one query."""
    heads = {place.pk: _heads(place.path, by) for place in places}
    wanted = {head for found in heads.values() for head in found}
    counts: dict[int, list[tuple[str, int]]] = {}
    rows = PlaceTotal.objects.filter(organisation__in=wanted).values_list("organisation_id", "name", "count")
    for organisation, name, count in rows:
        counts.setdefault(organisation or 0, []).append((name, count))
    return [_standing(place, [row for head in heads[place.pk] for row in counts.get(head, ())]) for place in places]


WAITING = ("to_assess", "in_conflict")


def busiest_schools(by: Actor, most: int) -> list[Organisation]:
    """Return the reader's schools where most pupils wait for somebody to decide, those first; of very many, the first.

    Without looking at what else is counted in the others: a county has a thousand.
    """
    totals = PlaceTotal.objects.filter(open_to(by, "organisation__path"), name__in=WAITING)
    schools = totals.filter(organisation__kind="school", organisation__series=None)
    rows = schools.values_list("organisation").annotate(n=Sum("count")).order_by("-n", "organisation__path")
    order = [number for number, _ in rows[:most]]
    found = Organisation.objects.in_bulk(order)
    return [found[number] for number in order]


def _heads(path: str, by: Actor) -> list[int]:
    """Return the organisations which make up what the actor may see at `path`: itself, or those of his below it."""
    seen = [path] if by.sees(path) else [own for own in outermost(by.paths()) if own.startswith(path)]
    return [int(own.rstrip("/").rpartition("/")[2]) for own in seen]


def _standing(place: Organisation, counts: Iterable[tuple[str, int]]) -> Standing:
    standing = Standing(place)
    for name, count in counts:
        if name in STATES:
            standing.states[name] += count
        else:
            standing.gaps += count
    return standing


@whole()
def names_of(records: Sequence[int]) -> dict[int, str]:
    """Return record -> name, for humans that a scoped query has given; one may be known by another office's list."""
    found: dict[int, str] = {}
    for part in slices(records):
        said = Detail.objects.filter(person__in=part, retracted_by=None).order_by("valid_from", "pk")
        found |= dict(said.values_list("person_id", "name"))
    return found


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
    row: int | None
    other_file: str
    other_row: int | None
    owner: str
    post: str
    due: date


def urgent(by: Actor, count: int | None = None, codes: Sequence[str] = ()) -> list[Row]:
    """Return the open differences that the actor may see, the most urgent first: by day, then by rank of the code."""
    found = differences(by).filter(code__in=codes) if codes else differences(by)
    told = list(found.values_list("pk", "code", "row_id", "other_row_id", "owner__name", "post", "due"))
    stands = where_rows_stand(row for _, _, *pair, _, _, _ in told for row in pair)
    rows = [
        Row(pk, code, *_parted(stands, row), *_parted(stands, other), owner or "", post, due)
        for pk, code, row, other, owner, post, due in told
    ]
    rows.sort(key=lambda row: (row.due, CODES[row.code]["rank"], row.id))
    return rows[:count]


def _parted(stands: dict[int, str], row: int | None) -> tuple[str, int | None]:
    """Return the file and the number of a row."""
    file, _, number = stands[row].rpartition(":") if row else ("", "", "")
    return file, int(number) if number else None


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
    found = standing_links(by, verdicts)
    if records:
        records = [record for record in records if is_id(record)]
        found = found.filter(Q(left__in=records) | Q(right__in=records))
    return link_rows(found)


def standing_links(by: Actor, verdicts: Sequence[str]) -> QuerySet[Link]:
    """Return the links with these verdicts that stand and are open to the actor, in the order in which they came."""
    place = open_to(by, "left__organisation__path") & open_to(by, "right__organisation__path")
    return Link.objects.filter(place, ended_in=None, verdict__in=verdicts).order_by("pk")


def questions(by: Actor, verdicts: Sequence[str]) -> QuerySet[Any, int]:
    """Return the links of a page with these verdicts, by place; a page's links are then asked for in their scope."""
    heads = outermost(by.paths())
    if len(heads) != 1:  # a link may lie in two places of his together, and in neither alone
        return standing_links(by, verdicts).values_list("pk", flat=True)
    found = Question.objects.filter(under("path", heads[0]), verdict__in=verdicts).order_by(BySign(F("path")), "link")
    return found.values_list("link", flat=True)


def listed_links(ids: Sequence[int], by: Actor, verdicts: Sequence[str]) -> list[LinkRow]:
    """Return these links in this order, as far as they stand and are open to the actor."""
    found = {link.pk: link for link in standing_links(by, verdicts).order_by().filter(pk__in=ids)}
    return link_rows(found[id_] for id_ in ids if id_ in found)


def link_rows(links: Iterable[Link]) -> list[LinkRow]:
    """Return links as they are listed, for those that a scoped query has given; a fixed number of queries."""
    rows = list(links)
    prefetch_related_objects(rows, "made_in")
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
    totals: Counter[str] = Counter()
    for path in outermost(by.paths()):
        totals.update(dict(_totals(path, STATES).values_list("name", "count")))
    return dict(totals)


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
