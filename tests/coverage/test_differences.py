"""Each difference between lists: where it shows, whose it is by when, and the nearest lists where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from bangfu.coverage.judge import school_age
from bangfu.coverage.reckon import CODES
from tests.conftest import BY
from tests.coverage.lists import (
    AN,
    COUNTY,
    FIRST,
    MEI,
    SECOND,
    TERM,
    Desk,
    Human,
    codes,
    covered,
    gap,
    gaps,
    open_tasks,
    spot,
    task_of,
)

pytestmark = pytest.mark.usefixtures("whole")
OFFICE, OFFICER = "county_bureau", "aid_officer"
Setting = Callable[[Desk], object]

OTHER_ID = Human(AN.name, 901, AN.born).id  # of the same birth, valid, and not near AN's
HEAD = Human(AN.parent, 601, date(1985, 3, 2))
HOME = "H9001"
SHORT_ID = AN.id[:15] + "000"
WRONG_ID = AN.id[:17] + ("1" if AN.id[17] != "1" else "2")
ADULT = Human("罗国栋", 505, date(1980, 12, 30))


def head(**cells: str) -> dict[str, str]:
    """Return the row of the head of a household on the poverty register, whose phone is that of AN's guardian."""
    return HEAD.poor(**{"户编号": HOME, "与户主关系": "户主", "联系电话": AN.phone, "在校生状况": "", **cells})


def both(roll: dict[str, str], poor: dict[str, str]) -> Setting:
    """Return a setting with one pupil's row on a roll and one in the poverty register."""
    return lambda desk: (desk.roll(roll), desk.poor(poor))


@dataclass(frozen=True)
class Shows:
    """A difference that must show: where, beside which other row, and whose it is to settle."""

    code: str
    setting: Setting
    row: str
    other: str = ""
    owner: str = COUNTY
    post: str = OFFICE
    days: int = 14


SHOWS = [
    Shows("on_no_roll", both(MEI.enrolled(), AN.poor(在校生状况="非在校生")), "poor.csv:2", days=3),
    Shows("listed_elsewhere", both(MEI.enrolled(), AN.poor()), "poor.csv:2", days=7),
    Shows(
        "duplicate_enrolment",
        lambda desk: (
            desk.roll(AN.enrolled(), name="a"),
            desk.roll(MEI.enrolled(SECOND), AN.enrolled(SECOND), name="b"),
        ),
        "b.csv:3",
        "a.csv:2",
        days=7,
    ),
    Shows(
        "in_register_not_in_household", both(AN.enrolled(), head()), "roll.csv:2", "poor.csv:2", FIRST, OFFICER, days=7
    ),
    Shows(
        "shared_number",
        both(AN.enrolled(), MEI.poor(证件号码=AN.id, 出生日期="20150506")),
        "roll.csv:2",
        "poor.csv:2",
        FIRST,
        OFFICER,
        days=7,
    ),
    Shows(
        "doubtful_link",
        both(AN.enrolled(), AN.poor(证件号码=OTHER_ID)),
        "roll.csv:2",
        "poor.csv:2",
        FIRST,
        OFFICER,
        days=7,
    ),
    Shows("id_mismatch", both(AN.enrolled(身份证件号=OTHER_ID), AN.poor()), "roll.csv:2", "poor.csv:2", FIRST, OFFICER),
    Shows("id_missing", both(AN.enrolled(身份证件号=""), AN.poor()), "roll.csv:2", "", FIRST, OFFICER),
    Shows("id_checksum", both(AN.enrolled(), AN.poor(证件号码=WRONG_ID)), "poor.csv:2"),
    Shows("id_truncated", both(AN.enrolled(), AN.poor(证件号码=SHORT_ID)), "poor.csv:2"),
    Shows("student_listed_as_labour", both(AN.enrolled(), AN.poor(劳动技能="普通劳动力")), "poor.csv:2"),
    Shows("school_status_blank", both(AN.enrolled(), AN.poor(在校生状况="")), "poor.csv:2"),
    Shows(
        "birth_mismatch",
        both(AN.enrolled(出生日期="2015-05-07"), AN.poor()),
        "roll.csv:2",
        "poor.csv:2",
        FIRST,
        OFFICER,
    ),
    Shows("name_mismatch", both(AN.enrolled(), AN.poor(姓名="程安帮")), "poor.csv:2", "roll.csv:2"),
    Shows(
        "row_repeated",
        lambda desk: (desk.roll(AN.enrolled()), desk.poor(AN.poor(), MEI.poor(), AN.poor(人口编号="M9"))),
        "poor.csv:4",
        "poor.csv:2",
    ),
]


def test_every_code_has_a_case() -> None:
    assert sorted(case.code for case in SHOWS) == sorted(CODES)


@pytest.mark.parametrize("case", SHOWS, ids=lambda case: case.code)
def test_a_difference_shows_once_with_its_rows_owner_day_and_task(desk: Desk, case: Shows) -> None:
    case.setting(desk)
    found = covered()
    shown = gap(case.code)
    assert spot(shown) == (case.row, case.other)
    assert (shown.owner.name, shown.post) == (case.owner, case.post)
    assert shown.due == BY.at.date() + timedelta(days=case.days)
    assert shown.opened_at == BY.at
    task = task_of(shown)
    assert (task.path, task.post, task.due, task.count) == (shown.owner.path, case.post, shown.due, 1)
    assert (task.closed, open_tasks()) == (None, len(gaps()))
    assert found.totals["differences"][case.code] == {"open": 1, "answered": 0}


NOT = {
    "on_no_roll": {
        "enrolled": both(AN.enrolled(), AN.poor(在校生状况="非在校生")),
        "adult": both(MEI.enrolled(), ADULT.poor(在校生状况="")),
        "said to be in school": both(MEI.enrolled(), AN.poor(在校生状况="小学三年级")),
        "one of two registers says where": lambda desk: (desk.poor(AN.poor()), desk.disabled(AN.disabled())),
    },
    "listed_elsewhere": {
        "stage alone is no year": both(MEI.enrolled(), AN.poor(在校生状况="小学")),
        "enrolled": both(AN.enrolled(), AN.poor()),
        "adult": both(MEI.enrolled(), ADULT.poor(在校生状况="大学")),
    },
    "duplicate_enrolment": {
        "one school": lambda desk: desk.roll(AN.enrolled(), MEI.enrolled(SECOND)),
        "left the first school": lambda desk: (
            desk.roll(AN.enrolled(), MEI.enrolled(), name="a"),
            desk.roll(AN.enrolled(SECOND), name="b"),
            desk.roll(MEI.enrolled(), name="c", day=TERM + timedelta(days=1)),
        ),
        "two namesakes": lambda desk: desk.roll(AN.enrolled(), Human(AN.name, 702, date(2014, 1, 9)).enrolled(SECOND)),
        "roll and register": both(AN.enrolled(), AN.poor()),
    },
    "in_register_not_in_household": {
        "other phone": both(AN.enrolled(), head(联系电话="13999999999")),
        "no phone": both(AN.enrolled(监护人电话=""), head(联系电话="")),
        "other name": both(AN.enrolled(监护人姓名="程天啸"), head()),
        "no head": both(AN.enrolled(), head(与户主关系="配偶")),
        "listed there": lambda desk: (desk.roll(AN.enrolled()), desk.poor(head(), AN.poor(户编号=HOME))),
        "listed there in another household": lambda desk: (desk.roll(AN.enrolled()), desk.poor(head(), AN.poor())),
    },
    "shared_number": {
        "one name": both(AN.enrolled(), AN.poor()),
        "two numbers": both(AN.enrolled(), MEI.poor()),
        "a name that sounds the same": both(AN.enrolled(), AN.poor(姓名="程安帮")),
    },
    "doubtful_link": {
        "one number": both(AN.enrolled(), AN.poor()),
        "two numbers and another birth": both(AN.enrolled(), Human(AN.name, 702, date(2014, 1, 9)).poor()),
    },
    "id_mismatch": {
        "equal": both(AN.enrolled(), AN.poor()),
        "wrong check digit": both(AN.enrolled(), AN.poor(证件号码=WRONG_ID)),
        "cut by a number cell": both(AN.enrolled(), AN.poor(证件号码=SHORT_ID)),
        "two people": both(AN.enrolled(), MEI.poor()),
        "a temporary roll number": both(AN.enrolled(学籍号=f"J{OTHER_ID}"), AN.poor()),
    },
    "id_missing": {
        "there": both(AN.enrolled(), AN.poor()),
        "passport": both(AN.enrolled(身份证件类型="护照", 身份证件号="E12345678"), MEI.poor()),
    },
    "id_checksum": {
        "right": both(AN.enrolled(), AN.poor()),
        "missing": both(AN.enrolled(身份证件号=""), AN.poor()),
        "cut by a number cell": both(AN.enrolled(), AN.poor(证件号码=SHORT_ID)),
        "passport": both(AN.enrolled(身份证件类型="护照", 身份证件号="E12345678"), MEI.poor()),
        "lower case and spaces": both(AN.enrolled(), AN.poor(证件号码=f" {AN.id.lower()} ")),
    },
    "id_truncated": {
        "whole": both(AN.enrolled(), AN.poor()),
        "wrong check digit": both(AN.enrolled(), AN.poor(证件号码=WRONG_ID)),
    },
    "student_listed_as_labour": {
        "no labour": both(AN.enrolled(), AN.poor(劳动技能="无劳动力")),
        "blank": both(AN.enrolled(), AN.poor(劳动技能="")),
        "no pupil": both(MEI.enrolled(), ADULT.poor(劳动技能="普通劳动力")),
    },
    "school_status_blank": {
        "filled": both(AN.enrolled(), AN.poor(在校生状况="小学三年级")),
        "says that he is not": both(AN.enrolled(), AN.poor(在校生状况="非在校生")),
        "adult": both(MEI.enrolled(), ADULT.poor(在校生状况="")),
        "small child on no roll": both(MEI.enrolled(), Human("武俊豪", 303, date(2020, 3, 17)).poor(在校生状况="")),
        "a list without the column": lambda desk: (desk.roll(AN.enrolled()), desk.disabled(AN.disabled())),
    },
    "birth_mismatch": {
        "equal": both(AN.enrolled(), AN.poor()),
        "blank": both(AN.enrolled(出生日期=""), AN.poor()),
        "a list without births": lambda desk: (desk.roll(AN.enrolled()), desk.minimum(AN.low())),
        "two people": both(AN.enrolled(), MEI.poor()),
    },
    "name_mismatch": {
        "equal": both(AN.enrolled(), AN.poor()),
        "dots and spaces": both(AN.enrolled(姓名="阿依·古丽"), AN.poor(姓名="阿依 古丽")),
        "a sign lost in the only list": lambda desk: desk.roll(AN.enrolled(姓名="程安?")),
        "a sign lost in both": both(AN.enrolled(姓名="程安?"), AN.poor(姓名="程安?")),
        "two people": both(AN.enrolled(), MEI.poor()),
    },
    "row_repeated": {
        "two lists": lambda desk: (desk.poor(AN.poor()), desk.minimum(AN.low())),
        "two schools": lambda desk: desk.roll(AN.enrolled(), AN.enrolled(SECOND)),
        "twins": lambda desk: desk.poor(AN.poor(), Human("程安定", 103, AN.born, AN.parent).poor()),
    },
}


def test_every_code_has_its_nearest_lists() -> None:
    assert sorted(NOT) == sorted(CODES)


@pytest.mark.parametrize(
    ("code", "setting"),
    [pytest.param(code, setting, id=f"{code}-{why}") for code, near in NOT.items() for why, setting in near.items()],
)
def test_a_difference_does_not_show_in_the_nearest_lists(desk: Desk, code: str, setting: Setting) -> None:
    setting(desk)
    found = covered()
    assert code not in codes()
    assert code not in found.totals["differences"]


@pytest.mark.parametrize("first", ["roll", "poor"])
def test_a_name_with_a_lost_sign_gives_way_to_the_name_of_another_list(desk: Desk, first: str) -> None:
    takes = [lambda: desk.roll(AN.enrolled(姓名="程安?")), lambda: desk.poor(AN.poor())]
    for take in takes if first == "roll" else takes[::-1]:
        take()
    covered()
    assert spot(gap("name_mismatch")) == ("roll.csv:2", "poor.csv:2")


def test_the_id_in_the_roll_number_goes_before_the_id_beside_it(desk: Desk) -> None:
    enrolled_under = Human(AN.name, 901, AN.born)
    desk.roll(enrolled_under.enrolled(身份证件号=AN.id))
    covered()
    assert (codes(), spot(gap("id_mismatch"))[0]) == (["id_mismatch"], "roll.csv:2")


@pytest.mark.parametrize("labour", ["普通劳动力", "技能劳动力", "弱劳动力或半劳动力"])
def test_every_kind_of_labour_is_strange_in_a_pupil(desk: Desk, labour: str) -> None:
    both(AN.enrolled(), AN.poor(劳动技能=labour))(desk)
    covered()
    assert codes() == ["student_listed_as_labour"]


def test_lists_that_agree_differ_in_nothing(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled(SECOND))
    desk.poor(AN.poor(), MEI.poor())
    desk.minimum(AN.low())
    desk.disabled(MEI.disabled())
    desk.orphans(MEI.orphan())
    covered()
    assert (codes(), open_tasks()) == ([], 0)


def test_a_difference_in_three_schools_shows_once_for_each_further_one(desk: Desk) -> None:
    third = {"学校标识码": "2199900003", "学校名称": "红石镇中心小学校"}
    for name, row in (("a", AN.enrolled()), ("b", AN.enrolled(SECOND)), ("c", AN.enrolled(**third))):
        desk.roll(row, name=name)
    found = covered()
    spots = [spot(shown) for shown in gaps("duplicate_enrolment")]
    assert spots == [("b.csv:2", "a.csv:2"), ("c.csv:2", "a.csv:2")]
    assert found.totals["rolls"] == {"rows": 3, "pupils": 1, "in_a_further_school": 2, "repeated": 0}


def test_a_pupil_twice_on_one_roll_is_repeated_and_not_in_two_schools(desk: Desk) -> None:
    desk.roll(AN.enrolled(), MEI.enrolled(), AN.enrolled(学籍号=f"J{OTHER_ID}"))
    found = covered()
    assert (codes(), spot(gap("row_repeated"))) == (["row_repeated"], ("roll.csv:4", "roll.csv:2"))
    assert found.totals["rolls"] == {"rows": 3, "pupils": 2, "in_a_further_school": 0, "repeated": 1}
    assert found.totals["pupils"]["in_conflict"] == 0


def test_a_pupil_twice_on_one_roll_and_once_on_another_is_in_two_schools_once(desk: Desk) -> None:
    desk.roll(AN.enrolled(), AN.enrolled(学籍号=f"J{OTHER_ID}"), name="a")
    desk.roll(AN.enrolled(SECOND), name="b")
    found = covered()
    assert codes() == ["duplicate_enrolment", "row_repeated"]
    assert spot(gap("duplicate_enrolment")) == ("b.csv:2", "a.csv:2")
    assert found.totals["rolls"] == {"rows": 3, "pupils": 1, "in_a_further_school": 1, "repeated": 1}


def test_one_number_under_two_names_of_one_list_is_two_people_until_somebody_says_otherwise(desk: Desk) -> None:
    desk.poor(AN.poor(), MEI.poor(证件号码=AN.id, 出生日期="20150506"))
    desk.minimum(AN.low())
    covered()
    assert spot(gap("shared_number")) == ("poor.csv:2", "poor.csv:3")
    assert "row_repeated" not in codes()


# ---- school age


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2024, 9, 1), date(2009, 9, 2), date(2018, 8, 31)),
        (date(2025, 2, 15), date(2010, 2, 16), date(2018, 8, 31)),
        (date(2024, 8, 30), date(2009, 8, 31), date(2017, 8, 31)),
        (date(2024, 8, 31), date(2009, 9, 1), date(2017, 8, 31)),
        (date(2025, 7, 31), date(2010, 8, 1), date(2018, 8, 31)),
        (date(2024, 2, 28), date(2009, 3, 1), date(2017, 8, 31)),
        (date(2024, 2, 29), date(2009, 3, 1), date(2017, 8, 31)),
    ],
)
def test_school_age_is_from_six_by_the_end_of_august_until_the_day_before_the_fifteenth_birthday(
    day: date, first: date, last: date
) -> None:
    ages = school_age(day)
    assert (ages.first, ages.last) == (first, last)


@pytest.mark.parametrize(
    ("born", "day", "must"),
    [
        (date(2018, 8, 31), date(2025, 2, 17), True),
        (date(2018, 9, 1), date(2025, 2, 17), False),
        (date(2010, 2, 15), date(2025, 2, 17), False),  # fifteen on the term's first day
        (date(2010, 2, 16), date(2025, 2, 17), True),
        (date(2010, 2, 16), date(2025, 7, 15), True),  # what holds on the term's first day holds for the term
        (date(2018, 9, 1), date(2025, 8, 31), False),
        (date(2018, 9, 1), date(2025, 9, 1), True),
        (date(2019, 8, 31), date(2025, 8, 31), False),
        (date(2019, 8, 31), date(2025, 9, 1), True),
        (date(2019, 9, 1), date(2025, 9, 1), False),
    ],
)
def test_who_is_on_no_roll_is_asked_about_only_at_school_age(desk: Desk, born: date, day: date, must: bool) -> None:
    desk.roll(MEI.enrolled())
    desk.poor(Human("程安邦", 101, born).poor(在校生状况="非在校生"))
    found = covered(day)
    assert (len(gaps("on_no_roll")), found.totals["children"]["of_school_age"]) == (must, must)
