"""Over random data and every template that shows a notice: what may be seen, of whom, on which days, and nothing else.

Each secret bears a mark that stands in no page of ours, so that it is known wherever it comes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bangfu.accounts.rules import Role
from bangfu.identify import notices
from bangfu.identify.actions.notices import publish
from bangfu.identify.models import Case, Notice, Proposal, Round, Step
from bangfu.identify.rules import NO_NEED, NOTICE_COLUMNS
from bangfu.identify.sealed import seal
from bangfu.registry.models import Detail, Status
from bangfu.web import middleware
from tests.identify.reviewed import DAY, LAST, actor, at, open_round, reviewed_cases
from tests.web.conftest import HERE, Two, person_of, signed_in

TEMPLATES = Path(__file__).resolve().parents[2] / "bangfu" / "web" / "templates"
SHOWING = {"public.html", "sheet.html", "preview.html", "object.html"}  # what is tried below
HAN = st.text("程田武费罗骆牛卞殷熊康安美俊慧国一大小如文䶮𠀀·", min_size=2, max_size=6)
MARKED = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
TIERS = ("severe", "moderate", "mild", NO_NEED, "")


@dataclass(frozen=True)
class Pupil:
    """What is random of a pupil."""

    name: str
    tier: str
    reason: str
    words: str
    address: str
    category: str
    born: date


PUPIL = st.builds(
    Pupil,
    name=HAN,
    tier=st.sampled_from(TIERS),
    reason=st.sampled_from(("orphan", "disabled", "minimum_living", "disaster")),
    words=MARKED.map(lambda text: f"zqwords{text}"),
    address=MARKED.map(lambda text: f"zqaddress{text}"),
    category=MARKED.map(lambda text: f"zqcategory{text}"),
    born=st.dates(date(2006, 1, 1), date(2020, 1, 1)),
)


def write(pupils: list[Pupil]) -> None:
    """Give the cases, and their people, what is random of them."""
    for case, pupil in zip(Case.objects.order_by("pk"), pupils, strict=True):
        Case.objects.filter(pk=case.pk).update(school_tier=pupil.tier, reasons=[pupil.reason])
        detail = {"name": pupil.name, "address": pupil.address, "hukou_address": pupil.address, "birth": pupil.born}
        Detail.objects.filter(person=case.person_id).update(**detail)
        Status.objects.update(category=pupil.category)
        Proposal.objects.filter(case=case).update(kind=pupil.reason)
        for step in Step.objects.filter(case=case):
            Step.objects.filter(pk=step.pk).update(words=seal(step, "words", pupil.words), reasons=[pupil.reason])


@contextmanager
def undone() -> Iterator[None]:
    """Take back what a try has written."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def secrets_of(pupils: list[Pupil], procedure: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    """Return what no page may say."""
    said = [text for human in HERE for text in (human.id, human.id[:14], human.phone, human.parent)]
    born = [f"{pupil.born}" for pupil in pupils] + [f"{pupil.born:%Y%m%d}" for pupil in pupils]
    reasons = [title for group in ("reason", "no_need_reason") for words in procedure[group].values()
               for title in words.values() if title not in ("other", "其他特殊情况")]  # fmt: skip
    return [*said, *born, *reasons, "zqwords", "zqaddress", "zqcategory"]


def addresses(notice: Notice) -> list[str]:
    return [f"/notice/{notice.token}/", f"/notice/{notice.token}/object/", f"/identify/notices/{notice.pk}/sheet/"]


def test_every_template_that_shows_lines_is_tried() -> None:
    says = ('include "notices/lines.html"', "line.tier")
    found = {
        path.name
        for path in TEMPLATES.rglob("*.html")
        if path.name != "lines.html" and any(word in path.read_text(encoding="utf-8") for word in says)
    }
    assert found == SHOWING


@pytest.fixture
def round_(two: Two) -> Round:
    found = open_round(two.school)
    reviewed_cases(found)
    return found


@settings(
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    pupils=st.lists(PUPIL, min_size=3, max_size=3, unique_by=lambda pupil: pupil.name),
    away=st.integers(-100, 400),
    withdrawn=st.booleans(),
    english=st.booleans(),
)
def test_a_notice_never_says_more(
    round_: Round, two: Two, pupils: list[Pupil], away: int, withdrawn: bool, english: bool
) -> None:
    today = DAY + timedelta(days=away)
    with undone(), pytest.MonkeyPatch.context() as patch:
        write(pupils)
        patch.setattr(middleware, "clock", lambda: at(DAY))
        officer = signed_in(person_of(Role.AID_OFFICER, two.school.path))
        anybody = Client(headers={"accept-language": "en" if english else "zh"})
        bodies = [officer.get(f"/identify/{round_.pk}/notice/?place={two.school.pk}").content.decode()]
        by = actor(Role.PRINCIPAL, round_.path)
        seen = notices.preview(round_, round_.school, by)
        notice = publish(round_id=round_.pk, place_id=round_.school_id, seen=seen.digest, by=by)
        if withdrawn:
            Notice.objects.update(withdrawn_at=at(DAY))
        patch.setattr(middleware, "clock", lambda: at(today))
        stands = not withdrawn and DAY <= today <= LAST
        for address in addresses(notice):
            response = (officer if address.startswith("/identify") else anybody).get(address)
            assert response.status_code == (200 if stands else 410)
            bodies.append(response.content.decode())
        lines = notices.lines(Notice.objects.get(pk=notice.pk), today)

    shown = [pupil for pupil in pupils if pupil.tier not in (NO_NEED, "")]
    hidden = [pupil.name for pupil in pupils if pupil not in shown]
    secrets = secrets_of(pupils, round_.procedure)
    for body in bodies:
        assert [text for text in secrets if text in body] == []
        # One's name may lie in another's; then nothing is known of it.
        assert not [name for name in hidden if name in body and not any(name in other.name for other in shown)]
    for body in bodies[1:]:
        assert all(pupil.name in body for pupil in shown) or not stands
        assert stands or not any(pupil.name in body for pupil in pupils)
    assert [set(line) for line in lines] == [set(NOTICE_COLUMNS)] * (len(shown) if stands else 0)
    assert not [text for text in secrets if text in json.dumps(lines, ensure_ascii=False)]
