"""What two names have in common: written forms, sound, shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.library import LIBRARY
from bangfu.linkage.names import name_key, shape, sound


@pytest.mark.parametrize(
    "written",
    ["阿里·木合", "阿里•木合", "阿里・木合", "阿里.木合", "阿里．木合", "阿里 木合", "阿里　木合", " 阿里木合\t"],
)
def test_dots_and_spaces_do_not_count(written: str) -> None:
    assert name_key(written) == "阿里木合"


@pytest.mark.parametrize("sign", ["?", "？", "□", "*", "＊", "■", "〓", "\ufffd"])
def test_signs_that_could_not_be_written_are_one(sign: str) -> None:
    assert name_key(f"王{sign}") == "王?"


def test_case_of_letters_does_not_count() -> None:
    assert name_key("Ali Khan") == name_key("ALI KHAN") == "ALIKHAN"


@pytest.mark.parametrize(("left", "right"), [("张佳", "张嘉"), ("李静", "李靖"), ("王平", "王萍"), ("陈红", "陈宏")])
def test_homophones_sound_the_same(left: str, right: str) -> None:
    assert sound(left) == sound(right)


@pytest.mark.parametrize(("left", "right"), [("张伟", "张强"), ("西安", "先"), ("王芳", "汪方方"), ("ALI", "AL")])
def test_others_do_not(left: str, right: str) -> None:
    assert sound(left) != sound(right)


def test_a_sign_sounds_the_same_wherever_it_stands() -> None:
    assert sound("单重") == f"{sound('单')} {sound('重')}"


@pytest.mark.parametrize(("left", "right"), [("王己", "王已"), ("王已", "王巳"), ("李未", "李末"), ("陈戌", "陈戍")])
def test_look_alikes_have_one_shape(left: str, right: str) -> None:
    assert shape(left) == shape(right)


def test_a_shape_keeps_the_other_signs() -> None:
    assert shape("张己?A") == "张己?A"


def test_no_sign_is_in_two_groups_of_look_alikes() -> None:
    lines = (LIBRARY / "linkage" / "look_alikes.txt").read_text(encoding="utf-8").splitlines()
    signs = "".join(line.strip() for line in lines if not line.startswith("#"))
    assert sorted(signs) == sorted(set(signs))


@given(st.text(max_size=12))
def test_any_text_has_a_key_a_sound_and_a_shape(text: str) -> None:
    key = name_key(text)
    assert name_key(key) == key
    assert len(shape(key)) == len(key)
    assert sound(key).count(" ") >= max(len(key) - 1, 0)


@pytest.mark.parametrize("name", ["", "王", "王" * 500])
def test_short_and_long_names(name: str) -> None:
    assert (name_key(name), shape(name)) == (name, name.replace("王", shape("王")))
    assert sound(name) == " ".join(["wang"] * len(name))
