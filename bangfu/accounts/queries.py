"""Reading users and what is open to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.lookups import GreaterThanOrEqual, LessThan

from bangfu.accounts.models import Grant, User
from bangfu.accounts.rules import SETTLERS, SIGN_IN_FILE, Role, roles_with_second_factor
from bangfu.core.actor import Actor, Reach
from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY, load_toml


def grants_on(user: User, day: date) -> QuerySet[Grant]:
    """Return the user's grants in force on `day`."""
    in_force = Q(valid_from__lte=day) & (Q(valid_until=None) | Q(valid_until__gt=day))
    return Grant.objects.filter(in_force, user=user).order_by("pk")


def users(by: Actor) -> QuerySet[User]:
    """Return all users, for those who keep the accounts; nobody for others."""
    return User.objects.order_by("staff_number") if by.holds(Role.SYSTEM_ADMIN) else User.objects.none()


def grants(by: Actor) -> QuerySet[Grant]:
    """Return all grants with their users, for those who keep the accounts."""
    found = Grant.objects.select_related("user").order_by("user__staff_number", "valid_from")
    return found if by.holds(Role.SYSTEM_ADMIN) else found.none()


def actor_for(user: User, at: datetime) -> Actor:
    """Return the actor that `user` is at `at`; an inactive user reaches nothing."""
    grants = grants_on(user, at.date()) if user.is_active else Grant.objects.none()
    reaches = tuple(Reach(grant.role, grant.path) for grant in grants)
    return Actor(name=user.staff_number, at=at, user_id=user.pk, reaches=reaches)


def settlers(paths: Iterable[str], day: date) -> list[tuple[int, str, str]]:
    """Return (user id, name, role) of those who may be asked to settle something at one of these places."""
    above = {path[: at + 1] for path in paths for at, sign in enumerate(path) if sign == "/"}
    in_force = Q(valid_from__lte=day) & (Q(valid_until=None) | Q(valid_until__gt=day))
    found = Grant.objects.filter(in_force, path__in=above, role__in=SETTLERS, user__is_active=True)
    rows = found.order_by("user__name", "user_id", "role").values_list("user_id", "user__name", "role")
    return list(dict.fromkeys(rows))


def under(field: str, path: str) -> Q:
    """Return the condition that the path in `field` is `path` or lies below it, so that an index can answer it.

    A range in the order of signs, for paths are digits between slashes, and '0' comes after '/'. Not LIKE: SQLite's
    minds no case and so no index; and on PostgreSQL it could tell by its errors what it was asked about, so it waits
    until the guard has looked at each row of the table. A comparison may choose the rows first, by an index of
    `varchar_pattern_ops`.
    """
    return Q(**{f"{field}__sign_gte": path, f"{field}__sign_lt": f"{path[:-1]}0"})


class BySign(OrderBy):
    """Order by a text's signs as that index does, whatever the database's language."""

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the statement's part for PostgreSQL; Django looks for the word at its end."""
        return self.as_sql(compiler, connection, template="%(expression)s USING ~<~ /* ASC */")


@CharField.register_lookup
class SignGte(GreaterThanOrEqual):
    """`>=` in the order of the signs' numbers, whatever the database's language: by PostgreSQL's pattern indexes."""

    lookup_name = "sign_gte"

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        """Return the operator with what it compares to."""
        return f"{'~>=~' if connection.vendor == 'postgresql' else '>='} {rhs}"


@CharField.register_lookup
class SignLt(LessThan):
    """`<` in the same order."""

    lookup_name = "sign_lt"

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        """Return the operator with what it compares to."""
        return f"{'~<~' if connection.vendor == 'postgresql' else '<'} {rhs}"


def outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths without those that lie below another one of them."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return found


def second_factor_roles() -> frozenset[Role]:
    """Return the roles that must have a second factor, by the installation's file or the shipped one.

    It is read each time, so that a change holds at once in every process; BangfuError where it cannot be read.
    """
    own = settings.HOME / SIGN_IN_FILE
    path = own if own.exists() else LIBRARY / SIGN_IN_FILE
    try:
        content = load_toml(path)
    except (ValueError, OSError) as problem:
        raise BangfuError("sign_in_file_unreadable", path=path, detail=problem) from problem
    return roles_with_second_factor(content, str(path))


def must_have_second_factor(by: Actor) -> bool:
    """Tell whether one of the actor's roles demands a second factor."""
    return any(by.holds(role) for role in second_factor_roles())


def lacks_second_factor(by: Actor) -> bool:
    """Tell whether one of the actor's roles demands a second factor that he has not set up; recovery codes are none."""
    if not must_have_second_factor(by):
        return False
    factors = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return not Authenticator.objects.filter(user_id=by.user_id, type__in=factors).exists()


def has_second_factor(user: User, by: Actor) -> bool:
    """Tell whether a user has set up a second factor, to those who keep the accounts."""
    return by.holds(Role.SYSTEM_ADMIN) and Authenticator.objects.filter(user_id=user.pk).exists()


def sessions(by: Actor) -> list[UserSession]:
    """Return the actor's own open sessions, the last used first; the rows of those that are over go."""
    found = UserSession.objects.filter(user_id=by.user_id).order_by("-last_seen_at", "pk")
    return [session for session in found if not session.purge()]
