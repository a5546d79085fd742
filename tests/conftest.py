"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings


@pytest.fixture(autouse=True, scope="session")
def _home_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and what they start, away from the keys and data of a real home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANGFU_HOME", str(home))
        patch.setattr(settings, "HOME", home)
        patch.setattr(settings, "KEY_FILE", home / settings.KEY_FILE.name)
        patch.setattr(settings, "HEADS_FILE", home / settings.HEADS_FILE.name)
        yield
