"""The command line from a test: in the test's own process and database, or as a process with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bangfu.cli.main import main

# Linux counts what a process held before it became another program: a launcher stands between, as small as can be,
# so that the largest memory measured is the command's and not that of the process that runs the tests.
LAUNCHER = """
import os, resource, subprocess, sys
limit, peak_file, *arguments = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
start = "from bangfu.cli.main import main; main()"
child = subprocess.Popen([sys.executable, "-c", start, *arguments])
_, status, usage = os.wait4(child.pid, 0)
with open(peak_file, "w") as file:
    file.write(str(usage.ru_maxrss))
child.returncode = os.waitstatus_to_exitcode(status)
os._exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)
"""
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

    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"BANGFU_HOME": str(home), "BANGFU_LANG": "en", "PYTHONIOENCODING": "utf-8"}
    peak, out, err = (home.with_suffix(suffix) for suffix in (".peak", ".out", ".err"))
    command = [sys.executable, "-c", LAUNCHER, str(memory or 0), str(peak), *map(str, arguments)]
    began = time.monotonic()
    with out.open("wb") as said, err.open("wb") as complained:
        code = subprocess.run(command, env=environment, stdout=said, stderr=complained, check=False).returncode
    seconds = time.monotonic() - began
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Finished(code, *texts, int(peak.read_text(encoding="ascii")) * RSS_UNIT, seconds)
