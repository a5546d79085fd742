"""`bangfu import`: from arguments to the import action, with progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import click
from django.conf import settings
from django.utils.timezone import localtime
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bangfu.cli import home
from bangfu.core.errors import BangfuError
from bangfu.intake import queries
from bangfu.intake.actions import import_files
from bangfu.intake.layouts import Layout, choose_layouts
from bangfu.intake.report import COUNTS, Options, Report
from bangfu.intake.report import Progress as Advance
from bangfu.registry import queries as register


def run(files: list[Path], layout: str | None, day: date | None, maps: Iterable[str]) -> list[Report]:
    """Import `files` and return a report for each; the moment of the command is when it was recorded."""
    by = home.here()
    corrections = pairs(maps)
    layouts = choose_layouts(layout, settings.HOME / "layouts")
    _check_fields(corrections, layouts)
    options = Options(layouts, by.at.date(), day, corrections)
    with progress() as advance:
        return import_files(list(dict.fromkeys(files)), options, advance, by=by)


def listed() -> list[dict[str, Any]]:
    """Return the files that came, the newest first, with their row counts and what became of them."""
    found = list(register.files(home.here()))
    undone = queries.undone(file.pk for file in found)
    return [_listed(file, undone.get(file.pk)) for file in found]


def _listed(file: Any, undone: queries.Undone | None) -> dict[str, Any]:
    return {
        "number": file.pk,
        "file": file.name,
        "layout": file.layout,
        "list_date": file.list_date.isoformat(),
        "recorded_at": localtime(file.recorded_at).isoformat(),
        "sender": file.sender.name if file.sender else "",
        "rows": {name: getattr(file, name) for name in COUNTS},
        "undone": {"at": localtime(undone.at).isoformat(), "by": undone.by, "reason": undone.reason}
        if undone
        else None,
    }


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE arguments as a dictionary; a usage error for one without '='."""
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{text!r}: expected NAME=VALUE")
        found[name] = value
    return found


def _check_fields(corrections: dict[str, str], layouts: Iterable[Layout]) -> None:
    known = {column.field for layout in layouts for column in layout.columns}
    for field in corrections.values():
        if field not in known:
            names = ", ".join(layout.id for layout in layouts)
            raise BangfuError("field_unknown", layout=names, field=field, known=", ".join(sorted(known)))


@contextmanager
def progress() -> Iterator[Advance]:
    """Show rows, rate and time left on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda done, total, rows: None
        return
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:,} 行 rows"),
    )
    speed, left = TextColumn("{task.fields[rate]:,.0f}/s"), TimeRemainingColumn()
    with Progress(*columns, speed, left, console=console, transient=True) as bar:
        task = bar.add_task("import", total=None, rows=0, rate=0.0)

        def advance(done: int, total: int, rows: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0
            bar.update(task, completed=done, total=total, rows=rows, rate=rows / elapsed if elapsed else 0)

        yield advance
