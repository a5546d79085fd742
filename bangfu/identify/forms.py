"""The forms of identification as data: procedure, application, offices. Shipped ones, or an installation's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY, load_toml


def form(name: str, home: Path | None = None) -> dict[str, Any]:
    """Return the form `name` (procedure, application, offices): the one in `home`/forms, or else the shipped one.

    BangfuError where an own file cannot be read.
    """
    own = home / "forms" / f"{name}.toml" if home else None
    path = own if own and own.is_file() else LIBRARY / "forms" / f"{name}.toml"
    try:
        return load_toml(path)
    except (ValueError, OSError) as problem:
        raise BangfuError("form_unreadable", path=path, detail=problem) from problem


def procedure(home: Path | None = None) -> dict[str, Any]:
    """Return the procedure; BangfuError where it lacks what a round rests on."""
    found = form("procedure", home)
    for name in TABLES:
        if not isinstance(found.get(name), dict) or not found[name]:
            raise BangfuError("procedure_lacks", name=name)
    for table, name in WHOLE_NUMBERS:
        number = found[table].get(name)
        if not isinstance(number, int) or number < 1:
            raise BangfuError("procedure_lacks", name=f"{table}.{name}")
    # jsonb keeps a table's names in an order of its own, and a list as it is: tiers are read by `rules.codes`.
    found["order"] = {name: list(found[name]) for name in ORDERED}
    return found


ORDERED = ("tier", "reason", "no_need_reason", "end_reason")


TABLES = ("tier", "proposals", "panel", "notice", "objection", "review", "reason", "no_need_reason", "end_reason")
WHOLE_NUMBERS = (
    ("proposals", "earlier_days"), ("panel", "quorum"), ("panel", "days"), ("notice", "working_days"),
    ("objection", "answer_working_days"), ("objection", "appeal_working_days"),
    ("objection", "appeal_answer_working_days"),
)  # fmt: skip
