"""Recognition and review: two people, one case or many at once, disagreements first, who came first is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.identify import recognition
from bangfu.identify.actions.recognition import open_case, recognise, return_case, review
from bangfu.identify.actions.steps import Said
from bangfu.identify.models import Application, Case, Informed, Notice, Objection, Step
from bangfu.identify.panels import within
from bangfu.identify.rules import NO_NEED
from bangfu.registry.models import Person
from tests.conftest import committing
from tests.identify.school import AFTER, AT, PUPILS, School, later

AN, MEI, JUN, HUI, *_ = PUPILS
SEVERE = Said("severe", ("registered_poor",), "visited the family")


def evaluated(school: School, tiers: dict[str, str], kinds: dict[str, tuple[str, ...]] | None = None) -> list[Case]:
    """Return cases as a panel has evaluated them: by name, the tier."""
    found = []
    for human in PUPILS:
        if human.name in tiers:
            case = school.case(human, *(kinds or {}).get(human.name, ()))
            case.stage, case.panel_tier = "evaluated", tiers[human.name]
            case.save()
            found.append(case)
    return found


def recognised(school: School, cases: list[Case], said: Said = SEVERE, by: Actor | None = None) -> None:
    """Recognise cases as the officer."""
    with committing():
        recognise(round_id=school.round.pk, case_ids=[c.pk for c in cases], said=said, by=by or school.officer)


def reviewed(school: School, cases: list[Case], by: Actor | None = None) -> None:
    """Review cases as the county's office."""
    with committing():
        review(round_id=school.round.pk, case_ids=[case.pk for case in cases], by=by or school.bureau)


def refused(act: Callable[[], object]) -> BangfuError:
    """Return what an action refuses; its sentence can be said in both languages."""
    with pytest.raises(BangfuError) as problem:
        act()
    assert all(problem.value.said(lang) for lang in ("zh", "en"))
    return problem.value


# ---------------------------------------------------------------- recognising


def test_the_officer_says_a_tier_with_reasons_and_words(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "mild"})
    recognised(school, [case])
    case.refresh_from_db()
    assert (case.stage, case.school_tier, case.reasons) == ("recognised", "severe", ["registered_poor"])
    step = Step.objects.get()
    assert (step.tier, step.actor, step.reasons) == ("severe", "officer", ["registered_poor"])
    assert b"visited" not in bytes(step.words or b"")
    assert [each.words for each in recognition.steps(case, school.officer, words=True)] == ["visited the family"]
    (told,) = recognition.steps(case, school.officer, words=False)
    assert (told.words, told.reasons, told.tier) == ("", (), "severe")


def test_many_are_recognised_as_the_panel_says_each_for_what_its_lists_say(school: School) -> None:
    tiers = {AN.name: "severe", MEI.name: "mild", JUN.name: NO_NEED}
    kinds = {AN.name: ("registered_poor", "applied", "orphan"), MEI.name: ("applied",), JUN.name: ("minimum_living",)}
    cases = evaluated(school, tiers, kinds)
    recognised(school, cases, Said(reasons=("low_income", "not_confirmed")))
    rows = Case.objects.order_by("pk").values_list("school_tier", "reasons")
    assert list(rows) == [
        ("severe", ["registered_poor", "orphan"]), ("mild", ["low_income"]), (NO_NEED, ["not_confirmed"])
    ]  # fmt: skip
    assert Entry.objects.filter(action="identify.recognise").count() == 1


def test_as_the_panel_says_needs_a_panel_and_a_reason(school: School) -> None:
    none, said = evaluated(school, {AN.name: "", MEI.name: "mild"}, {MEI.name: ("applied",)})
    for case, code in ((none, "case_without_panel_tier"), (said, "case_without_reasons")):
        problem = refused(lambda case=case: recognised(school, [case], Said()))
        assert (problem.code, problem.facts["number"]) == (code, case.pk)
    assert set(Case.objects.values_list("stage", flat=True)) == {"evaluated"}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Said("poor", ("registered_poor",)), "tier_unknown"),
        (Said("severe"), "reasons_missing"),
        (Said("severe", ("rich",)), "reason_unknown"),
        (Said("severe", ("income_enough",)), "reason_unknown"),  # a reason of the other side
        (Said(NO_NEED, ("registered_poor",)), "reason_unknown"),
        (Said("severe", ("other",), "字" * 2001), "words_too_many"),
    ],
)
def test_what_the_procedure_does_not_know_is_refused(school: School, said: Said, code: str) -> None:
    cases = evaluated(school, {AN.name: "mild", MEI.name: "mild"})
    assert refused(lambda: recognised(school, cases, said)).code == code
    assert set(Case.objects.values_list("stage", flat=True)) == {"evaluated"}


def test_only_the_schools_officer_recognises_and_only_what_was_evaluated(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "mild"})
    for by in (school.teacher, school.head, school.bureau, Actor("nobody", AT, 9)):
        assert refused(lambda by=by: recognised(school, [case], by=by)).code == "case_not_yours"
    waits = school.case(MEI)
    problem = refused(lambda: recognised(school, [case, waits]))
    assert (problem.code, problem.facts["number"]) == ("case_not_at_stage", waits.pk)
    case.refresh_from_db()
    assert case.stage == "evaluated"


def test_no_case_another_rounds_or_a_closed_round_is_refused(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "mild"})
    assert refused(lambda: recognised(school, [])).code == "no_cases"
    other = {"round_id": school.round.pk + 7, "case_ids": [case.pk], "said": SEVERE, "by": school.officer}
    assert refused(lambda: recognise(**other)).code == "round_not_yours"  # type: ignore[arg-type]
    school.round.closed_on = AT.date()
    school.round.save()
    assert refused(lambda: recognised(school, [case])).code == "round_closed"


# ---------------------------------------------------------------- reviewing


def test_another_person_reviews(school: School) -> None:
    cases = evaluated(school, {AN.name: "severe", MEI.name: "severe"})
    recognised(school, cases)
    reviewed(school, cases)
    assert set(Case.objects.values_list("stage", flat=True)) == {"reviewed"}
    assert Entry.objects.filter(action="identify.review").count() == 1


def test_nobody_reviews_what_he_has_recognised_himself(school: School) -> None:
    both = Actor("both", AT, 7, (*school.officer.reaches, *school.head.reaches))
    first, second = evaluated(school, {AN.name: "severe", MEI.name: "severe"})
    recognised(school, [first], by=both)
    recognised(school, [second])
    problem = refused(lambda: reviewed(school, [first, second], by=both))
    assert (problem.code, problem.facts["number"]) == ("maker_reviews", first.pk)
    assert set(Case.objects.values_list("stage", flat=True)) == {"recognised"}
    reviewed(school, [second], by=both)
    assert Case.objects.get(stage="reviewed") == second


def test_who_recognised_first_but_not_last_may_review(school: School) -> None:
    both = Actor("both", AT, 7, (*school.officer.reaches, *school.head.reaches))
    (case,) = evaluated(school, {AN.name: "severe"})
    recognised(school, [case], by=both)
    recognised(school, [case])  # the officer takes it over
    reviewed(school, [case], by=both)
    assert Case.objects.get().stage == "reviewed"


def test_the_rounds_procedure_says_who_reviews(school: School) -> None:
    cases = evaluated(school, {AN.name: "severe"})
    recognised(school, cases)
    school.round.procedure["review"]["roles"] = ["county_bureau"]
    school.round.save()
    assert refused(lambda: reviewed(school, cases, school.head)).code == "case_not_yours"
    assert refused(lambda: reviewed(school, cases, school.officer)).code == "case_not_yours"
    reviewed(school, cases)


def test_a_case_goes_back_with_a_comment_and_begins_anew(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "mild"})
    recognised(school, [case])

    def back(words: str) -> None:
        with committing():
            return_case(round_id=school.round.pk, case_id=case.pk, words=words, by=school.head)

    assert refused(lambda: back("  ")).code == "comment_missing"
    reviewed(school, [case])
    back("the list is of last year")
    case.refresh_from_db()
    assert (case.stage, case.school_tier, case.reasons, case.panel_tier) == ("evaluated", "", [], "mild")
    assert recognition.steps(case, school.officer, words=True)[-1].words == "the list is of last year"
    assert refused(lambda: reviewed(school, [case])).code == "case_not_at_stage"
    assert refused(lambda: back("again")).code == "case_not_at_stage"


# ---------------------------------------------------------------- two people at one case


def test_the_second_of_two_people_is_told_who_came_first(school: School) -> None:
    cases = evaluated(school, {AN.name: "severe", MEI.name: "severe"})
    seen = {case.pk: 0 for case in cases}
    ids = [case.pk for case in cases]
    with committing():
        recognise(round_id=school.round.pk, case_ids=ids[:1], said=SEVERE, by=school.officer, seen=seen)
    other = Actor("second", AT + timedelta(minutes=5), 8, school.officer.reaches)
    with pytest.raises(Overtaken) as problem:
        recognise(round_id=school.round.pk, case_ids=ids, said=SEVERE, by=other, seen=seen)
    sentence = problem.value.said("zh")
    assert all(word in sentence for word in ("officer", "2025-07-01 09:30", str(ids[0]), "学校认定"))
    assert Case.objects.get(pk=ids[1]).stage == "evaluated"
    marks = recognition.last_steps(ids)
    with committing():
        recognise(round_id=school.round.pk, case_ids=ids[:1], said=SEVERE, by=other, seen=marks)
    for act in (lambda: review(round_id=school.round.pk, case_ids=ids[:1], by=school.bureau, seen=marks),
                lambda: return_case(round_id=school.round.pk, case_id=ids[0], words="x", by=school.bureau,
                                    seen=marks)):  # fmt: skip
        with pytest.raises(Overtaken):
            act()


# ---------------------------------------------------------------- the list


def test_disagreements_stand_first_the_gravest_before_all(school: School) -> None:
    tiers = {AN.name: "severe", MEI.name: "mild", JUN.name: "", HUI.name: "mild", PUPILS[4].name: NO_NEED}
    kinds = {MEI.name: ("applied", "named_by_teacher"), HUI.name: ("applied", "minimum_living")}
    cases = evaluated(school, tiers, kinds)
    recognised(school, [cases[3]])
    found = recognition.rows(recognition.listed(school.round, school.officer), school.officer)
    assert [(row.name, row.differs) for row in found] == [
        (PUPILS[4].name, "listed_not_in_need"), (HUI.name, "officer_differs"), (JUN.name, "no_panel_tier"),
        (MEI.name, "only_said"), (AN.name, ""),
    ]  # fmt: skip
    agreeing = recognition.listed(school.round, school.officer, agreeing=True)
    assert [case.pk for case in agreeing] == [cases[0].pk]
    assert [case.pk for case in recognition.listed(school.round, school.officer, "recognised")] == [cases[3].pk]
    place = recognition.listed(school.round, school.officer, place=school.round.school)
    assert place.count() == 5
    assert recognition.listed(school.round, Actor("nobody", AT, 9)).count() == 0


def test_a_grant_for_something_else_opens_no_case(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "severe"})
    far = Reach("class_teacher", "/999/")
    by = Actor("purse", AT, 6, (Reach("finance_officer", school.round.path), far))
    assert recognition.listed(school.round, within(by)).count() == 0
    assert not recognition.sees_secrets(case, by)
    assert recognition.documents(case, by) == []


@pytest.mark.parametrize("count", [20, 60])
def test_many_cases_take_no_more_statements_than_few(school: School, count: int) -> None:
    cases = Case.objects.bulk_create(
        Case(round=school.round, person_id=person, human=person, school_class=school.place, path=school.place.path,
             stage="evaluated", panel_tier="mild")
        for person in more_people(school, count)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as found:
        recognised(school, cases, Said(reasons=("low_income",)))
        reviewed(school, cases)
    assert Case.objects.filter(stage="reviewed").count() == count
    assert len(found) < 60, [query["sql"][:80] for query in found]


def more_people(school: School, count: int) -> list[int]:
    """Return people of the school's roll, as many as are asked for, made without a list."""
    model = Person.objects.get(pk=school.people[AN.name])
    people = [Person(id=5000 + at, series_id=model.series_id, organisation=school.round.school) for at in range(count)]
    return [person.pk for person in Person.objects.bulk_create(people)]


# ---------------------------------------------------------------- opening a case, and its file


def test_who_opens_a_case_is_written_down_once_a_day(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "severe"})
    for by in (school.officer, school.officer, school.teacher, later(school.officer)):
        with committing():
            open_case(case_id=case.pk, by=by)
    rows = Entry.objects.filter(action="identify.open_case").order_by("pk").values_list("actor", "reason", "chain")
    about = (f"round:{school.round.pk}", school.round.school_id)
    assert list(rows) == [("officer", *about), ("teacher", *about), ("officer", *about)]


def test_the_auditor_says_why_and_others_open_nothing(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "severe"})
    auditor = Actor("auditor", AT, 5, (Reach("auditor", school.round.path),))
    assert refused(lambda: open_case(case_id=case.pk, by=auditor)).code == "reason_missing"
    for _ in range(2):
        with committing():
            open_case(case_id=case.pk, by=auditor, reason="spot check 7")
    assert list(Entry.objects.filter(actor="auditor").values_list("reason", flat=True)) == ["spot check 7"] * 2
    purse = Actor("purse", AT, 6, (Reach("finance_officer", school.round.path),))
    with pytest.raises(NotAllowed):
        open_case(case_id=case.pk, by=purse, reason="curious")


def test_the_file_says_what_is_there_and_by_whom_the_rest_is_missing(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "severe"}, {AN.name: ("registered_poor", "named_by_teacher")})
    assert owed(school, case) == {
        "told": "class_teacher", "consent": "family", "evaluated": "class_teacher", "recognised": "aid_officer",
        "reviewed": "county_bureau", "noticed": "aid_officer", "determined": "aid_officer",
    }  # fmt: skip
    recognised(school, [case])
    reviewed(school, [case])
    Informed.objects.create(round=school.round, person_id=case.person_id, path=case.path, channel="meeting", at=AT,
                            by_name="x")  # fmt: skip
    Application.objects.create(round=school.round, person_id=case.person_id, path=case.path, sent_at=AT,
                               consents={"sensitive": "2025-07-01"})  # fmt: skip
    left = owed(school, case)
    assert set(left) == {"evaluated", "noticed", "determined"}
    with committing():
        return_case(round_id=school.round.pk, case_id=case.pk, words="look again", by=school.head)
    assert set(owed(school, case)) == {"evaluated", "recognised", "reviewed", "noticed", "determined"}


def test_an_objection_without_an_answer_is_missing_in_the_file(school: School) -> None:
    (case,) = evaluated(school, {AN.name: "severe"})
    recognised(school, [case])
    entry = Entry.objects.latest("pk")
    case.refresh_from_db()
    case.notice = Notice.objects.create(round=school.round, place=school.place, path=case.path, token="t",  # noqa: S106 - an address
                                        first_day=AT.date(), last_day=AFTER.date(), entry=entry)  # fmt: skip
    case.save()
    assert "objections" not in owed(school, case)
    Objection.objects.create(notice=case.notice, case=case, path=case.path, state="open", code_index=b"o",
                             received_at=AT)  # fmt: skip
    assert owed(school, case)["objections"] == "aid_officer"


def owed(school: School, case: Case) -> dict[str, str]:
    """Return what is missing in a case's file, and by whom."""
    case.refresh_from_db()
    return {paper.name: paper.missing for paper in recognition.documents(case, school.officer) if paper.missing}


def test_the_trail_holds_digests_and_no_reason(school: School) -> None:
    cases = evaluated(school, {AN.name: "severe"})
    recognised(school, cases)
    details = Entry.objects.get(action="identify.recognise").details
    assert set(json.loads(details)) == {"cases", "digest"}
    assert "registered_poor" not in details
