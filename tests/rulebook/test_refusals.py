"""What a policy file may not say: each refused whole, with file, line and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from bangfu.core.errors import BangfuError
from bangfu.rulebook.cases import read_cases
from bangfu.rulebook.compile import compile_set
from bangfu.rulebook.periods import period_named
from bangfu.rulebook.policies import load_policies
from bangfu.rulebook.reach import check_reach
from bangfu.rulebook.source import Wrong, parse_table
from tests.rulebook.texts import FACTS, POLICY, folder_with, line_of

WHEN = "when = \"area = 'village'\""
TEST = 'test = "registered"'
PAY = 'pay = "a_child * children"'
ENTRY = '{ from = 2024-01-01, value = { 1 = 11000, 2 = 13000.50, each_more = 1600 }, source = "invented" }'


def test(code: str) -> str:
    """Return a test as its line in the file."""
    return f'test = "{code}"'


test.__test__ = False  # type: ignore[attr-defined]  # a helper of this name is no test

REFUSED = [
    # what is asked, and of what
    (TEST, test("registred"), "expr_unknown"),
    (TEST, test("children"), "expr_type"),
    (TEST, test("children = 'two'"), "expr_mixed"),
    (TEST, test("area = 'vilage'"), "expr_no_value"),
    (TEST, test("area IN ('town', 'city')"), "expr_no_value"),
    (TEST, test("area > 'town'"), "expr_order"),
    (TEST, test("registered > TRUE"), "expr_order"),
    (TEST, test("income < 5000"), "expr_bare_money"),
    (TEST, test("income < children"), "expr_mixed"),
    (TEST, test("since < '2025-01-01'"), "expr_mixed"),
    (TEST, test("since < DATE '2025-02-30'"), "expr_date"),
    (TEST, test("income * income > 0"), "expr_money_product"),
    (TEST, test("registered + 1 = 2"), "expr_mixed"),
    (TEST, test("-area = 'town'"), "expr_no_number"),
    (TEST, test("children = 1e1"), "expr_float"),
    (TEST, test("children / 2 > 1"), "expr_division"),
    (TEST, test("children % 2 = 1"), "expr_division"),
    (TEST, test("children // 2 = 1"), "expr_division"),
    (TEST, test("CASE WHEN registered THEN TRUE END"), "expr_no_else"),
    (TEST, test("CASE area WHEN 'town' THEN TRUE ELSE FALSE END"), "expr_form"),
    # what runs, reads or hides something
    (TEST, test("random() > children"), "expr_function"),
    (TEST, test("getenv('HOME') = 'x'"), "expr_function"),
    (TEST, test("read_text('/etc/passwd') = 'x'"), "expr_function"),
    (TEST, test("length(area) = 4"), "expr_function"),
    (TEST, test("regexp_matches(area, 'x')"), "expr_function"),
    (TEST, test("EXISTS (SELECT 1)"), "expr_function"),
    (TEST, test("children IN (SELECT 1)"), "expr_form"),
    (TEST, test("children = (SELECT 1)"), "expr_form"),
    (TEST, test("children IN (children)"), "expr_form"),
    (TEST, test("area LIKE 't%'"), "expr_form"),
    (TEST, test("CAST(children AS VARCHAR) = '1'"), "expr_form"),
    (TEST, test("children::VARCHAR = '1'"), "expr_form"),
    (TEST, test("TRY_CAST(area AS DATE) = since"), "expr_form"),
    (TEST, test("sum(children) OVER () > 1"), "expr_form"),
    (TEST, test("count(*) > 1"), "expr_function"),
    (TEST, test("facts.registered"), "expr_unknown"),
    (TEST, test("main.facts.registered"), "expr_form"),
    (TEST, test("$1"), "expr_form"),
    (TEST, test("registered; DROP TABLE facts"), "expr_syntax"),
    (TEST, test("DROP TABLE facts"), "expr_syntax"),
    (TEST, test("registered FROM facts"), "expr_syntax"),
    (TEST, test("(((registered"), "expr_syntax"),
    (TEST, test("(" * 3000 + "registered" + ")" * 3000), "expr_syntax"),
    (TEST, test("NULL"), "expr_form"),
    (TEST, test("registered IS children"), "expr_form"),
    # rates
    ("value = 99.99", "value = 99.999", "policy_not_amount"),
    ("value = 99.99", "value = -1.00", "policy_not_amount"),
    ("value = 99.99", 'value = "99.99"', "policy_not_amount"),
    ("value = 99.99", "value = nan", "policy_not_amount"),
    ("value = 99.99", "value = inf", "policy_not_amount"),
    ("value = 99.99", "value = { 1 = 1 }", "rate_number_wanted"),
    ('value = 99.99, source = "invented"', "value = 99.99", "policy_missing"),
    ('value = 99.99, source = "invented"', 'value = 99.99, source = ""', "policy_not_text"),
    ('value = 99.99, source = "invented"', 'source = "invented"', "policy_missing"),
    (ENTRY, ENTRY.replace("2024-01-01", "2020-01-01"), "rate_overlap"),
    (ENTRY, ENTRY.replace("2024-01-01", "2019-01-01"), "rate_overlap"),
    (ENTRY, ENTRY.replace("value =", "until = 2023-12-31, value ="), "rate_overlap"),
    (ENTRY, ENTRY.replace("2024-01-01", '"2024-01-01"'), "policy_not_day"),
    (ENTRY, ENTRY.replace("2024-01-01", "2024-01-01T00:00:00"), "policy_not_day"),
    (ENTRY, ENTRY.replace("2 = 13000.50", "3 = 13000.50"), "rate_bad_step"),
    (ENTRY, ENTRY.replace("2 = 13000.50", "two = 13000.50"), "expr_no_value"),
    (ENTRY, ENTRY.replace("{ 1 = 11000, 2 = 13000.50, each_more = 1600 }", "11000"), "rate_table_wanted"),
    (ENTRY, ENTRY.replace("source", "sauce"), "policy_unknown_key"),
    ('by = "children"', 'by = "income"', "rate_bad_key"),
    ('by = "children"', 'by = "kids"', "rate_bad_key"),
    ('name = "a_child"', 'name = "income"', "policy_twice"),
    ('name = "a_child"', 'name = "ceiling"', "policy_twice"),
    ('name = "a_child"', 'name = "A Child"', "policy_bad_name"),
    ('name = "a_child"', 'name = "select"', "policy_bad_name"),
    # cases
    (WHEN, "", "case_unreachable"),
    ('code = "town"\n', 'code = "town"\nwhen = "area = \'village\'"\n', "case_unreachable"),
    ('code = "town"\n', 'code = "village"\n', "policy_twice"),
    (PAY, 'pay = "children"', "expr_type"),
    (PAY, 'pay = "a_child * share"', "expr_money_product"),
    (PAY, 'pay = "a_child * 1.5"', "expr_money_product"),
    (PAY, 'pay = "100"', "expr_type"),
    ('round = "half_up"', "", "case_rounding"),
    ('round = "half_up"', 'round = "nearest"', "case_rounding"),
    ('share = "1/2"\n', "", "case_rounding"),
    ('share = "1/2"', 'share = "0.5"', "case_share"),
    ('share = "1/2"', 'share = "3/2"', "case_share"),
    ('share = "1/2"', 'prorate = { days = "days", of = "days" }', "case_of_days"),
    ('share = "1/2"', 'prorate = { days = "income", of = "all_days" }', "expr_type"),
    ('share = "1/2"', 'prorate = { day = "days", of = "all_days" }', "policy_unknown_key"),
    # the whole
    ('source = "invented"\n\n[[must]]', "\n[[must]]", "policy_missing"),
    ('id = "family_grant"', 'id = "other"', "policy_bad_id"),
    ('period = "semester"', 'period = "week"', "policy_bad_period"),
    ('pays = "CNY"', 'pays = "yuan!"', "policy_bad_pays"),
    ('pays = "CNY"', 'pays = "EUR"', "expr_type"),
    ('subject = "household"', 'subject = "pupil"', "facts_unknown_subject"),
    ("from = 2020-01-01\n", "", "policy_missing"),
    ("from = 2020-01-01\n", "from = 2020-01-01\nuntil = 2019-01-01\n", "rate_overlap"),
    ("from = 2020-01-01\n", "from = 2020-01-01\nyeilds_to = []\n", "policy_unknown_key"),
    ("from = 2020-01-01\n", 'from = 2020-01-01\nyields_to = ["another"]\n', "policy_unknown"),
    ("from = 2020-01-01\n", 'from = 2020-01-01\nyields_to = ["family_grant"]\n', "policy_unknown"),
    ("from = 2020-01-01\n", 'from = 2020-01-01\nyields_to = ["a"]\nstacks_with = ["a"]\n', "policy_stacks_and_yields"),
    ("from = 2020-01-01\n", "from = 2020-01-01\nconfirmed = 1\n", "policy_not_flag"),
    ("from = 2020-01-01\n", 'from = 2020-01-01\nclauses = "I.2"\n', "policy_not_texts"),
    ('{ zh = "家庭补助", en = "family grant" }', '"family grant"', "policy_not_both"),
    ('{ zh = "已登记", en = "registered" }', '{ zh = "已登记" }', "policy_not_both"),
    ('code = "registered"', 'code = "yes"', "policy_bad_name"),
    ('code = "income_low"', 'code = "registered"', "policy_twice"),
    ("[[must]]", "[must]", "policy_not_toml"),
    ('pays = "CNY"', 'pays = "CNY', "policy_not_toml"),
]


@pytest.mark.parametrize(("old", "new", "code"), REFUSED, ids=[f"{at}-{each[2]}" for at, each in enumerate(REFUSED)])
def test_a_bad_policy_is_refused_with_its_line(old: str, new: str, code: str, tmp_path: Path) -> None:
    assert old in POLICY
    text = POLICY.replace(old, new, 1)
    with pytest.raises(Wrong) as refused:
        check_reach(load_policies(folder_with(tmp_path / "p", family_grant=text)))
    assert refused.value.code == code
    assert refused.value.facts["file"] == "family_grant.toml"
    for lang in ("zh", "en"):
        assert refused.value.said(lang).startswith(f"family_grant.toml:{refused.value.facts['line']}: ")


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (TEST, test("registred"), "test = "),
        ("value = 99.99", "value = 99.999", "values = [{ from = 2020-01-01, value = 99.999"),
        (ENTRY, ENTRY.replace("2024-01-01", "2020-01-01"), "  { from = 2020-01-01, value = { 1 = 11000"),
        (ENTRY, ENTRY.replace("2 = 13000.50", "two = 13000.50"), "  { from = 2024-01-01"),
        ('share = "1/2"', 'share = "3/2"', 'share = "3/2"'),
        ("from = 2020-01-01\n", "from = 2020-01-01\nyeilds_to = []\n", "yeilds_to"),
        (
            'code = "town"\n',
            'code = "town"\nwhen = "area = \'village\'"\n',
            'when = "area = \'village\'"\npay = "a_child * children"\nshare',
        ),
    ],
)
def test_the_line_is_that_of_the_fault(old: str, new: str, part: str, tmp_path: Path) -> None:
    text = POLICY.replace(old, new, 1)
    with pytest.raises(Wrong) as refused:
        load_policies(folder_with(tmp_path / "p", family_grant=text))
    assert refused.value.facts["line"] == line_of(text, part)


def test_a_case_that_no_facts_can_reach_is_refused(tmp_path: Path) -> None:
    text = POLICY.replace(WHEN, 'when = "children > 20"')
    with pytest.raises(Wrong, match="village") as refused:
        check_reach(load_policies(folder_with(tmp_path / "p", family_grant=text)))
    assert refused.value.code == "case_unreachable"
    text = POLICY.replace(WHEN, 'when = "children >= 20"')
    check_reach(load_policies(folder_with(tmp_path / "p", family_grant=text)))


def test_a_case_that_the_conditions_rule_out_is_refused(tmp_path: Path) -> None:
    text = POLICY.replace(TEST, test("area = 'town'"))
    with pytest.raises(Wrong) as refused:
        check_reach(load_policies(folder_with(tmp_path / "p", family_grant=text)))
    assert refused.value.code == "case_unreachable"


def test_policies_that_take_from_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    one = POLICY.replace(PAY, 'pay = "second.amount"')
    two = POLICY.replace('"family_grant"', '"second"').replace(PAY, 'pay = "family_grant.amount"')
    with pytest.raises(Wrong) as refused:
        load_policies(folder_with(tmp_path / "p", family_grant=one, second=two))
    assert refused.value.code == "policy_cycle"


@pytest.mark.parametrize(
    ("old", "new", "code", "period"),
    [
        ("from = 2020-01-01\n", "from = 2018-01-01\n", "rate_missing", "2019-spring"),
        (ENTRY, ENTRY.replace("2024-01-01", "2024-03-01"), "rate_changes", "2024-spring"),
        ("2020-01-01, value = 99.99", "2020-01-01, until = 2025-03-31, value = 99.99", "rate_missing", "2025-spring"),
        ("2020-01-01, value = 99.99", "2020-01-01, until = 2024-12-31, value = 99.99", "rate_missing", "2025-spring"),
        ("from = 2020-01-01\n", "from = 2025-03-01\n", "policy_cut", "2025-spring"),
        ("from = 2020-01-01\n", "from = 2020-01-01\nuntil = 2025-03-01\n", "policy_cut", "2025-spring"),
    ],
)
def test_a_period_without_one_rate_for_all_its_days_is_refused(
    old: str, new: str, code: str, period: str, tmp_path: Path
) -> None:
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=POLICY.replace(old, new, 1)))
    with pytest.raises(Wrong) as refused:
        compile_set(chosen, period_named(period), ("household",))
    assert refused.value.code == code
    assert str(refused.value.facts["day"])[:2] == "20"
    assert refused.value.facts["line"]


@pytest.mark.parametrize("period", ["2019-spring", "2025", "2024-2025"])
def test_a_set_without_a_policy_in_force_is_refused(period: str, tmp_path: Path) -> None:
    with pytest.raises(BangfuError) as refused:
        compile_set(
            load_policies(folder_with(tmp_path / "p", family_grant=POLICY)), period_named(period), ("household",)
        )
    assert refused.value.code == "policies_not_in_force"


@pytest.mark.parametrize("name", ["", "spring", "2025-summer", "2025-13", "2024-2026", "1999", "2025-1"])
def test_a_period_of_no_such_name_is_refused(name: str) -> None:
    with pytest.raises(BangfuError):
        period_named(name)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('type = "money"\nunit = "CNY"', 'type = "money"', "facts_no_currency"),
        ('type = "boolean"', 'type = "float"', "facts_no_type"),
        ('name = "children"', 'name = "income"', "policy_twice"),
        ('name = "children"', 'name = "from"', "policy_bad_name"),
        ('name = "children"', 'name = "period_days"', "policy_twice"),
        ("min = 0", 'min = "0"', "facts_bad_bound"),
        ('key = ["household"]', "", "policy_missing"),
        ('key = ["household"]', 'key = ["income"]', "policy_bad_name"),
        ('values = ["town", "village"]', 'values = ["town", "town"]', "policy_not_texts"),
        ('title = { zh = "子女", en = "children" }', "", "policy_missing"),
        ("[[fact]]", '[[check]]\nfact = "no"\ntest = "TRUE"\nsay = { zh = "a", en = "a" }\n[[fact]]', "expr_unknown"),
    ],
)
def test_bad_facts_are_refused_with_their_line(old: str, new: str, code: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "p", facts=FACTS.replace(old, new, 1), family_grant=POLICY)
    with pytest.raises(Wrong) as refused:
        load_policies(folder)
    assert (refused.value.code, refused.value.facts["file"]) == (code, "facts.toml")


CASES = """
source = "invented"
period = "2025-spring"
[[case]]
name = "one"
facts = { registered = true, income = 100.00, children = 1, area = "town" }
decision = "yes"
amount = 50.00
"""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("children = 1", "childs = 1", "expr_unknown"),
        ("children = 1", "children = 1.5", "expr_type"),
        ("children = 1", "children = true", "expr_type"),
        ("amount = 50.00\n", "", "policy_missing"),
        ("amount = 50.00", "amount = 50.005", "policy_not_amount"),
        ('decision = "yes"', "", "policy_missing"),
        ('source = "invented"', "", "policy_missing"),
        ('name = "one"', 'name = "one"\nresult = 1', "policy_unknown_key"),
    ],
)
def test_a_bad_case_is_refused_with_its_line(old: str, new: str, code: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "p", family_grant=POLICY)
    (folder / "cases").mkdir()
    (folder / "cases" / "family_grant.toml").write_text(CASES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Wrong) as refused:
        read_cases(load_policies(folder))
    assert refused.value.code == code


def test_cases_of_no_policy_are_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "p", family_grant=POLICY)
    (folder / "cases").mkdir()
    (folder / "cases" / "familly_grant.toml").write_text(CASES, encoding="utf-8")
    with pytest.raises(BangfuError) as refused:
        read_cases(load_policies(folder))
    assert refused.value.code == "case_of_none"


def test_lines_are_found_whatever_form_the_file_has() -> None:
    text = '''# a [[comment]] = { }
"a" . b = """x
[[not a table]]
"""   # c = 1
list = [ # one
  1, "]", '}',
  { in = [ 2,
    3 ] } ]

[t."q.r"]
s = 'it''s' # no

[[t.many]]
x = 1
[[t.many]]
x = 2 # two
[t.many.deep]
y = [[1],
 [2]]
'''.replace("'it''s'", "'its'")
    table = parse_table(text, Path("x.toml"))
    where = {
        ("a", "b"): '"a" . b',
        ("list", 1): "  1, ",
        ("list", 3): "  { in",
        ("list", 3, "in", 1): "    3 ]",
        ("t", "q.r", "s"): "s = ",
        ("t", "many", 0, "x"): "x = 1",
        ("t", "many", 1, "x"): "x = 2",
        ("t", "many", 1, "deep", "y", 1): " [2]]",
    }
    assert {keys: table.line(*keys) for keys in where} == {keys: line_of(text, part) for keys, part in where.items()}
