"""A county with more schools than a list can offer: each is still reached, by its name, its number, or page by page."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from bangfu.accounts.queries import actor_for
from bangfu.accounts.rules import Role
from bangfu.coverage.actions import cover
from bangfu.coverage.queries import WAITING, busiest_schools, standing_of
from bangfu.registry import queries
from bangfu.registry.queries import schools_called
from bangfu.web import paging
from tests.conftest import BY, committing
from tests.coverage.lists import CODES, Desk, Human
from tests.web.conftest import Two, family, person_of, signed_in

OTHERS = {"青石镇河湾小学校": "2100000071", "青石镇河湾小学校分校": "2100000072", "白马镇小学校": "2100000073"}
CODES.update(OTHERS)
PUPILS: dict[str, tuple[Human, ...]] = {
    school: family(400 + 20 * at, ("江一帆", "江二帆", "江三帆")[: at + 1]) for at, school in enumerate(OTHERS)
}


@pytest.fixture
def county(two: Two, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return the county's browser, over five schools where four would be a list."""
    for school, people in PUPILS.items():
        desk.roll(*(human.enrolled(school, 户籍地址="四川省安和县青石镇河湾村") for human in people), name=school)
    last = PUPILS["白马镇小学校"]
    desk.poor(*(human.poor() for human in last), name="poor-more")
    with committing():
        cover(by=BY)
    monkeypatch.setattr(queries, "MOST_PLACES", 4)
    return signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))


def text_of(client: Client, address: str) -> str:
    """Return a page's text."""
    page = client.get(address, follow=True)
    assert page.status_code == 200
    return page.content.decode()


def listed(text: str) -> set[str]:
    """Return whom a list of pupils names."""
    return set(re.findall(r'<th scope="row"><a href="/people/\d+/">([^<]+)</a>', text))


def test_a_school_is_asked_for_by_name(county: Client) -> None:
    assert '<select id="place"' not in text_of(county, "/people/")
    assert '<input id="school"' in text_of(county, "/people/")
    for school, people in PUPILS.items():  # one of them stands in another's name: the whole name is the one
        for asked in (school, OTHERS[school]):
            text = text_of(county, f"/people/?school={asked}&state=")
            assert listed(text) == {human.name for human in people}
            assert school in text


def test_a_part_of_several_names_offers_them(county: Client) -> None:
    text = text_of(county, "/people/?school=河湾&state=to_assess")
    links = re.findall(r'href="\?state=to_assess&amp;place=(\d+)">([^<]+)</a>', text)
    assert {name for _, name in links} == {"青石镇河湾小学校", "青石镇河湾小学校分校"}
    assert listed(text) == set()
    assert listed(text_of(county, f"/people/?place={links[0][0]}")) == {h.name for h in PUPILS[links[0][1]]}
    for nobody in ("海边", "名" * 20_000, "%", "_"):
        page = county.get("/people/", {"school": nobody})
        assert page.status_code == 200
        assert "没有找到" in page.content.decode()
        assert "没有找到" in county.get("/schools/", {"text": nobody}).content.decode()


def test_the_chart_shows_where_most_wait_and_leads_to_the_others(two: Two, county: Client) -> None:
    by = actor_for(person_of(Role.PRINCIPAL, two.county.path), BY.at)
    every = schools_called("", BY)
    assert not every.whole
    shown = busiest_schools(by, 2)
    waiting = [standing.waiting for standing in standing_of(shown, by)]
    assert shown[0].name == "白马镇小学校"
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[0] == 3
    assert set(WAITING) == {"to_assess", "in_conflict"}
    text = text_of(county, "/coverage/")
    chart = text[text.index('<ol class="bars">') : text.index("</figure>")]
    assert "白马镇小学校" in chart
    assert two.far_school.name not in chart
    assert 'href="/schools/"' in text[text.index("<figure") : text.index("</figcaption>")]


def test_schools_are_listed_page_by_page(county: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    pages = [text_of(county, f"/schools/?page={number}").split("<tbody>")[1] for number in (1, 2, 3)]
    names = [re.findall(r'href="/schools/\d+/">([^<]+)</a>', page) for page in pages]
    assert [len(found) for found in names] == [2, 2, 1]
    assert len({name for found in names for name in found}) == 5
    assert names[0] == re.findall(r'href="/schools/\d+/">([^<]+)</a>', text_of(county, "/schools/"))
    assert "?page=2" in text_of(county, "/schools/")


def test_a_teacher_sees_no_other_school_by_name(two: Two, county: Client) -> None:
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    assert '<select id="place"' in text_of(teacher, "/people/")
    assert "白马镇小学校" not in text_of(teacher, "/people/?school=白马")
