"""What two Chinese names have in common besides being equal: sound, and shape."""

from __future__ import annotations

import re
from functools import cache

from pypinyin import Style, pinyin

from bangfu.core.library import LIBRARY

FILLERS = re.compile(r"[\s·•・.．]")
UNKNOWN = re.compile("[?？□*＊■〓\N{REPLACEMENT CHARACTER}]")


def name_key(name: str) -> str:
    """Return a name for comparing: without spaces and middle dots, a sign that could not be written as '?'."""
    return UNKNOWN.sub("?", FILLERS.sub("", name)).upper()


def sound(name: str) -> str:
    """Return a name's sound: the pinyin of its signs without tones, each read by itself."""
    return " ".join(map(_sound_of_sign, name))


def initials(name: str) -> str:
    """Return the first letters of a name's pinyin as people type them: 张小明 -> zxm; surnames as such are read."""
    signs = name_key(name)
    first = next((len(surname) for surname in _surnames() if signs.startswith(surname)), 0)
    letters = _surnames()[signs[:first]] if first else ""
    return letters + "".join(_sound_of_sign(sign)[:1] for sign in signs[first:]).lower()


def shape(name: str) -> str:
    """Return a name with every sign replaced by the first of the signs that it is mistaken for."""
    return name.translate(_look_alikes())


@cache
def _sound_of_sign(sign: str) -> str:
    return pinyin(sign, style=Style.NORMAL)[0][0]


@cache
def _surnames() -> dict[str, str]:
    lines = (LIBRARY / "linkage" / "surnames.txt").read_text(encoding="utf-8").splitlines()
    told = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {surname: "".join(sound_[0] for sound_ in sounds) for surname, *sounds in told}


@cache
def _look_alikes() -> dict[int, int]:
    lines = (LIBRARY / "linkage" / "look_alikes.txt").read_text(encoding="utf-8").splitlines()
    groups = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {ord(sign): ord(group[0]) for group in groups for sign in group[1:]}
