"""Who may answer a difference, asking somebody to settle it, and two people at one."""

from __future__ import annotations

import pytest

from bangfu.accounts.models import User
from bangfu.accounts.queries import actor_for, settlers
from bangfu.accounts.rules import Role
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.coverage.actions import answer_difference, assign_difference, decide_link
from bangfu.coverage.models import Difference, Link
from bangfu.coverage.queries import evidence_of
from bangfu.registry.models import Detail
from tests.conftest import BY, committing
from tests.web.conftest import HERE, Two, person_of, signed_in

ANSWER = {"answer": "this_is_right", "evidence": "看过户口簿"}


@pytest.fixture
def gap(two: Two) -> Difference:
    """Return a school's difference that its aid officer must settle."""
    return Difference.objects.get(code="id_checksum", owner=two.school)


def answered(gap: Difference, role: Role, path: str) -> bool:
    by = actor_for(person_of(role, path), BY.at)
    try:
        answer_difference(id_=gap.pk, answer=ANSWER["answer"], evidence=ANSWER["evidence"], by=by)
    except NotAllowed:
        return False
    return True


def test_its_post_and_the_countys_office_answer_and_nobody_else(two: Two, gap: Difference) -> None:
    assert gap.post == Role.AID_OFFICER
    for role in (Role.PRINCIPAL, Role.CLASS_TEACHER, Role.FINANCE_OFFICER, Role.HELPER, Role.AUDITOR):
        assert not answered(gap, role, two.school.path), role
    assert not answered(gap, Role.AID_OFFICER, two.next_school.path)
    assert not answered(gap, Role.COUNTY_BUREAU, two.far_county.path)
    assert answered(gap, Role.AID_OFFICER, two.school.path)
    assert answered(gap, Role.COUNTY_BUREAU, two.county.path)


def test_a_page_offers_its_form_to_those_only(two: Two, gap: Difference) -> None:
    def page(role: Role) -> str:
        return signed_in(person_of(role, two.school.path)).get(f"/differences/{gap.pk}/").content.decode()

    pages = {role: page(role) for role in (Role.AID_OFFICER, Role.PRINCIPAL, Role.CLASS_TEACHER)}
    assert [role for role, text in pages.items() if 'name="evidence"' in text] == [Role.AID_OFFICER]
    assert [role for role, text in pages.items() if 'name="user"' in text] == [Role.AID_OFFICER, Role.PRINCIPAL]


def test_who_is_asked_finds_it_in_his_inbox_and_may_answer(two: Two, gap: Difference) -> None:
    teacher = person_of(Role.CLASS_TEACHER, two.school_class.path)
    principal = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    assert principal.post(f"/differences/{gap.pk}/assign/", {"user": str(teacher.pk)}).status_code == 302
    client = signed_in(teacher)
    assert f"?mine&amp;code={gap.code}" in client.get("/").content.decode()
    assert f'href="/differences/{gap.pk}/"' in client.get(f"/differences/?mine&code={gap.code}").content.decode()
    assert client.post(f"/differences/{gap.pk}/answer/", ANSWER).status_code == 302
    gap.refresh_from_db()
    assert gap.answer == ANSWER["answer"]
    assert "?mine" not in client.get("/").content.decode()


def test_only_who_could_see_it_can_be_asked(two: Two, gap: Difference) -> None:
    stranger = person_of(Role.AID_OFFICER, two.next_school.path)
    closed = person_of(Role.AID_OFFICER, two.school.path)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    for number in (stranger.pk, closed.pk, person_of(Role.AUDITOR, two.county.path).pk, 10**12):
        with pytest.raises(BangfuError, match=r"看不到|cannot see"):
            assign_difference(id_=gap.pk, user_id=number, by=BY)
    known = {number for number, *_ in settlers((gap.path, gap.owner_path), BY.at.date())}
    assert known.isdisjoint({stranger.pk, closed.pk})
    with pytest.raises(NotAllowed):
        assign_difference(id_=gap.pk, user_id=None, by=actor_for(stranger, BY.at))


def test_who_comes_second_is_told_who_answered_and_keeps_what_he_typed(two: Two, gap: Difference) -> None:
    first = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    second = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    seen = second.get(f"/differences/{gap.pk}/").context["seen"]
    assert first.post(f"/differences/{gap.pk}/answer/", {**ANSWER, "seen": ""}).status_code == 302
    late = second.post(
        f"/differences/{gap.pk}/answer/", {"answer": ANSWER["answer"], "evidence": "派出所证明", "seen": seen}
    )
    text = late.content.decode()
    assert late.status_code == 422
    assert "aid_officer-" in text
    assert "派出所证明" in text
    gap.refresh_from_db()
    assert evidence_of(gap) == ANSWER["evidence"]
    again = {"answer": ANSWER["answer"], "evidence": "派出所证明", "seen": late.context["seen"]}
    assert second.post(f"/differences/{gap.pk}/answer/", again).status_code == 302
    gap.refresh_from_db()
    assert evidence_of(gap) == "派出所证明"


def test_who_decides_second_about_two_records_looks_again(two: Two) -> None:
    left, right = sorted(Detail.objects.filter(name=HERE[0].name).values_list("person_id", flat=True))
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    seen = client.get(f"/links/{left}/{right}/").context["seen"]
    with committing():
        decide_link(left=left, right=right, same=False, by=BY, reason="两个人")
    late = client.post(f"/links/{left}/{right}/decide/", {"verb": "join", "reason": "同一人", "seen": seen})
    assert late.status_code == 422
    assert Link.objects.get(left=left, right=right, how="person", ended_in=None).verdict == "different"
    again = {"verb": "forget", "reason": "再看", "seen": late.context["seen"]}
    assert client.post(f"/links/{left}/{right}/decide/", again).status_code == 302
