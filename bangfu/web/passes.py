"""The way in for who has no account: a printed code opens one page for a while, and a wrong one tells nothing.

Families and members of panels come this way. What the session remembers is the pass's number and when it was last
used; whether the pass is still valid is asked anew with each request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from bangfu.core.actor import Actor
from bangfu.core.messages import say
from bangfu.identify.actions.passes import use_pass
from bangfu.identify.passes import Held, actor_name, pass_by_code, pass_of

PASS, USED = "pass", "pass_used"  # in the session
SECONDS = 2 * 3600  # after the last use
# From one address, for a code that nobody has; a right one is not counted. Many families share an address.
WRONG_TRIES, WRONG_SECONDS = 20, 900
UNPROCESSABLE, TOO_MANY = 422, 429

PassView = Callable[..., HttpResponse]


def enter(request: HttpRequest) -> HttpResponse:
    """Ask for a code, and go to the page that it opens."""
    if request.method != "POST":
        held = _held(request)
        return render(request, "passes/enter.html", {"leads": _page(held) if held else ""})
    if _tries(request) >= WRONG_TRIES:
        return render(request, "passes/too_often.html", status=TOO_MANY)
    now = timezone.localtime()
    code = request.POST.get("code", "")
    found = pass_by_code(code, now.date())
    if found is None:
        _count_try(request)
        return render(request, "passes/enter.html", {"problem": say("pass_wrong"), "code": code}, status=UNPROCESSABLE)
    use_pass(number=found.number, by=Actor(actor_name(found.number), now))
    request.session.cycle_key()  # a session that somebody else has prepared opens nothing
    request.session[PASS], request.session[USED] = found.number, time.time()
    return redirect(_page(found))  # nosemgrep: input-as-answer - one of two pages of ours


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Forget the code: for a phone or computer that others use."""
    for name in (PASS, USED):
        request.session.pop(name, None)
    return redirect("pass")


def with_pass(kind: str) -> Callable[[PassView], PassView]:
    """Return what makes a view one of whoever holds a pass of this kind (person, member): it is given the pass.

    Anybody else is asked for a code. What is sent counts as a use, so that nobody is shut out while filling in.
    """

    def wrap(view: PassView) -> PassView:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            found = _held(request)
            if found is None or getattr(found, kind) is None:
                return redirect("pass")
            if request.method == "POST":
                request.session[USED] = time.time()
            return view(request, found, *args, **kwargs)

        return wrapped

    return wrap


def holder(found: Held) -> Actor:
    """Return whoever holds this pass, acting now: nothing is open to him anywhere."""
    return Actor(actor_name(found.number), timezone.localtime())


def _held(request: HttpRequest) -> Held | None:
    number, used = request.session.get(PASS), request.session.get(USED, 0)
    if number is None or abs(time.time() - used) > SECONDS:
        return None
    return pass_of(number, timezone.localdate())


def _page(found: Held) -> str:
    return "family" if found.person else "ballot"


def _count(request: HttpRequest) -> str:
    return f"pass-tries-{request.META.get('REMOTE_ADDR', '')}"


def _tries(request: HttpRequest) -> int:
    return int(cache.get(_count(request), 0))


def _count_try(request: HttpRequest) -> None:
    if not cache.add(_count(request), 1, WRONG_SECONDS):
        cache.incr(_count(request))
