"""Counts by school, village, sex and household; which source found whom; what a class teacher is not shown."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bangfu.accounts.rules import Role
from bangfu.audit.scope import SETTING
from bangfu.identify import fairness
from bangfu.identify.models import Application, Case, Determination, Notice, Objection, Proposal, Round
from bangfu.registry.models import Organisation
from tests.coverage.lists import AN, FIRST, GUO, HUI, JUN, MEI, SECOND, Desk, covered
from tests.identify import reviewed
from tests.identify.reviewed import DAY, actor, open_round, reviewed_cases

COUNTY_PATH = "/"
TOKEN = "x" * 22


@pytest.fixture
def rounds(desk: Desk) -> list[Round]:
    """Return rounds of two schools: four pupils and one; some applied, were determined, objected against."""
    desk.roll(*(human.enrolled() for human in (AN, MEI, JUN, HUI)), name="first")
    desk.roll(GUO.enrolled(SECOND), name="second")
    desk.poor(AN.poor(户编号="H1"), MEI.poor(户编号="H1"), JUN.poor())
    covered()
    found = [open_round(Organisation.objects.get(kind="school", name=name)) for name in (FIRST, SECOND)]
    for round_ in found:
        reviewed_cases(round_)
    return found


def case_of(name: str) -> Case:
    return Case.objects.get(person__details__name=name)


def decide(case: Case, tier: str) -> None:
    entry = case.steps.all()[0].entry
    Determination.objects.create(
        case=case, path=case.path, tier=tier, valid_from=DAY, valid_until=date(2025, 9, 1), actor="x", entry=entry
    )


def fill() -> None:
    """Let AN be determined, MEI refused, JUN objected against; AN and HUI have applied."""
    decide(case_of(AN.name), "severe")
    decide(case_of(MEI.name), "none")
    for name in (AN.name, HUI.name):
        case = case_of(name)
        Application.objects.create(round=case.round, person=case.person, path=case.path, sent_at=reviewed.at())
        Proposal.objects.create(case=case, kind="applied", list_date=DAY)
    Proposal.objects.filter(case=case_of(HUI.name), kind="registered_poor").delete()
    jun = case_of(JUN.name)
    entry = jun.steps.all()[0].entry
    notice = Notice.objects.create(
        round=jun.round,
        place=jun.round.school,
        path=jun.round.path,
        token=TOKEN,
        first_day=DAY,
        last_day=DAY,
        entry=entry,
    )
    for code in (b"1", b"2"):
        Objection.objects.create(
            notice=notice, case=jun, path=jun.round.path, state="open", code_index=code, received_at=reviewed.at()
        )


def counts(found: fairness.Fairness, group: str) -> dict[str, dict[str, int]]:
    return {each.name: dict(each.counts) for each in found.groups[group]}


def test_everything_is_counted_once_in_each_group(rounds: list[Round]) -> None:
    fill()
    found = fairness.fairness("2025-spring", actor(Role.COUNTY_BUREAU, COUNTY_PATH))
    assert dict(found.total) == {"proposed": 5, "applied": 2, "determined": 1, "refused": 1, "objected": 1}
    assert counts(found, "school") == {
        FIRST: {"proposed": 4, "applied": 2, "determined": 1, "refused": 1, "objected": 1},
        SECOND: {"proposed": 1},
    }
    assert counts(found, "household") == {
        "2": {"proposed": 2, "applied": 1, "determined": 1, "refused": 1},
        "1": {"proposed": 1, "objected": 1},
        "": {"proposed": 2, "applied": 1},
    }
    assert {name: each["proposed"] for name, each in counts(found, "sex").items()} == {"男": 3, "女": 2}
    assert sum(each["proposed"] for each in counts(found, "village").values()) == 5


def test_which_source_found_whom_that_others_missed(rounds: list[Round]) -> None:
    fill()
    found = fairness.fairness("2025-spring", actor(Role.COUNTY_BUREAU, COUNTY_PATH))
    # AN is in the register and has applied; HUI has applied only; MEI, JUN and GUO are in the register only.
    assert found.sources == [
        fairness.Source("registered_poor", 4, 3, 0),
        fairness.Source("applied", 2, 1, 0),
    ]
    decide(case_of(HUI.name), "mild")
    found = fairness.fairness("2025-spring", actor(Role.COUNTY_BUREAU, COUNTY_PATH))
    assert fairness.Source("applied", 2, 1, 1) in found.sources


def test_only_what_the_reader_sees(rounds: list[Round]) -> None:
    fill()
    one = fairness.fairness("2025-spring", actor(Role.PRINCIPAL, rounds[1].path))
    assert counts(one, "school") == {SECOND: {"proposed": 1}}
    assert one.sources == [fairness.Source("registered_poor", 1, 1, 0)]
    assert fairness.terms(actor(Role.PRINCIPAL, rounds[1].path)) == ["2025-spring"]
    assert fairness.terms(actor(Role.PRINCIPAL, "/999/")) == []
    assert fairness.fairness("2024-spring", actor(Role.PRINCIPAL, rounds[1].path)).total == {}


def test_who_sees_a_class_only_is_not_shown_small_numbers(rounds: list[Round]) -> None:
    assert fairness.rules().hide_under == 5
    assert fairness.hides(actor(Role.CLASS_TEACHER, rounds[0].path))
    assert not fairness.hides(actor(Role.PRINCIPAL, rounds[0].path))


def test_household_bands() -> None:
    rules = fairness.Rules(5, (1, 2, 3, 4, 5, 6))
    assert [rules.band(size) for size in (None, 0, 1, 5, 6, 9)] == ["", "", "1", "5", "6+", "6+"]


def test_a_pupil_who_went_on_elsewhere_is_counted_there(rounds: list[Round]) -> None:
    Case.objects.filter(round=rounds[1]).update(stage="continued")
    found = fairness.fairness("2025-spring", actor(Role.COUNTY_BUREAU, COUNTY_PATH))
    assert counts(found, "school") == {FIRST: {"proposed": 4}}


def test_as_many_queries_whatever_it_counts(rounds: list[Round]) -> None:
    by = actor(Role.COUNTY_BUREAU, COUNTY_PATH)
    asked = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as found:
            fairness.fairness("2025-spring", by)
        asked.append(len([query for query in found if SETTING not in query["sql"]]))
        if not Determination.objects.exists():
            fill()
    assert asked == [3, 3]
