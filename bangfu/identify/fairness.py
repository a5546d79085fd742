"""Who applied, was proposed, determined, refused and objected against, by place and kind of pupil; and which source
found whom that others missed. Two queries over the cases of a term, however many they are; scope is inside.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery

from bangfu.accounts.rules import Role
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.coverage.models import Alias
from bangfu.identify.forms import procedure
from bangfu.identify.models import Application, Case, Objection, Proposal, Round
from bangfu.identify.queries import around
from bangfu.identify.rules import NO_NEED, Stage
from bangfu.registry.models import HouseholdMember, Organisation
from bangfu.registry.queries import open_to

MEASURES = ("proposed", "applied", "determined", "refused", "objected")
GROUPS = ("school", "village", "sex", "household")
UNKNOWN = ""


@dataclass(frozen=True)
class Rules:
    """What the procedure's file says of this page: below which number a class's counts are hidden, household sizes."""

    hide_under: int
    sizes: tuple[int, ...]

    def band(self, size: int | None) -> str:
        """Return the band of a household: its size, '6+' from the last one on, UNKNOWN where no list tells."""
        if not size:
            return UNKNOWN
        return f"{self.sizes[-1]}+" if size >= self.sizes[-1] else str(size)


def rules() -> Rules:
    """Return them as they stand now; of an own procedure without them, the shipped ones."""
    found = procedure(settings.HOME).get("fairness") or procedure()["fairness"]
    return Rules(found["hide_under"], tuple(sorted(found["household_sizes"])))


def hides(by: Actor) -> bool:
    """Tell whether small numbers are hidden from the actor: he sees a class only, where a few are known to all."""
    return not by.everywhere and all(reach.role == Role.CLASS_TEACHER for reach in by.reaches)


@dataclass
class Group:
    """A school, village, sex or household size with its counts; `name` is a code for the last two."""

    id: int
    name: str
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Source:
    """How many a list, teacher or application proposed; how many it alone; how many of these were determined."""

    kind: str
    proposed: int
    alone: int
    determined: int


@dataclass(frozen=True)
class Fairness:
    """What the page shows of a term: the whole, its parts by each group, and the sources."""

    total: Counter[str]
    groups: dict[str, list[Group]]
    sources: list[Source]


def terms(by: Actor) -> list[str]:
    """Return the terms in which a school of the actor's has a round, the newest first."""
    found = Round.objects.filter(around(by)).order_by("-opened_on", "-pk").values_list("term", flat=True)
    return list(dict.fromkeys(found))


def fairness(term: str, by: Actor) -> Fairness:
    """Return the counts of a term over the actor's pupils."""
    cases = Case.objects.filter(open_to(by, "path"), round__term=term).exclude(stage=Stage.CONTINUED)
    rules_, total = rules(), Counter[str]()
    groups: dict[str, dict[Any, Counter[str]]] = {name: defaultdict(Counter) for name in GROUPS}
    for school, village, sex, size, counts in _counted(cases):
        total += counts
        for name, key in zip(GROUPS, (school, village, sex or UNKNOWN, rules_.band(size)), strict=True):
            groups[name][key] += counts
    names = _names([*groups["school"], *groups["village"]])
    listed = {name: _listed(groups[name], names) for name in GROUPS}
    listed["household"].sort(key=lambda group: (not group.name, group.name))
    return Fairness(total, listed, _sources(cases))


Row = tuple[int, int | None, str | None, int | None, Counter[str]]


def _counted(cases: QuerySet[Case]) -> list[Row]:
    """Return (school, village, sex, household's size, counts) of cases that a scope has narrowed already.

    Under the whole scope, for the household stands in a register that the school does not see: only its size comes out.
    """
    members = HouseholdMember.objects.filter(retracted_by=None, valid_until=None)
    aliases = Alias.objects.filter(human=OuterRef(OuterRef("human"))).values("record")
    home = members.filter(Q(person=OuterRef("human")) | Q(person__in=aliases)).order_by("pk").values("household")[:1]
    size = members.filter(household=OuterRef("home")).order_by().values("household").annotate(n=Count("pk")).values("n")
    sent = Application.objects.filter(
        round=OuterRef("round"), person=OuterRef("person"), sent_at__isnull=False, withdrawn_at=None
    )
    now = Q(person__details__retracted_by=None, person__details__valid_until=None)
    told = (
        cases.annotate(home=Subquery(home))
        .annotate(
            detail=FilteredRelation("person__details", condition=now),
            size=Subquery(size),
            sent=Exists(sent),
            against=Exists(Objection.objects.filter(case=OuterRef("pk"))),
            tier=F("determination__tier"),
        )
        .order_by()
    )
    columns = ("round__school_id", "detail__village_id", "detail__sex", "size", "sent", "against", "tier")
    with whole():
        rows = list(told.values_list(*columns).annotate(n=Count("pk")))
    return [(school, village, sex, size, _measured(*rest)) for school, village, sex, size, *rest in rows]


def _measured(sent: bool, against: bool, tier: str | None, count: int) -> Counter[str]:
    return Counter(
        proposed=count,
        applied=count if sent else 0,
        determined=count if tier and tier != NO_NEED else 0,
        refused=count if tier == NO_NEED else 0,
        objected=count if against else 0,
    )


def _names(places: Sequence[int | None]) -> dict[int, str]:
    wanted = {place for place in places if place}
    return dict(Organisation.objects.filter(pk__in=wanted).values_list("pk", "name"))


def _listed(found: dict[Any, Counter[str]], names: dict[int, str]) -> list[Group]:
    """Return the groups, those with most pupils first; those that no list tells of last."""
    groups = [
        Group(key if isinstance(key, int) else 0, names.get(key, "") if isinstance(key, int) else key or "", counts)
        for key, counts in found.items()
    ]
    return sorted(groups, key=lambda group: (not group.name, -group.counts["proposed"], group.name))


def _sources(cases: QuerySet[Case]) -> list[Source]:
    """Return each kind of proposal, that which found most alone first."""
    kinds = Proposal.objects.filter(case=OuterRef("case")).order_by().values("case")
    count = kinds.annotate(n=Count("kind", distinct=True)).values("n")
    tier = F("case__determination__tier")
    told = Proposal.objects.filter(case__in=cases.values("pk")).annotate(kinds=Subquery(count), tier=tier)
    alone = Q(kinds=1)
    missed = alone & Q(tier__isnull=False) & ~Q(tier=NO_NEED)
    rows = told.order_by().values_list("kind").annotate(
        proposed=Count("case", distinct=True),
        alone=Count("case", distinct=True, filter=alone),
        missed=Count("case", distinct=True, filter=missed),
    )  # fmt: skip
    return sorted((Source(*row) for row in rows), key=lambda source: (-source.alone, -source.proposed, source.kind))
