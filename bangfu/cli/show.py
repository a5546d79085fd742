"""What commands print: tables for people, JSON with --json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bangfu.core.messages import say
from bangfu.intake.layouts import all_layouts
from bangfu.intake.report import COUNTS, Report

PROBLEMS_SHOWN = 20
NAMED = 10
WIDE = 132  # columns where the output is not a terminal


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def founded(made: bool, json_: bool) -> None:
    """Say whether an installation was made."""
    from django.conf import settings

    if json_:
        print_json({"home": str(settings.HOME), "made": made})
    else:
        click.echo(say("init_done" if made else "already_initialised", path=settings.HOME))


def reports(found: Sequence[Report], json_: bool) -> None:
    """Print what became of each file; a refused one is a line on stderr in both forms."""
    for report in found:
        if report.refused:
            click.echo(f"{report.file}: {report.refused}", err=True)
    if json_:
        print_json({"files": [_report_json(report) for report in found]})
        return
    _report_table([report for report in found if not report.refused])
    lines = [f"{report.file}: {say('people_left', count=report.left)}" for report in found if report.left]
    lines += [f"{report.file}: {p['message']}" for report in found for p in report.problems]
    for line in lines[:PROBLEMS_SHOWN]:
        click.echo(line)
    if len(lines) > PROBLEMS_SHOWN:
        click.echo(say("more_held", count=len(lines) - PROBLEMS_SHOWN))


def _report_json(report: Report) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": report.file, "layout": report.layout, "rows": report.rows}
    entry["problems"] = report.problems
    entry["left"] = report.left
    if report.refused:
        entry["refused"] = {"code": report.refused.code, "message": str(report.refused)}
    if report.day:
        entry["list_date"] = report.day.isoformat()
    return entry


def _report_table(found: Sequence[Report]) -> None:
    if not found:
        return
    titles = {layout.id: layout.title for layout in all_layouts()}
    table = Table(box=None, pad_edge=False, show_footer=True)
    table.add_column(say("column_file"), say("column_all"), overflow="fold")
    table.add_column(say("column_recognised"))
    table.add_column(say("column_day"))
    for name in COUNTS:
        total = sum(report.rows[name] for report in found)
        table.add_column(say(f"column_{name}"), f"{total:,}", justify="right")
    for report in found:
        title = titles.get(report.layout or "", {"zh": report.layout or "", "en": report.layout or ""})
        numbers = [f"{report.rows[name]:,}" for name in COUNTS]
        table.add_row(Path(report.file).name, title[say("language")], str(report.day or ""), *numbers)
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table; where the output is no terminal, wide enough for its lines."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    console.print(table)


def waiting(rows: Sequence[Any], json_: bool) -> None:
    """Print the rows that wait. Their cells are personal data: shown to the operator, who asked for them."""
    if json_:
        print_json({"held": [vars(row) for row in rows]})
        return
    for row in rows:
        click.echo(f"{row.id}  {row.file}: {say(row.code, row=row.row, column=row.column)}")
    if not rows:
        click.echo(say("none_held"))


def files(found: Sequence[dict[str, Any]], json_: bool) -> None:
    """Print the files that came; one that was taken back with when, by whom and why."""
    if json_:
        print_json({"files": found})
        return
    titles = {layout.id: layout.title for layout in all_layouts()}
    table = Table(box=None, pad_edge=False)
    for name in ("number", "file", "recognised", "day", "recorded", "read", "applied", "why"):
        table.add_column(say(f"column_{name}"), overflow="fold")
    for row in found:
        title = titles.get(row["layout"], {}).get(say("language"), row["layout"])
        counts = [f"{row['rows'][name]:,}" for name in ("read", "applied")]
        undone = row["undone"]
        why = say("taken_back_by", None, **{**undone, "at": undone["at"][:16]}) if undone else ""
        table.add_row(str(row["number"]), row["file"], title, row["list_date"], row["recorded_at"][:16], *counts, why)
    print_table(table)


def verified(found: dict[str, list[str]], json_: bool) -> None:
    """Print what each check found."""
    if json_:
        print_json({"whole": not any(found.values()), "found": found})
        return
    for name, sentences in found.items():
        click.echo(f"{name}: {len(sentences)}")
        for sentence in sentences:
            click.echo(f"  {sentence}")
    if not any(found.values()):
        click.echo(say("whole"))


def linked(pairs: int, out: Path, json_: bool) -> None:
    """Print how many pairs were found."""
    if json_:
        print_json({"pairs": pairs, "out": str(out)})
    else:
        click.echo(say("linked", pairs=pairs, out=out))


def paired(found: dict[str, Any], out: Path, json_: bool) -> None:
    """Print what a pairing reached, how it is proven, and who has no helper and why."""
    if json_:
        print_json(found)
        return
    click.echo(say("paired", pairs=found["pairs"], helped=found["helped"], kept=found["kept"], out=out))
    click.echo(say("paired_cost", cost=found["total_cost"], bound=found["bound"], load=found["load"]))
    click.echo(say("paired_proven" if found["status"] == "optimal" else "paired_unproven"))
    lines = [f"{one['id']}: {one['reason']}{one['change']}" for one in found["unhelped"]]
    lines += [f"{one['helper']} - {one['helped']}: {one['reason']}" for one in found["lapsed"]]
    lines += [say("paired_without_contact", group=group) for group in found["without_contact"]]
    if found["reserve"]:
        lines.append(say("paired_reserve", count=len(found["reserve"]), helpers=", ".join(found["reserve"][:NAMED])))
    for line in lines[:PROBLEMS_SHOWN]:
        click.echo(line)
    if len(lines) > PROBLEMS_SHOWN:
        click.echo(say("paired_more", count=len(lines) - PROBLEMS_SHOWN))


def done(code: str, json_: bool, **facts: object) -> None:
    """Say that something was done."""
    if json_:
        print_json({"done": code, **facts})
    else:
        click.echo(say(code, None, **facts))


def sign_ins(rows: Sequence[dict[str, str]]) -> None:
    """Print the demo's sign-ins."""
    click.echo(say("demo_sign_ins_title"))
    for row in rows:
        role = say(f"role_{row['role']}")
        click.echo(f"  {row['staff_number']} / {row['password']}  {role}, {row['place']}")


def links_made(counts: dict[str, int], json_: bool) -> None:
    """Say how many links were made and ended."""
    if json_:
        print_json(counts)
    else:
        click.echo(say("links_updated", None, **counts))


def rotated(cells: int, number: int, json_: bool) -> None:
    """Print what a rotation did."""
    if json_:
        print_json({"cells": cells, "key_set": number})
    else:
        click.echo(say("rotated", cells=cells, number=number))


def demo_json(
    found: Sequence[Report], day: date | None, totals: dict[str, Any], folder: Path, more: dict[str, Any]
) -> None:
    """Print the demo's summary as JSON."""
    files = [_report_json(report) for report in found]
    print_json({"home": str(folder), "files": files, "day": str(day), "totals": totals, **more})


def demo(found: Sequence[Report], day: date | None, totals: dict[str, list[tuple[str, int]]]) -> None:
    """Print the demo's first part: each file's row equation, and the register by school, list and village."""
    reports(found, json_=False)
    for name, lines in totals.items():
        table = Table(box=None, pad_edge=False)
        table.add_column(say(f"column_{name}"))
        table.add_column(say("column_people"), justify="right")
        for label, count in lines:
            table.add_row(say(f"status_{label}") if name == "lists" else label, f"{count:,}")
        table.add_row(say("column_all"), f"{sum(count for _, count in lines):,}")
        click.echo(f"\n{say(f'totals_{name}', day=day)}")
        print_table(table)
