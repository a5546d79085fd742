"""A small world of its own: facts of a household and one policy for it, as texts that tests change."""

from __future__ import annotations

from pathlib import Path

FACTS = """
subject = "household"
key = ["household"]
[[fact]]
name = "income"
type = "money"
unit = "CNY"
title = { zh = "收入", en = "income" }
[[fact]]
name = "children"
type = "integer"
title = { zh = "子女", en = "children" }
min = 0
max = 20
[[fact]]
name = "area"
type = "text"
title = { zh = "地区", en = "area" }
values = ["town", "village"]
[[fact]]
name = "days"
type = "integer"
title = { zh = "天数", en = "days" }
min = 0
[[fact]]
name = "all_days"
type = "integer"
title = { zh = "总天数", en = "all days" }
min = 1
[[fact]]
name = "registered"
type = "boolean"
title = { zh = "登记", en = "registered" }
[[fact]]
name = "since"
type = "date"
title = { zh = "登记日", en = "registered since" }
[[fact]]
name = "share"
type = "decimal"
title = { zh = "份额", en = "share" }
"""

POLICY = """
id = "family_grant"
title = { zh = "家庭补助", en = "family grant" }
subject = "household"
period = "semester"
pays = "CNY"
from = 2020-01-01
source = "invented"

[[must]]
code = "registered"
test = "registered"
say = { zh = "已登记", en = "registered" }

[[must]]
code = "income_low"
test = "income <= ceiling"
say = { zh = "收入不高", en = "income is low" }

[[rate]]
name = "ceiling"
unit = "CNY/year"
by = "children"
values = [
  { from = 2020-01-01, value = { 1 = 10000, 2 = 12000.50, each_more = 1500 }, source = "invented" },
  { from = 2024-01-01, value = { 1 = 11000, 2 = 13000.50, each_more = 1600 }, source = "invented" },
]

[[rate]]
name = "a_child"
unit = "CNY/child"
values = [{ from = 2020-01-01, value = 99.99, source = "invented" }]

[[case]]
code = "village"
when = "area = 'village'"
pay = "a_child * children"

[[case]]
code = "town"
pay = "a_child * children"
share = "1/2"
round = "half_up"
"""


def folder_with(folder: Path, *, facts: str = FACTS, **policies: str) -> Path:
    """Write a folder of policies, and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "facts.toml").write_text(facts, encoding="utf-8")
    for name, text in policies.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def line_of(text: str, part: str) -> int:
    """Return the line on which a part of a text begins."""
    return text[: text.index(part)].count("\n") + 1
