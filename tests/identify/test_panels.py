"""Panels: who may sit on one, nobody judges himself or kin, votes in time alone, counted once, and then forgotten."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.identify import panels
from bangfu.identify.actions.panels import (
    Seat,
    add_recusal,
    cast,
    count_panel,
    dissolve_panel,
    evaluate_without_panel,
    print_panel_passes,
    set_up_panel,
)
from bangfu.identify.forms import procedure
from bangfu.identify.models import Ballot, Case, Panel, Pass, Recusal, Step
from bangfu.identify.passes import actor_name, pass_by_code
from bangfu.identify.rules import NO_NEED, codes, tally
from tests.conftest import committing
from tests.coverage.lists import FIRST, Desk, Human, covered
from tests.identify.school import AFTER, AT, PUPILS, UNTIL, School, a_school, later, voters

AN, MEI, JUN, HUI, GUO, YI, DA, LOU = PUPILS
TIERS = ("severe", "moderate", "mild")


def said(problem: pytest.ExceptionInfo[BangfuError]) -> str:
    """Return the code of what was refused; its sentence can be said."""
    assert all(problem.value.said(lang) for lang in ("zh", "en"))
    return problem.value.code


def count(school: School, panel: Panel, by: Actor | None = None) -> None:
    """Count a panel, after its last day unless said otherwise."""
    with committing():
        count_panel(panel_id=panel.pk, by=by or later(school.teacher))


# ---------------------------------------------------------------- setting up


def test_a_panel_is_set_up_by_the_class_teacher_with_members_by_kind(school: School) -> None:
    panel = school.panel()
    assert [(m.kind, m.name) for m in panel.members.order_by("pk")] == [
        ("student", DA.name), ("student", LOU.name), ("teacher", "何老师"), ("parent", "林外人"),
    ]  # fmt: skip
    entry = Entry.objects.get(action="identify.set_up_panel")
    assert (entry.chain, json.loads(entry.details)["members"]) == (school.round.school_id, 4)
    assert DA.name not in entry.details


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda seats: seats[1:], "panel_lacks"),  # one student of two
        (lambda seats: seats[:-1], "panel_lacks"),
        (lambda seats: [*seats, seats[0]], "panel_member_twice"),
        (lambda seats: [*seats, Seat("teacher", " 何老师 ")], "panel_member_twice"),
        (lambda seats: [*seats, Seat("teacher", "  ")], "panel_name_missing"),
        (lambda seats: [*seats, Seat("teacher", "名" * 300)], "panel_name_missing"),
        (lambda seats: [*seats, Seat("student", person=None)], "panel_not_of_class"),
        (lambda seats: [*seats, Seat("student", person=1 << 40)], "panel_not_of_class"),
        (lambda seats: [*seats, Seat("parent", "某人", person=1 << 40)], "panel_not_of_class"),
        (lambda seats: [*seats, Seat("mayor", "某人")], "panel_kind_unknown"),
        (lambda seats: [*seats, *(Seat("teacher", f"老师{at}") for at in range(30))], "panel_too_many"),
    ],
)
def test_a_wrong_panel_is_refused(school: School, change: object, code: str) -> None:
    with pytest.raises(BangfuError) as problem:
        set_up_panel(round_id=school.round.pk, class_id=school.place.pk, seats=change(school.seats()), until=UNTIL,
                     by=school.teacher)  # type: ignore[operator]  # fmt: skip
    assert said(problem) == code
    assert not Panel.objects.exists()


def test_a_panel_needs_a_day_to_come_an_open_round_and_stands_once(school: School) -> None:
    def again(until: date = UNTIL) -> str:
        with pytest.raises(BangfuError) as problem:
            set_up_panel(round_id=school.round.pk, class_id=school.place.pk, seats=school.seats(), until=until,
                         by=school.teacher)  # fmt: skip
        return said(problem)

    assert again(AT.date() - timedelta(days=1)) == "panel_day_past"
    school.panel()
    assert again() == "panel_exists"
    school.round.closed_on = AT.date()
    school.round.save()
    assert again() == "round_closed"


def test_a_panel_is_kept_by_the_class_teacher_and_the_officer_alone(school: School) -> None:
    for by in (school.head, school.bureau):
        with pytest.raises(NotAllowed) as problem:
            set_up_panel(round_id=school.round.pk, class_id=school.place.pk, seats=school.seats(), until=UNTIL, by=by)
        assert said(problem) == "panel_not_your_post"
    nobody = Actor("nobody", AT, 9)
    with pytest.raises(NotAllowed):
        set_up_panel(round_id=school.round.pk, class_id=school.place.pk, seats=school.seats(), until=UNTIL, by=nobody)
    panel = school.panel()
    for by in (school.head, nobody):
        for act in (lambda by: count_panel(panel_id=panel.pk, by=by),
                    lambda by: print_panel_passes(panel_id=panel.pk, by=by),
                    lambda by: dissolve_panel(panel_id=panel.pk, by=by, reason="x")):  # fmt: skip
            with pytest.raises(NotAllowed):
                act(by)


def test_a_panel_set_up_wrongly_is_dissolved_until_somebody_has_voted(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    first = voters(school, panel)[0]
    with pytest.raises(BangfuError) as problem:
        dissolve_panel(panel_id=panel.pk, by=school.teacher, reason=" ")
    assert said(problem) == "reason_missing"
    with committing():
        dissolve_panel(panel_id=panel.pk, by=school.teacher, reason="wrong parent")
    assert pass_by_code(first.code, AT.date()) is None
    panel = school.panel()
    voters(school, panel)[0].vote({case.pk: "mild"})
    with pytest.raises(BangfuError) as problem:
        dissolve_panel(panel_id=panel.pk, by=school.teacher, reason="again")
    assert said(problem) == "panel_has_voted"


# ---------------------------------------------------------------- passes


def test_codes_are_printed_once_and_a_new_one_ends_the_old(school: School) -> None:
    panel = school.panel()
    old = voters(school, panel)
    assert len({voter.code for voter in old}) == 4
    assert not any(voter.code.encode() in bytes(row.code_index) for voter in old for row in Pass.objects.all())
    assert pass_by_code(old[0].code, UNTIL) == old[0].held
    with committing():
        ((member, code),) = print_panel_passes(panel_id=panel.pk, by=school.teacher, member_id=old[0].member.pk)
    assert member == old[0].member
    assert pass_by_code(old[0].code, UNTIL) is None
    assert pass_by_code(code, UNTIL) is not None
    assert pass_by_code(old[1].code, UNTIL) is not None


def test_a_session_that_remembers_an_old_code_votes_no_more(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    number = voters(school, panel)[0].pass_.pk
    voters(school, panel)
    with pytest.raises(NotAllowed) as problem:
        cast(pass_id=number, scores={case.pk: "mild"}, by=Actor(actor_name(number), AT))
    assert said(problem) == "pass_not_valid"


# ---------------------------------------------------------------- nobody judges himself or kin


def why(school: School, panel: Panel, case: Case) -> dict[str, str]:
    """Return name -> why a member does not judge a case, as it is written down."""
    rows = Recusal.objects.filter(member__panel=panel, case=case)
    return dict(rows.values_list("member__name", "why"))


def test_nobody_judges_himself(school: School) -> None:
    case, other = school.case(DA), school.case(AN)
    panel = school.panel()
    assert why(school, panel, case) == {DA.name: "self"}
    assert why(school, panel, other) == {}
    own = voters(school, panel)[0]
    with pytest.raises(NotAllowed) as problem:
        own.vote({case.pk: "severe"})
    assert said(problem) == "ballot_not_yours"
    assert not Ballot.objects.exists()
    assert [line.case for line in panels.paper(own.held).lines] == [other.pk]
    assert panels.paper(own.held).barred == 1


def test_a_parent_judges_no_child_of_his(school: School) -> None:
    case = school.case(AN)
    assert why(school, school.panel(parent=f" {AN.parent} "), case) == {AN.parent: "kin"}


def test_a_parent_judges_neither_the_child_he_is_chosen_for_nor_its_kin(school: School, desk: Desk) -> None:
    home = {"户编号": "H1"}
    desk.poor(AN.poor(**home), MEI.poor(**home))
    covered()
    cases = [school.case(AN), school.case(MEI), school.case(JUN)]
    seats = [*school.seats()[:-1], Seat("parent", "林外人", person=school.people[AN.name])]
    with committing():
        panel = set_up_panel(round_id=school.round.pk, class_id=school.place.pk, seats=seats, until=UNTIL,
                             by=school.teacher)  # fmt: skip
    assert [why(school, panel, case) for case in cases] == [{"林外人": "kin"}, {"林外人": "kin"}, {}]


def test_one_household_is_kin_though_the_roll_does_not_say_so(school: School, desk: Desk) -> None:
    home = {"户编号": "H1"}
    grown = Human("牛外公", 900, date(1955, 1, 2))
    desk.poor(DA.poor(**home), AN.poor(**home), grown.poor(与户主关系="户主", **home), MEI.poor())
    covered()
    case, other = school.case(AN), school.case(MEI)
    panel = school.panel(parent=grown.name)
    assert why(school, panel, case) == {DA.name: "kin", grown.name: "kin"}
    assert why(school, panel, other) == {}


def test_one_guardian_or_one_phone_is_kin(desk: Desk) -> None:
    same_name = Human("章小一", 801, date(2014, 2, 2), guardian=DA.guardian)
    same_phone = Human("章小二", 802, date(2015, 2, 3))
    desk.roll(same_name.enrolled(FIRST), same_phone.enrolled(FIRST, 监护人电话=LOU.phone),
              *(human.enrolled(FIRST) for human in PUPILS), name="roll")  # fmt: skip
    school = a_school(desk)
    cases = school.case(same_name), school.case(same_phone)
    panel = school.panel()
    assert [why(school, panel, case) for case in cases] == [{DA.name: "kin"}, {LOU.name: "kin"}]


def test_who_is_proposed_later_is_kept_from_himself_all_the_same(school: School) -> None:
    school.case(AN)
    panel = school.panel()
    voter = voters(school, panel)[0]
    late = school.case(DA)
    assert late.pk not in [line.case for line in panels.paper(voter.held).lines]
    with pytest.raises(NotAllowed):
        voter.vote({late.pk: "severe"})


def test_kin_that_no_list_knows_is_added_by_hand_and_what_was_said_is_dropped(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    voter = voters(school, panel)[3]
    voter.vote({case.pk: "severe"})
    with committing():
        add_recusal(member_id=voter.member.pk, case_id=case.pk, why="kin", by=school.teacher)
    assert why(school, panel, case) == {"林外人": "kin"}
    assert not Ballot.objects.exists()
    with pytest.raises(NotAllowed):
        voter.vote({case.pk: "severe"})
    for number, reason, code in ((case.pk, "", "recusal_unknown"), (case.pk + 99, "kin", "case_not_yours")):
        with pytest.raises(BangfuError) as problem:
            add_recusal(member_id=voter.member.pk, case_id=number, why=reason, by=school.teacher)
        assert said(problem) == code


# ---------------------------------------------------------------- voting


def test_a_member_may_say_otherwise_until_the_count(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    voter, *others = voters(school, panel)
    voter.vote({case.pk: "severe"})
    voter.vote({case.pk: "mild"})
    assert [line.score for line in panels.paper(voter.held).lines] == ["mild"]
    assert [line.score for line in panels.paper(others[0].held).lines] == [""]
    for other in others:
        other.vote({case.pk: "mild"})
    count(school, panel, school.teacher)
    assert Case.objects.get().counts == {"mild": 4, "missing": 0}


def test_a_vote_comes_in_time_or_not_at_all(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    voter = voters(school, panel)[0]
    voter.vote({case.pk: "mild"}, at=AFTER - timedelta(days=1))  # on the last day
    with pytest.raises(BangfuError) as problem:
        voter.vote({case.pk: "severe"}, at=AFTER)
    assert said(problem) == "vote_over"
    count(school, panel)
    with pytest.raises(BangfuError) as problem:
        voter.vote({case.pk: "severe"})
    assert said(problem) == "vote_counted"
    assert panels.paper(voter.held).lines == []


@pytest.mark.parametrize("tier", ["", "poor", "severe "])
def test_a_tier_that_there_is_not_is_refused(school: School, tier: str) -> None:
    case = school.case(AN)
    voter = voters(school, school.panel())[0]
    with pytest.raises(BangfuError) as problem:
        voter.vote({case.pk: tier})
    assert said(problem) == "tier_unknown"


def test_nobody_votes_with_anothers_pass_or_a_familys(school: School) -> None:
    case = school.case(AN)
    mine, other = voters(school, school.panel())[:2]
    with pytest.raises(NotAllowed):
        cast(pass_id=mine.pass_.pk, scores={case.pk: "mild"}, by=Actor(actor_name(other.pass_.pk), AT))
    family = Pass.objects.create(round=school.round, person_id=case.person_id, path=case.path, code_index=b"x",
                                 until=UNTIL)  # fmt: skip
    with pytest.raises(NotAllowed) as problem:
        cast(pass_id=family.pk, scores={case.pk: "mild"}, by=Actor(actor_name(family.pk), AT))
    assert said(problem) == "pass_not_valid"


# ---------------------------------------------------------------- counting


def test_the_median_counts_and_in_doubt_for_the_child(school: School) -> None:
    first, second = school.case(AN), school.case(MEI)
    panel = school.panel()
    for voter, score in zip(voters(school, panel), ("severe", "moderate", "mild", NO_NEED), strict=True):
        voter.vote({first.pk: score, second.pk: NO_NEED})
    count(school, panel, school.teacher)  # before the last day, for all have voted
    told = {case.pk: (case.stage, case.panel_tier, case.panel_note, case.counts) for case in Case.objects.all()}
    spread = {"severe": 1, "moderate": 1, "mild": 1, NO_NEED: 1, "missing": 0}
    assert told[first.pk] == ("evaluated", "moderate", "", spread)
    assert told[second.pk] == ("evaluated", NO_NEED, "", {NO_NEED: 4, "missing": 0})
    assert Entry.objects.filter(action="identify.evaluate").count() == 1


def test_it_is_counted_once_and_not_before_all_have_voted_or_the_last_day_is_past(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    for voter in voters(school, panel)[:3]:
        voter.vote({case.pk: "mild"})
    with pytest.raises(BangfuError) as problem:
        count_panel(panel_id=panel.pk, by=school.teacher)
    assert said(problem) == "panel_still_votes"
    count(school, panel)
    assert Case.objects.get().counts == {"mild": 3, "missing": 1}
    with pytest.raises(Overtaken) as overtaken:
        count_panel(panel_id=panel.pk, by=later(school.officer))
    assert "2025-07-05" in overtaken.value.said("zh")


def test_below_the_quorum_there_is_no_tier_and_not_even_a_count(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    for voter in voters(school, panel)[:2]:
        voter.vote({case.pk: "severe"})
    count(school, panel)
    found = Case.objects.get()
    assert (found.stage, found.panel_tier, found.panel_note) == ("evaluated", "", "panel_too_few")
    assert found.counts == {"missing": 2}  # 'severe: 1' of a single voter would say who said it


def test_who_may_not_judge_is_not_missed(school: School) -> None:
    case = school.case(DA)
    panel = school.panel()
    for voter in voters(school, panel)[1:]:
        voter.vote({case.pk: "mild"})
    count(school, panel, school.teacher)
    assert Case.objects.get().counts == {"mild": 3, "missing": 0}


def test_a_panel_without_cases_is_not_counted(school: School) -> None:
    with pytest.raises(BangfuError) as problem:
        count_panel(panel_id=school.panel().pk, by=later(school.teacher))
    assert said(problem) == "panel_without_cases"


# ---------------------------------------------------------------- secrecy


def everything() -> str:
    """Return all that every table holds, byte by byte."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own tables
            found += [repr([bytes(c) if isinstance(c, memoryview) else c for c in row]) for row in cursor.fetchall()]
    return "\n".join(found)


def test_before_the_count_a_score_is_sealed_and_its_length_tells_nothing(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    for voter, score in zip(voters(school, panel), ("severe", "moderate", "mild", NO_NEED), strict=True):
        voter.vote({case.pk: score})
    cells = [bytes(ballot.score or b"") for ballot in Ballot.objects.all()]
    assert len({len(cell) for cell in cells}) == 1
    assert not any(tier in line for tier in TIERS for line in everything().splitlines() if "tier" not in line)
    assert not any("severe" in entry.details for entry in Entry.objects.all())


def test_after_the_count_no_score_can_be_read_by_anybody(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    for voter, score in zip(voters(school, panel), ("severe", "moderate", "mild", "mild"), strict=True):
        voter.vote({case.pk: score})
    before = [bytes(ballot.score or b"") for ballot in Ballot.objects.all()]
    count(school, panel)
    assert list(Ballot.objects.values_list("score", flat=True)) == [None] * 4
    left = everything()
    assert not any(repr(cell) in left for cell in before)
    assert Ballot.objects.filter(case=case).count() == 4  # that they voted stays
    ring, opens = keys.current(), 0
    for ballot, cell in zip(Ballot.objects.order_by("pk"), before, strict=True):
        opens += ring.open_text(Ballot._meta.db_table, "score", ballot.pk, cell).strip() in TIERS
    assert opens == 4  # the cells were what they should be: what is gone was readable before


def test_the_page_of_a_panel_says_who_has_voted_and_nothing_more(school: School) -> None:
    case = school.case(AN)
    panel = school.panel()
    voters(school, panel)[0].vote({case.pk: "severe"})
    seats = panels.seated(panel, school.teacher)
    assert [(seat.asked, seat.done, seat.missing) for seat in seats] == [(1, 1, 0), (1, 0, 1), (1, 0, 1), (1, 0, 1)]
    assert "severe" not in repr(seats)
    assert panels.seated(panel, Actor("nobody", AT, 9)) == []
    (standing,) = panels.standings(school.round, school.teacher)
    assert (standing.cases, standing.waiting, standing.members, standing.voted) == (1, 1, 4, 1)


# ---------------------------------------------------------------- without a panel


def test_a_case_goes_on_without_a_panel_for_a_reason(school: School) -> None:
    case = school.case(AN)
    with committing():
        evaluate_without_panel(round_id=school.round.pk, case_ids=[case.pk], why="emergency", words="fire",
                               by=school.officer)  # fmt: skip
    found = Case.objects.get()
    assert (found.stage, found.panel_tier, found.panel_note) == ("evaluated", "", "without_emergency")
    assert b"fire" not in bytes(Step.objects.get().words or b"")


def test_who_is_proposed_after_the_count_needs_no_second_panel(school: School) -> None:
    school.case(AN)
    panel = school.panel()
    late = school.case(MEI)
    with pytest.raises(BangfuError) as problem:
        evaluate_without_panel(round_id=school.round.pk, case_ids=[late.pk], why="too_few_members", by=school.officer)
    assert said(problem) == "panel_not_counted"
    count(school, panel)
    later_still = school.case(JUN)
    with committing():
        evaluate_without_panel(round_id=school.round.pk, case_ids=[later_still.pk], why="panel_counted",
                               by=school.officer)  # fmt: skip
    assert set(Case.objects.values_list("stage", flat=True)) == {"evaluated"}


@pytest.mark.parametrize(("why", "code"), [("", "without_panel_unknown"), ("emergency", "case_not_yours")])
def test_only_the_officer_does_without_a_panel_and_says_why(school: School, why: str, code: str) -> None:
    case = school.case(AN)
    with pytest.raises(BangfuError) as problem:
        evaluate_without_panel(round_id=school.round.pk, case_ids=[case.pk], why=why, by=school.teacher)
    assert said(problem) == code


# ---------------------------------------------------------------- the count itself, over random votes

RANKS = {tier: rank for rank, tier in enumerate((*TIERS, NO_NEED))}
SCORES = st.lists(st.sampled_from((*TIERS, NO_NEED)), max_size=12)


@given(SCORES, st.integers(0, 5), st.integers(1, 6))
def test_a_tally_holds_for_any_votes(scores: list[str], absent: int, quorum: int) -> None:
    told = tally(scores, len(scores) + absent, TIERS, quorum)
    assert told == tally(sorted(scores, reverse=True), len(scores) + absent, TIERS, quorum)  # whoever votes first
    assert sum(told.counts.values()) == len(scores) + absent
    assert all(told.counts.get(tier, 0) == scores.count(tier) for tier in RANKS)
    assert told.counts["missing"] == absent
    if len(scores) < quorum:
        assert (told.tier, told.note) == ("", "panel_too_few")
        return
    needier = sum(RANKS[score] < RANKS[told.tier] for score in scores)
    at_least = sum(RANKS[score] <= RANKS[told.tier] for score in scores)
    assert 2 * at_least >= len(scores)  # half of them saw him in this tier or a needier one
    assert 2 * needier < len(scores)  # and fewer than half in a needier one


def test_the_order_of_the_tiers_outlives_a_database_that_sorts_names() -> None:
    told = json.loads(json.dumps(procedure(), sort_keys=True))
    assert codes(told, "tier") == list(TIERS)
    assert codes(told, "reason")[:2] == ["registered_poor", "monitored"]


@given(SCORES.filter(bool), st.integers(0, 3))
def test_who_sees_more_need_never_lowers_the_tier(scores: list[str], at: int) -> None:
    at %= len(scores)
    before = tally(scores, len(scores), TIERS, 1).tier
    needier = [*scores[:at], TIERS[0], *scores[at + 1 :]]
    assert RANKS[tally(needier, len(scores), TIERS, 1).tier] <= RANKS[before]
