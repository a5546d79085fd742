"""The pages of a family that holds a printed code: the notice, the application one thing at a time, the result."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from bangfu.core.errors import BangfuError
from bangfu.core.ids import id_in
from bangfu.core.messages import reader_language, say
from bangfu.core.money import yuan
from bangfu.identify.actions.families import (
    Signed,
    keep_page,
    receive_notice,
    send_application,
    withdraw_application,
)
from bangfu.identify.application import Form, Page, answered, incomplete, per_head, told
from bangfu.identify.families import Family, application_form, family_of, named_result
from bangfu.identify.passes import Held
from bangfu.web.answering import agreed_to, shown_fields
from bangfu.web.passes import UNPROCESSABLE, holder, with_pass

# How far a case is, as a family is told.
STEPS = ("proposed", "evaluated", "recognised", "reviewed", "noticed", "determined")


@with_pass("person")
def family(request: HttpRequest, held: Held) -> HttpResponse:
    """Show how things stand for a family: what it may do now, what happens next and by when, and what was decided."""
    found = _family(held)
    if not found.informed:
        return redirect("family_notice")
    form, lang = application_form(), reader_language()
    tier, reasons = named_result(found, lang)
    context = {
        "family": found,
        "form": form,
        "next": _first_page(form, found).code,
        "steps": _steps(found),
        "tier": tier,
        "reasons": reasons,
        "appeal": form.appeal[lang],
    }
    return render(request, "family/family.html", context)


def _steps(found: Family) -> list[dict[str, Any]]:
    """Return the steps of a case, with those that are done and the one that it waits for."""
    if found.stage not in STEPS or found.decided:
        return []
    at = STEPS.index(found.stage)
    facts = {
        "day": found.apply_until,
        "days": found.procedure["panel"]["days"],
        "working_days": found.procedure["notice"]["working_days"],
        "last": found.notice_until or "",
    }
    codes = [step + ("_until" if step == "noticed" and found.notice_until else "") for step in STEPS[1:]]
    return [
        {"words": say(f"family_step_{code}", None, **facts), "done": here <= at, "now": here == at + 1}
        for here, code in enumerate(codes, 1)
    ]


@with_pass("person")
def notice(request: HttpRequest, held: Held) -> HttpResponse:
    """Show what families are told before they write anything, and take the receipt."""
    if request.method == "POST":
        receive_notice(number=held.number, by=holder(held))
        return redirect("family")
    form, lang = application_form(), reader_language()
    parts = [(title[lang], text[lang]) for title, text in form.notice]
    context = {"family": _family(held), "parts": parts, "basis": form.legal_basis[lang]}
    return render(request, "family/notice.html", context)


@with_pass("person")
def ask(request: HttpRequest, held: Held, page: str) -> HttpResponse:
    """Ask one page of the application, and keep what is said; what is wrong comes back as it was typed."""
    found, form = _family(held), application_form()
    asked = form.page(page, found.late)
    if asked is None or not found.may_apply:
        return redirect("family")
    if asked.repeat:
        return _ask_people(request, held, found, asked)
    said, wrong = found.answers.get(page) or {}, dict[str, str]()
    if request.method == "POST":
        said, wrong = answered(asked, request.POST.getlist)
        if not wrong:
            keep_page(number=held.number, page=page, said=said, by=holder(held))
            return redirect(_next(request, form, found, asked))
    return _asked(request, found, asked, {"fields": shown_fields(asked, said, wrong)}, bool(wrong))


def _ask_people(request: HttpRequest, held: Held, found: Family, asked: Page) -> HttpResponse:
    """Ask for people one at a time: add another, change one, take one off, or go on."""
    rows = list(found.answers.get(asked.code) or [])
    at = id_in(request.GET.get("at", ""))  # counted from 1
    at = at if at is not None and at <= len(rows) else None
    said, wrong, problem = (rows[at - 1] if at is not None else {}), dict[str, str](), ""
    if request.method == "POST":
        do = request.POST.get("do", "")
        blank = not any(request.POST.get(field.code, "").strip() for field in asked.fields)
        off = id_in(do.removeprefix("off-"))
        if off is not None:
            return _kept(request, held, found, asked, rows[: off - 1] + rows[off:], stay=True)
        if blank and rows and do != "add":
            return redirect(_next(request, application_form(), found, asked))
        said, wrong = answered(asked, request.POST.getlist)
        problem = say("people_most", None, most=asked.repeat) if at is None and len(rows) >= asked.repeat else ""
        if not wrong and not problem:
            rows[slice(len(rows), None) if at is None else slice(at - 1, at)] = [said]
            return _kept(request, held, found, asked, rows, stay=do == "add")
    lines = told(application_form(), {asked.code: rows}, found.late, reader_language())
    people = next(page.rows for page in lines if page.code == asked.code) if rows else ()
    context = {"fields": shown_fields(asked, said, wrong), "people": people, "at": at, "problem": problem}
    return _asked(request, found, asked, context, bool(wrong or problem))


def _kept(request: HttpRequest, held: Held, found: Family, asked: Page, rows: list[Any], *, stay: bool) -> HttpResponse:
    keep_page(number=held.number, page=asked.code, said=rows, by=holder(held))
    back = reverse("family_ask", args=[asked.code], query={"check": ""} if "check" in request.GET else None)
    return redirect(back if stay else _next(request, application_form(), found, asked))


def _asked(request: HttpRequest, found: Family, asked: Page, context: dict[str, Any], refused: bool) -> HttpResponse:
    form, lang = application_form(), reader_language()
    pages = form.asked(found.late)
    at = pages.index(asked)
    context |= {
        "family": found,
        "title": asked.title[lang],
        "help": asked.help.get(lang, ""),
        "number": at + 1,
        "total": len(pages),
        "before": pages[at - 1].code if at else "",
        "checking": "check" in request.GET,
        "refused": refused,
    }
    template = "family/people.html" if asked.repeat else "family/ask.html"
    return render(request, template, context, status=UNPROCESSABLE if refused else None)


def _next(request: HttpRequest, form: Form, found: Family, asked: Page) -> str:
    """Return where one goes on: to the page after, or to the answers where they are all there or one came from them."""
    after = form.after(asked.code, found.late)
    return reverse("family_ask", args=[after.code]) if after and "check" not in request.GET else reverse("family_check")


@with_pass("person")
def check(request: HttpRequest, held: Held) -> HttpResponse:
    """Show the answers before they are sent, each with the way to change it, and what is missing."""
    found, form = _family(held), application_form()
    if not found.may_apply:
        return redirect("family")
    return _check(request, found, form)


def _check(request: HttpRequest, found: Family, form: Form, problem: str = "") -> HttpResponse:
    lang = reader_language()
    missing = incomplete(form, found.answers, found.late)
    income = per_head(form, found.answers)
    context = {
        "family": found,
        "pages": told(form, found.answers, found.late, lang),
        "missing": {page.code: page.title[lang] for page, _ in missing},
        "per_head": yuan(income).removesuffix(".00") if income is not None else "",
        "problem": problem,
    }
    return render(request, "family/check.html", context, status=UNPROCESSABLE if problem else None)


@with_pass("person")
def send(request: HttpRequest, held: Held) -> HttpResponse:
    """Ask for the promise and the consents, and send the application."""
    found, form = _family(held), application_form()
    if not found.may_apply:
        return redirect("family")
    if incomplete(form, found.answers, found.late):
        return redirect("family_check")
    ticked, name, problem = request.POST.getlist("agreed"), request.POST.get("signed", ""), ""
    if request.method == "POST":
        try:
            send_application(number=held.number, signed=Signed(name, frozenset(ticked)), by=holder(held))
        except BangfuError as refused:
            problem = str(refused)
        else:
            return redirect("family")
    context = {"family": found, "agreed": agreed_to(form, ticked), "signed": name, "problem": problem}
    return render(request, "family/send.html", context, status=UNPROCESSABLE if problem else None)


@with_pass("person")
def withdraw(request: HttpRequest, held: Held) -> HttpResponse:
    """Ask whether the application shall be withdrawn, and do it."""
    found = _family(held)
    if not found.sent or found.withdrawn_at or found.decided:
        return redirect("family")
    if request.method == "POST":
        withdraw_application(number=held.number, by=holder(held))
        return redirect("family")
    return render(request, "family/withdraw.html", {"family": found})


def _family(held: Held) -> Family:
    return family_of(held, holder(held).at.date())


def _first_page(form: Form, found: Family) -> Page:
    """Return the page on which a family goes on: where it stopped, or the first."""
    asked = form.asked(found.late)
    return form.page(found.page, found.late) or asked[0] if found.begun else asked[0]
