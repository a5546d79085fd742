"""What linking would change: reads the register and the links that stand, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from posixpath import commonpath
from typing import NamedTuple

import duckdb
from django.db.models import QuerySet

from bangfu.audit.chain import canonical
from bangfu.core.errors import BangfuError
from bangfu.coverage.alike import beside
from bangfu.coverage.gather import gather, records, slices
from bangfu.coverage.models import Alias, Link, Progress, Verdict
from bangfu.intake.layouts import Layout
from bangfu.linkage.humans import Humans, humans
from bangfu.linkage.people import Edge, find_edges
from bangfu.registry.models import Detail, SourceFile, SourceRow
from bangfu.registry.plan import ROWS_PER_FILE

PERSON = "person"
MILLION = 1_000_000


class Standing(NamedTuple):
    """A link that stands: its id and the pair as linkage reads it; `verdict` as in `Verdict`."""

    id: int
    verdict: str
    edge: Edge


@dataclass
class LinkPlan:
    """What to write: read at `version` of the links, with all files after `linked_from` up to `linked_until` taken in.

    `made`: (verdict, edge); `ended`: ids of links. `scope`: the records whose aliases are written anew (None: all),
    `human`: the aliases among them. `size`: how many records the register has.
    """

    version: int
    linked_from: int
    linked_until: int
    made: list[tuple[str, Edge]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    scope: set[int] | None = None
    human: dict[int, int] = field(default_factory=dict)


@dataclass
class Decision:
    """What a person says of a pair now: a verdict, or None to take back what was said."""

    left: int
    right: int
    verdict: str | None

    @property
    def pair(self) -> tuple[int, int]:
        """Return the pair, the lower record first."""
        return min(self.left, self.right), max(self.left, self.right)


def fresh_records(layouts: Sequence[Layout], progress: Progress) -> set[int] | None:
    """Return the records that files since the last linking said something new of; None: all.

    Nothing is linked yet then, or a file was taken back: what it said may have stood between other records, too.
    """
    undone = SourceFile.objects.filter(pk__gt=progress.linked_until).exclude(undoes=None)
    if not progress.linked_until or undone.exists():
        return None
    told = SourceRow.objects.filter(pk__gte=(progress.linked_until + 1) * ROWS_PER_FILE, state="applied")
    told = told.filter(file__layout__in=[layout.id for layout in layouts]).exclude(person=None)
    return {record for record in told.values_list("person_id", flat=True).iterator() if record is not None}


def members(ids: Iterable[int]) -> set[int]:
    """Return these records and all that are the same humans."""
    wanted = list(ids)
    human: dict[int, int] = {}
    for part in slices(wanted):
        human |= dict(Alias.objects.filter(record__in=part).values_list("record_id", "human_id"))
    roots = {human.get(record, record) for record in wanted}
    found = set(wanted) | roots
    for part in slices(list(roots)):
        found |= set(Alias.objects.filter(human__in=part).values_list("record_id", flat=True))
    return found


def standing(scope: Iterable[int] | None = None, **where: object) -> list[Standing]:
    """Return the links that stand, those with a record of `scope` in them (None: all)."""
    links = Link.objects.filter(ended_in=None, **where)
    columns = ("id", "verdict", "left_id", "right_id", "how", "probability", "agrees")
    if scope is None:
        return [_standing(*row) for row in links.order_by("pk").values_list(*columns).iterator()]
    found: dict[int, Standing] = {}
    for part in slices(list(scope)):
        for side in ("left__in", "right__in"):
            rows = links.filter(**{side: part}).values_list(*columns)
            found |= {row[0]: _standing(*row) for row in rows}
    return [found[id_] for id_ in sorted(found)]


def _standing(
    id_: int, verdict: str, left: int, right: int, how: str, probability: int, agrees: dict[str, str]
) -> Standing:
    edge = Edge(left, right, how, probability / MILLION, verdict == Verdict.SAME, apart=False, agrees=agrees)
    return Standing(id_, verdict, edge)


def plan_links(
    layouts: Sequence[Layout],
    found: duckdb.DuckDBPyConnection | None,
    progress: Progress,
    last_file: int,
    decision: Decision | None = None,
) -> LinkPlan | None:
    """Return what to write so that all records are linked, or None if nothing is to be done.

    `found`: the whole register where it has been gathered already. With a decision only its records are looked at.
    """
    fresh = fresh_records(layouts, progress) if decision is None else set(decision.pair)
    if fresh is not None and not fresh:
        if progress.linked_until == last_file:
            return None
        return LinkPlan(progress.version, progress.linked_until, last_file, scope=set())
    again = None if fresh is None else members(fresh)
    found = found or gather(layouts, None if again is None else beside(again))
    records(found, again)
    edges = find_edges(found, people_told_of())
    scope, links = _affected(again, edges)
    links, decided = _with_decision(links, decision)
    if again is None:
        decided = _of_records(found, decided)
    kept = [
        s.edge for s in links if s.edge.how != PERSON and again is not None and not {s.edge.left, s.edge.right} & again
    ]
    same = [edge for verdict, edge in decided if verdict == Verdict.SAME]
    apart = [(edge.left, edge.right) for verdict, edge in decided if verdict == Verdict.DIFFERENT]
    result = humans([*edges, *kept, *same], _valid_ids(layouts, found, scope), apart)
    until = progress.linked_until if decision else last_file
    return _difference(LinkPlan(progress.version, progress.linked_until, until, scope=scope), result, links, decided)


def _affected(again: set[int] | None, edges: Sequence[Edge]) -> tuple[set[int] | None, list[Standing]]:
    """Return the records whose humans may change, and the links among them that stand."""
    if again is None:
        return None, standing()
    near = members(again | {record for edge in edges for record in (edge.left, edge.right)})
    scope = members(near | {record for s in standing(near) for record in (s.edge.left, s.edge.right)})
    return scope, standing(scope)


def _with_decision(links: list[Standing], decision: Decision | None) -> tuple[list[Standing], list[tuple[str, Edge]]]:
    """Return the links that stand, and the decisions that will: the new one in place of its pair's."""
    decided = [(s.verdict, s.edge) for s in links if s.edge.how == PERSON]
    if decision is None:
        return links, decided
    decided = [(verdict, edge) for verdict, edge in decided if (edge.left, edge.right) != decision.pair]
    if decision.verdict is not None:
        sure = decision.verdict == Verdict.SAME
        decided.append((decision.verdict, Edge(*decision.pair, PERSON, 1.0, sure, apart=False, agrees={})))
    return links, decided


def _of_records(found: duckdb.DuckDBPyConnection, decided: list[tuple[str, Edge]]) -> list[tuple[str, Edge]]:
    """Return the decisions about two records of which something is said still: the others end with their file."""
    known = {record for (record,) in found.execute("SELECT record FROM records").fetchall()}
    return [(verdict, edge) for verdict, edge in decided if {edge.left, edge.right} <= known]


def people_told_of() -> int:
    """Return how many records the register has of which something is said."""
    return Detail.objects.filter(retracted_by=None).values("person").distinct().count()


def _valid_ids(
    layouts: Sequence[Layout], found: duckdb.DuckDBPyConnection, scope: set[int] | None
) -> dict[int, frozenset[str]]:
    """Return record -> its valid IDs, for the records gathered and for the others of `scope`."""
    sql = "SELECT record, CASE WHEN valid THEN number END, roll FROM records"
    rows = found.execute(sql).fetchall()
    if scope is not None and (missing := scope - {row[0] for row in rows}):
        others = gather(layouts, sorted(missing))
        records(others, ())
        rows += others.execute(sql).fetchall()
    return {record: frozenset(filter(None, ids)) for record, *ids in rows}


def _difference(
    plan: LinkPlan, result: Humans, links: Sequence[Standing], decided: Sequence[tuple[str, Edge]]
) -> LinkPlan:
    """Fill the plan with what is not so yet; BangfuError where a person's word cannot stand beside another's."""
    if against := [edge for edge in result.doubtful if edge.how == PERSON]:
        raise BangfuError("link_contradicts", left=against[0].left, right=against[0].right)
    wanted: dict[tuple[int, int, str], Edge] = {(e.left, e.right, verdict): e for verdict, e in decided}
    settled = {(edge.left, edge.right) for _, edge in decided}
    for verdict, edges in ((Verdict.SAME, result.same), (Verdict.DOUBTFUL, result.doubtful)):
        wanted |= {(e.left, e.right, verdict.value): e for e in edges if (e.left, e.right) not in settled}
    for link in links:
        edge = wanted.get((link.edge.left, link.edge.right, link.verdict))
        if edge is None or edge.how != link.edge.how:
            plan.ended.append(link.id)
        else:
            del wanted[link.edge.left, link.edge.right, link.verdict]
    plan.made = [(verdict, edge) for (_, _, verdict), edge in sorted(wanted.items())]
    plan.human = {record: root for record, root in result.root.items() if record != root}
    return plan


def digest(id_: int, verdict: str, edge: Edge) -> bytes:
    """Return what a link's row must still come to when it is read again (32 bytes)."""
    agrees = dict(sorted(edge.agrees.items()))
    content = {"id": id_, "left": edge.left, "right": edge.right, "verdict": verdict, "how": edge.how}
    return sha256(canonical({**content, "probability": parts(edge.probability), "agrees": agrees}).encode()).digest()


def digest_of(digests: Iterable[bytes]) -> str:
    """Return one digest over those of several links, in the order of their ids (hexadecimal)."""
    return sha256(b"".join(digests)).hexdigest()


def asked(links: QuerySet[Link]) -> list[tuple[int, str, str]]:
    """Return (link, verdict, path of the place in which both its ends lie) of those of these links that are listed."""
    listed = links.filter(ended_in=None, verdict__in=(Verdict.DOUBTFUL, Verdict.DIFFERENT)).order_by("pk")
    ends = ("left__organisation__path", "right__organisation__path")
    rows = listed.values_list("pk", "verdict", *ends)
    return [(id_, verdict, common_path(left, right)) for id_, verdict, left, right in rows.iterator()]


def common_path(left: str, right: str) -> str:
    """Return the path of the lowest place in which both of these lie."""
    return f"{commonpath((left, right))}/".replace("//", "/")


def parts(probability: float) -> int:
    """Return a probability in parts of a million."""
    return round(probability * MILLION)


def roots(links: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield (record, its human) for the records that these links join; the human is the lowest record."""
    edges = [Edge(left, right, PERSON, 1.0, sure=True, apart=False, agrees={}) for left, right in links]
    joined = humans(edges, {}, []).root
    return ((record, human) for record, human in joined.items() if record != human)
