"""Reading cases for those who recognise and review them: disagreements first, one case side by side, its file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Case as Choice
from django.db.models import Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, When
from django.utils.timezone import localtime

from bangfu.accounts.queries import under
from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.models import Entry
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.ids import is_id
from bangfu.core.messages import reader_language
from bangfu.coverage.gather import slices
from bangfu.coverage.models import Alias
from bangfu.coverage.queries import where_rows_stand
from bangfu.identify import queries
from bangfu.identify.application import Told, per_head, told
from bangfu.identify.families import answers_in, application_form
from bangfu.identify.models import (
    Application,
    Case,
    Determination,
    Informed,
    Objection,
    Panel,
    Proposal,
    Round,
    Step,
)
from bangfu.identify.panels import OFFICES, within
from bangfu.identify.rules import NO_NEED, Stage, Verb
from bangfu.identify.sealed import opened
from bangfu.registry.models import Enrolment, Guardian, HouseholdMember, Organisation, Person
from bangfu.registry.queries import open_to

# Who says so is not a list of an office.
SPOKEN = ("applied", "named_by_teacher", "emergency", "determined_before")
# What stands against a case, the gravest first; a case's `rank` is the place here, and beyond the last all agree.
DISAGREEMENTS = ("listed_not_in_need", "officer_differs", "no_panel_tier", "only_said")
AGREE = len(DISAGREEMENTS)
OPENED = "identify.open_case"


# -- lists


def listed(
    round_: Round, by: Actor, stage: str = "", place: Organisation | None = None, *, agreeing: bool = False
) -> QuerySet[Case]:
    """Return the cases of a round in the actor's scope, those first in which lists, panel and officer disagree.

    Of one stage, below one place, or all; `agreeing`: those alone in which nothing disagrees.
    """
    found = queries.cases(round_, by, [stage] if stage else ())
    if place:
        found = found.filter(under("path", place.path))
    found = found.annotate(rank=_rank())
    if agreeing:
        found = found.filter(rank=AGREE)
    return found.order_by("rank", "path", "pk")


def _rank() -> Choice:
    """Return the place in DISAGREEMENTS of what stands against a case, as SQL."""
    in_list = Exists(Proposal.objects.filter(case=OuterRef("pk")).exclude(kind__in=SPOKEN))
    not_in_need = Q(panel_tier=NO_NEED) | Q(school_tier=NO_NEED)
    differs = ~Q(school_tier="") & ~Q(panel_tier="") & ~Q(school_tier=F("panel_tier"))
    return Choice(
        When(Q(in_list) & not_in_need, then=0),
        When(differs, then=1),
        When(panel_tier="", then=2),
        When(~Q(in_list), then=3),
        default=AGREE,
        output_field=IntegerField(),
    )


@dataclass(frozen=True)
class Row:
    """A case as it is listed: never why a family is in hardship, but what disagrees about it."""

    case: Case
    name: str
    differs: str
    seen: int


def rows(page: Iterable[Any], by: Actor) -> list[Row]:
    """Return what a page's lines show of its cases, each with the mark of its last step; two queries."""
    found = list(page)
    names, marks = queries.names(found, by), last_steps([case.pk for case in found])
    return [Row(case, names.get(case.person_id, ""), _differs(case.rank), marks.get(case.pk, 0)) for case in found]


def _differs(rank: int) -> str:
    return DISAGREEMENTS[rank] if rank < AGREE else ""


def last_steps(cases: Sequence[int]) -> dict[int, int]:
    """Return case -> its last step: the mark under which somebody has seen it."""
    found: dict[int, int] = {}
    for part in slices(cases):
        found |= dict(Step.objects.filter(case__in=part).order_by().values_list("case").annotate(last=Max("pk")))
    return found


# -- who may


def held_cases(round_id: int, case_ids: Sequence[int], by: Actor, roles: Collection[Role]) -> list[Case]:
    """Return these cases of a round, locked, for an action of somebody who holds one of these roles over each.

    NotAllowed where one of them is not his; BangfuError in a round that is closed.
    """
    round_ = Round.objects.filter(pk=round_id).first() if is_id(round_id) else None
    if round_ is None:
        raise NotAllowed("round_not_yours", number=round_id)
    if round_.closed_on:
        raise BangfuError("round_closed", day=round_.closed_on)
    wanted = sorted({number for number in case_ids if is_id(number)})
    found: list[Case] = []
    for part in slices(wanted):
        found += Case.objects.select_for_update().filter(pk__in=part, round=round_).order_by("pk")
    if not wanted:
        raise BangfuError("no_cases")
    _check_all_his(wanted, found, by, roles)
    for case in found:
        case.round = round_
    return found


def _check_all_his(wanted: Sequence[int], found: Sequence[Case], by: Actor, roles: Collection[Role]) -> None:
    held = {case.pk for case in found if any(holds_post(by, role, case.path) for role in roles)}
    missing = next((number for number in wanted if number not in held), None)
    if missing is not None:
        raise NotAllowed("case_not_yours", number=missing)


def reviewers(round_: Round) -> list[Role]:
    """Return the roles that review, by the round's procedure."""
    return [Role(role) for role in round_.procedure["review"]["roles"]]


def holds_one(by: Actor, path: str, roles: Iterable[Role]) -> bool:
    """Tell whether the actor holds one of these roles over a place."""
    return any(holds_post(by, role, path) for role in roles)


def sees_secrets(case: Case, by: Actor) -> bool:
    """Tell whether a case's reasons are the actor's daily work; the auditor opens them with a reason."""
    return holds_one(by, case.path, OFFICES)


@whole()
def has_opened(case: Case, by: Actor) -> bool:
    """Tell whether the actor has opened this case today; a class teacher does not see his school's trail himself."""
    begin = by.at.replace(hour=0, minute=0, second=0, microsecond=0)
    known = Entry.objects.filter(subject=f"case:{case.pk}", action=OPENED, actor=by.name, at__gte=begin)
    return known.exists()


# -- one case, side by side


@dataclass(frozen=True)
class Proposed:
    """That something proposes a pupil: which list of which day, and the row; words where somebody said so."""

    kind: str
    layout: str
    day: date
    row: str
    words: str


@dataclass(frozen=True)
class Said:
    """A step of a case as its page shows it."""

    number: int
    verb: str
    stage: str
    tier: str
    reasons: tuple[str, ...]
    words: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of a pupil's home: what the family has stated, and what the lists that the reader sees say."""

    sent: datetime | None
    by_teacher: bool
    answers: list[Told]
    per_head: int | None  # fen a year
    guardians: list[str]
    households: list[tuple[str, int]]  # relation to the head, how many live there
    boarding: bool | None
    left_behind: bool | None


def name_of(case: Case, by: Actor) -> str:
    """Return the name of a case's pupil."""
    return queries.names([case], by).get(case.person_id, "")


def proposals(case: Case, by: Actor) -> list[Proposed]:
    """Return what proposes a case; nothing where its reasons are not the actor's to see."""
    if not by.sees(case.path):
        return []
    found = list(case.proposals.order_by("list_date", "pk"))
    stands = where_rows_stand(each.row_id for each in found)
    return [
        Proposed(each.kind, each.layout, each.list_date, stands.get(each.row_id or 0, ""), opened(each, "words"))
        for each in found
    ]


def steps(case: Case, by: Actor, *, words: bool) -> list[Said]:
    """Return the steps of a case in their order; `words`: with tiers, reasons and what was said."""
    if not by.sees(case.path):
        return []
    return [_said(step, words=words) for step in case.steps.order_by("pk")]


def _said(step: Step, *, words: bool) -> Said:
    reasons, said = (tuple(step.reasons), opened(step, "words")) if words else ((), "")
    return Said(step.pk, step.verb, step.stage, step.tier, reasons, said, step.actor, step.at)


def facts(case: Case, by: Actor) -> Facts:
    """Return what is known of the home of a case's pupil, as far as the reader's scope opens the lists."""
    application = Application.objects.filter(open_to(by, "path"), round=case.round, person=case.person_id).first()
    sent = application if application and application.sent_at and not application.withdrawn_at else None
    form, answers = application_form(), answers_in(sent)
    records = _records(case, by)
    guardians = Guardian.objects.filter(person__in=records, retracted_by=None, valid_until=None)
    roll = Enrolment.objects.filter(person=case.person_id, retracted_by=None).order_by("-valid_from", "-pk").first()
    return Facts(
        sent.sent_at if sent else None,
        sent.by_teacher if sent else False,
        told(form, answers, case.emergency, reader_language()) if sent else [],
        per_head(form, answers) if sent else None,
        sorted({name for name in guardians.values_list("guardian_name", flat=True) if name}),
        _households(records),
        roll.boarding if roll else None,
        roll.left_behind if roll else None,
    )


def _records(case: Case, by: Actor) -> list[int]:
    """Return the records of a case's human that the reader sees."""
    same = Q(pk=case.human) | Q(pk=case.person_id) | Q(pk__in=Alias.objects.filter(human=case.human).values("record"))
    return list(Person.objects.filter(open_to(by), same).values_list("pk", flat=True))


def _households(records: Sequence[int]) -> list[tuple[str, int]]:
    """Return (as what, how many live there) of the households in which these records stand now."""
    own = HouseholdMember.objects.filter(person__in=records, retracted_by=None, valid_until=None)
    living = HouseholdMember.objects.filter(household__in=own.values("household"), retracted_by=None, valid_until=None)
    rows = list(living.order_by("pk").values_list("household_id", "person_id", "relation"))
    sizes = {household: sum(one == household for one, *_ in rows) for household, *_ in rows}
    return [(relation, sizes[household]) for household, person, relation in rows if person in set(records)]


def last_determination(case: Case, by: Actor) -> Determination | None:
    """Return what was determined of the same human before, where the reader's scope opens it."""
    before = Determination.objects.filter(open_to(by, "path"), case__human=case.human).exclude(case=case)
    return before.order_by("-valid_from", "-pk").first()


# -- the file of a student


@dataclass(frozen=True)
class Document:
    """A paper of a student's file: since when it is there and what it says, or by whom it is missing.

    `missing`: the role that owes it ('family' for the family), '' where it is there or not asked for (`note`).
    """

    name: str
    day: date | None = None
    note: str = ""
    missing: str = ""
    count: int | None = None


def documents(case: Case, by: Actor) -> list[Document]:
    """Return the papers of a case in the order of the procedure (clause I.18), those that are missing among them."""
    if not within(by).sees(case.path):
        return []
    kinds = dict(case.proposals.values_list("kind", "list_date"))
    informed = Informed.objects.filter(round=case.round, person=case.person_id).first()
    application = Application.objects.filter(round=case.round, person=case.person_id).first()
    panel = Panel.objects.filter(round=case.round, school_class=case.school_class_id).first()
    made = list(case.steps.order_by("pk"))
    checker = reviewers(case.round)[0].value
    return [
        _told(informed),
        *_applied(application, kinds),
        Document("proposals", max(kinds.values(), default=None), count=len(kinds)),
        _evaluated(case, panel, made),
        _step("recognised", made, Verb.RECOGNISE, Role.AID_OFFICER.value),
        _step("reviewed", made, Verb.REVIEW, checker),
        *_noticed(case),
        _determined(case),
    ]


def _day(moment: datetime) -> date:
    """Return the day of a moment, by our clock."""
    return localtime(moment).date()


def _told(informed: Informed | None) -> Document:
    return Document("told", _day(informed.at)) if informed else Document("told", missing=Role.CLASS_TEACHER.value)


def _applied(application: Application | None, kinds: dict[str, date]) -> list[Document]:
    """Return the application, or who named the pupil instead, and the consent."""
    if application and application.sent_at:
        paper = Document(
            "application", application.sent_at.date(), "typed_by_teacher" if application.by_teacher else ""
        )
        consent = Document("consent", application.sent_at.date()) if application.consents else None
        return [paper, consent or Document("consent", missing="family")]
    for kind in ("emergency", "named_by_teacher"):
        if kind in kinds:
            return [Document("application", kinds[kind], "named"), Document("consent", missing="family")]
    return [Document("application", missing="family"), Document("consent", missing="family")]


def _evaluated(case: Case, panel: Panel | None, made: Sequence[Step]) -> Document:
    evaluated = [step for step in made if step.verb == Verb.EVALUATE]
    if not evaluated:
        return Document("evaluated", missing=Role.CLASS_TEACHER.value, note="voting" if panel else "")
    return Document("evaluated", _day(evaluated[-1].at), case.panel_note)


def _step(name: str, made: Sequence[Step], verb: Verb, owes: str) -> Document:
    """Return the last step of this verb that still stands: one that was sent back since is missing again."""
    standing: Step | None = None
    for step in made:
        if step.verb == verb:
            standing = step
        elif step.verb in (Verb.RETURN, Verb.REOPEN) or (verb == Verb.REVIEW and step.verb == Verb.RECOGNISE):
            standing = None
    return Document(name, _day(standing.at)) if standing else Document(name, missing=owes)


def _noticed(case: Case) -> list[Document]:
    notice = case.notice
    if notice is None or notice.withdrawn_at:
        return [Document("noticed", missing=Role.AID_OFFICER.value)]
    objections = list(Objection.objects.filter(case=case).order_by("pk"))
    waiting = [each for each in objections if each.state in ("open", "appealed")]
    answered = Document("objections", notice.last_day, "" if objections else "none_came", count=len(objections))
    owed = Document("objections", missing=Role.AID_OFFICER.value, count=len(waiting))
    return [Document("noticed", notice.first_day, "" if case.school_tier != NO_NEED else "not_shown"),
            owed if waiting else answered]  # fmt: skip


def _determined(case: Case) -> Document:
    found = Determination.objects.filter(case=case).first()
    if found is None:
        note = "continued" if case.stage == Stage.CONTINUED else ""
        return Document("determined", note=note, missing="" if note else Role.AID_OFFICER.value)
    return Document("determined", found.valid_from, "ended_early" if found.ended_on else "")
