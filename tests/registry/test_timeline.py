"""Where a new statement goes among what is told already: `tell` and `drop`, by table and by chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bangfu.registry.facts import FactSpec, Field, Values
from bangfu.registry.timeline import End, Known, Move, Put, Reopen, Retract, Told, drop, tell
from tests.registry.shelf import Shelf, day

SPEC = FactSpec("story", (Field("what"), Field("who")), identity=("who",))
WHO = "Li"


def says(what: str, who: str = WHO) -> Values:
    """Return what a fact of the story says."""
    return what, who


def known(id_: int, what: str, start: int, told: int, **other: int | str) -> Known:
    """Return a fact that stands: told and, unless `confirmed` says so, not repeated since; `until` ends it."""
    until, confirmed = other.get("until"), other.get("confirmed", told)
    end = None if until is None else day(int(until))
    return Known(id_, day(start), end, day(told), day(int(confirmed)), says(what, str(other.get("who", WHO))))


def told(what: str, on: int, start: int | None = None, who: str = WHO) -> Told:
    """Return a statement of a list of day `on`, which names a start or holds from the list's own day."""
    return Told(day(on if start is None else start), says(what, who), day(on), day(on))


def put(start: int, until: int | None = None) -> Put:
    """Return the move that records the statement for these days."""
    return Put(day(start), None if until is None else day(until))


def end(id_: int, on: int) -> End:
    """Return the move that ends a fact."""
    return End(id_, day(on))


@dataclass(frozen=True)
class Case:
    """What is known, what is told now, and the moves that this asks for."""

    name: str
    known: list[Known]
    told: Told
    moves: list[Move]


OPEN = known(1, "A", start=5, told=5)
TELL = [
    Case("the first word is recorded from the list's day", [], told("A", 5), [put(5)]),
    Case("the first word is recorded from the start that it names", [], told("A", 5, start=2), [put(2)]),
    Case("a newer list that says the same changes nothing", [OPEN], told("A", 9), []),
    Case("a newer list that says another thing changes it", [OPEN], told("B", 9), [end(1, 9), put(9)]),
    Case("the same list again changes nothing", [OPEN], told("A", 5), []),
    Case("a list of the same day corrects", [OPEN], told("B", 5), [Retract(1), put(5)]),
    Case(
        "a newer list that holds from before corrects, from the day the fact had",
        [known(1, "A", start=5, told=6)],
        Told(day(5), says("B"), day(9), day(5)),
        [Retract(1), put(5)],
    ),
    Case(
        "another identity is a correction, whenever it is told",
        [known(1, "A", start=5, told=5, who="Lu")],
        told("A", 9),
        [Retract(1), put(5)],
    ),
    Case(
        "another identity beside another value is a correction too",
        [known(1, "A", start=5, told=5, who="Lu")],
        told("B", 9),
        [Retract(1), put(5)],
    ),
    Case(
        "a named start moves the fact to it",
        [OPEN],
        told("A", 9, start=3),
        [Retract(1), put(3)],
    ),
    Case(
        "a change from a named start ends what was there on that day",
        [OPEN],
        told("B", 9, start=7),
        [end(1, 7), put(7)],
    ),
    Case(
        "a change with the same named start is a correction",
        [known(1, "A", start=2, told=5)],
        told("B", 9, start=2),
        [Retract(1), put(2)],
    ),
    Case(
        "the same named start again changes nothing",
        [known(1, "A", start=2, told=5)],
        told("A", 9, start=2),
        [],
    ),
    Case(
        "an ended fact told again is opened anew from the list's day",
        [known(1, "A", start=5, told=5, until=7)],
        told("A", 9),
        [put(9)],
    ),
    Case(
        "an ended fact told again on the day of its end goes on from there",
        [known(1, "A", start=5, told=5, until=9)],
        told("A", 9),
        [Reopen(1)],
    ),
    Case(
        "a reopened fact with a start named before its end is opened from the list's day",
        [known(1, "A", start=2, told=5, until=7)],
        told("A", 9, start=2),
        [put(9)],
    ),
    Case(
        "a reopened fact with the same named start as ever changes nothing",
        [known(1, "A", start=2, told=5, until=7), known(2, "A", start=7, told=9)],
        told("A", 12, start=2),
        [],
    ),
    Case(
        "a correction never reaches back over an earlier fact that ended",
        [known(1, "A", start=2, told=2, until=7), known(2, "B", start=7, told=7)],
        told("C", 12, start=3),
        [Retract(2), put(7)],
    ),
    Case(
        "an older list adds what was before",
        [known(1, "A", start=5, told=5)],
        told("B", 2),
        [put(2, 5)],
    ),
    Case(
        "an older list adds that it was so before already",
        [known(1, "A", start=5, told=5)],
        told("A", 2),
        [put(2, 5)],
    ),
    Case(
        "an older list that was known already changes nothing",
        [known(1, "B", start=2, told=2, until=5), known(2, "A", start=5, told=5)],
        told("B", 2),
        [],
    ),
    Case(
        "an older list corrects nothing that a newer one confirmed",
        [known(1, "A", start=2, told=2, confirmed=9)],
        told("B", 2),
        [],
    ),
    Case(
        "a list between two others parts the fact of the first",
        [known(1, "A", start=2, told=2, until=9), known(2, "B", start=9, told=9)],
        told("C", 5),
        [end(1, 5), put(5, 9)],
    ),
    Case(
        "a list of the first one's day corrects the first, not the second",
        [known(1, "A", start=2, told=2, until=9), known(2, "B", start=9, told=9)],
        told("C", 2),
        [Retract(1), put(2, 9)],
    ),
    Case(
        "a list from inside a gap fills it up to the next fact",
        [known(1, "A", start=2, told=2, until=4), known(2, "B", start=9, told=9)],
        told("C", 6),
        [put(6, 9)],
    ),
]


@pytest.mark.parametrize("case", TELL, ids=lambda case: case.name)
def test_a_statement_finds_its_place(case: Case) -> None:
    later = [f.valid_from for f in case.known if f.told > case.told.told]
    later += [f.confirmed for f in case.known if f.told <= case.told.told < f.confirmed]
    told = replace(case.told, before=min(later, default=None))
    assert list(tell(SPEC, case.known, told)) == case.moves


@pytest.mark.parametrize("case", TELL, ids=lambda case: case.name)
def test_the_order_in_which_facts_are_read_does_not_matter(case: Case) -> None:
    assert list(tell(SPEC, case.known[::-1], case.told)) == list(tell(SPEC, case.known, case.told))


@dataclass(frozen=True)
class Dropped:
    """What is known, the day from which and the day on which a list leaves it out, and the moves."""

    name: str
    known: list[Known]
    holds_from: int
    told: int
    moves: list[Move]


DROP = [
    Dropped("what a newer list leaves out ends", [OPEN], 9, 9, [end(1, 9)]),
    Dropped("what a list of the same day leaves out was never so", [OPEN], 5, 5, [Retract(1)]),
    Dropped("what ended before is left alone", [known(1, "A", start=2, told=2, until=4)], 9, 9, []),
    Dropped("what a newer list still says is left alone", [known(1, "A", 2, 2, confirmed=12)], 9, 9, []),
    Dropped("what would end before it began was never so", [known(1, "A", start=7, told=5)], 6, 6, [Retract(1)]),
    Dropped("nothing known, nothing dropped", [], 9, 9, []),
]


@pytest.mark.parametrize("case", DROP, ids=lambda case: case.name)
def test_what_is_left_out_ends(case: Dropped) -> None:
    assert list(drop(case.known, day(case.holds_from), day(case.told))) == case.moves


# ---- by chance: issues of one list about one person, in whatever order they arrive

LAST = 12
days = st.integers(1, LAST)
words = st.sampled_from("ABC")
any_issues = st.lists(st.tuples(days, words), min_size=1, max_size=8)
# The person may be missing from an issue (None): then a day has one issue, for two of a day are parts of one.
full_issues = st.lists(st.tuples(days, st.none() | words), min_size=1, max_size=8, unique_by=lambda issue: issue[0])


def arrived(issues: list[tuple[int, str | None]]) -> Shelf:
    """Return a register that these issues reached in this order."""
    shelf = Shelf()
    for told_on, word in issues:
        shelf.take(told_on, word)
    return shelf


def latest(issues: list[tuple[int, str | None]]) -> tuple[int, str | None]:
    """Return the issue of the latest day; of two of a day the one that came last corrects the other."""
    return max(reversed(issues), key=lambda issue: issue[0])


def words_of(word: str | None) -> list[str]:
    """Return what the register says where an issue said `word`."""
    return [] if word is None else [word]


@given(any_issues | full_issues)
@example([(1, "A"), (5, "B"), (3, "C")])
def test_no_two_facts_ever_hold_on_one_day(issues: list[tuple[int, str | None]]) -> None:
    shelf = Shelf()
    for told_on, word in issues:
        shelf.take(told_on, word)
        assert all(len(shelf.on(number)) <= 1 for number in range(1, LAST + 2))


@given(any_issues | full_issues)
@example([(1, "A"), (9, None), (5, "B")])
def test_what_the_latest_issue_said_holds_on_its_day_and_after(issues: list[tuple[int, str | None]]) -> None:
    shelf, (last, word) = arrived(issues), latest(issues)
    assert [shelf.on(number) for number in range(last, LAST + 2)] == [words_of(word)] * (LAST + 2 - last)


@given(full_issues.flatmap(lambda issues: st.tuples(st.just(issues), st.permutations(issues))))
def test_the_order_of_arrival_does_not_matter_on_the_latest_day(
    both: tuple[list[tuple[int, str | None]], list[tuple[int, str | None]]],
) -> None:
    issues, shuffled = both
    last = latest(issues)[0]
    assert arrived(shuffled).on(last) == arrived(sorted(issues, key=lambda issue: issue[0])).on(last)


@given(full_issues)
@example([(1, "A"), (4, "A"), (7, "B"), (3, "B")])
def test_an_issue_is_never_overruled_by_an_older_one_that_arrives_late(
    issues: list[tuple[int, str | None]],
) -> None:
    shelf, so_far = Shelf(), dict[int, str | None]()
    for told_on, word in issues:
        before = {number: shelf.on(number) for number in so_far if number > told_on}
        shelf.take(told_on, word)
        so_far[told_on] = word
        assert {number: shelf.on(number) for number in before} == before


@given(full_issues)
def test_the_same_issues_again_change_nothing(issues: list[tuple[int, str | None]]) -> None:
    shelf = arrived(issues)
    before = {number: shelf.on(number) for number in range(1, LAST + 2)}
    last, word = latest(issues)
    changes = shelf.take(last, word)
    assert changes.empty
    assert {number: shelf.on(number) for number in range(1, LAST + 2)} == before


named = st.tuples(days, words, days).map(lambda issue: (issue[0], issue[1], min(issue[2], issue[0])))


@given(st.lists(named | days.map(lambda on: (on, None, None)), min_size=1, max_size=8, unique_by=lambda x: x[0]))
@example([(2, "A", 1), (4, None, None), (6, "A", 1), (8, "A", 1)])
def test_named_starts_never_leave_two_facts_on_one_day(
    issues: list[tuple[int, str | None, int | None]],
) -> None:
    shelf = Shelf()
    for told_on, word, start in issues:
        shelf.take(told_on, word, start=start)
        assert all(len(shelf.on(number)) <= 1 for number in range(1, LAST + 2))
    last, word, _ = max(issues, key=lambda issue: issue[0])
    assert shelf.on(last) == words_of(word)
