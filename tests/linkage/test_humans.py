"""From judged pairs to humans: what is joined, what is asked, and what stays apart."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bangfu.linkage.humans import RANK, Humans, chain, humans
from bangfu.linkage.people import Edge
from tests.linkage.records import groups, questions

X, Y, Z = (frozenset({sign}) for sign in "xyz")
NONE: frozenset[str] = frozenset()


def edge(left: int, right: int, how: str = "probable", *, sure: bool = True, **other: object) -> Edge:
    values: dict[str, object] = {"probability": 0.999, "apart": False, "agrees": {"name": "equal"}} | other
    return Edge(min(left, right), max(left, right), how, sure=sure, **values)  # type: ignore[arg-type]


def test_nothing_comes_of_nothing() -> None:
    assert humans([], {}, []) == Humans()


def test_a_chain_is_one_human_named_for_its_lowest_record() -> None:
    found = humans([edge(5, 9), edge(3, 9), edge(3, 4)], {}, [])
    assert found.root == dict.fromkeys((3, 4, 5, 9), 3)
    assert len(found.same) == 3


def test_a_circle_is_drawn_with_two_links() -> None:
    found = humans([edge(1, 2), edge(2, 3), edge(1, 3)], {}, [])
    assert (groups(found), len(found.same), found.doubtful) == ({frozenset({1, 2, 3})}, 2, [])


def test_unsure_pairs_join_nothing_and_are_asked_once_for_two_humans() -> None:
    found = humans([edge(1, 2), edge(3, 4), edge(1, 3, sure=False), edge(2, 4, sure=False)], {}, [])
    assert groups(found) == {frozenset({1, 2}), frozenset({3, 4})}
    assert questions(found) == [(1, 3)]


def test_a_question_answered_by_the_links_is_not_asked() -> None:
    found = humans([edge(1, 2), edge(2, 3), edge(1, 3, sure=False)], {}, [])
    assert questions(found) == []


@pytest.mark.parametrize("middle", [1, 2, 3])
def test_a_record_without_id_chains_no_two_people(middle: int) -> None:
    first, last = (record for record in (1, 2, 3) if record != middle)
    found = humans([edge(first, middle), edge(middle, last)], {first: X, last: Y, middle: NONE}, [])
    assert found.root.get(first, first) != found.root.get(last, last)
    assert found.doubtful


def test_nor_do_several() -> None:
    edges = [edge(left, right) for left, right in pairwise(range(1, 8))]
    found = humans(edges, {1: X, 7: Y}, [])
    assert found.root[1] != found.root[7]
    assert len(found.same) == 5


def test_the_stronger_link_is_taken_first() -> None:
    edges = [edge(1, 2, probability=0.991), edge(2, 3, probability=0.999)]
    assert groups(humans(edges, {1: X, 3: Y}, [])) == {frozenset({2, 3})}
    edges = [edge(1, 2, "roll_number", probability=0.5), edge(2, 3, probability=0.999)]
    assert groups(humans(edges, {1: X, 3: Y}, [])) == {frozenset({1, 2})}


def test_two_ids_judged_by_a_key_are_one_human() -> None:
    found = humans([edge(1, 2, "roll_number"), edge(2, 3, "id")], {1: X, 2: X | Y, 3: Y}, [])
    assert groups(found) == {frozenset({1, 2, 3})}


def test_a_third_id_is_not_joined_through_two_judged_ones() -> None:
    found = humans([edge(1, 2), edge(2, 3)], {1: X, 2: Y, 3: Z}, [])
    assert len(groups(found)) == 1
    assert len(found.same) == 1


def test_rows_apart_are_joined_by_no_chain_and_asked() -> None:
    edges = [edge(1, 2, "id", sure=False, apart=True), edge(1, 3), edge(2, 3)]
    found = humans(edges, {}, [])
    assert found.root[1] != found.root[2]
    assert len(found.doubtful) == 1


def test_what_a_person_parted_is_not_joined_and_not_asked() -> None:
    found = humans([edge(1, 2, "id")], {1: X, 2: X}, [(2, 1)])
    assert (groups(found), questions(found)) == (set(), [])


def test_nor_if_the_rows_of_one_list_share_the_number() -> None:
    found = humans([edge(1, 2, "id", sure=False, apart=True)], {1: X, 2: X}, [(1, 2)])
    assert questions(found) == []


def test_a_person_joins_two_ids() -> None:
    found = humans([edge(1, 2, "person", probability=1.0)], {1: X, 2: Y}, [])
    assert groups(found) == {frozenset({1, 2})}


def test_a_person_joins_no_more_ids_than_were_named() -> None:
    edges = [edge(1, 2, "person", probability=1.0), edge(2, 3, "id"), edge(3, 4)]
    found = humans(edges, {1: X, 2: Y, 3: Y, 4: Z}, [])
    assert found.root[1] == found.root[3]
    assert found.root[4] == 4  # 3 and 4 were judged, 1 and 4 were not


@pytest.mark.parametrize(("name", "asked"), [("equal", 1), ("same_sound", 0), ("one_sign", 0)])
def test_strangers_by_id_are_asked_about_only_under_one_name(name: str, asked: int) -> None:
    found = humans([edge(1, 2, sure=False, agrees={"name": name})], {1: X, 2: Y}, [])
    assert len(found.doubtful) == asked


def test_many_links_in_a_row() -> None:
    edges = [edge(left, right, probability=left / 10_000) for left, right in pairwise(range(1, 3_000))]
    found = humans(edges, {}, [])
    assert set(found.root.values()) == {1}


# ---------------------------------------------------------------- any edges

RECORDS = range(1, 9)
PAIRS = list(combinations(RECORDS, 2))
IDS = st.dictionaries(st.sampled_from(RECORDS), st.frozensets(st.sampled_from("xyz"), max_size=2))


@st.composite
def any_edges(draw: st.DrawFn, *, persons: bool = False) -> list[Edge]:
    hows = [how for how in RANK if persons or how != "person"]
    edges = []
    for left, right in draw(st.lists(st.sampled_from(PAIRS), unique=True)):
        how, sure = draw(st.sampled_from(hows)), draw(st.booleans())
        probability, name = draw(st.sampled_from([0.5, 0.99, 1.0])), draw(st.sampled_from(["equal", "same_sound"]))
        apart = not sure and draw(st.booleans())
        edges.append(edge(left, right, how, sure=sure, probability=probability, apart=apart, agrees={"name": name}))
    return edges


def connected(links: list[Edge]) -> dict[int, int]:
    """Return each record's lowest fellow, by walking the links."""
    steps = [(link.left, link.right) for link in links]
    return {record: min(other for other in RECORDS if chain(steps, record, other)) for record in RECORDS}


@given(any_edges(persons=True), IDS, st.lists(st.sampled_from(PAIRS), max_size=3))
@settings(deadline=None)
def test_the_links_are_a_forest_and_say_who_is_one(
    edges: list[Edge], ids: dict[int, frozenset[str]], apart: list[tuple[int, int]]
) -> None:
    found = humans(edges, ids, apart)
    lowest = connected(found.same)
    assert len(found.same) == len(RECORDS) - len(set(lowest.values()))
    assert found.root == {record: lowest[record] for record in found.root}
    assert {record for link in edges for record in (link.left, link.right) if link.sure} <= found.root.keys()
    assert all(link.sure for link in found.same)


@given(any_edges(persons=True), IDS, st.lists(st.sampled_from(PAIRS), max_size=3))
@settings(deadline=None)
def test_pairs_apart_share_no_human(
    edges: list[Edge], ids: dict[int, frozenset[str]], apart: list[tuple[int, int]]
) -> None:
    found = humans(edges, ids, apart)
    pairs = [*apart, *((link.left, link.right) for link in edges if link.apart)]
    assert not any(found.root.get(left, left) == found.root.get(right, right) for left, right in pairs)


@given(any_edges(), IDS)
@settings(deadline=None)
def test_no_human_has_two_ids_that_were_not_judged(edges: list[Edge], ids: dict[int, frozenset[str]]) -> None:
    judged = {frozenset(pair) for own in ids.values() for pair in combinations(own, 2)}
    for link in edges:
        pairs = [(one, other) for one in ids.get(link.left, NONE) for other in ids.get(link.right, NONE)]
        judged |= {frozenset(pair) for pair in pairs if link.sure}
    for records in groups(humans(edges, ids, [])):
        numbers = frozenset().union(*(ids.get(record, NONE) for record in records))
        assert all(frozenset(pair) in judged for pair in combinations(numbers, 2))


@given(st.data(), any_edges(persons=True), IDS)
@settings(deadline=None)
def test_the_order_of_the_edges_does_not_matter(
    data: st.DataObject, edges: list[Edge], ids: dict[int, frozenset[str]]
) -> None:
    found, again = humans(edges, ids, []), humans(data.draw(st.permutations(edges)), ids, [])
    assert (again.same, again.doubtful, again.root) == (found.same, found.doubtful, found.root)


@given(any_edges(), IDS, st.lists(st.sampled_from(PAIRS), max_size=3))
@settings(deadline=None)
def test_questions_are_between_two_humans_and_asked_once(
    edges: list[Edge], ids: dict[int, frozenset[str]], apart: list[tuple[int, int]]
) -> None:
    found = humans(edges, ids, apart)
    asked: dict[frozenset[int], int] = defaultdict(int)
    for question in found.doubtful:
        asked[frozenset((found.root[question.left], found.root[question.right]))] += 1
    assert all(len(pair) == 2 and times == 1 for pair, times in asked.items())


@given(any_edges(), IDS)
@settings(deadline=None)
def test_a_sure_key_is_taken_or_asked(edges: list[Edge], ids: dict[int, frozenset[str]]) -> None:
    found = humans(edges, ids, [])
    settled = {frozenset((found.root[e.left], found.root[e.right])) for e in [*found.same, *found.doubtful]}
    for link in edges:
        if link.sure and link.how != "probable" and found.root[link.left] != found.root[link.right]:
            assert frozenset((found.root[link.left], found.root[link.right])) in settled


# ---------------------------------------------------------------- chain


@pytest.mark.parametrize(
    ("links", "start", "end", "path"),
    [
        ([(1, 2), (2, 3)], 1, 3, [1, 2, 3]),
        ([(1, 2), (2, 3)], 3, 1, [3, 2, 1]),
        ([(2, 1)], 1, 2, [1, 2]),
        ([(1, 2), (3, 4)], 1, 4, []),
        ([], 1, 2, []),
        ([], 1, 1, [1]),
        ([(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)], 1, 4, [1, 5, 4]),
        ([(1, 1), (1, 2)], 1, 2, [1, 2]),
    ],
)
def test_chain(links: list[tuple[int, int]], start: int, end: int, path: list[int]) -> None:
    assert chain(links, start, end) == path


def test_a_long_chain() -> None:
    assert chain(pairwise(range(20_000)), 0, 19_999) == list(range(20_000))


@given(st.lists(st.sampled_from(PAIRS)), st.sampled_from(RECORDS), st.sampled_from(RECORDS))
def test_a_chain_is_made_of_links(links: list[tuple[int, int]], start: int, end: int) -> None:
    path = chain(links, start, end)
    assert not path or (path[0], path[-1]) == (start, end)
    assert all((left, right) in links or (right, left) in links for left, right in pairwise(path))
    assert len(path) == len(set(path))
    assert len(path) == len(chain(links, end, start))
