"""The example county, all 25 files of it, against the truth that it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from pytest_django.plugin import DjangoDbBlocker

from bangfu.audit import checks as trail
from bangfu.audit import keys
from bangfu.core.calendars import calendar_for
from bangfu.intake import checks as intake
from bangfu.intake.report import Report
from bangfu.registry import checks as registry
from bangfu.registry.models import Absence, Detail, MealDays, Organisation, SourceRow, StaffPost, Status
from tests.conftest import import_paths, installation

COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county"
FILES = sorted((COUNTY / "in").iterdir())
TRUTH: dict[str, Any] = json.loads((COUNTY / "truth.json").read_text(encoding="utf-8"))
Row = tuple[str, int]
# Rows whose name or number the office wrote down wrong, so that the register must say something else.
WRONG_NAME = ("roll_wrong_name", "poverty_wrong_name", "poverty_rare_char")
WRONG_ID = ("roll_wrong_id", "poverty_wrong_id", "dibao_wrong_id")
NO_ID = ("roll_no_id", "dibao_no_id")


pytestmark = pytest.mark.django_db  # the test database is made only for tests that say so


@pytest.fixture(scope="module")
def reports(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Report]]:
    """Import the county once for all tests of this module; undone after the last."""
    home = tmp_path_factory.mktemp("county") / "bangfu-home"
    with django_db_blocker.unblock(), transaction.atomic(), installation(home):
        yield import_paths(FILES)
        transaction.set_rollback(True)


def planted(*problems: str) -> set[Row]:
    """Return the rows in which these problems were planted."""
    return {(file, row) for problem in problems for file, row, _ in TRUTH["planted"][problem]}


def rows(state: str) -> dict[Row, int | None]:
    """Return the rows that are in this state, each with its person."""
    found = SourceRow.objects.filter(state=state).values_list("file__name", "row", "person_id")
    return {(Path(name).name, row): person for name, row, person in found}


def people() -> dict[Row, dict[str, str]]:
    """Return who each row of a list of people is, by the truth."""
    return {
        (file, int(row)): TRUTH["person"][str(person)]
        for file, persons in TRUTH["rows"].items()
        for row, person in persons.items()
    }


def details() -> dict[Row, Detail]:
    """Return what the register says of the person in each row of a list of people."""
    found = Detail.objects.filter(retracted_by=None, valid_until=None).select_related("source__file")
    by_row = {(Path(d.source.file.name).name, d.source.row): d for d in found}
    return {place: detail for place, detail in by_row.items() if place[0] in TRUTH["rows"]}


def number(detail: Detail) -> str:
    """Return a person's ID, opened."""
    if detail.id_number is None:
        return ""
    return keys.current().open_text("registry_detail", "id_number", detail.pk, bytes(detail.id_number))


# ---- every row accounted for


def test_all_files_are_read_and_nothing_is_held(reports: list[Report]) -> None:
    assert len(reports) == len(FILES) == 25
    assert [report.file for report in reports if report.refused] == []
    assert [(report.file, report.problems) for report in reports if report.problems] == []
    for report in reports:
        counts = report.rows
        assert counts["held"] == counts["unchanged"] == 0
        assert counts["read"] == counts["applied"] + counts["noise"]


def test_every_row_of_a_person_is_applied_with_a_person(reports: list[Report]) -> None:
    applied = {row: person for row, person in rows("applied").items() if row[0] in TRUTH["rows"]}
    assert applied.keys() == people().keys()
    assert [row for row, person in applied.items() if person is None] == []


def test_the_noise_is_the_noise_and_nothing_else_is(reports: list[Report]) -> None:
    noise = {(file, row) for file, found in TRUTH["noise_rows"].items() for row in found}
    assert rows("noise").keys() == noise
    assert rows("held") == {}
    assert rows("unchanged") == {}


def test_every_list_is_of_its_term_or_month(reports: list[Report]) -> None:
    days = {Path(report.file).name: report.day for report in reports}
    assert days["城乡低保名单(民政局)2025年1月.xls"] == date(2025, 1, 1)
    spring = {name: day for name, day in days.items() if "民政局)2025" not in name}
    first = date.fromisoformat(TRUTH["day"])
    assert {name for name, day in spring.items() if not day or not first <= day <= date(2025, 2, 28)} == set()


# ---- the right values


def test_every_persons_name_is_right(reports: list[Report]) -> None:
    wrong = planted(*WRONG_NAME)
    truth, found = people(), details()
    assert found.keys() == truth.keys()
    assert {row for row, person in truth.items() if found[row].name != person["name"]} == wrong


def test_every_persons_birth_is_right_where_the_list_states_it(reports: list[Report]) -> None:
    truth, found = people(), details()
    stated = {row: detail.birth for row, detail in found.items() if detail.birth}
    assert {row[0][:2] for row in stated} == {"学籍", "脱贫"}
    assert len(stated) == sum(len(TRUTH["rows"][file]) for file in TRUTH["rows"] if file[:2] in {"学籍", "脱贫"})
    assert {row for row, birth in stated.items() if birth != date.fromisoformat(truth[row]["birth"])} == set()


def test_every_persons_number_is_right_or_its_state_says_what_is_wrong(reports: list[Report]) -> None:
    truth, found = people(), details()
    wrong, none, cut = planted(*WRONG_ID), planted(*NO_ID), planted("roll_numeric_id")
    for row, detail in found.items():
        whole = truth[row]["id"]
        if row in none:
            assert (number(detail), detail.id_state) == ("", "missing"), row
        elif row in cut - wrong:
            assert (number(detail), detail.id_state) == (whole[:15] + "000", "truncated"), row
        elif row in wrong:
            assert number(detail) != whole, row
            assert detail.id_state in {"checksum", "malformed", "truncated"}, row
        else:
            assert (number(detail), detail.id_state) == (whole, "ok"), row


@pytest.mark.parametrize("problem", ["roll_spaced_name", "roll_fullwidth_id", "dibao_15_digit_id"])
def test_what_only_looks_odd_is_read_right(reports: list[Report], problem: str) -> None:
    truth, found = people(), details()
    odd = planted(problem) - planted(*WRONG_NAME, *WRONG_ID, *NO_ID, "roll_numeric_id")
    assert odd
    for row in odd:
        assert (found[row].name, number(found[row])) == (truth[row]["name"], truth[row]["id"])


# ---- the totals


def test_lists_have_as_many_standings_as_rows(reports: list[Report]) -> None:
    kinds = {"minimum_living": "城乡低保", "disabled": "持证残疾人", "orphan": "孤儿"}
    for kind, start in kinds.items():
        listed = sum(len(found) for file, found in TRUTH["rows"].items() if file.startswith(start))
        assert Status.objects.filter(kind=kind, retracted_by=None).count() == listed > 0


def test_absences_and_meal_days_add_up(reports: list[Report]) -> None:
    absences = next(report for report in reports if report.layout == "absences")
    assert absences.rows == {"read": 5823, "applied": 5823, "unchanged": 0, "held": 0, "noise": 0}
    assert Absence.objects.filter(retracted_by=None).count() == 5823
    meals = MealDays.objects.filter(retracted_by=None)
    assert meals.aggregate(days=Sum("days"))["days"] == TRUTH["meal_days"] == 267_459


def test_nobody_ate_or_was_away_on_more_days_than_there_were(reports: list[Report]) -> None:
    calendar = calendar_for("武胜县")
    school_days = calendar.school_days(calendar.term("2025-spring"))
    assert len(school_days) == TRUTH["school_days"]
    most = MealDays.objects.values("person").annotate(days=Sum("days")).order_by("-days")[0]["days"]
    assert most <= len(school_days)
    assert set(Absence.objects.values_list("valid_from", flat=True)) <= set(school_days)


def test_the_staff_are_all_there(reports: list[Report]) -> None:
    staff = StaffPost.objects.filter(retracted_by=None)
    assert staff.count() == TRUTH["staff"]["all"] == 440
    assert staff.filter(in_hardship=True).count() == TRUTH["staff"]["in_hardship"]
    start = date.fromisoformat(TRUTH["day"])
    retiring = staff.filter(retires__lt=start.replace(year=start.year + 3))
    assert retiring.count() == TRUTH["staff"]["retire_within_3_years"]


def test_the_tree_has_one_county_and_its_schools(reports: list[Report]) -> None:
    assert Organisation.objects.filter(kind="school").count() == TRUTH["schools"]
    assert [*Organisation.objects.filter(kind="county").values_list("name", flat=True)] == ["武胜县"]
    named = {person["village"] for person in people().values()}
    assert named <= set(Organisation.objects.filter(kind="village").values_list("name", flat=True))


# ---- whole, and the same again


def test_every_invariant_holds(reports: list[Report]) -> None:
    for check in (trail.trail, registry.cells, registry.files, registry.facts, intake.held_rows):
        assert list(check()) == []


def test_the_same_files_again_change_nothing(reports: list[Report]) -> None:
    facts = [Detail, Status, Absence, MealDays, StaffPost, Organisation]
    before = [model._default_manager.count() for model in facts]
    again = import_paths(FILES[::-1])[::-1]
    assert [report.rows["unchanged"] for report in again] == [report.rows["applied"] for report in reports]
    assert {report.rows["applied"] + report.rows["held"] for report in again} == {0}
    assert [model._default_manager.count() for model in facts] == before


def test_the_same_rows_in_files_saved_anew_change_nothing(reports: list[Report], tmp_path: Path) -> None:
    """Other bytes, so nothing is taken as known: every row is compared."""
    texts = [path for path in FILES if path.suffix == ".csv"]
    copies = [tmp_path / path.name for path in texts]
    for path, copy in zip(texts, copies, strict=True):
        copy.write_bytes(path.read_bytes() + b"\r\n")
    again = import_paths(copies)
    first = {Path(report.file).name: report.rows["applied"] for report in reports}
    assert [report.rows["unchanged"] for report in again] == [first[path.name] for path in texts]
    assert {report.rows["applied"] + report.rows["held"] for report in again} == {0}
