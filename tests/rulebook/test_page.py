"""docs/rulebook.md: its own example is a policy, and its cases come out."""

from __future__ import annotations

import re
from pathlib import Path

from bangfu.rulebook.cases import read_cases, run_cases
from bangfu.rulebook.expressions import FUNCTIONS
from bangfu.rulebook.policies import load_policies
from bangfu.rulebook.policy import OWN_CODES
from bangfu.rulebook.reach import check_reach

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rulebook.md"
MORE_FACTS = """
[[fact]]
name = "registered"
type = "boolean"
title = { zh = "登记", en = "registered" }
[[fact]]
name = "income"
type = "money"
unit = "CNY"
title = { zh = "收入", en = "income" }
[[fact]]
name = "at_school"
type = "integer"
title = { zh = "在学子女", en = "children at school" }
"""


def test_the_pages_own_example_is_a_policy_and_its_cases_come_out(tmp_path: Path) -> None:
    facts, policy, cases = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    head, _, checks = facts.partition("[[check]]")
    (tmp_path / "cases").mkdir()
    (tmp_path / "facts.toml").write_text(f"{head}{MORE_FACTS}[[check]]{checks}", encoding="utf-8")
    (tmp_path / "family_grant.toml").write_text(policy, encoding="utf-8")
    (tmp_path / "cases" / "family_grant.toml").write_text(cases, encoding="utf-8")
    chosen = load_policies(tmp_path)
    check_reach(chosen)
    found = read_cases(chosen)
    assert len(found) == 4
    assert [str(each) for each in run_cases(chosen, found)] == []


def test_the_page_names_every_code_and_function() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [code for code in OWN_CODES if f"`{code}" not in text] == []
    assert [name for name in FUNCTIONS.split(", ") if f"`{name}`" not in text] == []
