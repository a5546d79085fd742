"""What `bangfu coverage`, `links` and `differences` print: tables for people, JSON with --json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import click
from rich.table import Table

from bangfu.cli import show
from bangfu.core.messages import say
from bangfu.coverage.queries import LinkRow, Row, as_json
from bangfu.coverage.reckon import CODES


def links(rows: Sequence[LinkRow], json_: bool) -> None:
    """Print links: the records, where they stand, how each field agrees, who decided and why."""
    if json_:
        show.print_json({"links": [as_json(row) for row in rows]})
        return
    for row in rows:
        (left, right), (at_left, at_right) = row.records, row.rows
        agrees = ", ".join(f"{say(f'field_{name}')} {say(f'level_{level}')}" for name, level in row.agrees.items())
        how = say(f"how_{row.how}")
        click.echo(f"{left} + {right}  {say(f'verdict_{row.verdict}')} ({how}, {row.probability:.4f})")
        click.echo(f"    {at_left} | {at_right}")
        click.echo(f"    {agrees}" if agrees else f"    {row.by}: {row.reason}")
    if not rows:
        click.echo(say("no_links"))


def chain(records: Sequence[int], rows_of: Callable[[Sequence[int]], dict[int, str]], json_: bool) -> None:
    """Print the records of a chain with their rows."""
    at = rows_of(records)
    if json_:
        show.print_json({"chain": [{"record": record, "row": at.get(record, "")} for record in records]})
        return
    for record in records:
        click.echo(f"{record}  {at.get(record, '')}")
    if not records:
        click.echo(say("no_chain"))


def owner(row: Row) -> str:
    """Return an owner as lists name it: the organisation and the post."""
    return f"{row.owner} {say(f'role_{row.post}')}"


def differences(rows: Sequence[Row], json_: bool) -> None:
    """Print differences with owner and day."""
    if json_:
        show.print_json({"differences": [as_json(row) for row in rows]})
        return
    table = Table(box=None, pad_edge=False)
    for name in ("number", "difference", "row", "other_row", "owner", "due"):
        table.add_column(say(f"column_{name}"), overflow="fold")
    for row in rows:
        title = CODES[row.code][say("language")]
        other = f"{row.other_file}:{row.other_row}" if row.other_row else ""
        table.add_row(str(row.id), title, f"{row.file}:{row.row}", other, owner(row), row.due.isoformat())
    show.print_table(table)


@dataclass(frozen=True)
class Summary:
    """A reckoning as it is printed: its day and totals, how the links were found, the most urgent differences."""

    day: date
    totals: dict[str, Any]
    links: dict[str, int]
    urgent: Sequence[Row]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        urgent = [as_json(row) for row in self.urgent]
        return {"day": self.day.isoformat(), "totals": self.totals, "links": self.links, "urgent": urgent}


def coverage(found: Summary, json_: bool) -> None:
    """Print a reckoning: the equations, the size of each list, the most urgent rows, how the links were found."""
    if json_:
        show.print_json(found.as_json())
        return
    totals = found.totals
    click.echo()
    for group in ("rolls", "pupils", "children"):
        (name, total), *parts = totals[group].items()
        sum_ = " + ".join(f"{say(f'total_{part}')} {count:,}" for part, count in parts)
        click.echo(f"{say(f'total_{name}')} {total:,} = {sum_}")
    click.echo(f"\n{say('differences_title', day=found.day)}")
    table = Table(box=None, pad_edge=False)
    for column in ("difference", "open", "answered"):
        table.add_column(say(f"column_{column}"), justify="left" if column == "difference" else "right")
    for code, count in totals["differences"].items():
        table.add_row(CODES[code][say("language")], f"{count['open']:,}", f"{count['answered']:,}")
    show.print_table(table)
    click.echo(f"\n{say('urgent_title', count=len(found.urgent))}")
    differences(found.urgent, json_=False)
    ways = sorted(found.links.items(), key=lambda way: -way[1])
    said = ", ".join(f"{say(f'how_{name}')} {count:,}" for name, count in ways)
    click.echo(f"\n{say('links_title')}: {said or 0}")
