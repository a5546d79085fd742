"""What the register says of days past, from rolls of several days: end to end, with real files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.registry import checks, queries
from bangfu.registry.models import Detail, Enrolment, Guardian, Person, SourceRow
from tests.conftest import BY, import_paths
from tests.intake.bad_files import HEADER, Row, pupil_rows, write_roll, write_xlsx
from tests.registry.rolls import (
    AUTUMN,
    CHINA,
    NEXT_AUTUMN,
    NEXT_SPRING,
    SECOND_SCHOOL,
    SPRING,
    by_on,
    changed,
    name_of,
    pupils,
    take,
)

pytestmark = pytest.mark.usefixtures("founded")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _whole(founded: Path) -> Iterable[None]:
    """After every test, no two facts of one kind and person hold on one day."""
    yield
    assert list(checks.facts()) == []


def on_roll(day: date, known_at: datetime | None = None, by: Actor = BY) -> list[str]:
    """Return the names of the pupils on any roll that day, sorted."""
    enrolled = queries.enrolled(by, day, known_at).values_list("person_id", flat=True)
    names = queries.details(by, day, known_at).filter(person__in=list(enrolled)).values_list("name", flat=True)
    return sorted(names)


def names(*numbers: int) -> list[str]:
    """Return the names of these pupils, sorted."""
    return sorted(map(name_of, numbers))


def class_on(number: int, day: date, known_at: datetime | None = None) -> list[str]:
    """Return the class or classes that the register says a pupil is in that day."""
    persons = Detail.objects.filter(name=name_of(number)).values("person")
    found = queries.enrolled(BY, day, known_at).filter(person__in=persons)
    return list(found.values_list("school_class__name", flat=True))


def guardian_on(day: date) -> list[str]:
    """Return the guardians' names of that day."""
    return list(Guardian.objects.filter(queries.held_on("guardian", day)).values_list("guardian_name", flat=True))


def source_of(row: SourceRow) -> tuple[str, int]:
    """Return a fact's file and row number."""
    return row.file.name, row.row


# ---- who is on the roll


def test_a_pupil_missing_from_the_next_complete_roll_has_left_it_from_that_day(tmp_path: Path) -> None:
    take(tmp_path / "autumn.xlsx", pupils(1, 2, 3), AUTUMN)
    report = take(tmp_path / "spring.xlsx", pupils(1, 3), NEXT_SPRING)
    assert report.rows["unchanged"] == 2
    assert on_roll(NEXT_SPRING - DAY) == names(1, 2, 3)
    assert on_roll(NEXT_SPRING) == names(1, 3)
    (left,) = Enrolment.objects.exclude(valid_until=None)
    assert (left.valid_until, left.ended_by and left.ended_by.name) == (NEXT_SPRING, "spring.xlsx")


def test_a_pupil_missing_from_a_second_roll_of_the_term_was_on_the_first(tmp_path: Path) -> None:
    take(tmp_path / "march.xlsx", pupils(1, 2, 3), date(2025, 3, 1))
    take(tmp_path / "may.xlsx", pupils(1, 3), date(2025, 5, 6))
    assert on_roll(date(2025, 3, 1)) == names(1, 2, 3)
    assert on_roll(date(2025, 5, 5)) == names(1, 2, 3)
    assert on_roll(date(2025, 5, 6)) == names(1, 3)


def test_a_pupil_who_comes_back_is_the_same_person_with_a_gap(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 2), AUTUMN)
    take(tmp_path / "2.xlsx", pupils(1), NEXT_SPRING)
    take(tmp_path / "3.xlsx", pupils(1, 2), NEXT_AUTUMN)
    assert [on_roll(day) for day in (AUTUMN, NEXT_SPRING, NEXT_AUTUMN)] == [names(1, 2), names(1), names(1, 2)]
    assert on_roll(NEXT_AUTUMN - DAY) == names(1)
    assert Person.objects.count() == 2


def test_a_roll_that_repeats_who_came_back_is_all_unchanged(tmp_path: Path) -> None:
    for day, numbers in ((AUTUMN, (1, 2)), (NEXT_SPRING, (1,)), (NEXT_AUTUMN, (1, 2))):
        take(tmp_path / f"{day}.xlsx", pupils(*numbers), day)
    report = take(tmp_path / "again.xlsx", pupils(1, 2), date(2026, 3, 2))
    assert (report.rows["applied"], report.rows["unchanged"]) == (0, 2)


def test_a_list_of_one_school_does_not_touch_another_ones(tmp_path: Path) -> None:
    take(tmp_path / "first.xlsx", pupils(1, 2), AUTUMN)
    take(tmp_path / "second.xlsx", pupils(3, 4, **SECOND_SCHOOL), AUTUMN)
    take(tmp_path / "first-again.xlsx", pupils(1), NEXT_SPRING)
    assert on_roll(NEXT_SPRING) == names(1, 3, 4)


def test_two_parts_of_a_roll_do_not_end_each_other(tmp_path: Path) -> None:
    take(tmp_path / "part1.xlsx", pupils(1, 2), AUTUMN)
    take(tmp_path / "part2.xlsx", pupils(3, 4), AUTUMN)
    assert on_roll(AUTUMN) == names(1, 2, 3, 4)
    assert not Enrolment.objects.exclude(valid_until=None, retracted_by=None).exists()


def test_two_parts_of_the_next_roll_do_not_end_each_other_either(tmp_path: Path) -> None:
    for day in (AUTUMN, NEXT_SPRING):
        for part, numbers in enumerate(((1, 2), (3, 4))):
            report = take(tmp_path / f"{day}-{part}.xlsx", pupils(*numbers), day)
    assert on_roll(NEXT_SPRING) == names(1, 2, 3, 4)
    assert report.rows["read"] == report.rows["applied"] == 2  # the second part takes back the first one's word
    assert Enrolment.objects.count() == 4


def test_two_parts_in_one_command_are_one_roll(tmp_path: Path) -> None:
    parts = [write_roll(tmp_path / f"{n}.xlsx", pupils(n, n + 1)) for n in (1, 3)]
    import_paths(parts, day=AUTUMN)
    later = [write_roll(tmp_path / f"later{n}.xlsx", pupils(n, n + 1)) for n in (1, 3)]
    import_paths(later, day=NEXT_SPRING)
    assert on_roll(NEXT_SPRING) == names(1, 2, 3, 4)
    assert Enrolment.objects.count() == 4


# ---- older lists that arrive late


def test_an_older_list_changes_nothing_that_a_newer_one_said(tmp_path: Path) -> None:
    take(tmp_path / "new.xlsx", pupils(1, 2, 班级="2班", 监护人姓名="新家长"), NEXT_SPRING)
    take(tmp_path / "old.xlsx", pupils(1, 2, 3, 班级="1班", 监护人姓名="旧家长"), AUTUMN, by_on(NEXT_SPRING, 18))
    assert on_roll(NEXT_SPRING) == names(1, 2)
    assert [class_on(n, NEXT_SPRING) for n in (1, 2)] == [["2024级小2班"]] * 2
    assert [class_on(n, AUTUMN) for n in (1, 2, 3)] == [["2024级小1班"]] * 3
    moved = Person.objects.filter(organisation__name="2024级小2班")
    assert moved.count() == 2


def test_an_older_list_that_says_the_same_is_known_from_its_own_day(tmp_path: Path) -> None:
    take(tmp_path / "new.xlsx", pupils(1, 2), NEXT_SPRING)
    take(tmp_path / "old.xlsx", pupils(1, 2, 3), AUTUMN, by_on(NEXT_SPRING, 18))
    assert on_roll(AUTUMN) == names(1, 2, 3)
    assert on_roll(NEXT_SPRING) == names(1, 2)


def test_an_older_list_does_not_bring_back_who_left_in_a_newer_one(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 2), SPRING)
    take(tmp_path / "3.xlsx", pupils(1), NEXT_SPRING)
    take(tmp_path / "2.xlsx", pupils(1, 2), AUTUMN, by_on(NEXT_SPRING, 18))
    assert on_roll(AUTUMN) == names(1, 2)
    assert on_roll(NEXT_SPRING) == names(1)


def test_an_older_list_does_not_overrule_a_newer_one_that_only_confirmed(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 监护人姓名="甲一"), SPRING)
    take(tmp_path / "3.xlsx", pupils(1, 监护人姓名="甲一"), NEXT_SPRING)
    take(tmp_path / "4.xlsx", pupils(1, 监护人姓名="乙二"), NEXT_AUTUMN)
    take(tmp_path / "2.xlsx", pupils(1, 监护人姓名="乙二"), AUTUMN, by_on(NEXT_AUTUMN, 18))
    assert guardian_on(NEXT_SPRING) == ["甲一"]
    assert guardian_on(NEXT_AUTUMN) == ["乙二"]


def test_out_of_order_and_in_order_agree_on_the_latest_day(tmp_path: Path) -> None:
    days = (SPRING, AUTUMN, NEXT_SPRING)
    for at in (2, 0, 1):
        take(tmp_path / f"{at}.xlsx", pupils(1, 2 + at, 班级=f"{1 + at}班"), days[at])
    assert on_roll(NEXT_SPRING) == names(1, 4)
    assert class_on(1, NEXT_SPRING) == ["2024级小3班"]


def test_an_earlier_roll_of_the_term_that_arrives_late_tells_of_the_first_months(tmp_path: Path) -> None:
    take(tmp_path / "may.xlsx", pupils(1, 3), date(2025, 5, 6))
    take(tmp_path / "march.xlsx", pupils(1, 2, 3), date(2025, 3, 1), by_on(date(2025, 5, 7)))
    assert on_roll(date(2025, 3, 1)) == names(1, 2, 3)
    assert on_roll(date(2025, 5, 6)) == names(1, 3)


# ---- corrections and changes


def test_a_corrected_row_is_traced_to_both_versions(tmp_path: Path) -> None:
    wrong, right = pupils(1, 2), pupils(2, 1, 民族="彝族")
    take(tmp_path / "wrong.xlsx", wrong, AUTUMN)
    take(tmp_path / "right.xlsx", [changed(right[0], 民族="汉族"), right[1]], AUTUMN, by_on(AUTUMN, 18))
    told = Detail.objects.filter(name=name_of(1)).order_by("pk")
    retracted, standing = told
    assert (retracted.ethnicity, standing.ethnicity) == ("汉族", "彝族")
    assert source_of(retracted.source) == ("wrong.xlsx", 2)
    assert source_of(standing.source) == ("right.xlsx", 3)
    assert retracted.retracted_by
    assert retracted.retracted_by.name == "right.xlsx"
    assert (standing.retracted_by, standing.valid_from) == (None, retracted.valid_from)
    assert Detail.objects.filter(name=name_of(2)).count() == 1


def test_a_corrected_id_stays_with_the_person(tmp_path: Path) -> None:
    other = str(pupil_rows(9)[8][HEADER.index("身份证件号")])
    take(tmp_path / "wrong.xlsx", pupils(1, 2), AUTUMN)
    take(tmp_path / "right.xlsx", [*pupils(1, 身份证件号=other), *pupils(2)], NEXT_SPRING)
    assert Person.objects.count() == 2
    (found,) = Detail.objects.filter(id_number_index=keys.current().blind("id", other))
    assert (found.name, found.valid_from) == (name_of(1), AUTUMN)
    assert on_roll(AUTUMN) == names(1, 2)


def test_a_class_move_ends_one_class_and_starts_another(tmp_path: Path) -> None:
    take(tmp_path / "autumn.xlsx", pupils(1, 班级="1班"), AUTUMN)
    report = take(tmp_path / "spring.xlsx", pupils(1, 班级="2班"), NEXT_SPRING)
    assert report.rows["applied"] == 1
    assert class_on(1, NEXT_SPRING - DAY) == ["2024级小1班"]
    assert class_on(1, NEXT_SPRING) == ["2024级小2班"]
    assert Person.objects.get().organisation.name == "2024级小2班"
    assert Detail.objects.count() == 1


def test_a_class_move_within_a_term_keeps_the_first_months(tmp_path: Path) -> None:
    take(tmp_path / "march.xlsx", pupils(1, 班级="1班"), date(2025, 3, 1))
    take(tmp_path / "may.xlsx", pupils(1, 班级="2班"), date(2025, 5, 6))
    assert class_on(1, date(2025, 4, 1)) == ["2024级小1班"]
    assert class_on(1, date(2025, 5, 6)) == ["2024级小2班"]


def test_going_up_a_year_keeps_the_class(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 班级="1班"), NEXT_SPRING)
    take(tmp_path / "2.xlsx", pupils(1, 班级="1班", 年级="二年级"), NEXT_AUTUMN)
    assert class_on(1, NEXT_SPRING) == class_on(1, NEXT_AUTUMN) == ["2024级小1班"]
    assert [e.year for e in Enrolment.objects.order_by("valid_from")] == [1, 2]


# ---- statuses

ORPHANS = ("姓名", "身份证号码", "类别", "监护人", "现居住地")


def orphan(number: int, category: str = "孤儿") -> Row:
    """Return a pupil as the orphans' list writes them."""
    row = dict(zip(HEADER, pupils(number)[0], strict=True))
    return [row["姓名"], row["身份证件号"], category, row["监护人姓名"], row["现住址"]]


def take_orphans(path: Path, rows: list[Row], day: date) -> None:
    """Write an orphans' list and import it as of a day."""
    write_xlsx(path, {"名单": [[*ORPHANS], *rows]})
    (report,) = import_paths([path], day=day, by=by_on(day))
    assert (report.layout, report.refused) == ("orphans", None)


def orphans_on(day: date) -> list[tuple[str, str]]:
    """Return name and category of the orphans of that day."""
    held = dict(queries.statuses(BY, day).filter(kind="orphan").values_list("person_id", "category"))
    found = Detail.objects.filter(person__in=held, retracted_by=None).values_list("name", "person_id").distinct()
    return sorted((name, held[person]) for name, person in found)


def test_a_status_withdrawn_ends_on_the_day_of_the_list(tmp_path: Path) -> None:
    first, second = date(2025, 1, 10), date(2025, 4, 10)
    take_orphans(tmp_path / "1.xlsx", [orphan(1), orphan(2)], first)
    take_orphans(tmp_path / "2.xlsx", [orphan(2)], second)
    assert orphans_on(second - DAY) == sorted([(name_of(1), "孤儿"), (name_of(2), "孤儿")])
    assert orphans_on(second) == [(name_of(2), "孤儿")]


def test_a_status_changed_has_both_categories_in_their_time(tmp_path: Path) -> None:
    take_orphans(tmp_path / "1.xlsx", [orphan(1)], date(2025, 1, 10))
    take_orphans(tmp_path / "2.xlsx", [orphan(1, "事实无人抚养儿童")], date(2025, 4, 10))
    assert orphans_on(date(2025, 4, 9)) == [(name_of(1), "孤儿")]
    assert orphans_on(date(2025, 4, 10)) == [(name_of(1), "事实无人抚养儿童")]


MINIMUM = ("乡镇", "村(社区)", "户主", "成员姓名", "成员身份证号", "与户主关系", "月保障金(元/户)", "保障起始")


def take_minimum(path: Path, numbers: Iterable[int], day: date) -> None:
    """Write a minimum-living list whose households are supported since July 2023, and import it as of a day."""
    rows: list[Row] = []
    for number in numbers:
        row = dict(zip(HEADER, pupils(number)[0], strict=True))
        name = row["姓名"]
        rows.append(["青石镇", "河湾村", name, name, row["身份证件号"], "户主", 480, "2023-07"])
    write_xlsx(path, {"名单": [[*MINIMUM], *rows]})
    (report,) = import_paths([path], day=day, by=by_on(day))
    assert (report.layout, report.refused) == ("minimum_living", None)


def test_a_status_that_was_interrupted_and_names_its_old_start_is_told_once(tmp_path: Path) -> None:
    days = [date(2025, month, 10) for month in (1, 2, 3, 4)]
    for day, numbers in zip(days, ((1, 2), (2,), (1, 2), (1, 2)), strict=True):
        take_minimum(tmp_path / f"{day}.xlsx", numbers, day)
    counts = [queries.statuses(BY, day).count() for day in (date(2023, 7, 1), *days)]
    assert counts == [2, 2, 1, 2, 2]


# ---- what was known when


def test_the_register_is_read_back_for_three_days(tmp_path: Path) -> None:
    for day, numbers in ((SPRING, (1,)), (AUTUMN, (1, 2)), (NEXT_SPRING, (2, 3))):
        take(tmp_path / f"{day}.xlsx", pupils(*numbers), day)
    days = (SPRING - DAY, SPRING, AUTUMN - DAY, AUTUMN, NEXT_SPRING, NEXT_SPRING + DAY)
    read = [on_roll(day) for day in days]
    assert read == [[], names(1), names(1), names(1, 2), names(2, 3), names(2, 3)]


def moment(day: date, hour: int) -> datetime:
    """Return an hour of a day in China."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=CHINA)


def test_what_was_known_at_a_moment_leaves_out_what_came_after(tmp_path: Path) -> None:
    take(tmp_path / "wrong.xlsx", pupils(1, 2), AUTUMN, by_on(AUTUMN, 9))
    take(tmp_path / "right.xlsx", pupils(1, 2, 班级="3班"), AUTUMN, by_on(AUTUMN, 15))
    take(tmp_path / "left.xlsx", pupils(2, 班级="3班"), NEXT_SPRING, by_on(NEXT_SPRING, 9))
    assert on_roll(AUTUMN, moment(AUTUMN, 8)) == []
    assert class_on(1, AUTUMN, moment(AUTUMN, 10)) == ["2024级小2班"]
    assert class_on(1, AUTUMN, moment(AUTUMN, 16)) == ["2024级小3班"]
    assert on_roll(NEXT_SPRING, moment(NEXT_SPRING, 8)) == names(1, 2)
    assert on_roll(NEXT_SPRING, moment(NEXT_SPRING, 10)) == names(2)


def test_what_was_known_between_two_parts_of_a_roll_is_what_the_first_said(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 2, 3, 4), AUTUMN, by_on(AUTUMN))
    take(tmp_path / "2-1.xlsx", pupils(1, 2), NEXT_SPRING, by_on(NEXT_SPRING, 9))
    take(tmp_path / "2-2.xlsx", pupils(3, 4), NEXT_SPRING, by_on(NEXT_SPRING, 12))
    assert on_roll(NEXT_SPRING, moment(NEXT_SPRING, 10)) == names(1, 2)
    assert on_roll(NEXT_SPRING, moment(NEXT_SPRING, 13)) == on_roll(NEXT_SPRING) == names(1, 2, 3, 4)


def test_what_was_known_includes_the_very_moment_of_the_import(tmp_path: Path) -> None:
    take(tmp_path / "roll.xlsx", pupils(1), AUTUMN, by_on(AUTUMN, 23))
    assert on_roll(AUTUMN, moment(AUTUMN, 23)) == names(1)


def test_what_was_known_survives_a_list_that_comes_late(tmp_path: Path) -> None:
    take(tmp_path / "1.xlsx", pupils(1, 班级="1班"), SPRING, by_on(SPRING))
    take(tmp_path / "3.xlsx", pupils(1, 班级="3班"), NEXT_SPRING, by_on(NEXT_SPRING))
    between = moment(NEXT_SPRING + DAY, 12)
    known_then = [class_on(1, day, between) for day in (SPRING, AUTUMN, NEXT_SPRING)]
    take(tmp_path / "2.xlsx", pupils(1, 班级="2班"), AUTUMN, by_on(NEXT_SPRING + 2 * DAY))
    assert [class_on(1, day, between) for day in (SPRING, AUTUMN, NEXT_SPRING)] == known_then
    assert [class_on(1, day) for day in (SPRING, AUTUMN, NEXT_SPRING)] == [
        ["2023级小1班"],
        ["2024级小2班"],
        ["2024级小3班"],
    ]


def test_the_same_file_again_changes_nothing_in_the_register(tmp_path: Path) -> None:
    path = write_roll(tmp_path / "roll.xlsx", pupils(1, 2, 3))
    import_paths([path], day=AUTUMN)
    (again,) = import_paths([path], day=AUTUMN)
    assert (again.rows["applied"], again.rows["unchanged"]) == (0, 3)
    assert (Person.objects.count(), Enrolment.objects.count()) == (3, 3)
