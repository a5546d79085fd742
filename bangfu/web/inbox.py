"""Home: what is missing, who must act, by when, and the page on which it is done."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bangfu.core.messages import reader_language, say
from bangfu.coverage.queries import assigned
from bangfu.coverage.reckon import CODES
from bangfu.tasks.queries import grouped_tasks
from bangfu.web.access import EVERYONE, actor_of, open_to

# Where a kind of task is done, if it is neither a difference nor a file's row to mend.
LEADS = {
    "take_notice_down": "notices",
    "answer_objection": "objections",
    "answer_appeal": "objections",
    "correct_determination": "objections",
    "referral_answer": "referrals",
    "referral_follow_up": "referrals",
}


@open_to(*EVERYONE, writes=())
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the open tasks of the reader's posts and places, grouped by what is to be done."""
    actor = actor_of(request)
    mine = "all" not in request.GET
    groups = grouped_tasks(actor, mine=mine)
    rows: list[dict[str, Any]] = [
        {
            "kind": kind,
            "title": _title(kind),
            "post": post,
            "count": count,
            "due": due,
            "late": late,
            "leads": _leads(kind),
            "query": f"?code={kind}" if kind in CODES else "",
        }
        for kind, post, count, due, late in groups
    ]
    asked = [
        {"title": _title(code), "count": count, "due": due, "leads": "differences", "query": f"?mine&code={code}"}
        for code, count, due in assigned(actor)
    ]
    context = {
        "rows": rows,
        "asked": asked,
        "total": sum(row["count"] for row in rows),
        "late": sum(row["late"] for row in rows),
        "mine": mine,
        "posts": len({row["post"] for row in rows}) > 1,
    }
    return render(request, "inbox/inbox.html", context)


def _title(kind: str) -> str:
    return str(CODES[kind][reader_language()]) if kind in CODES else say(f"task_{kind}")


def _leads(kind: str) -> str:
    """Return the name of the page on which a kind of task is done."""
    return "differences" if kind in CODES else LEADS.get(kind, "imports")
