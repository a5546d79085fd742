"""One measured run, in a process of its own: `python -m tests.bench.runs KIND FOLDER` prints JSON.

`import`: the folder's files into a fresh home. `cover`: the same, and then the time of reckoning coverage (`cover`),
of doing so again (`again`), and of only reading the tables that it reads (`floor`). `orm`: the same rows saved one
model at a time (`orm-insert`: without asking whether they are there). `read`: only reading.
Interpreter start, set-up and the founding of the home are outside the clock. Seconds, rows and peak MiB.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fastexcel
import polars


def read_only(files: list[Path]) -> int:
    """Read all files with the fastest readers known; returns the number of lines."""
    lines = 0
    for path in files:
        if path.suffix == ".csv":
            content = path.read_bytes()
            encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "gb18030"
            text = content.decode(encoding).encode()
            lines += len(polars.read_csv(text, has_header=False, infer_schema=False))
            continue
        book = fastexcel.read_excel(path)
        for name in book.sheet_names:
            lines += len(book.load_sheet(name, header_row=None, dtypes="string").to_polars())
    return lines


def import_all(files: list[Path]) -> int:
    """Import all files by the product's own action; returns the number of rows read."""
    from bangfu.cli import importing

    reports = importing.run(files, None, None, ())
    assert not any(report.refused for report in reports), [str(report.refused) for report in reports]
    return sum(report.rows["read"] for report in reports)


def save_row_by_row(files: list[Path], *, force_insert: bool = False) -> int:
    """Import all files, but write by `save()`, one model at a time, as row-wise systems do (openIMIS).

    Reading, checking and sealing are ours all the same, so the ratio is only about writing. A plain `save()` of a row
    whose id is known asks first whether it is there, as they do; `force_insert` leaves that out.
    """
    from bangfu.registry import actions

    with patch.object(actions, "_insert", partial(_save_each, force_insert)):
        return import_all(files)


def _save_each(
    force_insert: bool, _cursor: Any, table: str, columns: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    from django.apps import apps

    model = next(m for m in apps.get_app_config("registry").get_models() if m._meta.db_table == f"registry_{table}")
    names = [column.strip('"') for column in columns]
    for row in rows:
        model(**dict(zip(names, row, strict=True))).save(force_insert=force_insert)


def cover() -> dict[str, float]:
    """Reckon coverage twice, and read what it reads without doing anything with it."""
    from django.db import connection

    from bangfu.cli import home
    from bangfu.coverage.actions import cover as cover_
    from bangfu.coverage.gather import SOURCES

    def read_tables() -> None:
        with connection.cursor() as cursor:
            for source in SOURCES:
                cursor.execute(f"SELECT {', '.join(source.columns)} FROM registry_{source.table}").fetchall()

    seconds = {}
    for name, work in (("cover", partial(cover_, by=home.here())), ("again", partial(cover_, by=home.here()))):
        started = time.perf_counter()
        work()
        seconds[name] = time.perf_counter() - started
    started = time.perf_counter()
    read_tables()
    return seconds | {"floor": time.perf_counter() - started}


KINDS = {
    "read": read_only,
    "import": import_all,
    "cover": import_all,
    "orm": save_row_by_row,
    "orm-insert": partial(save_row_by_row, force_insert=True),
}


def main(kind: str, folder: Path) -> None:
    """Run one kind over a folder's files and print what it took."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as home:
        if kind != "read":
            from bangfu.cli import home as home_

            home_.start(Path(home))
            home_.found_home()
        started = time.perf_counter()
        rows = KINDS[kind](files)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        more = cover() if kind == "cover" else {}
    print(json.dumps({"seconds": seconds, "rows": rows, "peak_mib": peak, **more}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
