"""Small files that cost a careless reader gigabytes: cells far out, and cells that say they stand a million times."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.intake import raw_formats as raw
from tests.intake.bad_files import HEADER, pupil_rows, write_bytes, write_roll

CELL = "<is><t>x</t></is></c></row>"
OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
SHEET = "application/vnd.oasis.opendocument.spreadsheet"


def stray(folder: Path, name: str, row: str) -> Path:
    """Build a roll of three pupils with one more row somewhere."""
    path = write_roll(folder / f"{name}.xlsx", pupil_rows(3))
    before, after = raw.split_sheet(path)
    return raw.replace_sheet(path, raw.deflated_part(raw.SHEET_PART, before + row.encode() + after))


def cell_in_the_last_row_of_column_zz(folder: Path) -> Path:
    """Build a roll with one cell at ZZ1048576: 736 million cells from corner to corner."""
    return stray(folder, "column_zz", f'<row r="1048576"><c r="ZZ1048576" t="inlineStr">{CELL}')


def cell_far_out_in_a_row_without_a_number(folder: Path) -> Path:
    """Build a roll with one cell at XFD1048576 in a row that leaves its own number out, as it may."""
    return stray(folder, "no_row_number", f'<row><c r="XFD1048576" t="inlineStr">{CELL}')


def cell_far_out_with_single_quotes(folder: Path) -> Path:
    """Build the same with the other quotation marks of XML."""
    return stray(folder, "single_quotes", f"<row r='1048576'><c r='XFD1048576' t='inlineStr'>{CELL}")


def cell_far_out_over_several_lines(folder: Path) -> Path:
    """Build the same with line breaks between the attributes."""
    return stray(folder, "line_breaks", f'<row\nspans="1:2"\nr="1048576"><c\nt="inlineStr"\nr="XFD1048576">{CELL}')


def open_document_that_repeats_a_cell(folder: Path) -> Path:
    """Build an .ods of 750 bytes whose one cell stands a hundred million times."""
    spaces = " ".join(f'xmlns:{name}="{OPEN_DOCUMENT}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<office:document-content {spaces} office:version="1.2"><office:body><office:spreadsheet>'
        '<table:table table:name="a"><table:table-row table:number-rows-repeated="100000">'
        '<table:table-cell office:value-type="string" table:number-columns-repeated="1000">'
        "<text:p>x</text:p></table:table-cell></table:table-row></table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    space = f'xmlns:manifest="{OPEN_DOCUMENT}:manifest:1.0"'
    manifest = (
        f'<manifest:manifest {space}><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{SHEET}"/></manifest:manifest>'
    )
    path = folder / "repeats.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in (("mimetype", SHEET), ("META-INF/manifest.xml", manifest), ("content.xml", content)):
            book.writestr(name, text)
    return path


def page_with_an_endless_cell(folder: Path) -> Path:
    """Build a page whose first cell goes over two thousand million columns."""
    header = "".join(f"<th>{name}</th>" for name in HEADER)
    page = f'<table><tr><td colspan="2000000000">学籍表</td></tr><tr>{header}</tr></table>'
    return write_bytes(folder / "endless.xls", page.encode())


BOMBS: dict[str, Callable[[Path], Path]] = {
    build.__name__: build
    for build in (
        cell_in_the_last_row_of_column_zz, cell_far_out_in_a_row_without_a_number,
        cell_far_out_with_single_quotes, cell_far_out_over_several_lines,
        open_document_that_repeats_a_cell, page_with_an_endless_cell,
    )
}  # fmt: skip
