"""Small lists of invented people: rolls of two schools, and what county offices keep, written as CSV and imported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, operator
from bangfu.core.numbers import check_digit
from bangfu.coverage.actions import Covered, cover
from bangfu.coverage.models import Alias, Difference, Link, PupilState
from bangfu.intake.report import Report
from bangfu.registry.models import Detail
from bangfu.tasks.models import Task
from tests.conftest import BY, committing, import_paths
from tests.intake.bad_files import HEADER, csv_text

Row = dict[str, str]

COUNTY, TOWN, VILLAGE = "安和县", "青石镇", "河湾村"
FIRST, SECOND, THIRD = "青石镇中心小学校", "白石镇中心小学校", "红石镇中心小学校"
CODES = {FIRST: "2199900001", SECOND: "2199900002", THIRD: "2199900003"}
TERM, MARCH, APRIL, MAY = date(2025, 2, 17), date(2025, 3, 3), date(2025, 4, 7), date(2025, 5, 6)
LATER = operator(datetime(2025, 8, 1, 9, 30, tzinfo=ZoneInfo("Asia/Shanghai")))  # a month after BY
POOR = (
    "县", "乡镇", "村", "户编号", "人口编号", "姓名", "证件类型", "证件号码", "与户主关系", "户类型", "性别",
    "出生日期", "在校生状况", "劳动技能", "监测对象类别", "风险是否已消除", "联系电话",
)  # fmt: skip
MINIMUM = ("乡镇", "村", "户主", "成员姓名", "成员身份证号", "与户主关系", "月保障金(元/户)", "保障起始")
DISABLED = ("姓名", "残疾人证号", "残疾类别", "残疾等级", "乡镇", "村", "监护人")
ORPHANS = ("姓名", "身份证号码", "类别", "监护人", "现居住地")


@dataclass(frozen=True)
class Human:
    """Somebody who does not exist: an ID of an area that no place has, with the right check digit."""

    name: str
    number: int
    born: date = date(2015, 5, 6)
    guardian: str = ""

    @property
    def id(self) -> str:
        first17 = f"511699{self.born:%Y%m%d}{self.number:03d}"
        return first17 + check_digit(first17)

    @property
    def sex(self) -> str:
        return "男" if self.number % 2 else "女"

    @property
    def phone(self) -> str:
        return f"1390000{self.number:04d}"

    @property
    def parent(self) -> str:
        return self.guardian or f"{self.name[0]}{'天地玄黄宇宙洪荒'[self.number % 8]}{'春夏秋冬'[self.number % 4]}"

    def enrolled(self, school: str = FIRST, **cells: str) -> Row:
        """Return this pupil's row on a roll, with other cells where given."""
        row = {
            "序号": str(self.number), "学校标识码": CODES[school], "学校名称": school, "学籍号": f"G{self.id}",
            "姓名": self.name, "性别": self.sex, "出生日期": f"{self.born}", "身份证件类型": "居民身份证",
            "身份证件号": self.id, "民族": "汉族", "年级": "三年级", "班级": "1班", "入学年月": "202209",
            "户籍地址": f"四川省{COUNTY}{TOWN}{VILLAGE}", "监护人姓名": self.parent, "监护人电话": self.phone,
        }  # fmt: skip
        return row | cells

    def poor(self, **cells: str) -> Row:
        """Return this person's row in the poverty register: of a household by themselves, unless said otherwise."""
        row = {
            "县": COUNTY, "乡镇": TOWN, "村": VILLAGE, "户编号": f"H{self.number:04d}",
            "人口编号": f"M{self.number:04d}", "姓名": self.name, "证件类型": "居民身份证", "证件号码": self.id,
            "与户主关系": "子女", "户类型": "脱贫户", "性别": self.sex, "出生日期": f"{self.born:%Y%m%d}",
            "在校生状况": "小学三年级", "劳动技能": "无劳动力",
        }  # fmt: skip
        return row | cells

    def low(self, **cells: str) -> Row:
        """Return this person's row in the minimum-living list."""
        row = {
            "乡镇": TOWN, "村": VILLAGE, "户主": self.parent, "成员姓名": self.name, "成员身份证号": self.id,
            "与户主关系": "子女", "月保障金(元/户)": "480", "保障起始": "2023-07",
        }  # fmt: skip
        return row | cells

    def disabled(self, **cells: str) -> Row:
        """Return this person's row among the holders of a disability certificate."""
        row = {
            "姓名": self.name, "残疾人证号": f"{self.id}42", "残疾类别": "肢体", "残疾等级": "二级", "乡镇": TOWN,
            "村": VILLAGE, "监护人": self.parent,
        }  # fmt: skip
        return row | cells

    def orphan(self, **cells: str) -> Row:
        """Return this person's row among the orphans."""
        row = {
            "姓名": self.name, "身份证号码": self.id, "类别": "孤儿", "监护人": self.parent,
            "现居住地": f"{TOWN}{VILLAGE}",
        }  # fmt: skip
        return row | cells


# Nobody resembles another one in name, sound, shape, or birth.
AN = Human("程安邦", 101, date(2015, 5, 6))
MEI = Human("田美琳", 202, date(2014, 11, 23))
JUN = Human("武俊豪", 303, date(2016, 3, 17))
HUI = Human("费慧敏", 404, date(2013, 8, 9))
GUO = Human("罗国栋", 505, date(2015, 12, 30))


class Desk:
    """An office's desk: writes lists into a folder and imports them; each file's rows count from 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[Report] = []

    def take(self, name: str, header: tuple[str, ...], rows: tuple[Row, ...], day: date) -> Path:
        """Write a list and import it as of a day; no row may be held or refused."""
        path = self.folder / f"{name}.csv"
        lines = [[row.get(heading, "") for heading in header] for row in rows]
        path.write_bytes(csv_text([[*header], *lines]).encode())
        self.again(path, day)
        return path

    def again(self, path: Path, day: date) -> Report:
        """Import a file as it lies there."""
        (report,) = import_paths([path], day=day)
        assert (report.refused, report.problems) == (None, [])
        self.reports.append(report)
        return report

    def roll(self, *rows: Row, day: date = TERM, name: str = "roll") -> Path:
        """Take a roll, of one school or several."""
        return self.take(name, HEADER, rows, day)

    def poor(self, *rows: Row, day: date = TERM, name: str = "poor") -> Path:
        """Take the poverty register."""
        return self.take(name, POOR, rows, day)

    def minimum(self, *rows: Row, day: date = TERM, name: str = "minimum") -> Path:
        """Take the minimum-living list."""
        return self.take(name, MINIMUM, rows, day)

    def disabled(self, *rows: Row, day: date = TERM, name: str = "disabled") -> Path:
        """Take the list of disability certificates."""
        return self.take(name, DISABLED, rows, day)

    def orphans(self, *rows: Row, day: date = TERM, name: str = "orphans") -> Path:
        """Take the list of orphans."""
        return self.take(name, ORPHANS, rows, day)


def covered(day: date | None = None, by: Actor = BY) -> Covered:
    """Reckon coverage as a command does: in a transaction that is checked at its end."""
    with committing():
        return cover(day=day, by=by)


def gaps(*codes: str) -> list[Difference]:
    """Return the differences that stand and wait for an answer, of these codes or of all."""
    found = Difference.objects.filter(closed_at=None, answer="").order_by("pk")
    return list(found.filter(code__in=codes) if codes else found)


def gap(code: str) -> Difference:
    """Return the only open difference of a code."""
    (found,) = gaps(code)
    return found


def codes() -> list[str]:
    """Return the codes of the open differences, sorted."""
    return sorted(found.code for found in gaps())


def spot(difference: Difference) -> tuple[str, str]:
    """Return where a difference stands: 'file:row' and the other one, '' where there is none."""
    row, other = difference.row, difference.other_row
    return f"{row.file.name}:{row.row}", f"{other.file.name}:{other.row}" if other else ""


def task_of(difference: Difference) -> Task:
    """Return the only task that was ever opened for a difference."""
    return Task.objects.get(kind=difference.code, subject=f"difference:{difference.pk}")


def open_tasks() -> int:
    """Return how many tasks about differences are open."""
    return Task.objects.filter(closed=None, subject__startswith="difference:").count()


def record(human: Human, layout: str, at: str = "") -> int:
    """Return the record of somebody in a list, by the name written there; `at`: part of the organisation's name."""
    said = Detail.objects.filter(name=human.name, person__series__layout=layout, retracted_by=None)
    found = set(said.filter(person__series__organisation__name__contains=at).values_list("person_id", flat=True))
    assert len(found) == 1
    return int(found.pop())


def one(left: int, right: int) -> bool:
    """Tell whether two records are one human."""
    human = dict(Alias.objects.values_list("record_id", "human_id"))
    return human.get(left, left) == human.get(right, right)


def states() -> dict[str, tuple[str, str]]:
    """Return name on the roll -> (state, bases) of each pupil."""
    found = {}
    human = dict(Alias.objects.values_list("record_id", "human_id"))
    said = Detail.objects.filter(person__series__layout="school_roll", valid_until=None, retracted_by=None)
    names = {human.get(person, person): name for person, name in said.values_list("person_id", "name")}
    for state in PupilState.objects.all():
        found[names[state.human_id]] = (state.state, state.bases)
    return found


def snapshot() -> dict[str, object]:
    """Return all that coverage keeps but for its runs, and the tasks."""
    models = (Link, Alias, PupilState, Difference, Task)
    kept: dict[str, object] = {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
    kept["entries"] = Entry.objects.filter(action="tasks.settle_all").count()
    return kept
