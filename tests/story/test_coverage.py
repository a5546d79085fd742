"""The example county, from its workbooks to who is left out; a link undone stays undone, one altered by hand shows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import Home, dropping, new_home
from tests.scoring import score

COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county"
FILES = sorted((COUNTY / "in").iterdir())
MONEY = ("registry_paymentaccount",)


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Path]]:
    """Return a home of the example county with coverage reckoned, not to be changed, and the four lists."""
    out = tmp_path_factory.mktemp("lists") / "out"
    with new_home(tmp_path_factory.mktemp("county") / "home") as home:
        home.run("import", *FILES)
        home.run("coverage", "--out", out)
        yield home, out


@pytest.fixture
def county(covered: tuple[Home, Path], tmp_path: Path) -> Iterator[Home]:
    """Return a copy of that home, to do with as a test likes."""
    with dropping(covered[0].copy(tmp_path / "home")) as home:
        yield home


def human_of(out: Path) -> dict[tuple[str, str], str]:
    """Return (file, row) -> person code of a folder's rows.csv."""
    with (out / "rows.csv").open(encoding="utf-8", newline="") as file:
        return {(line["file"], line["row"]): line["person"] for line in csv.DictReader(file)}


def test_the_lists_are_as_true_as_promised(covered: tuple[Home, Path], capsys: pytest.CaptureFixture[str]) -> None:
    figures = score(covered[1], COUNTY / "truth.json")
    with capsys.disabled():
        print("", *(figure.line() for figure in figures), sep="\n")  # noqa: T201 - the figures are what the test is for
    assert len(figures) > 20
    assert [figure.line() for figure in figures if not figure.kept] == []


def test_a_link_undone_by_a_person_stays_undone(county: Home, covered: tuple[Home, Path], tmp_path: Path) -> None:
    left, right = one_link(county)
    before = county.contents(MONEY)
    trail = county.rows("SELECT chain, number, hash FROM audit_entry ORDER BY id")
    county.run("links", "part", str(left), str(right), "--reason", "two cousins, seen at home")
    assert county.contents(MONEY) == before
    assert county.rows("SELECT chain, number, hash FROM audit_entry ORDER BY id")[: len(trail)] == trail

    again = county.json("import", *FILES)
    assert sum(file["rows"]["unchanged"] for file in again["files"]) == 17422
    county.run("coverage", "--out", tmp_path / "again")
    parted = human_of(tmp_path / "again")
    codes = {parted[spot] for record in (left, right) for spot in spots(county, record) & parted.keys()}
    assert len(codes) == 2
    assert county.found(exits=0) == []

    county.run("links", "forget", str(left), str(right), "--reason", "they are one after all")
    county.run("coverage", "--out", tmp_path / "joined")
    assert len(set(human_of(tmp_path / "joined").values())) == len(set(human_of(covered[1]).values()))
    assert county.contents(MONEY) == before
    assert county.found(exits=0) == []


def one_link(home: Home) -> tuple[int, int]:
    """Return the records of a link between a roll and the poverty register that was found by ID."""
    layout = "(SELECT layout FROM registry_person p JOIN registry_series s ON s.id = p.series_id WHERE p.id = {})"
    both = f"{layout.format('left_id')} = 'school_roll' AND {layout.format('right_id')} = 'poverty_register'"
    pair, *_ = home.rows(f"SELECT left_id, right_id FROM coverage_link WHERE how = 'id' AND {both} ORDER BY id")
    return pair[0], pair[1]


def spots(home: Home, record: int) -> set[tuple[str, str]]:
    """Return the rows of a record."""
    sql = 'SELECT f.name, r."row" FROM registry_sourcerow r JOIN registry_sourcefile f ON f.id = r.file_id'
    return {(name, str(row)) for name, row in home.rows(f"{sql} WHERE r.person_id = %s", record)}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE coverage_link SET verdict = 'different' WHERE id = {id}",
        "UPDATE coverage_link SET right_id = right_id + 1 WHERE id = {id}",
        "UPDATE coverage_link SET probability = 1 WHERE id = {id}",
    ],
)
def test_a_link_altered_by_hand_is_named(county: Home, change: str) -> None:
    (link,) = county.rows("SELECT MIN(id) FROM coverage_link WHERE how = 'probable'")
    county.change(change.format(id=link[0]))
    assert any(sentence.startswith(f"link {link[0]} was altered") for sentence in county.found())


def test_a_human_given_to_a_record_by_hand_is_named(county: Home) -> None:
    ((record, human),) = county.rows("SELECT record_id, human_id FROM coverage_alias ORDER BY record_id LIMIT 1")
    county.change("UPDATE coverage_alias SET human_id = record_id WHERE record_id = %s", record)
    assert any(f"record {record} " in sentence and str(human) in sentence for sentence in county.found())
