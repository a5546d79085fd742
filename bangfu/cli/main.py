"""`bangfu VERB`: reads arguments, calls one action or query, prints what it says.

Exit 0: done. 1: done, and something is wrong, or some of several inputs were refused. 2: bad input or usage,
nothing changed, one line on stderr. With --json, stdout is that JSON and nothing else.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from bangfu import __version__
from bangfu.accounts.rules import Role
from bangfu.cli import demo as demo_
from bangfu.cli import home, show
from bangfu.core.errors import BangfuError

FOUND_WRONG = 1
BAD_INPUT = 2
as_json = click.option("--json", "json_", is_flag=True, help="Print JSON on stdout, nothing else.")


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day; a usage error where it is none."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; expected YYYY-MM-DD", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bangfu")
def cli() -> None:
    """Targeted assistance, accounted for row by row (帮扶). Data live in $BANGFU_HOME."""


@cli.command()
@as_json
def init(json_: bool) -> None:
    """Make an installation in $BANGFU_HOME: database, keys, empty register."""
    home.start()
    made = home.found_home()
    home.warn_of_superuser()
    show.founded(made, json_)


@cli.command()
@as_json
def upgrade(json_: bool) -> None:
    """Bring the tables of an installation that an older version made to this one's; make a copy of it before."""
    home.start()
    steps = home.upgrade_home()
    show.done("upgraded" if steps else "upgraded_already", json_, steps=steps)


@cli.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--layout", help="Read all files as this layout (an id, or a layout file).")
@click.option("--date", "day", type=Day(), help="The day the lists are of, where they do not say so.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="HEADER=FIELD",
    help="What a column is; remembered for the sender.",
)
@as_json
def import_(files: tuple[Path, ...], layout: str | None, day: date | None, maps: tuple[str, ...], json_: bool) -> None:
    """Read workbooks into the register; every row is accounted for."""
    home.start()
    home.found_home()
    from bangfu.cli import importing

    reports = importing.run(list(files), layout, day, maps)
    show.reports(reports, json_)
    refused = sum(report.refused is not None for report in reports)
    sys.exit(0 if not refused else BAD_INPUT if refused == len(reports) else FOUND_WRONG)


@cli.command()
@as_json
def held(json_: bool) -> None:
    """List the rows that wait to be mended."""
    home.start()
    home.open_home()
    from bangfu.intake.queries import waiting

    show.waiting(list(waiting(home.here())), json_)


@cli.command()
@click.argument("row", type=int)
@click.argument("cells", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def mend(row: int, cells: tuple[str, ...], reason: str, json_: bool) -> None:
    """Mend a held row (its number from `bangfu held`) and apply it."""
    home.start()
    home.open_home()
    from bangfu.cli.importing import pairs
    from bangfu.intake.actions import mend_row

    report = mend_row(held_id=row, cells=pairs(cells), by=home.here(), reason=reason)
    show.reports([report], json_)


@cli.command()
@as_json
def files(json_: bool) -> None:
    """List the files that came, with their numbers, and those that were taken back."""
    home.start()
    home.open_home()
    from bangfu.cli import importing

    show.files(importing.listed(), json_)


@cli.command()
@click.argument("number", type=int, metavar="FILE_NUMBER")
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def undo(number: int, reason: str, json_: bool) -> None:
    """Take a whole file back (its number from `bangfu files`): as if it had never come."""
    home.start()
    home.open_home()
    from bangfu.intake.actions import undo_import
    from bangfu.registry.queries import file_for

    by = home.here()
    file = file_for(number, by).name
    taken = undo_import(file_id=number, by=by, reason=reason)
    show.done("file_taken_back", json_, number=number, file=file, **({"taken_back": taken} if json_ else {}))


@cli.command()
@click.argument("left", type=click.Path(path_type=Path))
@click.argument("right", required=False, type=click.Path(path_type=Path))
@click.option("--id", "id_column", required=True, metavar="COLUMN", help="The column that names a row; not compared.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where to write left,right,probability.")
@as_json
def link(left: Path, right: Path | None, id_column: str, out: Path, json_: bool) -> None:
    """Find the rows of one or two CSV files that are probably the same person. Needs no installation."""
    from bangfu.cli import linking

    show.linked(linking.run(left, right, id_column, out), out, json_)


@cli.group()
def policies() -> None:
    """Policy files: who is owed what, from when, by which document."""


@policies.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@as_json
def policies_check(folder: Path | None, json_: bool) -> None:
    """Check policy files (those shipped if no folder is named) and run their worked cases. Needs no installation."""
    from bangfu.cli import ruling

    ruling.check(folder, json_)


facts_file = click.option(
    "--facts", required=True, type=click.Path(path_type=Path), help="Facts, a row for each student: Parquet or CSV."
)
policies_folder = click.option(
    "--policies", "folder", type=click.Path(path_type=Path), help="A folder of policies; those shipped if left out."
)
of_period = click.option("--period", required=True, help="Such as 2025-spring, 2024-2025, 2025 or 2025-03.")


@cli.command()
@facts_file
@policies_folder
@of_period
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where to write the decisions (Parquet).")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@as_json
def decide(facts: Path, folder: Path | None, period: str, out: Path, engine: str, json_: bool) -> None:
    """Decide who is owed what, for a table of facts. Needs no installation."""
    from bangfu.cli import ruling

    ruling.decide(facts, folder, period, out, engine, json_)


@cli.command()
@facts_file
@policies_folder
@of_period
@click.argument("student")
@as_json
def explain(facts: Path, folder: Path | None, period: str, student: str, json_: bool) -> None:
    """Say what one student of a table of facts is owed and why, by each policy. Needs no installation."""
    from bangfu.cli import ruling

    ruling.tell(facts, folder, period, student, json_)


@cli.command()
@facts_file
@policies_folder
@of_period
@click.option("--against", type=click.Path(path_type=Path), help="The policies now; those shipped if left out.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Also by the values of this column of the facts.")
@as_json
def whatif(
    facts: Path, folder: Path | None, period: str, against: Path | None, by: tuple[str, ...], json_: bool
) -> None:
    """Say who would gain and who would lose how much under other policies. Needs no installation."""
    from bangfu.cli import ruling

    ruling.compare(facts, folder, against, period, by, json_)


@cli.command()
@click.argument("problem", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where to write helper,helped,cost.")
@click.option("--why", type=click.Path(path_type=Path), help="Where to write the pairs with why each is one.")
@as_json
def pair(problem: Path, out: Path, why: Path | None, json_: bool) -> None:
    """Pair the helped of a folder with its helpers, provably the best way. Needs no installation."""
    from bangfu.cli import pairing

    found = pairing.run(problem, out, why)
    show.paired(found, out, json_)
    sys.exit(0 if found["status"] == "optimal" and not found["without_contact"] else FOUND_WRONG)


@cli.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder for the four lists.")
@click.option("--day", type=Day(), help="The day to reckon for; the newest roll's or register's if left out.")
@as_json
def coverage(out: Path, day: date | None, json_: bool) -> None:
    """Say who is who, where lists and rolls differ, and which state each pupil is in; write the lists."""
    home.start()
    home.open_home()
    from bangfu.cli import covering

    covering.run(out, day, json_)


@cli.group()
def links() -> None:
    """Which records are one person: questions, decisions, and how to undo them."""


@links.command("list")
@click.option("--records", help="Only links of these records: numbers, joined by commas.")
@click.option("--all", "every", is_flag=True, help="Also the links and refusals that stand, not only the questions.")
@as_json
def links_list(records: str | None, every: bool, json_: bool) -> None:
    """List the questions about who is who, with how the fields of the two rows agree."""
    home.start()
    home.open_home()
    from bangfu.cli import covering

    covering.list_links(records, every, json_)


@links.command("chain")
@click.argument("left", type=int)
@click.argument("right", type=int)
@as_json
def links_chain(left: int, right: int, json_: bool) -> None:
    """Show through which records two records hang together."""
    home.start()
    home.open_home()
    from bangfu.cli import covering

    covering.show_chain(left, right, json_)


@links.command("update")
@as_json
def links_update(json_: bool) -> None:
    """Link what the files since the last time brought."""
    home.start()
    home.open_home()
    from bangfu.coverage.actions import link_records

    show.links_made(link_records(by=home.here()), json_)


def _decision(name: str, help_: str) -> None:
    @links.command(name, help=help_)
    @click.argument("left", type=int)
    @click.argument("right", type=int)
    @click.option("--reason", required=True, help="Why; it goes into the trail.")
    @as_json
    def decide(left: int, right: int, reason: str, json_: bool) -> None:
        home.start()
        home.open_home()
        from bangfu.cli import covering

        covering.decide(name, left, right, reason, json_)


_decision("join", "Decide that two records are one person.")
_decision("part", "Decide that two records are two people; later files do not join them again.")
_decision("forget", "Take back what was decided about two records.")


@cli.group()
def differences() -> None:
    """Where lists and rolls differ, who must settle it, and the answers."""


@differences.command("list")
@click.option("--code", "codes", multiple=True, help="Only differences of this code.")
@as_json
def differences_list(codes: tuple[str, ...], json_: bool) -> None:
    """List the open differences, the most urgent first."""
    home.start()
    home.open_home()
    from bangfu.cli import covering

    covering.list_differences(codes, json_)


@differences.command("answer")
@click.argument("number", type=int)
@click.argument("answer")
@click.option("--evidence", required=True, help="What the answer rests on; kept sealed.")
@as_json
def differences_answer(number: int, answer: str, evidence: str, json_: bool) -> None:
    """Answer a difference; it stays answered until a newer list says otherwise."""
    home.start()
    home.open_home()
    from bangfu.coverage.actions import answer_difference

    answer_difference(id_=number, answer=answer, evidence=evidence, by=home.here())
    show.done("difference_answered", json_, id=number, answer=answer)


@differences.command("reopen")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def differences_reopen(number: int, reason: str, json_: bool) -> None:
    """Take an answer back."""
    home.start()
    home.open_home()
    from bangfu.coverage.actions import take_back_answer

    take_back_answer(id_=number, by=home.here(), reason=reason)
    show.done("difference_reopened", json_, id=number)


@cli.command()
@as_json
def verify(json_: bool) -> None:
    """Check every invariant: trail, sealed cells, stored files, row equations, facts, links, coverage."""
    home.start()
    home.open_home()
    from bangfu.audit import checks as trail
    from bangfu.coverage import checks as coverage
    from bangfu.identify import checks as identify
    from bangfu.intake import checks as intake
    from bangfu.registry import checks as registry
    from bangfu.tasks import checks as tasks

    lower = (trail.trail, registry.cells, registry.files, registry.facts, registry.undone, intake.held_rows)
    checks = (
        *lower, tasks.totals, coverage.links, coverage.totals, identify.cells, identify.cases, identify.determinations,
    )  # fmt: skip
    found = {f"{check.__module__.split('.')[1]}.{check.__name__}": list(check()) for check in checks}
    show.verified(found, json_)
    sys.exit(FOUND_WRONG if any(found.values()) else 0)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--certificate", type=click.Path(path_type=Path), help="A TLS certificate (PEM); with --key.")
@click.option("--key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option("--workers", default=2, show_default=True)
def serve(host: str, port: int, certificate: Path | None, key: Path | None, workers: int) -> None:
    """Serve the pages."""
    home.start()
    home.open_home()
    home.warn_of_superuser()
    from bangfu.cli import serving

    serving.serve(host, port, certificate, key, workers)


@cli.group()
def user() -> None:
    """People who sign in, their roles and slips."""


ROLES = click.Choice([role.value for role in Role])


@user.command("add")
@click.argument("staff_number")
@click.argument("name")
@click.option("--role", type=ROLES, help="Grant this role, too.")
@click.option("--at", help="Where: an organisation's name; everywhere if left out.")
@click.option("--reason", default="bangfu user add", help="Why; it goes into the trail.")
@as_json
def user_add(staff_number: str, name: str, role: str | None, at: str | None, reason: str, json_: bool) -> None:
    """Make a user and print the slip with his one-time word."""
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.add_user(staff_number, name, role, at, reason, json_)


@user.command("grant")
@click.argument("staff_number")
@click.argument("role", type=ROLES)
@click.option("--at", help="Where: an organisation's name; everywhere if left out.")
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def user_grant(staff_number: str, role: str, at: str | None, reason: str, json_: bool) -> None:
    """Grant a user a role from today on."""
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.grant(staff_number, role, at, reason, json_)


@user.command("slip")
@click.argument("staff_number")
@as_json
def user_slip(staff_number: str, json_: bool) -> None:
    """Print a new slip; the old password ends at once."""
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.new_slip(staff_number, json_)


@user.command("close")
@click.argument("staff_number")
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def user_close(staff_number: str, reason: str, json_: bool) -> None:
    """Close a user's account; what he did stays in the trail."""
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.close(staff_number, reason, json_)


@user.command("mfa")
@click.option("--require", "roles", multiple=True, type=ROLES, help="A role that must have a second factor.")
@click.option("--nobody", is_flag=True, help="No role must.")
@click.option("--reason", default="bangfu user mfa", help="Why; it goes into the trail.")
@as_json
def user_mfa(roles: tuple[str, ...], nobody: bool, reason: str, json_: bool) -> None:
    """Say which roles must have a second factor (all at once; without options, show which)."""
    if roles and nobody:
        raise click.UsageError("--nobody and --require exclude each other")
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.second_factor([] if nobody else list(roles) or None, reason, json_)


@user.command("mfa-reset")
@click.argument("staff_number")
@click.option("--reason", required=True, help="Why; it goes into the trail.")
@as_json
def user_mfa_reset(staff_number: str, reason: str, json_: bool) -> None:
    """Take a user's second factors off: his phone and his recovery codes are lost."""
    home.start()
    home.open_home()
    from bangfu.cli import serving

    serving.reset_second_factor(staff_number, reason, json_)


@cli.group()
def keys() -> None:
    """The keys that sealed cells are sealed with."""


@keys.command()
@as_json
def rotate(json_: bool) -> None:
    """Make new keys and seal everything anew with them."""
    home.start()
    home.open_home()
    from bangfu.coverage.actions import reseal_evidence
    from bangfu.identify.actions.sealing import reseal_words
    from bangfu.intake.actions import rotate_keys

    cells, number = rotate_keys(by=home.here(), others=[reseal_evidence, reseal_words])
    show.rotated(cells, number, json_)


@cli.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("bangfu-demo"), show_default=True)
@click.option("--source", type=click.Path(path_type=Path, exists=True), help="The county's folder.")
@click.option("--no-serve", is_flag=True, help="End after the summary.")
@as_json
def demo(folder: Path, source: Path | None, no_serve: bool, json_: bool) -> None:
    """Build the example county from its workbooks and print what was found."""
    sys.exit(demo_.run(folder, source, serve=not no_serve, json_=json_))


def main() -> None:
    """Run the command line; what a person can act on is one line on stderr and exit 2."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as problem:
        message = " ".join(problem.format_message().split())
        click.echo(f"bangfu: {message}", err=True)
        sys.exit(problem.exit_code)
    except BangfuError as problem:
        click.echo(f"bangfu: {problem}", err=True)
        sys.exit(BAD_INPUT)
    except click.Abort:
        sys.exit(FOUND_WRONG)
    except BrokenPipeError:
        sys.exit(FOUND_WRONG)
