"""Stages and years of schooling, for both 6-3 and 5-4 districts (policy/facts, section 8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bangfu.core.text import half_width, squeeze

HAN_DIGITS = {sign: number for number, sign in enumerate("零一二三四五六七八九十")} | {"两": 2}
KINDERGARTEN = {"托班": 0, "小小班": 0, "小班": 1, "中班": 2, "大班": 3, "学前班": 3}


class Stage(StrEnum):
    """A stage of schooling."""

    KINDERGARTEN = "kindergarten"
    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"
    VOCATIONAL = "vocational"
    COLLEGE = "college"


@dataclass(frozen=True)
class Grade:
    """A stage and the year within it, from 1 (0: before the first kindergarten year)."""

    stage: Stage
    year: int


PREFIXES = (
    (re.compile(r"小学?(?=[一二三四五六\d])"), Stage.PRIMARY),
    (re.compile(r"初中?(?=[一二三四\d])"), Stage.JUNIOR),
    (re.compile(r"高中?(?=[一二三\d])"), Stage.SENIOR),
    (re.compile(r"(?:中职|职高|中专|技工)(?=[一二三四\d])"), Stage.VOCATIONAL),
    (re.compile(r"(?:大学|大专|本科|高职|大)(?=[一二三四五\d])"), Stage.COLLEGE),
)
YEAR = re.compile(r"([一二三四五六七八九十\d]{1,2})(?:年级|年)?")
VOCATIONAL_WORDS = ("职业", "中专", "技工")
# In a school of one stage a plain '一年级' or '1' is that stage's.
ONE_STAGE_SCHOOLS = (
    (("初级中学", "初中"), Stage.JUNIOR),
    (("高级中学", "高中"), Stage.SENIOR),
    (VOCATIONAL_WORDS, Stage.VOCATIONAL),
)
LONGEST_SECOND_STAGE = 4
# Years that a stage may have anywhere: primary 5 or 6, junior 3 or 4.
LONGEST = {
    Stage.KINDERGARTEN: 3,
    Stage.PRIMARY: 6,
    Stage.JUNIOR: 4,
    Stage.SENIOR: 3,
    Stage.VOCATIONAL: 4,
    Stage.COLLEGE: 5,
}
SENIOR_YEARS = 3
SECOND_STAGE_YEARS = {"6-3": (6, 3), "5-4": (5, 4)}


def han_number(text: str) -> int | None:
    """Return a small number written in digits or Chinese (up to 19), or None."""
    if text.isdecimal():
        return int(text)
    if text in HAN_DIGITS:
        return HAN_DIGITS[text]
    ten, unit = text[:1], text[1:]
    return 10 + HAN_DIGITS[unit] if ten == "十" and unit in HAN_DIGITS else None


def read_grade(text: str, schooling: str, school: str = "") -> Grade | None:
    """Return the grade that `text` names ('三年级', '初二', '高中1年级', '大班'), or None.

    '七年级' is counted through by the district's `schooling` ('6-3' or '5-4'); a plain '一年级'
    or '高一' in a vocational or senior school is that school's.
    """
    text = squeeze(half_width(text))
    if text in KINDERGARTEN:
        return Grade(Stage.KINDERGARTEN, KINDERGARTEN[text])
    for prefix, stage in PREFIXES:
        if match := prefix.match(text):
            return _grade(stage, text[match.end() :], school)
    return _grade(None, text, school, schooling)


def _grade(stage: Stage | None, text: str, school: str, schooling: str = "6-3") -> Grade | None:
    found = YEAR.fullmatch(text)
    year = han_number(found[1]) if found else None
    if not year:
        return None
    if stage is None:
        stage = next((only for words, only in ONE_STAGE_SCHOOLS if any(word in school for word in words)), None)
        if stage is None or year > LONGEST_SECOND_STAGE:
            return _counted_through(year, schooling)
    if stage is Stage.SENIOR and any(word in school for word in VOCATIONAL_WORDS):
        stage = Stage.VOCATIONAL
    return Grade(stage, year) if year <= LONGEST[stage] else None


def _counted_through(year: int, schooling: str) -> Grade | None:
    primary, junior = SECOND_STAGE_YEARS[schooling]
    if year <= primary:
        return Grade(Stage.PRIMARY, year)
    if year <= primary + junior:
        return Grade(Stage.JUNIOR, year - primary)
    senior_year = year - primary - junior
    return Grade(Stage.SENIOR, senior_year) if senior_year <= SENIOR_YEARS else None
