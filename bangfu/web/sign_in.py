"""Signing in with a form that waits, and that form's page; what is said where a form's token is too old."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from bangfu.core.messages import say
from bangfu.web import kept

FORBIDDEN = 403


class SignIn(LoginView):  # type: ignore[misc]  # untyped
    """The sign-in page; a form that was sent while signed out goes along."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in, or go on to the second factor, and take the kept form into the session."""
        response: HttpResponse = super().form_valid(form)
        kept.carry(self.request, self.request.POST.get(kept.KEPT, ""))
        return response

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        """Return the page's context, with the kept form through wrong tries."""
        context: dict[str, Any] = super().get_context_data(**given)
        return context | {"kept": self.request.POST.get(kept.KEPT, "")}


@login_required
@require_safe
def kept_form(request: HttpRequest) -> HttpResponse:
    """Show what was typed, and where it goes: one button sends it, one drops it."""
    waiting = kept.KEPT in request.session
    form = kept.taken_up(request)
    if form is None:
        return render(request, "account/kept_gone.html", {"waiting": waiting})
    return render(request, "account/kept.html", {"form": form})


@login_required
@require_POST
def drop_form(request: HttpRequest) -> HttpResponse:
    """Drop the kept form."""
    kept.drop(request)
    messages.success(request, say("kept_dropped"))
    return redirect("inbox")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form whose token is missing or too old, in words that help.

    The usual cause is a sign-in in another tab, which makes the tokens of all open pages old. Where the browser says
    that the form is of our own page, it is kept like any other; from elsewhere nothing is taken.
    """
    match = request.resolver_match
    if match is not None and getattr(match.func, "takes_forms", False) and kept.of_our_page(request):
        if not request.user.is_authenticated:
            return kept.at_sign_in(request)
        if kept.in_session(request):
            return redirect("kept")
    return render(request, "account/form_too_old.html", status=FORBIDDEN)
