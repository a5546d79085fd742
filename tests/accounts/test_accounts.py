"""Users, dated grants, and the roles that may not meet in one person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import combinations

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import IntegrityError, transaction

from bangfu.accounts.actions import create_user, end_grant, grant_role
from bangfu.accounts.models import Grant, User
from bangfu.accounts.queries import actor_for, grants_on
from bangfu.accounts.rules import Role, may_meet
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError, NotAllowed
from tests.conftest import BY, NOW

pytestmark = pytest.mark.usefixtures("founded")
WORD = "一个长的口令"
MAY, JUNE, JULY, AUGUST = (date(2025, month, 1) for month in (5, 6, 7, 8))
DAY = timedelta(days=1)
ADMIN = Actor("A0001", NOW, 1, (Reach(Role.SYSTEM_ADMIN, "/"),))
OFFICER = Actor("O0001", NOW, 2, (Reach(Role.AID_OFFICER, "/1/"), Reach(Role.COUNTY_BUREAU, "/1/")))


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords quickly: how well they are hashed is Django's to test."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1)


@pytest.fixture
def user() -> User:
    """Return a user without any grant."""
    return create_user(staff_number="T0001", name="某老师", password=WORD, by=BY)


def grant(user: User, role: Role, valid_from: date = MAY, valid_until: date | None = None, by: Actor = ADMIN) -> Grant:
    """Grant a role at a school."""
    period = {"valid_from": valid_from, "valid_until": valid_until}
    return grant_role(user=user, role=role, path="/1/4/", **period, by=by, reason="任职")


def at(day: date) -> datetime:
    """Return the time of day at which tests act, on another day."""
    return NOW.replace(year=day.year, month=day.month, day=day.day)


def test_a_new_user_reaches_nothing_and_signs_in_by_password_only(user: User) -> None:
    assert actor_for(user, NOW).paths() == ()
    assert user.check_password(WORD)
    assert WORD not in user.password


@pytest.mark.parametrize("number", ["", "a/b", ".", "..", "-x", "a b", "x\n", "x" * 33, "<b>", "x?y"])
def test_a_staff_number_can_stand_in_an_address(number: str) -> None:
    with pytest.raises(BangfuError) as refused:
        create_user(staff_number=number, name="某老师", password=WORD, by=BY)
    assert refused.value.code == "staff_number_odd"
    assert create_user(staff_number="张三.t-7@x_1", name="某老师", password=WORD, by=BY).pk


def test_a_name_has_an_end() -> None:
    with pytest.raises(BangfuError) as refused:
        create_user(staff_number="T0009", name="名" * 65, password=WORD, by=BY)
    assert refused.value.code == "name_too_long"


def test_a_staff_number_belongs_to_one_user(user: User) -> None:
    with pytest.raises(BangfuError, match="T0001"), transaction.atomic():
        create_user(staff_number="T0001", name="别人", password=WORD, by=BY)


@pytest.mark.parametrize(
    ("day", "reaches"), [(MAY - DAY, ()), (MAY, ("/1/4/",)), (JULY - DAY, ("/1/4/",)), (JULY, ()), (AUGUST, ())]
)
def test_a_grant_holds_from_its_first_day_until_the_day_before_its_end(
    user: User, day: date, reaches: tuple[str, ...]
) -> None:
    grant(user, Role.PRINCIPAL, MAY, JULY)
    assert actor_for(user, at(day)).paths() == reaches


def test_the_day_of_a_grant_is_the_day_where_the_office_is(user: User) -> None:
    grant(user, Role.PRINCIPAL, MAY)
    first_minute = datetime(2025, 5, 1, 0, 1, tzinfo=NOW.tzinfo)
    assert actor_for(user, first_minute).paths() == ("/1/4/",)
    assert actor_for(user, first_minute - timedelta(minutes=2)).paths() == ()


def test_an_actor_has_the_role_and_the_name_of_its_user(user: User) -> None:
    grant(user, Role.PRINCIPAL)
    actor = actor_for(user, NOW)
    assert (actor.name, actor.user_id, actor.everywhere) == ("T0001", user.pk, False)
    assert actor.holds(Role.PRINCIPAL)
    assert not actor.holds(Role.SYSTEM_ADMIN)
    assert (actor.sees("/1/4/9/"), actor.sees("/1/"), actor.sees("/1/40/")) == (True, False, False)


def test_an_inactive_user_reaches_nothing(user: User) -> None:
    grant(user, Role.PRINCIPAL)
    user.is_active = False
    assert actor_for(user, NOW).reaches == ()


# ---- ending


def test_an_ended_grant_keeps_its_row_and_its_days(user: User) -> None:
    given = grant(user, Role.PRINCIPAL)
    end_grant(grant_id=given.pk, day=JUNE, by=ADMIN, reason="离任")
    assert Grant.objects.get().valid_until == JUNE
    assert [grants_on(user, day).count() for day in (MAY, JUNE - DAY, JUNE)] == [1, 1, 0]


def test_a_grant_ended_before_it_began_never_held(user: User) -> None:
    given = grant(user, Role.PRINCIPAL, JULY)
    end_grant(grant_id=given.pk, day=MAY, by=ADMIN, reason="没有到任")
    assert Grant.objects.get().valid_until == JULY
    assert not grants_on(user, JULY).exists()


def test_a_grant_that_is_over_is_not_stretched_by_ending_it_again(user: User) -> None:
    given = grant(user, Role.PRINCIPAL, MAY, JUNE)
    end_grant(grant_id=given.pk, day=AUGUST, by=ADMIN, reason="离任")
    assert not grants_on(user, JULY).exists()


def test_a_grant_that_ends_before_it_begins_is_refused(user: User) -> None:
    with pytest.raises(BangfuError) as refused:
        grant(user, Role.PRINCIPAL, JUNE, MAY)
    assert refused.value.code == "grant_backwards"


def test_the_database_refuses_a_grant_that_ends_before_it_begins(user: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(user=user, role=Role.PRINCIPAL, path="/", valid_from=JUNE, valid_until=MAY)


# ---- roles apart


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Role.AID_OFFICER, Role.FINANCE_OFFICER),
        (Role.AUDITOR, Role.FINANCE_OFFICER),
        (Role.AUDITOR, Role.PRINCIPAL),
        (Role.SYSTEM_ADMIN, Role.AID_OFFICER),
        (Role.SYSTEM_ADMIN, Role.COUNTY_BUREAU),
    ],
)
def test_roles_that_must_be_apart_do_not_meet(user: User, one: Role, other: Role) -> None:
    grant(user, one)
    with pytest.raises(NotAllowed, match=r"roles_apart|不能由同一人|may not meet"):
        grant(user, other)
    assert list(Grant.objects.values_list("role", flat=True)) == [one]


def test_an_auditor_is_nothing_else() -> None:
    assert not any(may_meet(Role.AUDITOR, role) for role in Role if role is not Role.AUDITOR)


def test_whether_two_roles_meet_does_not_depend_on_their_order() -> None:
    assert all(may_meet(one, other) == may_meet(other, one) for one, other in combinations(Role, 2))
    assert all(may_meet(role, role) for role in Role)


def test_roles_apart_meet_when_one_is_over_before_the_other_begins(user: User) -> None:
    grant(user, Role.AID_OFFICER, MAY, JUNE)
    grant(user, Role.FINANCE_OFFICER, JUNE)
    assert Grant.objects.count() == 2


def test_roles_apart_do_not_meet_on_a_single_day(user: User) -> None:
    grant(user, Role.AID_OFFICER, JUNE)
    with pytest.raises(NotAllowed):
        grant(user, Role.FINANCE_OFFICER, MAY, JUNE + DAY)
    grant(user, Role.FINANCE_OFFICER, MAY, JUNE)


def test_roles_apart_may_be_held_by_two_people(user: User) -> None:
    other = create_user(staff_number="T0002", name="别人", password=WORD, by=BY)
    grant(user, Role.AID_OFFICER)
    grant(other, Role.FINANCE_OFFICER)
    assert Grant.objects.count() == 2


# ---- who may


@pytest.mark.parametrize("by", [OFFICER, Actor("N0001", NOW, 3)], ids=["an officer", "nobody"])
def test_only_an_admin_makes_users_and_grants(user: User, by: Actor) -> None:
    given = grant(user, Role.PRINCIPAL)
    before = Entry.objects.count()
    with pytest.raises(NotAllowed):
        create_user(staff_number="T0009", name="别人", password=WORD, by=by)
    with pytest.raises(NotAllowed):
        grant(user, Role.HELPER, by=by)
    with pytest.raises(NotAllowed):
        end_grant(grant_id=given.pk, day=JUNE, by=by, reason="离任")
    assert (User.objects.count(), Grant.objects.count(), Entry.objects.count()) == (1, 1, before)
    assert Grant.objects.get().valid_until is None


def test_an_admin_whose_grant_is_over_is_none(user: User) -> None:
    admin = create_user(staff_number="A0001", name="管理员", password=WORD, by=BY)
    grant(admin, Role.SYSTEM_ADMIN, MAY, JUNE, by=BY)
    grant(user, Role.HELPER, by=actor_for(admin, at(MAY)))
    with pytest.raises(NotAllowed):
        grant(user, Role.PRINCIPAL, by=actor_for(admin, at(JUNE)))


def test_users_and_grants_leave_a_trail_without_names_and_passwords(user: User) -> None:
    given = grant(user, Role.PRINCIPAL)
    end_grant(grant_id=given.pk, day=JUNE, by=ADMIN, reason="离任")
    entries = Entry.objects.filter(action__startswith="accounts.").order_by("number")
    assert [entry.action for entry in entries] == ["accounts.create_user", "accounts.grant", "accounts.end_grant"]
    assert [entry.reason for entry in entries] == ["", "任职", "离任"]
    assert {entry.subject for entry in entries} == {f"user:{user.pk}"}
    assert not any(secret in entry.details for entry in entries for secret in ("某老师", WORD))
