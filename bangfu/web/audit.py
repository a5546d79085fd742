"""The trail in words: who did what, when, why."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.core.messages import sentences
from bangfu.registry.queries import trail
from bangfu.web.access import OVERSEERS, actor_of, open_to
from bangfu.web.paging import page_of


@open_to(*OVERSEERS, writes=())
def entries(request: HttpRequest) -> HttpResponse:
    """List the entries of the chains that are open to the reader, the newest first; by actor or action."""
    who, what = request.GET.get("who", "").strip(), request.GET.get("what", "").strip()
    page = page_of(request, trail(actor_of(request), who, what))
    return render(request, "audit/entries.html", {"page": page, "who": who, "what": what, "actions": _actions(what)})


def _actions(chosen: str) -> list[str]:
    """Return the actions that have words, to choose from; and what the address asks for, so that the page says it."""
    known = [name.removeprefix("action_").replace("_", ".", 1) for name in sentences() if name.startswith("action_")]
    return sorted({*known, chosen} - {""})
