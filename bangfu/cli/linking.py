"""`bangfu link`: from CSV files in any encoding offices use to a file of pairs."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from bangfu.core.errors import BangfuError, Refused
from bangfu.intake.opened import read_file
from bangfu.intake.tables import decode
from bangfu.linkage.link import link_files


def run(left: Path, right: Path | None, id_column: str, out: Path) -> int:
    """Link, write the pairs to `out` (whole or not at all), and return their number."""
    with tempfile.TemporaryDirectory() as folder:
        files = [_as_utf8(path, Path(folder)) for path in (left, right) if path is not None]
        pairs = link_files(files[0], files[1] if right else None, id_column)
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("left", "right", "probability"))
            writer.writerows((pair.left, pair.right, f"{pair.probability:.6f}") for pair in pairs)
        part.replace(out)
    except OSError as problem:
        raise BangfuError("out_unwritable", path=out, detail=problem.strerror) from problem
    return len(pairs)


def _as_utf8(path: Path, folder: Path) -> Path:
    """Return the file itself where it is UTF-8, else a copy in UTF-8; a refusal names the file."""
    try:
        content = read_file(path)
        text = decode(content)
    except Refused as problem:
        raise BangfuError("link_file_bad", path=path, detail=problem) from problem
    if content == (encoded := text.encode()):
        return path
    copy = folder / path.name
    copy.write_bytes(encoded)
    return copy
