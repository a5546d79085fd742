"""Coverage: the equation, the lists behind it, each difference with its answer, and who is who."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from bangfu.accounts.queries import settlers
from bangfu.accounts.rules import SETTLERS
from bangfu.core.actor import Actor
from bangfu.core.errors import Overtaken
from bangfu.core.ids import id_in
from bangfu.core.messages import reader_language, say
from bangfu.coverage import queries
from bangfu.coverage.actions import answer_difference, assign_difference, decide_link, export_list, take_back_link
from bangfu.coverage.reckon import CODES, STATES, WHOLE
from bangfu.registry.queries import places_to_choose, sees_every_county
from bangfu.web.access import READERS, WORKERS, actor_of, open_to
from bangfu.web.charts import MOST_BARS, Chart, Row, stacked
from bangfu.web.excel import MOST_ROWS, workbook
from bangfu.web.paging import page_of

DIFFERENCE_COLUMNS = (
    "column_number", "column_what", "column_file", "column_row", "column_other_file", "column_row", "column_owner",
    "column_post", "column_due",
)  # fmt: skip


@open_to(*READERS, writes=())
def overview(request: HttpRequest) -> HttpResponse:
    """Show the equation as tiles, its parts by school or class, and the open differences, as far as one may see."""
    by = actor_of(request)
    run, states = queries.last_run(), queries.state_totals(by)
    context = {
        "run": run,
        "tiles": [{"state": state, "count": states.get(state, 0), "href": _list(state)} for state in STATES],
        "pupils": sum(states.values()),
        "chart": _chart(by),
        "codes": queries.code_totals(by),
        "groups": _groups(run.totals) if run and sees_every_county(by) else [],
    }
    return render(request, "coverage/overview.html", context)


def _list(state: str) -> str:
    return f"{reverse('people')}?state={state}"


def _chart(by: Actor) -> Chart | None:
    """Return the pupils' states by school or class, first where most wait; None where there is but one."""
    choice = places_to_choose(by)
    places = choice.places if choice.whole else queries.busiest_schools(by, MOST_BARS)
    found = [standing for standing in queries.standing_of(places, by) if standing.pupils]
    found.sort(key=lambda standing: -standing.waiting)
    rows = (Row(standing.place.pk, standing.place.name, standing.states) for standing in found)
    names = {state: say(f"total_{state}") for state in STATES}
    return stacked(found[0].place.kind, names, rows, more=not choice.whole) if len(found) > 1 else None


def _groups(totals: dict[str, dict[str, int]]) -> list[dict[str, object]]:
    return [
        {"name": name, "total": totals[group][name], "parts": _parts(totals[group], name)}
        for group, name in WHOLE.items()
        if group != "pupils"
    ]


def _parts(figures: dict[str, int], whole: str) -> list[dict[str, object]]:
    return [{"name": name, "count": count} for name, count in figures.items() if name != whole]


@open_to(*READERS, writes=())
def differences(request: HttpRequest) -> HttpResponse:
    """List the open differences, the most urgent first; one code or all."""
    code = request.GET.get("code", "")
    if code and code not in CODES:
        raise Http404
    by = actor_of(request)
    codes = queries.code_totals(by)
    mine = "mine" in request.GET
    count = None if mine else sum(n for name, n, _ in codes if code in ("", name))
    page = page_of(request, queries.listed(by, code, mine=mine), count)
    stands = queries.where_rows_stand(row for gap in page.object_list for row in (gap.row_id, gap.other_row_id))
    rows = [(gap, stands[gap.row_id], stands.get(gap.other_row_id or 0, "")) for gap in page.object_list]
    context = {"page": page, "rows": rows, "code": code, "codes": codes, "mine": mine, "today": by.at.date()}
    context["others"] = any(other for *_, other in rows)
    return render(request, "coverage/differences.html", context)


@require_POST
@open_to(*READERS)
def export(request: HttpRequest) -> HttpResponse:
    """Give the open differences as a workbook, of one code or all; the trail says who took them."""
    by, code = actor_of(request), request.POST.get("code", "")
    if code and code not in CODES:
        raise Http404
    if sum(n for name, n, _ in queries.code_totals(by) if code in ("", name)) > MOST_ROWS:
        messages.error(request, say("export_too_long", count=MOST_ROWS))
        return redirect("differences")
    lang = reader_language()
    rows = [
        (row.id, CODES[row.code][lang], row.file, row.row, row.other_file, row.other_row or "", row.owner,
         say(f"role_{row.post}"), row.due)
        for row in queries.urgent(by, codes=[code] if code else ())
    ]  # fmt: skip
    export_list(what="differences", rows=len(rows), filters={"code": code}, by=by)
    return workbook("differences", DIFFERENCE_COLUMNS, rows)


@open_to(*READERS, writes=())
def difference(request: HttpRequest, number: int) -> HttpResponse:
    """Show one difference: the two rows side by side, who must settle it, and the answers that it takes."""
    return _difference(request, number)


def _difference(
    request: HttpRequest, number: int, typed: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    by = actor_of(request)
    gap = queries.difference_for(number, by)
    sides = [side for side in (gap.record_id, gap.other_id) if side]
    context = {
        "gap": gap,
        "sides": queries.side_by_side(sides, by),
        "answers": CODES[gap.code]["answers"],
        "may_answer": queries.may_settle(gap, by),
        "people": settlers((gap.path, gap.owner_path), by.at.date()) if queries.may_assign(gap, by) else (),
        "seen": queries.stands_at(gap),
        "typed": typed or {},
        "problem": problem,
    }
    return render(request, "coverage/difference.html", context, status=422 if problem else 200)


@require_POST
@open_to(*READERS, writes=SETTLERS)
def assign(request: HttpRequest, number: int) -> HttpResponse:
    """Ask somebody to settle a difference, or nobody in particular."""
    chosen = request.POST.get("user", "")
    assign_difference(id_=number, user_id=id_in(chosen) if chosen else None, by=actor_of(request))
    messages.success(request, say("difference_assigned"))
    return redirect("difference", number=number)


@require_POST
@open_to(*READERS, writes=SETTLERS)
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Answer a difference with evidence; what was typed stays where something is missing."""
    given, evidence = request.POST.get("answer", ""), request.POST.get("evidence", "")
    if not given or not evidence.strip():
        problem = say("answer_missing" if not given else "evidence_missing")
        return _difference(request, number, {"answer": given, "evidence": evidence}, problem)
    try:
        seen = request.POST.get("seen")
        answer_difference(id_=number, answer=given, evidence=evidence, by=actor_of(request), seen=seen)
    except Overtaken as problem:
        return _difference(request, number, {"answer": given, "evidence": evidence}, str(problem))
    messages.success(request, say("difference_answered", id=number, answer=say(f"answer_{given}")))
    return redirect("differences")


@open_to(*READERS, writes=())
def links(request: HttpRequest) -> HttpResponse:
    """List the questions about who is who; with ?all also what was decided."""
    verdicts = ("doubtful", "different") if "all" in request.GET else ("doubtful",)
    by = actor_of(request)
    page = page_of(request, queries.questions(by, verdicts))
    page.object_list = queries.listed_links(list(page.object_list), by, verdicts)
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
        "seen": queries.link_stands_at(left, right),
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
    seen = request.POST.get("seen")
    try:
        if verb == "forget":
            take_back_link(left=left, right=right, by=by, reason=reason, seen=seen)
        else:
            decide_link(left=left, right=right, same=verb == "join", by=by, reason=reason, seen=seen)
    except Overtaken as problem:
        return _link(request, left, right, str(problem))
    messages.success(request, say({"join": "link_join", "part": "link_part", "forget": "link_forget"}[verb], None,
                                  left=left, right=right))  # fmt: skip
    return redirect("link", left=left, right=right)
