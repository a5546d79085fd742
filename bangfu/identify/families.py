"""Reading what families have done: by the holder of a pass for his own family, and by a class for its teacher."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.library import LIBRARY
from bangfu.identify.application import Answers, Form, read_form
from bangfu.identify.forms import form
from bangfu.identify.models import Application, Case, Informed, Pass, Round
from bangfu.identify.passes import Held
from bangfu.identify.rules import NO_NEED, Stage
from bangfu.identify.sealed import opened
from bangfu.registry.models import Detail, Enrolment, Organisation
from bangfu.registry.queries import enrolled, held_on, open_to

APPLICATION = "application"


def application_form() -> Form:
    """Return the application form: the installation's own, or else the shipped one; BangfuError where it is wrong."""
    own = settings.HOME / "forms" / f"{APPLICATION}.toml"
    path = own if own.is_file() else LIBRARY / "forms" / f"{APPLICATION}.toml"
    return _form_of(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _form_of(path: str, changed: int) -> Form:
    """Return a form file as it was when it was last changed."""
    return read_form(form(APPLICATION, settings.HOME), path)


def is_late(round_: Round, day: date) -> bool:
    """Tell whether families apply in an emergency only: the time for applying is over."""
    return day > round_.apply_until


def answers_in(application: Application | None) -> Answers:
    """Return what was answered so far, opened."""
    text = opened(application, "answers") if application else ""
    found: Answers = json.loads(text) if text else {}
    return found


# -- for the holder of a pass


@dataclass(frozen=True)
class Result:
    """What was decided of a pupil: tier, reasons and period, as codes of the procedure."""

    tier: str
    reasons: tuple[str, ...]
    valid_from: date
    valid_until: date
    ended_on: date | None


@dataclass(frozen=True)
class Family:
    """What the holder of a pass sees of his own family's pupil, and nothing else."""

    pupil: str
    school: str
    school_class: str
    term: str
    apply_until: date
    late: bool
    closed: bool
    enrolled: bool
    procedure: dict[str, Any]
    informed: bool
    answers: Answers
    page: str
    begun: bool
    sent_at: datetime | None
    withdrawn_at: datetime | None
    stage: str
    notice_until: date | None
    continued_at: str
    result: Result | None

    @property
    def sent(self) -> bool:
        """Tell whether the application was sent."""
        return self.sent_at is not None

    @property
    def decided(self) -> bool:
        """Tell whether nothing of this pupil is on its way any more."""
        return self.stage in (Stage.DETERMINED, Stage.CONTINUED)

    @property
    def may_apply(self) -> bool:
        """Tell whether the application is this family's to write now: after a decision in an emergency only."""
        open_ = self.informed and self.enrolled and not self.sent and not self.closed
        return open_ and (self.late or not self.decided)


def family_of(held: Held, day: date) -> Family:
    """Return how things stand for the pupil of this pass."""
    with whole():
        pass_ = Pass.objects.select_related("round__school").get(pk=held.number)
        round_ = pass_.round
        about = {"round": round_, "person": pass_.person_id}
        application = Application.objects.filter(**about).first()
        cases = Case.objects.filter(**about).select_related("notice", "continued_in__round__school", "determination")
        return _family(pass_, application, list(cases.order_by("-pk")), day)


def _family(pass_: Pass, application: Application | None, cases: Sequence[Case], day: date) -> Family:
    """Put together what the holder sees; runs in the scope of `family_of`. `cases`: the newest first."""
    case = cases[0] if cases else None
    round_, person = pass_.round, pass_.person_id or 0
    at = place_on(round_, [person], day).get(person)
    continued = case.continued_in.round.school.name if case and case.continued_in else ""
    return Family(
        pupil=names_on([person]).get(person, ""),
        school=round_.school.name,
        school_class=at.name if at else "",
        term=round_.term,
        apply_until=round_.apply_until,
        late=is_late(round_, day),
        closed=round_.closed_on is not None,
        enrolled=at is not None,
        procedure=round_.procedure,
        informed=Informed.objects.filter(round=round_, person=person).exists(),
        answers=answers_in(application) if application and application.sent_at is None else {},
        page=application.page if application else "",
        begun=application is not None,
        sent_at=application.sent_at if application else None,
        withdrawn_at=application.withdrawn_at if application else None,
        stage=case.stage if case else "",
        notice_until=case.notice.last_day if case and case.notice else None,
        continued_at=continued,
        result=_result(cases),
    )


def _result(cases: Sequence[Case]) -> Result | None:
    """Return the newest decision: an emergency may have come after it, whose case is still on its way."""
    found = next((case.determination for case in cases if hasattr(case, "determination")), None)
    if found is None:
        return None
    return Result(found.tier, tuple(found.reasons), found.valid_from, found.valid_until, found.ended_on)


def named_result(family: Family, lang: str) -> tuple[str, list[str]]:
    """Return the tier and the reasons of a family's result in words; the tier of who is not in need is ''."""
    if family.result is None:
        return "", []
    none = family.result.tier == NO_NEED
    reasons = family.procedure.get("no_need_reason" if none else "reason", {})
    tiers = family.procedure.get("tier", {})
    tier = "" if none else str(tiers.get(family.result.tier, {}).get(lang, family.result.tier))
    return tier, [str(reasons.get(code, {}).get(lang, code)) for code in family.result.reasons]


# -- pupils, for reads and actions that have judged who asks


def place_on(round_: Round, people: Collection[int], day: date) -> dict[int, Organisation]:
    """Return person -> class (or school, where the roll names no class) on `day`, for those still at the school."""
    rows = Enrolment.objects.filter(held_on("enrolment", day), person__in=people, school=round_.school_id)
    found = rows.select_related("school_class", "school").order_by("pk")
    return {row.person_id: place for row in found if (place := row.school_class or row.school)}


def names_on(people: Collection[int]) -> dict[int, str]:
    """Return person -> name as it is known now."""
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


# -- for the class teacher


@dataclass
class Row:
    """A family of a class: the pupil, and what was done with and by the family."""

    person: int
    name: str
    informed: Informed | None = None
    pass_: Pass | None = None
    application: Application | None = None

    @property
    def sent(self) -> Application | None:
        """Return the application if it was sent."""
        return self.application if self.application and self.application.sent_at else None


@dataclass
class ClassCount:
    """A class in a round: how many pupils, families informed, applications sent."""

    place: Organisation
    pupils: int = 0
    informed: int = 0
    applied: int = 0


@dataclass(frozen=True)
class ClassFamilies:
    """A class's families in a round."""

    rows: list[Row] = field(default_factory=list)

    def count(self, name: str) -> int:
        """Return how many families have something: informed, pass_, sent."""
        return sum(getattr(row, name) is not None for row in self.rows)


def class_counts(round_: Round, by: Actor) -> list[ClassCount]:
    """Return the classes of a round's school that the actor sees, each with how far its families are."""
    at = enrolled(by, by.at.date()).filter(school=round_.school_id).exclude(school_class=None).order_by()
    pupils = dict(at.values_list("school_class").annotate(n=Count("person", distinct=True)))
    places = Organisation.objects.filter(open_to(by, "path"), pk__in=pupils).order_by("path")
    informed, applied = (
        dict(model.objects.filter(open_to(by, "path"), more, round=round_).values_list("path").annotate(n=Count("pk")))
        for model, more in ((Informed, Q()), (Application, Q(sent_at__isnull=False)))
    )
    return [
        ClassCount(place, pupils[place.pk], informed.get(place.path, 0), applied.get(place.path, 0)) for place in places
    ]


def class_families(round_: Round, place: Organisation, by: Actor) -> ClassFamilies:
    """Return the families of a class on the actor's day, by name; nobody where the class lies outside his scope."""
    at = enrolled(by, by.at.date()).filter(school=round_.school_id, school_class=place)
    people = list(at.order_by("person").values_list("person", flat=True).distinct())
    names = names_on(people)
    rows = {person: Row(person, names.get(person, "")) for person in people}
    about = {"round": round_, "person__in": people}
    for informed in Informed.objects.filter(**about):
        rows[informed.person_id].informed = informed
    for pass_ in Pass.objects.filter(**about, ended_at=None):
        rows[pass_.person_id or 0].pass_ = pass_
    for application in Application.objects.filter(**about).defer("answers"):
        rows[application.person_id].application = application
    return ClassFamilies(list(rows.values()))


def pupil_for(round_: Round, person: int, by: Actor) -> tuple[str, Organisation]:
    """Return the name and class of a pupil at a round's school whom the actor sees; NotAllowed for any other.

    BangfuError names a pupil who has left the school.
    """
    (found,) = pupils_for(round_, [person], by).values()
    return found


def pupils_for(round_: Round, people: Sequence[int], by: Actor) -> dict[int, tuple[str, Organisation]]:
    """Return person -> name and class, for pupils at a round's school whom the actor sees.

    NotAllowed where he does not see one of them, or none is asked for; BangfuError names a pupil who has left.
    """
    said = Detail.objects.filter(open_to(by, "person__organisation__path"), person__in=people, retracted_by=None)
    seen = dict(said.order_by("valid_from", "pk").values_list("person_id", "name"))
    if not people or set(people) - set(seen):
        raise NotAllowed("pupil_not_yours")
    places = place_on(round_, people, by.at.date())
    if left := [seen[person] for person in people if person not in places]:
        raise BangfuError("family_pupil_left", name="、".join(left), school=round_.school.name)
    outside = [person for person in people if not by.sees(places[person].path)]
    if outside:
        raise NotAllowed("pupil_not_yours")
    return {person: (seen[person], places[person]) for person in people}


def may_work(place: Organisation, by: Actor) -> bool:
    """Tell whether the actor deals with the families of a class: its teacher, or the school's aid officer."""
    return holds_post(by, Role.CLASS_TEACHER, place.path, Role.AID_OFFICER)


def may_open(place: Organisation, by: Actor) -> bool:
    """Tell whether the actor may read what a family of this class has written."""
    return holds_post(by, Role.CLASS_TEACHER, place.path, Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)
