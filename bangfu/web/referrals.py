"""Referrals: a family is referred to the office that decides; its answer, and what came of it, are written down."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.messages import reader_language, say
from bangfu.identify import referrals as rows
from bangfu.identify.actions.referrals import answer_referral, follow_up, refer
from bangfu.web.access import actor_of, open_to
from bangfu.web.paging import page_of

READERS = (*rows.REFERRERS, Role.AUDITOR)
WRONG = 422


@open_to(*READERS, writes=())
def referral_list(request: HttpRequest) -> HttpResponse:
    """List the referrals of the reader's families: those that wait, the late ones first; with ?all, answered ones."""
    by = actor_of(request)
    waiting = "all" not in request.GET
    page = page_of(request, rows.referrals(by, waiting=waiting))
    names, form = rows.names(page, by), rows.offices()
    context = {
        "page": page,
        "rows": [
            {
                "referral": each,
                "name": names.get(each.person_id, ""),
                "titles": rows.titles(each, form),
                "late": rows.is_late(each, by.at.date()),
            }
            for each in page
        ],
        "counts": rows.counts(by),
        "all": not waiting,
    }
    return render(request, "referrals/referrals.html", context)


@open_to(*rows.REFERRERS)
def refer_family(request: HttpRequest, number: int) -> HttpResponse:
    """Refer the family of a person to an office; what was typed stays where something is missing."""
    by, problem, field = actor_of(request), "", ""
    found = rows.family(number, by)
    typed = {name: request.POST.get(name, "") for name in ("to", "words")}
    if request.method == "POST":
        try:
            made = refer(human=number, to=typed["to"], words=typed["words"], by=by)
        except NotAllowed:
            raise
        except BangfuError as refused:
            problem, field = str(refused), "to" if refused.code in ("office_missing", "referral_twice") else "words"
        else:
            messages.success(request, say("referred", due=made.due))
            return redirect("referral", number=made.pk)
    context = {
        "family": found,
        "human": number,
        "choices": rows.choices(),
        "typed": typed,
        "problem": problem,
        "field": field,
        "errors": {field: problem} if field else {},
    }
    return render(request, "referrals/refer.html", context, status=WRONG if problem else 200)


@open_to(*READERS, writes=rows.REFERRERS)
def referral(request: HttpRequest, number: int) -> HttpResponse:
    """Show a referral, and take what comes next: the office's answer, then what the family says."""
    by, problem = actor_of(request), ""
    typed = {name: request.POST.get(name, "") for name in ("answer", "words")}
    if request.method == "POST":
        try:
            _take(number, typed, by)
        except NotAllowed:
            raise
        except BangfuError as refused:
            problem = str(refused)
        else:
            messages.success(request, say("referral_noted"))
            return redirect("referral", number=number)
    found, form = rows.referral_for(number, by), rows.offices()
    context = {
        "referral": found,
        "name": rows.names([found], by).get(found.person_id, ""),
        "human": rows.human_of(found),
        "titles": rows.titles(found, form),
        "said": rows.said_in(found, by),
        "late": rows.is_late(found, by.at.date()),
        "answers": [(code, words[reader_language()]) for code, words in form["answer"].items()],
        "may": rows.may_work(found, by),
        "typed": typed,
        "problem": problem,
    }
    return render(request, "referrals/referral.html", context, status=WRONG if problem else 200)


def _take(number: int, typed: dict[str, str], by: Actor) -> None:
    """Write down the answer where the referral waits for one, else what the family said."""
    if rows.referral_for(number, by).answer:
        follow_up(referral_id=number, words=typed["words"], by=by)
    else:
        answer_referral(referral_id=number, answer=typed["answer"], words=typed["words"], by=by)
