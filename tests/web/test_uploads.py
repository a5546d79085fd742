"""Uploads: a job for each, files that no layout fits, rows that wait, and two people at one row."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.coverage import uploading
from bangfu.coverage.actions import reseal_evidence
from bangfu.intake.actions import keep_file, rotate_keys
from bangfu.intake.models import HeldRow, KeptFile, Mapping
from bangfu.intake.queries import kept_file
from bangfu.registry.models import Detail, SourceFile
from bangfu.tasks.actions import give_up_jobs
from bangfu.tasks.models import Job
from tests.conftest import BY
from tests.coverage.lists import FIRST, Human
from tests.intake.bad_files import HEADER, csv_text
from tests.web.conftest import Two, person_of, signed_in

NEW = Human("汪晓雯", 440)


def roll(*people: Human, header: tuple[str, ...] = HEADER, **cells: str) -> bytes:
    rows = [human.enrolled(FIRST, **cells) for human in people]
    return csv_text([[*header], *([row.get(name, "") for name in HEADER] for row in rows)]).encode()


def upload(client: Client, *files: tuple[str, bytes], key: str = "") -> HttpResponse:
    given = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post("/imports/upload/", {"files": given, "key": key or str(uuid4())})  # type: ignore[return-value]


@pytest.fixture
def officer(two: Two) -> Client:
    return signed_in(person_of(Role.AID_OFFICER, two.school.path))


def test_an_upload_leads_to_a_page_that_says_what_became_of_each_file(officer: Client) -> None:
    response = upload(officer, ("花名册.csv", roll(NEW)), ("notes.csv", b"hello,you\nand,me\n"))
    page = officer.get(response.headers["Location"])
    text = page.content.decode()
    assert "Refresh" not in page.headers
    assert "花名册.csv" in text
    assert "notes.csv" in text
    assert "指明各列是什么" in text
    assert Detail.objects.filter(name=NEW.name).exists()
    assert list((Path(uploading.settings.HOME) / "uploads").iterdir()) == []


def test_a_double_click_imports_once(officer: Client) -> None:
    key = str(uuid4())
    first, second = (upload(officer, ("花名册.csv", roll(NEW)), key=key) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert Job.objects.filter(kind=uploading.KIND).count() == 1


def test_a_job_under_way_shows_how_far_it_is_and_looks_again(officer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "in_background", lambda work: None)
    page = officer.get(upload(officer, ("花名册.csv", roll(NEW))).headers["Location"])
    assert page.headers["Refresh"] == "2"
    assert "<progress" in page.content.decode()
    assert give_up_jobs(kind=uploading.KIND, by=BY) == 1
    again = officer.get(page.request["PATH_INFO"])
    assert "导入没有完成" in again.content.decode()
    assert "Refresh" not in again.headers


def test_work_that_fails_says_so_and_leaves_nothing_on_disk(officer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(uploading, "link_records", broken)
    with pytest.raises(RuntimeError):
        upload(officer, ("花名册.csv", roll(NEW)))
    job = Job.objects.get(kind=uploading.KIND)
    assert (job.ended, job.failed) == (True, "RuntimeError")
    assert "同一人核对没有完成" in officer.get(f"/imports/jobs/{job.pk}/").content.decode()
    assert list((Path(uploading.settings.HOME) / "uploads").iterdir()) == []


def test_a_job_is_its_owners_own(two: Two, officer: Client) -> None:
    address = upload(officer, ("花名册.csv", roll(NEW))).headers["Location"]
    other = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert other.get(address).status_code == 404
    for job in Job.objects.filter(owner=None):
        assert officer.get(f"/imports/jobs/{job.pk}/").status_code == 404


# -- a file that no layout fits

STRANGE = {"姓名": "娃儿名字", "学籍号": "全国号", "身份证件号": "证号", "学校名称": "哪所学校", "学校标识码": "校码"}


def strange(*people: Human) -> bytes:
    """Return a roll whose header no layout knows."""
    return roll(*people, header=tuple(STRANGE.get(name, name) for name in HEADER))


def keep(officer: Client) -> int:
    upload(officer, ("怪表.csv", strange(NEW)))
    return KeptFile.objects.get().pk


def mapped(**more: str) -> dict[str, str]:
    fields = {
        "姓名": "name",
        "学籍号": "roll_number",
        "身份证件号": "id_number",
        "学校名称": "school_name",
        "学校标识码": "school_code",
    }
    named = {f"map-{HEADER.index(title)}": field for title, field in fields.items() if title in HEADER}
    return {"layout": "school_roll", "key": str(uuid4()), **named, **more}


def test_its_owner_says_what_the_columns_are_looks_and_imports(officer: Client) -> None:
    number = keep(officer)
    page = officer.get(f"/imports/kept/{number}/?layout=school_roll").content.decode()
    assert "娃儿名字" in page
    assert NEW.name in page
    files = SourceFile.objects.count()
    look = officer.post(f"/imports/kept/{number}/", mapped(verb="look")).content.decode()
    assert "若导入" in look, look[look.find('role="alert"') :][:400]
    assert SourceFile.objects.count() == files
    assert not Detail.objects.filter(name=NEW.name).exists()
    done = officer.post(f"/imports/kept/{number}/", mapped(verb="import"))
    assert done.status_code == 302
    assert Detail.objects.filter(name=NEW.name).exists()
    assert not KeptFile.objects.exists()
    assert {m.header: m.field for m in Mapping.objects.all()}["娃儿名字"] == "name"


def test_the_next_table_of_the_sender_is_known(officer: Client) -> None:
    officer.post(f"/imports/kept/{keep(officer)}/", mapped(verb="import"))
    later = Human("欧阳可", 441)
    upload(officer, ("怪表二.csv", strange(NEW, later)))
    assert not KeptFile.objects.exists()
    assert Detail.objects.filter(name=later.name).exists()


def test_a_mapping_without_what_must_be_there_is_refused_in_a_sentence(officer: Client) -> None:
    number = keep(officer)
    answer = officer.post(f"/imports/kept/{number}/", mapped(verb="look", **{f"map-{HEADER.index('姓名')}": ""}))
    assert 'role="alert"' in answer.content.decode()
    look = {"verb": "look", "layout": "school_roll"}
    for form in (
        look | {"header": "99999"},
        look | {"header": "²"},
        look | {"verb": ""},
        {"verb": "import", "layout": "x"},
    ):
        assert officer.post(f"/imports/kept/{number}/", form).status_code == 200, form
    assert KeptFile.objects.count() == 1


def test_a_kept_file_is_sealed_and_its_owners_own(two: Two, officer: Client) -> None:
    number = keep(officer)
    assert NEW.name.encode() not in bytes(KeptFile.objects.get().content)
    other = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert other.get(f"/imports/kept/{number}/").status_code == 404
    assert other.post(f"/imports/kept/{number}/", {"verb": "drop"}).status_code == 404
    assert officer.get(f"/imports/kept/{1 << 64}/").status_code == 404
    assert officer.post(f"/imports/kept/{number}/", {"verb": "drop"}).status_code == 302
    assert not KeptFile.objects.exists()


def test_a_kept_file_outlives_a_change_of_keys_but_not_a_fortnight(founded: Path) -> None:
    number = keep_file(name="x.csv", content=b"a,b\n1,2\n", by=BY)
    rotate_keys(by=BY, others=[reseal_evidence])
    kept = kept_file(number, BY)
    assert kept is not None
    assert kept.content == b"a,b\n1,2\n"
    KeptFile.objects.update(kept_at=BY.at - timedelta(days=15))
    later = keep_file(name="y.csv", content=b"", by=BY)
    assert [file.pk for file in KeptFile.objects.all()] == [later]


# -- two people at one row


def test_who_comes_second_to_a_row_is_told_who_mended_it_and_what(two: Two, officer: Client) -> None:
    nameless = roll(Human("无名", 442), 姓名="").split(b"\n", 1)[1]
    upload(officer, ("花名册.csv", roll(NEW) + nameless))
    held = HeldRow.objects.get(closed_by=None)
    address = f"/imports/rows/{held.pk}/"
    cells = officer.get(address).context["cells"]
    form = {f"cell-{at}": text for at, _, text in cells}
    at = next(at for at, name, _ in cells if name == "姓名")
    form |= {f"cell-{at}": "梅无名", "reason": "问过家长"}
    assert officer.post(address, form).status_code == 302
    second = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path)).post(address, form)
    entry = Entry.objects.get(action="intake.mend_row")
    assert second.status_code == 409
    assert entry.actor in second.content.decode()
    assert "(姓名)" in second.content.decode()
    assert json.loads(entry.details)["columns"] == ["姓名"]
    stranger = signed_in(person_of(Role.AID_OFFICER, two.far_school.path)).post(address, form)
    assert stranger.status_code == 409
    assert entry.actor not in stranger.content.decode()
