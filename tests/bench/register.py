"""A register of a million records, and a new list of a thousand rows that is linked into it.

    python -m tests.bench.register make FOLDER RECORDS     rolls as .csv files, and new.csv
    python -m tests.bench.register fill HOME FOLDER        import and link them
    python -m tests.bench.register link HOME FOLDER        import new.csv, then measure: prints JSON

`floor` is one bare pass over the names of the register, `again` linking when nothing is new.
"""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from bangfu.core.numbers import check_digit

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
SIGNS = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉萍红文博浩宇轩子涵欣怡诗雨梓晨佳琪思远俊志鹏飞雪梅兰竹菊春夏秋冬"
)
AREA, COUNTY = "511622", "四川省武胜县"
FIRST = date(2006, 9, 1)
DAYS = 5_500
FILE_ROWS = 50_000
SCHOOL_ROWS = 1_000
VILLAGES = 40
NEW_ROWS = 1_000
SEED = 1
ROLL = [
    *("学校标识码", "学校名称", "学籍号", "姓名", "性别", "出生日期", "身份证件号", "年级", "班级"),
    *("户籍地址", "监护人姓名", "监护人电话"),
]
LIST = ["乡镇", "村(社区)", "户主", "成员姓名", "成员身份证号", "与户主关系", "月保障金(元/户)", "保障起始"]


def pupils(count: int, draw: random.Random) -> Iterator[list[str]]:
    """Yield the rows of `count` pupils."""
    for number in range(count):
        born = FIRST + timedelta(days=draw.randrange(DAYS))
        first17 = f"{AREA}{born:%Y%m%d}{number // DAYS % 1000:03}"
        id_ = first17 + check_digit(first17)
        surname = draw.choice(SURNAMES)
        name, guardian = (surname + "".join(draw.choices(SIGNS, k=2)) for _ in range(2))
        school = number // SCHOOL_ROWS
        place = f"{school // 20}号镇{draw.randrange(VILLAGES)}号村"
        phone = f"138{number:08}"
        sex = "男" if int(id_[16]) % 2 else "女"
        yield [f"21{school:08}", f"第{school}小学校", f"G{id_}", name, sex, born.isoformat(), id_, "三年级", "1班",
               f"{COUNTY}{place}", guardian, phone]  # fmt: skip


def make(folder: Path, count: int) -> None:
    """Write the rolls, and a list in which every second row is one of the pupils, every tenth of them without an ID."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(SEED)
    rows = list(pupils(count, draw))
    for start in range(0, count, FILE_ROWS):
        write(folder / f"roll-{start}.csv", ROLL, rows[start : start + FILE_ROWS])
    told = []
    for at, row in enumerate(draw.sample(rows, NEW_ROWS)):
        township, village = row[9].removeprefix(COUNTY).split("镇")
        name, id_ = (row[3], row[6]) if at % 2 else ("新" + row[3][1:], "")
        told.append([f"{township}镇", village, row[10], name, "" if at % 20 == 1 else id_, "子女", "", "2024-07"])
    write(folder / "new.csv", LIST, told)


def write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """Write one file."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def fill(home_folder: Path, folder: Path) -> None:
    """Import the rolls into a home and link them."""
    from bangfu.cli import home

    home.start(home_folder)
    home.found_home()
    from bangfu.cli import importing
    from bangfu.coverage.actions import link_records

    reports = importing.run(sorted(folder.glob("roll-*.csv")), None, date(2025, 2, 20), ())
    assert not any(report.refused for report in reports), [str(report.refused) for report in reports]
    link_records(by=home.here())


def link(home_folder: Path, folder: Path) -> dict[str, float]:
    """Import the new list and measure how long its rows take to be linked."""
    from bangfu.cli import home

    home.start(home_folder)
    home.open_home()
    from bangfu.cli import importing
    from bangfu.coverage.actions import link_records

    importing.run([folder / "new.csv"], None, date(2025, 3, 1), ())
    started = time.perf_counter()
    links = link_records(by=home.here())
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    link_records(by=home.here())
    again = time.perf_counter() - started
    with sqlite3.connect(home_folder / "bangfu.sqlite3") as connection:
        started = time.perf_counter()
        rows = len(connection.execute("SELECT person_id, name, birth FROM registry_detail").fetchall())
        floor = time.perf_counter() - started
    return {"seconds": seconds, "floor": floor, "again": again, "rows": rows, "links": links["made"]}


if __name__ == "__main__":
    verb, first, second = sys.argv[1:4]
    if verb == "make":
        make(Path(first), int(second))
    elif verb == "fill":
        fill(Path(first), Path(second))
    else:
        print(json.dumps(link(Path(first), Path(second))))
