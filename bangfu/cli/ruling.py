"""`bangfu policies check`, `decide`, `explain`, `whatif`: the rulebook on files, without an installation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from bangfu.cli.show import print_json, print_table
from bangfu.core.errors import BangfuError
from bangfu.core.messages import reader_language, say
from bangfu.core.money import yuan
from bangfu.rulebook.cases import read_cases, run_cases
from bangfu.rulebook.decide import Count, counted, decide_file
from bangfu.rulebook.explain import explain, reason
from bangfu.rulebook.expressions import Kind
from bangfu.rulebook.periods import period_named
from bangfu.rulebook.policies import SHIPPED, PolicySet, load_policies
from bangfu.rulebook.policy import Policy
from bangfu.rulebook.reach import check_reach
from bangfu.rulebook.spark import decide_with_spark
from bangfu.rulebook.whatif import Change, what_if

FOUND_WRONG = 1


def check(folder: Path | None, json_: bool) -> None:
    """Check a folder of policies and run its cases; exit 1 where a case comes out otherwise."""
    chosen = load_policies(folder or SHIPPED)
    check_reach(chosen)
    cases = read_cases(chosen)
    failed = [str(each) for each in run_cases(chosen, cases)]
    counts = {policy.id: sum(case.policy is policy for case in cases) for policy in chosen.policies}
    rows = [_policy_row(policy, counts[policy.id]) for policy in chosen.policies]
    if json_:
        print_json({"folder": str(chosen.folder), "policies": rows, "failed": failed})
    else:
        _policy_table(chosen, rows)
        for line in failed:
            click.echo(line)
        unconfirmed = sum(len(row["unconfirmed"]) for row in rows)
        facts = {"count": len(rows), "cases": len(cases), "failed": len(failed), "unconfirmed": unconfirmed}
        click.echo(say("policies_checked", None, **facts))
    sys.exit(FOUND_WRONG if failed else 0)


def _policy_row(policy: Policy, cases: int) -> dict[str, Any]:
    entries = [(rate, entry) for rate in policy.rates.values() for entry in rate.entries]
    unconfirmed = [f"{rate.name} {entry.version}" for rate, entry in entries if not entry.confirmed]
    return {
        "id": policy.id,
        "title": policy.title,
        "clauses": list(policy.clauses),
        "period": policy.period,
        "pays": policy.pays,
        "from": policy.first.isoformat(),
        "until": policy.last.isoformat() if policy.last else None,
        "unconfirmed": unconfirmed if policy.confirmed else ["policy", *unconfirmed],
        "cases": cases,
    }


def _policy_table(chosen: PolicySet, rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("policy", "pays", "from", "cases", "unconfirmed"):
        table.add_column(say(f"column_{name}"), overflow="fold")
    for row in rows:
        title = f"{row['title'][reader_language()]} ({row['id']})"
        table.add_row(title, row["pays"], row["from"], str(row["cases"]), ", ".join(row["unconfirmed"]))
    print_table(table)


def decide(facts: Path, folder: Path | None, period: str, out: Path, engine: str, json_: bool) -> None:
    """Decide a table of facts and say what came out; exit 1 where a fact is impossible."""
    if engine == "spark" and find_spec("pyspark") is None:
        raise BangfuError("engine_missing")
    chosen = load_policies(folder or SHIPPED)
    check_reach(chosen)
    work = decide_with_spark if engine == "spark" else decide_file
    statement = work(facts, chosen, period_named(period), out)
    counts = counted(statement, out)
    rows = sum(count.rows for count in counts if count.policy == statement.policies[0].id)
    invalid = sum(count.rows for count in counts if count.decision.startswith("invalid:"))
    if json_:
        told = {"rows": rows, "period": period, "out": str(out), "left_out": list(statement.left_out)}
        print_json({**told, "invalid": invalid, "decisions": [asdict(count) for count in counts]})
    else:
        _count_table(chosen, counts)
        click.echo(say("decided", rows=f"{rows:,}", period=period, out=out))
        if statement.left_out:
            click.echo(say("decided_left_out", policies=", ".join(statement.left_out)))
        if invalid:
            click.echo(say("decided_invalid", count=f"{invalid:,}"), err=True)
    sys.exit(FOUND_WRONG if invalid else 0)


def _count_table(chosen: PolicySet, counts: Sequence[Count]) -> None:
    policies = {policy.id: policy for policy in chosen.policies}
    table = Table(box=None, pad_edge=False)
    for name in ("policy", "decision", "case", "version"):
        table.add_column(say(f"column_{name}"), overflow="fold")
    for name in ("students", "amount"):
        table.add_column(say(f"column_{name}"), justify="right")
    for count in counts:
        policy = policies[count.policy]
        why = reason(chosen, policy, count.decision, reader_language())
        amount = _amount(policy, count.amount) if count.decision == "yes" else ""
        table.add_row(count.policy, why, count.case, count.version, f"{count.rows:,}", amount)
    print_table(table)


def _amount(policy: Policy, amount: int) -> str:
    return f"{yuan(amount) if policy.type.kind is Kind.MONEY else amount} {policy.pays}"


def tell(facts: Path, folder: Path | None, period: str, student: str, json_: bool) -> None:
    """Say what one student is owed and why, by each policy in force."""
    chosen, lang = load_policies(folder or SHIPPED), reader_language()
    found = explain(facts, chosen, period_named(period), student)
    if json_:
        print_json({"student": student, "period": period, "policies": [_told(chosen, each) for each in found]})
        return
    for each in found:
        place = f" [{', '.join(map(str, each.row[1:]))}]" if each.row[1:] else ""
        click.echo(f"{each.policy.title[lang]}{place}: {each.worth(lang)}  {each.reason(chosen, lang)}")
        for rate in each.rates:
            mark = "" if rate.confirmed else f" ({say('column_unconfirmed')})"
            click.echo(f"    {rate.rate} {rate.version} {rate.unit}{mark}: {rate.source}")
        click.echo("    " + ", ".join(f"{name} = {value}" for name, value in each.facts.items()))


def _told(chosen: PolicySet, each: Any) -> dict[str, Any]:
    return {
        "policy": each.policy.id,
        "row": list(each.row),
        "decision": each.decision,
        "amount": each.amount,
        "pays": each.policy.pays,
        "case": each.case,
        "version": each.version,
        "failed": list(each.failed),
        "reason": {lang: each.reason(chosen, lang) for lang in ("zh", "en")},
        "rates": [asdict(rate) for rate in each.rates],
        "facts": {name: value if value is None else str(value) for name, value in each.facts.items()},
    }


def compare(
    facts: Path, folder: Path | None, against: Path | None, period: str, by: tuple[str, ...], json_: bool
) -> None:
    """Say who would gain and lose how much under other policies, on the same facts."""
    then, now = load_policies(folder or SHIPPED), load_policies(against or SHIPPED)
    check_reach(then)
    changes = what_if(facts, now, then, period_named(period), by)
    if json_:
        print_json({"period": period, "by": list(by), "changes": [asdict(each) for each in changes]})
        return
    policies = {policy.id: policy for policy in (*now.policies, *then.policies)}
    table = Table(box=None, pad_edge=False)
    table.add_column(say("column_policy"))
    for name in by:
        table.add_column(name)
    for name in ("gained", "lost", "more", "less"):
        table.add_column(say(f"column_{name}"), justify="right")
    for each in changes:
        table.add_row(*_change_row(policies[each.policy], each))
    print_table(table)


def _change_row(policy: Policy, each: Change) -> list[str]:
    amounts = [_amount(policy, amount) for amount in (each.more, each.less)]
    return [policy.id, *each.group, f"{each.gained:,}", f"{each.lost:,}", *amounts]
