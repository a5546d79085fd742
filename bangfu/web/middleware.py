"""What happens around every page: what is sent must be sound, who asks, in which language; no copy of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.defaults import bad_request

from bangfu.accounts.queries import actor_for
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.messages import speaking

BAD_REQUEST = 400
FORBIDDEN = 403
METHODS = ("GET", "HEAD", "POST")


class Guard:
    """Refuses what no page of ours sends, before anybody asks who sends it, and sees to it that no copy is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        response = self._refused(request) or self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")  # the site's own files have been answered before
        return response

    @staticmethod
    def _refused(request: HttpRequest) -> HttpResponse | None:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        try:
            sound = not _has_zeros(request.path, *request.COOKIES.values(), *_texts(request.GET))
        except SuspiciousOperation:  # more fields than anybody reads
            sound = False
        return None if sound else bad_request(request, SuspiciousOperation())


def _texts(given: QueryDict) -> list[str]:
    return [text for _, texts in given.lists() for text in texts if isinstance(text, str)]


def _has_zeros(*texts: object) -> bool:
    """Tell whether a zero byte is in one of these: PostgreSQL takes none."""
    return any("\0" in text for text in texts if isinstance(text, str))


class Reader:
    """Gives a request its actor and its language; a user with a one-time slip goes to choose a password first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        lang = "en" if translation.get_language() == "en" else "zh"
        with speaking(lang):
            if request.user.is_authenticated:
                request.actor = actor_for(request.user, timezone.localtime())  # type: ignore[attr-defined]  # ours
            return self._to_password(request) or self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Refuse a form with zero bytes in it (here, and not before: the token has been looked at)."""
        return bad_request(request, SuspiciousOperation()) if _has_zeros(*_texts(request.POST)) else None

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Say what a person can act on in one sentence; anything else is the server's fault and says no more."""
        if not isinstance(problem, BangfuError):
            return None
        status = FORBIDDEN if isinstance(problem, NotAllowed) else BAD_REQUEST
        return render(request, "problem.html", {"problem": str(problem)}, status=status)

    @staticmethod
    def _to_password(request: HttpRequest) -> HttpResponse | None:
        """Return the way to the page where a password is chosen, for who must and goes elsewhere."""
        if not (request.user.is_authenticated and request.user.must_change_password):
            return None
        allowed = ("account_change_password", "account_logout", "language")
        leads_there = request.path.startswith("/static/") or request.path in map(reverse, allowed)
        return None if leads_there else redirect("account_change_password")
