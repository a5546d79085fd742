"""Taking a file back from its page, and from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.registry.models import Person, SourceFile
from tests.coverage.lists import FIRST, Desk
from tests.intake.commands import Finished, here
from tests.web.conftest import HERE, Two, person_of, signed_in

REASON = "不是这个学期的名单"


def number_of(name: str) -> int:
    """Return the number of the last file of this name."""
    return SourceFile.objects.filter(name__startswith=name).order_by("-pk")[0].pk


@pytest.mark.parametrize("role", [Role.AID_OFFICER, Role.COUNTY_BUREAU])
def test_a_keeper_takes_a_file_back_on_its_page(two: Two, role: Role) -> None:
    number = number_of(f"roll-{FIRST}")
    user = person_of(role, two.school.path if role is Role.AID_OFFICER else two.county.path)
    client, page = signed_in(user), f"/imports/{number}/"
    assert f"{page}undo/" in client.get(page).content.decode()
    answer = client.post(f"{page}undo/", {"reason": REASON}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    text = answer.content.decode()
    assert REASON in text
    assert user.staff_number in text
    assert f"{page}undo/" not in text
    assert Entry.objects.get(action="intake.undo_import").reason == REASON
    assert "已撤回" in client.get("/imports/").content.decode()
    for person in Person.objects.filter(organisation=two.school_class):  # of whom nothing is said any more
        assert client.get(f"/people/{person.pk}/").status_code == 200
    assert client.get("/people/?state=to_assess").status_code == 200  # as reckoned before
    again = client.post(f"{page}undo/", {"reason": REASON})
    assert (again.status_code, Entry.objects.filter(action="intake.undo_import").count()) == (422, 1)


def test_without_a_reason_nothing_happens(two: Two) -> None:
    number = number_of(f"roll-{FIRST}")
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    answer = client.post(f"/imports/{number}/undo/", {"reason": " "})
    assert answer.status_code == 422
    assert "请写明理由" in answer.content.decode()
    assert not SourceFile.objects.exclude(undoes=None).exists()


@pytest.mark.parametrize("role", [Role.PRINCIPAL, Role.AUDITOR, Role.CLASS_TEACHER, Role.SYSTEM_ADMIN])
def test_others_read_the_page_at_most(two: Two, role: Role) -> None:
    number = number_of(f"roll-{FIRST}")
    client = signed_in(person_of(role, "/" if role is Role.SYSTEM_ADMIN else two.school.path))
    assert f"/imports/{number}/undo/" not in client.get(f"/imports/{number}/").content.decode()
    assert client.post(f"/imports/{number}/undo/", {"reason": REASON}).status_code == 404
    assert not SourceFile.objects.exclude(undoes=None).exists()


def test_another_schools_file_is_not_there(two: Two) -> None:
    client = signed_in(person_of(Role.AID_OFFICER, two.next_school.path))
    assert client.post(f"/imports/{number_of(f'roll-{FIRST}')}/undo/", {"reason": REASON}).status_code == 404
    assert client.get(f"/imports/{number_of(f'roll-{FIRST}')}/undo/").status_code == 405


def test_the_page_says_which_file_goes_first(two: Two, desk: Desk) -> None:
    number = number_of(f"roll-{FIRST}")
    desk.roll(*(human.enrolled() for human in HERE), name="newer")
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    text = client.get(f"/imports/{number}/").content.decode()
    assert f"请先撤回第 {number_of('newer')} 号文件 newer.csv" in text
    assert "/undo/" not in text
    assert client.post(f"/imports/{number}/undo/", {"reason": REASON}).status_code == 422


# ---- the command line

Run = Callable[..., Finished]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `bangfu` in this process, in English."""
    monkeypatch.setenv("BANGFU_LANG", "en")

    def command(*arguments: Any) -> Finished:
        return here(monkeypatch, capsys, *arguments)

    return command


def test_files_are_listed_and_taken_back_by_number(two: Two, run: Run) -> None:
    listed = run("files", "--json").json()["files"]
    assert [row["number"] for row in listed] == [5, 4, 3, 2, 1]
    first = listed[-1]
    assert (first["file"], first["layout"], first["sender"], first["undone"]) == (
        f"roll-{FIRST}.csv", "school_roll", FIRST, None,
    )  # fmt: skip
    assert first["rows"] == {"read": 3, "applied": 3, "unchanged": 0, "held": 0, "noise": 0}
    done = run("undo", 1, "--reason", REASON, "--json")
    assert (done.code, done.json()) == (
        0, {"done": "file_taken_back", "number": 1, "file": f"roll-{FIRST}.csv", "taken_back": [1]},
    )  # fmt: skip
    last = run("files", "--json").json()["files"][-1]
    assert (last["undone"]["by"], last["undone"]["reason"]) == ("operator", REASON)
    assert REASON in run("files").out
    assert "taken back" in run("undo", 2, "--reason", REASON).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1", "--reason", " "), "reason"),
        (("99", "--reason", REASON), "99"),
        ((str(1 << 70), "--reason", REASON), "scope"),
        (("1",), "--reason"),
    ],
)
def test_what_cannot_be_taken_back_is_one_line(two: Two, run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run("undo", *arguments)
    assert (done.code, done.out, len(done.complaints)) == (2, "", 1)
    assert words in done.complaints[0]
    assert not SourceFile.objects.exclude(undoes=None).exists()
