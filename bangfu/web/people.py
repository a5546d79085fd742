"""People: the pupils by class and state, search, and a person's page with dated history; secrets open with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bangfu.audit.queries import entries_about
from bangfu.core.messages import say
from bangfu.coverage import persons, queries
from bangfu.coverage.actions import export_list, open_secrets
from bangfu.coverage.finding import search as find
from bangfu.coverage.reckon import STATES
from bangfu.identify.referrals import REFERRERS
from bangfu.registry.queries import places_to_choose, schools_called
from bangfu.web.access import READERS, actor_of, open_to, proven
from bangfu.web.excel import MOST_ROWS, workbook
from bangfu.web.paging import page_of, place_asked


@open_to(*READERS)
def search(request: HttpRequest) -> HttpResponse:
    """List the pupils, by state and place; by POST find anybody by name, initials, ID or roll number.

    By POST, so that no name or number stands in an address.
    """
    text, by = request.POST.get("text", ""), actor_of(request)
    if text.strip():
        return render(request, "people/found.html", {"text": text, "found": find(text, by)})
    school = request.GET.get("school", "").strip()
    wanted, named = _wanted(request), schools_called(school, by) if school else None
    if named and len(named.places) == 1:
        wanted["place"], named, school = named.places[0], None, ""
    context = {"states": STATES, "choice": places_to_choose(by), "school": school, "named": named, **wanted}
    return render(request, "people/search.html", context | ({} if named else _listed(request, wanted)))


def _listed(request: HttpRequest, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the page of the wanted pupils with their names."""
    by = actor_of(request)
    page = page_of(request, queries.pupils(by, **wanted), queries.count_pupils(by, **wanted))
    names = queries.names_of([pupil.human_id for pupil in page.object_list])
    return {"page": page, "rows": [(pupil, names.get(pupil.human_id, "")) for pupil in page.object_list]}


def _wanted(request: HttpRequest) -> dict[str, Any]:
    """Return the state and place that a request asks for; Http404 for ones that there are not."""
    asked = request.POST if request.method == "POST" else request.GET
    state = asked.get("state", "")
    if state and state not in STATES:
        raise Http404
    return {"state": state, "place": place_asked(request)}


@require_POST
@open_to(*READERS)
def export(request: HttpRequest) -> HttpResponse:
    """Give the listed pupils as a workbook; the trail says who took what."""
    by, wanted = actor_of(request), _wanted(request)
    if queries.count_pupils(by, **wanted) > MOST_ROWS:
        messages.error(request, say("export_too_long", count=MOST_ROWS))
        return redirect("people")
    found = list(queries.pupils(by, **wanted))
    names = queries.names_of([pupil.human_id for pupil in found])
    rows = [
        (names.get(pupil.human_id, ""), getattr(pupil.school_class.parent, "name", ""), pupil.school_class.name,
         say(f"total_{pupil.state}"))
        for pupil in found
    ]  # fmt: skip
    place = wanted["place"]
    filters = {"state": wanted["state"], "place": place.path if place else ""}
    export_list(what="pupils", rows=len(rows), filters=filters, by=by)
    return workbook("pupils", ("column_name", "column_school", "column_class", "column_state"), rows)


@open_to(*READERS, writes=())
def person(request: HttpRequest, number: int) -> HttpResponse:
    """Show one human over all lists, secrets masked."""
    return _person(request, number, masked=True)


@require_POST
@open_to(*READERS)
@proven
def open_person(request: HttpRequest, number: int) -> HttpResponse:
    """Show the same with secrets open, for a stated reason that is written into the trail."""
    reason = request.POST.get("reason", "")
    if not reason.strip():
        return _person(request, number, masked=True, problem=say("reason_missing"))
    open_secrets(human=number, by=actor_of(request), reason=reason)
    return _person(request, number, masked=False)


def _person(request: HttpRequest, number: int, *, masked: bool, problem: str = "") -> HttpResponse:
    by = actor_of(request)
    human = persons.human(number, by, masked=masked)
    records = [record.id for record in human.records]
    gaps = queries.of_records(records, by)
    subjects = [f"person:{number}", *(f"difference:{gap.id}" for gap in gaps)]
    context = {"human": human, "gaps": gaps, "trail": entries_about(subjects), "problem": problem}
    context["may_refer"] = any(by.holds(role) for role in REFERRERS)
    return render(request, "people/person.html", context, status=422 if problem else 200)
