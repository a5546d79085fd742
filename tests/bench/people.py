"""A register of any size for the pages: rolls, a list beside them with its slips, coverage reckoned, 16 who sign in.

    python -m tests.bench.people HOME PUPILS

One county; schools of 1,000 in classes of 50. Every fifth pupil is on the minimum-living list; there, some have no ID,
another name, or are on no roll; on the rolls, some IDs fail their check, and a few rows wait for a person.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from bangfu.accounts.rules import Role
from bangfu.core.numbers import check_digit
from tests.bench.register import AREA, COUNTY, DAYS, FILE_ROWS, FIRST, LIST, ROLL, SEED, SIGNS, SURNAMES, write

SCHOOL_ROWS, CLASS_ROWS = 1_000, 50
SCHOOLS_A_TOWN, VILLAGES = 20, 40
STEP = 1_237  # shares no factor with DAYS: neighbours are born on different days, and no two get one ID
LISTED = 5  # every fifth pupil
GRADES = "一二三四五六"
PASSWORD = "bench-word-1"  # noqa: S105 - of invented people on this machine
# Who asks: 16 clients, in the three roles that read most.
CLIENTS = (Role.COUNTY_BUREAU,) * 4 + (Role.AID_OFFICER,) * 6 + (Role.CLASS_TEACHER,) * 6


def identity(number: int, area: str = AREA) -> tuple[date, str]:
    """Return the birth and the ID of a number."""
    born = FIRST + timedelta(days=number * STEP % DAYS)
    first17 = f"{area}{born:%Y%m%d}{number // DAYS:03}"
    return born, first17 + check_digit(first17)


def enrolled(count: int, draw: random.Random) -> Iterator[list[str]]:
    """Yield the rows of the rolls."""
    for number in range(count):
        born, id_ = identity(number)
        surname = draw.choice(SURNAMES)
        name, guardian = (surname + "".join(draw.choices(SIGNS, k=2)) for _ in range(2))
        school, at = divmod(number, SCHOOL_ROWS)
        place = f"{school // SCHOOLS_A_TOWN}号镇{number % VILLAGES}号村"
        day = "2015-13-45" if number % 20_000 == 11 else born.isoformat()
        wrong = id_[:-1] + ("1" if id_[-1] != "1" else "2")
        told = wrong if number % 100 == 7 else id_
        sex = "男" if int(id_[16]) % 2 else "女"
        grade, class_ = f"{GRADES[at * len(GRADES) // SCHOOL_ROWS]}年级", f"{at // CLASS_ROWS + 1}班"
        yield [f"21{school:08}", f"第{school}小学校", f"G{id_}", name, sex, day, told, grade, class_,
               f"{COUNTY}{place}", guardian, f"138{number:08}"]  # fmt: skip


def listed(rows: Iterator[list[str]] | list[list[str]]) -> Iterator[list[str]]:
    """Yield the rows of the minimum-living list beside these pupils, with its slips."""
    for at, row in enumerate(rows):
        township, village = row[9].removeprefix(COUNTY).split("镇")
        name, id_ = row[3], row[2][1:]
        if at % 20 == 1:
            id_ = ""
        elif at % 20 == 11:
            id_ = identity(at * LISTED, "511623")[1]
        elif at % 25 == 2:
            name = name[0] + "改" + name[2]
        elif at % 40 == 3:
            name, id_ = name[0] + "新" + name[1], identity(at, "511699")[1]
        yield [f"{township}镇", village, row[10], name, id_, "子女", "480", "2024-07"]


def make(folder: Path, count: int) -> None:
    """Write the rolls and the list as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(enrolled(count, random.Random(SEED)))
    for start in range(0, count, FILE_ROWS):
        write(folder / f"roll-{start:07}.csv", ROLL, rows[start : start + FILE_ROWS])
    write(folder / "list.csv", LIST, list(listed(rows[::LISTED])))


def fill(home_folder: Path, count: int) -> None:
    """Found a home, import the lists, reckon coverage, and let 16 people in."""
    from bangfu.cli import home

    home.start(home_folder)
    home.found_home()
    from bangfu.cli import importing
    from bangfu.coverage.actions import cover

    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), count)
        for pattern, day in (("roll-*.csv", date(2025, 2, 20)), ("list.csv", date(2025, 3, 1))):
            reports = importing.run(sorted(Path(folder).glob(pattern)), None, day, ())
            assert not any(report.refused for report in reports), [str(report.refused) for report in reports]
    cover(by=home.here())
    let_in()


def let_in() -> None:
    """Make the 16 people of `CLIENTS`, each at a place of their own as far as there are places."""
    from bangfu.accounts.actions import create_user, grant_role
    from bangfu.cli import home
    from bangfu.registry.models import Organisation

    by = home.here()
    kinds = {Role.COUNTY_BUREAU: "county", Role.AID_OFFICER: "school", Role.CLASS_TEACHER: "class"}
    tree = Organisation.objects.filter(series=None)
    places = {role: list(tree.filter(kind=kind).order_by("pk")) for role, kind in kinds.items()}
    for at, role in enumerate(CLIENTS):
        known = places[role]
        path = known[at * len(known) // len(CLIENTS)].path
        user = create_user(staff_number=f"bench-{at}", name=role.value, password=PASSWORD, by=by)
        grant_role(user=user, role=role, path=path, valid_from=by.at.date(), valid_until=None, by=by, reason="bench")


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
