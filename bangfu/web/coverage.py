"""Coverage: the equation, the lists behind it, each difference with its answer, and who is who."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from bangfu.core.actor import Actor
from bangfu.core.messages import say
from bangfu.coverage import queries
from bangfu.coverage.actions import answer_difference, decide_link, take_back_link
from bangfu.coverage.reckon import CODES, STATES, WHOLE
from bangfu.registry.queries import organisations, sees_every_county
from bangfu.web.access import READERS, WORKERS, actor_of, open_to
from bangfu.web.charts import Chart, Row, stacked

PAGE = 50
DIGITS = 19  # of the longest number that can be a row's id


@open_to(*READERS, writes=())
def overview(request: HttpRequest) -> HttpResponse:
    """Show the equation as tiles, its parts by school or class, and the open differences; with ?place, of one place."""
    by = actor_of(request)
    run, place = queries.last_run(), _place(request)
    within = place["path"] if place else "/"
    states = queries.state_totals(by, within)
    context = {
        "run": run,
        "place": place,
        "tiles": [{"state": state, "count": states.get(state, 0), "href": _list(state, place)} for state in STATES],
        "pupils": sum(states.values()),
        "chart": _chart(by, within),
        "codes": [] if place else queries.code_totals(by),
        "groups": _groups(run.totals) if run and not place and sees_every_county(by) else [],
    }
    return render(request, "coverage/overview.html", context)


def _list(state: str, place: dict[str, Any] | None) -> str:
    return reverse("pupils", args=[state]) + (f"?place={place['pk']}" if place else "")


def _place(request: HttpRequest) -> dict[str, Any] | None:
    """Return the place that ?place asks for, if one does; to whom it is not open it is not there."""
    asked = request.GET.get("place", "")
    if not asked:
        return None
    known = organisations(actor_of(request)).filter(pk=asked) if queries.is_id(_number(asked)) else None
    found = known.values("pk", "name", "kind", "path", "parent__name").first() if known is not None else None
    if found is None:
        raise Http404
    return dict(found)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else 0


def _chart(by: Actor, within: str) -> Chart | None:
    """Return the pupils' states by school or class; None where there is but one."""
    kind, places = queries.states_by_place(by, within)
    return stacked(kind, STATES, (Row(p.id, p.name, p.states) for p in places)) if len(places) > 1 else None


def _groups(totals: dict[str, dict[str, int]]) -> list[dict[str, object]]:
    return [
        {"name": name, "total": totals[group][name], "parts": _parts(totals[group], name)}
        for group, name in WHOLE.items()
        if group != "pupils"
    ]


def _parts(figures: dict[str, int], whole: str) -> list[dict[str, object]]:
    return [{"name": name, "count": count} for name, count in figures.items() if name != whole]


@open_to(*READERS, writes=())
def pupils(request: HttpRequest, state: str) -> HttpResponse:
    """List the pupils in one state; with ?place, those of one school or class."""
    if state not in STATES:
        raise Http404
    place = _place(request)
    found = queries.pupils_in(state, actor_of(request), place["path"] if place else "/")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    names = queries.names_of([pupil.human_id for pupil in page])
    rows = [{"pupil": pupil, "name": names.get(pupil.human_id, "")} for pupil in page]
    context = {"state": state, "page": page, "rows": rows, "place": place, "run": queries.last_run()}
    return render(request, "coverage/pupils.html", context)


@open_to(*READERS, writes=())
def differences(request: HttpRequest) -> HttpResponse:
    """List the open differences, the most urgent first; one code or all."""
    code = request.GET.get("code", "")
    if code and code not in CODES:
        raise Http404
    by = actor_of(request)
    found = queries.listed(by, code)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "code": code,
        "codes": queries.code_totals(by),
        "today": by.at.date(),
        "others": any(gap.other_row_id for gap in page),
    }
    return render(request, "coverage/differences.html", context)


@open_to(*READERS, writes=())
def difference(request: HttpRequest, number: int) -> HttpResponse:
    """Show one difference: the two rows side by side, who must settle it, and the answers that it takes."""
    return _difference(request, number)


def _difference(
    request: HttpRequest, number: int, typed: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    by = actor_of(request)
    gap = queries.difference_for(number, by)
    field = "evidence" if typed and typed.get("answer") else "answer"
    sides = [side for side in (gap.record_id, gap.other_id) if side]
    context = {
        "gap": gap,
        "sides": queries.side_by_side(sides, by),
        "answers": CODES[gap.code]["answers"],
        "may_answer": any(by.holds(role) for role in WORKERS),
        "typed": typed or {},
        "problem": problem,
        "field": field,
        "today": by.at.date(),
    }
    return render(request, "coverage/difference.html", context, status=422 if problem else 200)


@require_POST
@open_to(*READERS, writes=WORKERS)
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Answer a difference with evidence; what was typed stays where something is missing."""
    given, evidence = request.POST.get("answer", ""), request.POST.get("evidence", "")
    if not given or not evidence.strip():
        problem = say("answer_missing" if not given else "evidence_missing")
        return _difference(request, number, {"answer": given, "evidence": evidence}, problem)
    answer_difference(id_=number, answer=given, evidence=evidence, by=actor_of(request))
    messages.success(request, say("difference_answered", id=number, answer=say(f"answer_{given}")))
    return redirect("differences")


@open_to(*READERS, writes=())
def links(request: HttpRequest) -> HttpResponse:
    """List the questions about who is who; with ?all also what was decided."""
    verdicts = ("doubtful", "different") if "all" in request.GET else ("doubtful",)
    rows = queries.links(actor_of(request), verdicts)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return render(request, "coverage/links.html", {"page": page, "all": "all" in request.GET})


@open_to(*READERS, writes=())
def link(request: HttpRequest, left: int, right: int) -> HttpResponse:
    """Show two records side by side, the chain between them, what was found and decided, and the choices."""
    return _link(request, left, right)


def _link(request: HttpRequest, left: int, right: int, problem: str = "") -> HttpResponse:
    by = actor_of(request)
    chain = queries.chain_between(left, right, by)
    rows = [row for row in queries.links(by, ("doubtful", "same", "different"), (left,)) if right in row.records]
    context = {
        "left": left,
        "right": right,
        "sides": queries.side_by_side([left, right], by),
        "chain": queries.last_rows(chain) if len(chain) > 2 else {},  # noqa: PLR2004 - a pair is no chain
        "joined": bool(chain),
        "links": rows,
        "decided": any(row.how == "person" for row in rows),
        "may_decide": any(by.holds(role) for role in WORKERS),
        "reason": request.POST.get("reason", ""),
        "problem": problem,
    }
    return render(request, "coverage/link.html", context, status=422 if problem else 200)


@require_POST
@open_to(*READERS, writes=WORKERS)
def decide(request: HttpRequest, left: int, right: int) -> HttpResponse:
    """Join, part, or take back."""
    by, reason, verb = actor_of(request), request.POST.get("reason", ""), request.POST.get("verb", "")
    if verb not in ("join", "part", "forget"):
        raise Http404
    if not reason.strip():
        return _link(request, left, right, say("reason_missing"))
    if verb == "forget":
        take_back_link(left=left, right=right, by=by, reason=reason)
    else:
        decide_link(left=left, right=right, same=verb == "join", by=by, reason=reason)
    messages.success(request, say({"join": "link_join", "part": "link_part", "forget": "link_forget"}[verb], None,
                                  left=left, right=right))  # fmt: skip
    return redirect("link", left=left, right=right)
