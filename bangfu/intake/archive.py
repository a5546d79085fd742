"""What an .xlsx file may contain before a parser is let at it: size, and how far its cells reach."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from bangfu.core.errors import Refused

CHUNK = 1 << 20
# Room for a million rows of thirty columns; a bomb inflates to far more.
LARGEST_PART = 1 << 30
# Cells in the rectangle that a sheet spans: parsers lay it out whole, so one stray cell far out costs all of it.
LARGEST_SPAN = 60_000_000
FAR_COLUMN = re.compile(rb' r="([A-Z]{3})[0-9]+"')
ROW = re.compile(rb'<(?:x:)?row [^>]*?r="([0-9]+)"')
WIDE = 702  # columns A to ZZ
OVERLAP = 64
LOCAL_HEADER = 30


def check_archive(content: bytes) -> None:
    """Refuse a damaged archive, one that is no workbook, one that inflates too far or spans too many cells."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise Refused("file_truncated") from problem
    names = archive.namelist()
    if not any(name.startswith("xl/") or name == "content.xml" for name in names):
        raise Refused("file_not_workbook")
    for part in archive.infolist():
        if part.flag_bits & 1:
            raise Refused("file_encrypted")
        _check_part(content, part)


def _check_part(content: bytes, part: zipfile.ZipInfo) -> None:
    is_sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
    size, last_row, far_column, tail = 0, 0, 0, b""
    for chunk in _inflate(content, part):
        size += len(chunk)
        if size > LARGEST_PART:
            raise Refused("file_bomb", limit=LARGEST_PART >> 20)
        if is_sheet:
            text = tail + chunk
            far_column = max([far_column, *(_column_number(name) for name in set(FAR_COLUMN.findall(text)))])
            last_row = max(last_row, _last_row(text))
            tail = text[-OVERLAP:]
    if last_row * far_column > LARGEST_SPAN:
        raise Refused("sheet_too_wide", part=part.filename)


def _last_row(text: bytes) -> int:
    start = text.rfind(b"<row ")
    found = ROW.match(text, start) if start >= 0 else None
    return int(found[1]) if found else 0


def _column_number(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _inflate(content: bytes, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a part's contents as the data say, not as the directory claims (a bomb lies there)."""
    header = content[part.header_offset : part.header_offset + LOCAL_HEADER]
    start = part.header_offset + LOCAL_HEADER + int.from_bytes(header[26:28], "little")
    start += int.from_bytes(header[28:30], "little")
    data = memoryview(content)[start : start + part.compress_size]
    if part.compress_type == zipfile.ZIP_STORED:
        yield bytes(data)
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    rest: bytes | memoryview = data
    try:
        while rest and not inflater.eof:
            yield inflater.decompress(rest, CHUNK)
            rest = inflater.unconsumed_tail
    except zlib.error as problem:
        raise Refused("file_truncated") from problem
