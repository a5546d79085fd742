"""A school's round with cases that wait for their notice, made through the moves that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError
from bangfu.coverage.models import Alias
from bangfu.identify import notices
from bangfu.identify.actions.notices import Against, object_to, publish
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.forms import procedure
from bangfu.identify.models import Case, Notice, Proposal, Round
from bangfu.identify.rules import NO_NEED, Verb
from bangfu.registry.models import Enrolment, Organisation
from tests.conftest import BY

DAY = date(2025, 4, 25)  # a Friday: five working days later is 6 May, for the first days of May are off
LAST = date(2025, 5, 6)
CONFIDENCE = "zqx-in-confidence"  # what is said against a notice, and written of a referral
TIERS = ("severe", "moderate", "mild", NO_NEED)


@contextmanager
def refused(code: str, kind: type[BangfuError] = BangfuError) -> Iterator[None]:
    """Expect a refusal with the sentence of this code."""
    with pytest.raises(kind) as problem:
        yield
    assert problem.value.code == code


def at(day: date = DAY, hour: int = 9) -> datetime:
    """Return a moment of a day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo("Asia/Shanghai"))


def actor(role: Role, path: str, day: date = DAY, name: str = "") -> Actor:
    """Return somebody who holds a role at a place."""
    return Actor(name or role.value, at(day), 1, (Reach(role.value, path),))


def stranger(day: date = DAY) -> Actor:
    """Return somebody without an account."""
    return Actor("objector", at(day))


def open_round(school: Organisation, term: str = "2025-spring", day: date = DAY) -> Round:
    """Return a round of a school."""
    return Round.objects.create(
        school=school, path=school.path, term=term, procedure=procedure(), opened_on=day, apply_until=day
    )


def reviewed_cases(round_: Round, tiers: Sequence[str] = TIERS, maker: str = "aid_officer") -> list[Case]:
    """Return a case for each pupil on the school's roll, recognised and reviewed with these tiers in turn."""
    cases = proposed_cases(round_, tiers)
    review(cases, maker)
    return cases


def proposed_cases(round_: Round, tiers: Sequence[str] = TIERS) -> list[Case]:
    """Return a case for each pupil on the school's roll, to be given these tiers in turn."""
    told = Enrolment.objects.filter(school=round_.school, retracted_by=None, valid_until=None).order_by("person_id")
    human = dict(Alias.objects.values_list("record_id", "human_id"))
    cases = []
    for number, fact in enumerate(told.select_related("school_class")):
        assert fact.school_class is not None
        tier = tiers[number % len(tiers)]
        case = Case.objects.create(
            round=round_, person_id=fact.person_id, human=human.get(fact.person_id, fact.person_id),
            school_class=fact.school_class, path=fact.school_class.path, stage="proposed", school_tier=tier,
            reasons=["income_enough" if tier == NO_NEED else "low_income"],
        )  # fmt: skip
        Proposal.objects.create(case=case, kind="registered_poor", layout="poverty", list_date=DAY)
        cases.append(case)
    return cases


def review(cases: Sequence[Case], maker: str = "aid_officer") -> None:
    """Move proposed cases of a round, with the tiers that they have, up to their review."""
    for verb, who in ((Verb.EVALUATE, "panel"), (Verb.RECOGNISE, maker), (Verb.REVIEW, "county_bureau")):
        said = {case.pk: Said(case.school_tier, tuple(case.reasons), "他家很困难") for case in cases}
        make_moves(cases=cases, verb=verb, said=said, by=Actor(who, at(cases[0].round.opened_on)))


def noticed(round_: Round, cases: Sequence[Case], until: date = date(2099, 1, 1)) -> Case:
    """Put proposed cases of a round on a notice that stands until then, object to the last of them, and return it."""
    for case in cases:
        case.round, case.school_tier, case.reasons = round_, "severe", ["low_income"]
    review(cases)
    seen = notices.preview(round_, round_.school, BY).digest
    notice = publish(round_id=round_.pk, place_id=round_.school_id, seen=seen, by=BY)
    against = Against(cases[-1].pk, "刘桂芳", "13900001111", CONFIDENCE)
    object_to(token=notice.token, against=against, key=uuid4(), by=Actor("objector", BY.at))
    Notice.objects.filter(pk=notice.pk).update(last_day=until)
    return cases[-1]
