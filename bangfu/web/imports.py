"""Imports: the files that came, the rows that wait, uploading and mending."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError
from bangfu.core.messages import reader_language, say
from bangfu.coverage.actions import link_records
from bangfu.intake.actions import import_files, mend_row
from bangfu.intake.layouts import all_layouts, choose_layouts
from bangfu.intake.queries import Waiting, waiting
from bangfu.intake.report import COUNTS, Options, Report
from bangfu.registry.queries import files as files_of
from bangfu.web.access import KEEPERS, actor_of, open_to

PAGE = 50
READERS = (*KEEPERS, Role.PRINCIPAL, Role.AUDITOR)
SUFFIXES = (".xlsx", ".xls", ".csv", ".html", ".htm")
MOST_FILES = 60
MOST_BYTES = 200 << 20
MOST_NAME_BYTES = 200  # file systems take 255; of a longer name its end is kept, with the suffix


@open_to(*READERS, writes=())
def files(request: HttpRequest) -> HttpResponse:
    """List the files that came, with their row equations, and how many rows wait."""
    by = actor_of(request)
    page = Paginator(files_of(by), PAGE).get_page(request.GET.get("page"))
    held = list(waiting(by))
    context = {"page": page, "held": held[:PAGE], "waiting": len(held), "titles": _titles(), "may": _may(request)}
    return render(request, "imports/files.html", context)


def _may(request: HttpRequest) -> bool:
    return any(actor_of(request).holds(role) for role in KEEPERS)


def _titles() -> dict[str, str]:
    lang = reader_language()
    return {layout.id: layout.title[lang] for layout in all_layouts(settings.HOME / "layouts")}


@require_POST
@open_to(*READERS, writes=KEEPERS)
def upload(request: HttpRequest) -> HttpResponse:
    """Import the uploaded files and show what became of each."""
    given = request.FILES.getlist("files")
    if problem := _refused(given):
        messages.error(request, problem)
        return redirect("imports")
    by = actor_of(request)
    layouts = choose_layouts(None, settings.HOME / "layouts")
    with tempfile.TemporaryDirectory() as folder:
        paths = [_keep(Path(folder), at, file) for at, file in enumerate(given)]
        reports = import_files(paths, Options(layouts, by.at.date()), _quiet, by=by)
    if any(report.rows["applied"] for report in reports):
        link_records(by=by)
    context = {"reports": [_line(report) for report in reports], "counts": COUNTS, "titles": _titles()}
    return render(request, "imports/result.html", context)


def _refused(given: list[UploadedFile[Any]]) -> str:
    if not given:
        return say("upload_none")
    if len(given) > MOST_FILES or sum(file.size or 0 for file in given) > MOST_BYTES:
        return say("upload_too_much", files=MOST_FILES, mebibytes=MOST_BYTES >> 20)
    wrong = [file.name or "" for file in given if not (file.name or "").lower().endswith(SUFFIXES)]
    return say("upload_wrong_kind", file=wrong[0], known=" ".join(SUFFIXES)) if wrong else ""


def _keep(folder: Path, at: int, file: UploadedFile[Any]) -> Path:
    """Write an upload into a folder of its own, under its own name without any path."""
    place = folder / str(at)
    place.mkdir()
    name = Path(file.name or "file").name.encode()[-MOST_NAME_BYTES:].decode(errors="ignore")
    path = place / name
    with path.open("wb") as out:
        for chunk in file.chunks():
            out.write(chunk)
    return path


def _quiet(done: int, total: int, rows: int) -> None:
    """Progress is kept in the job's row; this request has nobody to tell."""


def _line(report: Report) -> dict[str, Any]:
    return {"name": Path(report.file).name, "report": report, "rows": [report.rows[name] for name in COUNTS]}


@open_to(*READERS, writes=())
def file(request: HttpRequest, number: int) -> HttpResponse:
    """Show one file: its row equation and the rows that wait."""
    by = actor_of(request)
    found = files_of(by).filter(pk=number).first()
    if found is None:
        raise Http404
    held = list(waiting(by, number))
    context = {"file": found, "held": held, "titles": _titles(), "may": _may(request)}
    return render(request, "imports/file.html", context)


@open_to(*READERS, writes=KEEPERS)
def mend(request: HttpRequest, number: int) -> HttpResponse:
    """Show a held row with its cells to be mended; by POST, mend it and apply it."""
    by = actor_of(request)
    row = next((row for row in waiting(by) if row.id == number), None)
    if row is None:
        return render(request, "problem.html", {"problem": say("row_not_waiting")}, status=409)
    typed = {name: request.POST.get(f"cell-{at}", "") for at, name in enumerate(row.cells)}
    problem = ""
    if request.method == "POST":
        problem = _mend(request, row, {name: text for name, text in typed.items() if text != row.cells[name]})
        if not problem:
            messages.success(request, say("row_mended", row=row.row, file=row.file))
            return redirect("imports")
        row = _as_it_waits_now(row, actor_of(request))
    cells = [(at, name, typed[name] if problem else text) for at, (name, text) in enumerate(row.cells.items())]
    why = say(row.code, None, row=row.row, column=row.column)
    context = {"row": row, "cells": cells, "why": why, "problem": problem, "reason": request.POST.get("reason", "")}
    return render(request, "imports/mend.html", context, status=422 if problem else 200)


def _as_it_waits_now(row: Waiting, by: Actor) -> Waiting:
    """Return a row that a mend did not satisfy: it waits anew, under a number of its own."""
    place = (row.file, row.sheet, row.row)
    return next((now for now in waiting(by) if (now.file, now.sheet, now.row) == place), row)


def _mend(request: HttpRequest, row: Waiting, cells: dict[str, str]) -> str:
    """Mend a row; return what is still wrong, or ''."""
    reason = request.POST.get("reason", "")
    if not reason.strip():
        return say("reason_missing")
    if not cells:
        return say("nothing_changed")
    try:
        report = mend_row(held_id=row.id, cells=cells, by=actor_of(request), reason=reason)
    except BangfuError as problem:
        return str(problem)
    if report.refused:
        return str(report.refused)
    still = [problem["message"] for problem in report.problems if problem["row"] == row.row]  # others wait on as before
    return str(still[0]) if still else ""
