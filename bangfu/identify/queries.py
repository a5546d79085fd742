"""Reading rounds and cases; scope is inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Count, Q, QuerySet

from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.ids import is_id
from bangfu.identify.models import Case, Round
from bangfu.identify.rules import Move
from bangfu.registry.models import Detail
from bangfu.registry.queries import open_to


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


def funnel(round_: Round, by: Actor) -> dict[str, int]:
    """Return how many cases of a round, in the actor's scope, are at each stage."""
    rows = cases(round_, by).order_by().values_list("stage").annotate(n=Count("pk"))
    return dict(rows)


def names(found: Iterable[Case], by: Actor) -> dict[int, str]:
    """Return person -> name for cases in the actor's scope, one query."""
    people = [case.person_id for case in found if by.sees(case.path)]
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


def moves(case: Case) -> list[Move]:
    """Return the moves of a case in their order."""
    return [Move(verb, actor) for verb, actor in case.steps.order_by("pk").values_list("verb", "actor")]
