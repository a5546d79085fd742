"""Text tables: CSV in the encodings offices use, and HTML tables saved under an .xls name."""

from __future__ import annotations

import codecs
import csv
import io
import re
from html.parser import HTMLParser

from bangfu.core.errors import Refused

MARKERS = re.compile(r"^(?:<{7}|>{7})(?: |$)|^={7}$", re.MULTILINE)
CHARSET = re.compile(rb"charset=[\"']?([\w-]+)", re.IGNORECASE)
DELIMITERS = ",\t;|"
LONGEST_CELL = 1 << 20
WHOLE = re.compile(r"[0-9]{1,4}")
WIDEST_SPAN = 1000
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text of `content`: by its mark, as declared, as UTF-8, else as GB18030."""
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return _strictly(content, encoding)
    if b"\0" in content:
        raise Refused("file_nul_bytes", line=content[: content.index(b"\0")].count(b"\n") + 1)
    for candidate in filter(None, (declared, "utf-8")):
        try:
            return content.decode("gb18030" if candidate.lower() in ("gbk", "gb2312") else candidate)
        except (UnicodeError, LookupError):
            continue
    return _strictly(content, "gb18030")


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise Refused("file_encoding", line=line) from problem


def read_text(content: bytes) -> list[list[str]]:
    """Return the rows of a delimited text file; Refused for markers of an unsettled merge or unbalanced quotes."""
    text = decode(content)
    if "\0" in text:
        raise Refused("file_nul_bytes", line=text[: text.index("\0")].count("\n") + 1)
    if found := MARKERS.search(text):
        raise Refused("file_merge_markers", line=text[: found.start()].count("\n") + 1)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[list[str]] = []
    started = 1
    try:
        for row in reader:
            rows.append(row)
            started = reader.line_num + 1
    except csv.Error as problem:
        raise Refused("file_quotes", line=started) from problem
    return rows


def _delimiter(text: str) -> str:
    lines = text[:20000].splitlines()[:20]
    counts = {sign: sum(line.count(sign) for line in lines) for sign in DELIMITERS}
    return max(counts, key=lambda sign: counts[sign])


class _Tables(HTMLParser):
    """Collects the cells of every table of a page; a cell over several columns keeps its place by blanks."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.cell: list[str] | None = None
        self.span = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self._close()
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self._close()
            span = dict(attrs).get("colspan") or "1"
            if len(span) > len(str(WIDEST_SPAN)) and span.isdecimal():
                raise Refused("sheet_too_wide", part="<table>")
            self.cell, self.span = [], int(span) if WHOLE.fullmatch(span) else 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._close()

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def _close(self) -> None:
        if self.cell is not None:
            self.tables[-1][-1] += ["".join(self.cell).strip(), *[""] * (self.span - 1)]
            self.cell = None


def read_html(content: bytes) -> list[list[list[str]]]:
    """Return the rows of each table of an HTML page; Refused where it has none."""
    declared = CHARSET.search(content[:4096])
    parser = _Tables()
    parser.feed(decode(content, declared[1].decode() if declared else None))
    tables = [rows for rows in parser.tables if rows]
    if not tables:
        raise Refused("file_web_page")
    return tables
