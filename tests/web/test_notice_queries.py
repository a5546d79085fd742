"""Pages of notices, objections, referrals and fairness ask as much of a big school as of a small one."""

from __future__ import annotations

from uuid import uuid4

import pytest

from bangfu.accounts.rules import Role
from bangfu.coverage.models import Alias
from bangfu.identify import notices
from bangfu.identify.actions.notices import Against, object_to, publish
from bangfu.identify.actions.referrals import refer
from bangfu.identify.models import Notice, Objection, Referral, Round
from bangfu.registry.models import Organisation
from bangfu.web import middleware
from tests.coverage.lists import FIRST, SECOND, Desk, covered
from tests.identify.reviewed import DAY, actor, at, open_round, reviewed_cases, stranger
from tests.web.conftest import person_of, signed_in
from tests.web.test_queries import FEW, MANY, people, seen


def a_school(desk: Desk, name: str, count: int, first: int) -> Round:
    """Return a round of a school with this many classes, each of two pupils, one of whose cases waits; the others
    are on notices, a notice a class, with an objection and a referral each.
    """
    pupils = people(2 * count, first)
    desk.roll(*(human.enrolled(name, 班级=f"{at // 2 + 1}班") for at, human in enumerate(pupils)), name=f"roll{first}")
    desk.poor(*(human.poor() for human in pupils), name=f"poor{first}")
    covered()
    round_ = open_round(Organisation.objects.get(kind="school", name=name))
    cases = reviewed_cases(round_, ("severe",))
    by = actor(Role.PRINCIPAL, round_.path)
    human = dict(Alias.objects.values_list("record_id", "human_id"))
    for case in cases:
        case.human = human.get(case.person_id, case.person_id)
        case.save()
    for case in cases[: 2 * count - 2]:
        refer(human=case.human, to="veterans.martyr", words="x", by=by)
    for place in Organisation.objects.filter(parent=round_.school).order_by("path")[: count - 1]:
        digest = notices.preview(round_, place, by).digest
        notice = publish(round_id=round_.pk, place_id=place.pk, seen=digest, by=by)
        for line, _ in notices.numbered(notice, DAY):
            object_to(token=notice.token, against=Against(line, "甲", "1", "x"), key=uuid4(), by=stranger())
    return round_


def pages(round_: Round) -> list[str]:
    """Return the addresses of a school's pages."""
    notice = Notice.objects.filter(round=round_).order_by("pk")[0]
    against = Objection.objects.filter(notice=notice).order_by("pk")[0]
    referral = Referral.objects.filter(path__startswith=round_.path).order_by("pk")[0]
    return [
        f"/identify/{round_.pk}/notice/", f"/identify/{round_.pk}/notice/?place={round_.school_id}",
        "/identify/notices/", f"/identify/notices/{notice.pk}/", f"/identify/notices/{notice.pk}/sheet/",
        f"/notice/{notice.token}/", f"/notice/{notice.token}/object/",
        "/identify/objections/", f"/identify/objections/{against.pk}/",
        "/identify/referrals/", "/identify/referrals/?all", f"/identify/referrals/{referral.pk}/",
        f"/people/{referral.person_id}/refer/", "/identify/fairness/", "/identify/", "/",
    ]  # fmt: skip


def test_as_many_queries_in_a_big_school_as_in_a_small_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "clock", lambda: at(DAY))
    small, big = a_school(desk, FIRST, FEW, 100), a_school(desk, SECOND, MANY, 300)
    for role in (Role.PRINCIPAL, Role.AID_OFFICER, Role.AUDITOR):
        few, many = [], []
        for round_, counted in ((small, few), (big, many)):
            reader = signed_in(person_of(role, round_.path))
            counted += [seen(reader, address, None) for address in pages(round_)]
        assert [page.status for page in few] == [page.status for page in many]
        assert [page.queries for page in few] == [page.queries for page in many], pages(small)
    assert {page.status for page in few} == {200, 404}
    bureau = signed_in(person_of(Role.COUNTY_BUREAU, small.school.parent.path))
    assert seen(bureau, "/identify/fairness/", None).status == 200
