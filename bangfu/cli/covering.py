"""`bangfu coverage`, `links` and `differences`: from arguments to actions and queries, and the lists as files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import click

from bangfu.cli import home, show, show_coverage
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say
from bangfu.coverage import queries
from bangfu.coverage.actions import Covered, cover, decide_link, take_back_link
from bangfu.coverage.reckon import CODES

URGENT = 10
DONE = {"join": "link_join", "part": "link_part", "forget": "link_forget"}


def run(out: Path, day: date | None, json_: bool) -> None:
    """Reckon coverage, write the four lists into `out`, print the totals."""
    _folder(out)
    covered = cover(day=day, by=home.here())
    write_lists(covered, out)
    show_coverage.coverage(summary(covered), json_)
    if not json_:
        click.echo(say("coverage_written", path=out))


def reckoned() -> show_coverage.Summary:
    """Reckon coverage for the newest lists and return what is printed of it."""
    return summary(cover(by=home.here()))


def summary(covered: Covered) -> show_coverage.Summary:
    """Return what is printed of a reckoning."""
    urgent = queries.urgent(home.here(), URGENT)
    return show_coverage.Summary(covered.run.day, covered.totals, queries.how_linked(), urgent)


def _folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BangfuError("out_unwritable", path=out, detail=problem.strerror) from problem


def write_lists(covered: Covered, out: Path) -> None:
    """Write rows.csv, pupils.csv, children.csv and conflicts.csv (design, section 9), each whole or not at all."""
    rows = covered.found.execute(
        'SELECT r.file, r."row", h.human FROM source_row r JOIN human h USING (person) ORDER BY r.id'
    ).fetchall()
    _write(out / "rows.csv", ("file", "row", "person"), rows)
    pupils = covered.found.execute("SELECT human, state, COALESCE(bases, '') FROM pupil ORDER BY human").fetchall()
    _write(out / "pupils.csv", ("person", "state", "bases"), pupils)
    children = covered.found.execute(
        "SELECT c.human, n.file, n.row_number, c.reason FROM child c JOIN now n USING (person) WHERE c.schools = 0"
        " ORDER BY n.row_id"
    ).fetchall()
    _write(out / "children.csv", ("person", "file", "row", "reason"), children)
    owner = show_coverage.owner
    conflicts = [
        (row.code, row.file, row.row, row.other_file, row.other_row or "", owner(row), row.due.isoformat())
        for row in queries.urgent(home.here())
    ]
    columns = ("code", "file", "row", "other_file", "other_row", "owner", "due")
    _write(out / "conflicts.csv", columns, conflicts)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        part.replace(path)
    except OSError as problem:
        raise BangfuError("out_unwritable", path=path, detail=problem.strerror) from problem


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
