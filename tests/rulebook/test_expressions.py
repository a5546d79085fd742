"""What expressions say of known and unknown facts: yes, no, or which fact is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bangfu.rulebook.cases import decide_rows
from bangfu.rulebook.decide import engine
from bangfu.rulebook.periods import period_named
from bangfu.rulebook.policies import load_policies
from tests.rulebook.texts import POLICY, folder_with

NO, YES = "registered", "yes"  # the code of the condition that the tests change
SAID = [
    ("registered", {"registered": True}, YES),
    ("registered", {"registered": False}, NO),
    ("registered", {}, "unknown:registered"),
    ("NOT registered", {"registered": False}, YES),
    ("NOT registered", {}, "unknown:registered"),
    # AND and OR: asked for is what the outcome hangs on
    ("registered AND area = 'town'", {"registered": False}, NO),
    ("registered AND area = 'town'", {"area": "village"}, NO),
    ("registered AND area = 'town'", {"registered": True}, "unknown:area"),
    ("registered AND area = 'town'", {"area": "town"}, "unknown:registered"),
    ("registered AND area = 'town'", {}, "unknown:registered"),
    ("registered OR area = 'town'", {"registered": True}, YES),
    ("registered OR area = 'town'", {"area": "town"}, YES),
    ("registered OR area = 'town'", {"registered": False}, "unknown:area"),
    ("(days > 1 AND area = 'town') OR registered", {"area": "village"}, "unknown:registered"),
    ("(days > 1 AND area = 'town') OR registered", {"area": "town", "registered": False}, "unknown:days"),
    ("NOT (registered OR area = 'town')", {"registered": False}, "unknown:area"),
    # texts of a closed list
    ("area = 'town'", {"area": "city"}, "invalid:area"),
    ("'town' = area", {"area": "town"}, YES),
    ("area <> 'town'", {"area": "town"}, NO),
    ("area NOT IN ('town', 'village')", {"area": "town"}, NO),
    ("area IS NULL", {}, YES),
    ("area IS NULL", {"area": "town"}, NO),
    ("area IS NOT NULL", {}, NO),
    ("area IS NULL AND registered", {}, "unknown:registered"),
    ("COALESCE(area, 'town') = 'town'", {}, YES),
    ("COALESCE(area, 'town') = 'town'", {"area": "village"}, NO),
    ("COALESCE(registered, FALSE)", {}, NO),
    ("COALESCE(days, all_days) > 3", {}, "unknown:days"),
    ("COALESCE(days, 4) > all_days", {}, "unknown:all_days"),
    ("CASE WHEN registered THEN area ELSE 'town' END = 'town'", {"registered": False}, YES),
    ("CASE WHEN registered THEN area ELSE 'town' END = 'town'", {"registered": True, "area": "village"}, NO),
    # numbers, money, days
    ("days BETWEEN 2 AND 4", {"days": 2}, YES),
    ("days BETWEEN 2 AND 4", {"days": 5}, NO),
    ("days >= 2", {"days": -1}, "invalid:days"),
    ("days * 2 - 1 = all_days + 1", {"days": 3, "all_days": 4}, YES),
    ("ABS(days - all_days) <= 1", {"days": 3, "all_days": 5}, NO),
    ("GREATEST(days, all_days) > 3", {"days": 9}, "unknown:all_days"),
    ("LEAST(days, all_days) > 3", {"days": 9, "all_days": 4}, YES),
    ("LEAST(days, all_days) > 3", {"days": 9, "all_days": 3}, NO),
    ("income > 0", {"income": 0.01}, YES),
    ("income > 0", {"income": 0.00}, NO),
    ("income <= a_child * children", {"income": 199.98, "children": 2}, YES),
    ("income <= a_child * children", {"income": 199.99, "children": 2}, NO),
    ("income < ceiling", {"income": 10999.99, "children": 1}, YES),
    ("income < ceiling", {"income": 0, "children": 0}, "no_rate:ceiling"),
    ("income < ceiling", {"children": 0}, "unknown:income"),
    ("since <= DATE '2025-02-15'", {"since": "2025-02-15"}, YES),
    ("since <= period_first", {"since": "2025-02-16"}, NO),
    ("since BETWEEN period_first AND period_last", {"since": "2025-07-15"}, YES),
    ("since IN (DATE '2025-01-01')", {"since": "2025-01-01"}, YES),
    ("period_days = 151", {}, YES),
    ("share >= 0.5", {"share": 0.5}, YES),
    ("share * 2 + 1 < 1.999", {"share": 0.5}, NO),
    ("TRUE", {}, YES),
    ("1 = 2", {}, NO),
]


@pytest.mark.parametrize(("test", "facts", "decision"), SAID, ids=[f"{test} {facts}" for test, facts, _ in SAID])
def test_an_expression_says_yes_no_or_what_is_missing(
    test: str, facts: dict[str, Any], decision: str, tmp_path: Path
) -> None:
    head, _, tail = POLICY.replace('test = "registered"', f'test = "{test}"').partition('code = "income_low"')
    conditions = head.rpartition("[[must]]")[0]
    rates = tail[tail.index("[[rate]]") : tail.index("[[case]]")]
    text = f'{conditions}{rates}[[case]]\ncode = "all"\npay = "a_child"\n'
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=text))
    with engine() as connection:
        rows = decide_rows(connection, chosen, chosen.policies[0], period_named("2025-spring"), [facts])
    assert rows[0][0] == decision
    assert rows[0][1] == (9999 if decision == YES else 0 if decision == NO else None)
