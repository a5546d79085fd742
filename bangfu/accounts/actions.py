"""Making users, granting and ending roles."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bangfu.accounts.models import Grant, User
from bangfu.accounts.rules import MOST_NAME_SIGNS, MOST_SIGNS, SIGN_IN_FILE, STAFF_NUMBER, Role, may_meet
from bangfu.audit.actions import record
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.slips import new_slip


@transaction.atomic
def create_user(*, staff_number: str, name: str, password: str | None, by: Actor) -> User:
    """Make a user without any grant (and, without a password, without a way in until a slip is issued).

    Only a system admin or the operator may.
    """
    _check_admin(by)
    if len(staff_number) > MOST_SIGNS or not STAFF_NUMBER.fullmatch(staff_number):
        raise BangfuError("staff_number_odd", most=MOST_SIGNS)
    if len(name) > MOST_NAME_SIGNS:
        raise BangfuError("name_too_long", most=MOST_NAME_SIGNS)
    if User.objects.filter(staff_number=staff_number).exists():
        raise BangfuError("user_exists", staff_number=staff_number)
    user = User(staff_number=staff_number, name=name)
    user.set_password(password)
    user.save(force_insert=True)
    record(action="accounts.create_user", by=by, subject=f"user:{user.pk}")
    return user


@transaction.atomic
def issue_slip(*, staff_number: str, by: Actor) -> str:
    """Give a user a new one-time password and return it, to be printed on a slip; sessions he has end."""
    _check_admin(by)
    user = _locked(staff_number)
    slip = new_slip()
    user.set_password(slip)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    record(action="accounts.issue_slip", by=by, subject=f"user:{user.pk}")
    return slip


@transaction.atomic
def choose_password(*, staff_number: str, password: str, by: Actor) -> User:
    """Set the password that a user chose himself; the slip is used up."""
    if by.name != staff_number:
        raise NotAllowed("only_own_password")
    user = User.objects.select_for_update().get(staff_number=staff_number)
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    record(action="accounts.choose_password", by=by, subject=f"user:{user.pk}")
    return user


@transaction.atomic
def deactivate(*, staff_number: str, by: Actor, reason: str) -> None:
    """Close a user's account: he signs in no more, and nothing is open to him; his entries stay."""
    _check_admin(by)
    user = _locked(staff_number)
    user.is_active = False
    user.save(update_fields=["is_active"])
    record(action="accounts.deactivate", by=by, subject=f"user:{user.pk}", reason=reason)


@transaction.atomic
def grant_role(
    *, user: User, role: Role, path: str, valid_from: date, valid_until: date | None, by: Actor, reason: str
) -> Grant:
    """Grant `role` at the organisation `path`; NotAllowed where it may not meet a role already held."""
    _check_admin(by)
    if valid_until and valid_until < valid_from:
        raise BangfuError("grant_backwards")
    after = Q(valid_until=None) | Q(valid_until__gt=valid_from)
    before = Q(valid_from__lt=valid_until) if valid_until else Q()
    for held in Grant.objects.select_for_update().filter(after & before, user=user):
        if not may_meet(Role(held.role), role):
            raise NotAllowed("roles_apart", held=held.role, asked=role.value)
    grant = Grant(user=user, role=role.value, path=path, valid_from=valid_from, valid_until=valid_until)
    grant.save(force_insert=True)
    details = {"role": role.value, "path": path, "from": str(valid_from), "until": str(valid_until)}
    record(action="accounts.grant", by=by, subject=f"user:{user.pk}", details=dict(details), reason=reason)
    return grant


@transaction.atomic
def end_grant(*, grant_id: int, day: date, by: Actor, reason: str) -> Grant:
    """End a grant on `day`, or leave it as it is if it ended before; the row stays, with its period."""
    _check_admin(by)
    grant = Grant.objects.select_for_update().get(pk=grant_id)
    end = max(day, grant.valid_from)
    grant.valid_until = min(end, grant.valid_until) if grant.valid_until else end
    grant.save(update_fields=["valid_until"])
    details = {"grant": grant.pk, "until": str(grant.valid_until)}
    record(
        action="accounts.end_grant",
        by=by,
        subject=f"user:{grant.user_id}",
        details=dict(details),
        reason=reason,
    )
    return grant


@transaction.atomic
def end_session(*, number: int, by: Actor) -> None:
    """End one of one's own sessions: that browser is signed out."""
    session = UserSession.objects.select_for_update().filter(pk=number, user_id=by.user_id).first()
    if session is None:
        raise BangfuError("session_unknown")
    session.end()
    record(action="accounts.end_session", by=by, subject=f"user:{by.user_id}")


@transaction.atomic
def note_second_factor(*, event: str, by: Actor) -> None:
    """Write down that a user has changed his second factors (allauth keeps them itself)."""
    record(action="accounts.change_second_factor", by=by, subject=f"user:{by.user_id}", details={"event": event})


@transaction.atomic
def drop_second_factor(*, staff_number: str, by: Actor, reason: str) -> None:
    """Take all second factors and recovery codes of a user off, so that his password alone signs in again."""
    _check_admin(by)
    user = _locked(staff_number)
    Authenticator.objects.filter(user_id=user.pk).delete()
    record(action="accounts.drop_second_factor", by=by, subject=f"user:{user.pk}", reason=reason)


@transaction.atomic
def require_second_factor(*, roles: Collection[Role], by: Actor, reason: str) -> None:
    """Say which roles must have a second factor from now on, in the installation's own file."""
    _check_admin(by)
    names = sorted(role.value for role in roles)
    record(action="accounts.require_second_factor", by=by, subject="sign-in", details={"roles": names}, reason=reason)
    path = settings.HOME / SIGN_IN_FILE
    new = path.with_suffix(".new")
    listed = ", ".join(f'"{name}"' for name in names)
    new.write_text(f"# Written by `bangfu user mfa`.\nsecond_factor = [{listed}]\n", encoding="utf-8")
    new.replace(path)


def _locked(staff_number: str) -> User:
    """Return a user, locked until the transaction ends; BangfuError where there is none."""
    user = User.objects.select_for_update().filter(staff_number=staff_number).first()
    if user is None:
        raise BangfuError("user_unknown", staff_number=staff_number)
    return user


def _check_admin(by: Actor) -> None:
    if not by.holds(Role.SYSTEM_ADMIN):
        raise NotAllowed("only_admin")
