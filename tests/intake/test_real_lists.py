"""Lists as offices really publish them (public, no personal data; read here where they are, not shipped)."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import xlrd

from bangfu.registry.models import Organisation, OrganisationFact, SourceRow
from tests.conftest import import_paths

WORKBOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "workbooks"
UNIVERSITIES = WORKBOOKS / "全国高等学校名单.xls"
NETWORK = WORKBOOKS / "network_summary_机构新.gbk.csv"
LAYOUT = Path(__file__).parent / "layouts" / "network_institutions.toml"
# A long name is broken over two lines, and full-width brackets are read as plain ones.
READ_AS = {ord("\n"): None, 0xFF08: "(", 0xFF09: ")"}
pytestmark = pytest.mark.skipif(
    not WORKBOOKS.exists(), reason="the published workbooks are not shipped with the project"
)


def listed_universities() -> dict[str, tuple[str, str]]:
    """Return code -> name and place, as another reader finds them."""
    sheet = xlrd.open_workbook(str(UNIVERSITIES)).sheet_by_index(0)
    lines = [sheet.row_values(n) for n in range(sheet.nrows)]
    return {
        line[2]: (line[1].translate(READ_AS), "".join(line[4].split())) for line in lines if isinstance(line[0], float)
    }


def test_the_ministrys_list_is_read_completely(founded: Path) -> None:
    report = import_paths([UNIVERSITIES])[0]
    assert report.refused is None
    assert report.layout == "higher_education"
    # 31 sub-headings (the annex and the title stand over the header), and a second sheet of the names alone.
    noise = 31 + 2631
    assert report.rows == {"read": 2631 + noise, "applied": 2631, "unchanged": 0, "held": 0, "noise": noise}
    truth = listed_universities()
    found = Organisation.objects.filter(kind="university").values_list("code", "name")
    assert dict(found) == {code: name for code, (name, _) in truth.items()}
    places = OrganisationFact.objects.values_list("code", "attributes")
    assert {code: json.loads(text)["place"] for code, text in places} == {c: place for c, (_, place) in truth.items()}


def test_its_noise_is_its_sub_headings(founded: Path) -> None:
    import_paths([UNIVERSITIES])
    sheet = xlrd.open_workbook(str(UNIVERSITIES)).sheet_by_index(0)
    noise = SourceRow.objects.filter(state="noise", sheet=0).values_list("row", flat=True)
    assert len(noise) == 31
    assert all(str(sheet.cell_value(row - 1, 0)).endswith("所）") for row in noise)


def test_the_ministrys_list_again_changes_nothing(founded: Path, tmp_path: Path) -> None:
    import_paths([UNIVERSITIES])
    copy = tmp_path / UNIVERSITIES.name
    copy.write_bytes(UNIVERSITIES.read_bytes() + b"\0")
    for path in (UNIVERSITIES, copy):
        report = import_paths([path])[0]
        assert (report.rows["applied"], report.rows["unchanged"], report.rows["held"]) == (0, 2631, 0)
    assert OrganisationFact.objects.count() == 2631


def test_a_table_in_gbk_is_read_by_a_layout_of_ones_own(founded: Path) -> None:
    report = import_paths([NETWORK], layout=str(LAYOUT))[0]
    assert report.refused is None
    assert report.layout == "network_institutions"
    assert report.rows == {"read": 3435, "applied": 3435, "unchanged": 0, "held": 0, "noise": 0}
    with NETWORK.open(encoding="gbk", newline="") as file:
        names = [row["Author"] for row in csv.DictReader(file)]
    assert [*Organisation.objects.filter(kind="institution").order_by("pk").values_list("name", flat=True)] == names


def test_it_is_no_list_that_is_shipped(founded: Path) -> None:
    report = import_paths([NETWORK])[0]
    assert report.refused is not None
    assert report.refused.code == "no_header"
