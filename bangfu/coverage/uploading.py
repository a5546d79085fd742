"""An upload at work: files on disk until they are in, in a thread of their own, with a job that says how far it is."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connections

from bangfu.core.actor import Actor
from bangfu.core.errors import Refused
from bangfu.coverage.actions import link_records
from bangfu.intake.actions import drop_kept, import_files, keep_file
from bangfu.intake.report import Options, Report
from bangfu.tasks.actions import at_work, give_up_jobs, open_job, tell_job

MOST_NAME_BYTES = 200  # file systems take 255; of a longer name its end is kept, with the suffix
KIND = "upload"
MAPPABLE = "no_header"  # why a file is refused that a person can still explain


def begin(files: Sequence[UploadedFile[Any]], options: Options, key: UUID, *, by: Actor, kept: int = 0) -> int:
    """Take files in and start to import them; return the job. The same key a second time begins nothing.

    `kept`: the number of the kept file that these bytes are (0: none); it goes once they are in.
    """
    total = sum(file.size or 0 for file in files)
    _folder().mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=_folder()))
    paths = [_write(folder / str(at), file) for at, file in enumerate(files)]
    job, new = open_job(kind=KIND, subject=f"{len(files)} files", total=total, by=by, key=key)
    if new:
        in_background(lambda: _work(job, folder, paths, options, by, kept))
    else:
        shutil.rmtree(folder)
    return job


def in_background(work: Callable[[], object]) -> None:
    """Do work in a thread of its own, with database connections of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    threading.Thread(target=run, daemon=True).start()


def clear(*, by: Actor) -> None:
    """End the uploads of a server that stopped, and remove what they left on disk; a new one is starting."""
    shutil.rmtree(_folder(), ignore_errors=True)
    give_up_jobs(kind=KIND, by=by)


def _folder() -> Path:
    return Path(settings.HOME) / "uploads"


def _write(folder: Path, file: UploadedFile[Any]) -> Path:
    """Write an upload into a folder of its own, under its own name without any path."""
    folder.mkdir()
    path = folder / Path(file.name or "file").name.encode()[-MOST_NAME_BYTES:].decode(errors="ignore")
    with path.open("wb") as out:
        for chunk in file.chunks():
            out.write(chunk)
    return path


def _work(job: int, folder: Path, paths: Sequence[Path], options: Options, by: Actor, kept: int) -> None:
    try:
        with at_work(job=job, by=by) as advance:
            reports = import_files(paths, options, lambda done, _, rows: advance(done, rows), by=by)
            tell_job(job=job, report=[_line(report, by) for report in reports], by=by)
            if kept and not any(report.refused for report in reports):
                drop_kept(number=kept, by=by)
            if any(report.rows["applied"] for report in reports):
                link_records(by=by)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(report: Report, by: Actor) -> dict[str, object]:
    """Return what the job's page tells of a file: its row equation, or why it was refused (a code with its facts)."""
    name = Path(report.file).name
    line: dict[str, object] = {"name": name, "layout": report.layout, "rows": report.rows, "left": report.left}
    if report.refused:
        line |= {"refused": report.refused.code, "facts": _plain(report.refused)}
        if report.refused.code == MAPPABLE:
            line["kept"] = keep_file(name=name, content=Path(report.file).read_bytes(), by=by)
    return line


def _plain(problem: Refused) -> dict[str, str]:
    return {name: str(value) for name, value in problem.facts.items()}
