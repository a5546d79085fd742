"""Decisions about who is who: they stand whatever lists say, can be taken back, and never contradict each other."""

from __future__ import annotations

from datetime import date

import pytest

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage import queries
from bangfu.coverage.actions import answer_difference, cover, decide_link, take_back_answer, take_back_link
from bangfu.coverage.models import Alias, Link
from bangfu.registry.models import Organisation
from tests.conftest import BY, NOW, committing
from tests.coverage.lists import (
    AN,
    FIRST,
    JUN,
    MARCH,
    MEI,
    SECOND,
    THIRD,
    Desk,
    covered,
    gap,
    gaps,
    one,
    record,
    snapshot,
    states,
)
from tests.coverage.test_differences import OTHER_ID

pytestmark = pytest.mark.usefixtures("whole")
WHY = "两个表兄弟,家访核实"


def at(*paths: str) -> Actor:
    """Return somebody to whom these subtrees are open."""
    return Actor("T0001", NOW, 1, tuple(Reach("aid_officer", path) for path in paths))


def path_of(school: str) -> str:
    """Return a school's path."""
    return Organisation.objects.get(kind="school", name=school).path


def decide(left: int, right: int, *, same: bool) -> None:
    """Decide as the operator does."""
    with committing():
        decide_link(left=left, right=right, same=same, by=BY, reason=WHY)


def forget(left: int, right: int) -> None:
    """Take a decision back as the operator does."""
    with committing():
        take_back_link(left=left, right=right, by=BY, reason="看错了")


def lists(desk: Desk) -> tuple[int, int, int]:
    """Take a roll, the poverty register and the minimum-living list; returns one pupil's records in them."""
    desk.roll(AN.enrolled(), MEI.enrolled(), JUN.enrolled(SECOND))
    desk.poor(AN.poor(), MEI.poor())
    desk.minimum(AN.low())
    covered()
    roll, poor, low = (record(AN, layout) for layout in ("school_roll", "poverty_register", "minimum_living"))
    assert one(roll, poor)
    assert one(roll, low)
    return roll, poor, low


def all_again(desk: Desk) -> None:
    """Import every file once more and reckon coverage."""
    for path in sorted(desk.folder.iterdir()):
        desk.again(path, date(2025, 2, 17))
    covered()


def test_two_records_that_were_joined_are_parted_and_stay_so(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(AN.poor())
    covered()
    pair = (record(AN, "school_roll"), record(AN, "poverty_register"))
    decide(*pair, same=False)
    assert not one(*pair)
    covered()
    assert states() == {AN.name: ("no_sign", "")}
    all_again(desk)
    assert not one(*pair)
    desk.roll(MEI.enrolled(), AN.enrolled(监护人电话="13911112222"), day=MARCH, name="newer")
    desk.poor(AN.poor(健康状况="健康", 姓名=AN.name), day=MARCH, name="newer_poor")
    covered()
    assert not one(*pair)
    assert gaps("doubtful_link", "shared_number") == []
    forget(*pair)
    assert one(*pair)
    covered()
    assert states()[AN.name] == ("to_assess", "registered_poor")


def test_parting_two_of_three_leaves_the_third_with_one_of_them(desk: Desk) -> None:
    roll, poor, low = lists(desk)
    decide(roll, poor, same=False)
    assert not one(roll, poor)
    assert one(low, roll) != one(low, poor)
    all_again(desk)
    assert not one(roll, poor)
    decide(roll, low, same=False)
    assert one(poor, low)
    assert not one(roll, low)
    forget(roll, poor)
    assert not one(roll, low)
    forget(roll, low)
    assert one(roll, poor)
    assert one(roll, low)


def test_strangers_are_joined_and_stay_so(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.disabled(JUN.disabled())
    covered()
    pair = (record(AN, "school_roll"), record(JUN, "disability_certificates"))
    assert not one(*pair)
    decide(*pair, same=True)
    assert one(*pair)
    all_again(desk)
    assert one(*pair)
    assert states()[AN.name] == ("to_assess", "disabled")
    forget(*pair)
    covered()
    assert not one(*pair)
    assert states()[AN.name] == ("no_sign", "")


def test_a_decision_before_anything_was_linked_stands(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.poor(AN.poor(), MEI.poor())
    roll, poor = record(AN, "school_roll"), record(AN, "poverty_register")
    decide(roll, poor, same=False)
    covered()
    assert not one(roll, poor)
    assert one(record(MEI, "school_roll"), record(MEI, "poverty_register"))


@pytest.mark.parametrize("order", [1, -1])
def test_left_and_right_may_be_named_in_any_order(desk: Desk, order: int) -> None:
    roll, poor, _ = lists(desk)
    left, right = (roll, poor)[::order]
    decide(left, right, same=False)
    link = Link.objects.get(how="person")
    assert (link.left_id, link.right_id, link.verdict) == (roll, poor, "different")
    forget(right, left)
    assert one(roll, poor)
    assert not Link.objects.filter(how="person", ended_in=None).exists()


def test_a_decision_replaces_an_earlier_one_about_the_same_pair(desk: Desk) -> None:
    roll, poor, _ = lists(desk)
    for same in (False, True, True, False):
        decide(roll, poor, same=same)
        assert one(roll, poor) == same
        (standing,) = Link.objects.filter(how="person", ended_in=None)
        assert standing.verdict == ("same" if same else "different")


def test_the_trail_says_who_decided_and_why(desk: Desk) -> None:
    roll, poor, _ = lists(desk)
    decide(roll, poor, same=False)
    entry = Entry.objects.get(action="coverage.decide_link")
    assert (entry.actor, entry.reason, entry.subject) == (BY.name, WHY, f"records:{roll}+{poor}")
    (shown,) = queries.links(BY, ("different",))
    assert (shown.records, shown.by, shown.reason, shown.how) == ((roll, poor), BY.name, WHY, "person")


# ---- refused


def refused(code: str, left: int, right: int, *, same: bool, reason: str = WHY, by: Actor = BY) -> None:
    """Decide; it must be refused with this code and nothing may be written."""
    before, entries = snapshot(), Entry.objects.count()
    with pytest.raises(BangfuError) as problem, committing():
        decide_link(left=left, right=right, same=same, by=by, reason=reason)
    assert problem.value.code == code
    assert (snapshot(), Entry.objects.count()) == (before, entries)


def test_what_two_decisions_say_a_third_may_not_contradict(desk: Desk) -> None:
    roll, poor, low = lists(desk)
    decide(roll, poor, same=True)
    decide(poor, low, same=True)
    refused("link_contradicts", roll, low, same=False)
    decide(poor, low, same=False)
    refused("link_contradicts", roll, low, same=True)
    forget(poor, low)
    decide(roll, low, same=True)


def test_a_contradiction_through_many_records_is_found(desk: Desk) -> None:
    roll, poor, low = lists(desk)
    stranger, other = record(MEI, "school_roll"), record(JUN, "school_roll")
    decide(roll, stranger, same=True)
    decide(stranger, other, same=True)
    decide(poor, other, same=True)
    refused("link_contradicts", roll, poor, same=False)
    assert one(low, other)


def test_what_cannot_be_decided_is_refused(desk: Desk) -> None:
    roll, poor, _ = lists(desk)
    refused("reason_missing", roll, poor, same=False, reason=" \t")
    refused("link_itself", roll, roll, same=False)
    refused("record_unknown", roll, 999_999, same=True)
    refused("record_unknown", 0, poor, same=True)
    for reason in ("", "  "):
        with pytest.raises(BangfuError):
            take_back_link(left=roll, right=poor, by=BY, reason=reason)


def test_what_nobody_decided_cannot_be_taken_back(desk: Desk) -> None:
    roll, poor, _ = lists(desk)
    with pytest.raises(BangfuError) as problem:
        take_back_link(left=roll, right=poor, by=BY, reason=WHY)
    assert problem.value.code == "link_not_decided"
    decide(roll, poor, same=False)
    forget(roll, poor)
    with pytest.raises(BangfuError):
        take_back_link(left=roll, right=poor, by=BY, reason=WHY)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, 2**63, 2**70])
def test_a_number_that_no_record_can_have_is_an_unknown_record(desk: Desk, number: int) -> None:
    roll, *_ = lists(desk)
    refused("record_unknown", roll, number, same=True)


# ---- scope


@pytest.fixture
def three_schools(desk: Desk) -> None:
    """Take three rolls, with one pupil on two of them and one without an ID on the third, and a register."""
    desk.roll(AN.enrolled(), MEI.enrolled(身份证件号=""), name="a")
    desk.roll(AN.enrolled(SECOND), name="b")
    desk.roll(JUN.enrolled(THIRD, 身份证件号=""), name="c")
    desk.poor(AN.poor())
    covered()


@pytest.mark.usefixtures("three_schools")
def test_nobody_decides_about_records_outside_their_scope() -> None:
    first, second = record(AN, "school_roll", FIRST), record(AN, "school_roll", SECOND)
    register = record(AN, "poverty_register")
    mine = at(path_of(FIRST))
    for left, right in ((first, second), (second, first), (second, register), (first, register)):
        refused("record_not_yours", left, right, same=False, by=mine)
    with committing():
        decide_link(left=first, right=second, same=False, by=at(path_of(FIRST), path_of(SECOND)), reason=WHY)
    with pytest.raises(NotAllowed):
        take_back_link(left=first, right=second, by=mine, reason=WHY)


@pytest.mark.usefixtures("three_schools")
@pytest.mark.parametrize("decided", [True, False])
def test_whether_others_have_decided_is_not_told_outside_their_scope(*, decided: bool) -> None:
    first, second = record(AN, "school_roll", FIRST), record(AN, "school_roll", SECOND)
    if decided:
        decide(first, second, same=True)
    with pytest.raises(NotAllowed):
        take_back_link(left=first, right=second, by=at(path_of(THIRD)), reason=WHY)


@pytest.mark.usefixtures("three_schools")
def test_a_school_sees_its_own_differences_only() -> None:
    seen = {
        school: sorted(d.code for d in queries.differences(at(path_of(school)))) for school in (FIRST, SECOND, THIRD)
    }
    assert seen == {FIRST: ["id_missing"], SECOND: ["duplicate_enrolment"], THIRD: ["id_missing"]}
    assert list(queries.differences(at())) == []
    assert queries.differences(BY).count() == queries.differences(at("/")).count() == 3
    assert [row.file for row in queries.urgent(at(path_of(THIRD)))] == ["c.csv"]
    assert queries.links(at(path_of(FIRST)), ("same", "doubtful", "different")) == []
    assert queries.state_totals(at(path_of(THIRD))) == {"no_sign": 1}


@pytest.mark.usefixtures("three_schools")
def test_nobody_answers_outside_their_scope() -> None:
    theirs = [found for found in gaps("id_missing") if found.row.file.name == "c.csv"]
    before = snapshot()
    for by in (at(), at(path_of(FIRST)), at(path_of(SECOND))):
        with pytest.raises(NotAllowed):
            answer_difference(id_=theirs[0].pk, answer="has_none_yet", evidence="x", by=by)
        with pytest.raises(NotAllowed):
            take_back_answer(id_=theirs[0].pk, by=by, reason="x")
    assert snapshot() == before
    with committing():
        answer_difference(id_=theirs[0].pk, answer="has_none_yet", evidence="x", by=at(path_of(THIRD)))


@pytest.mark.usefixtures("three_schools")
def test_an_answer_that_decides_about_another_school_is_not_the_schools_to_give() -> None:
    asked = gap("duplicate_enrolment")
    before, entries = snapshot(), Entry.objects.count()
    with pytest.raises(NotAllowed), committing():
        answer_difference(id_=asked.pk, answer="two_people", evidence="x", by=at(path_of(SECOND)))
    assert (snapshot(), Entry.objects.count()) == (before, entries)


@pytest.mark.usefixtures("three_schools")
def test_coverage_is_reckoned_by_who_sees_all() -> None:
    before = snapshot()
    for by in (at(), at(path_of(FIRST)), at(path_of(FIRST), path_of(SECOND), path_of(THIRD))):
        with pytest.raises(NotAllowed) as problem:
            cover(by=by)
        assert problem.value.code == "coverage_whole_only"
    assert snapshot() == before
    covered(by=at("/"))


def test_an_empty_register_is_refused(desk: Desk) -> None:
    assert desk.reports == []
    with pytest.raises(BangfuError) as problem:
        cover(by=BY)
    assert problem.value.code == "register_empty"
    assert not Alias.objects.exists()


def test_a_doubt_decided_before_coverage_is_not_asked(desk: Desk) -> None:
    desk.roll(AN.enrolled())
    desk.poor(AN.poor(证件号码=OTHER_ID))
    decide(record(AN, "school_roll"), record(AN, "poverty_register"), same=True)
    covered()
    assert [found.code for found in gaps()] == ["id_mismatch"]
