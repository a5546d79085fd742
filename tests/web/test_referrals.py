"""The pages of referrals and of fairness."""

from __future__ import annotations

import re

import pytest

from bangfu.accounts.rules import Role
from bangfu.coverage.models import PupilState
from bangfu.identify.models import Referral
from tests.identify.reviewed import open_round, reviewed_cases
from tests.web.conftest import HERE, NEXT_DOOR, Two, person_of, signed_in

FORM = {"to": "civil_affairs.minimum_living", "words": "父亲重病"}


@pytest.fixture
def human(two: Two) -> int:
    return PupilState.objects.filter(path__startswith=two.school.path).order_by("pk")[0].human_id


def test_a_family_is_referred_from_its_page_to_the_end(two: Two, human: int) -> None:
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    assert f"/people/{human}/refer/" in teacher.get(f"/people/{human}/").content.decode()
    assert teacher.get(f"/people/{human}/refer/").status_code == 200
    missing = teacher.post(f"/people/{human}/refer/", FORM | {"to": ""})
    assert missing.status_code == 422
    assert FORM["words"] in missing.content.decode()
    assert teacher.post(f"/people/{human}/refer/", FORM).status_code == 302
    made = Referral.objects.get()
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    assert "催问转介的答复" in officer.get("/").content.decode()
    page = f"/identify/referrals/{made.pk}/"
    assert FORM["words"] in officer.get(page).content.decode()
    assert officer.post(page, {"words": "x"}).status_code == 422
    assert officer.post(page, {"answer": "granted", "words": "已批准了"}).status_code == 302
    assert officer.post(page, {"words": ""}).status_code == 422
    assert officer.post(page, {"words": "领到了"}).status_code == 302
    said = officer.get(page).content.decode()
    assert "领到了" in said
    assert "<form" not in said.split("<main")[1]
    assert "没有转介" in officer.get("/identify/referrals/").content.decode()
    assert HERE[0].name in officer.get("/identify/referrals/?all").content.decode()


def test_an_auditor_sees_the_list_and_not_the_words(two: Two, human: int) -> None:
    officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    officer.post(f"/people/{human}/refer/", FORM)
    page = f"/identify/referrals/{Referral.objects.get().pk}/"
    auditor = signed_in(person_of(Role.AUDITOR, two.county.path))
    said = auditor.get(page).content.decode()
    assert "民政局" in said
    assert FORM["words"] not in said
    assert auditor.post(page, {"answer": "granted"}).status_code == 404
    assert auditor.get(f"/people/{human}/refer/").status_code == 404
    away = signed_in(person_of(Role.AID_OFFICER, two.next_school.path))
    assert away.get(page).status_code == 403
    assert away.get(f"/people/{human}/refer/").status_code == 403


def test_fairness_for_a_county_and_for_a_class(two: Two) -> None:
    bureau = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert "还没有开展认定" in bureau.get("/identify/fairness/").content.decode()
    for school in (two.school, two.next_school):
        reviewed_cases(open_round(school))
    said = bureau.get("/identify/fairness/").content.decode()
    assert two.next_school.name in said
    assert "<rect" in said
    assert "较少" not in said
    assert not any(pupil.name in said for pupil in (*HERE, *NEXT_DOOR))
    assert bureau.get("/identify/fairness/?term=2001-spring").status_code == 404
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    said = teacher.get("/identify/fairness/").content.decode()
    assert "较少" in said
    assert "少于 5 人" in said
    assert "rect" not in said
    cells = re.findall(r'class="number"[^>]*>([^<]*)<', said)
    assert cells
    assert not any(cell.strip() in ("1", "2", "3", "4") for cell in cells)
