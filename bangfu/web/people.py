"""People: search, and a person's page with dated history; secrets open with a reason."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from bangfu.audit.queries import entries_about
from bangfu.core.messages import say
from bangfu.coverage import persons, queries
from bangfu.coverage.actions import open_secrets
from bangfu.web.access import READERS, actor_of, open_to, proven


@open_to(*READERS)
def search(request: HttpRequest) -> HttpResponse:
    """Find people by the beginning of a name, an ID or a roll number; by POST, so that no number is in an address."""
    text = request.POST.get("text", "")
    found = persons.search(text, actor_of(request)) if text.strip() else []
    return render(request, "people/search.html", {"text": text, "found": found, "asked": bool(text.strip())})


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
    return render(request, "people/person.html", context, status=422 if problem else 200)
