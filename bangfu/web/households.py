"""Households of the registers: a list by place, number or member, and one household with its members."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.coverage import households as queries
from bangfu.registry.queries import townships
from bangfu.web.access import VILLAGE_READERS, actor_of, open_to
from bangfu.web.paging import page_of, place_asked


@open_to(*VILLAGE_READERS)
def households(request: HttpRequest) -> HttpResponse:
    """List the households below a place; by POST, so that no name stands in an address, those with such a member."""
    by, text, place = actor_of(request), request.POST.get("text", ""), place_asked(request)
    page = page_of(request, queries.households(by, text, place))
    context = {"page": page, "rows": queries.listed(list(page)), "text": text, "place": place}
    return render(request, "people/households.html", {**context, "places": townships(by)})


@open_to(*VILLAGE_READERS, writes=())
def household(request: HttpRequest, number: int) -> HttpResponse:
    """Show a household: its members, those who left too, each with his page."""
    home, place, members = queries.household(number, actor_of(request))
    context = {"home": home, "place": place, "members": members}
    return render(request, "people/household.html", context)
