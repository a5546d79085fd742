"""Bad input: one clear error that names the file, the row, the column and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bangfu.cli.main import cli
from bangfu.core.errors import BangfuError
from bangfu.pairing.reading import read_problem
from tests.pairing import files
from tests.pairing.files import ALLOWED, HELPED, HELPERS, Rows


def changed(rows: Rows, row: int, column: int, value: object) -> Rows:
    """Return the rows with another cell; `row` counts as the office program does."""
    copy = [[*cells] for cells in rows]
    copy[row - 1][column] = value
    return copy


BAD_CELLS = [
    ({"helpers": changed(HELPERS, 3, 1, -1)}, "helpers.csv row 3, column capacity: '-1'", "whole number from 0"),
    ({"helpers": changed(HELPERS, 3, 1, "1.5")}, "helpers.csv row 3, column capacity: '1.5'", "whole number"),
    ({"helpers": changed(HELPERS, 3, 1, "")}, "helpers.csv row 3, column capacity: ''", "whole number"),
    ({"helpers": changed(HELPERS, 3, 1, "many")}, "helpers.csv row 3, column capacity: 'many'", "whole number"),
    ({"helpers": changed(HELPERS, 3, 1, "1_0")}, "helpers.csv row 3, column capacity: '1_0'", "whole number"),
    ({"helpers": changed(HELPERS, 3, 1, 2**31)}, "helpers.csv row 3, column capacity: '2147483648'", "2147483647"),
    ({"helpers": changed(HELPERS, 3, 1, "nan")}, "helpers.csv row 3, column capacity: 'nan'", "whole number"),
    ({"helpers": changed(HELPERS, 4, 0, "h1")}, "helpers.csv row 4, column id", "'h1' stands in row 2 already"),
    ({"helpers": changed(HELPERS, 4, 0, "")}, "helpers.csv row 4, column id", "expected an id"),
    ({"helped": changed(HELPED, 5, 1, "-2")}, "helped.csv row 5, column demand: '-2'", "whole number from 0"),
    ({"helped": changed(HELPED, 5, 1, "0.5")}, "helped.csv row 5, column demand: '0.5'", "whole number"),
    ({"helped": changed(HELPED, 5, 0, "p1")}, "helped.csv row 5, column id", "'p1' stands in row 2 already"),
    ({"allowed": changed(ALLOWED, 2, 0, "h9")}, "allowed.csv row 2, column helper: 'h9'", "not in helpers.csv"),
    ({"allowed": changed(ALLOWED, 8, 1, "p9")}, "allowed.csv row 8, column helped: 'p9'", "not in helped.csv"),
    ({"allowed": changed(ALLOWED, 2, 2, "dear")}, "allowed.csv row 2, column cost: 'dear'", "a number"),
    ({"allowed": changed(ALLOWED, 2, 2, "")}, "allowed.csv row 2, column cost: ''", "a number"),
    ({"allowed": changed(ALLOWED, 2, 2, "nan")}, "allowed.csv row 2, column cost: 'nan'", "a number"),
    ({"allowed": changed(ALLOWED, 2, 2, "inf")}, "allowed.csv row 2, column cost: 'inf'", "a number"),
    ({"allowed": changed(ALLOWED, 2, 2, "1_0")}, "allowed.csv row 2, column cost: '1_0'", "a number"),
    ({"allowed": changed(ALLOWED, 2, 2, "0.0000001")}, "allowed.csv row 2, column cost", "six decimals"),
    ({"allowed": changed(ALLOWED, 2, 2, 10**12 + 1)}, "allowed.csv row 2, column cost", "no more than 1000000000000"),
    ({"allowed": changed(ALLOWED, 2, 2, -(10**30))}, "allowed.csv row 2, column cost", "no more than 1000000000000"),
    ({"allowed": changed(ALLOWED, 3, 1, "p1")}, "allowed.csv row 3: the pair h1, p1", "row 2 already"),
    ({"previous": [("helper", "helped"), ("h1", "p1"), ("h1", "p1")]}, "previous.csv row 3: the pair h1, p1", "row 2"),
    (
        {"allowed": [("helper", "helped", "cost", "use"), ("h1", "p1", 1, 0)]},
        "allowed.csv row 2, column use: '0'",
        "whole number from 1",
    ),
    (
        {"previous": [("helper", "helped", "until"), ("h1", "p1", "soon")]},
        "previous.csv row 2, column until: 'soon'",
        "a day",
    ),
    (
        {"previous": [("helper", "helped", "until"), ("h1", "p1", "2026-01-01")]},
        "previous.csv row 2, column until",
        "expected day = YYYY-MM-DD in rules.toml",
    ),
    (
        {"previous": [("helper", "helped", "must"), ("h1", "p1", "perhaps")]},
        "previous.csv row 2, column must: 'perhaps'",
        "yes or no",
    ),
    (
        {
            "helpers": [
                ("id", "capacity", "group", "contact"),
                ("h1", 1, "A", "w"),
                ("h2", 1, "A", ""),
                ("h3", 1, "A", ""),
            ],
            "rules": "[contacts]\nin_own_group = true",
        },
        "helpers.csv row 2, column contact: 'w'",
        "a group of the helped",
    ),
    ({"helpers": [("id", "room", "group"), ("h1", 1, "A")]}, "helpers.csv row 1: there is no column capacity", "room"),
    ({"helped": [("id", "demand"), ("p1", 1)]}, "helped.csv row 1: there is no column group", "demand"),
    ({"allowed": [("helper", "helped", "helped", "cost")]}, "allowed.csv row 1", "two columns are called helped"),
    ({"allowed": [*ALLOWED, ("h3", "p1", 1, "x")]}, "allowed.csv row 9", "more cells than the 3 columns"),
    ({"allowed": None}, "allowed.csv", "missing"),
    (
        {"helpers": [("id", "capacity", "group"), *((f"h{n}", 2**31 - 1, "A") for n in range(1, 4))]},
        "helpers.csv: the capacities of group 'A'",
        "2147483647",
    ),
]


@pytest.mark.parametrize(("tables", "where", "expected"), BAD_CELLS)
def test_a_bad_cell_is_named(tables: dict[str, Rows], where: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(BangfuError) as caught:
        files.problem(tmp_path, **tables)
    said = caught.value.said("en")
    caught.value.said("zh")
    assert where in said
    assert expected in in_english(tmp_path)


def in_english(folder: Path) -> str:
    """Return what the command says, in English; nothing is written."""
    out = folder / "out.csv"
    done = CliRunner(env={"BANGFU_LANG": "en"}).invoke(cli, ["pair", str(folder), "--out", str(out)])
    assert isinstance(done.exception, BangfuError)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANGFU_LANG", "en")
        with pytest.raises(BangfuError) as caught:
            read_problem(folder)
        said = str(caught.value)
    assert "\n" not in said
    assert not out.exists()
    return said


BAD_RULES = [
    ("day = 2025-01-01\ncolour = 1", "unknown key colour"),
    ("[keep]\nyear = 3", "unknown key keep.year"),
    ("[[never]]\nhelpers = {group = 'A'}", "unknown key never[1].helpers"),
    ("[[never]]\nname = 'nothing'", "at least one of the keys"),
    ("[[only]]\nhelper = {group = 'A'}", "at least one of the keys: helped"),
    ("[only]\nhelper = {group = 'A'}", "a list of [[only]]"),
    ("keep = 3", "keep: 3 will not do; expected a table"),
    ("[keep]\nyears = -1", "whole number from 0"),
    ("[keep]\nmust = 1", "true or false"),
    ("day = '2025'", "expected a day"),
    ("day = 2025-13-01", "rules.toml cannot be read"),
    ("order = ['cost', 'helped']", "in this order"),
    ("order = ['helped', 'kept']", "in this order"),
    ("order = ['helped', 'beauty', 'cost']", "in this order"),
    ("[weights]\ndistance = 0.5", "whole number"),
    ("[weights]\ndistance = 2", "allowed.csv row 1: there is no column distance"),
    ("[[never]]\nhelper = {post = 'dean'}", "helpers.csv has no column post"),
    ("[[never]]\nsame = 'kin'", "has no column kin"),
    ("[[never]]\npairs = [['h9', 'p1']]", "'h9' is not in helpers.csv"),
    ("[[must]]\npairs = [['h1']]", "[helper, helped]"),
    (
        "[[must]]\nname = 'x'\npairs = [['h1', 'p1']]\n[[never]]\nname = 'x'\npairs = [['h1', 'p2']]",
        "a name of its own",
    ),
    ("[[load]]\nname = 'x'\nat_least = 2\nat_most = 1", "contradict each other: x; at_least is more than at_most"),
]


@pytest.mark.parametrize(("rules", "expected"), BAD_RULES)
def test_a_bad_rule_is_named(rules: str, expected: str, tmp_path: Path) -> None:
    files.write(tmp_path, rules=rules)
    assert expected in in_english(tmp_path)


CONTRADICTIONS = [
    (
        "[[must]]\nname = 'sworn'\npairs = [['h1', 'p1']]\n[[never]]\nname = 'kin'\npairs = [['h1', 'p1']]",
        "sworn, kin; h1 and p1 must be a pair and may not be one",
    ),
    (
        "[[only]]\nname = 'a'\nhelper = {group = 'A'}\nhelped = {group = 'u'}\n"
        "[[only]]\nname = 'b'\nhelper = {id = 'h2'}\nhelped = {group = 'v'}",
        "a, b; together they leave h2 nobody to help",
    ),
    (
        "[[only]]\nname = 'a'\nhelped = {group = 'u'}\n"
        "[[never]]\nname = 'b'\nhelper = {id = 'h3'}\nhelped = {group = 'u'}",
        "a, b; together they leave h3 nobody to help",
    ),
    (
        "[[load]]\nname = 'a'\nhelper = {group = 'A'}\nat_least = 2\n"
        "[[load]]\nname = 'b'\nhelper = {id = 'h1'}\nat_most = 1",
        "a, b; h1 should help 2 at least",
    ),
    ("[[load]]\nname = 'a'\nhelper = {id = 'h3'}\nat_least = 2", "contradict each other: a; h3 should help 2 at least"),
]


@pytest.mark.parametrize(("rules", "expected"), CONTRADICTIONS)
def test_rules_that_contradict_each_other_are_named(rules: str, expected: str, tmp_path: Path) -> None:
    files.write(tmp_path, rules=rules)
    assert expected in in_english(tmp_path)


MUSTS = [
    (
        "[[must]]\nname = 'a'\npairs = [['h3', 'p1']]",
        "a: the pair h3, p1 must be, and cannot: it is not in allowed.csv",
    ),
    ("[[must]]\npairs = [['h3', 'p3'], ['h3', 'p4']]", "h3, p4 must be, and cannot: h3 has capacity 1"),
    ("[[must]]\npairs = [['h1', 'p2'], ['h2', 'p2']]", "h2, p2 must be, and cannot: p2 has demand 1"),
    ("[keep]\nmust = true", "previous.csv: the pair h2, p1 must be, and cannot: it is not in allowed.csv"),
]


@pytest.mark.parametrize(("rules", "expected"), MUSTS)
def test_a_pair_that_must_be_and_cannot_is_named(rules: str, expected: str, tmp_path: Path) -> None:
    files.write(tmp_path, previous=[("helper", "helped"), ("h2", "p1")], rules=rules)
    assert expected in in_english(tmp_path)


def test_a_previous_pair_that_must_be_and_cannot_is_named(tmp_path: Path) -> None:
    files.write(tmp_path, previous=[("helper", "helped", "must"), ("gone", "p1", "yes")])
    assert "previous.csv: the pair gone, p1 must be, and cannot: the helper is no longer" in in_english(tmp_path)


def test_costs_too_large_for_so_many_are_refused_not_rounded(tmp_path: Path) -> None:
    rows = [("helper", "helped", "cost"), *((f"h{n}", f"p{n}", 10**12 - 1 if n else "0.000001") for n in range(3000))]
    helpers = [("id", "capacity", "group"), *((f"h{n}", 1, "A") for n in range(3000))]
    helped = [("id", "demand", "group"), *((f"p{n}", 1, "u") for n in range(3000))]
    with pytest.raises(BangfuError, match="cost") as caught:
        files.pair(tmp_path, helpers=helpers, helped=helped, allowed=rows)
    assert caught.value.code == "pairing_range"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere" in in_english(tmp_path / "nowhere")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    files.write(tmp_path)
    (tmp_path / "helped.csv").write_bytes(b"\xff\xff\x80\x00")
    assert "helped.csv" in in_english(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_office_texts_are_read(encoding: str, tmp_path: Path) -> None:
    files.write(tmp_path)
    lines = ["ID , Capacity,group", " 甲,2,学院", "", "乙,1.0,学院", ",,"]
    (tmp_path / "helpers.csv").write_bytes("\r\n".join(lines).encode(encoding))
    (tmp_path / "allowed.csv").write_bytes("helper,helped,cost\n甲,p1, 3 \n乙,p2,4\n".encode(encoding))
    problem = read_problem(tmp_path)
    assert problem.helpers.ids == ["乙", "甲"]
    assert problem.helpers.size.tolist() == [1, 2]
    assert problem.helpers.rows == [4, 2]
    assert problem.arcs.cost.tolist() == [4, 3]
