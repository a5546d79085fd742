"""What happens around every page: what is sent must be sound, who asks, in which language; no copy of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.defaults import bad_request

from bangfu.accounts.queries import actor_for, lacks_second_factor
from bangfu.audit.scope import seen_by
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.messages import speaking
from bangfu.web.kept import remember_user

BAD_REQUEST = 400
FORBIDDEN = 403
SERVER_FAULT = 500
METHODS = ("GET", "HEAD", "POST")


# What somebody who must first choose a password reaches; who must first set up a second factor, these as well.
PASSWORD_PAGES = ("account_change_password", "account_logout", "language")
FACTOR_PAGES = (*PASSWORD_PAGES, "mfa_activate_totp", "account_reauthenticate")
SEEN_SECONDS = 900  # a session's last use is written down this often: each time is a write


def clock() -> datetime:
    """Return the moment, looked at once a request: everything that the request does is done at it."""
    return timezone.localtime()


def _seen(parts: Iterable[bytes], actor: Actor | None) -> Iterator[bytes]:
    """Make each part of a streamed answer in its reader's scope: it is asked for after the request is over."""
    parts = iter(parts)
    while True:
        with seen_by(actor):
            part = next(parts, None)
        if part is None:
            return
        yield part


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
            said = (*_headers(request), *request.COOKIES.values())  # a cookie may hold one in other signs
            sound = not _has_zeros(request.path, *said, *_texts(request.GET))
        except SuspiciousOperation:  # more fields than anybody reads
            sound = False
        return None if sound else bad_request(request, SuspiciousOperation())


def _headers(request: HttpRequest) -> list[object]:
    return [value for name, value in request.META.items() if name.startswith("HTTP_")]


def _texts(given: QueryDict) -> list[str]:
    return [text for _, texts in given.lists() for text in texts if isinstance(text, str)]


def _has_zeros(*texts: object) -> bool:
    """Tell whether a zero byte is in one of these: PostgreSQL takes none."""
    return any("\0" in text for text in texts if isinstance(text, str))


class Reader:
    """Gives a request its actor and its language; who must do something about his account first is led there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        lang = "en" if translation.get_language() == "en" else "zh"
        with speaking(lang):
            actor, at = None, clock()
            request.at = at  # type: ignore[attr-defined]  # ours
            if request.user.is_authenticated:
                actor = request.actor = actor_for(request.user, at)  # type: ignore[attr-defined]  # ours
            with seen_by(actor):
                response = self._answer(request)
        if response.streaming:
            response.streaming_content = _seen(response.streaming_content, actor)  # type: ignore[attr-defined]
        remember_user(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Refuse a form with zero bytes in it (here, and not before: the token has been looked at)."""
        return bad_request(request, SuspiciousOperation()) if _has_zeros(*_texts(request.POST)) else None

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        try:
            first = _must_go_first(request)
        except BangfuError as problem:  # a sign-in file that cannot be read opens nothing
            return render(request, "problem.html", {"problem": str(problem)}, status=SERVER_FAULT)
        if first:
            return redirect(first)
        if cache.add(f"seen-{request.session.session_key}", True, SEEN_SECONDS):
            UserSession.objects.create_from_request(request)  # nosemgrep: rows-in-pages - the sign-in library's own
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Say what a person can act on in one sentence; anything else is the server's fault and says no more."""
        if not isinstance(problem, BangfuError):
            return None
        status = FORBIDDEN if isinstance(problem, NotAllowed) else BAD_REQUEST
        return render(request, "problem.html", {"problem": str(problem)}, status=status)


def _must_go_first(request: HttpRequest) -> str:
    """Return the page that a user must see to before all others, or ''."""
    if not request.user.is_authenticated:
        return ""
    if request.user.must_change_password:
        return "" if _is_at(request, PASSWORD_PAGES) else "account_change_password"
    if lacks_second_factor(request.actor):  # type: ignore[attr-defined]  # ours
        request.second_factor_due = True  # type: ignore[attr-defined]  # ours
        pages = (*FACTOR_PAGES, "mfa_add_webauthn") if settings.TLS else FACTOR_PAGES
        return "" if _is_at(request, pages) else "mfa_activate_totp"
    return ""


def _is_at(request: HttpRequest, names: tuple[str, ...]) -> bool:
    return request.path.startswith("/static/") or request.path in map(reverse, names)
