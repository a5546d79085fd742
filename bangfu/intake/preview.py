"""An import up to the writing: what it needs to know beside the file, and what it would come to."""

from __future__ import annotations

from datetime import date

from django.conf import settings

from bangfu.audit import keys
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.calendars import Calendar, calendar_for, known_regions
from bangfu.core.errors import Refused
from bangfu.core.messages import say
from bangfu.intake import queries
from bangfu.intake.layouts import header_name
from bangfu.intake.opened import Correction, Opened, date_batch, open_file
from bangfu.intake.prepare import Prepared, Workshop, prepare
from bangfu.intake.report import COUNTS, Options, Report
from bangfu.registry import queries as register
from bangfu.registry.places import Places


def corrections_of(options: Options) -> list[Correction]:
    """Return the header names that a person corrected: now, and before."""
    given = [Correction(x.id, header_name(h), f) for x in options.layouts for h, f in options.corrections.items()]
    return [*given, *queries.corrections()]


def calendar_of(batch: list[Opened]) -> Calendar:
    """Return the calendar of the county at hand: the register's own, or the one that the files speak of."""
    folder = settings.HOME / "calendars"
    home = register.home_county()
    if home is None:
        regions = known_regions(folder)
        home = next((region for opened in batch for region in regions if region in opened.sample), None)
    return calendar_for(home or "", folder)


def check_scope(prepared: Prepared, places: Places, by: Actor) -> None:
    """Refuse a list of an organisation that lies outside the actor's subtrees, and one whose office is not known."""
    sender = prepared.delivery.file.columns["sender_id"]
    if not by.everywhere and not (sender and by.sees(places.paths[sender])):
        raise Refused("list_not_yours")


def fill_report(report: Report, prepared: Prepared) -> None:
    """Write into a file's report what a delivery comes to: its rows, its day, who left, the rows held."""
    columns = prepared.delivery.file.columns
    report.rows = {name: columns[name] for name in COUNTS}
    report.day = date.fromisoformat(columns["list_date"])
    report.left = prepared.delivery.changes.left
    for _, held in prepared.held.values():
        message = say(held.code, column=held.column, row=held.row)
        report.problems.append({"row": held.row, "column": held.column, "code": held.code, "message": message})


@whole()
def preview_file(*, name: str, content: bytes, options: Options, by: Actor) -> Report:
    """Return what importing this file would come to, writing nothing: its rows, and those that would be held."""
    report = Report(name)
    try:
        opened = open_file(name, content, options.layouts, corrections_of(options))
        calendar = calendar_of([opened])
        for problem in date_batch([opened], options.day, options.today, calendar).values():
            raise problem
        shop = Workshop(register.places(), keys.current(), calendar, register.clock())
        prepared = prepare(opened, shop, by.at)
        check_scope(prepared, shop.places, by)
        report.layout = opened.layout.id
        fill_report(report, prepared)
    except Refused as problem:
        report.refused = problem
    return report
