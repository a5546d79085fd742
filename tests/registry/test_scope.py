"""Whose rows an actor may see: only those in the subtrees that the grants in force open."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bangfu.accounts.actions import create_user, end_grant, grant_role
from bangfu.accounts.models import Grant, User
from bangfu.accounts.queries import actor_for
from bangfu.accounts.rules import Role
from bangfu.core.actor import Actor, Reach
from bangfu.registry import queries
from bangfu.registry.models import Organisation
from tests.conftest import BY, NOW, import_paths
from tests.intake.bad_files import write_xlsx
from tests.registry.rolls import NEXT_AUTUMN, NEXT_SPRING, SECOND_SCHOOL, name_of, pupils, take
from tests.registry.test_history import MINIMUM, orphan, take_orphans

pytestmark = pytest.mark.usefixtures("founded")
WORD = "一个长的口令"
TODAY = NOW.date()
FIRST, SECOND = (1, 2, 3, 4), (5, 6)  # odd numbers are in class 2, even ones in class 1


@pytest.fixture(autouse=True)
def _two_schools(founded: Path, tmp_path: Path) -> None:
    """Fill the register with two schools and the county's orphans, one pupil of each school among them."""
    take(tmp_path / "first.xlsx", pupils(*FIRST), NEXT_SPRING)
    take(tmp_path / "second.xlsx", pupils(*SECOND, **SECOND_SCHOOL), NEXT_SPRING)
    take_orphans(tmp_path / "orphans.xlsx", [orphan(1), orphan(5)], date(2025, 3, 1))


def path_of(kind: str, name: str) -> str:
    """Return an organisation's path."""
    return Organisation.objects.get(kind=kind, name=name).path


def actor_at(*paths: str) -> Actor:
    """Return somebody to whom these subtrees are open."""
    return Actor("T0001", NOW, 1, tuple(Reach("principal", path) for path in paths))


def seen(by: Actor) -> dict[str, list[str]]:
    """Return the names of the people in each query's rows, sorted."""
    found = {
        "people": queries.people(by).values_list("pk", flat=True),
        "enrolled": queries.enrolled(by, TODAY).values_list("person_id", flat=True),
        "statuses": queries.statuses(by, TODAY).values_list("person_id", flat=True),
        "details": queries.details(by, TODAY).values_list("person_id", flat=True),
    }
    called = dict(queries.details(BY, TODAY).values_list("person_id", "name"))
    return {query: sorted(called[person] for person in persons) for query, persons in found.items()}


def names(*numbers: int) -> list[str]:
    """Return the names of these pupils, sorted."""
    return sorted(map(name_of, numbers))


def on_roll_only(*numbers: int) -> dict[str, list[str]]:
    """Return what is seen by somebody who sees these pupils on a roll, and no list of the county."""
    return {"people": names(*numbers), "enrolled": names(*numbers), "statuses": [], "details": names(*numbers)}


NOTHING = on_roll_only()


def test_the_operator_sees_everything() -> None:
    both = sorted(names(*FIRST, *SECOND) + names(1, 5))
    assert seen(BY) == {"people": both, "enrolled": names(*FIRST, *SECOND), "statuses": names(1, 5), "details": both}


def test_a_school_sees_its_own_pupils_only() -> None:
    assert seen(actor_at(path_of("school", "青石镇中心小学校"))) == on_roll_only(*FIRST)
    assert seen(actor_at(path_of("school", "白石镇中心小学校"))) == on_roll_only(*SECOND)


def test_a_class_teacher_sees_one_class() -> None:
    first_school = Organisation.objects.get(kind="school", name="青石镇中心小学校")
    path = Organisation.objects.get(kind="class", name="2024级小1班", parent=first_school).path
    assert seen(actor_at(path)) == on_roll_only(2, 4)


def test_the_county_sees_schools_and_lists() -> None:
    assert seen(actor_at(path_of("county", "安和县"))) == seen(BY)


def test_two_grants_open_both_subtrees_and_no_row_twice() -> None:
    school = path_of("school", "青石镇中心小学校")
    assert seen(actor_at(school, path_of("school", "白石镇中心小学校"))) == on_roll_only(*FIRST, *SECOND)
    assert seen(actor_at(school, school)) == on_roll_only(*FIRST)


def test_without_grants_nothing_is_seen() -> None:
    assert seen(Actor("T0001", NOW, 1)) == NOTHING


def test_an_actor_of_another_county_sees_nothing() -> None:
    assert seen(actor_at("/999/")) == NOTHING


def test_a_path_is_a_subtree_and_not_a_beginning_of_digits() -> None:
    school = Organisation.objects.get(kind="school", name="青石镇中心小学校")
    beside = Organisation.objects.exclude(path__startswith=school.path)
    assert all(not other.path.startswith(school.path) for other in beside)
    assert school.path.endswith("/")
    assert seen(actor_at(school.path.removesuffix(f"{school.pk}/") + "999/")) == NOTHING


def test_totals_count_only_what_is_open() -> None:
    found = queries.totals(actor_at(path_of("school", "青石镇中心小学校")), TODAY)
    assert found == {"schools": [("青石镇中心小学校", 4)], "lists": [], "villages": []}


# ---- through users and grants


@pytest.fixture
def teacher() -> User:
    """Return a user without any grant."""
    return create_user(staff_number="T0001", name="某老师", password=WORD, by=BY)


def grant(user: User, role: Role, path: str, until: date | None = None) -> Grant:
    """Grant a role from the first of May on."""
    return grant_role(
        user=user, role=role, path=path, valid_from=date(2025, 5, 1), valid_until=until, by=BY, reason="任职"
    )


def test_a_grant_opens_its_place_from_its_first_day_until_the_day_before_its_last(teacher: User) -> None:
    grant(teacher, Role.PRINCIPAL, path_of("school", "青石镇中心小学校"), until=date(2025, 6, 1))
    days = (date(2025, 4, 30), date(2025, 5, 1), date(2025, 5, 31), date(2025, 6, 1))
    opened = [queries.people(actor_for(teacher, NOW.replace(month=d.month, day=d.day))).count() for d in days]
    assert opened == [0, 4, 4, 0]


def test_a_grant_that_was_ended_opens_nothing_any_more(teacher: User) -> None:
    given = grant(teacher, Role.PRINCIPAL, path_of("school", "青石镇中心小学校"))
    assert seen(actor_for(teacher, NOW)) == on_roll_only(*FIRST)
    end_grant(grant_id=given.pk, day=date(2025, 6, 15), by=BY, reason="离任")
    assert seen(actor_for(teacher, NOW)) == NOTHING


def test_an_inactive_user_sees_nothing(teacher: User) -> None:
    grant(teacher, Role.PRINCIPAL, path_of("school", "青石镇中心小学校"))
    teacher.is_active = False
    teacher.save()
    assert seen(actor_for(teacher, NOW)) == NOTHING


def test_a_pupil_who_moves_to_another_class_moves_out_of_sight(tmp_path: Path) -> None:
    first_school = Organisation.objects.get(kind="school", name="青石镇中心小学校")
    by = actor_at(Organisation.objects.get(kind="class", name="2024级小1班", parent=first_school).path)
    rows = [*pupils(1, 3, 4, 年级="二年级"), *pupils(2, 年级="二年级", 班级="2班")]
    take(tmp_path / "moved.xlsx", rows, NEXT_AUTUMN)
    assert list(queries.details(by, NEXT_AUTUMN).values_list("name", flat=True)) == names(4)


def test_a_village_sees_its_people_on_the_county_lists(tmp_path: Path) -> None:
    rows = [["青石镇", "河湾村", "赵甲", "赵甲", None, "户主", 480, "2023-07"]]
    rows += [["青石镇", "山前村", "钱乙", "钱乙", None, "户主", 480, "2023-07"]]
    path = tmp_path / "minimum.xlsx"
    write_xlsx(path, {"名单": [[*MINIMUM], *rows]})
    import_paths([path], day=date(2025, 3, 1))
    by = actor_at(path_of("village", "山前村"))
    assert list(queries.details(by, TODAY).values_list("name", flat=True)) == ["钱乙"]
    assert queries.statuses(by, TODAY).get().kind == "minimum_living"
