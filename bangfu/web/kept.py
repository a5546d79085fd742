"""Forms that could not be taken when they were sent: kept until their sender has shown who he is.

A form arrives when its sender's session is over, or his last proof of identity is too old. What he typed is sealed,
with the user whose it is and the moment, and comes back to that user only, within the hour. Until somebody has signed
in, it travels in the sign-in page and nothing is stored; afterwards it lies in his session.

Why this is no way round the check against forged requests: a form is kept only once that check has passed (or, for a
token that grew old in another tab, once the browser itself has said that the form is of our own page). And nothing
is done with it: its sender gets a page that shows what it says and where it goes, and the button there sends an
ordinary form, with a token of now, through every check again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from bangfu.core.messages import say, sentences
from bangfu.registry.queries import place_names
from bangfu.web.sealing import fernet

KEPT = "kept"  # in the session, and among the fields of the sign-in page
SECONDS = 3600
MOST_BYTES = 64 << 10
MOST_FIELDS = 300
# Whose session it was, for when it is over: signed, and good for nothing else.
WHOSE = "bangfu_whose"
WHOSE_SECONDS = 7 * 24 * 3600
# What a field's value is called: the beginning of its sentence's code.
VALUES = {"role": "role_", "answer": "answer_", "verb": "button_"}
FORBIDDEN = 403


@dataclass(frozen=True)
class Form:
    """A kept form: its address, the user who sent it, its fields, and whether files came with it."""

    to: str
    user: int
    fields: tuple[tuple[str, str], ...]
    files: bool

    def shown(self) -> list[tuple[str, str]]:
        """Return the fields as people read them."""
        return [(_name(name), _value(name, value)) for name, value in self.fields if value.strip()]

    def goes(self) -> str:
        """Return what sending it does, in words where its address has some."""
        try:
            name = resolve(urlsplit(self.to).path).url_name
        except Resolver404:
            return self.to
        return say(f"goes_{name}") if f"goes_{name}" in sentences() else self.to


def _name(name: str) -> str:
    start, _, number = name.rpartition("-")
    if start == "cell" and number.isdecimal():
        return say("typed_cell", number=int(number) + 1)
    return say(f"typed_{name}") if f"typed_{name}" in sentences() else name


def _value(name: str, value: str) -> str:
    if name == "path":
        return place_names([value]).get(value, value)
    code = f"{VALUES.get(name)}{value}"
    return say(code) if code in sentences() else value


# ---- whose session it was


def remember_user(request: HttpRequest, response: HttpResponse) -> None:
    """Let the browser remember who is signed in here, so that a form sent later is known to be his."""
    if request.user.is_authenticated and _known_user(request) != request.user.pk:
        value = signing.dumps(request.user.pk, salt=WHOSE)
        response.set_cookie(
            WHOSE, value, max_age=WHOSE_SECONDS, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )


def _known_user(request: HttpRequest) -> int | None:
    try:
        found = signing.loads(request.COOKIES.get(WHOSE, ""), salt=WHOSE, max_age=WHOSE_SECONDS)
    except signing.BadSignature:
        return None
    return found if isinstance(found, int) else None


# ---- keeping


def at_sign_in(request: HttpRequest) -> HttpResponse:
    """Answer a form of somebody who is signed out with the sign-in page, which carries the form along."""
    user = _known_user(request)
    sealed, told = _sealed(request, user) if user is not None else ("", "kept_unknown")
    leads = reverse("kept") if sealed else _page_of(request)
    context = {"kept": sealed, "told": told, "redirect_field_value": leads}
    return render(request, "account/login.html", context, status=FORBIDDEN)


def at_proof(request: HttpRequest) -> HttpResponse:
    """Ask a signed-in user for his password or code again, and keep the form that he has sent."""
    if request.method != "POST":
        return _to_proof(request.get_full_path())
    if in_session(request):
        return _to_proof(reverse("kept"))
    messages.error(request, say("proof_not_kept"))
    return _to_proof(_page_of(request))


def in_session(request: HttpRequest) -> bool:
    """Put a signed-in user's form into his session; False where it cannot be kept."""
    if not request.user.is_authenticated:
        return False
    sealed, _ = _sealed(request, request.user.pk)
    if sealed:
        request.session[KEPT] = sealed
    return bool(sealed)


def _to_proof(next_: str) -> HttpResponse:
    return redirect(reverse("account_reauthenticate", query={"next": next_}))


def _sealed(request: HttpRequest, user: int) -> tuple[str, str]:
    """Return a form sealed, or '', and the code of what to say about it."""
    names = [name for name in request.POST if name != "csrfmiddlewaretoken" and "password" not in name.lower()]
    fields = [(name, value) for name in names for value in request.POST.getlist(name)]
    size = sum(len(name.encode()) + len(value.encode()) for name, value in fields)
    if size > MOST_BYTES or len(fields) > MOST_FIELDS:
        return "", "kept_too_large"
    if request.FILES and not fields:
        return "", "kept_only_files"
    form = {"to": request.get_full_path(), "user": user, "fields": fields, "files": bool(request.FILES)}
    return fernet(b"kept form").encrypt(json.dumps(form).encode()).decode(), "kept_now"


def _page_of(request: HttpRequest) -> str:
    """Return the page on which a form stood, as the browser says, if it is one of ours; else the first page."""
    page = urlsplit(request.headers.get("Referer", ""))
    ours = url_has_allowed_host_and_scheme(page.geturl(), {request.get_host()}, require_https=request.is_secure())
    return page.path if ours and page.path else "/"


def of_our_page(request: HttpRequest) -> bool:
    """Tell whether the browser says that a form was sent by a page of ours: other sites cannot make it say so."""
    return request.headers.get("Origin", "") == f"{request.scheme}://{request.get_host()}"


# ---- coming back


def carry(request: HttpRequest, sealed: str) -> None:
    """Put what a sign-in page carried into the session of him who has just given the right password."""
    if opened(sealed) is not None:
        request.session[KEPT] = sealed


def opened(sealed: str) -> Form | None:
    """Open what was sealed; None where it was not sealed here, or too long ago."""
    try:
        form: dict[str, Any] = json.loads(fernet(b"kept form").decrypt(sealed.encode(), ttl=SECONDS))
    except (InvalidToken, UnicodeEncodeError):
        return None
    return Form(form["to"], form["user"], tuple((name, value) for name, value in form["fields"]), form["files"])


def taken_up(request: HttpRequest) -> Form | None:
    """Return the form kept for the user who asks; one that is another's or too old is dropped."""
    form = opened(request.session.get(KEPT, ""))
    if form is None or form.user != request.user.pk:
        drop(request)
        return None
    return form


def drop(request: HttpRequest) -> None:
    """Forget the kept form."""
    request.session.pop(KEPT, None)


def sent(request: HttpRequest) -> None:
    """Forget the kept form if it is the one that is being sent now."""
    form = opened(request.session[KEPT]) if KEPT in request.session else None
    if form is not None and form.to == request.get_full_path():
        drop(request)
