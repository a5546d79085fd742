"""`bangfu coverage`, `links` and `differences`: from arguments to actions and queries, and the lists as files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from errno import EISDIR
from os import strerror
from pathlib import Path

import click

from bangfu.cli import home, show, show_coverage
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.coverage import queries
from bangfu.coverage.actions import Covered, cover, decide_link, take_back_link
from bangfu.coverage.reckon import CODES
from bangfu.identify.queries import determined_after

URGENT = 10
# The lists in the order in which they are written, with their columns (design, section 9).
LISTS = {
    "rows.csv": ("file", "row", "person"),
    "pupils.csv": ("person", "state", "bases"),
    "children.csv": ("person", "file", "row", "reason"),
    "conflicts.csv": ("code", "file", "row", "other_file", "other_row", "owner", "due"),
}
DONE = {"join": "link_join", "part": "link_part", "forget": "link_forget"}


def run(out: Path, day: date | None, json_: bool) -> None:
    """Reckon coverage, write the four lists into `out`, print the totals."""
    made = _folder(out)
    try:
        covered = cover(day=day, by=home.here())
    except BangfuError:
        if made:
            out.rmdir()
        raise
    write_lists(covered, out)
    show_coverage.coverage(summary(covered), json_)
    if not json_:
        click.echo(say("coverage_written", path=out))
        if day is None and (later := determined_after(covered.run.day, home.here())):
            click.echo(say("determined_later", count=later, day=covered.run.day))


def reckoned() -> show_coverage.Summary:
    """Reckon coverage for the newest lists and return what is printed of it."""
    return summary(cover(by=home.here()))


def summary(covered: Covered) -> show_coverage.Summary:
    """Return what is printed of a reckoning."""
    urgent = queries.urgent(home.here(), URGENT)
    return show_coverage.Summary(covered.run.day, covered.totals, queries.how_linked(), urgent)


def _folder(out: Path) -> bool:
    """See that the lists can be written, before anything is reckoned; tells whether the folder was made for them."""
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in LISTS:
            part = _part(out, name)
            part.touch()
            part.unlink()
            if (out / name).is_dir():
                raise IsADirectoryError(EISDIR, strerror(EISDIR), str(out / name))
    except OSError as problem:
        path = problem.filename or out
        raise BangfuError("out_unwritable", path=path, detail=problem.strerror) from problem
    return made


def _part(out: Path, name: str) -> Path:
    return out / f"{name}.part"


def write_lists(covered: Covered, out: Path) -> None:
    """Write rows.csv, pupils.csv, children.csv and conflicts.csv (design, section 9), all of them or none."""
    ask = covered.found.execute
    rows = ask('SELECT r.file, r."row", h.human FROM source_row r JOIN human h USING (person) ORDER BY r.id').fetchall()
    pupils = ask("SELECT human, state, COALESCE(bases, '') FROM pupil ORDER BY human").fetchall()
    children = ask(
        "SELECT c.human, n.file, n.row_number, c.reason FROM child c JOIN now n USING (person) WHERE c.schools = 0"
        " ORDER BY n.row_id"
    ).fetchall()
    owner = show_coverage.owner
    conflicts = [
        (row.code, row.file, row.row, row.other_file, row.other_row or "", owner(row), row.due.isoformat())
        for row in queries.urgent(home.here())
    ]
    try:
        for (name, columns), lines in zip(LISTS.items(), (rows, pupils, children, conflicts), strict=True):
            with _part(out, name).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(lines)
        for name in LISTS:
            _part(out, name).replace(out / name)
    except OSError as problem:
        for name in LISTS:
            _part(out, name).unlink(missing_ok=True)
        raise BangfuError("out_unwritable", path=out, detail=problem.strerror) from problem


def list_links(records: str | None, every: bool, json_: bool) -> None:
    """Print the questions, or all links that stand."""
    verdicts = ("doubtful", "same", "different") if every else ("doubtful",)
    try:
        wanted = [int(part) for part in (records or "").split(",") if part.strip()]
    except ValueError as problem:
        raise click.UsageError(f"--records {records!r}: expected numbers joined by commas") from problem
    show_coverage.links(queries.links(home.here(), verdicts, wanted), json_)


def show_chain(left: int, right: int, json_: bool) -> None:
    """Print the records between two, with the rows that they stand in."""
    by = home.here()
    show_coverage.chain(queries.chain_between(left, right, by), queries.last_rows, json_)


def decide(name: str, left: int, right: int, reason: str, json_: bool) -> None:
    """Join, part or forget."""
    by = home.here()
    if name == "forget":
        take_back_link(left=left, right=right, by=by, reason=reason)
    else:
        decide_link(left=left, right=right, same=name == "join", by=by, reason=reason)
    show.done(DONE[name], json_, left=left, right=right)


def list_differences(codes: Sequence[str], json_: bool) -> None:
    """Print the open differences."""
    if unknown := [code for code in codes if code not in CODES]:
        raise BangfuError("code_unknown", name=unknown[0], known=", ".join(CODES))
    show_coverage.differences(queries.urgent(home.here(), codes=codes), json_)
