"""Finding people, households and schools; exports."""

from __future__ import annotations

import json
from datetime import date
from io import BytesIO

import pytest
from django.http import HttpResponse
from openpyxl import load_workbook

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.coverage.actions import link_records
from bangfu.coverage.models import Named, Progress
from bangfu.coverage.queries import names_of
from bangfu.linkage.names import initials
from bangfu.registry.models import Detail, Organisation, SourceFile
from bangfu.web.excel import workbook
from tests.conftest import BY, committing
from tests.coverage.lists import FIRST, Desk, Human
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("张小明", "zxm"),
        ("单小明", "sxm"),
        ("曾国", "zg"),
        ("尉迟恭", "ycg"),
        ("迪丽·热巴", "dlrb"),
        ("Li Ming", "liming"),
        ("", ""),
    ],
)
def test_initials_are_what_people_type(name: str, letters: str) -> None:
    assert initials(name) == letters


def found(two: Two, role: Role, path: str, text: str) -> str:
    return signed_in(person_of(role, path)).post("/people/", {"text": text}).content.decode()


def test_a_person_is_found_by_name_initials_id_and_roll_number(two: Two) -> None:
    human = HERE[0]
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    for text in (human.name, human.name[:2], "cab", "CAB", " c a b ", human.id, human.id.lower(), f"G{human.id}"):
        page = client.post("/people/", {"text": text}).content.decode()
        assert f">{human.name}</a>" in page, text
    assert "没有找到" in client.post("/people/", {"text": "cabx"}).content.decode()


@pytest.mark.parametrize("text", ["fhm", NEXT_DOOR[0].name, NEXT_DOOR[0].id, "ndl", FAR[0].id, f"G{FAR[0].id}"])
def test_nobody_outside_the_scope_is_found(two: Two, text: str) -> None:
    page = found(two, Role.AID_OFFICER, two.school.path, text)
    assert not any(f">{human.name}</a>" in page for human in (*NEXT_DOOR, *FAR))


def test_wild_signs_stand_for_themselves(two: Two) -> None:
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    for text in ("%", "_", "*", "程%", "c%", "' OR 1=1 --", "\\"):
        assert "</a></th>" not in client.post("/people/", {"text": text}).content.decode(), text


def test_a_new_name_is_found_and_the_old_is_not(desk: Desk) -> None:
    before, after = Human("程安邦", 110), Human("程安国", 110)
    desk.roll(before.enrolled(FIRST))
    desk.roll(after.enrolled(FIRST), name="later", day=date(2025, 4, 17))
    with committing():
        link_records(by=BY)
    assert list(Named.objects.values_list("name", "initials")) == [("程安国", "cag")]


def test_names_written_step_by_step_are_those_written_at_once(two: Two) -> None:
    stepwise = list(Named.objects.order_by("record").values_list())
    Named.objects.all().delete()
    Progress.objects.update(linked_until=0)
    with committing():
        link_records(by=BY)
    assert stepwise == list(Named.objects.order_by("record").values_list())
    assert len(stepwise) == len(HERE) + len(NEXT_DOOR) + len(FAR) + 6  # and six in the poverty registers


def test_pupils_are_listed_by_state_and_place(two: Two) -> None:
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    everyone = client.get("/people/").content.decode()
    assert all(f">{human.name}</a>" in everyone for human in (*HERE, *NEXT_DOOR))
    here = client.get(f"/people/?place={two.school.pk}").content.decode()
    assert [human.name in here for human in (*HERE, *NEXT_DOOR)] == [True] * 3 + [False] * 3
    listed = client.get(f"/people/?place={two.school.pk}&state=to_assess").content.decode()
    assert [human.name in listed for human in HERE] == [True, True, False]
    for wrong in ("state=rich", f"place={two.far_school.pk}", "place=99999999", "place=9" * 30):
        assert client.get(f"/people/?{wrong}").status_code == 404, wrong


def test_schools_show_how_their_pupils_stand(two: Two) -> None:
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    page = client.get("/schools/").content.decode()
    assert f'href="/people/?place={two.school.pk}">3</a>' in page
    assert f'href="/people/?place={two.school.pk}&amp;state=to_assess">2</a>' in page
    assert two.next_school.name in page
    assert two.far_school.name not in page
    assert two.next_school.name not in client.get(f"/schools/?text={two.school.name[:3]}").content.decode()
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    assert two.school.name in teacher.get("/schools/").content.decode()
    assert teacher.get(f"/schools/{two.school.pk}/").status_code == 200
    assert teacher.get(f"/schools/{two.next_school.pk}/").status_code == 404


def test_households_are_found_by_place_number_and_member(two: Two) -> None:
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    page = client.get("/households/").content.decode()
    addresses = {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/households/")} - {
        "/households/"
    }
    assert addresses
    people = "".join(client.get(address).content.decode() for address in addresses)
    assert all(human.name in people for human in (*HERE[:2], *NEXT_DOOR[:2]))
    assert not any(human.name in people for human in FAR)
    assert "/households/" in client.post("/households/", {"text": "cab"}).content.decode().split("<tbody>")[1]
    assert "没有找到农户" in client.post("/households/", {"text": "ndl"}).content.decode()
    township = Organisation.objects.get(kind="township", name="青石镇")
    assert "<tbody>" in client.get(f"/households/?place={township.pk}").content.decode()
    far = Organisation.objects.get(kind="township", name="远山镇")
    assert client.get(f"/households/?place={far.pk}").status_code == 404


def test_the_lists_on_which_somebody_stands_for_being_in_need_are_closed_until_opened(two: Two) -> None:
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    human = next(pupil.human_id for pupil, _ in client.get("/people/?state=to_assess").context["rows"])
    closed, opened = client.get(f"/people/{human}/"), client.post(f"/people/{human}/open/", {"reason": "家访前核对"})
    file = SourceFile.objects.get(layout="poverty_register", sender=two.county).name
    for word in ("脱贫户", file, "registered_poor"):
        assert word not in closed.content.decode(), word
    assert "脱贫户" in opened.content.decode()
    assert file in opened.content.decode()


def rows(response: HttpResponse) -> list[tuple[object, ...]]:
    return list(load_workbook(BytesIO(response.content)).active.iter_rows(values_only=True))


def test_exports_hold_what_the_page_lists_and_the_trail_says_who_took_them(two: Two) -> None:
    client = signed_in(person_of(Role.AID_OFFICER, two.school.path))
    before = Entry.objects.count()
    response = client.post("/people/export/", {"state": "to_assess", "place": ""})
    assert rows(response)[1:] == [(human.name, two.school.name, two.school_class.name, "待认定") for human in HERE[:2]]
    assert response.headers["Cache-Control"] == "no-store"
    entry = Entry.objects.latest("pk")
    assert Entry.objects.count() == before + 1
    assert (entry.action, entry.subject, json.loads(entry.details)["rows"]) == ("coverage.export_list", "pupils", 2)
    gaps = rows(client.post("/differences/export/", {"code": ""}))[1:]
    assert len(gaps) == client.get("/differences/").context["page"].paginator.count > 0
    assert client.post("/people/export/", {"place": str(two.far_school.pk)}).status_code == 404
    assert client.get("/people/export/").status_code == 405


def test_a_list_too_long_for_a_workbook_is_to_be_filtered_first(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("people", "coverage"):
        monkeypatch.setattr(f"bangfu.web.{module}.MOST_ROWS", 1)
    client = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    before = Entry.objects.count()
    for address in ("/people/export/", "/differences/export/"):
        assert client.post(address, {}, follow=True).context["messages"], address
    assert Entry.objects.count() == before


def test_names_are_asked_for_in_parts(two: Two) -> None:
    known = [detail.person_id for detail in Detail.objects.all()]
    assert len(names_of([*range(10**6, 10**6 + 70_000), *known])) == len(set(known))


def test_no_cell_of_an_export_is_alive() -> None:
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0", "http://x.example/", "\r=1", "x" * 40_000]
    book = load_workbook(BytesIO(workbook("x", ("column_name",), [(text,) for text in evil]).content))
    cells = [cell for (cell,) in book.active.iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(evil)
    assert [cell.hyperlink for cell in cells] == [None] * len(evil)
    assert [cell.value for cell in cells[:6]] == evil[:6]
    assert len(cells[-1].value) == 32_767
