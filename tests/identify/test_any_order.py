"""The real actions in any order: nothing is determined without proposal, notice, its working days and two people.

What each determination rests on is judged here anew, from the rows alone and by a list of holidays of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import ClassVar
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError
from bangfu.identify import notices
from bangfu.identify.actions.determinations import determine
from bangfu.identify.actions.notices import Against, answer_objection, object_to, publish, withdraw_notice
from bangfu.identify.actions.panels import (
    Seat,
    cast,
    count_panel,
    evaluate_without_panel,
    print_panel_passes,
    set_up_panel,
)
from bangfu.identify.actions.recognition import recognise, return_case, review
from bangfu.identify.actions.rounds import open_round, propose
from bangfu.identify.actions.steps import Said
from bangfu.identify.models import Case, Determination, Notice, Objection, Panel, PanelMember, Pass, Round, Step
from bangfu.identify.passes import actor_name
from bangfu.identify.rules import MOVES, Stage, Verb
from bangfu.registry.models import Detail
from tests.coverage.lists import Desk
from tests.identify.terms import PUPILS, SPRING, School, on, with_lists

FIRST = date(2025, 3, 24)  # Qingming, a Friday, lies in the second week
OFF = {date(2025, 4, 4), date(2025, 5, 1), date(2025, 5, 2), date(2025, 5, 5), date(2025, 6, 2)}
MADE_UP = {date(2025, 4, 27)}
WORKING_DAYS = 5
PEOPLE = ("officer", "second officer", "head", "bureau", "officer and head", "teacher", "nobody")
TIERS = st.sampled_from(("severe", "moderate", "none", ""))
EXAMPLES, STEPS = 25, 30


def works(day: date) -> bool:
    """Tell whether people work on a day of that spring."""
    return day in MADE_UP or (day.weekday() < 5 and day not in OFF)


class Term(RuleBasedStateMachine):
    """A class of six through a term, with whatever anybody may think of doing next."""

    school: ClassVar[School]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.day = FIRST
        people = Detail.objects.filter(name__in=[human.name for human in PUPILS], person__series__layout="school_roll")
        self.people = sorted(people.values_list("person_id", flat=True))

    def teardown(self) -> None:
        """Undo the term."""
        Term.reached.update(Case.objects.values_list("stage", flat=True))
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    # -- who and what

    def by(self, name: str) -> Actor:
        """Return one of the people, on the day that it is now."""
        school, place = self.school.school.path, self.school.school_class.path
        reaches = {
            "officer": (Reach(Role.AID_OFFICER, school),),
            "second officer": (Reach(Role.AID_OFFICER, school),),
            "head": (Reach(Role.PRINCIPAL, school),),
            "bureau": (Reach(Role.COUNTY_BUREAU, self.school.county.path),),
            "officer and head": (Reach(Role.AID_OFFICER, school), Reach(Role.PRINCIPAL, school)),
            "teacher": (Reach(Role.CLASS_TEACHER, place),),
            "nobody": (),
        }[name]
        return Actor(name, on(self.day, Role.HELPER, "/").at, None, reaches)

    def tried(self, act: Callable[[], object]) -> None:
        """Do something that may be refused; then nothing of it stays."""
        with transaction.atomic():
            try:
                with transaction.atomic():
                    act()
            except BangfuError:
                Term.reached["refused"] += 1

    def case(self, at: int) -> Case | None:
        """Return one of the cases."""
        found = list(Case.objects.order_by("pk"))
        return found[at % len(found)] if found else None

    # -- what anybody may do

    @initialize()
    def opened(self) -> None:
        """Open the round, which proposes whom the registers name."""
        self.round: Round = open_round(
            school_id=self.school.school.pk, term=SPRING, apply_until=date(2025, 6, 20), by=self.by("officer")
        )

    @rule(days=st.integers(1, 6))
    def time_passes(self, days: int) -> None:
        """Let days go by."""
        self.day = min(self.day + timedelta(days=days), date(2025, 6, 15))

    @rule(at=st.integers(0, 5), who=st.sampled_from(PEOPLE), kind=st.sampled_from(("named_by_teacher", "emergency")))
    def is_proposed(self, at: int, who: str, kind: str) -> None:
        """Propose a pupil."""
        self.tried(lambda: propose(round_id=self.round.pk, person=self.people[at], kind=kind, words="x",
                                   by=self.by(who)))  # fmt: skip

    @rule(who=st.sampled_from(PEOPLE))
    def panel_is_set_up(self, who: str) -> None:
        """Set the class's panel up, and print its passes."""

        def act() -> None:
            seats = [Seat("student", person=self.people[4]), Seat("student", person=self.people[5]),
                     Seat("teacher", "何老师"), Seat("parent", "林外人")]  # fmt: skip
            panel = set_up_panel(round_id=self.round.pk, class_id=self.school.school_class.pk, seats=seats,
                                 until=self.day + timedelta(days=2), by=self.by(who))  # fmt: skip
            print_panel_passes(panel_id=panel.pk, by=self.by(who))

        self.tried(act)

    @rule(at=st.integers(0, 3), case=st.integers(0, 9), tier=TIERS)
    def a_member_votes(self, at: int, case: int, tier: str) -> None:
        """Vote with a pass."""
        passes, found = list(Pass.objects.exclude(member=None).order_by("pk")), self.case(case)
        if passes and found:
            number = passes[at % len(passes)].pk
            by = Actor(actor_name(number), self.by("nobody").at)
            self.tried(lambda: cast(pass_id=number, scores={found.pk: tier}, by=by))

    @rule(who=st.sampled_from(PEOPLE))
    def the_panel_is_counted(self, who: str) -> None:
        """Count the panel."""
        for panel in Panel.objects.all():
            self.tried(lambda panel=panel: count_panel(panel_id=panel.pk, by=self.by(who)))

    @rule(at=st.integers(0, 9), who=st.sampled_from(PEOPLE), why=st.sampled_from(("emergency", "too_few_members")))
    def no_panel_is_asked(self, at: int, who: str, why: str) -> None:
        """Send a case on without a panel."""
        if found := self.case(at):
            self.tried(lambda: evaluate_without_panel(round_id=self.round.pk, case_ids=[found.pk], why=why,
                                                      by=self.by(who)))  # fmt: skip

    @rule(at=st.integers(0, 9), who=st.sampled_from(PEOPLE), tier=TIERS)
    def is_recognised(self, at: int, who: str, tier: str) -> None:
        """Recognise a case, or as the panel says."""
        reasons = ("income_enough",) if tier == "none" else ("low_income",)
        if found := self.case(at):
            self.tried(lambda: recognise(round_id=self.round.pk, case_ids=[found.pk], said=Said(tier, reasons),
                                         by=self.by(who)))  # fmt: skip

    @rule(at=st.integers(0, 9), who=st.sampled_from(PEOPLE))
    def is_reviewed(self, at: int, who: str) -> None:
        """Review a case."""
        if found := self.case(at):
            self.tried(lambda: review(round_id=self.round.pk, case_ids=[found.pk], by=self.by(who)))

    @rule(at=st.integers(0, 9), who=st.sampled_from(PEOPLE))
    def is_returned(self, at: int, who: str) -> None:
        """Send a case back."""
        if found := self.case(at):
            self.tried(lambda: return_case(round_id=self.round.pk, case_id=found.pk, words="x", by=self.by(who)))

    @rule(who=st.sampled_from(PEOPLE))
    def is_published(self, who: str) -> None:
        """Publish what is reviewed."""

        def act() -> None:
            by = self.by(who)
            seen = notices.preview(self.round, self.school.school, by).digest
            publish(round_id=self.round.pk, place_id=self.school.school.pk, seen=seen, by=by)

        self.tried(act)

    @rule(who=st.sampled_from(PEOPLE))
    def is_withdrawn(self, who: str) -> None:
        """Withdraw the last notice."""
        if notice := Notice.objects.order_by("pk").last():
            self.tried(lambda: withdraw_notice(notice_id=notice.pk, by=self.by(who), reason="x"))

    @rule(at=st.integers(0, 9))
    def is_objected_to(self, at: int) -> None:
        """Object to a line of a notice."""
        found = self.case(at)
        if found and found.notice:
            against = Against(case=found.pk, name="某人", contact="1", words="x")
            token = found.notice.token
            self.tried(lambda: object_to(token=token, against=against, key=uuid4(), by=self.by("nobody")))

    @rule(who=st.sampled_from(PEOPLE), upheld=st.booleans())
    def is_answered(self, who: str, upheld: bool) -> None:
        """Answer the first objection that waits."""
        if waiting := Objection.objects.filter(state="open").order_by("pk").first():
            self.tried(lambda: answer_objection(objection_id=waiting.pk, upheld=upheld, words="x", by=self.by(who)))

    @rule(who=st.sampled_from(PEOPLE))
    def is_determined(self, who: str) -> None:
        """Determine whatever may be determined."""
        self.tried(lambda: determine(round_id=self.round.pk, cases=(), by=self.by(who)))

    @precondition(lambda self: Case.objects.exclude(stage=Stage.DETERMINED).exists())
    @rule(
        at=st.integers(0, 9),
        maker=st.sampled_from(("officer", "officer and head", "teacher")),
        checker=st.sampled_from(("bureau", "head", "officer and head")),
        days=st.sampled_from((7, 8, 11, 6)),
    )
    def goes_its_way(self, at: int, maker: str, checker: str, days: int) -> None:
        """Lead a case on by the usual way, by two people who may be one, for days that may be too few."""
        found = list(Case.objects.exclude(stage=Stage.DETERMINED).order_by("pk"))
        at %= len(found)
        case = list(Case.objects.order_by("pk")).index(found[at])
        self.no_panel_is_asked(case, maker, "emergency")
        self.is_recognised(case, maker, "mild")
        self.is_reviewed(case, checker)
        self.is_published(maker)
        self.time_passes(days)
        self.is_determined(maker)

    # -- what must hold whatever they do

    @invariant()
    def nobody_is_determined_without_all_that_it_needs(self) -> None:
        """Judge each determination by the rows that led to it."""
        determined = {row.case_id: row for row in Determination.objects.all()}
        for case in Case.objects.select_related("notice"):
            assert (case.pk in determined) == (case.stage == Stage.DETERMINED)
            if case.pk in determined:
                self.check_determined(case, determined[case.pk].valid_from)

    def check_determined(self, case: Case, day: date) -> None:
        """Check a case that was determined on a day."""
        steps = list(case.steps.order_by("pk"))
        verbs = [step.verb for step in steps]
        since = max((at for at, verb in enumerate(verbs) if verb in (Verb.RETURN, Verb.REOPEN)), default=-1)
        course = [step for step in steps[since + 1 :] if step.verb != Verb.EVALUATE]
        *makers, checker, published, last = course
        assert [step.verb for step in makers] == [Verb.RECOGNISE] * len(makers)
        assert makers
        assert [s.verb for s in (checker, published, last)] == [Verb.REVIEW, Verb.PUBLISH, Verb.DETERMINE]
        assert makers[-1].actor != checker.actor
        assert Verb.EVALUATE in verbs
        assert case.proposals.exists()
        notice = case.notice
        assert notice is not None
        assert notice.withdrawn_at is None
        stood = [notice.first_day + timedelta(days=n) for n in range(1, (day - notice.first_day).days)]
        assert sum(map(works, stood)) >= WORKING_DAYS
        assert not case.objections.filter(state__in=("open", "appealed"), received_at__date__lte=day).exists()
        assert case.school_tier == makers[-1].tier == last.tier

    @invariant()
    def each_step_is_permitted_and_none_is_missing(self) -> None:
        """Walk each case's steps from the beginning: they lead to where it is."""
        for case in Case.objects.all():
            stage = Stage.PROPOSED
            for step in Step.objects.filter(case=case).order_by("pk"):
                stage = MOVES[stage, Verb(step.verb)]
                assert step.stage == stage
            assert case.stage == stage

    @invariant()
    def a_counted_panel_has_forgotten_who_said_what(self) -> None:
        """Look for a score of a member whose panel is counted."""
        counted = PanelMember.objects.exclude(panel__counted_at=None)
        assert not counted.filter(ballots__score__isnull=False).exists()


@pytest.mark.usefixtures("founded")
def test_no_order_of_actions_gets_around_the_procedure(desk: Desk) -> None:
    Term.school = with_lists(desk)
    Term.reached.clear()
    bounded = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None,
                       suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(Term, settings=bounded)
    # It did come as far as that, by the right ways, and was kept from the wrong ones.
    assert Term.reached["determined"] > 0, Term.reached
    assert Term.reached["refused"] > EXAMPLES
