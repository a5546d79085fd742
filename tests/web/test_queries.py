"""No page issues more queries as rows grow, and none more than 15: as each role, over a register of N and of 4N."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.audit.scope import SETTING
from bangfu.coverage.actions import cover
from bangfu.coverage.models import Difference, Link, PupilState
from bangfu.intake.models import HeldRow
from bangfu.registry.models import Organisation, SourceFile
from bangfu.tasks.models import Task
from tests.conftest import BY, committing, import_paths
from tests.coverage.lists import COUNTY, FIRST, LATER, SECOND, THIRD, Desk, Human
from tests.intake.bad_files import HEADER, csv_text
from tests.web.conftest import person_of, signed_in
from tests.web.test_matrix import PLACE

AT_MOST = 15
BUREAU = Role.COUNTY_BUREAU
FEW, MANY = 3, 12
SURNAMES, GIVEN = "程田武费罗骆牛卞殷熊康", "安美俊慧国一大小如文"
ADDRESS = "四川省安和县青石镇河湾村"
GROWING = (
    "/people/?state=to_assess", "/differences/", "/differences/?code=id_checksum", "/links/", "/links/?all",
    "/imports/", "/audit/", "/households/", "/schools/", "person",
)  # fmt: skip
LISTS = ("/", "/?all", "/coverage/", *GROWING[:-1], "/account/", "/users/")


def people(count: int, first: int) -> list[Human]:
    """Return people of different names and births."""
    return [
        Human(SURNAMES[at % 11] + GIVEN[at % 10] + GIVEN[at * 7 % 10], first + at, date(2014, 1 + at % 12, 1 + at))
        for at in range(count)
    ]


def misread(human: Human) -> str:
    """Return an ID with two digits in each other's place."""
    return human.id[:-3] + human.id[-2:] + human.id[-3]


def fill(desk: Desk, count: int, day: date) -> None:
    """Bring a school's roll and three registers of this size, with rows that wait and questions about who is who."""
    mark = f"-{count}"
    known = people(count, 100)
    rows = [human.enrolled(户籍地址=ADDRESS) for human in known]
    for row, human in zip(rows[2:], known[2:], strict=True):
        row |= {"身份证件号": misread(human)}
    desk.roll(*rows, day=day, name="roll" + mark)
    desk.poor(*(human.poor(证件号码="") for human in known), day=day, name="poor" + mark)
    for at in range(count):
        other = people(2, 400 + 10 * at)
        school = (SECOND, THIRD)[at % 2]
        desk.roll(*(human.enrolled(school, 户籍地址=ADDRESS) for human in other), day=day, name=f"other{at}{mark}")
    bad = [human.enrolled(出生日期="2015-13-45") for human in people(count, 800)]
    path = desk.folder / f"bad{mark}.csv"
    path.write_bytes(csv_text([HEADER, *([row.get(name, "") for name in HEADER] for row in bad)]).encode())
    import_paths([path], day=day)
    if count == MANY:
        first = known[0]
        desk.minimum(first.low(), day=day, name="minimum")
        desk.disabled(first.disabled(), day=day, name="disabled")
    with committing():
        cover(by=LATER if count == MANY else BY)


@dataclass(frozen=True)
class Seen:
    """What a page took: its status, its queries, its length."""

    status: int
    queries: int
    length: int


def seen(client: Client, address: str, form: dict[str, str] | None) -> Seen:
    """Open a page twice, for the first time may fill what is kept, and return what the second took.

    The orders to PostgreSQL that set the scope, and touch no table, are not counted.
    """
    for _ in range(2):
        with CaptureQueriesContext(connection) as found:
            response = client.post(address, form) if form else client.get(address)
    asked = [query["sql"] for query in found if SETTING not in query["sql"]]
    assert len(asked) <= AT_MOST, (address, asked)
    return Seen(response.status_code, len(asked), len(response.content))


def rows() -> dict[str, int]:
    """Return how many rows there are of what the pages list."""
    models = (PupilState, Difference, Link, HeldRow, SourceFile, Task, Entry)
    return {model.__name__: model._default_manager.count() for model in models}


def place_of(role: Role) -> str:
    """Return the path of the place at which the role is held."""
    if PLACE[role] == "/":
        return "/"
    school = Organisation.objects.get(kind="school", name=FIRST)
    county = Organisation.objects.get(kind="county", name=COUNTY)
    places = {"county": county, "school": school, "school_class": Organisation.objects.get(parent=school)}
    return places[PLACE[role]].path


Asked = tuple[str, str, dict[str, str] | None]


def asked() -> list[Asked]:
    """Return what is asked: name, address, form; of the same two people in a small and in a big register."""
    pupil = PupilState.objects.order_by("human")[0]
    gap = Difference.objects.filter(closed_at=None).order_by("pk")[0]
    link = Link.objects.filter(ended_in=None, verdict="doubtful").order_by("pk")[0]
    return [
        *((address, address, None) for address in LISTS),
        ("person", f"/people/{pupil.human_id}/", None),
        ("difference", f"/differences/{gap.pk}/", None),
        ("link", f"/links/{link.left_id}/{link.right_id}/", None),
        ("search: a name's beginning", "/people/", {"text": SURNAMES[0]}),
        ("search: an ID", "/people/", {"text": people(1, 100)[0].id}),
    ]


def test_a_page_asks_as_much_of_a_big_register_as_of_a_small_one(desk: Desk) -> None:
    fill(desk, FEW, date(2025, 3, 3))
    before, users = rows(), {role: person_of(role, place_of(role)) for role in Role}
    few = {(role, name): seen(signed_in(users[role]), *page) for name, *page in asked() for role in Role}
    fill(desk, MANY, date(2025, 4, 7))
    assert all(count >= 2 * before[name] for name, count in rows().items()), (before, rows())
    many = {(role, name): seen(signed_in(users[role]), *page) for name, *page in asked() for role in Role}
    assert {key: page.status for key, page in few.items()} == {key: page.status for key, page in many.items()}
    # A list that one page holds is not counted, a longer one is: once more, however long it is.
    more = {key: page.queries - few[key].queries for key, page in many.items()}
    assert {key: count for key, count in more.items() if count and (key[1] not in GROWING or count != 1)} == {}
    # The bureau sees all of it, so that each list that it is shown has grown.
    grown = {name for role, name in few if many[role, name].length > few[role, name].length and role == BUREAU}
    assert set(GROWING) - grown == set()
