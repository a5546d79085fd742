"""The problem as arrays.

Ids are sorted and pairs stand by helper, then helped: the same input gives the same arrays, whatever its row order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bangfu.core.errors import BangfuError
from bangfu.pairing.rules import Rule, Rules, Where

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
HELPERS, HELPED, ALLOWED, PREVIOUS = "helpers.csv", "helped.csv", "allowed.csv", "previous.csv"


@dataclass(frozen=True)
class Side:
    """The helpers, or the helped: ids in order, how much room (or need) each has, and every other column."""

    ids: list[str]
    size: Ints
    group: Ints  # an index into `groups`
    groups: list[str]
    columns: Mapping[str, Sequence[str]]
    index: dict[str, int]
    rows: list[int]

    def where(self, rule: Rule, where: Where, file: str) -> Flags:
        """Tell who has one of the wanted cells in each column."""
        chosen = np.ones(len(self.ids), dtype=np.bool_)
        for column, texts in where.items():
            chosen &= np.fromiter((cell in texts for cell in self.cells(rule, column, file)), np.bool_, len(self.ids))
        return chosen

    def cells(self, rule: Rule, column: str, file: str) -> Sequence[str]:
        """Return a column that a rule speaks of."""
        if column not in self.columns:
            raise BangfuError(
                "pairing_rule_column", rule=rule.name, column=column, file=file, known=", ".join(self.columns)
            )
        return self.columns[column]


@dataclass(frozen=True)
class Arcs:
    """Pairs beside each other: helper and helped by index, what the pair costs and uses."""

    helper: Ints
    helped: Ints
    cost: Ints  # in units of 1 / Problem.scale
    use: Ints

    def take(self, chosen: Flags | Ints) -> Arcs:
        """Return some of them."""
        return Arcs(self.helper[chosen], self.helped[chosen], self.cost[chosen], self.use[chosen])

    def __len__(self) -> int:
        return len(self.cost)


@dataclass(frozen=True)
class Lapsed:
    """A previous pair that cannot be kept, and the code of the sentence that says why."""

    helper: str
    helped: str
    code: str


@dataclass(frozen=True)
class Problem:
    """Who may help whom at what cost, and what must and should be kept."""

    helpers: Side
    helped: Side
    arcs: Arcs
    kept: Flags  # previous pairs within their term
    must: Flags
    scale: int = 1
    due: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # how many each helper should have at least
    barred: Arcs = field(default_factory=lambda: Arcs(*(np.zeros(0, np.int64) for _ in range(4))))
    barred_by: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # an index into `barring`
    barring: list[str] = field(default_factory=list)
    exempt: Mapping[str, str] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    lapsed: tuple[Lapsed, ...] = ()
    rules: Rules = field(default_factory=Rules)

    @property
    def budgets(self) -> bool:
        """Tell whether pairs use different amounts of a helper's capacity."""
        return bool((self.arcs.use != 1).any())

    @property
    def order(self) -> tuple[str, ...]:
        """Return the levels of the objective. A count of people by a sum of money is no load: none with budgets."""
        levels = self.rules.order or ("helped", "filled", "kept", *(() if self.budgets else ("load",)), "cost")
        return tuple(level for level in levels if level != "filled" or self.due.any())

    def money(self, cost: int) -> int | float:
        """Return a cost in the unit of the files."""
        return cost // self.scale if cost % self.scale == 0 else float(Decimal(cost) / self.scale)

    def written(self, cost: int) -> str:
        """Return a cost as the files write it."""
        return format((Decimal(cost) / self.scale).normalize(), "f")
