"""What is kept for the pages says the same as the rows: at every place, through answers, and for two places at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from bangfu.accounts.queries import outermost
from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor, Reach
from bangfu.core.messages import say
from bangfu.coverage.actions import answer_difference, take_back_answer
from bangfu.coverage.checks import totals
from bangfu.coverage.models import Difference, PlaceTotal, PupilState
from bangfu.coverage.queries import code_totals, differences, pupils, state_totals
from bangfu.coverage.reckon import STATES
from bangfu.registry.models import Organisation
from tests.conftest import BY, committing
from tests.coverage.lists import AN, GUO, HUI, JUN, MEI, SECOND, Desk, covered, gap, gaps


@pytest.fixture(autouse=True)
def _register(desk: Desk, whole: None) -> None:
    """Reckon over two schools with pupils in three states and differences of both schools and the county."""
    desk.roll(AN.enrolled(), MEI.enrolled(身份证件号=""), name="a")
    desk.roll(AN.enrolled(SECOND), JUN.enrolled(SECOND, 身份证件号=""), HUI.enrolled(SECOND), name="b")
    desk.poor(AN.poor(), JUN.poor(), GUO.poor(在校生状况="辍学"))
    covered()


def reader(*paths: str) -> Actor:
    """Return somebody to whom these places are open."""
    return Actor("T1", BY.at, reaches=tuple(Reach(Role.AUDITOR, path) for path in paths))


def places() -> list[str]:
    """Return every path, and the one of everything."""
    return ["/", *Organisation.objects.values_list("path", flat=True)]


def counted(by: Actor) -> tuple[dict[str, int], list[tuple[str, int, object]]]:
    """Return what the pages' totals must be, from all rows one by one."""
    pupils = PupilState.objects.values_list("school_class__path", "state")
    states = Counter(state for path, state in pupils if by.sees(path))
    found: dict[str, list[object]] = {}
    for open_ in gaps():
        if by.sees(open_.organisation.path) or by.sees(open_.owner.path):
            found.setdefault(open_.code, []).append(open_.due)
    return dict(states), sorted((code, len(days), min(days, key=str)) for code, days in found.items())


def check(by: Actor) -> None:
    """The totals that this actor is shown, and the lists behind them, are what the rows say."""
    states, codes = counted(by)
    assert {state: count for state, count in state_totals(by).items() if count} == states
    assert sorted(code_totals(by)) == codes
    assert differences(by).count() == sum(count for _, count, _ in codes)
    assert {state: n for state in STATES if (n := pupils(by, state).count())} == states


def test_totals_are_those_of_the_rows_at_every_place_and_at_two_at_once() -> None:
    every = places()
    assert len(every) > 5
    for path in every:
        check(reader(path))
        check(reader(path, every[-1]))
    check(BY)
    check(reader())


def test_totals_follow_an_answer_and_its_taking_back() -> None:
    found = gap("duplicate_enrolment")
    before = set(PlaceTotal.objects.values_list("organisation", "name", "count", "first_due"))
    with committing():
        answer_difference(id_=found.pk, answer="left_first_school", evidence="x", by=BY)
    after = set(PlaceTotal.objects.values_list("organisation", "name", "count", "first_due"))
    assert {name for _, name, *_ in before ^ after} == {"duplicate_enrolment"}
    for path in places():
        check(reader(path))
    with committing():
        take_back_answer(id_=found.pk, by=BY, reason="y")
    assert set(PlaceTotal.objects.values_list("organisation", "name", "count", "first_due")) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: PlaceTotal.objects.filter(organisation=None, name="no_sign").delete(), "place_total_stale"),
        (lambda: PlaceTotal.objects.filter(organisation=None, name="id_missing").update(count=9), "place_total_stale"),
        (lambda: PupilState.objects.update(path="/9/"), "paths_stale"),
        (lambda: Difference.objects.update(owner_path="/9/"), "paths_stale"),
    ],
)
@pytest.mark.usefixtures("_english")
def test_what_is_kept_and_wrong_is_named(change: Callable[[], object], sentence: str) -> None:
    before = list(PlaceTotal.objects.values()), list(PupilState.objects.all()), list(Difference.objects.all())
    change()
    start = say(sentence, "en", pupils=0, differences=0, place="", name="", count=0)[-20:]
    assert any(found.endswith(start) for found in totals())
    PlaceTotal.objects.all().delete()
    PlaceTotal.objects.bulk_create(PlaceTotal(**row) for row in before[0])
    PupilState.objects.bulk_update(before[1], ["path"])
    Difference.objects.bulk_update(before[2], ["owner_path"])


@pytest.fixture
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sentences be English."""
    monkeypatch.setenv("BANGFU_LANG", "en")


def test_outermost_leaves_out_what_lies_below_another() -> None:
    assert outermost(["/1/2/", "/1/20/", "/1/2/3/", "/1/2/"]) == ["/1/2/", "/1/20/"]
    assert outermost(["/1/2/", "/"]) == ["/"]
    assert outermost([]) == []
