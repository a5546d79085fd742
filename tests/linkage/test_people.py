"""Which rows are one person: keys, weights, and the rules that no weight overrides."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bangfu.linkage.humans import humans
from bangfu.linkage.people import SHARED_BY, find_edges
from tests.linkage.records import (
    HOME,
    SIZE,
    Row,
    digit_wrong,
    digits_swapped,
    edges_of,
    groups,
    id_number,
    linked,
    pairs_weighed,
    questions,
    register,
    valid_ids,
)

X, Y = id_number(101), id_number(102)  # twins' IDs: they differ in the last digits
FAR = id_number(877)  # born the same day, registered another day
CUT, FAR_CUT = X[:15], FAR[:15]
LATER = date(2018, 11, 20)
SIZES = [50, 300, SIZE]
TWO = {frozenset({1, 2})}

# ---------------------------------------------------------------- nothing, and nearly nothing


def test_an_empty_table_has_no_pairs() -> None:
    assert edges_of() == []


def test_one_record_has_no_pairs() -> None:
    assert edges_of({"name": "张佳", "number": X, "roll": X, "start": CUT} | HOME) == []


@pytest.mark.parametrize("name", [None, "", "·", "?"])
def test_rows_that_say_nothing_are_not_paired(name: str | None) -> None:
    assert edges_of(*[{"name": name}] * 3) == []


@pytest.mark.parametrize("name", [None, "", "?", "??"])
def test_a_name_that_says_nothing_makes_nobody_sure(name: str | None) -> None:
    assert [edge for edge in edges_of({"name": name} | HOME, {"name": name} | HOME) if edge.sure] == []


def test_rows_without_birth_and_village_are_not_compared() -> None:
    assert pairs_weighed([{"name": "张佳", "sex": "男", "phone": b"one"}] * 100) == 0


def test_the_columns_may_all_be_null_but_one() -> None:
    rows = [{"name": "张佳", field: value} for field, value in HOME.items()]
    assert edges_of(*rows) == []


# ---------------------------------------------------------------- exact keys

KEYS = [
    ("id", {"number": X}, {"number": X}),
    ("id", {"number": digit_wrong(X)}, {"number": digit_wrong(X)}),
    ("certificate", {"number": X}, {"number": X, "certified": True}),
    ("certificate", {"number": X, "certified": True}, {"number": X, "certified": True}),
    ("roll_number", {"number": X}, {"roll": X}),
    ("roll_number", {"roll": X}, {"roll": X}),
    ("roll_number", {"number": X, "certified": True}, {"roll": X}),
    ("roll_number", {"number": Y, "roll": X}, {"number": X}),
    ("roll_number", {"start": CUT, "roll": X}, {"number": X}),
    ("id_start", {"number": X}, {"start": CUT}),
    ("id_start", {"number": X, "certified": True}, {"start": CUT}),
    ("id_start", {"roll": X}, {"start": CUT}),
    ("id_start", {"start": CUT}, {"start": CUT}),
    ("id", {"number": X, "roll": X}, {"number": X, "roll": X}),
    ("id", {"number": X, "roll": FAR}, {"number": X, "roll": FAR}),
    ("certificate", {"number": X, "roll": FAR}, {"number": X, "certified": True, "roll": FAR}),
]


@pytest.mark.parametrize(("how", "left", "right"), KEYS)
def test_a_key_joins_and_the_plainest_is_named(how: str, left: Row, right: Row) -> None:
    for one, other in ((left, right), (right, left)):
        (edge,) = edges_of({"name": "张佳"} | one, {"name": "张佳"} | other)
        assert (edge.left, edge.right, edge.how, edge.sure, edge.apart) == (1, 2, how, True, False)


@pytest.mark.parametrize(("how", "left", "right"), [KEYS[0], KEYS[2], KEYS[4], KEYS[9]])
@pytest.mark.parametrize("other", ["张嘉", "张 佳", "张?", "张·佳"])
def test_a_key_outweighs_a_slip_in_the_name(how: str, left: Row, right: Row, other: str) -> None:
    (edge,) = edges_of({"name": "张佳"} | left, {"name": other} | right)
    # Twins share 15 digits, and may sound alike: that much is a question.
    assert (edge.how, edge.sure) == (how, how != "id_start" or other != "张嘉")


@pytest.mark.parametrize("start", [FAR_CUT, id_number(101, LATER)[:15]])
def test_another_start_is_no_key(start: str) -> None:
    assert edges_of({"name": "张佳", "number": X}, {"name": "张佳", "start": start}) == []


def test_two_full_ids_are_not_joined_by_their_start() -> None:
    rows = ({"name": "张佳", "number": X}, {"name": "张佳", "number": Y}, {"name": "李强", "start": CUT})
    assert edges_of(*rows) == []


def test_a_cut_id_is_recovered_by_the_one_who_lives_there() -> None:
    near, far = {"number": X, "village": 7}, {"number": Y, "village": 8}
    found = linked(*({"name": "张佳"} | row for row in (far, near, {"start": CUT, "village": 7})))
    assert groups(found) == {frozenset({2, 3})}


ONE_SIGN = [("张小明", "张小亮"), ("张明", "张小明"), ("张小伟", "张小伦")]


@pytest.mark.parametrize(("left", "right"), ONE_SIGN)
def test_names_but_for_one_sign_agree_so(left: str, right: str) -> None:
    (edge,) = edges_of({"name": left, "number": X}, {"name": right, "number": X})
    assert (edge.agrees["name"], edge.sure) == ("one_sign", True)


# ---------------------------------------------------------------- one ID, two people

OTHERS = [("张伟", "李娜"), ("张小明", "王大力"), ("王", "李"), ("ALI", "张三"), ("张小明", "阿里木·买买提")]


@pytest.mark.parametrize(("left", "right"), OTHERS)
@pytest.mark.parametrize(("how", "one", "two"), [KEYS[0], KEYS[2], KEYS[4], KEYS[9]])
def test_one_number_under_two_names_is_a_question(left: str, right: str, how: str, one: Row, two: Row) -> None:
    found = linked({"name": left} | HOME | one, {"name": right} | HOME | two)
    assert (groups(found), found.same) == (set(), [])
    assert questions(found) == ([] if how == "id_start" else [(1, 2)])


@pytest.mark.parametrize(("elder", "younger"), ONE_SIGN)
def test_a_child_under_the_id_of_its_brother_is_a_question(elder: str, younger: str) -> None:
    rows = ({"name": elder, "number": X} | HOME, HOME | {"name": younger, "number": X, "birth": LATER})
    assert [edge.sure for edge in edges_of(*rows)] == [False]


@pytest.mark.parametrize("names", [*ONE_SIGN, ("张阿强", "张小娟")])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("size", [300, SIZE])
def test_twins_in_one_list_under_one_id(names: tuple[str, str], order: tuple[int, ...], size: int) -> None:
    one, other = names
    rows = [{"name": one, "list": 1, "number": X}, {"name": other, "list": 1, "number": X}]
    rows += [{"name": one, "list": 2, "number": X}, {"name": other, "list": 2, "number": Y}]
    places = [1 + order.index(at) for at in range(3)] + [4]
    found = linked(*(HOME | row | {"record": place} for row, place in zip(rows, places, strict=True)), size=size)
    mine, twin, mine_again, twin_again = (found.root.get(place, place) for place in places)
    assert mine == mine_again
    assert mine not in (twin, twin_again)
    assert found.doubtful


def test_rows_of_one_list_under_one_id_are_apart() -> None:
    rows = ({"name": "张阿强", "list": 1, "number": X}, {"name": "张小娟", "list": 1, "number": X})
    assert [(edge.sure, edge.apart) for edge in edges_of(*rows)] == [(False, True)]


# ---------------------------------------------------------------- twins

TWINS = [("张小明", "张小亮"), ("张小伟", "张小伦"), ("张子涵", "张梓涵"), ("王己", "王已")]
WRITTEN: dict[str, tuple[Row, Row, Row, Row]] = {
    "all have IDs": ({"number": X}, {"number": Y}, {"number": X}, {"number": Y}),
    "one has none in one list": ({"number": X}, {"number": Y}, {}, {"number": Y}),
    "one has none": ({}, {"number": Y}, {}, {"number": Y}),
    "one list has none": ({"number": X}, {"number": Y}, {}, {}),
    "no list has any": ({}, {}, {}, {}),
    "one is mistyped": ({"number": X}, {"number": Y}, {"number": digit_wrong(X)}, {"number": Y}),
    "one is cut": ({"number": X}, {"number": Y}, {"start": CUT}, {"number": Y}),
    "one list is cut": ({"number": X}, {"number": Y}, {"start": CUT}, {"start": CUT}),
    "one is cut, and has none in the other list": ({"number": X}, {"start": CUT}, {"number": X}, {}),
    "one has a roll number": ({"roll": X}, {"number": Y}, {"number": X}, {"roll": Y}),
}


@pytest.mark.parametrize("names", TWINS)
@pytest.mark.parametrize("ids", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize(("places", "size"), [((1, 2, 3, 4), SIZE), ((2, 1, 3, 4), 50)])
def test_twins_are_two(names: tuple[str, str], ids: tuple[Row, ...], places: tuple[int, ...], size: int) -> None:
    rows = [
        HOME | {"name": name, "list": number, "record": place} | known
        for (number, name), known, place in zip(product((1, 2), names), ids, places, strict=True)
    ]
    found = linked(*rows, size=size)
    assert groups(found) == {frozenset({places[0], places[2]}), frozenset({places[1], places[3]})}


def test_a_sign_unknown_joins_to_neither_twin() -> None:
    found = linked(
        {"name": "王䶮", "list": 1, "number": X} | HOME,
        {"name": "王龑", "list": 1, "number": Y} | HOME,
        {"name": "王?", "list": 2} | HOME,
    )
    assert groups(found) == set()
    assert found.doubtful


# ---------------------------------------------------------------- other people

STRANGERS: dict[str, tuple[Row, Row]] = {
    "brothers": ({"name": "张强"}, {"name": "张伟", "birth": LATER}),
    "brothers but for one sign": ({"name": "张小明"}, {"name": "张小亮", "birth": LATER}),
    "sisters of one sound": ({"name": "张佳", "sex": "女"}, {"name": "张嘉", "sex": "女", "birth": LATER}),
    "sisters of one shape": ({"name": "张莱", "sex": "女"}, {"name": "张菜", "sex": "女", "birth": LATER}),
    "father and son": (
        {"name": "张伟", "adult": "张伟", "birth": date(1985, 6, 7)},
        {"name": "张玮", "adult": "张伟"},
    ),
    "head and his brother's child": ({"name": "张强", "adult": "张强", "birth": date(1985, 6, 7)}, {"name": "张文"}),
    "namesakes of one village": (
        {"name": "张伟", "adult": "张大", "phone": None},
        {"name": "张伟", "adult": "王小梅", "phone": None, "birth": LATER},
    ),
    "namesakes of one village, one without guardian": (
        {"name": "张伟", "adult": None, "phone": None},
        {"name": "张伟", "phone": None, "birth": LATER},
    ),
    "one name, village and guardian, another birth": (
        {"name": "张伟", "phone": None},
        {"name": "张伟", "phone": None, "birth": LATER},
    ),
    "cousins of one day": ({"name": "张文"}, {"name": "张丽", "sex": "女"}),
}


@pytest.mark.parametrize(("left", "right"), STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("numbers", [(None, None), (X, None)])
@pytest.mark.parametrize("size", SIZES)
def test_other_people_are_not_sure(left: Row, right: Row, numbers: tuple[str | None, str | None], size: int) -> None:
    rows = [HOME | row | {"number": number} for row, number in zip((left, right), numbers, strict=True)]
    assert [edge for edge in edges_of(*rows, size=size) if edge.sure] == []


@pytest.mark.parametrize(("left", "right"), STRANGERS.values(), ids=STRANGERS.keys())
def test_other_people_with_valid_ids_are_not_asked_about(left: Row, right: Row) -> None:
    assert edges_of(HOME | left | {"number": X}, HOME | right | {"number": FAR}) == []


@pytest.mark.parametrize("size", SIZES)
def test_namesakes_of_one_day_in_two_villages_with_valid_ids(size: int) -> None:
    one = {"name": "张伟", "number": X, "village": 1, "adult": "张大"}
    other = {"name": "张伟", "number": FAR, "village": 2, "adult": "王梅", "phone": b"two"}
    assert edges_of(HOME | one, HOME | other, size=size) == []


def test_a_family_is_as_many_people_as_it_has() -> None:
    births = [date(1955, 1, 1), date(1957, 2, 2), date(1985, 3, 3), date(1987, 4, 4), date(2012, 5, 5), LATER]
    names = ["张大山", "李桂英", "张伟", "王芳", "张小明", "张小红"]
    rows = [HOME | {"name": name, "birth": born, "list": 1} for name, born in zip(names, births, strict=True)]
    assert groups(linked(*rows, *(row | {"list": 2} for row in rows))) == {frozenset({n, n + 6}) for n in range(1, 7)}


# ---------------------------------------------------------------- one person, badly written

SLIPS = [
    ("张佳", "张佳"),
    ("张佳", "张嘉"),
    ("王己", "王已"),
    ("王䶮", "王?"),
    ("王䶮", "王□"),
    ("阿里·木合", "阿里木合"),
    ("张 佳", "张佳"),
    ("Ali  Khan", "ALI KHAN"),
    ("王", "王"),
    ("阿" * 120, "阿" * 119 + "啊"),
]
ID_SLIPS: dict[str, tuple[str, str | None]] = {
    "digit": (X, digit_wrong(X)),
    "swapped": (X, digits_swapped(X)),
    "missing": (X, None),
}
HOME_ALONE = {"birth": HOME["birth"], "sex": "男", "village": 7}
GUARDED_ALONE = {"birth": HOME["birth"], "sex": "男", "adult": "张大山"}


@pytest.mark.parametrize(("left", "right"), SLIPS)
@pytest.mark.parametrize("numbers", ID_SLIPS.values(), ids=ID_SLIPS.keys())
@pytest.mark.parametrize("agreeing", [HOME_ALONE, GUARDED_ALONE], ids=["village", "guardian"])
def test_slips_are_joined_where_birth_and_home_agree(
    left: str, right: str, numbers: tuple[str, str | None], agreeing: Row
) -> None:
    rows = [agreeing | {"name": name, "number": number} for name, number in zip((left, right), numbers, strict=True)]
    assert groups(linked(*rows)) == TWO


@pytest.mark.parametrize(("left", "right"), SLIPS)
def test_slips_are_joined_without_a_sex(left: str, right: str) -> None:
    rows = (HOME | {"name": left}, HOME | {"name": right, "sex": None})
    assert groups(linked(*rows)) == TWO


@pytest.mark.parametrize(("left", "right"), SLIPS[:2])
def test_name_village_and_guardian_are_enough(left: str, right: str) -> None:
    rows = ({"name": left} | HOME, {"name": right, "village": 7, "adult": "张大山"})
    assert groups(linked(*rows)) == TWO


@pytest.mark.parametrize("size", SIZES)
def test_name_and_village_alone_are_a_question(size: int) -> None:
    found = linked({"name": "张佳"} | HOME, {"name": "张佳", "village": 7}, size=size)
    assert (groups(found), questions(found)) == (set(), [(1, 2)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"sex": "男"},
        {"sex": "男", "village": 8},
        {"sex": "男", "village": 8, "adult": "王小梅"},
        {"sex": "男", "village": 8, "adult": "王小梅", "phone": b"two"},
        {"village": 8, "number": digit_wrong(FAR)},
    ],
)
def test_name_and_birth_alone_are_at_most_a_question(other: Row, size: int) -> None:
    rows = (HOME | {"name": "张佳", "number": X}, {"name": "张佳", "birth": HOME["birth"]} | other)
    assert [edge for edge in edges_of(*rows, size=size) if edge.sure] == []


@pytest.mark.parametrize("slip", [digit_wrong, digits_swapped])
def test_a_slip_never_fits_the_check_digit(slip: Callable[[str], str]) -> None:
    known = valid_ids([{"name": "张佳", "number": slip(id_number(serial))} for serial in range(1, 900, 7)])
    assert set(known.values()) == {frozenset()}


# ---------------------------------------------------------------- who changed the name, or the ID


def test_a_changed_name_is_a_question() -> None:
    found = linked(*({"name": name, "number": X} | HOME for name in ("张招娣", "张雨欣", "张招娣")))
    assert groups(found) == {frozenset({1, 3})}
    assert len(found.doubtful) == 1


@pytest.mark.parametrize("kept", [("village",), ("phone",), ("village", "adult", "phone", "sex")])
@pytest.mark.parametrize("numbers", [({"number": X}, {"number": FAR}), ({"roll": X}, {"number": FAR})])
@pytest.mark.parametrize("size", SIZES)
def test_a_changed_id_is_a_question(kept: tuple[str, ...], numbers: tuple[Row, Row], size: int) -> None:
    moved = {"village": 8, "adult": "王小梅", "phone": b"two"} | {field: HOME[field] for field in kept}
    found = linked(HOME | {"name": "张佳"} | numbers[0], HOME | moved | {"name": "张佳"} | numbers[1], size=size)
    assert (groups(found), questions(found)) == (set(), [(1, 2)])


# ---------------------------------------------------------------- chains, order, fresh


@pytest.mark.parametrize("order", list(permutations((X, None, FAR))))
def test_a_record_without_id_chains_nobody(order: tuple[str | None, ...]) -> None:
    found = linked(*(HOME | {"name": "张佳", "number": number} for number in order))
    one, other = (found.root.get(place, place) for place in (1 + order.index(number) for number in (X, FAR)))
    assert one != other
    assert found.doubtful


def test_a_circle_of_bad_records_chains_nobody() -> None:
    numbers = [X, None, digit_wrong(FAR), FAR, digit_wrong(X), None]
    found = linked(*(HOME | {"name": "张佳", "number": number} for number in numbers))
    assert found.root.get(1, 1) != found.root.get(4, 4)


NUMBERS = [None, None, X, Y, FAR, digit_wrong(X)]


@st.composite
def small_registers(draw: st.DrawFn) -> list[Row]:
    """Return rows that agree often, in all ways."""
    options: dict[str, list[object]] = {
        "name": ["张佳", "张嘉", "张小伟", "张小伦", "王?"],
        "list": [1, 2, 3],
        "birth": [HOME["birth"], HOME["birth"], LATER, None],
        "sex": ["男", None],
        "village": [7, 7, 8, None],
        "adult": ["张大山", None],
        "phone": [b"one", None],
        "number": list(NUMBERS),
        "roll": [None, None, None, X],
        "start": [None, None, None, CUT],
        "certified": [False, True],
    }
    rows = draw(st.lists(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in options.items()}), max_size=8))
    return [row | {"record": place} for place, row in enumerate(rows, start=1)]


@given(st.data(), small_registers())
@settings(deadline=None, max_examples=15)
def test_the_order_of_the_records_does_not_matter(data: st.DataObject, rows: list[Row]) -> None:
    assert edges_of(*data.draw(st.permutations(rows))) == edges_of(*rows)


@given(small_registers())
@settings(deadline=None, max_examples=20)
def test_pairs_are_in_order_and_keep_the_rules(rows: list[Row]) -> None:
    edges, ids = edges_of(*rows), valid_ids(rows)
    assert [(edge.left, edge.right) for edge in edges] == sorted({(e.left, e.right) for e in edges if e.left < e.right})
    assert not any(edge.sure and edge.apart for edge in edges)
    weighed = [edge for edge in edges if edge.how == "probable" and edge.sure]
    assert all(not (a and b) or a & b for a, b in ((ids[edge.left], ids[edge.right]) for edge in weighed))


@given(small_registers(), st.integers(0, 8))
@settings(deadline=None, max_examples=20)
def test_linking_in_two_steps_joins_what_one_step_joins(rows: list[Row], old: int) -> None:
    at_once, first = edges_of(*rows), edges_of(*rows[:old])
    new = {row["record"] for row in rows[old:]}
    then = edges_of(*(row | {"fresh": row["record"] in new} for row in rows))
    assert all({edge.left, edge.right} & new for edge in then)
    assert sorted([*first, *then], key=lambda e: (e.left, e.right)) == at_once
    ids = valid_ids(rows)
    assert humans([*first, *then], ids, []).root == humans(at_once, ids, []).root


def test_nothing_fresh_nothing_found() -> None:
    assert edges_of(*[HOME | {"name": "张佳", "number": X, "fresh": False}] * 2) == []


def test_again_on_the_same_connection() -> None:
    connection = register([HOME | {"name": "张佳", "number": X}] * 3)
    assert find_edges(connection, SIZE) == find_edges(connection, SIZE)


# ---------------------------------------------------------------- numbers that many bear, and growth


def crowd(count: int) -> list[Row]:
    """Return people who live in villages of 30, a county as it is."""
    chance = random.Random(1)  # noqa: S311
    surnames, given_names = "王李张刘陈杨黄赵吴周", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
    rows = []
    for place in range(count):
        born = date(2008, 1, 1) + timedelta(chance.randrange(4_000))
        name = chance.choice(surnames) + chance.choice(given_names) + chance.choice(given_names)
        adult = name[0] + chance.choice(given_names) + chance.choice(given_names)
        known = {"number": id_number(place % 1_000, born), "sex": chance.choice("男女")}
        rows.append({"name": name, "birth": born, "village": place // 30, "adult": adult} | known)
    return rows


JUNK = ["000000000000000000", "123456789012345678", X]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("field", ["number", "roll", "start"])
def test_a_number_that_many_bear_links_nobody(junk: str, field: str) -> None:
    known = {field: junk[:15] if field == "start" else junk}
    rows = [row | {"number": None} | known for row in crowd(SHARED_BY + 10)]
    assert edges_of(*rows) == []
    same = [{"name": "张佳"} | known] * (SHARED_BY + 10)
    assert pairs_weighed(same) == 0


@pytest.mark.parametrize("junk", JUNK)
def test_a_number_that_many_bear_weighs_nothing(junk: str) -> None:
    rows = [row | {"number": junk} for row in crowd(SHARED_BY + 10)]
    pair = {"name": "张佳", "birth": HOME["birth"], "adult": "张大山"}
    alone = edges_of(pair | {"village": 1}, pair | {"village": 2, "adult": "王小梅"})
    rows += [pair | {"village": 1, "number": junk}, pair | {"village": 2, "number": junk, "adult": "王小梅"}]
    assert [edge.sure for edge in edges_of(*rows)] == [edge.sure for edge in alone]


@pytest.mark.parametrize("number", ["111111111111111111", digit_wrong(X)])
def test_a_wrong_number_that_namesakes_share_is_a_question(number: str) -> None:
    one = {"name": "张伟", "birth": date(2012, 1, 2), "village": 1, "adult": "张大", "number": number}
    other = {"name": "张伟", "birth": LATER, "village": 2, "adult": "王梅", "number": number}
    assert [edge.sure for edge in edges_of(one, other)] == [False]


def test_pairs_grow_with_the_people() -> None:
    few, many = (pairs_weighed(crowd(count)) / count for count in (400, 3_200))
    assert many < 3 * few + 1


@pytest.mark.parametrize(
    "said",
    [
        {"name": "不详", "village": 7},
        {"name": "不详", "birth": date(1900, 1, 1)},
        {"birth": date(1900, 1, 1), "village": 7, "sex": "男"},
        {"name": "不详", "adult": "无"},
    ],
    ids=["name, village", "name, birth", "birth, village", "name, guardian"],
)
def test_a_word_that_stands_for_nothing_is_not_compared_with_itself(said: Row) -> None:
    few, many = (pairs_weighed([{"name": f"张{chr(0x4E00 + n)}"} | said for n in range(c)]) / c for c in (100, 800))
    assert few <= many < SHARED_BY


def test_more_evidence_takes_no_question_away() -> None:
    rows = (HOME | {"name": "张小伟", "number": X}, HOME | {"name": "张小伦"})
    assert questions(linked(*rows)) == [(1, 2)]
    assert questions(linked(rows[0], rows[1] | {"start": CUT})) == [(1, 2)]
