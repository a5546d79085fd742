"""The stylesheet keeps to what Chromium 86 reads, and to contrast; parts are used; charts add up."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bangfu.accounts.queries import actor_for
from bangfu.accounts.rules import Role
from bangfu.coverage.queries import standing_of, state_totals
from bangfu.coverage.reckon import STATES
from bangfu.registry.queries import places_to_choose
from bangfu.tasks.actions import Duty, settle
from bangfu.tasks.queries import grouped_tasks
from bangfu.web.charts import MOST_BARS, Row, stacked
from tests.conftest import BY, committing
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in

WEB = Path(__file__).resolve().parents[2] / "bangfu" / "web"
CSS = (WEB / "static" / "web" / "bangfu.css").read_text(encoding="utf-8")
TEMPLATES = WEB / "templates"
# What came after Chromium 86, with the version that brought it. What an old browser may leave out without harm
# (accent-color, text-decoration-thickness, text-underline-offset, forced-colors) is not here.
TOO_NEW = {
    "shorthands by flow (87)": r"(?<![\w-])(?:margin|padding|border)-(?:block|inline)(?:-color|-style|-width)?\s*:",
    "inset (87)": r"(?<![\w-])inset(?:-block|-inline)?\s*:",
    ":is and :where (88)": r":(?:is|where)\(",
    "aspect-ratio (88)": r"aspect-ratio",
    "overflow: clip (90)": r"overflow[\w-]*:\s*clip",
    "start and end outside text-align (93)": r"(?:align|justify|place)-(?:items|content|self):\s*(?:start|end)\b",
    "cascade layers (99)": r"@layer",
    "new colour syntax (101 to 123)": r"oklch|oklab|lab\(|lch\(|color-mix|light-dark|hwb\(|relative-color",
    "transforms as properties (104)": r"(?<![\w-])(?:rotate|scale|translate)\s*:",
    "ranges in media queries (104)": r"@media[^{]*[<>]",
    ":has (105)": r":has\(",
    "container queries (105)": r"@container|container-type",
    "new viewport units (108)": r"\d(?:[sld]v[hwib]|[sld]vmin|[sld]vmax)\b",
    "nesting (112)": r"\{[^{}]*&",
    "text-wrap, @scope, subgrid": r"text-wrap|@scope|subgrid",
}
BAD_EXAMPLES = [
    "a { margin-inline: auto; }", "a { border-block-color: red; }", "a { inset: 0; }", ":is(a, b) {}",
    "a { aspect-ratio: 1; }", "a { overflow-x: clip; }", "a { align-items: end; }", "@layer x;",
    "a { color: oklch(1 0 0); }", "a { rotate: 1deg; }", "@media (width <= 640px) {}", "a:has(b) {}", "@container {}",
    "a { height: 100dvh; }", "a { & b { color: red } }", "a { text-wrap: balance; }",
]  # fmt: skip
AA_TEXT, AA_SHAPE = 4.5, 3.0


def too_new(css: str) -> list[str]:
    """Return what in a stylesheet Chromium 86 does not read; comments do not count."""
    plain = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [name for name, pattern in TOO_NEW.items() if re.search(pattern, plain)]


def test_each_feature_that_is_too_new_is_found() -> None:
    found = [name for example in BAD_EXAMPLES for name in too_new(example)]
    assert set(found) == set(TOO_NEW)
    assert len(found) == len(BAD_EXAMPLES)


def test_chromium_86_reads_the_stylesheet() -> None:
    assert too_new(CSS) == []
    assert len(CSS.splitlines()) <= 600


def tokens() -> dict[str, str]:
    """Return the colour tokens."""
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", CSS))


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as WCAG reckons it."""
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return how light a colour is, 0 to 1."""
    digits = colour[1:] if len(colour) == 7 else "".join(sign * 2 for sign in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert round(contrast("#fff", "#000000"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("name", ["plain", "todo", "wait", "warn", "bad", "good"])
def test_a_state_is_read_on_its_ground_and_on_a_card(name: str) -> None:
    known = tokens()
    assert contrast(known[name], known[f"{name}-bg"]) >= AA_TEXT
    assert contrast(known[name], known["card"]) >= AA_TEXT


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "bg"), ("ink", "card"), ("ink", "hover"), ("ink", "warn-bg"), ("ink", "good-bg"), ("ink", "bad-bg"),
        ("mute", "bg"), ("mute", "card"), ("mute", "hover"), ("mute", "plain-bg"), ("brand", "card"), ("brand", "bg"),
        ("brand", "hover"), ("brand-deep", "card"), ("on-brand", "brand"), ("on-brand", "brand-deep"),
        ("on-brand", "head"), ("bad", "bad-bg"),
    ],
)  # fmt: skip
def test_text_is_read_where_it_stands(text: str, ground: str) -> None:
    known = tokens()
    assert contrast(known[text], known[ground]) >= AA_TEXT


def test_shapes_are_seen_on_a_card() -> None:
    known = tokens()
    fills = re.findall(r"\.part[\w.]* \{ fill: (#\w+); \}", CSS)
    assert len(fills) == len(STATES) + 1
    for colour in (*fills, known["field"], known["head-line"]):
        ground = known["head"] if colour == known["head-line"] else known["card"]
        assert contrast(colour, ground) >= AA_SHAPE, colour
    assert contrast(known["focus"], known["head"]) >= AA_SHAPE


# -- parts


def test_every_part_is_shown_on_the_page_of_parts_and_used_by_another() -> None:
    shown = (TEMPLATES / "components.html").read_text(encoding="utf-8")
    others = "".join(
        path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html") if path.name != "components.html"
    )
    parts = sorted(path.name for path in (TEMPLATES / "parts").iterdir())
    assert len(parts) > 10
    waiting = {"progress.html"}  # until a page shows a job under way
    for name in parts:
        assert f'"parts/{name}"' in shown
        assert f'"parts/{name}"' in others or name in waiting, name


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_of_parts_is_open_to_everybody_and_has_no_style_or_script_of_its_own(
    two: Two, role: Role, language: str
) -> None:
    response = signed_in(person_of(role, two.school.path)).get("/components/", headers={"accept-language": language})
    text = response.content.decode()
    assert response.status_code == 200
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=", text)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(name in ids for name in re.findall(r'href="#([\w-]+)"', text))


# -- charts


def test_bars_share_one_scale_and_a_small_part_can_be_seen() -> None:
    rows = [Row(1, "A", {"a": 1, "b": 999}), Row(2, "B", {"b": 500}), Row(3, "C", {})]
    chart = stacked("school", {"a": "A", "b": "B"}, rows)
    widths = [[float(part.width.rstrip("%")) for part in bar.parts] for bar in chart.bars]
    assert widths == [[0.5, 96.9], [48.5], []]
    assert chart.bars[0].parts[1].x == "0.50%"
    assert all(sum(row) <= 100 for row in widths)
    assert chart.table[2].cells == [("a", "A", 0), ("b", "B", 0)]


def test_a_chart_of_nothing_has_no_bars() -> None:
    assert stacked("school", {"a": "A"}, []).bars == []
    assert stacked("school", {"a": "A"}, [Row(1, "A", {"a": 0})]).bars[0].parts == []


def test_the_table_has_the_rows_that_are_not_drawn() -> None:
    chart = stacked("school", {"a": "A"}, [Row(n, str(n), {"a": n}) for n in range(MOST_BARS + 5)])
    assert (len(chart.bars), len(chart.table)) == (MOST_BARS, MOST_BARS + 5)


def test_states_by_place_add_up_to_the_tiles_as_far_as_the_reader_sees(two: Two) -> None:
    for role, place, names in (
        (Role.COUNTY_BUREAU, two.county, {two.school.name, two.next_school.name}),
        (Role.PRINCIPAL, two.school, {two.school_class.name}),
        (Role.CLASS_TEACHER, two.school_class, {two.school_class.name}),
    ):
        by = actor_for(person_of(role, place.path), BY.at)
        found = standing_of(places_to_choose(by).places, by)
        assert {standing.place.name for standing in found} == names
        assert sum((standing.states for standing in found), Counter()) == state_totals(by)
    assert sum(state_totals(BY).values()) == len((*HERE, *NEXT_DOOR, *FAR))


def test_a_school_of_which_one_sees_a_class_counts_that_class_only(two: Two) -> None:
    by = actor_for(person_of(Role.CLASS_TEACHER, two.school_class.path), BY.at)
    (standing,) = standing_of([two.school], by)
    assert standing.states == state_totals(by)
    (nothing,) = standing_of([two.next_school], by)
    assert nothing.pupils == 0


def test_the_chart_leads_to_the_pupils_whom_it_counts(two: Two) -> None:
    county = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    page = county.get("/coverage/")
    assert f'<a href="/people/?place={two.next_school.pk}">' in page.content.decode()
    rows = [bar.row for bar in page.context["chart"].table]
    waiting = [row.counts["to_assess"] + row.counts["in_conflict"] for row in rows]
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[0] > 0
    for row in rows:
        assert county.get(f"/people/?place={row.id}").context["page"].paginator.count == row.total


@pytest.mark.parametrize("asked", ["far_school", "far_county", "next_school"])
def test_a_place_outside_ones_scope_is_not_there(two: Two, asked: str) -> None:
    teacher = signed_in(person_of(Role.CLASS_TEACHER, two.school_class.path))
    assert teacher.get(f"/people/?place={getattr(two, asked).pk}").status_code == 404


@pytest.mark.parametrize("asked", ["x", "-1", "0", "1.5", "9" * 5_000, "99999999999999999999", "٣"])
@pytest.mark.parametrize("address", ["/people/", "/households/"])
def test_a_place_that_is_no_number_is_not_there(two: Two, address: str, asked: str) -> None:
    county = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert county.get(address, {"place": asked}).status_code == 404


# -- what the pages say


def test_only_what_is_late_counts_as_late(two: Two) -> None:
    day = BY.at.date()
    with committing():
        for at, due in enumerate((day, day.replace(year=day.year - 1))):
            settle(Duty("mend_rows", f"source_file:{900 + at}", two.school.path, "principal", due, 3 + at), by=BY)
    by = actor_for(person_of(Role.PRINCIPAL, two.school.path), BY.at)
    rows = [row for row in grouped_tasks(by, mine=True) if row[0] == "mend_rows"]
    assert [(count, late) for _, _, count, _, late in rows] == [(7, 4)]


def test_the_trail_names_what_was_done_and_takes_any_words(two: Two) -> None:
    county = signed_in(person_of(Role.COUNTY_BUREAU, two.county.path))
    assert county.get("/audit/", {"what": "no.such"}).status_code == 200
    text = county.get("/audit/", {"what": "registry.deliver"}, headers={"accept-language": "en"}).content.decode()
    assert '<option value="registry.deliver" selected>Imported a file' in text
    assert "source_file:" not in text
