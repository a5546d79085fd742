"""Kill -9 at any moment: a file is applied whole or not at all, and the next run finishes the job."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNTY = sorted(str(path) for path in (ROOT / "examples" / "county" / "in").iterdir())
BANGFU = [str(Path(sys.executable).parent / "bangfu")]
KILLS_A_HOME = 3
HOMES = 10
# Made anew by every run: sealed bytes and blind indexes differ with the keys, times with the day.
SEALED = ("id_number", "phone", "roll_number", "certificate", "account", "holder_id", "head_id", "guardian_phone")
DIFFERS = {name + end for name in SEALED for end in ("", "_index", "_start")} | {
    "digest_index",
    "salt",
    "digest",
    "content",
    "recorded_at",
}

pytestmark = pytest.mark.faults


def run(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command in `home`, on SQLite."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"BANGFU_HOME": str(home), "BANGFU_LANG": "en"}
    return subprocess.Popen(
        [*BANGFU, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    )


def finish(home: Path, *arguments: str) -> None:
    work = run(home, *arguments)
    _, errors = work.communicate()
    assert work.returncode == 0, errors.decode()


def kill_after(work: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill the process after a while; tell whether it was still running."""
    try:
        work.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        work.send_signal(signal.SIGKILL)
    work.communicate()
    return work.returncode == -signal.SIGKILL


def register_of(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the register's tables without what every run makes anew."""
    with sqlite3.connect(home / "bangfu.sqlite3") as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = {}
        for name in sorted(n for n in names if n.startswith(("registry_", "intake_")) and n != "registry_clock"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            kept = ", ".join(f'"{column}"' for column in columns if column not in DIFFERS)
            tables[name] = sorted(connection.execute(f"SELECT {kept} FROM {name}"), key=repr)
    return tables


def without_second_readings(tables: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """Return the tables without the files that a later run found to be there already."""
    kept = dict(tables)
    for name in ("registry_sourcefile", "registry_seriesfile", "registry_sourcerow"):
        kept.pop(name)
    return {name: [_without_sources(name, row) for row in rows] for name, rows in kept.items()}


def _without_sources(name: str, row: tuple[object, ...]) -> tuple[object, ...]:
    """Leave out the source's id: a file read again between two kills moves the ids of the files after it."""
    return (
        row
        if name in ("registry_organisation", "registry_person")
        else tuple(value for value in row if not (isinstance(value, int) and value > 10**8))
    )


def half_applied(home: Path) -> list[str]:
    """Return the files whose rows are not all there."""
    if not (home / "bangfu.sqlite3").exists():
        return []
    with sqlite3.connect(home / "bangfu.sqlite3") as connection:
        try:
            return [
                name
                for name, read, rows in connection.execute(
                    "SELECT f.name, f.read, (SELECT COUNT(*) FROM registry_sourcerow r WHERE r.file_id = f.id)"
                    " FROM registry_sourcefile f WHERE f.same_as_id IS NULL"
                )
                if read != rows
            ]
        except sqlite3.OperationalError:
            return []  # killed before the tables were made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[tuple[object, ...]]], float]:
    """Return the register of an undisturbed run, and how long the run took."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    started = time.monotonic()
    finish(home, "import", *COUNTY)
    return register_of(home), time.monotonic() - started


@pytest.mark.parametrize("seed", range(HOMES))
def test_an_import_killed_three_times_ends_with_the_register_of_an_undisturbed_run(
    seed: int, tmp_path: Path, undisturbed: tuple[dict[str, list[tuple[object, ...]]], float]
) -> None:
    register, seconds = undisturbed
    moments, home, killed = random.Random(seed), tmp_path / "home", 0
    for _ in range(KILLS_A_HOME):
        killed += kill_after(run(home, "import", *COUNTY), moments.uniform(0.1, seconds))
        assert half_applied(home) == []
    finish(home, "import", *COUNTY)
    finish(home, "verify")
    assert killed > 0
    assert without_second_readings(register_of(home)) == without_second_readings(register)


def test_a_home_whose_founding_was_killed_is_founded_by_the_next_run(tmp_path: Path) -> None:
    for number in range(8):
        home = tmp_path / str(number)
        kill_after(run(home, "init"), 0.25 + number * 0.1)
        finish(home, "init")
        finish(home, "verify")


def test_a_rotation_killed_at_any_moment_leaves_keys_that_fit(tmp_path: Path) -> None:
    home = tmp_path / "home"
    finish(home, "import", *COUNTY)
    for number in range(8):
        kill_after(run(home, "keys", "rotate"), 0.3 + number * 0.15)
        finish(home, "verify")
    finish(home, "keys", "rotate")
    finish(home, "verify")


def test_two_importers_at_once_end_with_one_whole_register(
    tmp_path: Path, undisturbed: tuple[dict[str, list[tuple[object, ...]]], float]
) -> None:
    register, _ = undisturbed
    home = tmp_path / "home"
    finish(home, "init")
    works = [run(home, "import", *COUNTY), run(home, "import", *reversed(COUNTY))]
    for work in works:
        _, errors = work.communicate()
        assert work.returncode == 0, errors.decode()
    finish(home, "verify")
    found = register_of(home)
    for name, rows in register.items():
        if name not in ("registry_sourcefile", "registry_seriesfile", "registry_sourcerow"):
            assert len(found[name]) == len(rows), name
