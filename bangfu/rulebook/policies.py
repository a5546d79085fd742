"""A directory of policies, checked as a whole: what they take from each other, and that every case can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY
from bangfu.rulebook.expressions import Names
from bangfu.rulebook.facts import PERIOD_NAMES, Facts, facts_for
from bangfu.rulebook.periods import Period
from bangfu.rulebook.policy import Draft, Policy, finish, paid_type, read_draft
from bangfu.rulebook.source import read_table

SHIPPED = LIBRARY / "policies"
FACTS_FILE = "facts.toml"


@dataclass(frozen=True, eq=False)
class PolicySet:
    """Policies of one subject that are decided together, each after those it needs."""

    facts: Facts
    policies: tuple[Policy, ...]
    folder: Path

    def in_force(self, period: Period) -> list[Policy]:
        """Return the policies that are decided for a period of this kind and hold for its days."""
        return [
            each
            for each in self.policies
            if each.period == period.kind
            and each.first <= period.first
            and (each.last is None or each.last >= period.last)
        ]

    def cut_by(self, period: Period) -> list[Policy]:
        """Return the policies that begin or end inside a period of their kind."""
        inside = [each for each in self.policies if each.period == period.kind]
        return [
            each
            for each in inside
            if period.first < each.first <= period.last
            or (each.last is not None and period.first <= each.last < period.last)
        ]


def load_policies(folder: Path = SHIPPED, only: tuple[str, ...] = ()) -> PolicySet:
    """Read and check all policies of a folder; refused as a whole where one is wrong.

    `only`: load just these, and those they need the rates of must be among them.
    """
    if not folder.is_dir():
        raise BangfuError("policies_no_folder", path=folder)
    paths = [path for path in sorted(folder.glob("*.toml")) if path.name != FACTS_FILE]
    paths = [path for path in paths if not only or path.stem in only]
    if not paths:
        raise BangfuError("policies_none", path=folder)
    facts = facts_for(_subject(paths[0]), folder)
    drafts = [read_draft(path, facts) for path in paths]
    policies = [finish(draft, _names(draft, drafts, facts)) for draft in drafts]
    return PolicySet(facts, tuple(_in_order(policies)), folder)


def _subject(path: Path) -> str:
    return read_table(path).text("subject")


def _names(own: Draft, drafts: list[Draft], facts: Facts) -> Names:
    """Return what a policy's expressions may name: facts, the period, its rates, others' rates and amounts."""
    names = {name: fact.type for name, fact in facts.every.items()} | PERIOD_NAMES
    names |= {name: rate.type for name, rate in own.rates.items()}
    for other in drafts:
        if other is not own:
            names |= {f"{other.id}.{name}": rate.type for name, rate in other.rates.items()}
            if other.period == own.period:
                names[f"{other.id}.amount"] = paid_type(other.pays)
    return names


def _in_order(policies: list[Policy]) -> list[Policy]:
    """Return the policies, each after those it needs; refused where two need each other."""
    known = {each.id: each for each in policies}
    ordered: dict[str, Policy] = {}

    def place(policy: Policy, above: tuple[str, ...]) -> None:
        if policy.id in above:
            raise policy.table.wrong("policy_cycle", "yields_to", through=" -> ".join([*above, policy.id]))
        if policy.id in ordered:
            return
        for other in (*policy.needs, *policy.stacks_with):
            if other not in known or other == policy.id:
                raise policy.table.wrong("policy_unknown", "yields_to", other=other, known=", ".join(known))
        for other in policy.needs:
            place(known[other], (*above, policy.id))
        ordered[policy.id] = policy

    for policy in policies:
        place(policy, ())
    return list(ordered.values())
