"""Fairness: who applied, was proposed, determined, refused and objected against, and which source found whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.accounts.rules import Role
from bangfu.core.messages import say, sentences
from bangfu.identify import fairness as counted
from bangfu.web.access import actor_of, open_to
from bangfu.web.charts import Row, stacked

READERS = (Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AID_OFFICER, Role.CLASS_TEACHER, Role.AUDITOR)
# The parts of a bar, which add up to those who are proposed; the colours are those of a pupil's states.
PARTS = ("determined", "not_in_need", "to_assess")
SEXES = {"男": "sex_male", "女": "sex_female"}


@dataclass(frozen=True)
class Cell:
    """A count with its share of those who are proposed; `hidden` below the number that the procedure names."""

    count: int
    share: str
    hidden: bool


@open_to(*READERS, writes=())
def fairness(request: HttpRequest) -> HttpResponse:
    """Show a term's counts and shares by school, village, sex and household, and by source."""
    by = actor_of(request)
    terms = counted.terms(by)
    term = request.GET.get("term", "") or (terms[0] if terms else "")
    if terms and term not in terms:
        raise Http404
    if not terms:
        return render(request, "fairness/fairness.html", {"terms": ()})
    found, under = counted.fairness(term, by), counted.rules().hide_under
    hide = under if counted.hides(by) else 0
    groups = [_group(name, found.groups[name], hide) for name in counted.GROUPS]
    context = {
        "terms": terms,
        "term": term,
        "measures": counted.MEASURES,
        "total": _cells(found.total, hide),
        "groups": groups,
        "sources": [(_source(each.kind), *_counts(each, hide)) for each in found.sources],
        "under": hide,
    }
    return render(request, "fairness/fairness.html", context)


def _cell(count: int, whole: int, hide: int) -> Cell:
    return Cell(count, f"{100 * count / whole:.0f}%" if whole else "", 0 < count < hide)


def _cells(counts: Mapping[str, int], hide: int) -> list[tuple[str, Cell]]:
    whole = counts["proposed"]
    return [(name, _cell(counts[name], 0 if name == "proposed" else whole, hide)) for name in counted.MEASURES]


def _counts(source: counted.Source, hide: int) -> tuple[Cell, Cell, Cell]:
    return (
        _cell(source.proposed, 0, hide),
        _cell(source.alone, source.proposed, hide),
        _cell(source.determined, source.alone, hide),
    )


def _group(name: str, groups: list[counted.Group], hide: int) -> dict[str, Any]:
    """Return a group's table, and its chart where every number may be seen."""
    named = [(_title(name, group.name), group) for group in groups]
    bars = [Row(group.id, title, _parts(group.counts)) for title, group in named]
    parts = {code: say(f"total_{code}") for code in PARTS}
    chart = None if hide or len(named) < 2 else stacked(name, parts, bars)  # noqa: PLR2004 - one bar compares nothing
    return {"name": name, "rows": [(title, _cells(group.counts, hide)) for title, group in named], "chart": chart}


def _parts(counts: Mapping[str, int]) -> dict[str, int]:
    decided = counts["determined"] + counts["refused"]
    return dict(zip(PARTS, (counts["determined"], counts["refused"], counts["proposed"] - decided), strict=True))


def _title(group: str, name: str) -> str:
    if not name:
        return say("fair_unknown")
    if group == "sex":
        return say(SEXES[name]) if name in SEXES else name
    return say("fair_household_size", None, size=name) if group == "household" else name


def _source(kind: str) -> str:
    for code in (f"fair_source_{kind}", f"status_{kind}"):
        if code in sentences():
            return say(code)
    return kind
