"""What families do and what is done with them, as actions: informed, applying once, in an emergency, withdrawing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.identify.actions.families import (
    Signed,
    inform,
    keep_page,
    open_application,
    print_passes,
    receive_notice,
    send_application,
    type_in_application,
    withdraw_application,
)
from bangfu.identify.families import class_counts, class_families, family_of, named_result
from bangfu.identify.models import Application, Case, Determination, Informed, Pass, Proposal, Round
from bangfu.identify.passes import Held, pass_by_code
from bangfu.identify.rules import Stage
from bangfu.identify.sealed import opened
from bangfu.registry.models import Enrolment, Organisation
from tests.conftest import BY, NOW
from tests.coverage.lists import FIRST, SECOND, Desk, Human, covered, record
from tests.identify.applying import ANSWERS, HAPPENED, SIGNED, a_round

AN, MEI, JUN, FAR = Human("程安邦", 101), Human("田美琳", 202), Human("武俊豪", 303), Human("费慧敏", 404)
DAY = NOW.date()
LATE = NOW + timedelta(days=30)


@dataclass(frozen=True)
class World:
    """Two schools: two classes of the first with a round, and who deals with its families."""

    desk: Desk
    round: Round
    school_class: Organisation
    teacher: Actor
    officer: Actor

    def person(self, human: Human) -> int:
        return record(human, "school_roll")

    def codes(self, *humans: Human, by: Actor | None = None) -> list[str]:
        people = [self.person(human) for human in humans]
        printed = print_passes(round_=self.round.pk, people=people, by=by or self.teacher)
        return [printed[person] for person in people]

    def held(self, human: Human = AN) -> Held:
        found = pass_by_code(self.codes(human)[0], DAY)
        assert found is not None
        return found


@pytest.fixture
def world(founded: Path, tmp_path: Path) -> World:
    """Return two schools; AN and MEI are in one class, JUN in the next, FAR at the other school."""
    folder = tmp_path / "lists"
    folder.mkdir()
    desk = Desk(folder)
    desk.roll(AN.enrolled(), MEI.enrolled(), JUN.enrolled(班级="2班"), FAR.enrolled(SECOND))
    school = Organisation.objects.get(kind="school", name=FIRST)
    school_class = Organisation.objects.get(pk=class_of(AN))
    return World(
        desk,
        a_round(school),
        school_class,
        Actor("T-1", NOW, reaches=(Reach(Role.CLASS_TEACHER, school_class.path),)),
        Actor("A-1", NOW, reaches=(Reach(Role.AID_OFFICER, school.path),)),
    )


def class_of(human: Human) -> int:
    """Return the class that the roll names."""
    return int(Enrolment.objects.get(person=record(human, "school_roll")).school_class_id or 0)


def family(held: Held, at: datetime = NOW) -> Actor:
    """Return the family that holds a pass."""
    return Actor(f"pass:{held.number}", at)


def fill(held: Held, answers: dict[str, Any] = ANSWERS, at: datetime = NOW) -> None:
    """Keep every page."""
    for page, said in answers.items():
        keep_page(number=held.number, page=page, said=said, by=family(held, at))


def send(held: Held, signed: Signed = SIGNED, at: datetime = NOW) -> Application:
    """Send what was kept."""
    return send_application(number=held.number, signed=signed, by=family(held, at))


def code_of(act: Callable[[], object]) -> str:
    """Return the code with which an action is refused; nothing is written then."""
    before = Entry.objects.count(), Application.objects.exclude(sent_at=None).count(), Case.objects.count()
    with pytest.raises(BangfuError) as caught:
        act()
    assert (Entry.objects.count(), Application.objects.exclude(sent_at=None).count(), Case.objects.count()) == before
    assert str(caught.value)
    return caught.value.code


def entries(action: str) -> list[Entry]:
    """Return the entries of an action."""
    return list(Entry.objects.filter(action=f"identify.{action}").order_by("pk"))


# -- codes


def test_a_class_gets_codes_and_the_ones_of_before_end(world: World) -> None:
    first = world.codes(AN, MEI)
    second = world.codes(AN)
    assert len({*first, *second}) == 3
    assert [pass_by_code(code, DAY) is not None for code in (*first, *second)] == [False, True, True]
    told = json.dumps(list(Pass.objects.values("path", "until", "used_at")), default=str)
    trail = "".join(f"{entry.details}{entry.reason}" for entry in Entry.objects.all())
    assert not any(code in told + trail for code in (*first, *second))
    assert [entry.subject for entry in entries("print_passes")] == [f"round:{world.round.pk}"] * 2


def test_a_code_lasts_as_long_as_the_form_says(world: World) -> None:
    (code,) = world.codes(AN)
    last = DAY + timedelta(days=180)
    assert pass_by_code(code, last) is not None
    assert pass_by_code(code, last + timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("who", "humans", "code"),
    [
        ("teacher", [JUN], "pupil_not_yours"),
        ("teacher", [AN, JUN], "pupil_not_yours"),
        ("officer", [FAR], "pupil_not_yours"),
        ("officer", [], "pupil_not_yours"),
        ("principal", [AN], "families_not_yours"),
        ("auditor", [AN], "families_not_yours"),
        ("nobody", [AN], "round_not_yours"),
        ("next_officer", [FAR], "round_not_yours"),
    ],
)
def test_codes_and_receipts_are_for_the_classs_teacher_and_the_aid_officer(
    world: World, who: str, humans: list[Human], code: str
) -> None:
    other = Organisation.objects.get(kind="school", name=SECOND).path
    actors = {
        "teacher": world.teacher,
        "officer": world.officer,
        "principal": replace(world.officer, reaches=(Reach(Role.PRINCIPAL, world.round.path),)),
        "auditor": replace(world.officer, reaches=(Reach(Role.AUDITOR, world.round.path),)),
        "nobody": replace(world.officer, reaches=()),
        "next_officer": replace(world.officer, reaches=(Reach(Role.AID_OFFICER, other),)),
    }
    people = [world.person(human) for human in humans]
    about: dict[str, Any] = {"round_": world.round.pk, "people": people, "by": actors[who]}
    assert code_of(lambda: print_passes(**about)) == code
    assert code_of(lambda: inform(channel="paper", **about)) == code
    if people:
        one = {"round_": world.round.pk, "person": people[-1], "by": actors[who]}
        assert code_of(lambda: type_in_application(answers=ANSWERS, signed=SIGNED, **one)) == code


def test_an_unknown_round_or_pupil_is_like_one_that_is_not_ones_own(world: World) -> None:
    for number in (0, -1, 10**17):
        assert code_of(lambda n=number: print_passes(round_=n, people=[1], by=world.officer)) == "round_not_yours"  # type: ignore[misc]
        about = {"round_": world.round.pk, "people": [number], "by": world.officer}
        assert code_of(lambda a=about: print_passes(**a)) == "pupil_not_yours"  # type: ignore[misc]


# -- informed


def test_families_are_informed_once_whoever_says_so_first(world: World) -> None:
    held, people = world.held(), [world.person(AN), world.person(MEI)]
    receive_notice(number=held.number, by=family(held))
    receive_notice(number=held.number, by=family(held))
    assert inform(round_=world.round.pk, people=people, channel="paper", by=world.teacher) == 1
    assert inform(round_=world.round.pk, people=people, channel="phone", by=world.teacher) == 0
    told = {row.person_id: (row.channel, row.by_name) for row in Informed.objects.all()}
    assert told == {people[0]: ("page", f"pass:{held.number}"), people[1]: ("paper", "T-1")}
    assert len(entries("receive_notice")) == 1


@pytest.mark.parametrize("channel", ["", "page", "gossip"])
def test_a_teacher_says_how_families_were_told(world: World, channel: str) -> None:
    about: dict[str, Any] = {"round_": world.round.pk, "people": [world.person(AN)], "by": world.teacher}
    assert code_of(lambda: inform(channel=channel, **about)) == "channel_unknown"


# -- applying


def test_an_application_is_begun_gone_on_with_and_sent(world: World) -> None:
    held = world.held()
    keep_page(number=held.number, page="household", said=ANSWERS["household"], by=family(held))
    found = family_of(held, DAY)
    assert (found.page, found.answers, found.sent) == ("contact", {"household": ANSWERS["household"]}, False)
    fill(held)
    application = send(held)
    assert application.sent_at == NOW
    assert json.loads(opened(application, "answers")) == {**ANSWERS, "promise": "王建国"}
    assert application.consents["child"]["day"] == str(DAY)
    assert application.consents["child"]["version"] == "2026-1"
    assert "31" in application.consents["child"]["basis"]
    assert set(application.consents) == {"promise", "child", "compare", "notice"}
    case = Case.objects.get()
    assert (case.person_id, case.stage, case.path) == (world.person(AN), Stage.PROPOSED, world.school_class.path)
    assert (case.human, case.emergency) == (world.person(AN), False)
    proposal = Proposal.objects.get()
    assert (proposal.kind, proposal.list_date, proposal.words) == ("applied", DAY, None)
    (entry,) = entries("apply")
    assert [each.subject for each in entries("propose")] == [f"case:{case.pk}"]
    assert proposal.entry == entries("propose")[0]
    assert (entry.actor, entry.subject, entry.chain) == (
        f"pass:{held.number}", f"application:{application.pk}", world.round.school_id,
    )  # fmt: skip


def test_nothing_that_a_family_writes_lies_open(world: World) -> None:
    held = world.held()
    fill(held)
    send(held)
    rows = [*Application.objects.values(), *Proposal.objects.values(), *Case.objects.values(), *Entry.objects.values()]
    text = "".join(
        bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v) for r in rows for v in r.values()
    )
    assert not [word for word in ("王建国", "13900001234", "河湾村", "grave", "debt", "吃药") if word in text]


def test_the_case_is_of_the_human_over_all_lists(world: World) -> None:
    world.desk.poor(AN.poor())
    covered()
    held = world.held()
    fill(held)
    send(held)
    assert Case.objects.get().human == min(world.person(AN), record(AN, "poverty_register"))


def test_a_second_application_is_refused_and_points_to_the_first(world: World) -> None:
    held = world.held()
    fill(held)
    first = send(held)
    about = {"round_": world.round.pk, "person": world.person(AN), "by": world.teacher}
    again: Sequence[Callable[[], object]] = (
        lambda: send(held),
        lambda: keep_page(number=held.number, page="aid", said=ANSWERS["aid"], by=family(held)),
        lambda: type_in_application(answers=ANSWERS, signed=SIGNED, **about),
    )
    for act in again:
        with pytest.raises(BangfuError) as caught:
            act()
        assert (caught.value.code, caught.value.facts["number"]) == ("application_sent_before", first.pk)
    assert Application.objects.count() == 1


def test_an_application_joins_what_registers_have_proposed(world: World) -> None:
    case = Case.objects.create(round=world.round, person_id=world.person(AN), human=world.person(AN),
                               school_class=world.school_class, path=world.school_class.path,
                               stage=Stage.EVALUATED)  # fmt: skip
    Proposal.objects.create(case=case, kind="minimum_living", layout="minimum_living", list_date=DAY)
    held = world.held()
    fill(held)
    send(held)
    assert Case.objects.get().stage == Stage.EVALUATED
    assert sorted(Proposal.objects.values_list("kind", flat=True)) == ["applied", "minimum_living"]


@pytest.mark.parametrize("stage", [Stage.DETERMINED, Stage.CONTINUED])
def test_what_is_decided_is_not_applied_for_again(world: World, stage: Stage) -> None:
    Case.objects.create(round=world.round, person_id=world.person(AN), human=1, school_class=world.school_class,
                        path=world.school_class.path, stage=stage)  # fmt: skip
    held = world.held()
    fill(held)
    assert code_of(lambda: send(held)) == "case_decided"


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (Signed("王建国", SIGNED.agreed - {"promise"}), "promise_missing"),
        (Signed("  ", SIGNED.agreed), "promise_missing"),
        (Signed("王建国", SIGNED.agreed - {"child"}), "consent_missing"),
        (Signed("王建国", SIGNED.agreed - {"notice"}), "consent_missing"),
        (Signed("王建国", frozenset()), "promise_missing"),
    ],
)
def test_nothing_is_sent_without_promise_and_consents(world: World, signed: Signed, code: str) -> None:
    held = world.held()
    fill(held)
    assert code_of(lambda: send(held, signed)) == code
    about: dict[str, Any] = {"round_": world.round.pk, "person": world.person(MEI), "by": world.teacher}
    assert code_of(lambda: type_in_application(answers=ANSWERS, signed=signed, **about)) == code


@pytest.mark.parametrize("page", list(ANSWERS))
def test_nothing_is_sent_that_is_not_filled_in(world: World, page: str) -> None:
    held = world.held()
    fill(held, {code: said for code, said in ANSWERS.items() if code != page})
    if page in ("groups", "facts"):
        assert send(held).sent_at == NOW  # nothing is required there
    else:
        assert code_of(lambda: send(held)) == "application_incomplete"


def test_pages_that_are_not_asked_or_odd_are_refused(world: World) -> None:
    held = world.held()
    for page, said, code in (
        ("emergency", HAPPENED, "application_page_unknown"),
        ("promise", {}, "application_page_unknown"),
        ("household", {"kind": "rural", "size": "400"}, "said_no_number"),
        ("members", {"name": "x"}, "application_page_odd"),
    ):
        about: dict[str, Any] = {"number": held.number, "page": page, "said": said, "by": family(held)}
        assert code_of(lambda about=about: keep_page(**about)) == code  # type: ignore[misc]
    assert not Application.objects.exists()


# -- whose child


def test_a_pass_opens_its_own_pupil_only(world: World) -> None:
    mine, others = world.held(AN), world.held(MEI)
    stranger = family(others)
    acts: Sequence[Callable[[], object]] = (
        lambda: receive_notice(number=mine.number, by=stranger),
        lambda: keep_page(number=mine.number, page="aid", said=ANSWERS["aid"], by=stranger),
        lambda: send_application(number=mine.number, signed=SIGNED, by=stranger),
        lambda: withdraw_application(number=mine.number, by=stranger),
        lambda: receive_notice(number=mine.number, by=world.officer),
        lambda: receive_notice(number=mine.number, by=BY),
    )
    assert [code_of(act) for act in acts] == ["pass_not_valid"] * len(acts)
    assert family_of(mine, DAY).pupil == AN.name


def test_an_ended_pass_does_nothing(world: World) -> None:
    held = world.held()
    world.codes(AN)
    assert code_of(lambda: receive_notice(number=held.number, by=family(held))) == "pass_not_valid"
    late = NOW + timedelta(days=400)
    again = world.held(MEI)
    assert code_of(lambda: receive_notice(number=again.number, by=family(again, late))) == "pass_not_valid"


def test_a_child_who_has_left_is_named(world: World) -> None:
    held = world.held()
    fill(held)
    world.desk.roll(MEI.enrolled(), JUN.enrolled(班级="2班"), FAR.enrolled(SECOND), AN.enrolled(SECOND),
                    day=date(2025, 6, 30), name="moved")  # fmt: skip
    with pytest.raises(BangfuError) as caught:
        send(held)
    assert (caught.value.code, caught.value.facts["name"]) == ("family_pupil_left", AN.name)
    old = min(Pass.objects.values_list("person_id", flat=True))
    with pytest.raises(BangfuError) as caught:
        print_passes(round_=world.round.pk, people=[int(old or 0)], by=world.officer)
    assert (caught.value.code, caught.value.facts["name"]) == ("family_pupil_left", AN.name)
    assert not family_of(held, DAY).enrolled


def test_a_child_who_changes_class_is_proposed_in_the_new_one(world: World) -> None:
    held = world.held()
    fill(held)
    world.desk.roll(AN.enrolled(班级="2班"), MEI.enrolled(), JUN.enrolled(班级="2班"), FAR.enrolled(SECOND),
                    day=date(2025, 6, 30), name="moved")  # fmt: skip
    application = send(held)
    assert application.path == Case.objects.get().path == Organisation.objects.get(pk=class_of(JUN)).path


# -- late, and in an emergency


def test_the_last_day_is_a_day_on_which_one_applies(world: World) -> None:
    held = world.held()
    at = datetime.combine(world.round.apply_until, NOW.timetz())
    fill(held, at=at)
    assert send(held, at=at).sent_at == at
    assert not Case.objects.get().emergency


def test_afterwards_one_applies_in_an_emergency_only(world: World) -> None:
    held = world.held()
    fill(held)
    assert code_of(lambda: send(held, at=LATE)) == "apply_time_over"
    keep_page(number=held.number, page="emergency", said=HAPPENED, by=family(held, LATE))
    send(held, at=LATE)
    assert Case.objects.get().emergency
    words = {row.kind: opened(row, "words") for row in Proposal.objects.all()}
    assert words == {"emergency": "爸爸车祸住院\n2025-07-21", "applied": ""}
    assert json.loads(entries("apply")[0].details)["emergency"] is True


def test_nothing_is_sent_into_a_round_that_is_closed(world: World) -> None:
    held = world.held()
    fill(held, {"emergency": HAPPENED, **ANSWERS}, at=LATE)
    Round.objects.update(closed_on=DAY)
    assert code_of(lambda: send(held, at=LATE)) == "round_closed"
    assert family_of(held, DAY).closed


def test_an_emergency_joins_a_case_on_its_way_and_follows_one_that_is_decided(world: World) -> None:
    for human, stage in ((AN, Stage.EVALUATED), (MEI, Stage.DETERMINED)):
        person = world.person(human)
        Case.objects.create(round=world.round, person_id=person, human=person, school_class=world.school_class,
                            path=world.school_class.path, stage=stage)  # fmt: skip
        held = world.held(human)
        fill(held, {"emergency": HAPPENED, **ANSWERS}, at=LATE)
        send(held, at=LATE)
    cases = Case.objects.order_by("pk").values_list("person_id", "stage", "emergency")
    an, mei = world.person(AN), world.person(MEI)
    assert list(cases) == [(an, "evaluated", False), (mei, "determined", False), (mei, "proposed", True)]
    assert [case.proposals.count() for case in Case.objects.order_by("pk")] == [2, 0, 2]


# -- from paper


def test_a_teacher_types_in_what_a_family_wrote(world: World) -> None:
    held = world.held()
    keep_page(number=held.number, page="aid", said={"aid": ["other"]}, by=family(held))
    about: dict[str, Any] = {"round_": world.round.pk, "person": world.person(AN), "by": world.teacher}
    extra = {"nonsense": {"x": 1}, "emergency": HAPPENED}
    application = type_in_application(answers=ANSWERS | extra, signed=SIGNED, **about)
    assert application.by_teacher
    assert json.loads(opened(Application.objects.get(), "answers")) == {**ANSWERS, "promise": "王建国"}
    assert json.loads(entries("apply")[0].details)["by_teacher"] is True
    assert family_of(held, DAY).sent


def test_what_is_typed_in_wrong_is_refused(world: World) -> None:
    about: dict[str, Any] = {
        "round_": world.round.pk,
        "person": world.person(AN),
        "by": world.teacher,
        "signed": SIGNED,
    }
    wrong = {**ANSWERS, "contact": {**ANSWERS["contact"], "phone": "none"}}
    assert code_of(lambda: type_in_application(answers=wrong, **about)) == "said_no_phone"
    assert code_of(lambda: type_in_application(answers={}, **about)) == "application_incomplete"
    late = about | {"by": replace(world.teacher, at=LATE)}
    assert code_of(lambda: type_in_application(answers=ANSWERS, **late)) == "apply_time_over"
    assert type_in_application(answers={**ANSWERS, "emergency": HAPPENED}, **late).sent_at == LATE


# -- withdrawing, and reading


def test_who_withdraws_does_not_drop_out(world: World) -> None:
    held = world.held()
    assert code_of(lambda: withdraw_application(number=held.number, by=family(held))) == "nothing_to_withdraw"
    fill(held)
    assert code_of(lambda: withdraw_application(number=held.number, by=family(held))) == "nothing_to_withdraw"
    send(held)
    withdraw_application(number=held.number, by=family(held))
    assert code_of(lambda: withdraw_application(number=held.number, by=family(held))) == "nothing_to_withdraw"
    assert Case.objects.get().stage == Stage.PROPOSED
    assert Proposal.objects.count() == 1
    assert code_of(lambda: send(held)) == "application_sent_before"


def test_opening_what_a_family_wrote_is_recorded_once_a_reader_and_day(world: World) -> None:
    held = world.held()
    about: dict[str, Any] = {"round_": world.round.pk, "person": world.person(AN)}
    assert code_of(lambda: open_application(by=world.teacher, **about)) == "application_not_yours"
    fill(held)
    assert code_of(lambda: open_application(by=world.teacher, **about)) == "application_not_yours"
    send(held)
    tomorrow = replace(world.teacher, at=NOW + timedelta(days=1))
    for by in (world.teacher, world.teacher, world.officer, tomorrow):
        assert open_application(by=by, **about)["facts"] == ANSWERS["facts"]
    opened_ = [(entry.actor, entry.subject, entry.reason) for entry in entries("open_case")]
    case = f"case:{Case.objects.get().pk}"
    assert opened_ == [(name, case, f"round:{world.round.pk}") for name in ("T-1", "A-1", "T-1")]
    for role in (Role.AUDITOR, Role.FINANCE_OFFICER, Role.HELPER):
        by = replace(world.officer, reaches=(Reach(role, world.round.path),))
        assert code_of(lambda by=by: open_application(by=by, **about)) == "application_not_yours"  # type: ignore[misc]
    next_door = Actor("T-2", NOW, reaches=(Reach(Role.CLASS_TEACHER, Organisation.objects.get(pk=class_of(JUN)).path),))
    assert code_of(lambda: open_application(by=next_door, **about)) == "pupil_not_yours"


def test_what_is_sent_is_no_longer_shown_to_who_holds_the_code(world: World) -> None:
    held = world.held()
    fill(held)
    assert family_of(held, DAY).answers == ANSWERS
    send(held)
    assert family_of(held, DAY).answers == {}


@pytest.mark.parametrize(
    ("tier", "reasons", "said"),
    [
        ("moderate", ["illness", "low_income"], ("困难", ["家庭成员重病", "家庭收入低"])),
        ("none", ["income_enough"], ("", ["家庭收入高于本地标准"])),
    ],
)
def test_the_result_is_told_with_its_reasons(
    world: World, tier: str, reasons: list[str], said: tuple[str, list[str]]
) -> None:
    held = world.held()
    fill(held)
    send(held)
    case = Case.objects.get()
    Case.objects.update(stage=Stage.DETERMINED)
    Determination.objects.create(case=case, path=case.path, tier=tier, reasons=reasons, valid_from=DAY,
                                 valid_until=date(2025, 8, 31), actor="A-1", entry=entries("apply")[0])  # fmt: skip
    assert named_result(family_of(held, DAY), "zh") == said


def test_a_teacher_sees_his_class_and_an_officer_the_school(world: World) -> None:
    held = world.held()
    receive_notice(number=held.number, by=family(held))
    fill(held)
    send(held)
    keep_page(number=world.held(MEI).number, page="aid", said=ANSWERS["aid"], by=family(pass_held(MEI)))
    found = class_families(world.round, world.school_class, world.teacher)
    assert [row.name for row in found.rows] == [AN.name, MEI.name]
    assert [found.count(name) for name in ("informed", "pass_", "sent")] == [1, 2, 1]
    assert [(count.pupils, count.informed, count.applied) for count in class_counts(world.round, world.teacher)] == [
        (2, 1, 1)
    ]
    assert [(count.pupils, count.applied) for count in class_counts(world.round, world.officer)] == [(2, 1), (1, 0)]
    other = Organisation.objects.get(pk=class_of(JUN))
    assert class_families(world.round, other, world.teacher).rows == []


def pass_held(human: Human) -> Held:
    """Return the pass that a pupil's family holds."""
    row = Pass.objects.get(person=record(human, "school_roll"), ended_at=None)
    return Held(row.pk, row.round_id, row.person_id, None)


def test_other_people_are_refused_as_not_allowed(world: World) -> None:
    with pytest.raises(NotAllowed):
        print_passes(round_=world.round.pk, people=[world.person(FAR)], by=world.officer)
