"""Sign-in, one's own account, and (for the system admin) users, their slips and grants."""

from __future__ import annotations

from datetime import date
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from bangfu.accounts import queries
from bangfu.accounts.actions import (
    choose_password,
    create_user,
    drop_second_factor,
    end_grant,
    grant_role,
    issue_slip,
    note_second_factor,
)
from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.registry.queries import all_places, place_names
from bangfu.web.access import ADMINS, EVERYONE, actor_of, open_to, proven, proven_lately
from bangfu.web.sealing import fernet


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped
    """Sign-in as an office needs it: nobody signs up by himself, and a chosen password uses the slip up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell that there is no open sign-up."""
        return False

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Set the password that the user has chosen."""
        own = Actor(user.get_username(), timezone.localtime(), user.pk)
        user.password = choose_password(staff_number=own.name, password=password, by=own).password

    def is_reauthentication_required(self, *, app: str, **given: Any) -> bool:
        """Tell whether a change of second factors waits for a new proof of identity: by the rule of our own pages."""
        return not proven_lately(allauth_context.request)

    def send_notification_mail(self, template_prefix: str, user: AbstractBaseUser, *rest: Any, **given: Any) -> None:
        """Write a change of second factors into the trail, where allauth would send an e-mail."""
        package, _, event = template_prefix.rpartition("/email/")
        if package == "mfa":
            note_second_factor(event=event, by=Actor(user.get_username(), timezone.localtime(), user.pk))


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]  # untyped
    """Keeps the secrets of second factors sealed, and keeps a demanded one from being taken off."""

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return fernet(b"second factor").encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a secret."""
        return fernet(b"second factor").decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Tell whether a factor may be taken off: not where a role of its owner demands one."""
        return not queries.must_have_second_factor(actor_of(allauth_context.request))


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Choose the language, and go back to where one was."""
    back = request.POST.get("next", "/")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    # Not redirect(): it would look for a page of that name.
    back = back if ours and back.startswith("/") else "/"
    response = HttpResponseRedirect(back)  # nosemgrep: input-as-answer - ours, as was just seen
    chosen = "en" if request.POST.get("language") == "en" else "zh-hans"
    translation.activate(chosen)
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, chosen, samesite="Lax", httponly=True, secure=settings.TLS)
    return response


def locked(request: HttpRequest) -> HttpResponse:
    """Say that the account is closed."""
    return render(request, "problem.html", {"problem": say("account_closed")}, status=403)


@open_to(*EVERYONE, writes=())
def mine(request: HttpRequest) -> HttpResponse:
    """Show one's own roles, and the ways to password and second factor."""
    by = actor_of(request)
    names = place_names(reach.path for reach in by.reaches)
    roles = [{"role": reach.role, "place": names.get(reach.path, "")} for reach in by.reaches]
    return render(request, "account/mine.html", {"roles": roles})


@open_to(*ADMINS, writes=())
def users(request: HttpRequest) -> HttpResponse:
    """List the users with their grants."""
    return render(request, "account/users.html", {"users": _with_grants(request), "typed": {}})


def _with_grants(request: HttpRequest) -> list[dict[str, Any]]:
    by = actor_of(request)
    grants: dict[int, list[Any]] = {}
    rows = list(queries.grants(by))
    names = place_names(grant.path for grant in rows)
    for grant in rows:
        grants.setdefault(grant.user_id, []).append({"grant": grant, "place": names.get(grant.path, grant.path)})
    return [{"user": user, "grants": grants.get(user.pk, [])} for user in queries.users(by)]


@require_POST
@open_to(*ADMINS)
@proven
def add(request: HttpRequest) -> HttpResponse:
    """Make a user and show his slip."""
    number, name = request.POST.get("staff_number", "").strip(), request.POST.get("name", "").strip()
    problem = "" if number and name else say("user_incomplete")
    try:
        if not problem:
            create_user(staff_number=number, name=name, password=None, by=actor_of(request))
    except BangfuError as refused:
        problem = str(refused)
    if not problem:
        return _slip(request, number)
    context = {"users": _with_grants(request), "typed": request.POST, "problem": problem}
    return render(request, "account/users.html", context, status=422)


@require_POST
@open_to(*ADMINS)
@proven
def slip(request: HttpRequest, staff_number: str) -> HttpResponse:
    """Give a user a new one-time password, on a page to be printed."""
    return _slip(request, staff_number)


@require_POST
@open_to(*ADMINS)
@proven
def drop_factor(request: HttpRequest, staff_number: str) -> HttpResponse:
    """Take a user's second factors off: his phone is lost, and his recovery codes are too."""
    reason = request.POST.get("reason", "")
    if not reason.strip():
        return _user(request, staff_number, say("reason_missing"))
    drop_second_factor(staff_number=staff_number, by=actor_of(request), reason=reason)
    messages.success(request, say("second_factor_dropped"))
    return redirect("user", staff_number=staff_number)


def _slip(request: HttpRequest, staff_number: str) -> HttpResponse:
    word = issue_slip(staff_number=staff_number, by=actor_of(request))
    return render(request, "account/slip.html", {"staff_number": staff_number, "word": word})


@open_to(*ADMINS, writes=())
def user(request: HttpRequest, staff_number: str) -> HttpResponse:
    """Show a user with his grants, to grant and end roles."""
    return _user(request, staff_number)


def _user(request: HttpRequest, staff_number: str, problem: str = "") -> HttpResponse:
    found = [row for row in _with_grants(request) if row["user"].staff_number == staff_number]
    if not found:
        raise Http404
    context = {
        "row": found[0],
        "second_factor": queries.has_second_factor(found[0]["user"], actor_of(request)),
        "roles": list(Role),
        "places": all_places(),
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "account/user.html", context, status=422 if problem else 200)


@require_POST
@open_to(*ADMINS)
@proven
def grant(request: HttpRequest, staff_number: str) -> HttpResponse:
    """Grant a role at a place from a day on."""
    by = actor_of(request)
    found = queries.users(by).filter(staff_number=staff_number).first()
    if found is None:
        raise Http404
    try:
        role, path = Role(request.POST.get("role", "")), request.POST.get("path", "")
        start = date.fromisoformat(request.POST.get("from") or by.at.date().isoformat())
        until = date.fromisoformat(request.POST["until"]) if request.POST.get("until") else None
    except ValueError:
        return _user(request, staff_number, say("grant_incomplete"))
    reason = request.POST.get("reason", "")
    if path not in dict(all_places()) or not reason.strip():
        return _user(request, staff_number, say("grant_incomplete"))
    try:
        grant_role(user=found, role=role, path=path, valid_from=start, valid_until=until, by=by, reason=reason)
    except BangfuError as problem:
        return _user(request, staff_number, str(problem))
    messages.success(request, say("granted"))
    return redirect("user", staff_number=staff_number)


@require_POST
@open_to(*ADMINS)
@proven
def end(request: HttpRequest, number: int) -> HttpResponse:
    """End a grant today."""
    by = actor_of(request)
    found = queries.grants(by).filter(pk=number).first()
    if found is None:
        raise Http404
    reason = request.POST.get("reason", "").strip() or say("grant_ended_reason")
    end_grant(grant_id=number, day=by.at.date(), by=by, reason=reason)
    messages.success(request, say("grant_ended"))
    return redirect("user", staff_number=found.user.staff_number)
