"""Imports: uploading, how far an upload is and what came of it, the files that came, the rows that wait, mending."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bangfu.accounts.rules import Role
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.coverage import uploading
from bangfu.coverage.actions import link_records
from bangfu.intake.actions import mend_row, undo_import
from bangfu.intake.layouts import choose_layouts
from bangfu.intake.queries import (
    Waiting,
    held_rows,
    kept_files,
    listed_row,
    mended_by,
    row_now,
    undone,
    waiting_row,
    why_not_undone,
)
from bangfu.intake.report import COUNTS, Options
from bangfu.registry.queries import files as files_of
from bangfu.registry.queries import listed_files
from bangfu.tasks.queries import own_job
from bangfu.web.access import KEEPERS, actor_of, open_to
from bangfu.web.paging import page_of

READERS = (*KEEPERS, Role.PRINCIPAL, Role.AUDITOR)
SUFFIXES = (".xlsx", ".xls", ".csv", ".html", ".htm")
MOST_FILES = 60
MOST_BYTES = 200 << 20
LOOK_AGAIN = 2  # seconds after which the page of a job under way asks anew


@open_to(*READERS, writes=())
def files(request: HttpRequest) -> HttpResponse:
    """List the rows that wait, and the files that came with their row equations; an upload begins here."""
    by = actor_of(request)
    page = page_of(request, listed_files(by))
    held = page_of(request, held_rows(by), name="held")
    context = {
        "page": page,
        "held": held,
        "rows": [listed_row(row) for row in held],
        "kept": kept_files(by),
        "may": _may(request),
        "key": uuid4(),
    }
    return render(request, "imports/files.html", context)


def _may(request: HttpRequest) -> bool:
    return any(actor_of(request).holds(role) for role in KEEPERS)


@require_POST
@open_to(*READERS, writes=KEEPERS)
def upload(request: HttpRequest) -> HttpResponse:
    """Take the uploaded files and go to the page that shows how far their import is."""
    given = request.FILES.getlist("files")
    if problem := _refused(given):
        messages.error(request, problem)
        return redirect("imports")
    by = actor_of(request)
    options = Options(choose_layouts(None, settings.HOME / "layouts"), by.at.date())
    return redirect("job", number=uploading.begin(given, options, key_of(request), by=by))


def key_of(request: HttpRequest) -> UUID:
    """Return the key that the form brought with it, so that a double click begins one job."""
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid4()


def _refused(given: list[UploadedFile[Any]]) -> str:
    if not given:
        return say("upload_none")
    if len(given) > MOST_FILES or sum(file.size or 0 for file in given) > MOST_BYTES:
        return say("upload_too_much", files=MOST_FILES, mebibytes=MOST_BYTES >> 20)
    wrong = [file.name or "" for file in given if not (file.name or "").lower().endswith(SUFFIXES)]
    return say("upload_wrong_kind", file=wrong[0], known=" ".join(SUFFIXES)) if wrong else ""


@open_to(*READERS, writes=())
def job(request: HttpRequest, number: int) -> HttpResponse:
    """Show how far one's own upload is; once it has ended, what became of each file."""
    found = own_job(number, actor_of(request))
    if found is None:
        raise Http404
    lines = [
        line
        | {
            "why": say(line["refused"], None, **line["facts"]) if "refused" in line else "",
            "pairs": [(name, line["rows"][name]) for name in COUNTS],
        }
        for line in found.report
    ]
    response = render(request, "imports/job.html", {"job": found, "lines": lines, "counts": COUNTS})
    if not found.ended:
        response.headers["Refresh"] = str(LOOK_AGAIN)
    return response


@open_to(*READERS, writes=())
def file(request: HttpRequest, number: int) -> HttpResponse:
    """Show one file: its row equation and the rows that wait."""
    return _file_page(request, number)


def _file_page(request: HttpRequest, number: int, problem: str = "") -> HttpResponse:
    by = actor_of(request)
    found = files_of(by).filter(pk=number).first()
    if found is None:
        raise Http404
    held = page_of(request, held_rows(by, number), name="held")
    rows = [listed_row(row) for row in held]
    context = {"file": found, "held": held, "rows": rows, "may": _may(request), "problem": problem}
    context["undone"] = undone([number]).get(number)
    context["why_not"] = why_not_undone(number, by) if context["may"] and not context["undone"] else ""
    return render(request, "imports/file.html", context, status=422 if problem else 200)


@open_to(*READERS, writes=KEEPERS)
def mend(request: HttpRequest, number: int) -> HttpResponse:
    """Show a held row with its cells to be mended; by POST, mend it and apply it."""
    by = actor_of(request)
    row = waiting_row(number, by)
    if row is None:
        return render(request, "problem.html", {"problem": _not_waiting(request, number)}, status=409)
    typed = {name: request.POST.get(f"cell-{at}", "") for at, name in enumerate(row.cells)}
    problem = ""
    if request.method == "POST":
        problem = _mend(request, row, {name: text for name, text in typed.items() if text != row.cells[name]})
        if not problem:
            messages.success(request, say("row_mended", row=row.row, file=row.file))
            return redirect("imports")
        row = row_now(row, by) or row
    cells = [(at, name, typed[name] if problem else text) for at, (name, text) in enumerate(row.cells.items())]
    why = say(row.code, None, row=row.row, column=row.column)
    context = {"row": row, "cells": cells, "why": why, "problem": problem, "reason": request.POST.get("reason", "")}
    return render(request, "imports/mend.html", context, status=422 if problem else 200)


def _not_waiting(request: HttpRequest, number: int) -> str:
    """Return why a row cannot be mended: who came first, as far as the reader may know."""
    mended = mended_by(number, actor_of(request))
    return say("row_mended_by", None, **vars(mended)) if mended else say("row_not_waiting")


def _mend(request: HttpRequest, row: Waiting, cells: dict[str, str]) -> str:
    """Mend a row; return what is still wrong, or ''."""
    by, reason = actor_of(request), request.POST.get("reason", "")
    if not reason.strip():
        return say("reason_missing")
    if not cells:
        return say("nothing_changed")
    try:
        report = mend_row(held_id=row.id, cells=cells, by=by, reason=reason)
    except BangfuError as problem:
        return str(problem)
    if report.refused:
        return str(report.refused)
    link_records(by=by)
    still = [problem["message"] for problem in report.problems if problem["row"] == row.row]  # others wait on as before
    return str(still[0]) if still else ""


@require_POST
@open_to(*READERS, writes=KEEPERS)
def undo(request: HttpRequest, number: int) -> HttpResponse:
    """Take a whole file back, and show it as taken back; what stands in the way is said on its page."""
    by = actor_of(request)
    found = files_of(by).filter(pk=number).first()
    if found is None:
        raise Http404
    try:
        undo_import(file_id=number, by=by, reason=request.POST.get("reason", ""))
    except BangfuError as problem:
        return _file_page(request, number, str(problem))
    uploading.in_background(lambda: link_records(by=by))
    messages.success(request, say("file_taken_back", number=number, file=found.name))
    return redirect("import_file", number)
