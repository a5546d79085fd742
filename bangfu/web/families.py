"""The pages of a family that holds a printed code."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.identify.passes import Held
from bangfu.web.passes import with_pass


@with_pass("person")
def family(request: HttpRequest, held: Held) -> HttpResponse:
    """Show how things stand for a family."""
    return render(request, "families/family.html", {"held": held})
