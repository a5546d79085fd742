"""Layouts: finding the header, and telling the shipped kinds of workbook from one another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.errors import BangfuError, Refused
from bangfu.core.library import LIBRARY
from bangfu.intake.layouts import (
    Column,
    Found,
    Layout,
    all_layouts,
    choose_layouts,
    find_layout,
    header_name,
    read_layout,
)
from bangfu.intake.opened import open_file
from bangfu.registry.facts import SPECS

LAYOUTS = all_layouts()
BY_ID = {layout.id: layout for layout in LAYOUTS}
ROLL = BY_ID["school_roll"]
COUNTY = Path(__file__).resolve().parents[2] / "examples" / "county" / "in"
EXAMPLES = {
    "学籍-": "school_roll",
    "脱贫户": "poverty_register",
    "城乡低保": "minimum_living",
    "持证残疾人": "disability_certificates",
    "孤儿": "orphans",
    "惠民惠农": "payment_accounts",
    "教职工": "staff",
    "缺勤": "absences",
    "营养餐": "meal_days",
}
# Columns of the example files that the register has no use for.
NOT_KEPT = {"序号", "备注", "户主证件号码"}
MINIMAL = ["学校名称", "姓名", "年级", "学籍号"]
PUPIL = ["青石镇中心小学校", "赵安", "一年级", "L511622201508027038"]


def find(
    *rows: Sequence[str], layouts: Sequence[Layout] = LAYOUTS, corrected: dict[str, str] | None = None
) -> Found | None:
    """Return what is found in a sheet of these rows; `corrected` is for the school roll."""
    return find_layout([list(row) for row in rows], layouts, {"school_roll": corrected or {}})


def fields(found: Found | None) -> dict[int, str]:
    """Return where each field was found."""
    assert found is not None
    return {place.at: place.column.field for place in found.places}


def names_of(column: Column) -> list[str]:
    """Return the headings that a column goes by (three of its months where it stands once for each)."""
    return ["3月", "4月天数", "5月份"] if column.each_month else list(column.names)


# ---- the shipped ones


@pytest.mark.parametrize("path", sorted(COUNTY.iterdir()), ids=lambda path: path.name)
def test_every_example_file_is_recognised_as_what_it_is(path: Path) -> None:
    opened = open_file(path.name, path.read_bytes(), LAYOUTS, [])
    assert opened.layout.id == next(layout for start, layout in EXAMPLES.items() if path.name.startswith(start))
    assert [found.other for found in opened.found.values() if set(found.other) - NOT_KEPT] == []


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_a_layout_under_any_of_its_headings_is_taken_for_no_other(layout: Layout) -> None:
    for rank in range(max(len(names_of(column)) for column in layout.columns)):
        header = list(dict.fromkeys(names_of(c)[min(rank, len(names_of(c)) - 1)] for c in layout.columns))
        for row in (header, header[::-1], ["序号", *header, "备注一"]):
            found = find(row)
            assert found is not None
            assert found.layout.id == layout.id


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_the_least_that_a_layout_asks_for_is_taken_for_no_other(layout: Layout) -> None:
    least = [column for column in layout.columns if column.required]
    marks = [column for column in layout.columns if column.signature and not column.required]
    marked = not marks or any(column.signature for column in least)
    for columns in [least] if marked else [[*least, mark] for mark in marks]:
        found = find([names_of(column)[0] for column in columns])
        assert found is not None
        assert found.layout.id == layout.id, [column.field for column in columns]


@given(st.data())
def test_any_columns_in_any_order_under_any_heading_are_found(data: st.DataObject) -> None:
    """The required columns, one that tells the layout, and any others."""
    layout = data.draw(st.sampled_from(LAYOUTS))
    must = [c for c in layout.columns if c.required]
    if layout.signatures and not any(c.signature for c in must):
        must.append(data.draw(st.sampled_from([c for c in layout.columns if c.signature])))
    others = [c for c in layout.columns if c not in must]
    chosen = must + data.draw(st.lists(st.sampled_from(others), unique_by=id) if others else st.just([]))
    header = [data.draw(st.sampled_from(names_of(column))) for column in data.draw(st.permutations(chosen))]
    found = find_layout([header], [layout], {})
    assert found is not None
    assert len(found.places) == len(set(header))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_no_two_columns_of_a_layout_share_a_heading(layout: Layout) -> None:
    names = [name for column in layout.columns for name in column.names]
    assert sorted(names) == sorted(set(names))
    assert all(header_name(name) == name for name in names)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_a_layouts_parts_fit_together(layout: Layout) -> None:
    """Keys, places and households name columns or facts' fields; facts take what there is."""
    columns = {column.field for column in layout.columns}
    columns |= {target for column in layout.columns for target, _ in column.fills}
    facts = {field.name for rule in layout.facts for field in SPECS[rule.kind].fields}
    keys = {name for key in layout.list_key for name in key} | set(layout.alt_key)
    assert keys <= facts
    named = {*layout.place.values(), *layout.household.values(), *layout.of.values()}
    assert named <= columns | {"county"}
    for rule in layout.facts:
        assert set(rule.take.values()) <= columns
        conditions = {rule.when[word] for word in ("field", "unless", "and") if word in rule.when}
        assert conditions | set(rule.when.get("any", ())) <= columns
    assert set(layout.title) == {"zh", "en"}
    assert layout.post
    assert layout.mend_within_days > 0


def test_layouts_are_read_in_an_order_that_puts_rolls_before_what_refers_to_them() -> None:
    order = [layout.id for layout in LAYOUTS]
    assert order.index("school_roll") < min(order.index("absences"), order.index("meal_days"))
    assert len({layout.order for layout in LAYOUTS}) == len(LAYOUTS)


# ---- where the header stands


def test_a_header_stands_under_title_lines() -> None:
    found = find(["青石镇中心小学校学籍表"], ["", "填报日期:2025-02-20", "", "单位:人"], [], MINIMAL, PUPIL)
    assert found is not None
    assert found.header == 3
    assert fields(found) == {0: "school_name", 1: "name", 2: "grade", 3: "roll_number"}


@pytest.mark.parametrize(("above", "seen"), [(0, True), (39, True), (40, False)])
def test_a_header_is_looked_for_within_forty_rows(above: int, seen: bool) -> None:
    assert (find(*[["说明"]] * above, MINIMAL, PUPIL) is not None) is seen


def test_a_header_of_two_rows_is_read_from_both() -> None:
    upper = ["学校名称", "姓名", "年级", "学籍号", "监护人", "", "住址信息", ""]
    lower = ["", "", "", "", "姓名", "电话", "现住址", "户籍地址"]
    found = find(["学籍表"], upper, lower, PUPIL)
    assert found is not None
    assert found.header == 2
    assert fields(found) == {
        0: "school_name",
        1: "name",
        2: "grade",
        3: "roll_number",
        4: "guardian_name",
        5: "guardian_phone",
        6: "address",
        7: "hukou_address",
    }


def test_a_repeated_header_does_not_hide_the_first() -> None:
    found = find(MINIMAL, PUPIL, MINIMAL, PUPIL)
    assert found is not None
    assert found.header == 0


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("姓名", "姓名"),
        (" 姓 名 ", "姓名"),
        ("姓\n名", "姓名"),
        ("*姓名", "姓名"),
        ("★姓名*", "姓名"),
        ("姓名:", "姓名"),
        ("姓名\uff1a", "姓名"),
        ("姓名(必填)", "姓名"),
        ("姓名\uff08选填\uff09", "姓名"),
        ("村\uff08社区\uff09", "村(社区)"),
        ("\u3000姓\u200b名\ufeff", "姓名"),
        ("*姓名(必填)", "姓名"),
        ("", ""),
    ],
)
def test_a_headings_decoration_does_not_count(written: str, name: str) -> None:
    assert header_name(written) == name


def test_of_two_columns_that_could_be_a_field_the_better_name_wins() -> None:
    found = find([*MINIMAL, "联系电话", "监护人电话"])
    assert fields(found)[5] == "guardian_phone"
    assert 4 not in fields(found)
    assert found is not None
    assert found.other == ("联系电话",)


@pytest.mark.parametrize("lacking", ["学校名称", "姓名", "年级"])
def test_without_a_required_column_nothing_is_recognised(lacking: str) -> None:
    assert find([name for name in MINIMAL if name != lacking], PUPIL) is None


def test_without_a_column_that_marks_it_a_layout_is_not_recognised() -> None:
    assert find(["学校名称", "姓名", "年级", "性别"], PUPIL) is None
    assert find(["学校名称", "姓名", "年级", "班级"], PUPIL) is not None


def test_a_heading_that_a_person_corrected_is_found_and_counts_most() -> None:
    header = ["学校名称", "学员", "年级", "学籍号", "姓名"]
    assert fields(find(header))[4] == "name"
    corrected = fields(find(header, corrected={"学员": "name"}))
    assert corrected[1] == "name"
    assert 4 not in corrected


def test_a_correction_to_a_field_that_the_layout_lacks_maps_nothing() -> None:
    assert 3 not in fields(find([*MINIMAL[:3], "学员", "学籍号"], corrected={"学员": "no_such_field"}))


@given(
    st.lists(
        st.lists(st.text(max_size=8) | st.sampled_from([*MINIMAL, "监护人", "3月", "证件号码"]), max_size=8), max_size=8
    )
)
def test_no_sheet_stops_the_search(rows: list[list[str]]) -> None:
    found = find(*rows)
    assert found is None or found.header < len(rows)


# ---- layout files


def test_a_folders_own_layout_replaces_the_shipped_one(tmp_path: Path) -> None:
    text = (LIBRARY / "layouts" / "orphans.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("order = 50", "order = 51"), encoding="utf-8")
    own = {layout.id: layout.order for layout in all_layouts(tmp_path)}
    assert own["orphans"] == 51
    assert set(own) == set(BY_ID)


def test_a_layout_is_chosen_by_its_id_or_its_file(tmp_path: Path) -> None:
    assert choose_layouts(None, None) == LAYOUTS
    assert choose_layouts("orphans", tmp_path) == (BY_ID["orphans"],)
    assert choose_layouts(str(LIBRARY / "layouts" / "orphans.toml"), None)[0].id == "orphans"


@pytest.mark.parametrize(("name", "code"), [("no_such", "layout_unknown"), ("no_such.toml", "layout_file_bad")])
def test_a_layout_that_is_not_there_is_an_error_that_names_it(name: str, code: str) -> None:
    with pytest.raises(BangfuError) as caught:
        choose_layouts(name, None)
    assert caught.value.code == code
    assert "no_such" in caught.value.said("en")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('id = "orphans"', "id = "),
        ("order = 50", ""),
        ("order = 50", 'order = 50\nnonsense = "x"'),
        ('subject = "person"', 'subject = "persons"'),
        ('type = "id_number"', 'type = "id_nummer"'),
        ('type = "id_number"', ""),
        ('kind = "orphan"', 'kind = "orphan"\nnonsense = 1'),
        ('kind = "detail"', 'kind = "detial"'),
        ('scope = { kind = "county", name = "county" }', 'scope = { name = "county" }'),
        ('scope = { kind = "county", name = "county" }', 'scope = { kind = "parish", name = "county" }'),
        ('list_key = [["id_number"]]', 'list_key = [["id_nummer"]]'),
        ('dated_by = "list"', 'dated_by = "lists"'),
        ('post = "county_bureau"', 'each_month = "("'),
    ],
)
def test_a_layout_file_with_a_mistake_is_an_error_that_names_the_file(tmp_path: Path, old: str, new: str) -> None:
    text = (LIBRARY / "layouts" / "orphans.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        read_layout(path)


def test_a_file_without_a_header_is_told_what_was_expected() -> None:
    with pytest.raises(Refused) as caught:
        open_file("x.csv", "甲,乙,丙\n1,2,3\n".encode(), [ROLL], [])
    assert caught.value.code == "no_header"
    assert "school_roll" in caught.value.said("en")
    assert "学籍号" in caught.value.said("zh")
