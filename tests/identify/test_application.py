"""The application form as data: what a file must say, what may be answered, and how it is said again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bangfu.core.errors import BangfuError
from bangfu.core.library import LIBRARY, load_toml
from bangfu.identify.application import CHECKS, answered, check_page, incomplete, per_head, read_form, told
from bangfu.identify.forms import form
from tests.identify.applying import ANSWERS

CONTENT = load_toml(LIBRARY / "forms" / "application.toml")
FORM = read_form(CONTENT, "application.toml")
# The blocks of policy facts 2.3 that a family fills in, and where the form asks them.
BLOCKS = {
    "household": {"kind", "size"},
    "contact": {"address", "postcode", "phone", "guardian"},
    "members": {"name", "age", "relation", "work", "income", "health"},
    "groups": {"groups"},
    "facts": {"facts", "words"},
    "aid": {"aid"},
}


def said(page: str, late: bool = False, **values: str | list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Answer a page as a browser sends it."""
    found = FORM.page(page, late)
    assert found is not None
    lists = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return answered(found, lambda code: lists.get(code, []))


# -- the file


def test_the_shipped_form_asks_what_the_policy_names() -> None:
    assert {page.code: {field.code for field in page.fields} for page in FORM.asked(emergency=False)} == BLOCKS
    assert [page.code for page in FORM.asked(emergency=True)] == ["emergency", *BLOCKS]
    assert len(FORM.consents) == 3
    assert all("信息保护法" in each.basis for each in FORM.consents)
    assert {field.type for page in FORM.pages for field in page.fields} == set(CHECKS)


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the shipped file's content with something wrong."""
    content = copy.deepcopy(CONTENT)
    change(content)
    return content


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.pop("page"), "[[page]]: at least one table"),
        (lambda c: c.pop("promise"), "[promise]: a table"),
        (lambda c: c.pop("consent"), "[[consent]]: at least one table"),
        (lambda c: c.pop("version"), "version: a text"),
        (lambda c: c["title"].pop("en"), "title: zh and en"),
        (lambda c: c["pass"].update(days=0), "pass.days: a whole number from 1 on"),
        (lambda c: c.update({"pass": 3}), "[pass]: a table"),
        (lambda c: c["page"][1].update(code="Bad Code"), "page 2.code: small letters and _, at most 32"),
        (lambda c: c["page"][1].update(code="promise"), "page: each code once, and none 'promise'"),
        (lambda c: c["page"][2].update(code="household"), "page: each code once, and none 'promise'"),
        (lambda c: c["page"][3].update(repeat=True), "members.repeat: a whole number from 0 on"),
        (lambda c: c["page"][1]["field"][0].update(type="colour"), "household.field 1.type: one of text, lines"),
        (lambda c: c["page"][1]["field"][0].pop("options"), "household.field 1.options: for choice and choices"),
        (lambda c: c["page"][1]["field"][1].update(options={"a": 1}), "household.field 2.options: for choice"),
        (lambda c: c["page"][1]["field"][0].update(options={"a": 1}), "household.field 1.options.a: zh and en"),
        (lambda c: c["page"][1]["field"][1].update(code="kind"), "household.field: each code once"),
        (lambda c: c["consent"][0].pop("basis"), "consent.basis: a text"),
        (lambda c: c["per_head"].update(size="household.kind"), "per_head.size: page.field of type number"),
        (lambda c: c["per_head"].update(income="contact.phone"), "per_head.income: page.field of type amount"),
    ],
)
def test_a_bad_file_is_refused_with_what_was_expected(
    change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    with pytest.raises(BangfuError) as caught:
        read_form(broken(change), "own.toml")
    assert caught.value.code == "application_form_wrong"
    assert "own.toml" in str(caught.value)
    assert expected in str(caught.value)


JUNK = st.sampled_from([None, 0, -1, True, "", "x", [], {}, [1], {"zh": 1}, 1.5])


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.data())
def test_whatever_a_file_says_it_is_read_or_refused(data: st.DataObject) -> None:
    content = copy.deepcopy(CONTENT)
    here: Any = content
    while True:
        keys = list(range(len(here))) if isinstance(here, list) else list(here)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = data.draw(JUNK)
    assert read_or_refused(content) in ("read", "application_form_wrong")


def read_or_refused(content: dict[str, Any]) -> str:
    """Return 'read', or the code of the refusal; any other fault is raised."""
    try:
        read_form(content, "own.toml")
    except BangfuError as problem:
        return problem.code
    return "read"


def test_an_installations_own_form_comes_first(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    text = (LIBRARY / "forms" / "application.toml").read_text(encoding="utf-8")
    (tmp_path / "forms" / "application.toml").write_text(text.replace("2026-1", "ours-7"), encoding="utf-8")
    assert read_form(form("application", tmp_path), "x").version == "ours-7"
    (tmp_path / "forms" / "application.toml").write_text("[[page", encoding="utf-8")
    with pytest.raises(BangfuError) as caught:
        form("application", tmp_path)
    assert caught.value.code == "form_unreadable"


# -- what is answered


@pytest.mark.parametrize(
    ("page", "field", "value", "problem"),
    [
        ("household", "size", "4", ""),
        ("household", "size", "４", ""),
        ("household", "size", "1", ""),
        ("household", "size", "20", ""),
        ("household", "size", "0", "said_no_number"),
        ("household", "size", "21", "said_no_number"),
        ("household", "size", "-1", "said_no_number"),
        ("household", "size", "four", "said_no_number"),
        ("household", "size", "9" * 5000, "said_no_number"),
        ("household", "size", "", "said_missing"),
        ("household", "size", " \u3000 ", "said_missing"),
        ("household", "kind", "rural", ""),
        ("household", "kind", "moon", "said_odd"),
        ("contact", "phone", "139 0000-1234", ""),
        ("contact", "phone", "１３９００００１２３４", ""),
        ("contact", "phone", "none", "said_no_phone"),
        ("contact", "phone", "123456", "said_no_phone"),
        ("contact", "phone", "1" * 16, "said_no_phone"),
        ("contact", "address", "名" * 100, ""),
        ("contact", "address", "名" * 101, "said_long"),
        ("contact", "postcode", "", ""),
        ("members", "income", "0", ""),
        ("members", "income", "12,000.50", ""),
        ("members", "income", "-1", "said_no_amount"),
        ("members", "income", "1e3", "said_no_amount"),
        ("members", "income", "", "said_missing"),
        ("facts", "words", "名" * 1001, "said_long"),
        ("emergency", "happened_on", "2025-06-30", ""),
        ("emergency", "happened_on", "2025-02-30", "said_no_day"),
        ("emergency", "happened_on", "20250630", "said_no_day"),
        ("emergency", "happened_on", "2025-W01-1", "said_no_day"),
    ],
)
def test_an_answer_is_judged_by_its_type(page: str, field: str, value: str, problem: str) -> None:
    _, wrong = said(page, late=page == "emergency", **{field: value})
    assert wrong.get(field, "") == problem


def test_ticks_are_those_that_the_form_offers() -> None:
    assert said("groups", groups=["orphan", "disabled", "orphan"])[0] == {"groups": ["orphan", "disabled"]}
    assert said("groups") == ({"groups": []}, {})
    assert said("groups", groups=["orphan", "rich"])[1] == {"groups": "said_odd"}
    assert said("aid") == ({"aid": []}, {"aid": "said_missing"})


def test_good_answers_are_kept_plain_and_wrong_ones_as_they_were_typed() -> None:
    values, wrong = said("members", name=" 王建国 ", relation="father", age="０４１", income="18000.00", health="x")
    assert values == {
        "name": "王建国", "relation": "father", "age": "41", "work": "", "income": "18000", "health": "x",
    }  # fmt: skip
    assert wrong == {"health": "said_odd"}


def test_what_is_missing_is_named_page_by_page() -> None:
    def missing(answers: dict[str, Any], late: bool = False) -> list[str]:
        return [f"{page.code}.{field.code}" for page, field in incomplete(FORM, answers, late)]

    assert missing(ANSWERS) == []
    assert missing(ANSWERS, late=True) == ["emergency.happened", "emergency.happened_on"]
    assert missing({**ANSWERS, "members": []}) == [
        f"members.{n}" for n in ("name", "relation", "age", "income", "health")
    ]
    assert missing({**ANSWERS, "members": [*ANSWERS["members"], {"name": "x"}]})[0] == "members.relation"
    assert missing({**ANSWERS, "aid": {"aid": "any"}}) == ["aid.aid"]  # not a list of ticks
    assert len(missing({})) == 11


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("household", None), ("household", []), ("household", "x"), ("members", {}), ("members", [1]),
        ("members", ANSWERS["members"] * 7), ("household", {"kind": ["rural"], "size": "4"}),
        ("household", {"kind": "rural", "size": 4}), ("groups", {"groups": [["orphan"]]}), ("household", {}),
    ],
)  # fmt: skip
def test_what_no_page_sends_is_refused(page: str, what: object) -> None:
    found = FORM.page(page, emergency=False)
    assert found is not None
    with pytest.raises(BangfuError):
        check_page(found, what)


# -- saying it again


def test_answers_are_said_in_words() -> None:
    pages = {page.code: page.rows for page in told(FORM, ANSWERS, emergency=False, lang="zh")}
    assert ("户口类型", "农村") in pages["household"][0]
    assert [dict(row)["是孩子的"] for row in pages["members"]] == ["父亲", "母亲"]
    assert dict(pages["facts"][0])["困难的原因"] == "家人重病、欠债"
    assert dict(told(FORM, ANSWERS, emergency=False, lang="en")[4].rows[0])["What makes it hard"].endswith(", Debt")


def test_income_is_reckoned_per_head() -> None:
    assert per_head(FORM, ANSWERS) == 450_000
    assert per_head(FORM, {**ANSWERS, "members": [{"income": "10"}, {"income": "0.01"}]}) == 250
    for broken_ in ({}, {**ANSWERS, "household": {"size": "x"}}, {**ANSWERS, "members": [{}]}):
        assert per_head(FORM, broken_) is None
