"""What tests of coverage need: a founded register, a desk to take lists at, and checks that hold at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bangfu.coverage import checks
from tests.coverage.lists import Desk


@pytest.fixture
def desk(founded: Path, tmp_path: Path) -> Desk:
    """Return a desk over an empty register."""
    folder = tmp_path / "lists"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def whole(desk: Desk) -> Iterator[None]:
    """After the test, links and totals hold."""
    yield
    assert [*checks.links(), *checks.totals()] == []
