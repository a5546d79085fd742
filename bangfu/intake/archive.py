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
# Cells in the rectangle that a sheet spans: parsers lay it out whole (some 50 bytes a cell), so one stray cell far
# out costs all of it.
LARGEST_SPAN = 20_000_000
# References to cells beyond column Z or row 9,999; the others span little. Programs write r="A1"; XML allows more.
FAR_CELL = re.compile(rb'r="(?:([A-Z]{2,3})([0-9]{1,7})|([A-Z])([0-9]{5,7}))"')
FAR_CELL_AT_LENGTH = re.compile(rb"""\br\s*=\s*["'](?:([A-Z]{2,3})([0-9]{1,7})|([A-Z])([0-9]{5,7}))["']""")
# Signs of the unusual forms; single ones first, for they are found fastest.
UNUSUAL = (b"'", b"\n", b"\t", b"\r", b"r =", b"r= ")
DECLARATION = 128  # the line <?xml ...?> at the start may end in a line break
ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\br\s*=\s*["']([0-9]{1,7})["']""")
NEAR_COLUMN = 26
OVERLAP = 256
LOCAL_HEADER = 30


def check_archive(content: bytes) -> None:
    """Refuse a damaged archive, one that is no workbook, one that inflates too far or spans too many cells."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise Refused("file_truncated") from problem
    names = archive.namelist()
    if not any(name.startswith("xl/") for name in names):
        raise Refused("file_not_workbook")
    if any(name.startswith("xl/worksheets/") and name.endswith(".bin") for name in names):
        raise Refused("file_binary_workbook")
    for part in archive.infolist():
        if part.flag_bits & 1:
            raise Refused("file_encrypted")
        _check_part(content, part)


def _check_part(content: bytes, part: zipfile.ZipInfo) -> None:
    is_sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
    size, rows, columns, tail = 0, 0, NEAR_COLUMN, b""
    for chunk in _inflate(content, part):
        size += len(chunk)
        if size > LARGEST_PART:
            raise Refused("file_bomb", limit=LARGEST_PART >> 20)
        if is_sheet:
            text = tail + chunk
            rows, columns = _reach(text, rows, columns)
            tail = text[-OVERLAP:]
    if columns > NEAR_COLUMN and rows * columns > LARGEST_SPAN:
        raise Refused("sheet_too_wide", part=part.filename)


def _reach(text: bytes, rows: int, columns: int) -> tuple[int, int]:
    """Return the last row and column seen so far, with those of a further piece of the sheet."""
    far_cell = FAR_CELL_AT_LENGTH if any(text.find(sign, DECLARATION) >= 0 for sign in UNUSUAL) else FAR_CELL
    for wide, row, narrow, far_row in set(far_cell.findall(text)):
        columns = max(columns, _column_number(wide or narrow))
        rows = max(rows, int(row or far_row))
    for start in (text.rfind(b"<row"), text.rfind(b":row")):
        if start >= 0 and (found := ROW.search(text, max(start - OVERLAP // 4, 0))):
            rows = max(rows, int(found[1]))
    return rows, columns


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
