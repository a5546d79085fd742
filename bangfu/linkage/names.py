"""What two Chinese names have in common besides being equal: sound, and shape."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from pypinyin import Style, pinyin

from bangfu.core.library import LIBRARY

FILLERS = re.compile(r"[\s·•・.．]")
UNKNOWN = re.compile(r"[?？□*＊■〓]")


def name_key(name: str) -> str:
    """Return a name for comparing: without spaces and middle dots, a sign that could not be written as '?'."""
    return UNKNOWN.sub("?", FILLERS.sub("", name)).upper()


def sounds(names: Iterable[str]) -> dict[str, str]:
    """Return each name's sound: the pinyin of its signs without tones, each read by itself."""
    wanted = list(dict.fromkeys(names))
    read = {sign: pinyin(sign, style=Style.NORMAL)[0][0] for sign in set().union(*wanted)} if wanted else {}
    return {name: " ".join(map(read.__getitem__, name)) for name in wanted}


def shapes(names: Iterable[str]) -> dict[str, str]:
    """Return each name with every sign replaced by the first of the signs that it is mistaken for."""
    return {name: name.translate(_look_alikes()) for name in dict.fromkeys(names)}


@cache
def _look_alikes() -> dict[int, int]:
    lines = (LIBRARY / "linkage" / "look_alikes.txt").read_text(encoding="utf-8").splitlines()
    groups = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {ord(sign): ord(group[0]) for group in groups for sign in group[1:]}
