"""`bangfu demo`: the example county, from its workbooks to who is left out, in a home of its own."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bangfu.cli import home, show
from bangfu.core.errors import BangfuError
from bangfu.core.messages import say

MARK = "demo.txt"
PORT = 8000
OURS = (
    "bangfu.sqlite3",
    "bangfu.sqlite3-wal",
    "bangfu.sqlite3-shm",
    "keys.json",
    "audit-heads.jsonl",
    "founding.lock",
    "demo-sign-ins.json",
    "sign-in.toml",
    MARK,
)
COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county"


def run(folder: Path, source: Path | None, *, serve: bool, json_: bool) -> int:
    """Build the demo in `folder` and print what was found; returns the exit code."""
    source = source or COUNTY
    files = sorted(path for path in (source / "in").iterdir() if path.is_file()) if source.is_dir() else []
    if not files:
        raise BangfuError("demo_no_files", path=source / "in")
    _clear(folder)
    home.start(folder)
    home.found_home()
    (folder / MARK).write_text("A demo of Bangfu lives here; `bangfu demo` builds it anew each time.\n")
    from bangfu.cli import covering, identifying, importing, serving, show_coverage
    from bangfu.registry.queries import latest_day, totals

    reports = importing.run(files, None, None, ())
    day = latest_day()
    found = totals(home.here(), day) if day else {}
    coverage = covering.reckoned() if day else None
    sign_ins = serving.demo_users()
    identified = identifying.in_demo(sign_ins, coverage.day) if coverage else None
    if json_:
        summary = {"coverage": coverage and coverage.as_json(), "identification": identified and identified.as_json()}
        show.demo_json(reports, day, found, folder, summary)
    else:
        show.demo(reports, day, found)
        if coverage:
            show_coverage.coverage(coverage, json_=False)
        if identified:
            identifying.show_identified(identified)
        click.echo(f"\n{say('demo_done', path=folder)}")
    if serve and not json_:
        show.sign_ins(sign_ins)
        serving.serve("127.0.0.1", PORT, None, None, 1)
    return int(any(report.refused for report in reports))


def _clear(folder: Path) -> None:
    """Make room for a new demo: only in an empty folder or one that a demo made, and only what it made."""
    if os.environ.get("DATABASE_URL"):
        raise BangfuError("demo_only_sqlite")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).exists():
        raise BangfuError("demo_folder_taken", path=folder)
    for name in OURS:
        (folder / name).unlink(missing_ok=True)
