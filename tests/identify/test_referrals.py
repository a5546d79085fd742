"""Referring a family to the office that decides, its answer, and asking afterwards."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.conf import settings

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.core.errors import NotAllowed, Overtaken
from bangfu.coverage.models import Alias, PupilState
from bangfu.identify import referrals
from bangfu.identify.actions.referrals import answer_referral, follow_up, refer
from bangfu.identify.models import Referral
from bangfu.registry.models import Organisation
from bangfu.tasks.models import Task
from tests.coverage.lists import AN, FIRST, MEI, Desk, covered, record
from tests.identify.reviewed import DAY, actor, refused

LOW = "civil_affairs.minimum_living"
WORDS = "父亲重病,收入很低"


@pytest.fixture
def human(desk: Desk) -> int:
    """Return a pupil who stands in the poverty register, too."""
    desk.roll(AN.enrolled(), MEI.enrolled())
    desk.poor(AN.poor())
    covered()
    found = PupilState.objects.get(human__in=[record(AN, "school_roll"), record(AN, "poverty_register")]).human_id
    assert Alias.objects.filter(human=found).exists()
    return found


@pytest.fixture
def place() -> Organisation:
    return Organisation.objects.get(kind="class", parent__name=FIRST)


def test_a_family_is_referred_answered_and_followed_up(human: int, place: Organisation) -> None:
    teacher, officer = actor(Role.CLASS_TEACHER, place.path), actor(Role.AID_OFFICER, place.parent.path)
    made = refer(human=human, to=LOW, words=WORDS, by=teacher)
    assert (made.path, made.sent_on, made.due) == (place.path, DAY, date(2025, 6, 11))
    assert WORDS.encode() not in bytes(made.words)
    assert (referrals.said_in(made, teacher) or {})["words"] == WORDS
    assert referrals.names([made], teacher) == {made.person_id: AN.name}
    assert referrals.human_of(made) == human
    task = Task.objects.get(kind="referral_answer", closed=None)
    assert (task.post, task.path, task.due) == ("aid_officer", place.path, made.due)
    answer_referral(referral_id=made.pk, answer="granted", words="已纳入低保", by=officer)
    assert [task.kind for task in Task.objects.filter(closed=None, subject=f"referral:{made.pk}")] == [
        "referral_follow_up"
    ]
    assert referrals.counts(officer) == {"waiting": 0, "late": 0, "to_follow": 1}
    follow_up(referral_id=made.pk, words="每月领到了", by=teacher)
    assert not Task.objects.filter(closed=None, subject=f"referral:{made.pk}").exists()
    said = "".join(f"{e.details}{e.reason}" for e in Entry.objects.all())
    assert not any(word in said for word in (WORDS, AN.name, "已纳入低保", "每月领到了"))


def test_what_is_missing_or_unknown_is_refused(human: int, place: Organisation) -> None:
    by = actor(Role.AID_OFFICER, place.parent.path)
    for to in ("", "civil_affairs", "civil_affairs.", "nobody.minimum_living", "civil_affairs.rain_dew", LOW + ".x"):
        with refused("office_missing"):
            refer(human=human, to=to, words=WORDS, by=by)
    with refused("referral_words_missing"):
        refer(human=human, to=LOW, words=" ", by=by)
    with refused("objection_too_long"):
        refer(human=human, to=LOW, words="长" * 5000, by=by)
    made = refer(human=human, to=LOW, words=WORDS, by=by)
    with refused("referral_twice"):
        refer(human=human, to=LOW, words=WORDS, by=by)
    with refused("referral_waits"):
        follow_up(referral_id=made.pk, words="x", by=by)
    with refused("answer_missing"):
        answer_referral(referral_id=made.pk, answer="perhaps", words="", by=by)
    answer_referral(referral_id=made.pk, answer="refused", words="", by=by)
    with refused("referral_answered", Overtaken):
        answer_referral(referral_id=made.pk, answer="granted", words="", by=by)
    follow_up(referral_id=made.pk, words="x", by=by)
    with refused("referral_followed_already", Overtaken):
        follow_up(referral_id=made.pk, words="x", by=by)
    refer(human=human, to=LOW, words=WORDS, by=by)  # a year later it may be asked again


def test_who_may_refer_and_read(human: int, place: Organisation) -> None:
    for role, path in ((Role.AUDITOR, place.path), (Role.FINANCE_OFFICER, place.path), (Role.PRINCIPAL, "/999/")):
        with pytest.raises(NotAllowed):
            refer(human=human, to=LOW, words=WORDS, by=actor(role, path))
    made = refer(human=human, to=LOW, words=WORDS, by=actor(Role.PRINCIPAL, place.parent.path))
    auditor = actor(Role.AUDITOR, place.parent.path)
    assert referrals.said_in(referrals.referral_for(made.pk, auditor), auditor) is None
    with pytest.raises(NotAllowed):
        answer_referral(referral_id=made.pk, answer="granted", words="", by=auditor)
    with pytest.raises(NotAllowed):
        referrals.referral_for(made.pk, actor(Role.PRINCIPAL, "/999/"))
    for number in (0, -1, 1 << 70):
        with pytest.raises(NotAllowed):
            referrals.family(number, auditor)


def test_a_child_on_no_roll_is_the_countys_to_refer(desk: Desk) -> None:
    desk.poor(AN.poor())
    covered()
    county = Organisation.objects.get(kind="county")
    made = refer(human=record(AN, "poverty_register"), to=LOW, words=WORDS, by=actor(Role.COUNTY_BUREAU, county.path))
    assert made.path.startswith(county.path)
    assert Task.objects.get(kind="referral_answer").post == "county_bureau"


def test_a_list_begins_with_what_is_due_first(human: int, place: Organisation) -> None:
    by = actor(Role.AID_OFFICER, place.parent.path)
    for to in (LOW, "trade_union.worker_in_hardship", "veterans.martyr"):
        refer(human=human, to=to, words=WORDS, by=by)
    first = Referral.objects.get(about="martyr")
    answer_referral(referral_id=first.pk, answer="refused", words="", by=by)
    assert [each.about for each in referrals.referrals(by, waiting=True)] == ["worker_in_hardship", "minimum_living"]
    assert len(referrals.referrals(by)) == 3
    late = actor(Role.AID_OFFICER, place.parent.path, date(2025, 6, 12))
    assert referrals.counts(late) == {"waiting": 2, "late": 2, "to_follow": 1}


def test_an_own_form_of_offices_comes_first_and_must_be_whole(human: int, place: Organisation) -> None:
    folder = Path(settings.HOME) / "forms"
    folder.mkdir()
    (folder / "offices.toml").write_text('[office.town]\nsays = { zh = "镇", en = "town" }\n[answer]\n[referral]\n')
    with refused("offices_lack"):
        refer(human=human, to=LOW, words=WORDS, by=actor(Role.AID_OFFICER, place.parent.path))
