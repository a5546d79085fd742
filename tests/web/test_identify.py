"""The rounds' pages: opened, proposed in, determined, closed; who may, and how much is asked of the database."""

from __future__ import annotations

import pytest
from django.urls import reverse

from bangfu.accounts.rules import Role
from bangfu.identify.models import Case, Determination, Round
from bangfu.registry.models import Enrolment
from tests.conftest import NOW
from tests.web.conftest import HERE, Two, person_of, signed_in

SPRING, UNTIL = "2025-spring", "2025-07-10"


@pytest.fixture(autouse=True)
def _in_july(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pages' moment be that of the tests: after every list, within the term."""
    monkeypatch.setattr("bangfu.web.middleware.clock", lambda: NOW)


def opened(two: Two) -> Round:
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    told = {"school": two.school.pk, "term": SPRING, "apply_until": UNTIL}
    client.post(reverse("identify"), told)
    return Round.objects.get(school=two.school)


def test_an_officer_opens_a_round_and_sees_what_comes_next(two: Two) -> None:
    round_ = opened(two)
    client = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    text = client.get(reverse("round", args=[round_.pk])).content.decode()
    assert "班级评议" in text
    assert round_.cases.count() == 2  # two pupils here stand on the poverty register
    again = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path)).post(
        reverse("identify"), {"school": two.school.pk, "term": SPRING, "apply_until": UNTIL}
    )
    assert (again.status_code, "已有一次认定" in again.content.decode()) == (422, True)


def test_what_is_typed_stays_where_a_day_is_odd(two: Two) -> None:
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    answer = client.post(reverse("identify"), {"school": two.school.pk, "term": SPRING, "apply_until": "soon"})
    assert answer.status_code == 422
    assert 'value="soon"' in answer.content.decode()


def test_a_class_teacher_proposes_a_pupil_of_his_class(two: Two) -> None:
    round_ = opened(two)
    client = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    page = client.get(reverse("propose", args=[round_.pk])).content.decode()
    assert all(human.name in page for human in HERE)
    person = Enrolment.objects.filter(school=two.school).order_by("-person").values_list("person", flat=True)[0]
    missing = client.post(reverse("propose", args=[round_.pk]), {"person": person, "words": " "})
    assert missing.status_code == 422
    client.post(
        reverse("propose", args=[round_.pk]), {"person": person, "words": "父亲住院", "kind": "named_by_teacher"}
    )
    assert Case.objects.get(person=person).proposals.filter(kind="named_by_teacher").exists()
    assert "父亲住院" not in client.get(reverse("round", args=[round_.pk])).content.decode()


def test_nothing_is_determined_by_a_click_before_its_time(two: Two) -> None:
    round_ = opened(two)
    client = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    assert client.post(reverse("determine", args=[round_.pk])).status_code == 400
    assert not Determination.objects.exists()
    assert client.post(reverse("close_round", args=[round_.pk])).status_code == 400


def test_who_does_not_keep_the_school_opens_nothing(two: Two) -> None:
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    told = {"school": two.school.pk, "term": SPRING, "apply_until": UNTIL}
    assert teacher.post(reverse("identify"), told).status_code == 404
    far = signed_in(person_of(Role.AID_OFFICER, two.far_school.path))
    assert far.post(reverse("identify"), told).status_code == 422
    assert not Round.objects.exists()
