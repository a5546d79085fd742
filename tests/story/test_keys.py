"""The keys: changed for new ones without losing a cell, and refused clearly when they are not the right ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bangfu.core.seal import load_keyring, new_keyring, save_keyring
from tests.homes import BANGFU, KEYS, Home, new_home
from tests.intake.bad_files import HEADER, write_roll
from tests.registry.rolls import name_of, pupils

SEALED = [
    ("registry_detail", "id_number"),
    ("registry_enrolment", "roll_number"),
    ("registry_guardian", "guardian_phone"),
    ("registry_sourcefile", "content"),
    ("intake_heldrow", "text"),
]
COMMANDS = {"import": ["import", "FILE"], "held": ["held"], "verify": ["verify"], "rotate": ["keys", "rotate"]}
# Runs the command line, and dies without a word before or after one of the writes of the key file.
DYING = """
import os, sys
from bangfu.core import seal
real, when, number, calls = seal.save_keyring, sys.argv[1], int(sys.argv[2]), []
def save_keyring(ring, path):
    calls.append(path)
    if when == "before" and len(calls) == number:
        os._exit(9)
    real(ring, path)
    if when == "after" and len(calls) == number:
        os._exit(9)
seal.save_keyring = save_keyring
from bangfu.cli.main import main
sys.argv[1:] = ["keys", "rotate"]
main()
"""
# Runs `bangfu ARGUMENTS`; just before a function of ours does its first work, another process rotates the keys: to its
# end, unless it waits for us to end. Says on stderr how the rotation ended, if it was not done and not refused.
OVERTAKEN = """
import subprocess, sys
from importlib import import_module
module, name, bangfu, *arguments = sys.argv[1:]
others = []
def overtake(owner):
    real = getattr(owner, name)
    def wrapped(*args, **kwargs):
        if not others:
            others.append(subprocess.Popen([bangfu, "keys", "rotate"], stdout=-3, stderr=-3))
            try:
                others[0].wait(timeout=4)
            except subprocess.TimeoutExpired:
                pass
        return real(*args, **kwargs)
    setattr(owner, name, wrapped)
from bangfu.cli import home
start = home.start
def started(*args):
    start(*args)
    overtake(import_module(module))
if module == "bangfu.core.seal":
    overtake(import_module(module))
else:
    home.start = started
from bangfu.cli.main import main
sys.argv[1:] = arguments
try:
    main()
finally:
    if not others or others[0].wait() not in (0, 2):
        print("the other rotation did not run, or broke off", file=sys.stderr)
"""


def key_sets(home: Home) -> set[int]:
    """Return the numbers of the key sets that sealed cells name."""
    found = {bytes(cell)[:2] for table, column in SEALED for (cell,) in sealed(home, table, column)}
    return {int.from_bytes(number, "big") for number in found}


def sealed(home: Home, table: str, column: str) -> list[tuple[bytes]]:
    """Return the cells of a column."""
    return home.rows(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")


def sets_in_file(home: Home) -> list[int]:
    """Return the numbers of the key sets in the key file."""
    return sorted(load_keyring(home.folder / KEYS).sets)


def names_by_id(home: Home, number: int) -> list[str]:
    """Return the names found by the blind index of a pupil's ID."""
    ring = load_keyring(home.folder / KEYS)
    index = ring.blind("id", str(pupils(number)[0][HEADER.index("身份证件号")]))
    return [
        name for (name,) in home.rows("SELECT DISTINCT name FROM registry_detail WHERE id_number_index = %s", index)
    ]


def opens(home: Home) -> None:
    """Everything opens, a rotation goes through, and everything opens after it."""
    assert home.found(exits=0) == []
    home.run("keys", "rotate")
    assert home.found(exits=0) == []
    assert len(sets_in_file(home)) == 1


# ---- rotation


def test_after_a_rotation_everything_is_sealed_with_the_new_set_alone(home: Home) -> None:
    assert (key_sets(home), sets_in_file(home)) == ({1}, [1])
    said = home.json("keys", "rotate")
    assert said["key_set"] == 2
    assert said["cells"] > 0
    assert (key_sets(home), sets_in_file(home)) == ({2}, [2])
    assert home.found(exits=0) == []
    home.run("keys", "rotate")
    assert (key_sets(home), sets_in_file(home)) == ({3}, [3])
    assert home.found(exits=0) == []


def test_look_ups_find_the_same_people_after_a_rotation(home: Home) -> None:
    assert names_by_id(home, 5) == [name_of(5)]
    before = home.rows("SELECT id_number_index FROM registry_detail ORDER BY id")
    home.run("keys", "rotate")
    assert names_by_id(home, 5) == [name_of(5)]
    after = home.rows("SELECT id_number_index FROM registry_detail ORDER BY id")
    assert not {index for (index,) in before} & {index for (index,) in after}


def test_the_same_files_again_are_all_unchanged_after_a_rotation(home: Home, files: list[Path]) -> None:
    home.run("keys", "rotate")
    for report in home.json("import", *files, "--date", "2025-02-20")["files"]:
        rows = report["rows"]
        assert (rows["applied"], rows["unchanged"]) == (0, rows["read"] - rows["held"])
    assert home.rows("SELECT COUNT(*) FROM intake_heldrow WHERE closed_by_id IS NULL") == [(1,)]
    assert home.found(exits=0) == []


def test_a_mended_row_survives_a_rotation(home: Home, files: list[Path]) -> None:
    (held,) = home.json("held")["held"]
    home.run("mend", str(held["id"]), "出生日期=2018-05-05", "--reason", "查户口簿")
    home.run("keys", "rotate")
    assert home.found(exits=0) == []
    rows = home.json("import", files[0], "--date", "2025-02-20")["files"][0]["rows"]
    assert (rows["applied"], rows["held"]) == (0, 0)


def test_a_rotation_keeps_the_signing_key_and_is_in_the_trail(home: Home) -> None:
    before = json.loads((home.folder / KEYS).read_text())["signing"]
    home.run("keys", "rotate")
    assert json.loads((home.folder / KEYS).read_text())["signing"] == before
    assert home.rows("SELECT COUNT(*) FROM audit_entry WHERE action = 'intake.rotate_keys'") == [(1,)]
    assert (home.folder / KEYS).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rotation_that_dies_at_the_key_file_leaves_a_home_that_opens(home: Home, when: str, number: int) -> None:
    died = home.run_python(DYING, when, str(number))
    assert (died.returncode, died.stderr) == (9, "")
    assert names_by_id_of_all_sets(home, 5) == [name_of(5)]
    opens(home)


def names_by_id_of_all_sets(home: Home, number: int) -> list[str]:
    """Return the names found by the index of one of the sets in the file: the one the database is sealed with."""
    ring = load_keyring(home.folder / KEYS)
    text = str(pupils(number)[0][HEADER.index("身份证件号")])
    found = [
        name
        for key_set in ring.sets
        for (name,) in home.rows(
            "SELECT DISTINCT name FROM registry_detail WHERE id_number_index = %s",
            ring.using(key_set).blind("id", text),
        )
    ]
    return sorted(found)


# ---- somebody else is at work


def test_an_import_overtaken_by_a_rotation_loses_nothing(home: Home, tmp_path: Path) -> None:
    path = write_roll(tmp_path / "new.xlsx", pupils(40, 41))
    overtaken(home, "bangfu.registry.queries", "clock", "import", path, "--date", "2025-02-20")
    assert home.found(exits=0) == []
    home.run("import", path, "--date", "2025-02-20")
    assert names_by_id(home, 40) == [name_of(40)]


def test_two_rotations_at_once_lose_no_keys(home: Home) -> None:
    overtaken(home, "bangfu.core.seal", "save_keyring", "keys", "rotate")
    assert home.found(exits=0) == []
    assert names_by_id(home, 5) == [name_of(5)]


def overtaken(home: Home, module: str, name: str, *arguments: str | Path) -> None:
    """Run a command that another's rotation overtakes at this function; each is done, or refused in one line."""
    done = home.run_python(OVERTAKEN, module, name, BANGFU, *arguments)
    assert done.returncode in (0, 2), done.stderr
    assert done.stderr.count("\n") == (1 if done.returncode else 0), done.stderr


# ---- the wrong keys


def without_keys(home: Home, _folder: Path) -> None:
    """Take the key file away."""
    (home.folder / KEYS).unlink()


def with_damaged_keys(home: Home, _folder: Path) -> None:
    """Cut the key file in two."""
    text = (home.folder / KEYS).read_text()
    (home.folder / KEYS).write_text(text[: len(text) // 2])


def with_short_keys(home: Home, _folder: Path) -> None:
    """Leave a key in the file that is too short to be one."""
    content = json.loads((home.folder / KEYS).read_text())
    content["sets"][0]["cell"] = "00ff"
    (home.folder / KEYS).write_text(json.dumps(content))


def with_no_object(home: Home, _folder: Path) -> None:
    """Put something else into the key file."""
    (home.folder / KEYS).write_text("[]")


def with_keys_of_another(home: Home, folder: Path) -> None:
    """Put another database's key file into the place."""
    save_keyring(new_keyring(), folder / KEYS)
    shutil.copy(folder / KEYS, home.folder / KEYS)


def with_keys_from_before(home: Home, folder: Path) -> None:
    """Put back the key file from before a rotation."""
    shutil.copy(home.folder / KEYS, folder / KEYS)
    home.run("keys", "rotate")
    shutil.copy(folder / KEYS, home.folder / KEYS)


WRONG = {
    "missing": (without_keys, "is missing"),
    "damaged": (with_damaged_keys, "is damaged"),
    "too short": (with_short_keys, "is damaged"),
    "no object": (with_no_object, "is damaged"),
    "another's": (with_keys_of_another, "belongs to another database"),
    "from before": (with_keys_from_before, "key set 2 is not in the key file"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_no_command_starts_with_the_wrong_keys_and_nothing_is_changed(
    home: Home, files: list[Path], tmp_path: Path, wrong: str
) -> None:
    spoil, words = WRONG[wrong]
    spoil(home, tmp_path)
    contents, folder = home.contents(), listing(home)
    for name, command in COMMANDS.items():
        done = home.run(*(str(files[0]) if word == "FILE" else word for word in command), exits=2)
        assert (name, done.stdout, done.stderr.count("\n")) == (name, "", 1)
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert (home.contents(), listing(home)) == (contents, folder)


def listing(home: Home) -> dict[str, bytes]:
    """Return the home's files but the database, with what is in them."""
    return {path.name: path.read_bytes() for path in sorted(home.folder.iterdir()) if "sqlite3" not in path.name}


def test_init_in_a_home_with_its_keys_gone_makes_no_new_ones(home: Home) -> None:
    (home.folder / KEYS).unlink()
    assert "is missing" in home.run("init", exits=2).stderr
    assert not (home.folder / KEYS).exists()


def test_a_damaged_key_file_in_a_new_home_is_not_written_over(tmp_path: Path) -> None:
    with new_home(tmp_path / "new") as home:
        home.folder.mkdir()
        (home.folder / KEYS).write_text("{")
        assert "is damaged" in home.run("init", exits=2).stderr
        assert (home.folder / KEYS).read_text() == "{"
