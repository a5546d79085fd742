"""Make a bigger county out of a small one: the same files, with every person copied under new numbers.

Copy 0 is the source itself. In copy n every number that names a person, a household, a school or an
account is another one, places carry n before their last word (石盘乡 -> 石盘3乡) and surnames move on
by n, so that no two copies share a person. What is wrong in the source is wrong in the same way in
each copy: check digits move with the digits they check, typed cells and dates keep their form.

    python -m tests.bench.scale SOURCE TARGET PUPILS
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from operator import mul
from pathlib import Path
from typing import cast

import openpyxl
import xlrd
import xlsxwriter
import xlwt

Cell = str | float | datetime | None
Row = list[Cell]
Change = Callable[[str, "Copy"], str]
Changes = Sequence[Change | None]

XLS_ROWS = 65_536
AREA_DIGITS = 6
ID_CHECK_AT = 17  # the check digit is the 18th sign
ID_CHECKS = "10X98765432"
AREA_WEIGHTS = (7, 9, 10, 5, 8, 4)
LUHN_DOUBLE = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
FULL_WIDTH = 0xFEE0  # from a sign to its full-width form
ACCOUNT_PREFIX = 7  # the bank's four digits, then three for the copy
SCHOOLS_A_COPY = 1_000
PHONES_A_COPY = 100_003
PHONE_PREFIX, PHONE_DIGITS = 3, 11
COMMON_SURNAME = 5  # a first sign seen less often may be a slip of the pen and stays
HEADER_CELLS = 4
MADE = datetime(2025, 2, 20, tzinfo=UTC)  # the date inside every workbook, so that two runs agree to the byte
DATE_FORMAT = "yyyy-mm-dd"
NUMBERED = re.compile(r"([GJL]?)(\d{6})(\d*)([\dXxＸｘ]?)(\d{0,2})")
PLACE_WORD = re.compile(r"(?<=[\u4e00-\u9fff])(?<![乡镇村])(?=乡|镇|村|社区)")
COUNTY_WORD = re.compile(r"(?<=[\u4e00-\u9fff][县区市])")


@dataclass(frozen=True)
class Copy:
    """One copy of the county: its number, what its area codes rise by, its surnames."""

    number: int
    area_shift: int
    surnames: dict[str, str] = field(hash=False, compare=False)


@dataclass
class Table:
    """One source file: all its rows, where its header is, its merged title cells."""

    path: Path
    rows: list[Row]
    header_at: int
    sheet: str = ""
    encoding: str = ""
    date_format: str = DATE_FORMAT
    merged: list[tuple[int, int, int]] = field(default_factory=list)  # row, first and last column

    @property
    def header(self) -> Row:
        """Return the headings."""
        return self.rows[self.header_at]

    @property
    def is_roll(self) -> bool:
        """Tell whether this is one school's roll."""
        return "学校标识码" in self.header


# ---- what changes in a cell


def number_of_person(text: str, copy: Copy) -> str:
    """Shift the area code that a resident ID, roll, certificate or household number begins with."""
    found = NUMBERED.fullmatch(text)
    if not found:
        return text
    start, old = len(found[1]), str(int(found[2]))
    new, signs = str(int(old) + copy.area_shift), list(text)
    for at, sign in enumerate(new, start):
        signs[at] = sign if text[at].isascii() else chr(ord(sign) + FULL_WIDTH)
    if len(text) > start + ID_CHECK_AT:
        at = start + ID_CHECK_AT
        signs[at] = moved_check_sign(text[at], old, new, lower=not text.isascii())
    return "".join(signs)


def moved_check_sign(sign: str, old_area: str, new_area: str, *, lower: bool) -> str:
    """Return the check sign after a new area code: as right, or as wrong, as it was before."""
    plain = sign if sign.isascii() else chr(ord(sign) - FULL_WIDTH)
    moved = sum(map(mul, AREA_WEIGHTS, map(int, new_area))) - sum(map(mul, AREA_WEIGHTS, map(int, old_area)))
    new = ID_CHECKS[(ID_CHECKS.index(plain.upper()) + moved) % len(ID_CHECKS)]
    if not sign.isascii():
        return chr(ord(new) + FULL_WIDTH)
    return new.lower() if lower else new


def account(text: str, copy: Copy) -> str:
    """Put the copy's number behind the bank's digits; length and check (right or wrong) stay."""
    if not text.isdecimal() or len(text) <= ACCOUNT_PREFIX:
        return text
    new = str(int(text) + copy.number * 10 ** (len(text) - ACCOUNT_PREFIX)).zfill(len(text))
    return new[:-1] + str((int(text[-1]) + luhn_sum(text[:-1]) - luhn_sum(new[:-1])) % 10)


def luhn_sum(body: str) -> int:
    """Return the Luhn sum of a card number without its check digit."""
    digits = [int(sign) for sign in reversed(body)]
    return sum(LUHN_DOUBLE[digit] for digit in digits[::2]) + sum(digits[1::2])


def school_code(text: str, copy: Copy) -> str:
    """Return the school code of this copy, as long as before."""
    return str(int(text) + copy.number * SCHOOLS_A_COPY).zfill(len(text)) if text.isdecimal() else text


def staff_number(text: str, copy: Copy) -> str:
    """Return 'T0001' as 'T30001' in copy 3."""
    return re.sub(r"(?=\d)", str(copy.number), text, count=1)


def phone(text: str, copy: Copy) -> str:
    """Return another phone of the same network."""
    if not text.isdecimal() or len(text) != PHONE_DIGITS:
        return text
    rest = len(text) - PHONE_PREFIX
    return text[:PHONE_PREFIX] + str(int(text[PHONE_PREFIX:]) + copy.number * PHONES_A_COPY).zfill(rest)[-rest:]


def place(text: str, copy: Copy) -> str:
    """Put the copy's number into the names of townships, villages and communities in a text."""
    return PLACE_WORD.sub(str(copy.number), text)


def school(text: str, copy: Copy) -> str:
    """Put the copy's number into a school's name: into its township, else behind its county."""
    named = place(text, copy)
    if named == text:
        named = COUNTY_WORD.sub(str(copy.number), text, count=1)
    return named if named != text else f"{copy.number}{text}"


def person(text: str, copy: Copy) -> str:
    """Give a person the copy's surname; the rest of the name stays."""
    return copy.surnames.get(text[:1], text[:1]) + text[1:]


CHANGES: tuple[tuple[str, Change | None], ...] = (  # the first pattern found in a header decides
    (r"类型|类别|状况", None),
    (r"身份证|证件号|残疾人证号|学籍号|户编号|人口编号", number_of_person),
    (r"账号", account),
    (r"学校标识码", school_code),
    (r"工号", staff_number),
    (r"电话|手机", phone),
    (r"^学校(名称)?$", school),
    (r"姓名|^户主$|^监护人$", person),
    (r"^乡|^村|乡镇|地址|住址|居住地", place),
)


@cache
def change_for(heading: str) -> Change | None:
    """Return what happens to the cells under a heading, or None where they stay."""
    return next((change for pattern, change in CHANGES if re.search(pattern, heading)), None)


def changed(cell: Cell, change: Change | None, copy: Copy) -> Cell:
    """Return one cell of a copy; number cells stay numbers of the same size."""
    if change is None or not cell or isinstance(cell, datetime):
        return cell
    if isinstance(cell, str):
        return change(cell, copy)
    digits = len(f"{cell:.0f}")
    if change is number_of_person and digits > AREA_DIGITS:
        return cell + copy.area_shift * 10.0 ** (digits - AREA_DIGITS)
    return float(change(f"{cell:.0f}", copy))


# ---- the rows of a copy


def rows_of(table: Table, copies: Sequence[Copy]) -> Iterator[Row]:
    """Yield a file's rows: titles and header once, then the rows of each copy."""
    body = table.rows[table.header_at + 1 :]
    changes = [change_for(str(heading)) for heading in table.header]
    serial_at = next((at for at, heading in enumerate(table.header) if heading == "序号"), None)
    yield from titles(table, copies[0])
    for copy in copies:
        for row in body:
            if copy.number == 0 or (table.is_roll and row == table.header):
                yield row
            elif table.is_roll or is_data(row, table.header):
                yield row_of_copy(row, changes, copy, None if table.is_roll else serial_at, len(body))


def row_of_copy(row: Row, changes: Changes, copy: Copy, serial_at: int | None, step: int) -> Row:
    """Return one row in a copy; where all copies share a file, its serial number goes on."""
    new = [changed(cell, change, copy) for cell, change in zip(row, changes, strict=True)]
    if serial_at is not None and isinstance(serial := row[serial_at], int | float):
        new[serial_at] = serial + copy.number * step
    return new


def titles(table: Table, first: Copy) -> list[Row]:
    """Return title lines and header; on a roll the titles name the copy's school."""
    rows = table.rows[: table.header_at + 1]
    if first.number == 0:
        return rows
    old, new = school_names(table, first)
    return [[cell.replace(old, new) if isinstance(cell, str) else cell for cell in row] for row in rows]


def school_names(table: Table, copy: Copy) -> tuple[str, str]:
    """Return the name of a roll's school in the source and in a copy."""
    at = table.header.index("学校名称")
    name = next(str(row[at]) for row in table.rows[table.header_at + 1 :] if row[at])
    return name, school(name, copy)


def is_data(row: Row, header: Row) -> bool:
    """Tell a person's row from a blank line, a repeated header and a total."""
    filled = [cell for cell in row if cell is not None]
    return bool(filled) and row != header and not str(filled[0]).startswith("合计")


# ---- reading


def read_table(path: Path) -> Table:
    """Read a source file whole."""
    table = READERS[path.suffix](path)
    wide = (at for at, row in enumerate(table.rows) if len(row) - row.count(None) > HEADER_CELLS)
    table.header_at = next(at for at in wide if "姓名" in str(table.rows[at]))
    return table


def read_xlsx(path: Path) -> Table:
    """Read the first sheet of an .xlsx file, with its merged title cells."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    rows = cast("list[Row]", [[cell.value for cell in row] for row in sheet.iter_rows()])
    dates = (c.number_format for row in sheet.iter_rows() for c in row if isinstance(c.value, datetime))
    merged = [(area.min_row - 1, area.min_col - 1, area.max_col - 1) for area in sheet.merged_cells.ranges]
    return Table(path, rows, 0, sheet.title, date_format=next(dates, DATE_FORMAT), merged=sorted(merged))


def read_xls(path: Path) -> Table:
    """Read the first sheet of an .xls file without date cells."""
    sheet = xlrd.open_workbook(str(path), formatting_info=True).sheet_by_index(0)
    empty = (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK)
    rows: list[Row] = [[None if cell.ctype in empty else cell.value for cell in row] for row in sheet.get_rows()]
    merged = [(top, left, right - 1) for top, _, left, right in sheet.merged_cells]
    return Table(path, rows, 0, sheet.name, merged=sorted(merged))


def read_csv(path: Path) -> Table:
    """Read a .csv file in UTF-8 (its mark kept) or GB18030."""
    raw = path.read_bytes()
    encoding = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        encoding = "gb18030"
        text = raw.decode(encoding)
    rows: list[Row] = [[cell or None for cell in row] for row in csv.reader(text.splitlines())]
    return Table(path, rows, 0, encoding=encoding)


READERS: dict[str, Callable[[Path], Table]] = {".xlsx": read_xlsx, ".xls": read_xls, ".csv": read_csv}


# ---- writing


def write_xlsx(path: Path, table: Table, rows: Iterable[Row]) -> None:
    """Write a workbook row by row, in constant memory."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    book.set_properties({"created": MADE})
    sheet = book.add_worksheet(table.sheet)
    as_date, plain = book.add_format({"num_format": table.date_format}), book.add_format()
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(at, column, cell)
            elif isinstance(cell, datetime):
                sheet.write_datetime(at, column, cell, as_date)
            elif cell is not None:
                sheet.write_number(at, column, cell)
        for _, left, right in (area for area in table.merged if area[0] == at):
            sheet.merge_range(at, left, at, right, row[left] or "", plain)
    book.close()


def write_xls(path: Path, table: Table, rows: Iterable[Row]) -> None:
    """Write an old .xls workbook."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(table.sheet)
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(at, column, cell)
    for at, left, right in table.merged:
        sheet.merge(at, at, left, right)
    book.save(str(path))


def write_csv(path: Path, table: Table, rows: Iterable[Row]) -> None:
    """Write a .csv file in the encoding of its source."""
    with path.open("w", encoding=table.encoding, newline="") as file:
        csv.writer(file).writerows(rows)


WRITERS = {".xlsx": write_xlsx, ".xls": write_xls, ".csv": write_csv}


# ---- the whole county


def area_step(tables: Iterable[Table], copies: int) -> int:
    """Return the smallest step by which no copy's area code is another area's code in any copy."""
    numbers = cells_under(tables, number_of_person)
    areas = {int(found[2]) for number in numbers if (found := NUMBERED.fullmatch(number))}
    apart = {abs(one - other) for one in areas for other in areas} - {0}
    return next(step for step in count(1) if not any(step * n in apart for n in range(1, copies)))


def surname_cycle(tables: Iterable[Table]) -> list[str]:
    """Return the surnames of the county, in a fixed order."""
    seen = Counter(name[0] for name in cells_under(tables, person))
    return sorted(surname for surname, times in seen.items() if times >= COMMON_SURNAME)


def moved_on(cycle: list[str], by: int) -> dict[str, str]:
    """Return each surname with the one `by` places after it."""
    return dict(zip(cycle, cycle[by:] + cycle[:by], strict=True))


def cells_under(tables: Iterable[Table], change: Change) -> Iterator[str]:
    """Yield the texts below the headings that a change belongs to."""
    for table in tables:
        columns = [at for at, heading in enumerate(table.header) if change_for(str(heading)) is change]
        for row in table.rows[table.header_at + 1 :]:
            if is_data(row, table.header):
                yield from (cell for at in columns if isinstance(cell := row[at], str))


def make_copies(tables: Sequence[Table], pupils: int) -> list[Copy]:
    """Return as many copies (at least one) as come nearest to the number of pupils."""
    rolls = [table for table in tables if table.is_roll]
    numbers = {text for text in cells_under(rolls, number_of_person) if text[0] in "GJL"}
    copies = max(1, round(pupils / len(numbers)))
    step, cycle = area_step(tables, copies), surname_cycle(tables)
    return [Copy(n, n * step, moved_on(cycle, n % len(cycle))) for n in range(copies)]


def write_copies(table: Table, target: Path, copies: Sequence[Copy]) -> None:
    """Write a roll as one file for each copy, any other list as one file for all."""
    if table.is_roll:
        for copy in copies:
            name = table.path.name.replace(*school_names(table, copy)) if copy.number else table.path.name
            WRITERS[table.path.suffix](target / name, table, rows_of(table, [copy]))
        return
    too_long = len(table.rows) * len(copies) > XLS_ROWS
    suffix = ".xlsx" if too_long and table.path.suffix == ".xls" else table.path.suffix
    WRITERS[suffix](target / (table.path.stem + suffix), table, rows_of(table, copies))


def scale_county(source: Path, target: Path, pupils: int) -> None:
    """Write into `target` the county files of `source`, copied until there are about `pupils` pupils."""
    tables = [read_table(path) for path in sorted(source.iterdir()) if path.suffix in READERS]
    copies = make_copies(tables, pupils)
    target.mkdir(parents=True, exist_ok=True)
    for table in tables:
        write_copies(table, target, copies)


if __name__ == "__main__":
    scale_county(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
