"""Every sentence is there in both languages, with the facts that its callers give, and none is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from bangfu.core.errors import BangfuError, Refused
from bangfu.core.messages import LANGUAGES, reader_language, say, sentences
from bangfu.intake.layouts import all_layouts

PACKAGE = Path(__file__).resolve().parents[2] / "bangfu"
SENTENCES = sentences()
# The first argument of these is a code; the keywords are its facts.
SPEAKERS = {"say", "say_", "both", "BangfuError", "Refused", "NotAllowed", "KeyMissing", "Wrong", "wrong"}
HELD_FACTS = {"row", "column"}
SAY = re.compile(r"""\{% say ["'](\w+)["']([^%]*)%\}""")
GIVEN = re.compile(r"""\b(?:code|help|label|next|intro|term)="([a-z0-9_]+)"(\|add:)?""")
LOCALE_VARIABLES = ("BANGFU_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def placeholders(sentence: str) -> set[str]:
    """Return the names of the facts that a sentence asks for."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield the syntax tree of each module with its name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def spoken() -> list[tuple[str, ast.expr, ast.Call]]:
    """Return where a sentence is asked for: module and line, the code's expression, and the call."""
    found = []
    for module, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in SPEAKERS:
                    found.append((f"{module}:{node.lineno}", node.args[0], node))
    return found


def on_pages() -> tuple[set[str], set[str]]:
    """Return the codes that templates speak, and what the codes begin with that they build."""
    said, starts = set(), set()
    for path in sorted((PACKAGE / "web" / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        for code, rest in SAY.findall(text):
            built = rest.strip() and "=" not in rest.split()[0] and rest.split()[0] != "as"
            (starts if built else said).add(code)
        for code, rest in GIVEN.findall(text):  # codes that a part is given to speak
            (starts if rest or code.endswith("_") else said).add(code)
    return said, starts


def literal(node: ast.expr) -> list[str]:
    """Return the codes that an expression may stand for, as far as they are written there."""
    match node:
        case ast.Constant(value=str(code)):
            return [code]
        case ast.IfExp(body=yes, orelse=no):
            return [*literal(yes), *literal(no)]
    return []


def begun(node: ast.expr) -> str:
    """Return what the codes that an f-string builds begin with."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
            return start
    return ""


def held_codes() -> dict[str, str]:
    """Return the codes for which a row is held: of ValueErrors in intake's readers, and of Held rows."""
    found = {}
    for module, tree in trees():
        if not module.startswith("intake"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = {"ValueError": 0, "Held": 2}.get(node.func.id)
                for argument in node.args[at : at + 1] if at is not None else []:
                    found |= dict.fromkeys(literal(argument), f"{module}:{node.lineno}")
    return found


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_there_in_both_languages_with_the_same_facts(code: str) -> None:
    assert set(SENTENCES[code]) == set(LANGUAGES)
    chinese, english = (SENTENCES[code][lang] for lang in LANGUAGES)
    assert chinese.strip()
    assert english.strip()
    assert placeholders(chinese) == placeholders(english)
    assert "\n" not in chinese + english


def test_every_code_that_is_spoken_has_its_sentence() -> None:
    missing = [f"{where}: {code}" for where, node, _ in spoken() for code in literal(node) if code not in SENTENCES]
    missing += [f"a page: {code}" for code in on_pages()[0] if code not in SENTENCES]
    missing += [f"{where}: {code}" for code, where in held_codes().items() if code not in SENTENCES]
    assert missing == []


def test_every_sentence_is_given_the_facts_that_it_asks_for() -> None:
    wrong = []
    for where, node, call in spoken():
        given = {keyword.arg for keyword in call.keywords}
        if None in given:  # **facts: what is in them is seen when it runs
            continue
        for code in literal(node):
            lacking = placeholders(SENTENCES.get(code, {}).get("zh", "")) - {str(name) for name in given}
            wrong += [f"{where}: {code} lacks {sorted(lacking)}"] if lacking else []
    assert wrong == []


def test_a_held_rows_sentence_needs_only_its_row_and_column() -> None:
    asks = {code: placeholders(SENTENCES[code]["zh"]) for code in held_codes() if code in SENTENCES}
    assert "required_missing" in asks
    assert "date_is_month" in asks
    assert {code for code, facts in asks.items() if not facts <= HELD_FACTS} == set()


def test_no_sentence_is_left_over() -> None:
    prefixes = tuple(filter(None, (begun(node) for _, node, _ in spoken())))
    written = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    spoken_on_pages, begun_on_pages = on_pages()
    written |= spoken_on_pages
    begins = (*prefixes, *begun_on_pages)
    assert [code for code in SENTENCES if code not in written and not code.startswith(begins)] == []


def test_every_status_that_a_layout_gives_has_a_name() -> None:
    kinds = {rule.set["kind"] for layout in all_layouts() for rule in layout.facts if rule.kind == "status"}
    assert kinds
    assert {kind for kind in kinds if f"status_{kind}" not in SENTENCES} == set()


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "en_GB.UTF-8", "BANGFU_LANG": "zh"}, "zh"),
        ({"BANGFU_LANG": "EN"}, "en"),
        ({"BANGFU_LANG": "fr", "LANG": "en_US"}, "en"),
    ],
)
def test_the_readers_language_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], lang: str
) -> None:
    for name in LOCALE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert reader_language() == lang


def test_an_error_says_its_sentence_with_its_facts() -> None:
    error = BangfuError("term_unknown", term="1999-spring", region="青石县")
    assert "term 1999-spring is not in the calendar of 青石县" in error.said("en")
    assert "1999-spring" in error.said("zh")
    assert str(Refused("file_empty")) == say("file_empty")


def test_a_fact_with_braces_is_said_as_it_is() -> None:
    assert "{path}" in say("file_unreadable", "en", detail="{path}")


def test_an_unknown_code_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        say("no_such_code")
