"""Invents a county: households, schools and registers with the mistakes that offices make, and who each row is.

python -m tests.invented TARGET --pupils 5000 --seed 2

Every share below was counted on the example county (`examples/county`), whose files these resemble in all but size.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]
import xlwt  # type: ignore[import-untyped]

DAY = date(2025, 2, 17)
YEAR_DAYS = 365.25
COUNTY, AREA = "武胜县", "511622"
OTHER_AREAS, ELSEWHERE_BORN = ("500117", "330113", "513021", "511621", "321119", "412723"), 0.07
Cell = str | int | float | date | None


def words(text: str) -> list[str]:
    """Return the words between blanks."""
    return text.split()


# ---------------------------------------------------------------- names

SURNAMES = words(
    "王 李 张 陈 杨 刘 赵 黄 周 吴 徐 孙 马 罗 朱 胡 林 郭 何 梁 宋 郑 谢 高 唐 冯 邓 许 曹 韩 曾 余 萧 董 叶 魏 "
    "蒋 袁 姚 钟 田 潘 蔡 杜 程 贾 苏 汪 彭 傅 任 姜 吕 沈 江 尹 卢 于 阎 廖 方 段 陆 丁 韦 戴 石 严 秦 范 龙 白 "
    "欧阳 侯 万 崔 孟 龚 史 夏 邹 谭 詹 顾 薛 金 司马 覃 雷 熊 陶 黎 邱 武 邵 毛 钱 章 贺 郝"
)
# The first surname is some 25 times as frequent as the hundredth.
SURNAME_WEIGHTS = [1 / (rank + 7) - 0.003 for rank in range(len(SURNAMES))]
MALE = "军伟梓鑫涛帆国斌文志华欢健轩宁子豪洋瑞勇鹏晨飞睿建刚宇宏嘉阳帅浩航波毅明杰龙涵鸿辉俊超磊强林旭坤博凯平泽"
FEMALE = "思娟桂英颖红雨紫露瑶欣琪晴嫣玉丽萍婷艳萱佳洁梓敏霞悦兰倩燕慧馨可蕾梦琳涵娜梅诗玲莹秀雪怡彤静雅薇芳"
RARE, RARE_NAMES = "𫍯㛃䶮", 0.0045
PEOPLES, MINORITY, DOT, DOTS, REGISTER_DOT = ("吉克", "沙马", "阿依", "买买提"), 0.0067, "·", "·・•．", "•"
ONE_SIGN = 0.152
HOMOPHONES = dict(zip("张佳宇雨梅浩睿燕志", "章嘉雨宇美昊瑞艳智", strict=True))
PLACE_FIRST = "石万永沿真中鼓龙双红新金大小高平长柏桥凉天三土观东西南北青黄清白太飞赛烈乐礼华街胜猛宝旧"
PLACE_LAST = "盘隆胜口静明匠岩寨滩林坪亭溪池桥音园湾竹井河星鼓庙坝堰垭塘岭峰湖坡梁沟洞田"
NUMERALS = "一二三四五六七八九"

# ---------------------------------------------------------------- households (ages in years on DAY)

VILLAGES_A_TOWNSHIP, PUPILS_A_TOWNSHIP, PUPILS_A_SENIOR_HIGH = 4, 666, 2330
POOR_TOWNSHIPS, POOR_HOUSEHOLDS = 6 / 7, (54, 81)
HEAD_AGE, SPOUSE_AGE, PARENT_AGE, CHILD_AGE = (30, 57), (28, 55), (60, 89), (1, 20)
OLD_HEAD, OLD_HEAD_AGE, OLD_SPOUSE_AGE = 0.12, (67, 83), (62, 81)
MALE_HEAD, SAME_BIRTH = 0.846, 0.01
SPOUSE = {"other": 0.905, "poor": 0.617, "old": 0.43}
PARENT = {"other": 0.298, "poor": 0.237, "old": 0.29}
CHILDREN = {
    "other": (0.123, 0.458, 0.353, 0.066),
    "poor": (0.107, 0.463, 0.358, 0.072),
    "old": (0.63, 0.18, 0.16, 0.03),
}
MONITORED = {True: 0.075, False: 0.0084}
MONITORED_AS = {True: ("突发严重困难户", "脱贫不稳定户"), False: ("突发严重困难户", "边缘易致贫户")}
MINIMUM_LIVING = {True: 0.28, False: 0.0205}
DISABLED = {True: 0.072, False: 0.018}
DISABILITIES, LEVELS = words("视力 听力 言语 肢体 智力 精神 多重"), words("一级 二级 三级 四级")
ORPHAN, ORPHAN_AGE = 0.0059, (3.5, 19)
ORPHAN_KINDS = {"事实无人抚养儿童": 0.62, "孤儿": 0.38}

# ---------------------------------------------------------------- schools

LEVEL_NAMES = {"kindergarten": "中心幼儿园", "primary": "中心小学校", "junior": "初级中学"}
GRADES = words("小班 中班 大班 一年级 二年级 三年级 四年级 五年级 六年级 初一 初二 初三 高一 高二 高三")
YEARS = {"kindergarten": 3, "primary": 6, "junior": 3, "senior": 3}
LEVEL_OF_GRADE = [level for level, years in YEARS.items() for _ in range(years)]
ENTRY_YEARS = [2024 - year for years in YEARS.values() for year in range(years)]
YOUNGEST_COHORT, COHORT_MONTH = 2021, 9
# Of compulsory age is who was six by the last 31 August (6.4668 years before the day) and is not yet fifteen.
SCHOOL_AGE, COMPULSORY_AGE = (3.5, 18.4), (6.4655, 15)
NOT_ENROLLED = {"kindergarten": 0.275, "primary": 0.02, "junior": 0.02, "senior": 0.142}
POOR_NOT_ENROLLED, SCHOOL_ELSEWHERE = 0.042, 0.55
OWN_PRIMARY = 0.47  # the others of a small township go to the large one beside it
BOARDING = {"kindergarten": 0.0, "primary": 0.125, "junior": 0.55, "senior": 0.535}
LEFT_BEHIND, DISABILITY_ON_ROLL, CLASSES, GROUPS = 0.193, 0.68, 3, 12
HEADER = words(
    "序号 学校标识码 学校名称 学籍号 姓名 性别 出生日期 身份证件类型 身份证件号 民族 年级 班级 入学年月 是否住宿生 "
    "是否留守儿童 残疾类型 户籍地址 现住址 监护人姓名 监护人电话"
)
RENAMED = {"学籍号": "全国学籍号", "身份证件号": "身份证号", "是否住宿生": "寄宿", "监护人电话": "联系电话"}
ROLL_NUMBER, ID, LAST_GROUP = 3, 8, 16
NAME_FIRST = (0, 1, 2, 4, 5, 3, *range(6, 20))
DATE_STYLES = ("/", "/", "年", "8", "-", ".", "cell")
HEADER_EVERY, WIDE = 60, 24
LOST_DIGITS = 15  # a number cell keeps so many

# ---------------------------------------------------------------- mistakes (share of the rows that can have them)

ROLL_ID = {"roll_no_id": 0.0115, "roll_fullwidth_id": 0.0206, "roll_wrong_id": 0.0083}
ROLL_WRONG_NAME, ROLL_SPACED_NAME, TWO_SCHOOLS, ROW_TWICE = 0.013, 0.019, 0.0082, 0.003
POVERTY_WRONG_NAME, POVERTY_WRONG_ID, STUDENT_LABOUR = 0.023, 0.0134, 0.02
MINIMUM_ID = {"dibao_wrong_id": 0.035, "dibao_no_id": 0.025}
OLD_ID, OLD_ID_BEFORE = 0.025, 1966
WRONG_DIGIT = (6, 15)

# ---------------------------------------------------------------- registers

POVERTY_FILE, MINIMUM_FILE = "脱贫户及监测对象人员信息(农业农村局).xlsx", "城乡低保名单(民政局)2025年1月"
DISABLED_FILE, ORPHAN_FILE = "持证残疾人(残联).csv", "孤儿和事实无人抚养儿童(民政局).xlsx"
POVERTY_HEADER = words(
    "县 乡 村 户编号 人口编号 姓名 证件类型 证件号码 与户主关系 户主姓名 户主证件号码 户类型 性别 出生日期 民族 "
    "文化程度 在校生状况 义务教育阶段未上学原因 健康状况 劳动技能 务工时间(月) 务工所在地 监测对象类别 风险是否已消除 "
    "联系电话"
)
MINIMUM_HEADER = words("序号 乡镇 村(社区) 户主 成员姓名 成员身份证号 与户主关系 月保障金(元/户) 保障起始")
DISABLED_HEADER = words("姓名 残疾人证号 残疾类别 残疾等级 乡镇 村 监护人")
ORPHAN_HEADER = words("姓名 身份证号码 类别 监护人 现居住地 备注")
AMOUNTS, MINIMUM_SINCE, XLS_ROWS = (360, 480, 620, 755), "2023-07", 65_536
CERTIFICATE_AS_ID = 1 / 3
SKILLS = {"普通劳动力": 0.43, "技能劳动力": 0.22, "弱劳动力或半劳动力": 0.18, "丧失劳动力": 0.17}
WORKING_AGE, WORKS, WORKERS = (16, 75), 0.67, ("普通劳动力", "技能劳动力")
WORK_PLACES = {"浙江省": 0.29, "重庆市": 0.26, "广东省": 0.25, "县内": 0.2}
SCHOOLED_AGE = 12
REGISTER_GRADES = ["学前教育"] * 3 + words(
    "小学1年级 小学2年级 小学3年级 小学4年级 小学5年级 小学6年级 "
    "初中1年级 初中2年级 初中3年级 高中1年级 高中2年级 高中3年级"
)


class Dice(Random):
    """Chances that a seed repeats."""

    def chance(self, share: float) -> bool:
        """Tell whether a thing of this share happens."""
        return self.random() < share

    def one_of(self, shares: Mapping[str, float]) -> str:
        """Return one of the words by their shares."""
        return self.choices(list(shares), list(shares.values()))[0]

    def mistake(self, shares: Mapping[str, float]) -> str:
        """Return one of the words by their shares of all; mostly none."""
        return self.one_of({**shares, "": 1 - sum(shares.values())})


@dataclass
class School:
    """A school, and in which way its roll is written."""

    number: int
    name: str
    level: str
    date_style: str
    rows: list[RollRow] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of its roll."""
        return f"学籍-{self.name}.xlsx"

    def every(self, step: int, at: int) -> bool:
        """Tell whether this school is one of every `step`."""
        return self.number % step == at

    @property
    def numeric_ids(self) -> bool:
        """Whether IDs were typed into number cells."""
        return self.every(16, 6)

    @property
    def renamed(self) -> bool:
        """Whether the second set of column names is used."""
        return self.every(2, 0)


@dataclass
class Township:
    """A township: its villages, and where its children go to school."""

    name: str
    villages: list[str]
    schools: dict[str, dict[int, float]] = field(default_factory=dict)  # level: number of the school: share


@dataclass(eq=False)
class Household:
    """People who live together."""

    number: int
    township: Township
    village: str
    surname: str
    poor: bool
    phone: str
    monitored: str | None
    minimum: bool
    people: list[Person] = field(default_factory=list)

    @property
    def head(self) -> Person:
        """The first of them."""
        return self.people[0]

    @property
    def registered(self) -> bool:
        """Whether the poverty register has the household."""
        return self.poor or self.monitored is not None

    @property
    def place(self) -> str:
        """Township and village."""
        return self.township.name + self.village


@dataclass(eq=False)
class Person:
    """One human being as he is; what the files say may differ."""

    number: int
    name: str
    male: bool
    birth: date
    id: str
    role: str
    household: Household
    grade: int | None = None
    elsewhere: bool = False
    disability: tuple[int, int] | None = None
    orphan: str | None = None

    @property
    def age(self) -> float:
        """Years on the day."""
        return (DAY - self.birth).days / YEAR_DAYS

    @property
    def sex(self) -> str:
        """As the files write it."""
        return "男" if self.male else "女"


@dataclass
class RollRow:
    """A pupil's row, and what is wrong with it."""

    person: Person
    cells: list[Cell]
    problems: list[str]
    order: tuple[int, int] = (0, 0)


@dataclass
class Truth:
    """Who each row is, and which mistakes were planted."""

    rows: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    noise_rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    planted: dict[str, list[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(list))
    header_row: dict[str, int] = field(default_factory=dict)

    def note(self, file: str, row: int, person: Person, problems: Iterable[str] = ()) -> None:
        """Note whose row this is, counted from 1, and its mistakes."""
        self.rows[file][row] = person.number
        for problem in problems:
            self.planted[problem].append((file, row, person.number))


class County:
    """Everybody and every school."""

    def __init__(self, pupils: int, seed: int) -> None:
        self.dice = Dice(seed)
        self.ids: set[str] = set()
        self.households: list[Household] = []
        self.people: list[Person] = []
        self.enrolled = 0
        self.schools: list[School] = []
        self.townships = list(self._townships(max(3, round(pupils / PUPILS_A_TOWNSHIP))))
        self._senior_highs(max(1, round(pupils / PUPILS_A_SENIOR_HIGH)))
        for township in self.townships[: round(len(self.townships) * POOR_TOWNSHIPS)]:
            for _ in range(self.dice.randint(*POOR_HOUSEHOLDS)):
                self._settle(township, township.villages[0], poor=True)
        while self.enrolled < pupils:
            township = self.dice.choice(self.townships)
            self._settle(township, self.dice.choice(township.villages), poor=False)

    # Places

    def _townships(self, count: int) -> Iterator[Township]:
        """Large townships, a small one beside each, and the county town as the last."""
        pairs = [first + last for first in PLACE_FIRST for last in PLACE_LAST if first != last]
        names = self.dice.sample(pairs, count * (1 + VILLAGES_A_TOWNSHIP))
        large = Township("", [])
        for index in range(count):
            first, *rest = names[index * len(names) // count :][: 1 + VILLAGES_A_TOWNSHIP]
            town = index == count - 1
            kind = "镇" if town or self.dice.chance(0.25) else "乡"
            township = Township(first + kind, [name + ("社区" if town else "村") for name in rest])
            if index % 2 and not town:
                own = self._school(township.name + LEVEL_NAMES["primary"], "primary")
                beside = dict.fromkeys(large.schools["primary"], 1 - OWN_PRIMARY)
                township.schools = {**large.schools, "primary": {own.number: OWN_PRIMARY, **beside}}
            else:
                large = township
                for level, name in LEVEL_NAMES.items():
                    township.schools[level] = {self._school(township.name + name, level).number: 1.0}
            yield township

    def _senior_highs(self, count: int) -> None:
        names = []
        for index in range(count):
            order, kind = index // 2, ("高级中学", "职业中学")[index % 2]
            tens, ones = divmod(order + 1, 10)
            numeral = ("", "十", "二十", "三十", "四十")[tens] + ("", *NUMERALS)[ones]
            names.append(f"{COUNTY}{'' if index == 1 else '第' + numeral}{kind}(示例)")
        numbers = {self._school(name, "senior").number: 1.0 for name in names}
        for township in self.townships:
            township.schools = {**township.schools, "senior": numbers}

    def _school(self, name: str, level: str) -> School:
        self.schools.append(School(len(self.schools) + 1, name, level, self.dice.choice(DATE_STYLES)))
        return self.schools[-1]

    # People

    def _settle(self, township: Township, village: str, *, poor: bool) -> None:
        """Add a household."""
        dice = self.dice
        kind = "other" if not poor else "old" if dice.chance(OLD_HEAD) else "poor"
        old = kind == "old"
        phone = f"1{dice.choice('3589')}{dice.randrange(10**9):09}"
        monitored = dice.choice(MONITORED_AS[poor]) if dice.chance(MONITORED[poor]) else None
        minimum = dice.chance(MINIMUM_LIVING[poor])
        surname = dice.choices(SURNAMES, SURNAME_WEIGHTS)[0]
        home = Household(len(self.households) + 1, township, village, surname, poor, phone, monitored, minimum)
        self.households.append(home)
        self._born(home, "户主", male=dice.chance(MALE_HEAD), ages=OLD_HEAD_AGE if old else HEAD_AGE)
        if dice.chance(SPOUSE[kind]):
            self._born(home, "配偶", male=False, ages=OLD_SPOUSE_AGE if old else SPOUSE_AGE)
        if dice.chance(PARENT[kind]):
            self._born(home, "父亲或母亲", male=dice.chance(0.5), ages=PARENT_AGE)
        for _ in range(dice.choices(range(4), CHILDREN[kind])[0]):
            child = self._born(home, "孙子女" if old else "子女", male=dice.chance(0.5), ages=CHILD_AGE)
            if ORPHAN_AGE[0] <= child.age < ORPHAN_AGE[1] and dice.chance(ORPHAN):
                child.orphan = dice.one_of(ORPHAN_KINDS)
            self._enrol(child)

    def _born(self, home: Household, role: str, *, male: bool, ages: tuple[int, int]) -> Person:
        dice = self.dice
        birth = DAY - timedelta(days=1 + int(dice.uniform(*ages) * YEAR_DAYS))
        if home.people and home.people[-1].role == role and dice.chance(SAME_BIRTH):
            birth = home.people[-1].birth
        surname = dice.choices(SURNAMES, SURNAME_WEIGHTS)[0] if role == "配偶" else home.surname
        name = full_name(dice, surname, male=male)
        person = Person(len(self.people) + 1, name, male, birth, self._new_id(birth, male=male), role, home)
        if dice.chance(DISABLED[home.poor]):
            person.disability = (dice.randrange(len(DISABILITIES)), dice.randrange(len(LEVELS)))
        self.people.append(person)
        home.people.append(person)
        return person

    def _new_id(self, birth: date, *, male: bool) -> str:
        """Return an ID that nobody has."""
        while True:
            area = self.dice.choice(OTHER_AREAS) if self.dice.chance(ELSEWHERE_BORN) else AREA
            order = self.dice.randrange(1, 1000)
            known = with_check_digit(f"{area}{birth:%Y%m%d}{order:03}")
            if order % 2 == male and known not in self.ids:
                self.ids.add(known)
                return known

    # Schools

    def _enrol(self, child: Person) -> None:
        """Give a child of school age a grade and a school, mostly."""
        if not SCHOOL_AGE[0] <= child.age <= SCHOOL_AGE[1]:
            return
        dice, home = self.dice, child.household
        grade = YOUNGEST_COHORT - (child.birth.year + (child.birth.month >= COHORT_MONTH))
        level = LEVEL_OF_GRADE[grade]
        compulsory = level in ("primary", "junior")
        if dice.chance(POOR_NOT_ENROLLED if compulsory and home.registered else NOT_ENROLLED[level]):
            child.elsewhere = level != "kindergarten" and dice.chance(SCHOOL_ELSEWHERE)
            return
        child.grade = grade
        self.enrolled += 1
        choice = home.township.schools[level]
        school = self.schools[dice.choices(list(choice), list(choice.values()))[0] - 1]
        row = roll_row(dice, school, child, dice.randint(1, CLASSES))
        school.rows.append(row)
        if not row.problems and dice.chance(ROW_TWICE):
            school.rows.append(RollRow(child, [*row.cells], ["roll_row_twice"], row.order))
        others = [other for other in self.schools if other.level == level and other is not school]
        if others and dice.chance(TWO_SCHOOLS):
            left = dice.choice(others)
            again = roll_row(dice, left, child, row.order[1])
            again.order = (len(GRADES), 0)  # below all others
            again.problems.append("roll_two_schools")
            left.rows.append(again)


def full_name(dice: Dice, surname: str, *, male: bool) -> str:
    """Return a surname with one or two signs, or now and then a minority's name."""
    signs = MALE if male else FEMALE
    given = dice.choice(signs) + ("" if dice.chance(ONE_SIGN) else dice.choice(signs))
    if dice.chance(RARE_NAMES):
        given = dice.choice(RARE) + given[-1]
    if dice.chance(MINORITY):
        return dice.choice(PEOPLES) + DOT + given
    return surname + given


def with_check_digit(first: str) -> str:
    """Return 17 digits with the check digit of GB 11643."""
    return first + "10X98765432"[sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(first)) % 11]


def wrong_id(dice: Dice, known: str) -> str:
    """Swap two neighbouring digits; where they are the same, change one."""
    at = dice.randint(*WRONG_DIGIT)
    first, second = known[at], known[at + 1]
    wrong = second + first if first != second else str((int(first) + 3) % 10) + second
    return known[:at] + wrong + known[at + 2 :]


def wrong_name(name: str) -> str | None:
    """Write one sign that sounds the same, if there is one."""
    for at, sign in enumerate(name):
        if sign in HOMOPHONES:
            return name[:at] + HOMOPHONES[sign] + name[at + 1 :]
    return None


# ---------------------------------------------------------------- rolls


def roll_row(dice: Dice, school: School, child: Person, group: int) -> RollRow:
    """Return a pupil's row in the columns of HEADER."""
    home, grade = child.household, child.grade or 0
    numeric = school.numeric_ids and child.id[-1].isdigit()
    problem = dice.mistake(ROLL_ID)
    if numeric and problem == "roll_wrong_id":  # of an ID without its end it cannot be said that it is wrong
        problem = ""
    written = roll_id(dice, child.id, problem)
    problems = [problem] if problem else []
    known: Cell = written
    if written and numeric:
        known = float(written[:LOST_DIGITS]) * 1000
        problems.append("roll_numeric_id")
    name = roll_name(dice, child.name, problems)
    lacks = problem == "roll_no_id"
    number = f"L{AREA}{child.birth:%Y%m%d}{dice.randrange(10**4):04}" if lacks else f"G{child.id}"
    yes, no = ("√", None) if school.every(3, 1) else ("是", "否")
    disability = "肢体残疾" if child.disability and dice.chance(DISABILITY_ON_ROLL) else None
    cells: list[Cell] = [
        *(None, f"2151{100000 + school.number}", school.name, number, name, child.sex),
        *(roll_date(child.birth, school.date_style), "居民身份证", known, "彝族" if DOT in child.name else "汉族"),
        *(GRADES[grade], f"{group}班" if school.renamed else group, f"{ENTRY_YEARS[grade]}09"),
        yes if dice.chance(BOARDING[school.level]) else no,
        *("是" if dice.chance(LEFT_BEHIND) else "否", disability, f"四川省{COUNTY}{home.place}"),
        *(f"{home.place}{dice.randint(1, GROUPS)}组", home.head.name, home.phone),
    ]
    return RollRow(child, cells, problems, (grade, group))


def roll_id(dice: Dice, known: str, problem: str) -> str | None:
    """Return an ID as the roll has it."""
    if problem == "roll_no_id":
        return None
    if problem == "roll_fullwidth_id":
        return chr(ord(known[0]) - ord("0") + ord("０")) + known[1:].lower()
    return wrong_id(dice, known) if problem == "roll_wrong_id" else known


def roll_name(dice: Dice, name: str, problems: list[str]) -> str:
    """Return a name as the roll has it, and add what is wrong with it."""
    homophone = wrong_name(name)
    if homophone and not problems and dice.chance(ROLL_WRONG_NAME):
        problems.append("roll_wrong_name")
        return homophone
    if len(name) == 2 and dice.chance(ROLL_SPACED_NAME):
        problems.append("roll_spaced_name")
        return f"{name[0]}  {name[1]}"
    return name.replace(DOT, dice.choice(DOTS))


def roll_date(day: date, style: str) -> Cell:
    """Return a birth date as one school writes it."""
    if style == "cell":
        return day
    if style == "/":
        return f"{day.year}/{day.month}/{day.day}"
    if style == "年":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day:%Y%m%d}" if style == "8" else f"{day:%Y}{style}{day:%m}{style}{day:%d}"


def roll_header(school: School) -> list[Cell]:
    """Return the column names that a school uses."""
    names = [RENAMED.get(name, name) if school.renamed else name for name in HEADER]
    return [names[at] for at in columns_of(school)]


def columns_of(school: School) -> Sequence[int]:
    """Return the order of the columns of HEADER."""
    return NAME_FIRST if school.every(5, 1) else range(len(HEADER))


def title_lines(school: School) -> Iterator[list[Cell]]:
    """Lines above the column names, the title first."""
    yield [f"{school.name}2025年春季学期学生学籍信息表"]
    if school.every(3, 2):
        yield ["填报单位(盖章):", None, school.name, None, None, "填报日期:2025年2月20日"]
    if school.every(4, 3):
        yield ["学校信息", None, None, "学生信息", *[None] * (LAST_GROUP - ROLL_NUMBER - 1), "家庭信息"]


def write_roll(folder: Path, school: School, truth: Truth) -> None:
    """Write a school's roll."""
    header, columns = roll_header(school), columns_of(school)
    lines = [*title_lines(school), header]
    truth.header_row[school.file] = len(lines)
    for index, row in enumerate(sorted(school.rows, key=lambda row: (row.order, row.person.number))):
        if index and index % HEADER_EVERY == 0 and school.every(4, 1):
            lines.append(header)
            truth.noise_rows[school.file].append(len(lines))
        row.cells[0] = index + 1
        lines.append([row.cells[at] for at in columns])
        truth.note(school.file, len(lines), row.person, row.problems)
    lines += [[], ["合计", None, None, f"共{len(school.rows)}人"]]
    truth.noise_rows[school.file].append(len(lines))
    wide = [columns.index(ROLL_NUMBER), columns.index(ID)]
    write_xlsx(folder / school.file, "学生信息", lines, merged=len(header), wide=wide)


def write_xlsx(
    path: Path, name: str, lines: Iterable[Sequence[Cell]], *, merged: int = 0, wide: Iterable[int] = ()
) -> None:
    """Write one sheet; with `merged`, its title stands over so many columns."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet(name)
        bold, dated = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        for column in wide:
            sheet.set_column(column, column, WIDE)
        for at, line in enumerate(lines):
            if at == 0 and merged:
                sheet.merge_range(0, 0, 0, merged - 1, line[0], bold)
                continue
            if at and line and line[0] == "学校信息":
                sheet.merge_range(at, 0, at, ROLL_NUMBER - 1, "")
            for column, cell in enumerate(line):
                if isinstance(cell, date):
                    sheet.write_datetime(at, column, datetime.combine(cell, time()), dated)
                elif cell is not None:
                    sheet.write(at, column, cell)


# ---------------------------------------------------------------- registers


def write_poverty(folder: Path, county: County, truth: Truth) -> None:
    """Write the register of households out of poverty and monitored ones."""
    lines: list[list[Cell]] = [["防返贫监测信息系统导出"], [*POVERTY_HEADER]]
    for home in county.households:
        for place, person in enumerate(home.people if home.registered else [], start=1):
            cells, problems = poverty_row(county.dice, person, f"{AREA}{home.number:06}{place:02}")
            lines.append(cells)
            truth.note(POVERTY_FILE, len(lines), person, problems)
    write_xlsx(folder / POVERTY_FILE, "人员基础信息", lines)


def poverty_row(dice: Dice, person: Person, number: str) -> tuple[list[Cell], list[str]]:
    """Return a row in the columns of POVERTY_HEADER, and what is wrong with it."""
    home, problems = person.household, list[str]()
    name = poverty_name(dice, person.name, problems)
    known = person.id
    if person is home.head and dice.chance(POVERTY_WRONG_ID):
        known = wrong_id(dice, known)
        problems.append("poverty_wrong_id")
    skill = labour(dice, person, problems)
    works = skill in WORKERS and person.grade is None and dice.chance(WORKS)
    certificate = person.disability is not None and dice.chance(CERTIFICATE_AS_ID)
    cells: list[Cell] = [
        *(COUNTY, home.township.name, home.village, number[:-2], number, name),
        *("残疾人证" if certificate else "居民身份证", known, person.role, home.head.name, home.head.id),
        *("脱贫户" if home.poor else "一般农户", person.sex, f"{person.birth:%Y%m%d}", "汉族"),
        *("小学" if person.age >= SCHOOLED_AGE else None, *school_status(dice, person)),
        *("残疾" if person.disability else "健康", skill),
        *((dice.randint(1, 12), dice.one_of(WORK_PLACES)) if works else (None, None)),
        *(home.monitored, "否" if home.monitored else None, home.phone),
    ]
    return cells, problems


def poverty_name(dice: Dice, name: str, problems: list[str]) -> str:
    """Return a name as the register has it, and add what is wrong with it."""
    homophone = wrong_name(name)
    if any(sign in RARE for sign in name):
        problems.append("poverty_rare_char")
        return "".join("?" if sign in RARE else sign for sign in name).replace(DOT, REGISTER_DOT)
    if homophone and dice.chance(POVERTY_WRONG_NAME):
        problems.append("poverty_wrong_name")
        name = homophone
    return name.replace(DOT, REGISTER_DOT)


def labour(dice: Dice, person: Person, problems: list[str]) -> str:
    """Return whether the register counts someone as a worker; a pupil only by mistake."""
    if not WORKING_AGE[0] <= person.age < WORKING_AGE[1]:
        return "无劳动力"
    if person.grade is None:
        return dice.one_of(SKILLS)
    if not dice.chance(STUDENT_LABOUR):
        return "无劳动力"
    problems.append("student_listed_as_labour")
    return WORKERS[0]


def school_status(dice: Dice, person: Person) -> tuple[str | None, str | None]:
    """Return the school that the register has for someone, and why a child is at none."""
    if person.grade is not None:
        return REGISTER_GRADES[person.grade], None
    if person.elsewhere:
        return ("小学四年级" if person.age < SCHOOLED_AGE else "七年级"), None
    if COMPULSORY_AGE[0] <= person.age <= COMPULSORY_AGE[1]:
        return dice.choice(((None, None), ("小学", None), ("非在校生", "厌学")))
    return "非在校生", None


def write_minimum_living(folder: Path, county: County, truth: Truth) -> None:
    """Write the minimum-living list: the old format as long as its rows suffice."""
    people = [person for home in county.households if home.minimum for person in home.people]
    lines: list[list[Cell]] = [[f"{COUNTY}城乡最低生活保障对象名单"], [*MINIMUM_HEADER]]
    fits = len(people) + len(lines) <= XLS_ROWS
    file = MINIMUM_FILE + (".xls" if fits else ".xlsx")
    for number, person in enumerate(people, start=1):
        home = person.household
        amount = county.dice.choice(AMOUNTS) if person is home.head else None
        problem, known = minimum_id(county.dice, person)
        names = (home.head.name, person.name, known, person.role)
        lines.append([number, home.township.name, home.village, *names, amount, MINIMUM_SINCE])
        truth.note(file, len(lines), person, [problem] if problem else [])
    if fits:
        write_xls(folder / file, "低保", lines)
    else:
        write_xlsx(folder / file, "低保", lines, merged=len(MINIMUM_HEADER))


def minimum_id(dice: Dice, person: Person) -> tuple[str, str | None]:
    """Return what is wrong with an ID on the minimum-living list, and the ID."""
    problem = dice.mistake(MINIMUM_ID)
    if problem == "dibao_wrong_id":
        return problem, wrong_id(dice, person.id)
    if problem:
        return problem, None
    if person.birth.year < OLD_ID_BEFORE and dice.chance(OLD_ID):
        return "dibao_15_digit_id", person.id[:6] + person.id[8:17]
    return "", person.id


def write_xls(path: Path, name: str, lines: Sequence[Sequence[Cell]]) -> None:
    """Write one sheet in the old format with a title over all its columns."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(name)
    sheet.write_merge(0, 0, 0, len(lines[1]) - 1, lines[0][0])
    for at, line in enumerate(lines[1:], start=1):
        for column, cell in enumerate(line):
            if cell is not None:
                sheet.write(at, column, cell)
    book.save(str(path))


def write_disabled(folder: Path, county: County, truth: Truth) -> None:
    """Write the disability certificates: the ID, the kind's digit and the level's."""
    with (folder / DISABLED_FILE).open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(DISABLED_HEADER)
        row = 1
        for person in county.people:
            if person.disability:
                home, (kind, level) = person.household, person.disability
                words = (f"{person.id}{kind + 1}{level + 1}", DISABILITIES[kind], LEVELS[level])
                writer.writerow((person.name, *words, home.township.name, home.village, home.head.name))
                row += 1
                truth.note(DISABLED_FILE, row, person)


def write_orphans(folder: Path, county: County, truth: Truth) -> None:
    """Write the orphans and the children without care."""
    lines: list[list[Cell]] = [[*ORPHAN_HEADER]]
    for person in county.people:
        if person.orphan:
            home = person.household
            lines.append([person.name, person.id, person.orphan, home.head.name, home.place, None])
            truth.note(ORPHAN_FILE, len(lines), person)
    write_xlsx(folder / ORPHAN_FILE, "Sheet", lines)


# ---------------------------------------------------------------- truth


def bases(person: Person) -> list[str]:
    """Return why someone counts as in hardship."""
    home = person.household
    reasons: dict[str, object] = {
        "registered_poor": home.poor,
        "monitored": home.monitored,
        "minimum_living": home.minimum,
        "disabled": person.disability,
        "orphan": person.orphan,
    }
    return [name for name, true in reasons.items() if true]


def on_no_roll(person: Person) -> str | None:
    """Return where a child in hardship of compulsory age is who is on no roll."""
    of_age = COMPULSORY_AGE[0] <= person.age <= COMPULSORY_AGE[1]
    if person.grade is not None or not of_age or not bases(person):
        return None
    return "elsewhere" if person.elsewhere and person.household.registered else "out_of_school"


def told(county: County, truth: Truth, seed: int) -> dict[str, Any]:
    """Return truth.json."""
    pupils = [person for person in county.people if person.grade is not None]
    absent = {person.number: why for person in county.people if (why := on_no_roll(person))}
    return {
        "seed": seed,
        "day": DAY.isoformat(),
        "rows": truth.rows,
        "noise_rows": truth.noise_rows,
        "planted": truth.planted,
        "header_row": truth.header_row,
        "people": len(county.people),
        "pupils": len(pupils),
        "schools": len(county.schools),
        "pupils_by_basis": {person.number: reasons for person in pupils if (reasons := bases(person))},
        "children_not_on_any_roll": absent,
        "person": {person.number: known_as(person) for person in county.people},
    }


def known_as(person: Person) -> dict[str, str | int]:
    """Return who someone is."""
    home = person.household
    about = {"name": person.name, "id": person.id, "birth": person.birth.isoformat()}
    return {**about, "hid": home.number, "village": home.village}


def make_county(target: Path, pupils: int, seed: int) -> None:
    """Write `target`/in and `target`/truth.json for about so many pupils; a seed always makes the same county."""
    folder = target / "in"
    folder.mkdir(parents=True, exist_ok=True)
    county, truth = County(pupils, seed), Truth()
    for school in county.schools:
        write_roll(folder, school, truth)
    for write in (write_poverty, write_minimum_living, write_disabled, write_orphans):
        write(folder, county, truth)
    text = json.dumps(told(county, truth, seed), ensure_ascii=False)
    (target / "truth.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Read the command line and make a county."""
    parser = argparse.ArgumentParser(prog="python -m tests.invented", description=make_county.__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pupils", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=2)
    given = parser.parse_args()
    make_county(given.target, given.pupils, given.seed)


if __name__ == "__main__":
    main()
