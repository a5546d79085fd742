"""Counties of other seeds and sizes, made the same way as the example: linked and covered as truly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.homes import new_home
from tests.invented import make_county
from tests.scoring import score


@pytest.mark.parametrize(("pupils", "seed"), [(5_000, 2), (8_000, 7)])
def test_another_county_is_covered_as_truly(
    tmp_path: Path, pupils: int, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    make_county(tmp_path / "county", pupils, seed)
    with new_home(tmp_path / "home") as home:
        home.run("import", *sorted((tmp_path / "county" / "in").iterdir()))
        home.run("coverage", "--out", tmp_path / "out")
        figures = score(tmp_path / "out", tmp_path / "county" / "truth.json")
        assert home.found(exits=0) == []
    with capsys.disabled():
        print(f"\n{pupils:,} pupils, seed {seed}", *(f.line() for f in figures), sep="\n")  # noqa: T201 - the figures
    assert [figure.line() for figure in figures if not figure.kept] == []
