"""Files as they go wrong: those that must be refused whole, and odd ones that must be read.

Each builder makes one file in a folder. All good data is a small school roll of invented persons
under an area code that no place has (511699), with right check digits.
"""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from operator import mul
from pathlib import Path

import xlsxwriter
import xlwt

from tests.intake import raw_formats as raw

Cell = str | int | float | date | None
Row = list[Cell]

HEADER = (
    "序号", "学校标识码", "学校名称", "学籍号", "姓名", "性别", "出生日期", "身份证件类型", "身份证件号",
    "民族", "年级", "班级", "入学年月", "是否住宿生", "是否留守儿童", "残疾类型", "户籍地址", "现住址",
    "监护人姓名", "监护人电话",
)  # fmt: skip
NAME, BIRTH, ID, CLASS, LIVES = map(HEADER.index, ("姓名", "出生日期", "身份证件号", "班级", "现住址"))
RENAMED = {
    "学籍号": "全国学籍号", "姓名": "学生姓名", "身份证件号": "身份证号", "是否住宿生": "寄宿",
    "监护人电话": "联系电话",
}  # fmt: skip
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋", "安邦诚达恩帆国浩佳康乐明宁平强荣"
FIRST_BIRTHDAY, BIRTHDAYS = date(2017, 9, 1), 365
MADE = datetime(2025, 2, 20, tzinfo=UTC)
NUMBER_CELL_DROPS = 1_000  # a number cell keeps 15 of an ID's 18 digits
EXCEL_SERIAL = 43_163  # 2018-03-04 as Excel counts days


# ---- good data


def pupil(number: int, born: date) -> Row:
    """Return one invented pupil in the columns of HEADER."""
    first17 = f"511699{born:%Y%m%d}{number % 1000:03d}"
    resident_id = first17 + "10X98765432"[sum(map(mul, ID_WEIGHTS, map(int, first17))) % 11]
    surname = SURNAMES[number % len(SURNAMES)]
    return [
        number, "2199900001", "青石镇中心小学校", f"G{resident_id}", surname + GIVEN[number * 7 % len(GIVEN)],
        "男" if number % 2 else "女", f"{born:%Y-%m-%d}", "居民身份证", resident_id, "汉族", "一年级",
        f"{1 + number % 2}班", "202409", "否", "是" if number % 5 == 0 else "否", None,
        "四川省安和县青石镇河湾村", f"青石镇河湾村{1 + number % 9}组",
        surname + GIVEN[number * 3 % len(GIVEN)] + "华", f"1390000{number:04d}",
    ]  # fmt: skip


def pupil_rows(count: int) -> list[Row]:
    """Return `count` invented pupils in the columns of HEADER, numbered from 1."""
    return [pupil(n, FIRST_BIRTHDAY + timedelta(days=n * 37 % BIRTHDAYS)) for n in range(1, count + 1)]


def write_roll(
    path: Path,
    rows: Sequence[Row],
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    """Write a roll as its suffix says: .xlsx, .xls or text (encoding and delimiter are for text)."""
    table: list[Row] = [[*header], *rows]
    if path.suffix == ".xlsx":
        write_xlsx(path, {"学生信息": table})
    elif path.suffix == ".xls":
        write_xls(path, table)
    else:
        path.write_bytes(csv_text(table, delimiter).encode(encoding))
    return path


def write_xlsx(path: Path, sheets: dict[str, list[Row]], merged: Sequence[str] = ()) -> None:
    """Write sheets of rows; `merged` are areas of every sheet ('A1:A2')."""
    book = xlsxwriter.Workbook(path)
    book.set_properties({"created": MADE})
    framed, day = book.add_format({"border": 1}), book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        sheet.set_column(0, 0, 6, framed)
        for area in merged:
            sheet.merge_range(area, "", framed)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell is not None:
                    sheet.write(at, column, cell, day if isinstance(cell, date) else None)
    book.close()


def write_xls(path: Path, rows: list[Row]) -> None:
    """Write an Excel 97 workbook."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("学生信息")
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write(at, column, cell)
    book.save(str(path))


def csv_text(rows: Iterable[Sequence[Cell]], delimiter: str = ",") -> str:
    """Return rows as delimited text with CRLF lines."""
    out = StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file as it is."""
    path.write_bytes(content)
    return path


# ---- to be refused whole


def encrypted_xlsx(folder: Path) -> Path:
    """Build a workbook under a password: OLE streams EncryptionInfo and EncryptedPackage."""
    salt, long_salt = (b64encode(raw.noise(size)).decode() for size in (16, 32))
    cipher = 'keyBits="256" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"'
    common = f'saltSize="16" blockSize="16" hashSize="64" {cipher} saltValue="{salt}"'
    by_word = "http://schemas.microsoft.com/office/2006/keyEncryptor/password"
    info = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<encryption xmlns="http://schemas.microsoft.com/office/2006/encryption" '
        f'xmlns:p="{by_word}"><keyData {common}/>'
        f'<dataIntegrity encryptedHmacKey="{long_salt}" encryptedHmacValue="{long_salt}"/>'
        f'<keyEncryptors><keyEncryptor uri="{by_word}"><p:encryptedKey spinCount="100000" {common} '
        f'encryptedVerifierHashInput="{salt}" encryptedVerifierHashValue="{long_salt}" '
        f'encryptedKeyValue="{long_salt}"/></keyEncryptor></keyEncryptors></encryption>'
    )
    streams = {
        "EncryptionInfo": (bytes.fromhex("0400040040000000") + info.encode()).ljust(raw.SMALLEST_STREAM),
        "EncryptedPackage": (8000).to_bytes(8, "little") + raw.noise(8000),
    }
    return write_bytes(folder / "encrypted.xlsx", raw.compound_file(streams))


def truncated_xlsx(folder: Path) -> Path:
    """Build a workbook whose second half never arrived."""
    path = write_roll(folder / "truncated.xlsx", pupil_rows(200))
    return write_bytes(path, path.read_bytes()[: path.stat().st_size // 2])


def zip_bomb(folder: Path) -> Path:
    """Build a workbook of a few MB whose sheet, by its own account, is over 2 GiB of XML."""
    path = write_roll(folder / "zip_bomb.xlsx", pupil_rows(3))
    return raw.replace_sheet(path, raw.bomb(*raw.split_sheet(path)))


def lying_zip_bomb(folder: Path) -> Path:
    """Build the same bomb with a size of 4,096 bytes in both headers."""
    path = write_roll(folder / "lying_zip_bomb.xlsx", pupil_rows(3))
    return raw.replace_sheet(path, replace(raw.bomb(*raw.split_sheet(path)), declared=4096))


def empty_sheet(folder: Path) -> Path:
    """Build a workbook with one sheet and nothing in it."""
    return write_roll(folder / "empty_sheet.xlsx", [], header=())


def no_header(folder: Path) -> Path:
    """Build a roll without its header."""
    path = folder / "no_header.xlsx"
    write_xlsx(path, {"学生信息": pupil_rows(12)})
    return path


def only_blank_rows(folder: Path) -> Path:
    """Build a workbook with a million rows with borders and no text at all."""
    return raw.add_blank_rows(write_roll(folder / "only_blank_rows.xlsx", [], header=()), 1)


def unbalanced_quotes(folder: Path) -> Path:
    """Build a .csv in which a quotation mark opens in line 5 and never closes."""
    lines = csv_text([HEADER, *pupil_rows(20)]).splitlines(keepends=True)
    lines[4] = lines[4].replace(",青石镇", ',"青石镇', 1)
    return write_bytes(folder / "unbalanced_quotes.csv", "".join(lines).encode())


def nul_bytes(folder: Path) -> Path:
    """Build a .csv with zero bytes inside a cell and a lost disk block of them between rows."""
    lines = csv_text([HEADER, *pupil_rows(20)]).encode().splitlines(keepends=True)
    lines[3] = lines[3].replace(b",2199", b",21\x0099", 1)
    lines[10] = bytes(512)
    return write_bytes(folder / "nul_bytes.csv", b"".join(lines))


def merge_conflict_markers(folder: Path) -> Path:
    """Build a .csv in which two versions of two rows stand between conflict markers."""
    lines = csv_text([HEADER, *pupil_rows(10)]).splitlines(keepends=True)
    theirs = [line.replace("汉族", "彝族") for line in lines[4:6]]
    lines[4:6] = ["<<<<<<< HEAD\r\n", *lines[4:6], "=======\r\n", *theirs, ">>>>>>> spring\r\n"]
    return write_bytes(folder / "merge_conflict_markers.csv", "".join(lines).encode())


def a_directory(folder: Path) -> Path:
    """Make a directory with a workbook's name."""
    path = folder / "a_directory.xlsx"
    path.mkdir()
    return path


def missing_file(folder: Path) -> Path:
    """Name a file that is not there."""
    return folder / "missing_file.xlsx"


def binary_garbage(folder: Path) -> Path:
    """Build 20,000 bytes of noise under a workbook's name."""
    return write_bytes(folder / "binary_garbage.xlsx", raw.noise(20_000))


def docx_renamed_to_xlsx(folder: Path) -> Path:
    """Build a text document under a workbook's name."""
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    space = "http://schemas.openxmlformats.org"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{space}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        "</Relationships>",
        "word/document.xml": f'<w:document xmlns:w="{space}/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        "<w:t>关于报送学籍信息的通知</w:t></w:r></w:p></w:body></w:document>",
    }
    path = folder / "docx_renamed_to.xlsx"
    return raw.write_zip(path, [raw.deflated_part(name, xml.encode()) for name, xml in parts.items()])


def html_error_page(folder: Path) -> Path:
    """Build what a download gave instead of the .csv: the web server's error page."""
    page = (
        "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body>\n"
        "<h1>502 Bad Gateway</h1>\n<p>系统繁忙,请稍后再试,或联系管理员。</p>\n</body></html>\n"
    )
    return write_bytes(folder / "html_error_page.csv", page.encode())


# ---- odd, and to be read


def million_formatted_blank_rows_after_data(folder: Path) -> tuple[Path, int]:
    """Build 3 pupils and below them a million rows with borders and nothing in them."""
    path = write_roll(folder / "million_blank_rows.xlsx", pupil_rows(3))
    return raw.add_blank_rows(path, 5), 3


def wrong_extension_xlsx_as_xls(folder: Path) -> tuple[Path, int]:
    """Build a new workbook with the old suffix."""
    return write_roll(folder / "a.xlsx", pupil_rows(5)).rename(folder / "xlsx_inside.xls"), 5


def wrong_extension_xls_as_xlsx(folder: Path) -> tuple[Path, int]:
    """Build an old workbook with the new suffix."""
    return write_roll(folder / "b.xls", pupil_rows(5)).rename(folder / "xls_inside.xlsx"), 5


def wrong_extension_csv_as_xlsx(folder: Path) -> tuple[Path, int]:
    """Build plain text with a workbook's suffix."""
    return write_roll(folder / "c.csv", pupil_rows(5)).rename(folder / "csv_inside.xlsx"), 5


def csv_utf8_bom(folder: Path) -> tuple[Path, int]:
    """Build a .csv in UTF-8 behind a byte order mark."""
    return write_roll(folder / "utf8_bom.csv", pupil_rows(5), encoding="utf-8-sig"), 5


def csv_gb18030(folder: Path) -> tuple[Path, int]:
    """Build a .csv in GB18030 with names that GBK cannot write."""
    rows = pupil_rows(5)
    rows[1][NAME], rows[3][NAME] = "汪䶮涵", "杨𫍯健"
    return write_roll(folder / "gb18030.csv", rows, encoding="gb18030"), 5


def csv_utf16_tab(folder: Path) -> tuple[Path, int]:
    """Build what Excel saves as 'Unicode text': UTF-16 behind its mark, with tabs."""
    path = folder / "utf16_tab.csv"
    text = "\ufeff" + csv_text([HEADER, *pupil_rows(5)], "\t")
    return write_bytes(path, text.encode("utf-16-le")), 5


def csv_semicolon(folder: Path) -> tuple[Path, int]:
    """Build a .csv with semicolons."""
    return write_roll(folder / "semicolon.csv", pupil_rows(5), delimiter=";"), 5


def xls_odd_code_page(folder: Path) -> tuple[Path, int]:
    """Build an Excel 95 workbook: byte strings in code page 936."""
    book = raw.excel95([HEADER, *pupil_rows(5)])
    return write_bytes(folder / "excel95.xls", raw.compound_file({"Book": book})), 5


def html_table_as_xls(folder: Path) -> tuple[Path, int]:
    """Build an office web system's 'export': an HTML table in GBK named .xls."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{'' if cell is None else cell}</td>" for cell in row) + "</tr>\r\n"
        for row in [HEADER, *pupil_rows(5)]
    )
    meta = '<meta http-equiv="Content-Type" content="text/html; charset=gbk">'
    page = f'<html><head>{meta}</head><body><table border="1">\r\n{rows}</table></body></html>'
    return write_bytes(folder / "html_table.xls", page.encode("gbk")), 5


def two_row_header(folder: Path) -> tuple[Path, int]:
    """Build a roll with 监护人 over 姓名 and 电话, every other heading merged over both rows."""
    last = len(HEADER) - 2
    upper: Row = [*HEADER[:last], "监护人", None]
    lower: Row = [*[None] * last, "姓名", "电话"]
    path = folder / "two_row_header.xlsx"
    merged = [f"{chr(ord('A') + n)}1:{chr(ord('A') + n)}2" for n in range(last)] + ["S1:T1"]
    write_xlsx(path, {"学生信息": [upper, lower, *pupil_rows(5)]}, merged)
    return path, 5


def renamed_and_reordered_columns(folder: Path) -> tuple[Path, int]:
    """Build a roll with its columns from right to left and five other headings."""
    header = [RENAMED.get(heading, heading) for heading in reversed(HEADER)]
    return write_roll(folder / "reordered.xlsx", [row[::-1] for row in pupil_rows(5)], header), 5


def one_sheet_a_class(folder: Path) -> tuple[Path, int]:
    """Build a workbook with a sheet for each class (4 and 3 pupils) and a sheet of remarks."""
    sheets: dict[str, list[Row]] = {"一年级1班": [[*HEADER]], "一年级2班": [[*HEADER]]}
    for row in pupil_rows(7):
        row[CLASS] = "1班" if row[0] in {1, 2, 3, 4} else "2班"
        sheets[f"一年级{row[CLASS]}"].append(row)
    sheets["说明"] = [["填表说明"], ["一、请按班级分表填写。"], ["二、身份证件号须为文本。"]]
    path = folder / "one_sheet_a_class.xlsx"
    write_xlsx(path, sheets)
    return path, 7


def number_typed_ids(folder: Path) -> tuple[Path, int]:
    """Build a roll whose IDs are number cells and so lost their last three digits."""
    rows = pupil_rows(6)
    for row in rows:
        if str(row[ID]).isdecimal():  # an ID that ends in X stays text
            row[ID] = float(int(str(row[ID])) // NUMBER_CELL_DROPS * NUMBER_CELL_DROPS)
    return write_roll(folder / "number_typed_ids.xlsx", rows), 6


def dates_in_every_format(folder: Path) -> tuple[Path, int]:
    """Build a roll of children born on 2018-03-04, written in seven ways; the last gives only the month."""
    day = date(2018, 3, 4)
    text = ["2018年3月4日", "2018-03-04", "2018.3.4", "2018/3/4", "20180304"]
    forms: list[Cell] = [*text, day, EXCEL_SERIAL, "2018年03月"]
    rows = [pupil(n, day) for n in range(1, len(forms) + 1)]
    for row, form in zip(rows, forms, strict=True):
        row[BIRTH] = form
    return write_roll(folder / "dates.xlsx", rows), len(forms)


def crlf_and_trailing_blank_columns(folder: Path) -> tuple[Path, int]:
    """Build a .csv with four blank columns at the right and three blank rows at the end."""
    width = len(HEADER) + 4
    rows = [[*row, None, None, None, None] for row in pupil_rows(5)]
    blank: list[Row] = [[None] * width] * 3
    return write_roll(folder / "trailing_blank.csv", [*rows, *blank], [*HEADER, "", "", "", ""]), 5


def quoted_newline_in_cell(folder: Path) -> tuple[Path, int]:
    """Build a .csv in which two addresses go over two lines."""
    rows = pupil_rows(5)
    for row in rows[1:3]:
        row[LIVES] = f"{row[LIVES]}\n(学校旁)"
    return write_roll(folder / "quoted_newline.csv", rows), 5


BAD_FILES: dict[str, Callable[[Path], Path]] = {
    build.__name__: build
    for build in (
        encrypted_xlsx, truncated_xlsx, zip_bomb, lying_zip_bomb, empty_sheet, no_header, only_blank_rows,
        unbalanced_quotes, nul_bytes, merge_conflict_markers, a_directory, missing_file, binary_garbage,
        docx_renamed_to_xlsx, html_error_page,
    )
}  # fmt: skip

ODD_FILES: dict[str, Callable[[Path], tuple[Path, int]]] = {
    build.__name__: build
    for build in (
        million_formatted_blank_rows_after_data, wrong_extension_xlsx_as_xls, wrong_extension_xls_as_xlsx,
        wrong_extension_csv_as_xlsx, csv_utf8_bom, csv_gb18030, csv_utf16_tab, csv_semicolon,
        xls_odd_code_page, html_table_as_xls, two_row_header, renamed_and_reordered_columns,
        one_sheet_a_class, number_typed_ids, dates_in_every_format, crlf_and_trailing_blank_columns,
        quoted_newline_in_cell,
    )
}  # fmt: skip
