"""Coverage asks the database a fixed number of times, whatever the number of pupils."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bangfu.coverage import checks
from bangfu.coverage.models import Difference, PupilState
from tests.coverage.lists import MARCH, SECOND, TERM, Desk, Human, covered, gaps

SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许", "安邦诚达恩帆国浩佳康乐明宁平强荣"
FEW, MANY, SLACK = 20, 200, 5


def crowd(count: int, first: int = 0) -> list[Human]:
    """Return so many invented pupils."""
    return [
        Human(
            SURNAMES[n % len(SURNAMES)] + GIVEN[n // len(SURNAMES) % len(GIVEN)] + GIVEN[n * 7 % len(GIVEN)],
            n,
            date(2011, 1, 1) + timedelta(days=n * 7),
        )
        for n in range(first, first + count)
    ]


def take(desk: Desk, count: int) -> None:
    """Take a roll without births or IDs where they could be, and registers that blame every pupil of it."""
    people = crowd(count)
    desk.roll(*(human.enrolled(身份证件号="") for human in people), *(human.enrolled(SECOND) for human in people[::4]))
    desk.poor(*(human.poor(在校生状况="", 劳动技能="普通劳动力") for human in people))
    desk.minimum(*(human.low() for human in people))


def queries(day: date | None = None) -> int:
    """Reckon coverage and return how often the database was asked."""
    with CaptureQueriesContext(connection) as asked:
        covered(day)
    return len(asked)


def asked_for(desk: Desk, count: int) -> dict[str, int]:
    """Return how often the database is asked by reckonings over so many pupils; the register is as it was after."""
    people = crowd(count)
    with transaction.atomic():
        take(desk, count)
        asked = {"first": queries()}
        assert (len(gaps()) >= 3 * count, PupilState.objects.count()) == (True, count)
        asked["again"] = queries()
        desk.roll(*(human.enrolled(身份证件号="") for human in people[::-1]), name="newer", day=MARCH)
        asked["moved"] = queries()
        desk.disabled(*(human.disabled() for human in people))
        asked["more"] = queries()
        asked["closing"] = queries(TERM - timedelta(days=3000))
        assert not Difference.objects.filter(closed_at=None).exists()
        with CaptureQueriesContext(connection) as checked:
            assert [*checks.links(), *checks.totals()] == []
        asked["checks"] = len(checked)
        transaction.set_rollback(True)
    return asked


def test_the_number_of_queries_does_not_grow_with_the_pupils(desk: Desk) -> None:
    few, many = asked_for(desk, FEW), asked_for(desk, MANY)
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name] + SLACK} == {}
