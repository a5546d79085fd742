"""The builders of bad and odd files make what they claim."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from functools import reduce
from io import BytesIO, StringIO
from pathlib import Path

import openpyxl
import pytest
import xlrd
from python_calamine import CalamineWorkbook
from xlrd.compdoc import CompDoc

from tests.intake import bad_files, raw_formats
from tests.intake.bad_files import BAD_FILES, HEADER, ID, ID_WEIGHTS, NAME, ODD_FILES, pupil_rows, write_roll

OLE_MARK = bytes.fromhex("D0CF11E0A1B11AE1")
MEGABYTE = 2**20
QUICK_ODD = [name for name in ODD_FILES if name != "million_formatted_blank_rows_after_data"]
TEXT_FILES = {  # builder -> encoding and delimiter
    "wrong_extension_csv_as_xlsx": ("utf-8", ","),
    "csv_utf8_bom": ("utf-8-sig", ","),
    "csv_gb18030": ("gb18030", ","),
    "csv_utf16_tab": ("utf-16", "\t"),
    "csv_semicolon": ("utf-8", ";"),
    "quoted_newline_in_cell": ("utf-8", ","),
    "crlf_and_trailing_blank_columns": ("utf-8", ","),
}
BOTH_BOMBS = pytest.mark.parametrize("build", [bad_files.zip_bomb, bad_files.lying_zip_bomb])


def sheet_rows(path: Path, sheet: int = 0) -> list[list[object]]:
    """Return the filled rows of a workbook's sheet, whatever its suffix says."""
    rows = CalamineWorkbook.from_filelike(BytesIO(path.read_bytes())).get_sheet_by_index(sheet).to_python()
    return [list(row) for row in rows if any(cell != "" for cell in row)]


def text_rows(path: Path, encoding: str, delimiter: str) -> list[list[str]]:
    """Return the filled rows of a delimited text."""
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.reader(file, delimiter=delimiter, strict=True) if any(row)]


def test_pupils_are_different_people_with_right_ids() -> None:
    """The last sign of every ID fits the 17 before it."""
    ids = [str(row[ID]) for row in pupil_rows(2000)]
    assert len(set(ids)) == len(ids)
    for number in ids:
        weighted = sum(weight * int(sign) for weight, sign in zip(ID_WEIGHTS, number, strict=False))
        assert "10X98765432"[weighted % 11] == number[-1]


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".csv"])
def test_a_roll_reads_back(tmp_path: Path, suffix: str) -> None:
    """The same roll comes out of every format."""
    path = write_roll(tmp_path / f"roll{suffix}", pupil_rows(4))
    rows = text_rows(path, "utf-8", ",") if suffix == ".csv" else sheet_rows(path)
    assert rows[0] == [*HEADER]
    assert [row[ID] for row in rows[1:]] == [row[ID] for row in pupil_rows(4)]


@pytest.mark.parametrize("name", BAD_FILES)
def test_every_bad_file_is_built_twice_alike(tmp_path: Path, name: str) -> None:
    """A bad file is there (but for the missing one), small, and the same each time."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    paths = [BAD_FILES[name](folder) for folder in folders]
    assert [path.exists() for path in paths] == [name != "missing_file"] * 2
    if paths[0].is_file():
        first, second = (path.read_bytes() for path in paths)
        assert first == second
        assert len(first) < 10 * MEGABYTE


def test_encrypted_file_is_an_ole_container_with_both_streams(tmp_path: Path) -> None:
    """xlrd's own OLE reader finds both streams."""
    content = bad_files.encrypted_xlsx(tmp_path).read_bytes()
    assert content.startswith(OLE_MARK)
    container = CompDoc(content, logfile=StringIO())
    for stream in ("EncryptionInfo", "EncryptedPackage"):
        assert len(container.get_named_stream(stream) or b"") >= raw_formats.SMALLEST_STREAM


@pytest.mark.parametrize("name", ["truncated_xlsx", "binary_garbage"])
def test_broken_zip_is_no_zip(tmp_path: Path, name: str) -> None:
    """No directory of members is left."""
    assert not zipfile.is_zipfile(BAD_FILES[name](tmp_path))


@BOTH_BOMBS
def test_bomb_is_small_and_what_it_declares(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    """Under 5 MB on disk; one declares over 2 GiB, the other a few kilobytes."""
    path = build(tmp_path)
    assert path.stat().st_size < 5 * MEGABYTE
    with zipfile.ZipFile(path) as book:
        declared = book.getinfo(raw_formats.SHEET_PART).file_size
    assert declared > 2**31 if build is bad_files.zip_bomb else declared < MEGABYTE


def test_bomb_inflates_to_its_size(tmp_path: Path) -> None:
    """The whole sheet comes out, over 2 GiB, with the right checksum."""
    with zipfile.ZipFile(bad_files.zip_bomb(tmp_path)) as book, book.open(raw_formats.SHEET_PART) as sheet:
        size = reduce(lambda total, part: total + len(part), iter(lambda: sheet.read(MEGABYTE), b""), 0)
    assert size > 2**31


@pytest.mark.parametrize("name", ["empty_sheet", "only_blank_rows"])
def test_nothing_is_in_a_blank_workbook(tmp_path: Path, name: str) -> None:
    """A reader finds no filled row."""
    assert sheet_rows(BAD_FILES[name](tmp_path)) == []


def test_bad_texts_are_bad(tmp_path: Path) -> None:
    """Quotes do not balance, zero bytes and conflict markers stand in the text, the page is a page."""
    with pytest.raises(csv.Error):
        text_rows(bad_files.unbalanced_quotes(tmp_path), "utf-8", ",")
    assert b"\0" * 512 in bad_files.nul_bytes(tmp_path).read_bytes()
    markers = bad_files.merge_conflict_markers(tmp_path).read_text().splitlines()
    assert [line for line in markers if line[:7] in ("<<<<<<<", "=======", ">>>>>>>")] == [
        "<<<<<<< HEAD", "=======", ">>>>>>> spring",
    ]  # fmt: skip
    assert bad_files.html_error_page(tmp_path).read_text().startswith("<!DOCTYPE html>")


def test_no_header_has_only_pupils(tmp_path: Path) -> None:
    """The first row is a pupil already."""
    rows = sheet_rows(bad_files.no_header(tmp_path))
    assert rows[0][NAME] == pupil_rows(1)[0][NAME]
    assert HEADER[0] not in rows[0]


@pytest.mark.parametrize("name", QUICK_ODD)
def test_every_odd_file_is_there(tmp_path: Path, name: str) -> None:
    """The file is built and says how many rows it holds."""
    path, rows = ODD_FILES[name](tmp_path)
    assert path.is_file()
    assert rows > 0
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("name", TEXT_FILES)
def test_odd_texts_hold_their_rows(tmp_path: Path, name: str) -> None:
    """Read as what they are, they hold header and rows."""
    path, rows = ODD_FILES[name](tmp_path)
    read = text_rows(path, *TEXT_FILES[name])
    assert read[0][: len(HEADER)] == [*HEADER]
    assert len(read) == rows + 1


@pytest.mark.parametrize("name", ["number_typed_ids", "dates_in_every_format", "renamed_and_reordered_columns"])
def test_odd_workbooks_hold_their_rows(tmp_path: Path, name: str) -> None:
    """Header and rows are there."""
    path, rows = ODD_FILES[name](tmp_path)
    assert len(sheet_rows(path)) == rows + 1


def test_two_row_header_is_merged(tmp_path: Path) -> None:
    """序号 goes over two rows, 监护人 over two columns."""
    path, rows = bad_files.two_row_header(tmp_path)
    merged = {str(area) for area in openpyxl.load_workbook(path).worksheets[0].merged_cells.ranges}
    assert {"A1:A2", "S1:T1"} <= merged
    assert len(sheet_rows(path)) == rows + 2


def test_a_sheet_for_each_class(tmp_path: Path) -> None:
    """Two sheets of pupils and one of remarks."""
    path, rows = bad_files.one_sheet_a_class(tmp_path)
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == ["一年级1班", "一年级2班", "说明"]
    assert len(sheet_rows(path, 0)) + len(sheet_rows(path, 1)) == rows + 2


def test_excel_95_reads_in_its_code_page(tmp_path: Path) -> None:
    """xlrd reads the byte strings as Chinese."""
    path, rows = bad_files.xls_odd_code_page(tmp_path)
    book = xlrd.open_workbook(str(path))
    assert (book.biff_version, book.codepage) == (50, 936)
    assert book.sheet_by_index(0).row_values(0) == [*HEADER]
    assert book.sheet_by_index(0).nrows == rows + 1


def test_html_table_is_gbk(tmp_path: Path) -> None:
    """The page names its character set and holds a table row for each pupil."""
    path, rows = bad_files.html_table_as_xls(tmp_path)
    page = path.read_text(encoding="gbk")
    assert "charset=gbk" in page
    assert page.count("<tr>") == rows + 1


def test_pupils_stand_above_a_million_blank_rows(tmp_path: Path) -> None:
    """Header and pupils are all that a reader finds; the last blank row is 1,000,004."""
    path, rows = bad_files.million_formatted_blank_rows_after_data(tmp_path)
    assert len(sheet_rows(path)) == rows + 1
    with zipfile.ZipFile(path) as book:
        assert b'<row r="1000004"' in book.read(raw_formats.SHEET_PART)[-2000:]
