"""Linking records, deciding about links, reckoning coverage, and answering differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import duckdb
from django.db import connection, transaction
from django.db.models import F, Q

from bangfu.accounts.queries import settlers
from bangfu.audit import keys
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.collector import collector_off
from bangfu.core.errors import BangfuError, NotAllowed, Outrun, Overtaken
from bangfu.core.ids import is_id
from bangfu.core.messages import say
from bangfu.core.seal import Keyring
from bangfu.coverage import queries
from bangfu.coverage.finding import current_names, spoken_of
from bangfu.coverage.gather import gather, load_aliases, load_rows, slices
from bangfu.coverage.linking import Decision, LinkPlan, asked, digest, digest_of, parts, plan_links
from bangfu.coverage.models import (
    Alias,
    Difference,
    Link,
    Named,
    PlaceTotal,
    Progress,
    PupilState,
    Question,
    Run,
    Verdict,
)
from bangfu.coverage.reckon import CODES, Owner, Reckoning, reckon
from bangfu.coverage.totals import TotalRow, code_totals, places_of, state_totals
from bangfu.registry.queries import clock, next_file
from bangfu.tasks.actions import Duty, settle_all

TRIES = 5
EVIDENCE_TABLE, EVIDENCE_COLUMN = Difference._meta.db_table, "evidence"


# -- links


@dataclass(frozen=True)
class Gathered:
    """The register in memory, with all files up to `last_file` in it."""

    tables: duckdb.DuckDBPyConnection
    last_file: int


@whole()
@collector_off()
def link_records(*, by: Actor, register: Gathered | None = None) -> dict[str, int]:
    """Link all that files brought since the last time; returns how many links were made and ended.

    Sure matches are applied, doubtful ones are left as questions. What a person has decided stays. `register`: where
    it is gathered already.
    """
    plan = _apply("coverage.link_records", "links", register, by=by)
    return {"made": len(plan.made) if plan else 0, "ended": len(plan.ended) if plan else 0}


@whole()
@transaction.atomic
def decide_link(*, left: int, right: int, same: bool, by: Actor, reason: str, seen: str | None = None) -> None:
    """Decide that two records are one person, or are not; it stands whatever later files say.

    `seen`: the mark (`queries.link_stands_at`) under which the actor saw the two: BangfuError where somebody else has
    decided since.

    NotAllowed where one of the records lies outside the actor's scope; BangfuError for records that do not exist,
    a missing reason, or a decision that another one contradicts.
    """
    _check_seen(left, right, seen)
    decision = Decision(left, right, Verdict.SAME if same else Verdict.DIFFERENT)
    _decide(decision, "coverage.decide_link", by, reason)


@whole()
@transaction.atomic
def take_back_link(*, left: int, right: int, by: Actor, reason: str, seen: str | None = None) -> None:
    """Take back what a person decided about two records: the program judges them again; `seen` as in `decide_link`."""
    _check_seen(left, right, seen)
    pair = Decision(left, right, None).pair
    queries.check_records(pair, by)
    if not Link.objects.filter(left=pair[0], right=pair[1], how="person", ended_in=None).exists():
        raise BangfuError("link_not_decided", left=left, right=right)
    _decide(Decision(left, right, None), "coverage.take_back_link", by, reason)


def _check_seen(left: int, right: int, seen: str | None) -> None:
    """Refuse where somebody else has decided about two records since the actor saw them."""
    if seen is not None and seen != queries.link_stands_at(left, right):
        raise Overtaken("link_decided_meanwhile")


def _decide(decision: Decision, action: str, by: Actor, reason: str) -> None:
    if not reason.strip():
        raise BangfuError("reason_missing")
    if decision.left == decision.right:
        raise BangfuError("link_itself", record=decision.left)
    queries.check_records(decision.pair, by)
    _apply(action, f"records:{decision.pair[0]}+{decision.pair[1]}", None, decision=decision, by=by, reason=reason)


def _apply(
    action: str,
    subject: str,
    register: Gathered | None,
    *,
    by: Actor,
    decision: Decision | None = None,
    reason: str = "",
) -> LinkPlan | None:
    for _ in range(TRIES):
        progress = queries.progress()
        # Before the register is read: a file that comes in between is linked the next time.
        last_file = register.last_file if register else next_file() - 1
        found = register.tables if register else None
        plan = plan_links(queries.linkable_layouts(), found, progress, last_file, decision)
        if plan is None:
            return None
        try:
            _write_links(plan, action, subject, by, reason)
        except Outrun:
            continue
        return plan
    raise BangfuError("links_busy")


@transaction.atomic
def _write_links(plan: LinkPlan, action: str, subject: str, by: Actor, reason: str) -> None:
    Progress.objects.get_or_create(pk=1)
    moved = Progress.objects.filter(version=plan.version)
    if not moved.update(version=plan.version + 1, linked_until=plan.linked_until):
        raise Outrun
    first = queries.next_link()
    made = [
        (first + at, verdict, edge, digest(first + at, verdict, edge)) for at, (verdict, edge) in enumerate(plan.made)
    ]
    details: dict[str, object] = {
        "made": len(made),
        "made_digest": digest_of(digest for *_, digest in made),
        "ended": len(plan.ended),
        "ended_digest": digest_of(queries.link_digests(plan.ended)),
    }
    entry = record(action=action, by=by, subject=subject, details=details, reason=reason)
    for part in slices(plan.ended):
        Link.objects.filter(pk__in=part).update(ended_in=entry)
    rows = [
        (id_, edge.left, edge.right, verdict, edge.how, parts(edge.probability), _json(edge.agrees), digest_, entry.pk)
        for id_, verdict, edge, digest_ in made
    ]
    _insert(Link._meta.db_table, LINK, rows)
    _write_aliases(plan)
    people = spoken_of(plan.linked_from, plan.linked_until) if plan.linked_from != plan.linked_until else set()
    _write_names(people)
    _write_questions(people, plan.ended, [id_ for id_, *_ in made])


QUESTION = ("link_id", "verdict", "path")
NAMED = ("record_id", "organisation_id", "name", "initials")
LINK = ("id", "left_id", "right_id", "verdict", "how", "probability", "agrees", "digest", "made_in_id")


def _json(value: dict[str, str]) -> Any:
    """Return a value as the database at hand stores it in a JSON column."""
    return connection.ops.adapt_json_value(value, None)


def _write_aliases(plan: LinkPlan) -> None:
    if plan.scope is None:
        Alias.objects.all().delete()
    for part in slices(sorted(plan.scope or ())):
        Alias.objects.filter(record__in=part).delete()
    rows = sorted(
        (record_, human) for record_, human in plan.human.items() if plan.scope is None or record_ in plan.scope
    )
    _insert(Alias._meta.db_table, ("record_id", "human_id"), rows)


def _write_names(people: Iterable[int] | None) -> None:
    if people is None:
        Named.objects.all().delete()
        _insert(Named._meta.db_table, NAMED, current_names(None))
        return
    for part in slices(sorted(people)):
        Named.objects.filter(record__in=part).delete()
        _insert(Named._meta.db_table, NAMED, current_names(part))


def _write_questions(people: set[int] | None, ended: Sequence[int], made: Sequence[int]) -> None:
    """Write anew which links are listed and where: of people told of (None: all), and those ended and made."""
    if people is None:
        Question.objects.all().delete()
        _insert(Question._meta.db_table, QUESTION, asked(Link.objects.all()))
        return
    moved: set[int] = {*made, *ended}
    for part in slices(sorted(people)):
        moved |= set(Question.objects.filter(link__left__in=part).values_list("link", flat=True))
        moved |= set(Question.objects.filter(link__right__in=part).values_list("link", flat=True))
    for part in slices(sorted(moved)):
        Question.objects.filter(link__in=part).delete()
        _insert(Question._meta.db_table, QUESTION, asked(Link.objects.filter(pk__in=part)))


def _insert(table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many plain rows (a model's own way makes an object and much text of each)."""
    if rows:
        marks = ", ".join(["%s"] * len(columns))
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


# -- coverage


@dataclass(frozen=True)
class Covered:
    """What a reckoning found: its tables (`coverage/judge.py`), its totals, the links made, and the run's row."""

    found: duckdb.DuckDBPyConnection
    totals: dict[str, Any]
    links: dict[str, int]
    run: Run


@whole()
@collector_off()
def cover(*, day: date | None = None, by: Actor) -> Covered:
    """Link what is new, find where lists differ on `day` (None: that of the newest list), and give each pupil a state.

    Writes the states, the differences with a task for each, and the totals, whole or not at all. What was answered
    stays answered until other facts differ. NotAllowed for who may not see the whole register; BangfuError where it
    is empty.
    """
    if "/" not in by.paths():
        raise NotAllowed("coverage_whole_only")
    layouts = queries.linkable_layouts()
    for _ in range(TRIES):
        version, last_file = clock(), next_file() - 1
        reckoned_for = day or queries.newest_day(layouts)
        if reckoned_for is None:
            raise BangfuError("register_empty")
        found = gather(layouts)
        load_rows(found)
        links = link_records(by=by, register=Gathered(found, last_file))
        said = queries.progress().version
        load_aliases(found)
        known, past = queries.open_differences(), queries.past_differences()
        reckoning = reckon(found, layouts, reckoned_for, known, queries.open_doubts(), past)
        try:
            run = _write_coverage(reckoning, version, said, by)
        except Outrun:
            continue
        return Covered(found, reckoning.totals, links, run)
    raise BangfuError("links_busy")


@transaction.atomic
def _write_coverage(reckoning: Reckoning, version: int, said: int, by: Actor) -> Run:
    """Write a reckoning; Outrun where a list, a decision or an answer has come since it was read."""
    progress = Progress.objects.select_for_update().get()
    if clock() != version or progress.version != said:
        raise Outrun
    day = reckoning.day
    opened = _write_differences(reckoning, by)
    PupilState.objects.all().delete()
    classes = queries.paths(class_ for _, class_, *_ in reckoning.pupils)
    pupils = [(*pupil, classes[pupil[1]]) for pupil in reckoning.pupils]
    _insert(PupilState._meta.db_table, ("human_id", "school_class_id", "state", "bases", "path"), pupils)
    PlaceTotal.objects.all().delete()
    _write_totals([*state_totals((path, state) for *_, state, _, path in pupils), *code_totals()])
    details: dict[str, object] = {"day": day.isoformat(), "opened": opened, "closed": len(reckoning.closed)}
    details["pupils"] = queries.pupils_digest(reckoning.pupils)
    entry = record(action="coverage.cover", by=by, subject="coverage", details={**details, "totals": reckoning.totals})
    return Run.objects.create(
        day=day, register_version=version, links_version=progress.version, totals=reckoning.totals, entry=entry
    )


def _write_totals(rows: Sequence[TotalRow]) -> None:
    _insert(PlaceTotal._meta.db_table, ("organisation_id", "name", "count", "first_due"), rows)


def _count_again(gap: Difference) -> None:
    """Count the open differences of a code anew at the places in which one of them lies."""
    places = places_of(gap.path, gap.owner_path)
    stored = Q(organisation__in=[place for place in places if place]) | Q(organisation=None)
    PlaceTotal.objects.filter(stored, name=gap.code).delete()
    _write_totals(code_totals(gap.code, places))


def _write_differences(reckoning: Reckoning, by: Actor) -> int:
    """Write new, moved and closed differences, each with its task; returns how many were opened."""
    first = queries.next_difference()
    paths = queries.paths(id_ for gap, owner in reckoning.opened for id_ in (gap.organisation, owner.organisation))
    rows, duties, now = [], [], _moment(by)
    for id_, (gap, owner) in enumerate(reckoning.opened, first):
        due = by.at.date() + timedelta(days=CODES[gap.code]["days"])
        path, owner_path = paths[gap.organisation], paths[owner.organisation]
        rows.append((id_, gap.code, gap.record, gap.other, gap.row, gap.other_row, gap.organisation,
                     path, owner.organisation, owner_path, owner.post, due.isoformat(), gap.says, now, ""))  # fmt: skip
        duties.append(_duty(id_, gap.code, owner_path, owner, due, 1))
    columns = ("id", "code", "record_id", "other_id", "row_id", "other_row_id", "organisation_id", "path", "owner_id",
               "owner_path", "post", "due", "says", "opened_at", "answer")  # fmt: skip
    _insert(Difference._meta.db_table, columns, rows)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE coverage_difference SET row_id = %s, other_row_id = %s, says = %s WHERE id = %s", reckoning.moved
        )
    for part in slices(reckoning.closed):
        gone = Difference.objects.filter(pk__in=part)
        duties += [_closing(*row) for row in gone.filter(answer="").values_list(*CLOSING)]
        gone.update(closed_at=by.at)
    for part in slices([known.id for known in reckoning.reopened]):
        again = Difference.objects.filter(pk__in=part)
        again.update(closed_at=None)
        duties += [replace(_closing(*row), count=1) for row in again.filter(answer="").values_list(*CLOSING)]
    settle_all(duties, by=by)
    return len(rows)


CLOSING = ("pk", "code", "owner__path", "post", "due")


def _closing(id_: int, code: str, path: str, post: str, due: date) -> Duty:
    return Duty(code, f"difference:{id_}", path, post, due, 0)


def _duty(id_: int, code: str, path: str, owner: Owner, due: date, count: int) -> Duty:
    return Duty(code, f"difference:{id_}", path, owner.post, due, count)


def _moment(by: Actor) -> Any:
    return connection.ops.adapt_datetimefield_value(by.at)


@whole()
@transaction.atomic
def answer_difference(*, id_: int, answer: str, evidence: str, by: Actor, seen: str | None = None) -> None:
    """Answer a difference with evidence; it stays answered until a newer list says otherwise.

    'one_person' and 'two_people' also decide the link. `seen`: the mark (`queries.stands_at`) under which the actor
    saw it. BangfuError for an answer that the difference does not take, without evidence, and where somebody else has
    answered since; NotAllowed outside the actor's scope, and where another post settles it.
    """
    gap = _held(id_, by)
    if not queries.may_settle(gap, by):
        raise NotAllowed("difference_not_your_post", id=id_)
    if seen is not None and seen != queries.stands_at(gap):
        raise _overtaken(gap)
    allowed = CODES[gap.code]["answers"]
    if answer not in allowed:
        raise BangfuError("answer_unknown", answer=answer, known=", ".join(allowed))
    if not evidence.strip():
        raise BangfuError("evidence_missing")
    details: dict[str, object] = {"code": gap.code, "answer": answer}
    Progress.objects.update(version=F("version") + 1)
    entry = record(action="coverage.answer_difference", by=by, subject=f"difference:{id_}", details=details)
    _forget_people(gap, by)
    gap.answer, gap.answered_in = answer, entry
    gap.evidence = keys.current().sealer(EVIDENCE_TABLE, EVIDENCE_COLUMN)(gap.pk, evidence)
    gap.save(update_fields=["answer", "answered_in", "evidence"])
    _count_again(gap)
    settle_all([_closing(gap.pk, gap.code, gap.owner.path, gap.post, gap.due)], by=by)
    if answer in ABOUT_PEOPLE and gap.other_id:
        reason = queries.as_reason(entry)
        decide_link(left=gap.record_id, right=gap.other_id, same=answer == "one_person", by=by, reason=reason)


def _held(id_: int, by: Actor) -> Difference:
    """Return a difference, with its row held until the transaction ends."""
    list(Difference.objects.select_for_update().filter(pk=id_ if is_id(id_) else 0).values_list("pk"))
    return queries.difference_for(id_, by)


def _overtaken(gap: Difference) -> Overtaken:
    """Return what the second of two people is told: who came first, when, and with which answer."""
    entry = gap.answered_in
    if entry is None:
        return Overtaken("answer_gone_meanwhile")
    return Overtaken("difference_answered_by", by=entry.actor, at=entry.at, answer=say(f"answer_{gap.answer}"))


@whole()
@transaction.atomic
def assign_difference(*, id_: int, user_id: int | None, by: Actor) -> None:
    """Ask somebody to settle a difference (None: nobody in particular, whoever holds the post).

    NotAllowed for who neither holds the post nor stands above it; BangfuError for somebody who could not see it.
    """
    gap = _held(id_, by)
    if not queries.may_assign(gap, by):
        raise NotAllowed("difference_not_your_post", id=id_)
    known = {number for number, *_ in settlers((gap.path, gap.owner_path), by.at.date())}
    if user_id is not None and user_id not in known:
        raise BangfuError("assignee_unknown")
    gap.assignee_id = user_id
    gap.save(update_fields=["assignee"])
    details: dict[str, object] = {"user": user_id}
    record(action="coverage.assign_difference", by=by, subject=f"difference:{id_}", details=details)


ABOUT_PEOPLE = ("one_person", "two_people")


def _forget_people(gap: Difference, by: Actor) -> None:
    """Take back the decision about two people that an earlier answer brought with it, if it still stands."""
    if gap.answer in ABOUT_PEOPLE and gap.other_id and queries.decided_by(gap):
        take_back_link(left=gap.record_id, right=gap.other_id, by=by, reason=f"difference:{gap.pk}")


@whole()
@transaction.atomic
def open_secrets(*, human: int, by: Actor, reason: str) -> None:
    """Write down that somebody opens a person's ID, phone, address, health and reasons for hardship, and why.

    It goes into the chain of the person's own organisation, whose head sees it. NotAllowed where no record of the
    person lies in the actor's scope; BangfuError without a reason.
    """
    if not reason.strip():
        raise BangfuError("reason_missing")
    organisation = queries.organisation_of(human, by)
    record(action="coverage.open_secrets", by=by, subject=f"person:{human}", reason=reason, chain=organisation)


@whole()
@transaction.atomic
def export_list(*, what: str, rows: int, filters: dict[str, str], by: Actor) -> None:
    """Write down that somebody takes a list out of the house: which, how long, and by which filters."""
    details: dict[str, object] = {"rows": rows, **filters}
    record(action="coverage.export_list", by=by, subject=what, details=details)


@whole()
@transaction.atomic
def take_back_answer(*, id_: int, by: Actor, reason: str) -> None:
    """Take an answer back: the difference is open again, with its task."""
    gap = _held(id_, by)
    if not queries.may_settle(gap, by):
        raise NotAllowed("difference_not_your_post", id=id_)
    if not gap.answer:
        raise BangfuError("difference_not_answered", id=id_)
    if not reason.strip():
        raise BangfuError("reason_missing")
    Progress.objects.update(version=F("version") + 1)
    record(action="coverage.take_back_answer", by=by, subject=f"difference:{id_}", reason=reason)
    _forget_people(gap, by)
    Difference.objects.filter(pk=id_).update(answer="", evidence=None, answered_in=None)
    _count_again(gap)
    settle_all([Duty(gap.code, f"difference:{id_}", gap.owner.path, gap.post, gap.due)], by=by)


@whole()
@transaction.atomic
def reseal_evidence(old: Keyring, new: Keyring, *, by: Actor) -> int:
    """Seal the evidence of all answers anew; part of a key rotation, inside its transaction."""
    seal = new.sealer(EVIDENCE_TABLE, EVIDENCE_COLUMN)
    answered = list(Difference.objects.select_for_update().exclude(evidence=None).only("pk", "evidence"))
    for gap in answered:
        text = old.open_text(EVIDENCE_TABLE, EVIDENCE_COLUMN, gap.pk, bytes(gap.evidence or b""))
        gap.evidence = seal(gap.pk, text)
    Difference.objects.bulk_update(answered, ["evidence"], batch_size=500)
    record(action="coverage.reseal_evidence", by=by, subject="keys", details={"cells": len(answered)})
    return len(answered)
