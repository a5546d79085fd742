"""A printed code opens one page for a while; a wrong one tells nothing, and guessing ends."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.core.slips import PART, PARTS, SIGNS, new_slip
from bangfu.identify.actions.passes import use_pass
from bangfu.identify.models import Pass
from bangfu.web import passes
from tests.coverage.lists import record
from tests.identify.applying import a_pass, a_round
from tests.web.conftest import HERE, Two

TODAY = date(2025, 7, 2)


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a day of the round."""
    now = datetime(2025, 7, 2, 10, 0, tzinfo=timezone.get_default_timezone())
    monkeypatch.setattr(timezone, "localtime", lambda *given: now)
    monkeypatch.setattr(timezone, "localdate", lambda *given: now.date())


@pytest.fixture
def code(two: Two) -> str:
    """Return a family's code."""
    found, _ = a_pass(a_round(two.school), record(HERE[0], "school_roll"), two.school_class.path)
    return found


def typed(client: Client, code: str) -> int:
    """Type a code and return the answer's status."""
    return client.post("/pass/", {"code": code}).status_code


def held(client: Client) -> object:
    """Return what the session remembers."""
    return client.session.get(passes.PASS)


def test_a_slip_has_three_groups_of_signs_that_do_not_look_alike() -> None:
    slip = new_slip()
    assert [len(part) for part in slip.split("-")] == [PART] * PARTS
    assert set(slip) - {"-"} <= set(SIGNS)
    assert not set("01IO") & set(SIGNS)
    assert slip != new_slip()


@pytest.mark.parametrize("change", [str, str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}  "])
def test_a_code_opens_its_page_however_it_is_typed(code: str, change: object) -> None:
    client = Client()
    response = client.post("/pass/", {"code": change(code)})  # type: ignore[operator]
    assert (response.status_code, response.headers["Location"]) == (302, "/family/")
    assert held(client) == Pass.objects.get().pk


def test_the_first_use_is_written_down_and_no_other(code: str) -> None:
    for _ in range(2):
        assert typed(Client(), code) == 302
    assert Pass.objects.get().used_at is not None
    (entry,) = Entry.objects.filter(action="identify.use_pass")
    assert (entry.actor, entry.subject) == (f"pass:{Pass.objects.get().pk}",) * 2


@pytest.mark.parametrize("given", ["", " ", "ABCDE", "x" * 65, "0" * 15, "名" * 15, "%s", "' OR '1'='1"])
def test_a_wrong_code_tells_nothing_and_writes_nothing(code: str, given: str) -> None:
    client, before = Client(), Entry.objects.count()
    response = client.post("/pass/", {"code": given})
    assert response.status_code == 422
    assert HERE[0].name not in response.content.decode()
    assert held(client) is None
    assert Entry.objects.count() == before


@pytest.mark.parametrize("change", [{"until": TODAY - timedelta(1)}, {"ended_at": timezone.now()}])
def test_a_code_whose_time_is_over_is_like_a_wrong_one(code: str, change: dict[str, object]) -> None:
    inside = Client()
    assert typed(inside, code) == 302
    Pass.objects.update(**change)
    outside = Client()
    wrong, over = (outside.post("/pass/", {"code": each}) for each in ("2" * 15, code))
    assert wrong.status_code == over.status_code == 422
    said = [response.context["problem"] for response in (wrong, over)]
    assert said[0] == said[1]
    assert inside.get("/family/").headers["Location"] == "/pass/"


def test_a_pass_is_open_on_its_last_day(code: str) -> None:
    Pass.objects.update(until=TODAY)
    assert typed(Client(), code) == 302


def test_guessing_ends_for_a_while(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "WRONG_TRIES", 3)
    client = Client()
    assert [typed(client, "2" * 15) for _ in range(5)] == [422, 422, 422, 429, 429]
    assert typed(Client(), code) == 429  # whoever guesses, with whatever cookies
    assert Client(REMOTE_ADDR="10.9.8.7").post("/pass/", {"code": code}).status_code == 302


def test_right_codes_are_not_counted(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "WRONG_TRIES", 2)
    assert [typed(Client(), code) for _ in range(5)] == [302] * 5


def test_the_session_is_a_new_one_and_forgets(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies["sessionid"] = before = str(session.session_key)
    assert typed(client, code) == 302
    assert client.session.session_key != before
    later = time.time() + passes.SECONDS + 1
    monkeypatch.setattr(passes.time, "time", lambda: later)
    assert client.get("/family/").headers["Location"] == "/pass/"


def test_one_leaves(code: str) -> None:
    client = Client()
    typed(client, code)
    assert "/family/" in client.get("/pass/").content.decode()
    assert client.get("/pass/leave/").status_code == 405
    assert client.post("/pass/leave/").headers["Location"] == "/pass/"
    assert held(client) is None
    assert "/family/" not in client.get("/pass/").content.decode()


def test_only_its_holder_uses_a_pass(code: str) -> None:
    number = Pass.objects.get().pk
    now = timezone.localtime()
    for name, wanted in ((f"pass:{number + 1}", number), ("A-1", number), (f"pass:{number + 1}", number + 1)):
        with pytest.raises(NotAllowed):
            use_pass(number=wanted, by=Actor(name, now))
