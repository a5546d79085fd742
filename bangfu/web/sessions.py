"""Where one is signed in: one's own sessions, and ending them."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bangfu.accounts import queries
from bangfu.accounts.actions import end_session
from bangfu.core.messages import say
from bangfu.web.access import EVERYONE, actor_of, open_to

# The first that a browser names of these is what it is; most name others too, for old pages' sake.
BROWSERS = (
    ("MicroMessenger", "微信"),
    ("QQBrowser", "QQ Browser"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)
SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_words(agent: str) -> str:
    """Return a browser in a few words: its name and main version, and the system."""
    found = []
    for sign, name in BROWSERS:
        if version := re.search(rf"\b{sign}/(\d+)", agent):
            found.append(f"{name} {version[1]}")
            break
    found += [name for sign, name in SYSTEMS if sign in agent][:1]
    return " · ".join(found) or say("session_browser_unknown")


@open_to(*EVERYONE, writes=())
def sessions(request: HttpRequest) -> HttpResponse:
    """List one's own sessions."""
    rows = [
        {"session": found, "browser": browser_words(found.user_agent), "current": found.is_current()}
        for found in queries.sessions(actor_of(request))
    ]
    return render(request, "account/sessions.html", {"rows": sorted(rows, key=lambda row: not row["current"])})


@require_POST
@open_to(*EVERYONE)
def end(request: HttpRequest, number: int) -> HttpResponse:
    """End another session of one's own; this one ends by signing out."""
    by = actor_of(request)
    found = next((found for found in queries.sessions(by) if found.pk == number), None)
    if found is None or found.is_current():
        raise Http404
    end_session(number=number, by=by)
    messages.success(request, say("session_ended"))
    return redirect("sessions")
