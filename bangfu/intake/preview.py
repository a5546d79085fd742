"""What an import would come to: all of it but the writing."""

from __future__ import annotations

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.core.errors import Refused
from bangfu.intake.actions import calendar_of, check_scope, corrections_of, fill_report
from bangfu.intake.opened import date_batch, open_file
from bangfu.intake.prepare import Workshop, prepare
from bangfu.intake.report import Options, Report
from bangfu.registry import queries as register


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
