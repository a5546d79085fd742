"""Who asks: the actor of a request, which pages are open to which roles, and what every page shows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor

EVERYONE = tuple(Role)
# Who works on lists and registers; helpers see their own pairs only, and have no page yet but the inbox.
READERS = tuple(role for role in Role if role not in (Role.HELPER, Role.SYSTEM_ADMIN))
WORKERS = (Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AID_OFFICER, Role.CLASS_TEACHER)
# Whose scope can hold villages: the registers are kept by place, not by school.
VILLAGE_READERS = (Role.COUNTY_BUREAU, Role.PAIRING_OFFICE, Role.AUDITOR)
KEEPERS = (Role.COUNTY_BUREAU, Role.AID_OFFICER)
OVERSEERS = (Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AUDITOR, Role.SYSTEM_ADMIN)
ADMINS = (Role.SYSTEM_ADMIN,)

View = Callable[..., HttpResponse]
# The pages in the order in which they stand in the head of each: name, and to whom they are open.
MENU = (
    ("inbox", EVERYONE),
    ("coverage", READERS),
    ("differences", READERS),
    ("links", READERS),
    ("people", READERS),
    ("households", VILLAGE_READERS),
    ("schools", READERS),
    ("imports", (*KEEPERS, Role.PRINCIPAL, Role.AUDITOR)),
    ("audit", OVERSEERS),
    ("users", ADMINS),
)


def open_to(*roles: Role, writes: tuple[Role, ...] | None = None) -> Callable[[View], View]:
    """Return what makes a view one that only these roles reach; `writes`: who may send its forms (default: the same).

    To anybody else the page is not there, so that an address tells nothing. The auditor changes nothing.
    """

    def wrap(view: View) -> View:
        @login_required
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            allowed = roles if request.method in ("GET", "HEAD") else (writes if writes is not None else roles)
            if not any(actor_of(request).holds(role) for role in allowed):
                raise Http404
            return view(request, *args, **kwargs)

        return wrapped

    return wrap


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, with the grants in force now (made by the middleware)."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # the middleware puts it there
    return actor


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page shows: the menu open to the reader, and who he is."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return {"menu": (), "actor": None, "demo": demo_sign_ins()}
    menu = [name for name, roles in MENU if any(actor.holds(role) for role in roles)]
    return {"menu": menu, "actor": actor, "here": request.path.split("/")[1] or "inbox"}


def demo_sign_ins() -> list[dict[str, str]]:
    """Return the demo's sign-ins, for its sign-in page; a real installation has no such file."""
    if not settings.DEMO_FILE.exists():
        return []
    found: list[dict[str, str]] = json.loads(settings.DEMO_FILE.read_text(encoding="utf-8"))
    return found
