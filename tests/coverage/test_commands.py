"""`bangfu coverage`, `links` and `differences`: the four lists, what is printed, and one line for what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from bangfu.audit.models import Entry
from bangfu.coverage.models import Difference
from tests.conftest import import_paths
from tests.coverage.lists import (
    AN,
    COUNTY,
    GUO,
    MEI,
    SECOND,
    Desk,
    Human,
    covered,
    gap,
    one,
    record,
    snapshot,
    spot,
)
from tests.intake.bad_files import BIRTH, pupil_rows, write_roll
from tests.intake.commands import Finished, here

Run = Callable[..., Finished]
HEADERS = {
    "rows.csv": "file,row,person",
    "pupils.csv": "person,state,bases",
    "children.csv": "person,file,row,reason",
    "conflicts.csv": "code,file,row,other_file,other_row,owner,due",
}


@pytest.fixture
def run(founded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command in this process and prints English."""
    monkeypatch.setenv("BANGFU_LANG", "en")
    return lambda *arguments: here(monkeypatch, capsys, *arguments)


@pytest.fixture
def lists(desk: Desk) -> Desk:
    """Return the desk after two rolls and two registers, not reckoned yet."""
    desk.roll(AN.enrolled(), MEI.enrolled(), name="a")
    desk.roll(AN.enrolled(SECOND), name="b")
    desk.poor(AN.poor(), MEI.poor(证件号码=other_of_mei()), GUO.poor(在校生状况="辍学"))
    desk.disabled(AN.disabled())
    return desk


def other_of_mei() -> str:
    """Return another valid ID with MEI's birth."""
    return Human(MEI.name, 988, MEI.born).id


def read(out: Path, name: str) -> list[dict[str, str]]:
    """Return the lines of a list."""
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refused(done: Finished) -> str:
    """Return the one line that a refused command leaves: it ended with 2 and printed nothing else."""
    assert (done.code, done.out) == (2, ""), done
    assert "Traceback" not in done.err
    (line,) = done.complaints
    return line


# ---- coverage


def test_coverage_writes_four_lists_with_their_headers(lists: Desk, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    done = run("coverage", "--out", out)
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == sorted(HEADERS)
    for name, header in HEADERS.items():
        assert (out / name).read_text(encoding="utf-8").splitlines()[0] == header


def test_the_lists_hold_what_was_found(lists: Desk, run: Run, tmp_path: Path) -> None:
    assert run("coverage", "--out", tmp_path / "out").code == 0
    out = tmp_path / "out"
    rows = {(line["file"], line["row"]): line["person"] for line in read(out, "rows.csv")}
    assert sorted(rows) == sorted(
        [("a.csv", "2"), ("a.csv", "3"), ("b.csv", "2"), ("disabled.csv", "2"), *(("poor.csv", n) for n in "234")]
    )
    an, mei, guo = rows["a.csv", "2"], rows["a.csv", "3"], rows["poor.csv", "4"]
    assert rows["b.csv", "2"] == rows["poor.csv", "2"] == rows["disabled.csv", "2"] == an
    assert len({an, mei, guo, rows["poor.csv", "3"]}) == 4
    assert sorted(read(out, "pupils.csv"), key=lambda line: line["bases"]) == [
        {"person": mei, "state": "in_conflict", "bases": ""},
        {"person": an, "state": "in_conflict", "bases": "registered_poor;disabled"},
    ]
    children = {(line["file"], line["row"]): (line["person"], line["reason"]) for line in read(out, "children.csv")}
    assert children["poor.csv", "4"] == (guo, "out_of_school")
    conflicts = {line["code"]: line for line in read(out, "conflicts.csv")}
    shown = gap("duplicate_enrolment")
    assert conflicts["duplicate_enrolment"].pop("owner").startswith(f"{COUNTY} ")
    assert conflicts["duplicate_enrolment"] == {
        "code": "duplicate_enrolment", "file": "b.csv", "row": "2", "other_file": "a.csv", "other_row": "2",
        "due": f"{shown.due}",
    }  # fmt: skip
    assert (conflicts["on_no_roll"]["other_file"], conflicts["on_no_roll"]["other_row"]) == ("", "")
    dues = [line["due"] for line in read(out, "conflicts.csv")]
    assert dues == sorted(dues)


def test_coverage_as_json_is_only_json(lists: Desk, run: Run, tmp_path: Path) -> None:
    done = run("coverage", "--out", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.json()
    assert found["totals"]["pupils"]["pupils"] == 2
    assert found["day"] == "2025-02-17"
    assert found["urgent"][0]["code"] == "on_no_roll"


def test_coverage_of_a_day_is_of_that_day(lists: Desk, run: Run, tmp_path: Path) -> None:
    done = run("coverage", "--out", tmp_path / "out", "--day", "2020-05-06", "--json")
    assert (done.code, done.json()["day"], done.json()["totals"]["rolls"]["rows"]) == (0, "2020-05-06", 0)


def test_an_answered_difference_is_not_in_the_list(lists: Desk, run: Run, tmp_path: Path) -> None:
    run("coverage", "--out", tmp_path / "out")
    number = gap("duplicate_enrolment").pk
    assert run("differences", "answer", number, "left_first_school", "--evidence", "x").code == 0
    run("coverage", "--out", tmp_path / "out")
    assert "duplicate_enrolment" not in {line["code"] for line in read(tmp_path / "out", "conflicts.csv")}


@pytest.mark.parametrize("below", ["", "sub"])
def test_out_that_is_a_file_is_refused_and_nothing_is_reckoned(
    lists: Desk, run: Run, tmp_path: Path, below: str
) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    before = snapshot()
    assert "taken" in refused(run("coverage", "--out", tmp_path / "taken" / below))
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"
    assert snapshot() == before


@pytest.mark.parametrize("name", HEADERS)
def test_out_in_which_a_list_cannot_be_written_is_refused_and_nothing_is_changed(
    lists: Desk, run: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    before = snapshot()
    assert name in refused(run("coverage", "--out", tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert snapshot() == before


def test_coverage_before_any_import_is_refused_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    assert "import" in refused(run("coverage", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not Entry.objects.filter(action__startswith="coverage").exists()


def test_coverage_of_a_roll_of_which_every_row_waits(desk: Desk, run: Run, tmp_path: Path) -> None:
    rows = pupil_rows(2)
    for row in rows:
        row[BIRTH] = "去年春天"
    import_paths([write_roll(tmp_path / "held.csv", rows)])
    done = run("coverage", "--out", tmp_path / "out", "--json")
    assert (done.code, done.json()["totals"]["rolls"]["rows"]) == (0, 0)
    assert run("coverage", "--out", tmp_path / "out").code == 0


# ---- links


def test_links_are_listed_decided_and_forgotten(lists: Desk, run: Run) -> None:
    covered()
    roll, poor = record(AN, "school_roll", "青石"), record(AN, "poverty_register")
    questions = run("links", "list", "--json").json()["links"]
    assert [link["verdict"] for link in questions] == ["doubtful"]
    assert {link["verdict"] for link in run("links", "list", "--all", "--json").json()["links"]} == {"same", "doubtful"}
    assert len(run("links", "list", "--all", "--records", f"{roll}, {poor}", "--json").json()["links"]) >= 2
    assert run("links", "part", roll, poor, "--reason", "two cousins").code == 0
    assert not one(roll, poor)
    done = run("links", "forget", roll, poor, "--reason", "they are one", "--json")
    assert (done.code, done.err, done.json() is not None) == (0, "", True)
    assert one(roll, poor)
    stranger = record(GUO, "poverty_register")
    assert run("links", "join", roll, stranger, "--reason", "x", "--json").json() is not None
    assert one(roll, stranger)


def test_links_list_for_people_names_rows_and_how_they_agree(lists: Desk, run: Run) -> None:
    covered()
    done = run("links", "list")
    assert (done.code, done.err) == (0, "")
    assert "a.csv:3 | poor.csv:3" in done.out
    assert run("links", "list", "--all").code == 0


def test_a_chain_leads_from_one_record_to_the_other(lists: Desk, run: Run) -> None:
    covered()
    first, last = record(AN, "school_roll", "青石"), record(AN, "disability_certificates")
    chain = run("links", "chain", first, last, "--json").json()["chain"]
    assert (chain[0], chain[-1]) == (
        {"record": first, "row": "a.csv:2"},
        {"record": last, "row": "disabled.csv:2"},
    )
    assert run("links", "chain", last, first, "--json").json()["chain"] == chain[::-1]
    none = run("links", "chain", first, record(GUO, "poverty_register"), "--json")
    assert (none.code, none.json()) == (0, {"chain": []})
    assert run("links", "chain", first, last).out.count("\n") == len(chain)
    assert run("links", "chain", first, first, "--json").json()["chain"] == chain[:1]


def test_links_update_says_what_was_linked(lists: Desk, run: Run) -> None:
    made = run("links", "update", "--json").json()
    assert (made["made"] > 3, made["ended"]) == (True, 0)
    assert run("links", "update", "--json").json() == {"made": 0, "ended": 0}
    assert run("links", "update").code == 0


# ---- differences


def test_differences_are_listed_answered_and_reopened(lists: Desk, run: Run) -> None:
    covered()
    done = run("differences", "list", "--json")
    assert (done.code, done.err) == (0, "")
    listed = {row["code"]: row for row in done.json()["differences"]}
    asked = gap("duplicate_enrolment")
    row = listed["duplicate_enrolment"]
    assert (row["id"], f"{row['file']}:{row['row']}", row["due"]) == (asked.pk, spot(asked)[0], f"{asked.due}")
    only = run("differences", "list", "--code", "on_no_roll", "--code", "doubtful_link", "--json").json()
    assert {row["code"] for row in only["differences"]} == {"on_no_roll", "doubtful_link"}
    answer = ("differences", "answer", asked.pk, "left_first_school", "--evidence", "证明")
    answered = run(*answer, "--json")
    assert (answered.code, answered.err, "证明" in answered.out) == (0, "", False)
    assert answered.json()["id"] == asked.pk
    left = {row["code"] for row in run("differences", "list", "--json").json()["differences"]}
    assert left == set(listed) - {"duplicate_enrolment"}
    assert run("differences", "reopen", asked.pk, "--reason", "x", "--json").json()["id"] == asked.pk
    assert gap("duplicate_enrolment").pk == asked.pk
    assert run("differences", "list").code == 0


def test_differences_that_are_none_are_an_empty_list(desk: Desk, run: Run) -> None:
    desk.roll(AN.enrolled())
    covered()
    assert run("differences", "list", "--json").json() == {"differences": []}
    assert run("differences", "list").code == 0
    assert run("links", "list", "--json").json() == {"links": []}


# ---- refused with one line

HUGE = "99999999999999999999"
WRONG: dict[str, tuple[object, ...]] = {
    "unknown record": ("links", "join", 1, 999, "--reason", "x"),
    "unknown records": ("links", "part", 998, 999, "--reason", "x"),
    "record of nobody": ("links", "join", 0, 1, "--reason", "x"),
    "itself": ("links", "part", 1, 1, "--reason", "x"),
    "no reason": ("links", "part", 1, 2, "--reason", " "),
    "not decided": ("links", "forget", 1, 2, "--reason", "x"),
    "chain from nobody": ("links", "chain", 1, 999),
    "huge record": ("links", "join", 1, HUGE, "--reason", "x"),
    "huge record parted": ("links", "part", HUGE, 1, "--reason", "x"),
    "huge record forgotten": ("links", "forget", 1, HUGE, "--reason", "x"),
    "chain to a huge record": ("links", "chain", 1, HUGE),
    "unknown code": ("differences", "list", "--code", "no_such"),
    "unknown code as JSON": ("differences", "list", "--code", "no_such", "--json"),
    "unknown difference": ("differences", "answer", 999, "known", "--evidence", "x"),
    "huge difference": ("differences", "answer", HUGE, "known", "--evidence", "x"),
    "huge difference reopened": ("differences", "reopen", HUGE, "--reason", "x"),
    "unknown answer": ("differences", "answer", 1, "no_such", "--evidence", "x"),
    "no evidence": ("differences", "answer", 1, "returned_to_school", "--evidence", " "),
    "reopened without an answer": ("differences", "reopen", 1, "--reason", "x"),
    "reopened without a reason": ("differences", "reopen", 1, "--reason", ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_line_and_nothing_changes(lists: Desk, run: Run, what: str) -> None:
    covered()
    before, entries = snapshot(), Entry.objects.count()
    line = refused(run(*WRONG[what]))
    assert line.startswith("bangfu: ")
    assert (snapshot(), Entry.objects.count()) == (before, entries)


USAGE: dict[str, tuple[object, ...]] = {
    "no number": ("links", "join", "one", 2, "--reason", "x"),
    "half a number": ("links", "chain", "1.5", 2),
    "no numbers in a list": ("links", "list", "--records", "1,two"),
    "reason left out": ("links", "part", 1, 2),
    "evidence left out": ("differences", "answer", 1, "known"),
    "answer left out": ("differences", "answer", 1, "--evidence", "x"),
    "no difference number": ("differences", "reopen", "first", "--reason", "x"),
    "out left out": ("coverage",),
    "no day": ("coverage", "--out", "out", "--day", "2025-02-30"),
    "no command": ("links", "merge", 1, 2),
}


@pytest.mark.parametrize("what", USAGE)
def test_wrong_usage_ends_with_one_clear_line_and_nothing_changes(
    lists: Desk, run: Run, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    covered()
    monkeypatch.chdir(tmp_path)
    before, entries = snapshot(), Entry.objects.count()
    done = run(*USAGE[what])
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert refused(done).startswith("bangfu: ")
    assert (snapshot(), Entry.objects.count()) == (before, entries)


def test_a_list_of_a_huge_record_is_empty_or_refused(lists: Desk, run: Run) -> None:
    covered()
    done = run("links", "list", "--records", HUGE, "--json")
    assert done.code in (0, 2)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [("links", "list"), ("links", "update"), ("differences", "list")],
    ids=" ".join,
)
def test_an_empty_register_has_nothing_to_list(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    assert not any(done.json().values())
    assert not Difference.objects.exists()


def test_verify_finds_nothing_after_coverage_and_what_is_altered(lists: Desk, run: Run, tmp_path: Path) -> None:
    run("coverage", "--out", tmp_path / "out")
    done = run("verify", "--json")
    assert (done.code, any(done.json()["found"].values())) == (0, False)
    Difference.objects.filter(code="on_no_roll").delete()
    altered = run("verify", "--json")
    assert (altered.code, [name for name, said in altered.json()["found"].items() if said]) == (1, ["coverage.totals"])
