"""Reading rounds and cases; scope is inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.calendars import Term, calendar_for
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.ids import is_id
from bangfu.coverage.linking import members
from bangfu.identify.models import Case, Determination, Round
from bangfu.identify.rules import NO_NEED, Move, Stage, codes
from bangfu.registry.models import Detail, Enrolment, Organisation
from bangfu.registry.queries import held_on, home_county, open_to


def around(by: Actor, field: str = "path") -> Q:
    """Return the condition that a place lies in one of the actor's subtrees, or one of them in it (class, school)."""
    if by.everywhere:
        return Q()
    above = {path[: at + 1] for path in by.paths() for at, sign in enumerate(path) if sign == "/"}
    return open_to(by, field) | Q(**{f"{field}__in": above})


def rounds(by: Actor) -> QuerySet[Round]:
    """Return the rounds of the schools that the actor sees, whole or in part, the newest first."""
    return Round.objects.filter(around(by)).select_related("school").order_by("-opened_on", "path")


def round_for(number: int, by: Actor) -> Round:
    """Return a round; NotAllowed where there is none of this number that the actor may see."""
    found = rounds(by).filter(pk=number).first() if is_id(number) else None
    if found is None:
        raise NotAllowed("round_not_yours", number=number)
    return found


def cases(round_: Round, by: Actor, stages: Collection[str] = ()) -> QuerySet[Case]:
    """Return the cases of a round in the actor's scope, by class; of some stages only where any are named."""
    found = Case.objects.filter(open_to(by, "path"), round=round_).select_related("school_class", "round")
    return (found.filter(stage__in=stages) if stages else found).order_by("path", "pk")


def case_for(number: int, by: Actor) -> Case:
    """Return a case in the actor's scope; NotAllowed for any other."""
    known = Case.objects.filter(open_to(by, "path"), pk=number) if is_id(number) else Case.objects.none()
    found = known.select_related("round__school", "school_class", "notice").first()
    if found is None:
        raise NotAllowed("case_not_yours", number=number)
    return found


def terms() -> dict[str, Term]:
    """Return the terms by name: as the county's own calendar has them, beyond it as the shipped one does."""
    own = calendar_for(home_county() or "", settings.HOME / "calendars")
    return {term.name: term for term in (*calendar_for("").terms, *own.terms)}


def term_called(name: str) -> Term:
    """Return a term; BangfuError for one that no calendar has."""
    found = terms().get(name)
    if found is None:
        raise BangfuError("term_unknown", term=name, region=home_county() or "*")
    return found


def school_year_end(term: str) -> date:
    """Return the first day of the school year after the one that a term belongs to; BangfuError where it is unknown."""
    year, half = term.split("-")
    return term_called(f"{int(year) if half == 'spring' else int(year) + 1}-autumn").first


def funnel(round_: Round, by: Actor) -> dict[str, int]:
    """Return how many cases of a round, in the actor's scope, are at each stage."""
    rows = cases(round_, by).order_by().values_list("stage").annotate(n=Count("pk"))
    return dict(rows)


def counts(found: Iterable[Round], by: Actor) -> dict[int, tuple[int, int]]:
    """Return round -> (cases, decided among them) in the actor's scope, one query."""
    wanted = Case.objects.filter(open_to(by, "path"), round__in=[round_.pk for round_ in found])
    decided = Count("pk", filter=Q(stage__in=(Stage.DETERMINED, Stage.CONTINUED)))
    rows = wanted.order_by().values_list("round").annotate(n=Count("pk"), done=decided)
    return {pk: (n, done) for pk, n, done in rows}


def determined_after(day: date, by: Actor) -> int:
    """Return how many determinations in the actor's scope began after a day."""
    return Determination.objects.filter(open_to(by, "path"), valid_from__gt=day).count()


def tiers_given(round_: Round, by: Actor) -> list[tuple[str, int]]:
    """Return (tier, how many) of the determined cases of a round in the actor's scope, the neediest first."""
    rows = cases(round_, by, (Stage.DETERMINED,)).order_by().values_list("school_tier").annotate(n=Count("pk"))
    order = [*codes(round_.procedure, "tier"), NO_NEED]
    return sorted(rows, key=lambda row: order.index(row[0]))


def what_is_next(round_: Round, by: Actor) -> list[tuple[str, int]]:
    """Return the stages at which cases of a round wait, in their order, with how many, in the actor's scope."""
    waiting = funnel(round_, by)
    return [(stage.value, waiting[stage]) for stage in Stage if waiting.get(stage) and stage not in SETTLED]


SETTLED = (Stage.DETERMINED, Stage.CONTINUED)


def terms_ahead(day: date) -> list[Term]:
    """Return the term of a day, or the next one in the holidays, and the one after it."""
    return [term for term in sorted(terms().values(), key=lambda term: term.first) if term.last >= day][:2]


def on_roll(school_class: int, by: Actor) -> list[tuple[int, str]]:
    """Return (person, name) of who stands on a class's roll today, by name."""
    day = by.at.date()
    if not Organisation.objects.filter(open_to(by, "path"), pk=school_class).exists():
        return []
    enrolments = Enrolment.objects.filter(held_on("enrolment", day), school_class=school_class)
    here = list(enrolments.values_list("person_id", flat=True))
    rows = Detail.objects.filter(held_on("detail", day), person__in=here).order_by("name", "person")
    return list(rows.values_list("person_id", "name"))


def rounds_elsewhere(case: Case, by: Actor) -> list[Round]:
    """Return the open rounds of the same term at other schools of whom the pupil is on the roll today.

    Wherever they are: where a pupil went is what the school that he left must name.
    """
    with whole():
        records = members([case.human])
        now = Enrolment.objects.filter(held_on("enrolment", by.at.date()), person__in=records)
        places = list(now.values_list("school_id", flat=True))
        found = Round.objects.filter(school__in=places, term=case.round.term, closed_on=None).exclude(pk=case.round_id)
        return list(found.select_related("school").order_by("pk"))


def names(found: Iterable[Case], by: Actor) -> dict[int, str]:
    """Return person -> name for cases in the actor's scope, one query."""
    people = [case.person_id for case in found if by.sees(case.path)]
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


def moves(case: Case) -> list[Move]:
    """Return the moves of a case in their order."""
    return [Move(verb, actor) for verb, actor in case.steps.order_by("pk").values_list("verb", "actor")]
