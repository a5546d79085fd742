"""Deciding tables of facts: what comes out, what never changes it, and what is refused."""

from __future__ import annotations

import json
import random
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bangfu.cli.main import cli
from bangfu.core.errors import BangfuError
from bangfu.rulebook.decide import counted, decide_file
from bangfu.rulebook.explain import explain
from bangfu.rulebook.expressions import Kind
from bangfu.rulebook.facts import Fact
from bangfu.rulebook.periods import period_named
from bangfu.rulebook.policies import load_policies
from bangfu.rulebook.whatif import what_if
from tests.rulebook.texts import FACTS, POLICY, folder_with

SPRING = period_named("2025-spring")
SHIPPED = load_policies()
# Of each form one: a share, an exclusion, a bound from a rate, two cases, a cap of money.
SOME = (
    "boarding_allowance",
    "day_allowance",
    "nutrition_plan",
    "nutrition_poor",
    "vocational_grant",
    "kindergarten_aid",
)
FEW = load_policies(only=(*SOME, "free_kindergarten_year", "vocational_fee_waiver"))
TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "SMALLINT",
    Kind.MONEY: "DECIMAL(12, 2)",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.DECIMAL: "DECIMAL(9, 3)",
}
Row = dict[str, Any]


def table(path: Path, rows: list[Row], types: dict[str, str]) -> Path:
    """Write rows as Parquet."""
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
        connection.execute(f"CREATE TABLE t ({columns})")
        places = ", ".join("?" for _ in types)
        for row in rows:
            connection.execute(f"INSERT INTO t VALUES ({places})", [row.get(name) for name in types])
        connection.table("t").write_parquet(str(path))
    return path


def read(path: Path, order: str) -> list[Row]:
    """Read a file of decisions, in the order of its key."""
    with duckdb.connect() as connection:
        done = connection.execute(f"SELECT * FROM read_parquet(?) ORDER BY {order}", [str(path)])
        names = [column[0] for column in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def students(rows: list[Row]) -> tuple[list[Row], dict[str, str]]:
    """Return rows with numbers from 0, and the columns of a table of students."""
    types = {"student": "BIGINT"} | {name: TYPES[fact.type.kind] for name, fact in SHIPPED.facts.every.items()}
    return [{"student": at} | row for at, row in enumerate(rows)], types


def decided(rows: list[Row], folder: Path) -> list[Row]:
    """Decide rows of students by some shipped policies."""
    numbered, types = students(rows)
    out = folder / "out.parquet"
    decide_file(table(folder / "facts.parquet", numbered, types), FEW, SPRING, out)
    return read(out, "student")


# ---------------------------------------------------------------- any facts


def any_value(fact: Fact) -> some.SearchStrategy[Any]:
    """Return values of a fact, some of them not known and some impossible."""
    if fact.type.kind is Kind.BOOLEAN:
        return some.sampled_from([True, True, False, None])
    if fact.type.kind is Kind.TEXT:
        return some.sampled_from([*sorted(fact.type.values or ()), None, "?"])
    if fact.type.kind is Kind.INTEGER:
        return some.one_of(some.integers(-1, 5), some.integers(60, 152), some.none())
    return some.one_of(some.decimals(-1, 30_000, places=2), some.none())


ANY_ROW = some.fixed_dictionaries({name: any_value(fact) for name, fact in SHIPPED.facts.every.items()})
ANY_ROWS = some.lists(ANY_ROW, min_size=1, max_size=12)
QUIET = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WAITS = ("unknown:", "invalid:", "waits:", "no_rate:")
IN_FORCE = FEW.in_force(SPRING)


@QUIET
@given(rows=ANY_ROWS)
def test_amount_decision_and_failed_conditions_agree(rows: list[Row], tmp_path: Path) -> None:
    for facts, row in zip(rows, decided(rows, tmp_path), strict=True):
        for policy in IN_FORCE:
            parts = {name: row[f"{policy.id}__{name}"] for name in ("amount", "decision", "failed", "case", "version")}
            decision, _, what = parts["decision"].partition(":")
            failed = [must.code for at, must in enumerate(policy.musts) if parts["failed"] >> at & 1]
            assert (parts["decision"] in [must.code for must in policy.musts]) == bool(failed)
            assert not failed or parts["decision"] == failed[0]
            paid = decision == "yes"
            assert (parts["case"] != "-") == (parts["version"] != "-") == paid
            assert parts["amount"] is None if parts["decision"].startswith(WAITS) else parts["amount"] >= 0
            assert paid or not parts["amount"]
            if decision in ("unknown", "invalid"):
                assert (facts[what] is None) == (decision == "unknown")


@QUIET
@given(rows=ANY_ROWS, seed=some.integers(0, 99))
def test_order_and_batches_change_nothing_and_one_alone_is_his_row(rows: list[Row], seed: int, tmp_path: Path) -> None:
    whole = decided(rows, tmp_path)
    numbered, types = students(rows)
    mixed = random.Random(seed).sample(numbered, len(numbered))  # noqa: S311 - an order
    cut = len(mixed) // 2
    out = tmp_path / "part.parquet"
    found: list[Row] = []
    for part in (mixed[:cut], mixed[cut:-1], mixed[-1:]):
        if part:
            decide_file(table(tmp_path / "part-facts.parquet", part, types), FEW, SPRING, out)
            found += read(out, "student")
    assert sorted(found, key=lambda row: row["student"]) == whole


@QUIET
@given(rows=ANY_ROWS, more=some.lists(ANY_ROW, min_size=12, max_size=12))
def test_what_is_decided_stays_so_whatever_the_unknown_facts_turn_out_to_be(
    rows: list[Row], more: list[Row], tmp_path: Path
) -> None:
    filled = [
        {name: more[at][name] if value is None else value for name, value in row.items()} for at, row in enumerate(rows)
    ]
    # An impossible value counts as unknown, and a check between two facts may make one so: only those alone are filled.
    filled = [row | {name: old[name] for name in ("grade", "stage")} for row, old in zip(filled, rows, strict=True)]
    for before, after in zip(decided(rows, tmp_path), decided(filled, tmp_path), strict=True):
        for policy in IN_FORCE:
            if not before[f"{policy.id}__decision"].startswith(WAITS):
                # A no may get a reason that stands before the one that was known.
                assert before[f"{policy.id}__amount"] == after[f"{policy.id}__amount"]
                assert before[f"{policy.id}__case"] == after[f"{policy.id}__case"]


@QUIET
@given(
    rate=some.decimals(0, 99_999, places=2),
    days=some.integers(0, 400),
    of=some.integers(1, 400),
    rounding=some.sampled_from(["half_up", "up", "down"]),
)
def test_shares_are_exact_and_rounded_once_as_stated(
    rate: Decimal, days: int, of: int, rounding: str, tmp_path: Path
) -> None:
    text = POLICY.replace("value = 99.99", f"value = {rate}").replace('test = "income <= ceiling"', 'test = "TRUE"')
    text = text.replace('share = "1/2"\nround = "half_up"', f'share = "2/3"\nround = "{rounding}"')
    text = text.replace("round =", 'prorate = { days = "days", of = "all_days" }\nround =')
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=text))
    types = {"household": "BIGINT", "registered": "BOOLEAN", "children": "TINYINT", "area": "VARCHAR"}
    types |= {"days": "SMALLINT", "all_days": "SMALLINT"}
    row = {"household": 1, "registered": True, "children": 3, "area": "town", "days": days, "all_days": of}
    out = tmp_path / "o.parquet"
    decide_file(table(tmp_path / "f.parquet", [row], types), chosen, SPRING, out)
    exact = Fraction(rate) * 100 * 3 * Fraction(2, 3) * Fraction(days, of)
    wanted = {"down": exact // 1, "up": -(-exact // 1), "half_up": (exact + Fraction(1, 2)) // 1}[rounding]
    assert read(out, "household")[0]["family_grant__amount"] == wanted


# ---------------------------------------------------------------- a moved student, other policies


def test_a_move_in_mid_term_is_decided_for_each_part(tmp_path: Path) -> None:
    common = {"stage": "primary", "enrolled": True, "hardship_level": "mild", "registered_poor": True}
    common |= {"monitored": False, "minimum_living": "none", "destitute": False, "disabled": False}
    common |= {"public_school": True, "full_time": True}
    _, types = students([])
    types = {"student": "VARCHAR", "spell": "TINYINT"} | types | {"student": "VARCHAR"}
    spells = [
        common | {"student": "s1", "spell": 1, "boarding": False, "days_enrolled": 60},
        common | {"student": "s1", "spell": 2, "boarding": True, "days_enrolled": 91},
    ]
    facts, out = table(tmp_path / "f.parquet", spells, types), tmp_path / "o.parquet"
    decide_file(facts, SHIPPED, SPRING, out)
    parts = [(row["day_allowance__amount"], row["boarding_allowance__amount"]) for row in read(out, "spell")]
    assert parts == [(12417, 0), (0, 37666)]
    told = [each for each in explain(facts, SHIPPED, SPRING, "s1") if each.policy.id == "boarding_allowance"]
    assert [each.reason(SHIPPED, "en") for each in told] == ["no: not met: boards at school", "yes"]
    assert told[1].rates[0].source.startswith("1250 / 1500 a year")
    assert told[1].facts["days_enrolled"] == 91


def two_policies(folder: Path, more: str) -> Path:
    second = POLICY.replace('"family_grant"', '"second"').replace("from = 2020-01-01\n", "from = 2020-01-01\n" + more)
    return folder_with(folder, family_grant=POLICY, second=second)


HOUSEHOLDS = {
    "household": "BIGINT",
    "registered": "BOOLEAN",
    "income": "DECIMAL(9, 2)",
    "children": "INTEGER",
    "area": "VARCHAR",
}
GOOD = {"household": 1, "registered": True, "income": Decimal("10.00"), "children": 2, "area": "village"}


def households(folder: Path, policies: Path, rows: list[Row]) -> list[Row]:
    out = folder / "o.parquet"
    decide_file(table(folder / "f.parquet", rows, HOUSEHOLDS), load_policies(policies), SPRING, out)
    return read(out, "household")


def test_one_policy_goes_before_another_and_waits_are_handed_on(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"household": 2, "area": None}, GOOD | {"household": 3, "registered": False}]
    folder = two_policies(tmp_path / "p", 'yields_to = ["family_grant"]\n')
    found = [(row["family_grant__decision"], row["second__decision"]) for row in households(tmp_path, folder, rows)]
    assert found == [("yes", "excluded:family_grant"), ("unknown:area", "waits:family_grant"), ("registered",) * 2]


def test_a_share_of_anothers_amount(tmp_path: Path) -> None:
    folder = two_policies(tmp_path / "p", "")
    text = (folder / "second.toml").read_text(encoding="utf-8")
    text = text.replace('pay = "a_child * children"\nshare', 'pay = "family_grant.amount"\nshare')
    (folder / "second.toml").write_text(text.replace("when = \"area = 'village'\"", 'when = "FALSE"'), encoding="utf-8")
    rows = [GOOD, GOOD | {"household": 2, "area": None}]
    found = households(tmp_path, folder, rows)
    assert [row["family_grant__amount"] for row in found] == [19998, None]
    assert [(row["second__decision"], row["second__amount"]) for row in found] == [
        ("yes", 9999),
        ("waits:family_grant", None),
    ]


def test_a_condition_on_anothers_amount(tmp_path: Path) -> None:
    folder = two_policies(tmp_path / "p", "")
    text = (folder / "second.toml").read_text(encoding="utf-8")
    text = text.replace('test = "registered"', 'test = "family_grant.amount = 0"')
    (folder / "second.toml").write_text(text, encoding="utf-8")
    rows = [GOOD, GOOD | {"household": 2, "area": None}, GOOD | {"household": 3, "registered": False}]
    found = [row["second__decision"] for row in households(tmp_path, folder, rows)]
    assert found == ["registered", "waits:family_grant", "yes"]


@pytest.mark.parametrize("more", ["from = 2030-01-01\n", "from = 2020-01-01\nuntil = 2024-12-31\n"])
def test_a_policy_not_in_force_pays_nothing_to_lean_on(more: str, tmp_path: Path) -> None:
    folder = two_policies(tmp_path / "p", 'yields_to = ["family_grant"]\n')
    (folder / "family_grant.toml").write_text(POLICY.replace("from = 2020-01-01\n", more, 1), encoding="utf-8")
    (row,) = households(tmp_path, folder, [GOOD])
    assert (row["second__decision"], "family_grant__decision" in row) == ("yes", False)


@pytest.mark.parametrize(
    ("children", "income", "decision"),
    [
        (1, "11000.00", "yes"),
        (1, "11000.01", "income_low"),
        (2, "13000.50", "yes"),
        (2, "13000.51", "income_low"),
        (3, "14600.50", "yes"),
        (3, "14600.51", "income_low"),
        (9, "24200.50", "yes"),
        (9, "24200.51", "income_low"),
        (0, "0.00", "no_rate:ceiling"),
        (-1, "0.00", "invalid:children"),
        (21, "0.00", "invalid:children"),
        (None, "0.00", "unknown:children"),
    ],
)
def test_a_ceiling_by_number_of_children(children: int, income: str, decision: str, tmp_path: Path) -> None:
    row = GOOD | {"children": children, "income": Decimal(income)}
    folder = folder_with(tmp_path / "p", family_grant=POLICY)
    assert households(tmp_path, folder, [row])[0]["family_grant__decision"] == decision


def test_an_amount_below_zero_has_a_code_of_its_own(tmp_path: Path) -> None:
    text = POLICY.replace('pay = "a_child * children"\n\n', 'pay = "ceiling - income"\n\n')
    folder = folder_with(tmp_path / "p", family_grant=text.replace("income <= ceiling", "children > 0"))
    rows = [GOOD | {"income": Decimal("13000.50")}, GOOD | {"household": 2, "income": Decimal("13000.51")}]
    found = [(row["family_grant__decision"], row["family_grant__amount"]) for row in households(tmp_path, folder, rows)]
    assert found == [("yes", 0), ("below_zero", 0)]


def test_sums_do_not_overflow_a_narrow_column(tmp_path: Path) -> None:
    text = POLICY.replace("max = 20", "max = 120").replace("children > 0", "children + children > 0")
    text = text.replace('test = "income <= ceiling"', 'test = "children * children > 100 + children"')
    folder = folder_with(tmp_path / "p", facts=FACTS.replace("max = 20", "max = 120"), family_grant=text)
    types = HOUSEHOLDS | {"children": "TINYINT"}
    out = tmp_path / "o.parquet"
    facts = table(tmp_path / "f.parquet", [GOOD | {"children": 120}], types)
    decide_file(facts, load_policies(folder), SPRING, out)
    assert read(out, "household")[0]["family_grant__amount"] == 120 * 9999


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("types", "code"),
    [
        ({"income": None}, "facts_columns"),
        ({"household": None}, "facts_columns"),
        ({"income": "DOUBLE"}, "facts_types"),
        ({"income": "INTEGER"}, "facts_types"),
        ({"income": "DECIMAL(9, 3)"}, "facts_types"),
        ({"children": "VARCHAR"}, "facts_types"),
        ({"children": "DECIMAL(9, 0)"}, "facts_types"),
        ({"registered": "INTEGER"}, "facts_types"),
        ({"area": "INTEGER"}, "facts_types"),
        ({"household": "DOUBLE"}, "facts_types"),
    ],
)
def test_a_table_without_a_column_or_of_another_type_is_refused(
    types: dict[str, str | None], code: str, tmp_path: Path
) -> None:
    kept = {name: type_ for name, type_ in (HOUSEHOLDS | types).items() if type_}
    facts = table(tmp_path / "f.parquet", [{"household": 1}], kept)
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=POLICY))
    with pytest.raises(BangfuError) as refused:
        decide_file(facts, chosen, SPRING, tmp_path / "o.parquet")
    assert refused.value.code == code
    assert next(iter(types)) in str(refused.value)
    assert not (tmp_path / "o.parquet").exists()


@pytest.mark.parametrize("type_", ["BIGINT", "VARCHAR"])
@pytest.mark.parametrize(
    ("keys", "code", "said"),
    [
        ([7, 8, 7, 9, 9], "facts_twice", "7, 9"),
        ([7, None, 8, None], "facts_nameless", "2"),
        ([], "facts_empty", ""),
        ([-5, 4_000_000_000_000, -5], "facts_twice", "-5"),
    ],
)
def test_a_household_twice_or_without_a_number_is_refused(
    keys: list[int | None], code: str, said: str, type_: str, tmp_path: Path
) -> None:
    rows = [GOOD | {"household": key} for key in keys]
    facts = table(tmp_path / "f.parquet", rows, HOUSEHOLDS | {"household": type_})
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=POLICY))
    with pytest.raises(BangfuError) as refused:
        decide_file(facts, chosen, SPRING, tmp_path / "o.parquet")
    assert refused.value.code == code
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"PAR1 no", "中文".encode("gb18030")])
def test_what_is_no_table_is_refused(content: bytes | None, tmp_path: Path) -> None:
    facts = tmp_path / "f.parquet"
    if content is not None:
        facts.write_bytes(content)
    with pytest.raises(BangfuError) as refused:
        decide_file(facts, SHIPPED, SPRING, tmp_path / "o.parquet")
    assert refused.value.code == "facts_unreadable"
    assert "\n" not in str(refused.value)


CSV = "household,registered,income,children,area\n1,true,10.00,2,village\n2,,11000.5,1,\n3,false,,,town\n"


def test_facts_come_as_csv_too(tmp_path: Path) -> None:
    facts, out = tmp_path / "f.csv", tmp_path / "o.parquet"
    facts.write_text(CSV, encoding="utf-8")
    decide_file(facts, load_policies(folder_with(tmp_path / "p", family_grant=POLICY)), SPRING, out)
    found = [row["family_grant__decision"] for row in read(out, "household")]
    assert found == ["yes", "income_low", "registered"]


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("10.00", "10.005", "income"),
        ("10.00", "1e3", "income"),
        ("true", "yes", "registered"),
        (",2,", ",2.0,", "children"),
    ],
)
def test_a_cell_of_another_type_is_named(old: str, new: str, column: str, tmp_path: Path) -> None:
    facts = tmp_path / "f.csv"
    facts.write_text(CSV.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BangfuError) as refused:
        decide_file(facts, load_policies(folder_with(tmp_path / "p", family_grant=POLICY)), SPRING, tmp_path / "o")
    assert refused.value.code == "facts_cells"
    assert column in str(refused.value)


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "f" / "county=1").mkdir(parents=True)
    table(tmp_path / "f" / "county=1" / "a.parquet", [GOOD], HOUSEHOLDS)
    table(tmp_path / "f" / "b.parquet", [GOOD | {"household": 2}], HOUSEHOLDS)
    chosen, out = load_policies(folder_with(tmp_path / "p", family_grant=POLICY)), tmp_path / "o.parquet"
    decide_file(tmp_path / "f", chosen, SPRING, out)
    assert [row["household"] for row in read(out, "household")] == [1, 2]


def test_the_facts_are_not_overwritten(tmp_path: Path) -> None:
    facts = table(tmp_path / "f.parquet", [GOOD], HOUSEHOLDS)
    before = facts.read_bytes()
    with pytest.raises(BangfuError):
        decide_file(facts, load_policies(folder_with(tmp_path / "p", family_grant=POLICY)), SPRING, facts)
    assert facts.read_bytes() == before


# ---------------------------------------------------------------- what if, and commands


def test_what_if_counts_who_gains_and_who_loses(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"household": 2, "area": "town"}, GOOD | {"household": 3, "registered": False}]
    facts = table(tmp_path / "f.parquet", rows, HOUSEHOLDS)
    now = load_policies(folder_with(tmp_path / "now", family_grant=POLICY))
    changed = POLICY.replace("99.99", "100.00").replace('share = "1/2"', 'share = "1/4"')
    then = load_policies(folder_with(tmp_path / "then", family_grant=changed))
    (found,) = what_if(facts, now, then, SPRING)
    assert (found.gained, found.lost, found.more, found.less) == (1, 1, 2, 9999 - 5000)
    by_area = {each.group: (each.more, each.less) for each in what_if(facts, now, then, SPRING, ("area",))}
    assert by_area == {("town",): (0, 4999), ("village",): (2, 0)}


def bangfu(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], env={"BANGFU_LANG": "en"})


def test_the_commands_say_what_came_out_and_exit_as_they_say(tmp_path: Path) -> None:
    folder, out = folder_with(tmp_path / "p", family_grant=POLICY), tmp_path / "o.parquet"
    rows = [GOOD, GOOD | {"household": 2, "children": -1}, GOOD | {"household": 3, "area": None}]
    facts = table(tmp_path / "f.parquet", rows, HOUSEHOLDS)
    words = ("--facts", facts, "--policies", folder, "--period", "2025-spring")
    done = bangfu("decide", *words, "--out", out, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1  # an impossible value
    assert (told["rows"], told["invalid"], told["left_out"]) == (3, 1, [])
    assert {each["decision"]: each["rows"] for each in told["decisions"]} == {
        "yes": 1,
        "invalid:children": 1,
        "unknown:area": 1,
    }
    assert json.loads(bangfu("explain", *words, "1", "--json").stdout)["policies"][0]["amount"] == 19998
    assert '"children" is impossible' in bangfu("explain", *words, "2").stdout
    assert "sum" not in bangfu("whatif", *words, "--against", folder).stdout
    checked = bangfu("policies", "check", folder)
    assert (checked.exit_code, "1 policies, 0 cases, 0 came out otherwise" in checked.stdout) == (0, True)


def test_a_case_that_comes_out_otherwise_is_named_and_exits_1(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "p", family_grant=POLICY)
    (folder / "cases").mkdir()
    (folder / "cases" / "family_grant.toml").write_text(
        'source = "invented"\nperiod = "2025-spring"\n[[case]]\nname = "one"\ndecision = "yes"\namount = 1.00\n'
    )
    done = bangfu("policies", "check", folder)
    assert done.exit_code == 1
    assert 'family_grant.toml:5: case "one": expected yes 1.00, found unknown:registered' in done.stdout


@pytest.mark.parametrize(
    "words", [("decide", "--period", "2025-spring"), ("decide", "--period", "2025-spring", "--engine", "spark")]
)
def test_bad_input_is_one_line_on_stderr(words: tuple[str, ...], tmp_path: Path) -> None:
    done = bangfu(*words, "--facts", tmp_path / "no.parquet", "--out", tmp_path / "o.parquet")
    assert isinstance(done.exception, BangfuError)
    assert "\n" not in str(done.exception)


def test_decisions_are_counted_by_decision_case_and_version(tmp_path: Path) -> None:
    facts = table(tmp_path / "f.parquet", [GOOD, GOOD | {"household": 2}], HOUSEHOLDS)
    out = tmp_path / "o.parquet"
    chosen = load_policies(folder_with(tmp_path / "p", family_grant=POLICY))
    (count,) = counted(decide_file(facts, chosen, SPRING, out), out)
    assert (count.decision, count.case, count.version) == ("yes", "village", date(2020, 1, 1).isoformat())
    assert (count.rows, count.amount) == (2, 2 * 19998)
