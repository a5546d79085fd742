"""TOML files whose every value knows its line, so that an error can point at it. Numbers are read as Decimal."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bangfu.core.errors import BangfuError

Where = tuple[str | int, ...]
KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' r"|'''(?:[^']|'(?!''))*'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
SCALAR = re.compile(r"[^,\]}#\n]+")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
LARGEST = 1_000_000  # bytes; a policy has a few thousand


class Wrong(BangfuError):
    """Something in a policy file that cannot be taken: the file, the line, and what was expected."""

    def at(self, file: Path, line: int) -> Wrong:
        """Return the same, said of a line of a file; what is placed already stays there."""
        if "file" in self.facts:
            return self
        return Wrong(self.code, **self.facts, file=file.name, line=line)

    def said(self, lang: str | None = None) -> str:
        """Return the sentence, with file and line before it."""
        said = super().said(lang)
        return f"{self.facts['file']}:{self.facts['line']}: {said}" if "file" in self.facts else said


@dataclass(frozen=True)
class Table:
    """A table of a file: its values, and where it stands."""

    file: Path
    values: dict[str, Any]
    lines: dict[Where, int] = field(repr=False)
    where: Where = ()

    def line(self, *keys: str | int) -> int:
        """Return the line of a value, or of the nearest table around it."""
        where = self.where + keys
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def wrong(self, code: str, *keys: str | int, **facts: object) -> Wrong:
        """Return the error `code` at a value of this table."""
        return Wrong(code, **facts, file=self.file.name, line=self.line(*keys))

    def has(self, key: str) -> bool:
        """Tell whether the table has the key."""
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; refused where it is missing (without a default), empty, or something else."""
        value = self._value(key, default)
        if not isinstance(value, str) or not (value.strip() or default == value):
            raise self.wrong("policy_not_text", key, key=key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong("policy_not_texts", key, key=key)
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong("policy_not_flag", key, key=key)
        return value

    def day(self, key: str) -> date:
        """Return a day."""
        found = self.day_or_none(key)
        if found is None:
            raise self.wrong("policy_missing", key=key)
        return found

    def day_or_none(self, key: str) -> date | None:
        """Return a day, or None where the key is missing."""
        value = self.values.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise self.wrong("policy_not_day", key, key=key)
        return value

    def in_both(self, key: str) -> dict[str, str]:
        """Return a sentence in Chinese and English."""
        value = self._value(key, None)
        whole = isinstance(value, dict) and set(value) == {"zh", "en"}
        if not whole or not all(isinstance(each, str) and each.strip() for each in value.values()):
            raise self.wrong("policy_not_both", key, key=key)
        return dict(value)

    def tables(self, key: str) -> list[Table]:
        """Return the tables of an array (`[[key]]`, or a list of `{ }`); empty where the key is missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong("policy_not_tables", key, key=key)
        return [Table(self.file, each, self.lines, (*self.where, key, at)) for at, each in enumerate(value)]

    def table(self, key: str) -> Table:
        """Return one table (`{ }`)."""
        value = self._value(key, None)
        if not isinstance(value, dict):
            raise self.wrong("policy_not_table", key, key=key)
        return Table(self.file, value, self.lines, (*self.where, key))

    def only(self, *keys: str) -> None:
        """Refuse a key that is none of these."""
        for key in self.values:
            if key not in keys:
                raise self.wrong("policy_unknown_key", key, key=key, known=", ".join(keys))

    def _value(self, key: str, default: object) -> Any:
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong("policy_missing", key=key)
        return value


def read_table(path: Path) -> Table:
    """Read a file; `Wrong` or BangfuError says why not."""
    try:
        if path.stat().st_size > LARGEST:
            raise BangfuError("policy_file_bad", path=path, detail=f"> {LARGEST} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BangfuError(
            "policy_file_bad", path=path, detail=getattr(problem, "strerror", None) or "UTF-8"
        ) from problem
    return parse_table(text, path)


def parse_table(text: str, path: Path) -> Table:
    """Read the text of a file."""
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        found = re.search(r"line (\d+)", str(problem))
        line = int(found[1]) if found else text.count("\n") + 1
        raise Wrong("policy_not_toml", detail=str(problem), file=path.name, line=line) from problem
    return Table(path, values, _Scanner(text).scan())


class _Scanner:
    """Finds the line of each value in a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.found: dict[Where, int] = {}
        self.counts: dict[Where, int] = {}

    def scan(self) -> dict[Where, int]:
        """Return the line of each value by its keys and places."""
        table: Where = ()
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self.found

    def _header(self) -> Where:
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        where: Where = ()
        for key in self._keys():
            where = (*where, key)
            if where in self.counts and (not many or self.text[self.at] != "]"):
                where = (*where, self.counts[where])
        if many:
            self.counts[where] = self.counts.get(where, -1) + 1
            self._mark(where)
            where = (*where, self.counts[where])
        self._mark(where)
        self.at = self.text.index("]", self.at) + (2 if many else 1)
        return where

    def _pair(self, table: Where) -> None:
        line = self._line()
        where = (*table, *self._keys())
        self.found.setdefault(where, line)
        self._skip()
        self.at += 1  # the equals sign
        self._skip()
        self._read_value(where)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip()
            found = KEY.match(self.text, self.at)
            if found is None:
                return keys
            self.at = found.end()
            keys.append(found[0].strip("\"'"))
            self._skip()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _read_value(self, where: Where) -> None:
        sign = self.text[self.at]
        if sign in "[{":
            self.at += 1
            self._inside(where, "]" if sign == "[" else "}")
            return
        pattern = STRING if sign in "\"'" else SCALAR
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1

    def _inside(self, where: Where, close: str) -> None:
        place = 0
        while True:
            self._skip()
            if self.text[self.at] == close:
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                place += 1
            elif close == "}":
                self._pair(where)
            else:
                self._mark((*where, place))
                self._read_value((*where, place))

    def _skip(self) -> None:
        found = BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _mark(self, where: Where) -> None:
        self.found.setdefault(where, self._line())

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1
