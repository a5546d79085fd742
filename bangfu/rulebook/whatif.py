"""What if: two policy sets decided for the same facts, and who gains and who loses how much."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bangfu.core.errors import BangfuError
from bangfu.rulebook.decide import decide_file, engine, open_facts
from bangfu.rulebook.expressions import name_sql
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policies import PolicySet


@dataclass(frozen=True)
class Change:
    """What one policy changes for one group: people with more and with less, and how much (fen, or a count)."""

    policy: str
    group: tuple[str, ...]
    gained: int
    lost: int
    more: int
    less: int


def what_if(facts: Path, now: PolicySet, then: PolicySet, period: Period, by: tuple[str, ...] = ()) -> list[Change]:
    """Return the differences by policy and by the values of the columns `by`; a policy that ends pays nothing then."""
    with tempfile.TemporaryDirectory(prefix="bangfu-whatif-") as folder, engine() as connection:
        files = [Path(folder) / "now.parquet", Path(folder) / "then.parquet"]
        statements = [decide_file(facts, s, period, out) for s, out in zip((now, then), files, strict=True)]
        found = open_facts(connection, facts, now.facts)
        key = ", ".join(name_sql(name) for name in statements[0].key)
        for name, file in zip(("now", "then"), files, strict=True):
            connection.read_parquet(str(file)).create_view(name)
        decided = [{policy.id for policy in statement.policies} for statement in statements]
        if missing := [name for name in by if name not in found]:
            raise BangfuError("facts_columns", path=facts, missing=", ".join(missing))
        groups = [name_sql(name) for name in by]
        changes = []
        for policy in sorted(decided[0] | decided[1]):
            before, after = (
                f'coalesce("{name}"."{policy}__amount", 0)' if policy in held else "0"
                for name, held in zip(("now", "then"), decided, strict=True)
            )
            each = f"SELECT {', '.join([*groups, f'{after} - {before} AS more'])}"
            rows = connection.execute(
                f"SELECT {''.join(f'CAST({group} AS VARCHAR), ' for group in groups)} count_if(more > 0),"
                " count_if(more < 0), coalesce(sum(more) FILTER (WHERE more > 0), 0)::BIGINT,"
                " coalesce(-sum(more) FILTER (WHERE more < 0), 0)::BIGINT"
                f' FROM ({each} FROM facts JOIN now USING ({key}) JOIN "then" USING ({key})) AS d'
                f" {'GROUP BY ' + ', '.join(groups) + ' ORDER BY ' + ', '.join(groups) if groups else ''}"
            ).fetchall()
            changes += [Change(policy, tuple(map(str, row[: len(groups)])), *row[len(groups) :]) for row in rows]
    return changes
