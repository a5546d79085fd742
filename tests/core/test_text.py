"""Text as offices type it. Signs that look alike are written by their code points, so that they can be told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.text import half_width, person_name, squeeze

# U+4DAE, U+2B36F, a compatibility form that NFKC would change, U+3400 (extension A), U+20000 (extension B).
RARE = ["汪\u4dae涵", "杨\U0002b36f健", "\ufa11", "\u3400", "\U00020000", "\u9fa6", "\ue863"]
DOTS = [
    "\u2022",
    "\u2027",
    "\u2219",
    "\u30fb",
    "\uff0e",
    ".",
    "\u00b7",
    "\u25cf",
    "\ufe52",
    "\u22c5",
    "\uff65",
    "\u0387",
]


@pytest.mark.parametrize("code", range(0x21, 0x7F))
def test_every_full_width_sign_becomes_its_plain_one(code: int) -> None:
    assert half_width(chr(code + 0xFEE0)) == chr(code)
    assert half_width(chr(code)) == chr(code)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\u3000", " "),
        ("\u00a0", " "),
        ("\uff00", "\uff00"),
        ("\uff5f", "\uff5f"),
        ("\u3001", "\u3001"),
        ("2025年(春)", "2025年(春)"),
        ("", ""),
        *((name, name) for name in RARE),
    ],
)
def test_other_signs_stay(text: str, plain: str) -> None:
    assert half_width(text) == plain


@pytest.mark.parametrize(
    "space", [" ", "\t", "\n", "\r\n", "\u3000", "\u00a0", "\u200b", "\u200c", "\u200d", "\ufeff", "\u2003"]
)
def test_no_space_is_left_visible_or_not(space: str) -> None:
    assert squeeze(f"{space}姓{space}{space}名{space}") == "姓名"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("严鑫", "严鑫"),
        ("严  鑫", "严鑫"),
        ("严\u3000鑫", "严鑫"),
        ("\u200b严\ufeff鑫\n", "严鑫"),
        ("Ali Khan", "Ali Khan"),
        (" Ali   Khan ", "Ali Khan"),
        ("J. Smith", "J. Smith"),
        ("阿依古丽 \u2022 买买提", "阿依古丽\u00b7买买提"),
        ("阿依古丽\u00b7买买提\u2022江", "阿依古丽\u00b7买买提\u00b7江"),
        (".阿里", ".阿里"),
        ("阿里.", "阿里."),
        ("", ""),
        *((name, name) for name in RARE),
    ],
)
def test_a_name_loses_its_padding_and_nothing_else(written: str, name: str) -> None:
    assert person_name(written) == name


@pytest.mark.parametrize("dot", DOTS, ids=[f"U+{ord(dot):04X}" for dot in DOTS])
def test_every_look_alike_dot_in_a_name_becomes_the_middle_dot(dot: str) -> None:
    assert person_name(f"迪丽热巴{dot}买买提") == "迪丽热巴\u00b7买买提"


@given(st.text())
def test_cleaning_a_name_twice_changes_nothing_more(text: str) -> None:
    once = person_name(text)
    assert person_name(once) == once


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x323AF, categories=["Lo"]), min_size=1))
def test_no_character_of_a_chinese_name_is_changed(name: str) -> None:
    assert person_name(name) == name
