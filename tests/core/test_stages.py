"""Stages and years as schools write them, in both kinds of districts."""

from __future__ import annotations

import pytest

from bangfu.core.stages import Grade, Stage, han_number, read_grade

KINDERGARTEN, PRIMARY, JUNIOR, SENIOR, VOCATIONAL, COLLEGE = Stage
VOCATIONAL_SCHOOL = "青石县职业中学(示例)"
SENIOR_SCHOOL = "青石县第一高级中学"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("零", 0),
        ("一", 1),
        ("两", 2),
        ("九", 9),
        ("十", 10),
        ("十一", 11),
        ("十九", 19),
        ("二十", None),
        ("0", 0),
        ("07", 7),
        ("19", 19),
        ("", None),
        ("年", None),
        ("\u00b2", None),  # a superscript two
        ("1.5", None),
        ("-1", None),
    ],
)
def test_a_small_number_is_read_in_both_scripts(text: str, number: int | None) -> None:
    assert han_number(text) == number


@pytest.mark.parametrize(
    ("text", "in_6_3", "in_5_4"),
    [
        ("一年级", Grade(PRIMARY, 1), Grade(PRIMARY, 1)),
        ("五年级", Grade(PRIMARY, 5), Grade(PRIMARY, 5)),
        ("六年级", Grade(PRIMARY, 6), Grade(JUNIOR, 1)),
        ("七年级", Grade(JUNIOR, 1), Grade(JUNIOR, 2)),
        ("九年级", Grade(JUNIOR, 3), Grade(JUNIOR, 4)),
        ("十年级", Grade(SENIOR, 1), Grade(SENIOR, 1)),
        ("十二年级", Grade(SENIOR, 3), Grade(SENIOR, 3)),
        ("十三年级", None, None),
        ("0年级", None, None),
    ],
)
def test_grades_counted_through_follow_the_district(text: str, in_6_3: Grade | None, in_5_4: Grade | None) -> None:
    assert read_grade(text, "6-3") == in_6_3
    assert read_grade(text, "5-4") == in_5_4


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("三年级", Grade(PRIMARY, 3)),
        ("3年级", Grade(PRIMARY, 3)),
        ("3", Grade(PRIMARY, 3)),
        ("03", Grade(PRIMARY, 3)),
        ("3 年级", Grade(PRIMARY, 3)),
        ("小学三年级", Grade(PRIMARY, 3)),
        ("小三", Grade(PRIMARY, 3)),
        ("小六", Grade(PRIMARY, 6)),
        ("小1", Grade(PRIMARY, 1)),
        ("初一", Grade(JUNIOR, 1)),
        ("初中三年级", Grade(JUNIOR, 3)),
        ("初四", Grade(JUNIOR, 4)),
        ("高一", Grade(SENIOR, 1)),
        ("高中1年级", Grade(SENIOR, 1)),
        ("高三", Grade(SENIOR, 3)),
        ("中职一年级", Grade(VOCATIONAL, 1)),
        ("职高二", Grade(VOCATIONAL, 2)),
        ("大一", Grade(COLLEGE, 1)),
        ("大专二年级", Grade(COLLEGE, 2)),
        ("本科4年级", Grade(COLLEGE, 4)),
        ("托班", Grade(KINDERGARTEN, 0)),
        ("小班", Grade(KINDERGARTEN, 1)),
        ("中班", Grade(KINDERGARTEN, 2)),
        ("大 班", Grade(KINDERGARTEN, 3)),
        ("学前班", Grade(KINDERGARTEN, 3)),
    ],
)
def test_a_grade_is_read_as_schools_write_it(text: str, grade: Grade) -> None:
    assert read_grade(text, "6-3") == grade


@pytest.mark.parametrize(
    "text", ["", "年级", "毕业", "2024级", "高2024级", "小七", "初五", "高四", "三年级2班", "三年二班", "-1", "1.5"]
)
def test_what_names_no_grade_is_not_guessed(text: str) -> None:
    assert read_grade(text, "6-3") is None


@pytest.mark.parametrize("text", ["小7年级", "小学12年级", "初5", "初中99年级", "高4", "高中9年级", "中职5年级", "大9"])
def test_a_stage_has_no_more_years_in_digits_than_in_characters(text: str) -> None:
    assert read_grade(text, "6-3") is None


@pytest.mark.parametrize(
    ("text", "school", "grade"),
    [
        ("高一", VOCATIONAL_SCHOOL, Grade(VOCATIONAL, 1)),
        ("高一", SENIOR_SCHOOL, Grade(SENIOR, 1)),
        ("高三", "青石县中专", Grade(VOCATIONAL, 3)),
        ("一年级", "青石镇中心小学校", Grade(PRIMARY, 1)),
        ("一年级", VOCATIONAL_SCHOOL, Grade(VOCATIONAL, 1)),
        ("三年级", VOCATIONAL_SCHOOL, Grade(VOCATIONAL, 3)),
        ("一年级", SENIOR_SCHOOL, Grade(SENIOR, 1)),
    ],
)
def test_a_plain_year_is_of_the_schools_own_stage(text: str, school: str, grade: Grade) -> None:
    assert read_grade(text, "6-3", school) == grade
