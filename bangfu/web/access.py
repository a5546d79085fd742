"""Who asks: the actor of a request, which pages are open to which roles, and what every page shows of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings as allauth_settings
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.web import kept

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
    ("identify", READERS),
    ("imports", (*KEEPERS, Role.PRINCIPAL, Role.AUDITOR)),
    ("audit", OVERSEERS),
    ("users", ADMINS),
)


def open_to(*roles: Role, writes: tuple[Role, ...] | None = None) -> Callable[[View], View]:
    """Return what makes a view one that only these roles reach; `writes`: who may send its forms (default: the same).

    To anybody else the page is not there, so that an address tells nothing. The auditor changes nothing. Who is signed
    out goes to the sign-in page, and a form that he sent goes along (see `kept`).
    """
    senders = roles if writes is None else writes

    def wrap(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            sends = request.method not in ("GET", "HEAD")
            if not request.user.is_authenticated:
                return kept.at_sign_in(request) if sends and senders else redirect_to_login(request.get_full_path())
            if not any(actor_of(request).holds(role) for role in (senders if sends else roles)):
                raise Http404
            if sends:
                kept.sent(request)
            return view(request, *args, **kwargs)

        wrapped.takes_forms = bool(senders)  # type: ignore[attr-defined]  # for who asks in a form's name
        return wrapped

    return wrap


def proven(view: View) -> View:
    """Return a view that runs only for somebody who has lately shown that it is he: with password, code or passkey.

    For what is sensitive, so that a screen left open does not do for its owner: opening secrets, slips, roles, users,
    second factors. It stands below `open_to`, for a page that is not there asks nobody for a password. Whoever is asked
    gives it again and finds what he had typed (see `kept`). How long 'lately' is: ACCOUNT_REAUTHENTICATION_TIMEOUT.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if proven_lately(request) else kept.at_proof(request)

    return wrapped


def proven_lately(request: HttpRequest) -> bool:
    """Tell whether the newest proof of identity in this session, signing in among them, is young enough."""
    records = get_authentication_records(request, request.user)
    timeout: int = allauth_settings.REAUTHENTICATION_TIMEOUT
    # A clock that was set back does not make a proof last.
    return bool(records) and abs(time.time() - records[-1]["at"]) < timeout


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks, with the grants in force now (made by the middleware)."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # the middleware puts it there
    return actor


def stranger(request: HttpRequest, name: str) -> Actor:
    """Return somebody without an account, to whom no place is open; `name` is what the trail calls him."""
    return Actor(name=name, at=request.at)  # type: ignore[attr-defined]  # the middleware puts it there


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page shows: the menu open to the reader, who he is, and whether a form of his waits."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return {"menu": (), "actor": None, "demo": demo_sign_ins(), "passkeys": settings.TLS}
    due = bool(getattr(request, "second_factor_due", False))
    menu = [name for name, roles in MENU if not due and any(actor.holds(role) for role in roles)]
    here = request.path.split("/")[1] or "inbox"
    waits = kept.KEPT in request.session and not request.path.startswith(reverse("kept"))
    own = {"second_factor_due": due, "form_waits": waits, "passkeys": settings.TLS}
    return {"menu": menu, "actor": actor, "here": here, **own}


def demo_sign_ins() -> list[dict[str, str]]:
    """Return the demo's sign-ins, for its sign-in page; a real installation has no such file."""
    if not settings.DEMO_FILE.exists():
        return []
    found: list[dict[str, str]] = json.loads(settings.DEMO_FILE.read_text(encoding="utf-8"))
    return found
