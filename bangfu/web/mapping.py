"""A file that no layout fits: its owner says what it is and what its columns are, looks, and imports it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from bangfu.core.ids import id_in
from bangfu.core.messages import reader_language
from bangfu.coverage import uploading
from bangfu.intake.actions import drop_kept
from bangfu.intake.layouts import Layout, all_layouts
from bangfu.intake.mapping import Heading, chosen, sketch
from bangfu.intake.preview import preview_file
from bangfu.intake.queries import Kept, kept_file
from bangfu.intake.report import COUNTS, Options
from bangfu.web.access import KEEPERS, actor_of, open_to
from bangfu.web.imports import key_of

SHOWN_PROBLEMS = 10


@open_to(*KEEPERS)
def kept(request: HttpRequest, number: int) -> HttpResponse:
    """Show a kept file with its columns and first rows; by POST, look what would come of it, import or drop it."""
    by = actor_of(request)
    found = kept_file(number, by)
    if found is None:
        raise Http404
    asked = request.POST if request.method == "POST" else request.GET
    if request.method == "POST" and asked.get("verb") == "drop":
        drop_kept(number=number, by=by)
        return redirect("imports")
    layouts = {layout.id: layout for layout in all_layouts(settings.HOME / "layouts")}
    titles = [(layout.id, layout.title[reader_language()]) for layout in layouts.values()]
    layout = layouts.get(asked.get("layout", ""))
    if layout is None:
        return render(request, "imports/kept.html", {"file": found, "layouts": titles})
    return _mapped(request, found, layout, {"file": found, "layouts": titles, "layout": layout.id})


def _mapped(request: HttpRequest, found: Kept, layout: Layout, context: dict[str, Any]) -> HttpResponse:
    by, asked = actor_of(request), request.POST if request.method == "POST" else request.GET
    seen = sketch(found.content, layout, id_in(asked.get("header", "")))
    fields = {h.at: asked.get(f"map-{h.at}", h.field) for h in seen.headings}
    options = Options([layout], by.at.date(), corrections=chosen(seen.headings, layout, fields))
    if request.method == "POST" and asked.get("verb") == "import":
        file = SimpleUploadedFile(found.name, found.content)
        job = uploading.begin([file], options, key_of(request), by=by, kept=found.id)
        return redirect("job", number=job)
    if request.method == "POST":
        report = preview_file(name=found.name, content=found.content, options=options, by=by)
        counts = [(name, report.rows[name]) for name in COUNTS]
        context |= {"report": report, "counts": counts, "problems": report.problems[:SHOWN_PROBLEMS]}
    context |= {"sketch": seen, "key": uuid4(), "columns": _columns(seen.headings, fields, layout)}
    return render(request, "imports/kept.html", context)


def _columns(headings: tuple[Heading, ...], fields: dict[int, str], layout: Layout) -> list[dict[str, Any]]:
    """Return each column of the sheet with what it may be: (field, name, whether it must be there, is chosen)."""
    known = [(column.field, column.names[0], column.required) for column in layout.columns if column.names]
    return [
        {"of": h, "choices": [(field, name, must, field == fields[h.at]) for field, name, must in known]}
        for h in headings
    ]
