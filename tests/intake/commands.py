"""The command line from a test: in the test's own process and database, or as a process with a home of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bangfu.cli.main import main

START = "from bangfu.cli.main import main; main()"
# Kilobytes in `ru_maxrss` on Linux, bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
LONGEST = 120  # seconds


@dataclass(frozen=True)
class Finished:
    """What a command printed and ended with; for a process also its largest memory (bytes) and its seconds."""

    code: int
    out: str
    err: str
    peak: int = 0
    seconds: float = 0.0

    @property
    def complaints(self) -> list[str]:
        """Return the lines on stderr."""
        return self.err.splitlines()

    def json(self) -> Any:
        """Return what stdout holds, as the JSON that it must be."""
        return json.loads(self.out)


def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Finished:
    """Run `bangfu` in this process, on the test database."""
    monkeypatch.setattr(sys, "argv", ["bangfu", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return Finished(int(ended.value.code or 0), out, err)


def process(home: Path, *arguments: object, memory: int | None = None) -> Finished:
    """Run `bangfu` as a process on the SQLite home `home`, with no more than `memory` bytes of address space."""

    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"BANGFU_HOME": str(home), "BANGFU_LANG": "en", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", START, *map(str, arguments)]
    out, err = home.with_suffix(".out"), home.with_suffix(".err")
    began = time.monotonic()
    with out.open("wb") as said, err.open("wb") as complained:
        child = subprocess.Popen(command, env=environment, stdout=said, stderr=complained, preexec_fn=limit)  # noqa: PLW1509 - no threads here
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Finished(child.returncode, *texts, usage.ru_maxrss * RSS_UNIT, time.monotonic() - began)
