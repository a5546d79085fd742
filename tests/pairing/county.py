"""Programme III of the example county as files: the college's staff and the poor households of its six villages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from tests.pairing.files import Rows

COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county" / "in"
BEGINS = "2025-02"
NEAR_RETIREMENT = "2028-02"  # three years on
LEADERS = ("党委书记", "院长", "副院长")
TWO = ("党委书记", "院长")
ELSEWHERE = 12  # households of other towns that each of the staff may take
SKILLS = {"种植", "养殖", "电商"}
RULES = """
day = 2025-02-17
[[load]]
name = "书记、院长各两户"
helper = { "职务" = ["党委书记", "院长"] }
at_least = 2
at_most = 2
[[load]]
name = "其他教职工各一户"
helper = { "职务" = ["副院长", "处长", "系主任", "教师"] }
at_most = 1
[keep]
years = 3
[contacts]
for_each_group = true
[weights]
skill = 1
"""


def sheet(name: str) -> list[dict[str, Any]]:
    """Return a workbook's rows by header."""
    _, header, *rows = CalamineWorkbook.from_path(COUNTY / name).get_sheet_by_index(0).to_python()
    return [dict(zip(header, row, strict=True)) for row in rows]


def tables() -> dict[str, Any]:
    """Return the problem's tables: who may help whom is the own town, and some households elsewhere."""
    staff = sheet("教职工花名册(学院人事处).xlsx")
    people = sheet("脱贫户及监测对象人员信息(农业农村局).xlsx")
    homes = {row["户编号"]: row for row in people if row["户类型"] == "脱贫户" and row["村"]}
    helpers = [("id", "capacity", "group", "contact", "exempt", "职务")]
    helpers += [(row["工号"], 2, row["部门"], contact(row), exempt(row), row["职务"]) for row in staff]
    helped = [("id", "demand", "group"), *((id_, 1, row["村"]) for id_, row in sorted(homes.items()))]
    return {
        "helpers": helpers,
        "helped": helped,
        "allowed": [("helper", "helped", "cost", "skill"), *pairs(staff, homes)],
        "rules": RULES,
    }


def contact(row: dict[str, Any]) -> str:
    """Leaders are contacts."""
    return "yes" if row["职务"] in LEADERS else ""


def exempt(row: dict[str, Any]) -> str:
    """Return why one of the staff is exempt, if so."""
    if BEGINS <= str(row["预计退休年月"])[:7] <= NEAR_RETIREMENT:
        return "三年内退休"
    return "本人困难职工" if row["本人困难职工"] else ""


def pairs(staff: list[dict[str, Any]], homes: dict[str, dict[str, Any]]) -> Rows:
    """Return the candidates: every household of the own town, and a few elsewhere in turn."""
    order = sorted(homes)
    found = []
    for place, row in enumerate(staff):
        mine = {id_ for id_ in order if homes[id_]["乡"] == row["籍贯乡镇"]}
        mine |= {order[(place * ELSEWHERE + step) % len(order)] for step in range(ELSEWHERE)}
        skill = 0 if row["专长"] in SKILLS else 3
        found += [
            (row["工号"], id_, 0 if homes[id_]["乡"] == row["籍贯乡镇"] else 10, skill if int(id_) % 2 else 0)
            for id_ in sorted(mine)
        ]
    return found
