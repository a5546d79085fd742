"""What happens around every page: who asks, in which language, and that no copy of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation

from bangfu.accounts.queries import actor_for
from bangfu.audit.scope import seen_by
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.messages import speaking

BAD_REQUEST = 400
FORBIDDEN = 403


def _seen(parts: Iterable[bytes], actor: Actor | None) -> Iterator[bytes]:
    """Make each part of a streamed answer in its reader's scope: it is asked for after the request is over."""
    parts = iter(parts)
    while True:
        with seen_by(actor):
            part = next(parts, None)
        if part is None:
            return
        yield part


class Reader:
    """Gives a request its actor and its language; a user with a one-time slip goes to choose a password first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        lang = "en" if translation.get_language() == "en" else "zh"
        with speaking(lang):
            actor = None
            if request.user.is_authenticated:
                actor = request.actor = actor_for(request.user, timezone.localtime())  # type: ignore[attr-defined]  # ours
                if request.user.must_change_password and not self._leads_to_password(request):
                    return redirect("account_change_password")
            with seen_by(actor):
                response = self.get_response(request)
        if response.streaming:
            response.streaming_content = _seen(response.streaming_content, actor)  # type: ignore[attr-defined]
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Say what a person can act on in one sentence; anything else is the server's fault and says no more."""
        if not isinstance(problem, BangfuError):
            return None
        status = FORBIDDEN if isinstance(problem, NotAllowed) else BAD_REQUEST
        return render(request, "problem.html", {"problem": str(problem)}, status=status)

    @staticmethod
    def _leads_to_password(request: HttpRequest) -> bool:
        allowed = ("account_change_password", "account_logout", "language")
        return request.path.startswith("/static/") or request.path in map(reverse, allowed)
