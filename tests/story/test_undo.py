"""A file is taken back and comes again, by the command line; `bangfu verify` holds throughout."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.homes import Home
from tests.story.conftest import PUPILS


def rows_of(home: Home, out: Path) -> set[tuple[str, str]]:
    """Reckon coverage and return the rows of people in it, as (file, row)."""
    home.run("coverage", "--out", out)
    lines = csv.DictReader((out / "rows.csv").read_text(encoding="utf-8").splitlines())
    return {(line["file"], line["row"]) for line in lines}


def test_a_file_goes_and_comes_again(home: Home, files: list[Path], tmp_path: Path) -> None:
    whole = rows_of(home, tmp_path / "1")
    assert len(home.json("held")["held"]) == 1
    done = home.json("undo", 1, "--reason", "the wrong day")
    assert done["taken_back"] == [1]
    assert home.found(exits=0) == []
    assert home.json("held")["held"] == []
    assert rows_of(home, tmp_path / "2") == {row for row in whole if row[0] != "roll.xlsx"}
    assert home.found(exits=0) == []
    (report,) = home.json("import", files[0], "--date", "2025-02-20")["files"]
    assert (report["rows"]["applied"], report["rows"]["held"]) == (PUPILS, 1)
    assert rows_of(home, tmp_path / "3") == whole
    assert len(home.json("held")["held"]) == 1
    assert home.found(exits=0) == []
    undone = {row["number"]: row["undone"] for row in home.json("files")["files"]}
    assert {number: bool(found) for number, found in undone.items()} == {1: True, 2: False, 4: False}
    assert undone[1]["reason"] == "the wrong day"
    assert "4" in home.run("undo", 4, "--reason", "the wrong school").stdout


def test_keys_are_rotated_over_an_undone_file_and_it_comes_again(home: Home, files: list[Path]) -> None:
    home.run("undo", 1, "--reason", "the wrong day")
    home.run("keys", "rotate")
    assert home.found(exits=0) == []
    (report,) = home.json("import", files[0], "--date", "2025-02-20")["files"]
    assert report["rows"]["applied"] == PUPILS
    assert home.found(exits=0) == []
