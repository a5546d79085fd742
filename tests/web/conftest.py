"""Two counties with a school or two each, coverage reckoned, and somebody for each role at each place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from allauth.account.internal.flows import login
from django.core.cache import cache
from django.test import Client

from bangfu.accounts.actions import create_user, grant_role
from bangfu.accounts.models import User
from bangfu.accounts.rules import Role
from bangfu.coverage import uploading
from bangfu.coverage.actions import cover
from bangfu.registry.models import Organisation
from tests.conftest import BY, committing
from tests.coverage.lists import CODES, FIRST, SECOND, Desk, Human

OTHER_COUNTY, OTHER_SCHOOL = "远山县", "远山镇中心小学校"
CODES.setdefault(OTHER_SCHOOL, "2199900009")
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def family(first: int, names: tuple[str, ...]) -> tuple[Human, ...]:
    """Return people of these names, of births that nobody else has."""
    return tuple(Human(name, first + at, date(2015, 1 + at, 3 + first % 20)) for at, name in enumerate(names))


# Whom only one school may see. Nobody's name stands in another's.
HERE = family(110, ("程安邦", "田美琳", "武俊豪"))
NEXT_DOOR = family(220, ("费慧敏", "罗国栋", "骆一鸣"))
FAR = family(330, ("牛大力", "卞小楼", "殷如意"))


@pytest.fixture(autouse=True)
def _no_tries_before() -> None:
    """Forget how often other tests tried to sign in: the pages count tries from one address."""
    cache.clear()


@pytest.fixture(autouse=True)
def _uploads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an upload's work be done before the next request: a thread of its own would not see the test's rows."""
    monkeypatch.setattr(uploading, "in_background", lambda work: work())


@dataclass(frozen=True)
class Two:
    """Two counties: the places, and who stands where."""

    county: Organisation
    school: Organisation
    school_class: Organisation
    next_school: Organisation
    far_county: Organisation
    far_school: Organisation


@pytest.fixture
def desk(founded: Path, tmp_path: Path) -> Desk:
    """Return a desk over an empty register."""
    folder = tmp_path / "lists"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def two(desk: Desk) -> Two:
    """Return two counties: each school's pupils, of whom one has a wrong ID, and each county's poverty register."""
    for people, school, address in (
        (HERE, FIRST, "四川省安和县青石镇河湾村"),
        (NEXT_DOOR, SECOND, "四川省安和县青石镇河湾村"),
        (FAR, OTHER_SCHOOL, f"四川省{OTHER_COUNTY}远山镇远山村"),
    ):
        rows = [human.enrolled(school, 户籍地址=address, 现住址=f"{address}{human.number}号") for human in people]
        rows[2] |= {"身份证件号": people[2].id[:-3] + people[2].id[-2:] + people[2].id[-3]}
        desk.roll(*rows, name=f"roll-{school}")
    desk.poor(*(human.poor() for human in (*HERE[:2], *NEXT_DOOR[:2])), name="poor")
    far = {"县": OTHER_COUNTY, "乡镇": "远山镇", "村": "远山村"}
    desk.poor(*(human.poor(**far) for human in FAR[:2]), name="poor-far")
    with committing():
        cover(by=BY)
    named = {(o.kind, o.name): o for o in Organisation.objects.all()}
    school = named["school", FIRST]
    return Two(
        named["county", "安和县"], school, Organisation.objects.get(parent=school), named["school", SECOND],
        named["county", OTHER_COUNTY], named["school", OTHER_SCHOOL],
    )  # fmt: skip


def person_of(role: Role, path: str) -> User:
    """Return a user who holds this role at this place."""
    place = path.strip("/").replace("/", "-")
    user = create_user(staff_number=f"{role}-{place}", name=str(role), password=f"word-{place}", by=BY)
    grant_role(user=user, role=role, path=path, valid_from=date(2025, 1, 1), valid_until=None, by=BY, reason="test")
    return user


def signed_in(user: User | None, ago: float = 0) -> Client:
    """Return a browser in which this user gave his password some seconds ago; nobody for None."""
    client = Client()
    if user is not None:
        client.force_login(user, backend=BACKEND)
        prove(client, user, ago)
    return client


def prove(client: Client, user: User, ago: float) -> None:
    """Write into a session that its user has given his password, as allauth does."""
    session = client.session
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time() - ago}]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
