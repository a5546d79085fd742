"""A register made by an older version: commands say so, `bangfu upgrade` brings it up, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.homes import BANGFU, Home, new_home

ROOT = Path(__file__).resolve().parents[2]
COUNTY = sorted((ROOT / "examples" / "county" / "in").glob("学籍-*中心小学校.xlsx"))[:1]
# The tables as the first version had them.
OLDEST = ("coverage", "0001"), ("intake", "0001"), ("tasks", "0001"), ("registry", "0001"), ("usersessions", "zero")


def made_old(home: Home) -> None:
    """Take a home's tables back to what an older version made."""
    for app, step in OLDEST:
        command = [str(BANGFU.with_name("django-admin")), "migrate", app, step, "--settings", "bangfu.settings"]
        subprocess.run(command, env=home.environment, check=True, capture_output=True)


def test_an_old_register_is_brought_up_and_found_whole(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        home.run("import", *COUNTY)
        home.run("coverage", "--out", tmp_path / "before")
        made_old(home)
        for command in (("coverage", "--out", tmp_path), ("import", *COUNTY), ("verify",), ("serve", "--port", "1")):
            said = home.run(*command, exits=2).stderr
            assert "bangfu upgrade" in said, (command, said)
        assert json.loads(home.run("upgrade", "--json").stdout)["steps"] > len(OLDEST)
        home.run("coverage", "--out", tmp_path / "after")
        assert home.found(exits=0) == []
        for name in ("rows.csv", "pupils.csv", "children.csv", "conflicts.csv"):
            assert (tmp_path / "before" / name).read_bytes() == (tmp_path / "after" / name).read_bytes(), name
        assert json.loads(home.run("upgrade", "--json").stdout)["steps"] == 0


def test_there_is_nothing_to_upgrade_where_nothing_is(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        assert "bangfu init" in home.run("upgrade", exits=2).stderr
