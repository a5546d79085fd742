"""Workbook containers written byte by byte: zip archives that lie, OLE compound files, Excel 95."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

SHEET_PART = "xl/worksheets/sheet1.xml"
BLANK_ROWS = 1_000_000
BOMB_BYTES = 2**31 + 2**20
CELL_SIGNS = 32_000  # nearly the most that a cell may hold


# ---- zip parts by hand


@dataclass(frozen=True)
class Part:
    """One deflated zip member and the size in bytes that the archive declares for it."""

    name: str
    deflated: bytes
    crc: int
    declared: int


def deflated_part(name: str, data: bytes) -> Part:
    """Return an honest zip member."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Part(name, packer.compress(data) + packer.flush(), zlib.crc32(data), len(data))


def write_zip(path: Path, parts: Sequence[Part]) -> Path:
    """Write a zip archive whose headers say what the parts say, true or not."""
    body, directory = bytearray(), bytearray()
    for part in parts:
        sizes = (part.crc, len(part.deflated), part.declared, len(part.name), 0)
        common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, *sizes)
        name = part.name.encode()
        directory += b"PK\x01\x02\x14\x00" + common + struct.pack("<10xI", len(body)) + name
        body += b"PK\x03\x04" + common + name + part.deflated
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def replace_sheet(path: Path, sheet: Part) -> Path:
    """Put another first sheet into a workbook."""
    with zipfile.ZipFile(path) as book:
        others = [deflated_part(name, book.read(name)) for name in book.namelist() if name != SHEET_PART]
    return write_zip(path, [*others, sheet])


def split_sheet(path: Path) -> tuple[bytes, bytes]:
    """Return the XML of the first sheet before and after the place where another row would stand."""
    with zipfile.ZipFile(path) as book:
        xml = book.read(SHEET_PART).replace(b"<sheetData/>", b"<sheetData></sheetData>")
    before, after = xml.split(b"</sheetData>")
    return before, b"</sheetData>" + after


def add_blank_rows(path: Path, first: int) -> Path:
    """Add a million rows with a border and nothing in them, from row `first` on."""
    before, after = split_sheet(path)
    rows = (
        f'<row r="{n}" s="1" customFormat="1"><c r="A{n}" s="1"/><c r="T{n}" s="1"/></row>'
        for n in range(first, first + BLANK_ROWS)
    )
    return replace_sheet(path, deflated_part(SHEET_PART, before + "".join(rows).encode() + after))


@cache
def bomb(before: bytes, after: bytes) -> Part:
    """Return a sheet of more than 2 GiB: one deflated block of rows, flushed and so repeatable."""
    block = b'<row><c t="inlineStr"><is><t>' + b"x" * CELL_SIGNS + b"</t></is></c></row>"
    block *= 30
    times = BOMB_BYTES // len(block) + 1
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = packer.compress(after) + packer.flush()
    crc = zlib.crc32(before)
    for _ in range(times):
        crc = zlib.crc32(block, crc)
    size = len(before) + times * len(block) + len(after)
    return Part(SHEET_PART, head + packed * times + tail, zlib.crc32(after, crc), size)


# ---- OLE compound files by hand

SECTOR, SMALLEST_STREAM = 512, 4096  # a shorter stream would need the 'mini' sectors
FREE, END_OF_CHAIN, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def whole(count: int, size: int) -> int:
    """Return how many blocks of `size` hold `count`."""
    return -(-count // size)


def compound_file(streams: dict[str, bytes]) -> bytes:
    """Return an OLE compound file (version 3); short streams are padded with zeros to 4,096 bytes."""
    padded = {
        name: data.ljust(max(SMALLEST_STREAM, whole(len(data), SECTOR) * SECTOR), b"\0")
        for name, data in sorted(streams.items(), key=lambda item: (len(item[0]), item[0].upper()))
    }
    lengths = [whole(len(padded) + 1, 4), *(len(data) // SECTOR for data in padded.values())]
    fat_length = whole(sum(lengths), SECTOR // 4 - 1)
    starts = [fat_length + sum(lengths[:at]) for at in range(len(lengths))]
    fat = [FAT_SECTOR] * fat_length
    for start, length in zip(starts, lengths, strict=True):
        fat += [*range(start + 1, start + length), END_OF_CHAIN]
    fat += [FREE] * (fat_length * SECTOR // 4 - len(fat))
    entries = [directory_entry("Root Entry", 5, (FREE, 1), END_OF_CHAIN, 0)]
    for at, (name, data) in enumerate(padded.items(), 1):
        right = at + 1 if at < len(padded) else FREE
        entries.append(directory_entry(name, 2, (right, FREE), starts[at], len(data)))
    directory = b"".join(entries).ljust(lengths[0] * SECTOR, b"\0")
    numbers = (0, fat_length, fat_length, 0, SMALLEST_STREAM, END_OF_CHAIN, 0, END_OF_CHAIN, 0)
    head = struct.pack("<Q16xHHHHH6x9I", 0xE11AB1A1E011CFD0, 0x3E, 3, 0xFFFE, 9, 6, *numbers)
    fat_sectors = struct.pack("<109I", *range(fat_length), *[FREE] * (109 - fat_length))
    return head + fat_sectors + struct.pack(f"<{len(fat)}I", *fat) + directory + b"".join(padded.values())


def directory_entry(name: str, kind: int, links: tuple[int, int], start: int, size: int) -> bytes:
    """Return one entry (128 bytes) of a compound file's directory; links are right sibling and child."""
    text = name.encode("utf-16-le")
    fields = struct.pack("<HBBIII16x4x16xIQ", len(text) + 2, kind, 1, FREE, *links, start, size)
    return text.ljust(64, b"\0") + fields


def excel95(rows: Sequence[Sequence[object]]) -> bytes:
    """Return the 'Book' stream of a BIFF5 workbook with byte strings in code page 936."""

    def record(kind: int, layout: str, *values: int | float, text: bytes = b"") -> bytes:
        body = struct.pack(f"<{layout}", *values) + text
        return struct.pack("<HH", kind, len(body)) + body

    name = "学生信息".encode("gbk")
    top = record(0x809, "HHHH", 0x500, 5, 0, 0) + record(0x42, "H", 936)
    sheet_at = len(top) + 4 + 7 + len(name) + 4
    top += record(0x85, "IBBB", sheet_at, 0, 0, len(name), text=name) + record(0x0A, "")
    cells = [record(0x809, "HHHH", 0x500, 0x10, 0, 0)]
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, int | float):
                cells.append(record(0x203, "HHHd", at, column, 0, cell))
            elif cell is not None:
                text = str(cell).encode("gbk")
                cells.append(record(0x204, "HHHH", at, column, 0, len(text), text=text))
    return top + b"".join(cells) + record(0x0A, "")


def noise(count: int) -> bytes:
    """Return `count` bytes without any pattern, the same ones each time."""
    return b"".join(sha256(struct.pack("<I", n)).digest() for n in range(whole(count, 32)))[:count]
