"""The shipped data files: layouts, calendars, messages. Data, not code; offices add their own."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parent.parent / "library"


def load_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file; ValueError names the file and what the parser expected."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"{path.name}: {problem}") from problem


@cache
def shipped(name: str) -> dict[str, Any]:
    """Return the shipped file `name` (a path below `library/`) as a dictionary."""
    return load_toml(LIBRARY / name)
