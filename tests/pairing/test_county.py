"""Programme III (III.7 to III.9, III.12): 412 households, exempt staff, loads 2, 2, 1, six contacts, two in reserve."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.pairing import county, files


def test_every_household_has_its_helper_and_nobody_exempt_helps(tmp_path: Path) -> None:
    tables = county.tables()
    found, pairs = files.pair(tmp_path, **tables)
    posts = {row[0]: row[5] for row in tables["helpers"][1:]}
    exempt = {row[0] for row in tables["helpers"][1:] if row[4]}
    villages = Counter(row[2] for row in tables["helped"][1:])
    assert villages == {"边岩村": 76, "小寨村": 56, "跃进村": 81, "东园村": 54, "平桥村": 79, "真静村": 66}
    assert len(exempt) == 28
    assert {one["id"] for one in found["exempt"]} == exempt

    loads = Counter(helper for helper, _, _ in pairs)
    assert (found["status"], found["helped"], found["unhelped"]) == ("optimal", 412, [])
    assert len({helped for _, helped, _ in pairs}) == 412
    assert not loads.keys() & exempt
    assert {loads[id_] for id_, post in posts.items() if post in county.TWO} == {2}
    assert {loads[id_] for id_, post in posts.items() if post not in county.TWO} <= {0, 1}
    assert len(found["reserve"]) == 2
    assert not loads.keys() & {*found["reserve"]}
    assert found["contacts"].keys() == villages.keys()
    assert {posts[helper] for helper in found["contacts"].values()} == {*county.LEADERS}
    assert len({*found["contacts"].values()}) == 6
    assert [row["level"] for row in found["proof"]["levels"]] == [
        "helped",
        "filled",
        "kept",
        "load",
        "cost",
    ]


def test_when_one_of_the_staff_leaves_one_household_changes(tmp_path: Path) -> None:
    tables = county.tables()
    _, before = files.pair(tmp_path, **tables)
    teacher = next(helper for helper, _, _ in before if helper > "T0100")
    tables["helpers"] = [(*row[:4], "病休", row[5]) if row[0] == teacher else row for row in tables["helpers"]]
    tables["previous"] = [("helper", "helped", "since"), *((*pair[:2], "2025-02-17") for pair in before)]
    found, after = files.pair(tmp_path, **tables)
    assert found["helped"] == 412
    assert found["kept"] >= 408  # his household, and those who must move so that one of the reserve may take one
    assert found["lapsed"] == [{"helper": teacher, "helped": _of(before, teacher), "reason": "帮扶人已免除帮扶"}]
    assert found["kept"] == len({pair[:2] for pair in after} & {pair[:2] for pair in before})


def _of(pairs: list[tuple[str, str, str]], helper: str) -> str:
    return next(helped for left, helped, _ in pairs if left == helper)


def test_without_leaders_villages_without_contact_are_named(tmp_path: Path) -> None:
    tables = county.tables()
    tables["helpers"] = [
        (*row[:3], "" if row[3] == "yes" and row[5] == "副院长" else row[3], *row[4:]) for row in tables["helpers"]
    ]
    found, _ = files.pair(tmp_path, **tables)
    assert len(found["without_contact"]) == 4
