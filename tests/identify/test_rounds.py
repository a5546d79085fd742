"""Who is proposed in a round, what is determined, what of it the register and coverage say, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bangfu.accounts.rules import Role
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage.actions import cover
from bangfu.identify import checks, queries
from bangfu.identify.actions.determinations import determine, end_determination, end_of_leavers
from bangfu.identify.actions.rounds import close_round, continue_case, open_round, propose, propose_from_registers
from bangfu.identify.actions.steps import make_moves
from bangfu.identify.models import Case, Determination, Objection, Proposal
from bangfu.identify.rules import Verb
from bangfu.intake.actions import undo_import
from bangfu.registry.models import SourceFile, Status
from tests.conftest import BY, committing
from tests.coverage.lists import APRIL, MARCH, SECOND, Desk, record, states
from tests.identify.terms import (
    AFTER,
    APPLY_UNTIL,
    FIRST_DAY,
    LAST_DAY,
    OPENED,
    PUPILS,
    SPRING,
    School,
    led,
    on,
    with_lists,
)


@pytest.fixture
def desk(founded: Path, tmp_path: Path) -> Desk:
    folder = tmp_path / "lists"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def school(desk: Desk) -> School:
    found = with_lists(desk)
    with committing():
        cover(by=BY)
    return found


def case_of(human: int) -> Case:
    return Case.objects.get(person=record(PUPILS[human], "school_roll"))


def all_hold() -> None:
    assert [*checks.cells(), *checks.cases(), *checks.determinations()] == []


def test_a_round_proposes_whom_the_registers_name_with_list_and_day(school: School) -> None:
    round_ = school.opened()
    assert {case.person_id for case in round_.cases.all()} == {record(PUPILS[at], "school_roll") for at in (0, 1)}
    told = Proposal.objects.filter(case=case_of(0)).values_list("kind", "layout", "list_date", "row__file__layout")
    assert list(told) == [("registered_poor", "poverty_register", date(2025, 2, 17), "poverty_register")]
    assert propose_from_registers(round_id=round_.pk, by=school.officer()) == 2
    assert Proposal.objects.count() == 2  # the second time nothing is new
    all_hold()


def test_a_newer_list_proposes_more(school: School, desk: Desk) -> None:
    round_ = school.opened()
    desk.orphans(PUPILS[3].orphan(), day=MARCH)
    with committing():
        cover(by=BY)
        propose_from_registers(round_id=round_.pk, by=school.officer(date(2025, 3, 5)))
    assert [p.kind for p in case_of(3).proposals.all()] == ["orphan"]


@pytest.mark.parametrize(
    ("term", "until", "code"),
    [
        ("2025-winter", APPLY_UNTIL, "term_unknown"),
        (SPRING, date(2025, 3, 2), "apply_until_odd"),
        (SPRING, date(2026, 1, 1), "apply_until_odd"),
    ],
)
def test_a_round_of_odd_days_is_refused(school: School, term: str, until: date, code: str) -> None:
    with pytest.raises(BangfuError) as problem:
        open_round(school_id=school.school.pk, term=term, apply_until=until, by=school.officer())
    assert problem.value.code == code


def test_a_school_has_one_round_a_term_and_only_its_keepers_open_it(school: School) -> None:
    school.opened()
    with pytest.raises(BangfuError) as problem:
        school.opened()
    assert problem.value.code == "round_exists"
    for stranger in (school.teacher(), on(OPENED, Role.AUDITOR, "/"), on(OPENED, Role.AID_OFFICER, "/999/")):
        with pytest.raises(NotAllowed):
            open_round(school_id=school.school.pk, term=SPRING, apply_until=APPLY_UNTIL, by=stranger)


def test_a_teacher_proposes_with_words_that_are_sealed(school: School) -> None:
    round_, person = school.opened(), record(PUPILS[4], "school_roll")
    case = propose(round_id=round_.pk, person=person, kind="named_by_teacher", words="父亲住院", by=school.teacher())
    proposal = case.proposals.get()
    assert "父亲住院".encode() not in bytes(proposal.words or b"")
    with pytest.raises(BangfuError):
        propose(round_id=round_.pk, person=person, kind="named_by_teacher", words=" ", by=school.teacher())
    elsewhere = on(OPENED, Role.CLASS_TEACHER, school.school_class.path[:-1] + "9/")
    other = record(PUPILS[5], "school_roll")
    with pytest.raises(NotAllowed):
        propose(round_id=round_.pk, person=other, kind="named_by_teacher", words="x", by=elsewhere)
    assert not Case.objects.filter(person=other).exists()


def test_what_is_determined_is_a_standing_in_the_register_and_the_pupil_is_determined(school: School) -> None:
    round_ = school.opened()
    case = propose(
        round_id=round_.pk,
        person=record(PUPILS[4], "school_roll"),
        kind="named_by_teacher",
        words="x",
        by=school.teacher(),
    )
    led(school, [case_of(0), case])
    led(school, [case_of(1)], tier="none", reasons=("income_enough",))
    with committing():
        outcome = determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    assert (len(outcome.done), outcome.left) == (3, {})
    standing = Status.objects.filter(kind="hardship", retracted_by=None).order_by("person")
    assert {(s.level, s.valid_from, s.valid_until) for s in standing} == {
        ("moderate", AFTER, date(2025, 9, 1)), ("none", AFTER, date(2025, 9, 1))}  # fmt: skip
    with committing():
        covered = cover(day=AFTER, by=BY)
    assert states() == {
        PUPILS[0].name: ("determined", "registered_poor"), PUPILS[1].name: ("not_in_need", "registered_poor"),
        PUPILS[4].name: ("determined", "named_by_teacher"), **{PUPILS[at].name: ("no_sign", "") for at in (2, 3, 5)},
    }  # fmt: skip
    assert sum(n for name, n in covered.totals["pupils"].items() if name != "pupils") == len(PUPILS)
    close_round(round_id=round_.pk, by=school.officer(AFTER))
    all_hold()


def test_who_is_named_is_to_be_assessed_as_soon_as_his_case_moves(school: School) -> None:
    round_ = school.opened()
    person = record(PUPILS[4], "school_roll")
    case = propose(round_id=round_.pk, person=person, kind="named_by_teacher", words="x", by=school.teacher())
    with committing():
        make_moves(cases=[case], verb=Verb.EVALUATE, said={}, by=school.officer())
        cover(day=AFTER, by=BY)
    assert states()[PUPILS[4].name] == ("to_assess", "named_by_teacher")


def test_nothing_is_determined_while_the_notice_stands_or_an_objection_is_open(school: School) -> None:
    round_ = school.opened()
    led(school, [case_of(0), case_of(1)])
    outcome = determine(round_id=round_.pk, cases=(), by=school.officer(LAST_DAY))
    assert outcome.left == {case_of(0).pk: "notice_still_stands", case_of(1).pk: "notice_still_stands"}
    first = case_of(0)
    objection = Objection.objects.create(
        notice=first.notice, case=first, path=first.path, state="open", code_index=b"1", received_at=BY.at
    )
    with committing():
        outcome = determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    assert (outcome.done, outcome.left) == ([case_of(1).pk], {first.pk: "objection_open"})
    with pytest.raises(BangfuError) as problem:
        close_round(round_id=round_.pk, by=school.officer(AFTER))
    assert problem.value.code == "round_not_done"
    objection.state = "answered"
    objection.save()
    assert determine(round_id=round_.pk, cases=(first.pk,), by=school.officer(AFTER)).done == [first.pk]


def test_a_pupil_who_moved_school_between_notice_and_determination_is_named_and_continued_there(
    school: School, desk: Desk
) -> None:
    round_ = school.opened()
    led(school, [case_of(0), case_of(1)])
    moved = case_of(0)
    desk.roll(*(pupil.enrolled() for pupil in PUPILS[1:]), day=date(2025, 3, 21), name="roll-later")
    desk.roll(PUPILS[0].enrolled(SECOND), day=date(2025, 3, 21), name="roll-second")
    with committing():
        cover(by=BY)
        outcome = determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    assert outcome.left == {moved.pk: "pupil_left"}
    second = type(school.school).objects.get(kind="school", name=SECOND)
    there = on(AFTER, Role.AID_OFFICER, second.path)
    target = open_round(school_id=second.pk, term=SPRING, apply_until=date(2025, 4, 4), by=there)
    new = continue_case(case_id=moved.pk, round_id=target.pk, by=school.officer(AFTER))
    moved.refresh_from_db()
    assert (moved.stage, moved.continued_in) == ("continued", new)
    assert (new.round, new.stage, [p.kind for p in new.proposals.all()]) == (target, "proposed", ["registered_poor"])
    close_round(round_id=round_.pk, by=school.officer(AFTER))
    all_hold()


def test_a_determination_ends_early_with_a_reason_and_of_who_left(school: School, desk: Desk) -> None:
    round_ = school.opened()
    led(school, [case_of(0), case_of(1)])
    with committing():
        determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    first = case_of(0)
    with pytest.raises(BangfuError):
        end_determination(case_id=first.pk, why="improved", by=school.officer(APRIL), reason=" ")
    with committing():
        end_determination(case_id=first.pk, why="improved", by=school.officer(APRIL), reason="父亲已就业")
    assert Status.objects.get(kind="hardship", person=first.person_id, retracted_by=None).valid_until == APRIL
    with pytest.raises(BangfuError) as problem:
        end_determination(case_id=first.pk, why="improved", by=school.officer(APRIL), reason="again")
    assert problem.value.code == "determination_not_standing"
    desk.roll(*(pupil.enrolled() for pupil in PUPILS if pupil != PUPILS[1]), day=date(2025, 5, 6), name="roll-may")
    with committing():
        assert end_of_leavers(round_id=round_.pk, by=school.officer(date(2025, 5, 7))) == [case_of(1).pk]
        assert end_of_leavers(round_id=round_.pk, by=school.officer(date(2025, 5, 7))) == []
    all_hold()


def test_a_correction_on_the_same_day_was_never_so(school: School) -> None:
    round_ = school.opened()
    led(school, [case_of(0)])
    with committing():
        determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
        end_determination(case_id=case_of(0).pk, why="corrected", by=school.officer(AFTER), reason="录入错误")
    assert not Status.objects.filter(kind="hardship", retracted_by=None).exists()
    all_hold()


def test_the_next_year_assesses_again_who_was_in_need(school: School, desk: Desk) -> None:
    round_ = school.opened()
    led(school, [case_of(0)])
    led(school, [case_of(1)], tier="none", reasons=("income_enough",))
    with committing():
        determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    desk.poor(PUPILS[1].poor(), day=date(2025, 9, 1), name="poor-autumn")
    desk.roll(*(pupil.enrolled() for pupil in PUPILS), day=date(2025, 9, 1), name="roll-autumn")
    autumn = school.officer(date(2025, 9, 8))
    later = open_round(school_id=school.school.pk, term="2025-autumn", apply_until=date(2025, 9, 20), by=autumn)
    told = {case.person_id: sorted(p.kind for p in case.proposals.all()) for case in later.cases.all()}
    assert told == {case_of_in(round_, 0): ["determined_before"], case_of_in(round_, 1): ["registered_poor"]}


def case_of_in(round_: object, human: int) -> int:
    return Case.objects.get(round=round_, person=record(PUPILS[human], "school_roll")).person_id


def test_a_list_of_decisions_is_not_undone_as_a_file_and_blocks_its_roll(school: School) -> None:
    round_ = school.opened()
    led(school, [case_of(0)])
    with committing():
        determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    made = SourceFile.objects.get(layout="made_here_determinations")
    with pytest.raises(BangfuError) as problem:
        undo_import(file_id=made.pk, by=BY, reason="x")
    assert problem.value.code == "undo_made_here"
    roll = SourceFile.objects.filter(layout="school_roll").order_by("pk")[0]
    with pytest.raises(BangfuError) as blocked:
        undo_import(file_id=roll.pk, by=BY, reason="x")
    assert blocked.value.code == "undo_newer_first"


def test_what_is_altered_by_hand_is_named(school: School) -> None:
    round_ = school.opened()
    led(school, [case_of(0), case_of(1)])
    with committing():
        determine(round_id=round_.pk, cases=(), by=school.officer(AFTER))
    Determination.objects.filter(case=case_of(0)).update(tier="severe")
    Case.objects.filter(pk=case_of(1).pk).update(stage="noticed")
    found = [*checks.cases(), *checks.determinations()]
    assert len(found) == 2
    assert str(case_of(0).pk) in found[1]
    assert str(case_of(1).pk) in found[0]


def test_who_sees_only_a_class_sees_its_round_and_cases(school: School) -> None:
    round_ = school.opened()
    assert queries.round_for(round_.pk, school.teacher()).pk == round_.pk
    assert queries.cases(round_, school.teacher()).count() == 2
    stranger = on(OPENED, Role.CLASS_TEACHER, school.school_class.path[:-1] + "9/")
    assert queries.cases(round_, stranger).count() == 0
    with pytest.raises(NotAllowed):
        queries.case_for(case_of(0).pk, stranger)
    with pytest.raises(NotAllowed):
        queries.round_for(round_.pk, on(FIRST_DAY, Role.AID_OFFICER, "/999/"))
