"""Homes for stories: a real installation with a roll and a county's list, imported by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import Home, dropping, new_home
from tests.intake.bad_files import BIRTH, write_roll, write_xlsx
from tests.registry.rolls import pupils
from tests.registry.test_history import ORPHANS, orphan

PUPILS = 30
HELD_ROW = PUPILS + 2  # the last pupil's row, under the header
UNREADABLE = "去年春天"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a roll of 30 pupils, and one more whose birth cannot be read, and a list with two orphans of them."""
    folder = tmp_path_factory.mktemp("files")
    rows = pupils(*range(1, PUPILS + 2))
    rows[-1][BIRTH] = UNREADABLE
    write_roll(folder / "roll.xlsx", rows)
    write_xlsx(folder / "orphans.xlsx", {"名单": [[*ORPHANS], orphan(1), orphan(2)]})
    return [folder / "roll.xlsx", folder / "orphans.xlsx"]


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> Iterator[Home]:
    """Return a home with these files in its register, to be copied and not changed."""
    with new_home(tmp_path_factory.mktemp("imported") / "home") as home:
        home.run("import", *files, "--date", "2025-02-20")
        yield home


@pytest.fixture
def home(imported: Home, tmp_path: Path) -> Iterator[Home]:
    """Return a home with these files in its register, to do with as a test likes."""
    with dropping(imported.copy(tmp_path / "home")) as home:
        yield home
