"""What an import is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from bangfu.core.errors import Refused
from bangfu.intake.layouts import Layout

COUNTS = ("read", "applied", "unchanged", "held", "noise")
Progress = Callable[[int, int, int], None]


def _nowhere(*_: int) -> None:
    """Show nothing."""


@dataclass
class Course:
    """How far a batch is: tells its job's row after each file, and whoever watches also in between."""

    total: int = 0
    advance: Callable[[int, int], None] = _nowhere
    show: Progress = _nowhere
    done: int = 0
    rows: int = 0

    def half_way(self, size: int, rows: int) -> None:
        """Say that a file of `size` bytes and `rows` rows is read and compared, and not yet written."""
        self.show(self.done + size // 2, self.total, self.rows + rows)

    def file_done(self, size: int, rows: int) -> None:
        """Say that a file is applied (or refused: with no rows)."""
        self.done, self.rows = self.done + size, self.rows + rows
        self.advance(self.done, self.rows)
        self.show(self.done, self.total, self.rows)


@dataclass
class Report:
    """What became of one file: its layout and row counts, the rows held, or why it was refused.

    `left` is the number of people who stood in the list's issue before and stand in this one no more.
    """

    file: str
    layout: str | None = None
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    problems: list[dict[str, object]] = field(default_factory=list)
    refused: Refused | None = None
    day: date | None = None
    left: int = 0


@dataclass
class Options:
    """How to read a batch: under which layouts, of which day if not as the files say, with which corrections."""

    layouts: Sequence[Layout]
    today: date
    day: date | None = None
    corrections: dict[str, str] = field(default_factory=dict)
