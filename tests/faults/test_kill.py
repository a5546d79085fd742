"""Kill -9 at any moment: a file is applied whole or not at all, and the next run finishes the job."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.register import Contents
from tests.homes import DATABASE, Home, new_home

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]
COUNTY = sorted((ROOT / "examples" / "county" / "in").iterdir())
HOMES, KILLS_A_HOME = 10, 3
# Kills that must have met a running import, one that had no file in yet, and one with some files in and others not.
FEWEST_HITS, FEWEST_BEFORE, FEWEST_BETWEEN = 15, 3, 5
MOMENTS = 8
SEED = 2025


@dataclass
class Undisturbed:
    """A run that nobody disturbed: its contents, and how long importing, founding and rotating took."""

    contents: Contents
    tables: dict[str, list[tuple[object, ...]]]
    by_file: dict[str, dict[str, int]]
    import_seconds: float
    init_seconds: float
    rotate_seconds: float


@dataclass
class Killed:
    """What became of one home: how many files were in after each kill that hit; and what was wrong, if anything."""

    home: Home
    files_in: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def seconds_of(home: Home, *arguments: str | Path) -> float:
    """Run a command to its end and return how long it took."""
    started = time.monotonic()
    home.run(*arguments)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    """Run once without a kill; then rotate, so that its time is known too."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with new_home(folder / "founded") as home:
        founding = seconds_of(home, "init")
    with new_home(folder / "home") as home:
        importing = seconds_of(home, "import", *COUNTY)
        contents = Contents(home)
        tables, by_file = contents.tables(), contents.facts_by_file()
        yield Undisturbed(contents, tables, by_file, importing, founding, seconds_of(home, "keys", "rotate"))


def kill(home: Home, after: float, *arguments: str | Path) -> bool:
    """Start a command and kill it after a while; tell whether it was still running."""
    work = home.start(*arguments)
    try:
        work.wait(timeout=after)
    except subprocess.TimeoutExpired:
        work.send_signal(signal.SIGKILL)
    work.communicate()
    home.wait_until_alone()
    return work.returncode == -signal.SIGKILL


def has_register(home: Home) -> bool:
    """Tell whether the tables are there."""
    return bool(home.address or (home.folder / DATABASE).exists()) and "registry_mealdays" in home.tables()


def half_applied(home: Home, undisturbed: Undisturbed) -> list[str]:
    """Return the files that are in, but not with all rows, facts and the trail of the undisturbed run."""
    contents = Contents(home)
    wrong = [name for name, counts in contents.facts_by_file().items() if counts != undisturbed.by_file[name]]
    return [*wrong, *(["strays"] if contents.strays() else [])]


def moments() -> list[float]:
    """Return the moments of all kills as shares of an import's time, each in a thirtieth of its own.

    A home is killed at its earliest moment first: what is in already makes the next run shorter.
    """
    chance, count = random.Random(SEED), HOMES * KILLS_A_HOME
    return [(n + chance.random()) / count for n in range(count)]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, undisturbed: Undisturbed) -> list[Killed]:
    """Kill imports into ten homes three times each, at moments spread over the time that an import takes."""
    found = []
    for number in range(HOMES):
        with new_home(tmp_path_factory.mktemp(f"killed{number}") / "home") as home:
            found.append(Killed(home))
            for moment in moments()[number::HOMES]:
                if kill(home, moment * undisturbed.import_seconds, "import", *COUNTY):
                    _look(found[-1], undisturbed)
            _finish(found[-1], undisturbed)
    return found


def _look(home: Killed, undisturbed: Undisturbed) -> None:
    """Note how many files are in, and which of them are not whole."""
    if has_register(home.home):
        home.files_in.append(len(Contents(home.home).facts_by_file()))
        home.wrong += half_applied(home.home, undisturbed)
    else:
        home.files_in.append(0)


def _finish(home: Killed, undisturbed: Undisturbed) -> None:
    """Run the import to its end and note what differs from the undisturbed run."""
    home.home.run("import", *COUNTY)
    home.wrong += home.home.found(exits=0)
    contents = Contents(home.home)
    tables = contents.tables()
    home.wrong += [f"{table} differs" for table, rows in undisturbed.tables.items() if tables[table] != rows]
    if contents.persons() != undisturbed.contents.persons():
        home.wrong.append("people have other ids")


def test_a_file_is_in_whole_or_not_at_all_and_the_next_run_ends_as_if_nothing_had_happened(
    killed: list[Killed],
) -> None:
    assert [home.wrong for home in killed] == [[]] * HOMES


def test_the_kills_hit_an_import_at_its_beginning_and_in_its_midst(killed: list[Killed]) -> None:
    files_in = [count for home in killed for count in home.files_in]
    assert len(files_in) >= FEWEST_HITS
    assert files_in.count(0) >= FEWEST_BEFORE
    assert sum(0 < count < len(COUNTY) for count in files_in) >= FEWEST_BETWEEN


def spread(seconds: float) -> Iterator[float]:
    """Yield moments spread over a command's time."""
    chance = random.Random(SEED)
    return ((number + chance.random()) / MOMENTS * seconds for number in range(MOMENTS))


def test_a_home_whose_founding_was_killed_is_founded_by_the_next_run(tmp_path: Path, undisturbed: Undisturbed) -> None:
    hits = 0
    for number, moment in enumerate(spread(undisturbed.init_seconds)):
        with new_home(tmp_path / str(number)) as home:
            hits += kill(home, moment, "init")
            home.run("init")
            assert home.found(exits=0) == []
    assert hits >= MOMENTS // 2


def test_a_home_whose_founding_was_killed_is_founded_by_an_import_too(tmp_path: Path, undisturbed: Undisturbed) -> None:
    for number, moment in enumerate(spread(undisturbed.init_seconds)):
        with new_home(tmp_path / str(number)) as home:
            kill(home, moment, "init")
            home.run("import", COUNTY[0])
            assert home.found(exits=0) == []


def test_a_rotation_killed_at_any_moment_leaves_keys_that_fit(tmp_path: Path, undisturbed: Undisturbed) -> None:
    hits = 0
    with new_home(tmp_path / "home") as home:
        home.run("import", *COUNTY)
        tables = Contents(home).tables()
        for moment in spread(undisturbed.rotate_seconds):
            hits += kill(home, moment, "keys", "rotate")
            assert home.found(exits=0) == []
        home.run("keys", "rotate")
        assert home.found(exits=0) == []
        assert Contents(home).tables() == tables
    assert hits >= MOMENTS // 2


# ---- two at once


def finish_all(works: list[subprocess.Popen[str]]) -> None:
    """Wait until all have ended; each without an error, and without a word on stderr."""
    for work in works:
        out, errors = work.communicate()
        assert (work.returncode, errors) == (0, ""), out + errors


def test_two_importers_at_once_end_with_the_register_of_one(tmp_path: Path, undisturbed: Undisturbed) -> None:
    with new_home(tmp_path / "home") as home:
        home.run("init")
        finish_all([home.start("import", *COUNTY), home.start("import", *COUNTY)])
        assert home.found(exits=0) == []
        assert Contents(home).facts_by_file() == undisturbed.by_file
        tables = Contents(home).tables()
        assert [table for table, rows in undisturbed.tables.items() if tables[table] != rows] == []


def test_two_importers_of_two_halves_end_with_the_register_of_one(tmp_path: Path, undisturbed: Undisturbed) -> None:
    rolls = [path for path in COUNTY if path.name.startswith("学籍")]
    rest = [path for path in COUNTY if path not in rolls]
    with new_home(tmp_path / "home") as home:
        home.run("init")
        finish_all([home.start("import", *rolls[::2]), home.start("import", *rolls[1::2])])
        home.run("import", *rest)
        assert home.found(exits=0) == []
        assert Contents(home).facts_by_file().keys() == undisturbed.by_file.keys()
        assert len(Contents(home).persons()) == len(undisturbed.contents.persons())


def test_two_importers_may_found_a_home_at_the_same_moment(tmp_path: Path) -> None:
    for number in range(3):
        with new_home(tmp_path / str(number)) as home:
            finish_all([home.start("import", COUNTY[0]), home.start("import", COUNTY[1])])
            assert home.found(exits=0) == []
            assert len(Contents(home).facts_by_file()) == 2


def test_an_import_beside_a_rotation_ends_whole(tmp_path: Path, undisturbed: Undisturbed) -> None:
    with new_home(tmp_path / "home") as home:
        home.run("init")
        work = home.start("import", *COUNTY)
        while work.poll() is None:
            home.run("keys", "rotate")
        finish_all([work])
        assert home.found(exits=0) == []
        assert Contents(home).tables() == undisturbed.tables
