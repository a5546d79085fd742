"""Files as they go wrong, through the command line: refused whole with one line, or read with the right values."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.apps import apps

from bangfu.audit import keys
from bangfu.core.numbers import judge_id
from bangfu.registry.models import Detail, Enrolment, Organisation, Person, SourceFile
from tests.intake.bad_files import (
    BAD_FILES,
    BIRTH,
    CLASS,
    ID,
    LIVES,
    NAME,
    ODD_FILES,
    Row,
    pupil,
    pupil_rows,
    write_roll,
)
from tests.intake.bombs import BOMBS, CELL, stray
from tests.intake.commands import Finished, here, process

GIGABYTE = 2**30
MOST_MEMORY = 3 * GIGABYTE // 2
MOST_SECONDS = 30
AS_PROCESSES = ["encrypted_xlsx", "missing_file", "binary_garbage", "zip_bomb", "lying_zip_bomb"]


def register_counts() -> dict[str, int]:
    """Return the number of rows of every table that an import may write, but for the trail and the jobs."""
    models = [*apps.get_app_config("registry").get_models(), *apps.get_app_config("intake").get_models()]
    models.append(apps.get_model("tasks", "Task"))
    return {model._meta.db_table: model._default_manager.count() for model in models}


def refused_alone(done: Finished, path: Path) -> bool:
    """Tell whether a command ended as it must when its only file is refused."""
    assert done.complaints == [line for line in done.complaints if path.name in line]
    return done.code == 2 and len(done.complaints) == 1


# ---- refused whole


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_one_line_that_names_it_and_nothing_changes(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = BAD_FILES[name](tmp_path)
    before = register_counts()
    done = here(monkeypatch, capsys, "import", path)
    assert refused_alone(done, path), done
    assert done.out == ""
    assert register_counts() == before


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_does_not_stop_a_good_one(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    bad = BAD_FILES[name](tmp_path)
    good = write_roll(tmp_path / "good.xlsx", pupil_rows(5))
    paths = [bad, good] if len(name) % 2 else [good, bad]
    done = here(monkeypatch, capsys, "import", *paths, "--json")
    assert done.code == 1
    assert len(done.complaints) == 1
    assert bad.name in done.complaints[0]
    files = {Path(file["file"]).name: file for file in done.json()["files"]}
    assert files[good.name]["rows"] == {"read": 5, "applied": 5, "unchanged": 0, "held": 0, "noise": 0}
    assert files[bad.name]["rows"] == dict.fromkeys(files[good.name]["rows"], 0)
    assert files[bad.name]["refused"]["code"]
    assert (Person.objects.count(), SourceFile.objects.count()) == (5, 1)


@pytest.mark.parametrize("name", AS_PROCESSES)
def test_a_bad_file_is_refused_by_the_real_command_at_little_cost(tmp_path: Path, name: str) -> None:
    path = BAD_FILES[name](tmp_path)
    done = process(tmp_path / "home", "import", path)
    assert refused_alone(done, path), done
    assert done.peak < MOST_MEMORY
    assert done.seconds < MOST_SECONDS


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_spans_far_is_refused_at_little_cost(tmp_path: Path, name: str) -> None:
    path = BOMBS[name](tmp_path)
    assert path.stat().st_size < 10_000
    done = process(tmp_path / "home", "import", path, memory=4 * GIGABYTE)
    assert (done.code, len(done.complaints)) == (2, 1), done.err[-300:]
    assert path.name in done.complaints[0]
    assert done.peak < MOST_MEMORY
    assert done.seconds < MOST_SECONDS


def test_the_widest_workbook_that_is_taken_fits_into_memory(tmp_path: Path) -> None:
    """A stray cell at AAA85000 spans 59,755,000 cells: just under what is refused as too wide."""
    path = stray(tmp_path, "span", f'<row r="85000"><c r="AAA85000" t="inlineStr">{CELL}')
    done = process(tmp_path / "home", "import", path, memory=8 * GIGABYTE)
    assert done.code in {0, 2}, done.err[-300:]
    assert done.peak < MOST_MEMORY


# ---- odd, and read


def put_right(name: str, row: Row) -> None:
    """Put right, in a pupil's row, what is odd about it in the file of this name."""
    number = int(str(row[0]))
    if name == "csv_gb18030":
        row[NAME] = {2: "汪\u4dae涵", 4: "杨\U0002b36f健"}.get(number, row[NAME])
    elif name == "number_typed_ids" and not str(row[ID]).endswith("X"):
        row[ID] = f"{row[ID]}"[:15] + "000"
    elif name == "one_sheet_a_class":
        row[CLASS] = "1班" if number <= 4 else "2班"


def expected(name: str, count: int) -> list[Row]:
    """Return the pupils that an odd file holds and that are applied, in the file's order."""
    if name == "dates_in_every_format":  # the last has only a month, and is held
        return [pupil(n, date(2018, 3, 4)) for n in range(1, count)]
    rows = pupil_rows(count)
    for row in rows:
        put_right(name, row)
    return rows


def stored() -> list[tuple[str, str, str, str]]:
    """Return name, birth, ID and class of everybody on a roll, in the order of their rows."""
    ring, found = keys.current(), []
    details = Detail.objects.order_by("source_id").select_related("person")
    classes = dict(Enrolment.objects.values_list("person_id", "school_class__name"))
    for detail in details:
        number = ring.open_text("registry_detail", "id_number", detail.pk, bytes(detail.id_number or b""))
        found.append((detail.name, str(detail.birth), number, classes[detail.person_id][-2:]))
    return found


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_is_read_whole_and_right(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path, count = ODD_FILES[name](tmp_path)
    done = here(monkeypatch, capsys, "import", path, "--json")
    rows = expected(name, count)
    held, noise = count - len(rows), 3 if name == "one_sheet_a_class" else 0
    assert (done.code, done.err) == (0, "")
    said = done.json()["files"][0]
    total = len(rows) + held + noise
    assert said["rows"] == {"read": total, "applied": len(rows), "unchanged": 0, "held": held, "noise": noise}
    wanted = [(row[NAME], row[BIRTH], row[ID], row[CLASS]) for row in rows]
    assert stored() == wanted
    assert [*Detail.objects.order_by("source_id").values_list("id_state", flat=True)] == [
        judge_id(str(number))[1].value for _, _, number, _ in wanted
    ]
    if name == "dates_in_every_format":
        assert [(p["row"], p["column"], p["code"]) for p in said["problems"]] == [(9, "出生日期", "date_is_month")]
    addresses = Detail.objects.order_by("source_id").values_list("address", flat=True)
    lived = ["".join(str(row[LIVES]).split()) for row in rows]
    if name == "quoted_newline_in_cell":
        lived[1:3] = [f"{home}(学校旁)" for home in lived[1:3]]
    assert ["".join(address.split()) for address in addresses] == lived
    assert Organisation.objects.get(kind="school").code == "2199900001"


def test_a_million_blank_rows_are_read_by_the_real_command_at_little_cost(tmp_path: Path) -> None:
    path, count = ODD_FILES["million_formatted_blank_rows_after_data"](tmp_path)
    done = process(tmp_path / "home", "import", path, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json()["files"][0]["rows"]["applied"] == count
    assert done.peak < MOST_MEMORY
    assert done.seconds < MOST_SECONDS


# ---- the command itself


def test_a_command_without_files_or_with_a_wrong_option_is_one_line_or_usage_and_changes_nothing(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_roll(tmp_path / "good.xlsx", pupil_rows(2))
    before = register_counts()
    for arguments in (
        ["import"],
        ["import", good, "--layout", "no_such"],
        ["import", good, "--layout", tmp_path / "no_such.toml"],
        ["import", good, "--date", "2025-02-30"],
        ["import", good, "--map", "学员"],
        ["import", good, "--map", "学员=no_such"],
        ["import", good, "--nonsense"],
        ["no_such_verb"],
    ):
        done = here(monkeypatch, capsys, *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert done.complaints
        assert "Traceback" not in done.err
    assert register_counts() == before
