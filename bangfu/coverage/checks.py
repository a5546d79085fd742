"""Do links, humans, differences and totals hold? Each check yields sentences; none means that they do."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Count, F

from bangfu.audit.models import Entry
from bangfu.core.messages import say
from bangfu.core.seal import BrokenSeal
from bangfu.coverage.gather import gather, load_aliases, load_rows
from bangfu.coverage.linking import MILLION, asked, digest, digest_of, roots
from bangfu.coverage.models import Alias, Difference, Link, PlaceTotal, PupilState, Question, Run, Verdict
from bangfu.coverage.queries import (
    last_rows,
    last_run,
    linkable_layouts,
    open_differences,
    open_doubts,
    past_differences,
    progress,
    pupils_digest,
)
from bangfu.coverage.reckon import WHOLE, reckon, unequal
from bangfu.coverage.totals import code_totals, state_totals
from bangfu.linkage.people import Edge
from bangfu.registry.queries import clock
from bangfu.tasks.queries import open_subjects

WRITERS = ("coverage.link_records", "coverage.decide_link", "coverage.take_back_link")


def links() -> Iterator[str]:
    """Each link is as it was written, the trail finds what it made and ended, aliases follow the links."""
    made: dict[int, list[bytes]] = defaultdict(list)
    ended: dict[int, list[bytes]] = defaultdict(list)
    same: list[tuple[int, int]] = []
    different: list[tuple[int, int]] = []
    for link in Link.objects.order_by("pk").iterator():
        edge = Edge(link.left_id, link.right_id, link.how, link.probability / MILLION, False, False, dict(link.agrees))
        fresh = digest(link.pk, link.verdict, edge)
        if fresh != bytes(link.digest):
            yield say("link_altered", id=link.pk, rows=_rows(link.left_id, link.right_id))
        made[link.made_in_id].append(fresh)
        if link.ended_in_id:
            ended[link.ended_in_id].append(fresh)
        elif link.verdict != Verdict.DOUBTFUL:
            (same if link.verdict == Verdict.SAME else different).append((link.left_id, link.right_id))
    yield from _entries(made, ended)
    yield from _aliases(same, different)
    yield from _questions()


def _entries(made: dict[int, list[bytes]], ended: dict[int, list[bytes]]) -> Iterator[str]:
    for entry in Entry.objects.filter(action__in=WRITERS).order_by("pk").iterator():
        said = json.loads(entry.details)
        found = (digest_of(made.pop(entry.pk, [])), digest_of(ended.pop(entry.pk, [])))
        if found != (said["made_digest"], said["ended_digest"]):
            yield say("links_differ_from_trail", chain=entry.chain, number=entry.number, made=said["made"])
    for id_ in sorted(made.keys() | ended.keys()):
        yield say("links_of_no_entry", entry=id_)


def _aliases(same: list[tuple[int, int]], different: list[tuple[int, int]]) -> Iterator[str]:
    wanted = dict(roots(same))
    stored = dict(Alias.objects.values_list("record_id", "human_id").iterator())
    for record in sorted(wanted.keys() | stored.keys()):
        if wanted.get(record) != stored.get(record):
            human, by_links = stored.get(record, record), wanted.get(record, record)
            yield say("alias_differs", record=record, rows=_rows(record), human=human, links=by_links)
    for left, right in different:
        if wanted.get(left, left) == wanted.get(right, right):
            yield say("parted_are_joined", left=left, right=right, rows=_rows(left, right))


def _questions() -> Iterator[str]:
    wanted = {row[0]: row for row in asked(Link.objects.all())}
    kept = {row[0]: row for row in Question.objects.values_list("link", "verdict", "path")}
    for id_ in sorted(wanted.keys() | kept.keys()):
        if wanted.get(id_) != kept.get(id_):
            yield say("question_differs", id=id_)


def _rows(*records: int) -> str:
    """Return where these records stand: 'file:row, file:row'."""
    return ", ".join(last_rows(records).values())


def totals() -> Iterator[str]:
    """The last reckoning's totals close, fit what is stored, and (where nothing has come since) come out again."""
    run = last_run()
    written = Entry.objects.filter(action="coverage.cover").order_by("-pk").first()
    if (run and run.entry_id) != (written and written.pk):
        yield say("run_missing", number=written.number if written else 0)
    if run is None:
        return
    for group in unequal(run.totals):
        yield say("totals_do_not_close", group=group, figures=_figures(run.totals[group]))
    counted = dict(PupilState.objects.values_list("state").annotate(n=Count("pk")).order_by())
    said = {state: count for state, count in run.totals["pupils"].items() if state != "pupils" and count}
    if counted != said:
        yield say("states_differ", said=_figures(said), found=_figures(counted))
    pupils = PupilState.objects.values_list("human", "school_class", "state", "bases")
    if json.loads(run.entry.details)["pupils"] != pupils_digest(pupils.iterator()):
        yield say("pupils_differ_from_trail", number=run.entry.number)
    if json.loads(run.entry.details).get("totals") != run.totals:
        yield say("run_differs_from_trail", number=run.entry.number)
    yield from _tasks()
    yield from _places()
    if (run.register_version, run.links_version) == (clock(), progress().version):
        yield from _again(run)


def _again(run: Run) -> Iterator[str]:
    layouts = linkable_layouts()
    try:
        found = gather(layouts)
    except BrokenSeal:  # the cell is named where the register's cells are looked at
        yield say("not_reckoned_again")
        return
    load_rows(found)
    load_aliases(found)
    reckoning = reckon(found, layouts, run.day, open_differences(), open_doubts(), past_differences())
    for group in WHOLE:
        said, again = run.totals[group], reckoning.totals[group]
        if said != again:
            yield say("totals_come_out_differently", group=group, said=_figures(said), found=_figures(again))
    missing, surplus = len(reckoning.opened) + len(reckoning.reopened), len(reckoning.closed)
    if missing or surplus:
        yield say("differences_come_out_differently", missing=missing, surplus=surplus)


def _figures(figures: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in figures.items())


def _tasks() -> Iterator[str]:
    """Every open difference has its task, and no task is left of one that is settled."""
    waiting = Difference.objects.filter(closed_at=None, answer="").values_list("pk", flat=True)
    open_ = {f"difference:{pk}" for pk in waiting}
    asked = open_subjects("difference:")
    for subject in sorted(open_ - asked):
        yield say("difference_without_task", subject=subject)
    for subject in sorted(asked - open_):
        yield say("task_without_difference", subject=subject)


def _places() -> Iterator[str]:
    """What is kept beside pupils and differences for the pages, paths and totals, is what it would come out as."""
    pupils = PupilState.objects.exclude(path=F("school_class__path")).count()
    gaps = Difference.objects.exclude(path=F("organisation__path"), owner_path=F("owner__path")).count()
    if pupils or gaps:
        yield say("paths_stale", pupils=pupils, differences=gaps)
    stored = set(PlaceTotal.objects.values_list("organisation", "name", "count", "first_due"))
    states = state_totals(PupilState.objects.values_list("path", "state").iterator())
    for place, name, count, _ in sorted(stored ^ {*states, *code_totals()}, key=str):
        yield say("place_total_stale", place=place or "/", name=name, count=count)
