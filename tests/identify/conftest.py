"""What tests of identification need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coverage.lists import Desk
from tests.identify.school import School, a_school


@pytest.fixture
def desk(founded: Path, tmp_path: Path) -> Desk:
    """Return a desk over an empty register."""
    folder = tmp_path / "lists"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def school(desk: Desk) -> School:
    """Return a school with a round and a class."""
    return a_school(desk)
