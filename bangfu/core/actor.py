"""Who acts: a person with dated grants, or the operator at the machine, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Reach:
    """One grant in force: a role, and the organisation subtree (a path like '/1/4/') it opens."""

    role: str
    path: str


@dataclass(frozen=True)
class Actor:
    """Who acts, at what moment, and what is open to them on that day.

    `name` is what the trail shows: a staff number, or 'operator' for a command on the machine itself,
    who holds the database file anyway and therefore sees everything. The moment is taken once, at the
    surface, so that nothing below it asks a clock.
    """

    name: str
    at: datetime
    user_id: int | None = None
    reaches: tuple[Reach, ...] = ()
    everywhere: bool = False

    def paths(self) -> tuple[str, ...]:
        """Return the organisation paths that this actor's grants open."""
        return ("/",) if self.everywhere else tuple(reach.path for reach in self.reaches)

    def sees(self, path: str) -> bool:
        """Tell whether the organisation at `path` lies in one of the actor's subtrees."""
        return any(path.startswith(open_path) for open_path in self.paths())

    def holds(self, role: str) -> bool:
        """Tell whether one of the actor's grants in force is of `role`; the operator holds all."""
        return self.everywhere or any(reach.role == role for reach in self.reaches)


def operator(at: datetime) -> Actor:
    """Return the person at the machine's command line, acting at `at`."""
    return Actor(name="operator", at=at, everywhere=True)
