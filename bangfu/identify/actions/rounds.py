"""Opening and closing a round, and who is proposed in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction

from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage.finding import humans_of
from bangfu.coverage.gather import slices
from bangfu.coverage.judge import BASES
from bangfu.coverage.linking import members
from bangfu.identify import queries
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.forms import procedure
from bangfu.identify.models import Case, Determination, Proposal, Round
from bangfu.identify.rules import BY_PEOPLE, NO_NEED, Stage, Verb
from bangfu.identify.sealed import seal
from bangfu.registry.models import Enrolment, Organisation, Status
from bangfu.registry.queries import held_on

BY_LISTS = tuple(kind for kind in BASES if kind not in BY_PEOPLE)
BEFORE = "determined_before"
KEEPERS = (Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)


@dataclass(frozen=True)
class Found:
    """That something proposes a pupil: of which kind, from which list of which day, in which row of it."""

    kind: str
    layout: str
    list_date: date
    row: int | None = None


@whole()
@transaction.atomic
def open_round(*, school_id: int, term: str, apply_until: date, by: Actor) -> Round:
    """Open a school's round of a term, and propose whom the registers and last year's determinations name.

    BangfuError where the term is not in the calendar, the last day of applying does not lie between today and the
    term's end, or the school has a round of this term; NotAllowed for who does not keep the school.
    """
    school = Organisation.objects.select_for_update().filter(pk=school_id, kind="school", series=None).first()
    if school is None or not holds_post(by, Role.AID_OFFICER, school.path, *KEEPERS):
        raise NotAllowed("school_not_yours", number=school_id)
    day, rules = by.at.date(), procedure(settings.HOME)
    if not day <= apply_until <= queries.term_called(term).last:
        raise BangfuError("apply_until_odd", term=term)
    if Round.objects.filter(school=school, term=term).exists():
        raise BangfuError("round_exists", school=school.name, term=term)
    round_ = Round.objects.create(
        school=school, path=school.path, term=term, procedure=rules, opened_on=day, apply_until=apply_until
    )
    details: dict[str, object] = {"term": term, "apply_until": apply_until.isoformat(), "school": school_id}
    record(action="identify.open_round", by=by, subject=f"round:{round_.pk}", details=details, chain=school_id)
    propose_from_registers(round_id=round_.pk, by=by)
    return round_


@whole()
@transaction.atomic
def propose_from_registers(*, round_id: int, by: Actor) -> int:
    """Propose every pupil of the school whom a register names today, or a determination of the year before.

    Safe to run again after new lists: only what is new is added. Returns how many pupils are proposed.
    """
    round_ = _kept(round_id, by)
    day = by.at.date()
    enrolled = _enrolled(round_.school, day)
    humans = humans_of(enrolled)
    of_human: dict[int, int] = {}
    for person in sorted(enrolled):
        of_human.setdefault(humans.get(person, person), person)
    found = _from_registers(of_human, day)
    for person, earlier in _from_before(of_human, round_):
        found.setdefault(person, []).append(earlier)
    _add(round_, enrolled, {person: human for human, person in of_human.items()}, found, by)
    return len(found)


def _kept(round_id: int, by: Actor) -> Round:
    """Return a round that is open, for who keeps its school."""
    round_ = queries.round_for(round_id, by)
    if not holds_post(by, Role.AID_OFFICER, round_.path, *KEEPERS):
        raise NotAllowed("round_not_yours", number=round_id)
    if round_.closed_on:
        raise BangfuError("round_closed", day=round_.closed_on)
    return round_


def _enrolled(school: Organisation, day: date) -> dict[int, int]:
    """Return person -> class of who stands on the school's roll on a day."""
    rows = Enrolment.objects.filter(held_on("enrolment", day), school=school).exclude(school_class=None)
    return {person: class_ for person, class_ in rows.values_list("person_id", "school_class_id") if class_}


def _from_registers(of_human: dict[int, int], day: date) -> dict[int, list[Found]]:
    """Return person -> what the registers say of him: the newest row of each kind and list."""
    records = members(of_human)
    human = humans_of(records)
    columns = ("person_id", "kind", "source_id", "source__file__layout", "source__file__list_date")
    found: dict[int, list[Found]] = {}
    for part in slices(sorted(records)):
        rows = Status.objects.filter(held_on("status", day), person__in=part, kind__in=BY_LISTS)
        for record_, kind, row, layout, list_date in rows.order_by("pk").values_list(*columns):
            person = of_human.get(human.get(record_, record_))
            if person is not None:
                found.setdefault(person, []).append(Found(kind, layout, list_date, row))
    return found


def _from_before(of_human: dict[int, int], round_: Round) -> Iterable[tuple[int, Found]]:
    """Yield (person, why) for who was determined as in need in an earlier round, at whatever school, within a year."""
    since = round_.opened_on - timedelta(days=round_.procedure["proposals"]["earlier_days"])
    for part in slices(sorted(of_human)):
        earlier = Determination.objects.filter(case__human__in=part, valid_from__gte=since).exclude(tier=NO_NEED)
        for human, day, row in (
            earlier.exclude(case__round=round_).order_by("pk").values_list("case__human", "valid_from", "row")
        ):
            yield of_human[human], Found(BEFORE, "", day, row)


def _add(
    round_: Round, classes: dict[int, int], humans: dict[int, int], found: dict[int, list[Found]], by: Actor
) -> None:
    """Make the cases and proposals that there are not yet; one entry of the trail says how many."""
    paths = dict(Organisation.objects.filter(pk__in=set(classes.values())).values_list("pk", "path"))
    cases = {case.person_id: case for case in round_.cases.filter(emergency=False)}
    fresh = [
        Case(round=round_, person_id=person, human=humans[person], school_class_id=classes[person],
             path=paths[classes[person]], stage=Stage.PROPOSED)
        for person in sorted(found) if person not in cases
    ]  # fmt: skip
    Case.objects.bulk_create(fresh, batch_size=500)
    cases |= {case.person_id: case for case in fresh}
    known = set(Proposal.objects.filter(case__round=round_).values_list("case_id", "kind", "layout"))
    new: dict[tuple[int, str, str], Found] = {
        (cases[person].pk, each.kind, each.layout): each for person, told in found.items() for each in told
    }
    rows = [
        Proposal(case_id=key[0], kind=key[1], layout=key[2], list_date=each.list_date, row_id=each.row)
        for key, each in sorted(new.items()) if key not in known
    ]  # fmt: skip
    if not rows:
        return
    details: dict[str, object] = {"cases": len(fresh), "proposals": len(rows)}
    entry = record(
        action="identify.propose", by=by, subject=f"round:{round_.pk}", details=details, chain=round_.school_id
    )
    for row in rows:
        row.entry = entry
    Proposal.objects.bulk_create(rows, batch_size=500)


@whole()
@transaction.atomic
def propose(*, round_id: int, person: int, kind: str, words: str, by: Actor) -> Case:
    """Propose one pupil of the school, as his teacher or (kind 'emergency') in between; `words` say why, sealed.

    A pupil who has a case already keeps it, with one proposal more; in an emergency a determined case is followed by
    a new one. BangfuError for who is not on the school's roll today, and without words; NotAllowed outside the scope.
    """
    if kind not in BY_PEOPLE:
        raise BangfuError("proposal_kind_unknown", kind=kind)
    if not words.strip():
        raise BangfuError("proposal_words_missing")
    round_ = queries.round_for(round_id, by)
    case = add_proposal(round_=round_, person=person, kind=kind, words=words, by=by)
    if not holds_post(by, Role.CLASS_TEACHER, case.path, *KEEPERS):
        raise NotAllowed("case_not_yours", number=case.pk)
    return case


@whole()
@transaction.atomic
def add_proposal(*, round_: Round, person: int, kind: str, words: str, by: Actor) -> Case:
    """Add what somebody proposes to a pupil's case, once for each kind; whether `by` may, the caller has judged.

    BangfuError where the round is closed or the pupil is not on the school's roll today.
    """
    if round_.closed_on:
        raise BangfuError("round_closed", day=round_.closed_on)
    case = _case_of(round_, person, by.at.date(), emergency=kind == "emergency")
    details: dict[str, object] = {"kind": kind}
    subject = f"case:{case.pk}"
    entry = record(action="identify.propose", by=by, subject=subject, details=details, chain=round_.school_id)
    first = {"list_date": by.at.date(), "entry": entry}
    proposal, new = Proposal.objects.get_or_create(case=case, kind=kind, layout="", defaults=first)
    if new and words:
        proposal.words = seal(proposal, "words", words)
        proposal.save(update_fields=["words"])
    return case


def _case_of(round_: Round, person: int, day: date, *, emergency: bool = False) -> Case:
    """Return the case of a pupil in a round, made where there is none; BangfuError where he is not on the roll.

    In an emergency a case that is decided already is followed by another one.
    """
    known = list(Case.objects.select_for_update().filter(round=round_, person=person).order_by("pk"))
    if known and not (emergency and known[-1].stage == Stage.DETERMINED and not known[-1].emergency):
        return known[-1]
    enrolled = Enrolment.objects.filter(held_on("enrolment", day), school=round_.school_id, person=person)
    class_ = enrolled.exclude(school_class=None).select_related("school_class").first()
    if class_ is None or class_.school_class is None:
        raise BangfuError("pupil_not_here", school=round_.school.name)
    return Case.objects.create(
        round=round_, person_id=person, human=humans_of([person]).get(person, person), stage=Stage.PROPOSED,
        school_class=class_.school_class, path=class_.school_class.path, emergency=emergency,
    )  # fmt: skip


@whole()
@transaction.atomic
def continue_case(*, case_id: int, round_id: int, by: Actor) -> Case:
    """Go on with a pupil who has moved school in the round of his new school; what proposes him goes with him.

    BangfuError where that round is of another term, closed, or he does not stand on that school's roll today.
    """
    case = queries.case_for(case_id, by)
    target = Round.objects.select_related("school").filter(pk=round_id, term=case.round.term, closed_on=None).first()
    if target is None or target.pk == case.round_id:
        raise BangfuError("round_not_to_continue", number=round_id)
    records = members([case.human])
    here = Enrolment.objects.filter(held_on("enrolment", by.at.date()), school=target.school_id, person__in=records)
    person = here.order_by("person_id").values_list("person_id", flat=True).first()
    if person is None:
        raise BangfuError("pupil_not_here", school=target.school.name)
    new = _case_of(target, person, by.at.date())
    known = set(new.proposals.values_list("kind", "layout"))
    for old in case.proposals.order_by("pk"):
        if (old.kind, old.layout) not in known:
            _continue(new, old, by)
    case.continued_in = new
    make_moves(cases=[case], verb=Verb.CONTINUE, said={case.pk: Said(words=target.school.name)}, by=by)
    return new


def _continue(new: Case, old: Proposal, by: Actor) -> None:
    """Repeat a proposal at the case in which a pupil is continued; words stay with the first one."""
    details: dict[str, object] = {"kind": old.kind, "from": old.case_id}
    entry = record(
        action="identify.propose", by=by, subject=f"case:{new.pk}", details=details, chain=new.round.school_id
    )
    Proposal.objects.create(
        case=new, kind=old.kind, layout=old.layout, list_date=old.list_date, row=old.row, entry=entry
    )


@whole()
@transaction.atomic
def close_round(*, round_id: int, by: Actor) -> None:
    """Close a round in which everybody is decided or goes on elsewhere; BangfuError names how many are not."""
    round_ = _kept(round_id, by)
    left = round_.cases.exclude(stage__in=(Stage.DETERMINED, Stage.CONTINUED)).count()
    if left:
        raise BangfuError("round_not_done", count=left)
    round_.closed_on = by.at.date()
    round_.save(update_fields=["closed_on"])
    record(action="identify.close_round", by=by, subject=f"round:{round_.pk}", chain=round_.school_id)
