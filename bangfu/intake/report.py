"""What an import is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from bangfu.core.errors import Refused
from bangfu.intake.layouts import Layout

COUNTS = ("read", "applied", "unchanged", "held", "noise")
Progress = Callable[[int, int, int], None]


@dataclass
class Report:
    """What became of one file: its layout and row counts, the rows held, or why it was refused."""

    file: str
    layout: str | None = None
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    problems: list[dict[str, object]] = field(default_factory=list)
    refused: Refused | None = None
    day: date | None = None


@dataclass
class Options:
    """How to read a batch: under which layouts, of which day if not as the files say, with which corrections."""

    layouts: Sequence[Layout]
    today: date
    day: date | None = None
    corrections: dict[str, str] = field(default_factory=dict)
