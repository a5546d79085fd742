"""Schools: how the pupils of each stand, and one school with its classes."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from bangfu.core.messages import say
from bangfu.coverage.actions import export_list
from bangfu.coverage.queries import Standing, standing_of
from bangfu.coverage.reckon import STATES
from bangfu.registry import queries as register
from bangfu.web.access import READERS, actor_of, open_to
from bangfu.web.excel import workbook
from bangfu.web.paging import page_of


@open_to(*READERS, writes=())
def schools(request: HttpRequest) -> HttpResponse:
    """List the reader's schools with how their pupils stand; by a part of the name or the number."""
    by, text = actor_of(request), request.GET.get("text", "").strip()
    page = page_of(request, register.listed_schools(text, by))
    context = {"text": text, "page": page, **_standing(standing_of(list(page.object_list), by))}
    return render(request, "schools/schools.html", context)


@open_to(*READERS, writes=())
def school(request: HttpRequest, number: int) -> HttpResponse:
    """Show a school: its classes, and how the pupils of each stand."""
    by = actor_of(request)
    found = register.place_for(number, by)
    if found is None or found.kind != "school":
        raise Http404
    classes = list(register.classes(found, by))
    return render(request, "schools/school.html", {"school": found, **_standing(standing_of(classes, by))})


def _standing(places: list[Standing]) -> dict[str, Any]:
    names = {state: capfirst(say(f"total_{state}")) for state in STATES}
    rows = [{"of": at, "counts": [(state, name, at.states[state]) for state, name in names.items()]} for at in places]
    return {"rows": rows, "names": names.values()}


@require_POST
@open_to(*READERS)
def export(request: HttpRequest) -> HttpResponse:
    """Give the list of schools as a workbook; the trail says who took it."""
    by = actor_of(request)
    found = standing_of(list(register.schools(by)), by)
    rows = [
        (here.place.name, here.place.code, here.pupils, *(here.states[state] for state in STATES), here.gaps)
        for here in found
    ]
    export_list(what="schools", rows=len(rows), filters={}, by=by)
    columns = ("column_school", "column_code", "total_pupils", *(f"total_{state}" for state in STATES), "column_gaps")
    return workbook("schools", columns, rows)
