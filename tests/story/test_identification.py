"""A term of a whole school, in `make test-all` of 20,000 pupils: each step through the actions that pages use."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from bangfu.accounts.rules import Role
from bangfu.cli.identifying import Days, People, play
from bangfu.coverage.actions import cover
from bangfu.identify import checks
from bangfu.identify.actions.rounds import close_round
from bangfu.identify.models import Ballot
from bangfu.registry.models import Organisation, Status
from tests.conftest import BY, committing
from tests.coverage.lists import FIRST, Desk, Human

MANY, IN_CLASS, A_DAY = 20_000, 50, 1_000
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈", "安邦美琳俊豪慧敏国栋一鸣文杰雅婷"
SPRING, FIRST_DAY = "2025-spring", date(2025, 2, 17)


def pupils(count: int) -> list[tuple[Human, dict[str, str]]]:
    """Return people who do not exist, of classes of 50, no two with one ID or guardian."""
    found = []
    for at in range(count):
        name = SURNAMES[at % 10] + GIVEN[at // 10 % 16] + GIVEN[at // 160 % 16]
        human = Human(name, at % A_DAY, date(2014, 1, 1) + timedelta(days=at // A_DAY))
        more = {
            "班级": f"{at // IN_CLASS + 1}班",
            "监护人姓名": f"{name[0]}{GIVEN[at % 16]}{at}",
            "监护人电话": f"139{at:08d}",
        }
        found.append((human, more))
    return found


@pytest.mark.parametrize("count", [500, pytest.param(MANY, marks=pytest.mark.large)])
def test_a_school_goes_through_every_step(
    founded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    desk = Desk(tmp_path)
    everybody = pupils(count)
    desk.roll(*(human.enrolled(**more) for human, more in everybody))
    desk.poor(*(human.poor(户编号=f"H{at}", 人口编号=f"M{at}") for at, (human, _) in enumerate(everybody)))
    with committing():
        cover(by=BY)
    school = Organisation.objects.get(kind="school", name=FIRST)
    county = Organisation.objects.get(kind="county")
    people = People((school.pk, school.path), county.path, "officer", "head", "bureau")
    started = time.perf_counter()
    with committing():
        played = play(people, SPRING, Days.of_term(FIRST_DAY))
    seconds = time.perf_counter() - started
    with committing():
        covered = cover(day=played.day, by=BY)
    with capsys.disabled():
        print(f"\n{count:,} pupils through all steps in {seconds:.1f} s: {dict(played.funnel)}")  # noqa: T201
    funnel = dict(played.funnel)
    steps = ("proposed", "voted", "recognised", "reviewed", "determined")
    assert {name: funnel[name] for name in steps} == dict.fromkeys(steps, count)
    none = funnel.get("tier_none", 0)
    assert sum(count for name, count in funnel.items() if name.startswith("tier_")) == count
    assert funnel["shown"] == count - none
    told = covered.totals["pupils"]
    assert (told["determined"], told["not_in_need"]) == (count - none, none)
    assert told["pupils"] == sum(count for name, count in told.items() if name != "pupils")
    assert Status.objects.filter(kind="hardship", retracted_by=None).count() == count
    assert not Ballot.objects.exclude(score=None).exists()
    close_round(round_id=played.round_id, by=people.at(Role.PRINCIPAL, played.day))
    assert [*checks.cells(), *checks.cases(), *checks.determinations()] == []
