"""What rules.toml may say, and what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pairing import files

HELPERS = [
    ("id", "capacity", "group", "post", "kin", "contact"),
    ("h1", 2, "A", "dean", "Li", "u"),
    ("h2", 2, "A", "teacher", "Wang", ""),
    ("h3", 2, "B", "teacher", "", "no"),
]
HELPED = [("id", "demand", "group", "kin"), ("p1", 1, "u", "Wang"), ("p2", 1, "u", "Li"), ("p3", 1, "v", "")]
# The lower the number of the helper the better; of those who go to a higher one, the first.
ALLOWED = [
    ("helper", "helped", "cost"),
    *((f"h{h + 1}", f"p{p + 1}", 100 * h + h * p) for h in range(3) for p in range(3)),
]
ORDER = "order = ['helped', 'filled', 'kept', 'cost']\n"

Pairs = set[tuple[str, str]]


def pairs(folder: Path, rules: str, **tables: files.Rows) -> Pairs:
    given = {"helpers": HELPERS, "helped": HELPED, "allowed": ALLOWED, **tables}
    return {(helper, helped) for helper, helped, _ in files.pair(folder, **given, rules=ORDER + rules)[1]}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", "21 12 13"),
        ("[[only]]\nhelper = {post = 'dean'}\nhelped = {group = 'v'}", "13 21 22"),
        ("[[only]]\nhelped = {group = ['v']}", "13"),
        ("[[never]]\nhelper = {group = 'A'}\nhelped = {group = 'v'}", "11 12 33"),
        ("[[never]]\nhelper = {post = ['dean', 'teacher'], group = 'A'}", "31 32"),
        ("[[never]]\nsame = 'kin'", "11 13 22"),
        ("[[never]]\nsame = [['kin', 'kin']]", "11 13 22"),
        ("[[never]]\nsame = [['post', 'kin']]", "21 12 13"),
        ("[[never]]\nhelper = {group = 'B'}\nsame = 'kin'", "21 12 13"),
        ("[[never]]\npairs = [['h2', 'p1']]", "11 13 22"),
        ("[[never]]\nhelper = {group = 'B'}\npairs = [['h2', 'p1']]", "21 12 13"),
        ("[[must]]\npairs = [['h3', 'p3']]", "11 12 33"),
        ("[[load]]\nhelper = {post = 'dean'}\nat_most = 1", "13 21 22"),
        ("[[load]]\nat_most = 1", "13 22 31"),
        ("[[load]]\nhelper = {id = 'h3'}\nat_least = 1", "31 12 13"),
        ("[[load]]\nhelper = {id = ['h2', 'h3']}\nat_least = 2", None),
        ("[contacts]\nin_own_group = true", "11 12 23"),
    ],
)
def test_a_rule_decides_who_helps_whom(rules: str, expected: str | None, tmp_path: Path) -> None:
    found = pairs(tmp_path, rules)
    if expected is None:  # more is due than there are people: three of four
        assert {helper for helper, _ in found} == {"h2", "h3"}
    else:
        assert found == {(f"h{pair[0]}", f"p{pair[1]}") for pair in expected.split()}


@pytest.mark.parametrize(
    ("columns", "cells", "rules", "kept"),
    [
        ((), (), "", True),
        (("since",), ("2022-03-01",), "day = 2025-02-28\n[keep]\nyears = 3", True),
        (("since",), ("2022-03-01",), "day = 2025-03-01\n[keep]\nyears = 3", False),
        (("since",), ("2024-02-29",), "day = 2025-02-28\n[keep]\nyears = 1", True),
        (("since",), ("2024-02-29",), "day = 2025-03-01\n[keep]\nyears = 1", False),
        (("since",), ("2022-03-01",), "day = 2030-01-01", True),
        (("until",), ("2025-03-01",), "day = 2025-02-28", True),
        (("until",), ("2025-03-01",), "day = 2025-03-01", False),
        (("since", "until"), ("2020-01-01", "2025-03-01"), "day = 2025-02-28\n[keep]\nyears = 3", True),
    ],
)
def test_a_previous_pair_is_kept_within_its_term(
    columns: tuple[str, ...], cells: tuple[str, ...], rules: str, kept: bool, tmp_path: Path
) -> None:
    previous = [("helper", "helped", *columns), ("h3", "p2", *cells)]
    found = pairs(tmp_path, rules, previous=previous)
    assert (("h3", "p2") in found) == kept


def test_a_pair_that_must_be_kept_is_kept_at_any_price(tmp_path: Path) -> None:
    helped = [HELPED[0], HELPED[1], HELPED[2]]
    allowed = [("helper", "helped", "cost"), ("h1", "p1", 1), ("h1", "p2", 1), ("h2", "p2", 5)]
    helpers = [HELPERS[0], ("h1", 1, *HELPERS[1][2:]), *HELPERS[2:]]
    tables = {
        "helpers": helpers,
        "helped": helped,
        "allowed": allowed,
        "previous": [("helper", "helped"), ("h1", "p2")],
    }
    assert pairs(tmp_path, "", **tables) == {("h1", "p1"), ("h2", "p2")}
    assert pairs(tmp_path, "[keep]\nmust = true", **tables) == {("h1", "p2")}
    tables["previous"] = [("helper", "helped", "must"), ("h1", "p2", "yes")]
    assert pairs(tmp_path, "", **tables) == {("h1", "p2")}


def test_weights_say_what_counts_how_much(tmp_path: Path) -> None:
    allowed = [
        ("helper", "helped", "cost", "distance", "wish"), ("h1", "p1", 1, 7, 0), ("h2", "p1", 2, 3, "0.5"),
        ("h3", "p1", 3, 0, 1),
    ]  # fmt: skip
    tables = {"helpers": HELPERS, "helped": HELPED, "allowed": allowed}
    for weights, helper, cost in (
        ("", "h1", "1"),
        ("[weights]\ndistance = 1", "h3", "3"),
        ("[weights]\ncost = 0\nwish = 2", "h1", "0"),
        ("[weights]\ncost = 0\nwish = -2", "h3", "-2"),
        ("[weights]\ncost = 4\nwish = -10", "h3", "2"),
        ("[weights]\ncost = 4\nwish = -9", "h3", "3"),
        ("[weights]\ncost = 4\nwish = -8", None, "4"),
        ("[weights]\ncost = 9\ndistance = 2\nwish = -1", "h1", "23"),
    ):
        _, found = files.pair(tmp_path, **tables, rules=ORDER + weights)
        assert found[0][2] == cost
        assert helper is None or found[0][0] == helper


@pytest.mark.parametrize(
    ("until", "day", "exempt"),
    [("", "", True), ("2025-03-01", "day = 2025-02-28", True), ("2025-03-01", "day = 2025-03-01", False)],
)
def test_an_exemption_holds_until_its_day(until: str, day: str, exempt: bool, tmp_path: Path) -> None:
    helpers = [("id", "capacity", "group", "exempt", "exempt_until"), ("h1", 3, "A", "ill", until)]
    allowed = [ALLOWED[0], *(row for row in ALLOWED[1:] if row[0] == "h1")]
    found, _ = files.pair(tmp_path, helpers=helpers, helped=HELPED, allowed=allowed, rules=day)
    assert found["helped"] == (0 if exempt else 3)
    assert found["exempt"] == ([{"id": "h1", "reason": "ill"}] if exempt else [])


def test_contacts_are_named_or_chosen_where_most_of_their_pairs_are(tmp_path: Path) -> None:
    helpers = [
        ("id", "capacity", "group", "contact"), ("h1", 2, "A", "yes"), ("h2", 2, "A", "yes"), ("h3", 2, "B", "w"),
        ("h4", 2, "B", ""),
    ]  # fmt: skip
    helped = [("id", "demand", "group"), *((f"p{n}", 1, group) for n, group in enumerate("uvvw"))]
    allowed = [("helper", "helped", "cost"), ("h1", "p1", 0), ("h1", "p2", 0), ("h2", "p0", 0), ("h4", "p3", 0)]
    tables = {"helpers": helpers, "helped": helped, "allowed": allowed, "rules": "[contacts]\nfor_each_group = true"}
    found, _ = files.pair(tmp_path, **tables)
    assert found["contacts"] == {"u": "h2", "v": "h1", "w": "h3"}
    tables["helpers"] = [row for row in helpers if row[0] != "h3"]
    found, _ = files.pair(tmp_path, **tables)
    assert found["contacts"] == {"u": "h2", "v": "h1", "w": None}
    assert found["without_contact"] == ["w"]
