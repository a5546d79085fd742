"""A file opened: its sheets read, its layout recognised, its day found. Pure; nothing here touches the register."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from bangfu.core.calendars import Calendar
from bangfu.core.errors import BangfuError, Refused
from bangfu.intake.dates import ListDate, given_date, list_date, shared_day
from bangfu.intake.layouts import Corrected, Found, Layout, find_layout
from bangfu.intake.read import Sheet, read_sheets
from bangfu.intake.table import Held, stripped

SAMPLE_ROWS = 60
# A sheet with fewer such lines is an explanation or a list of codes, not a table that was not understood.
TABLE_CELLS = 3
TABLE_ROWS = 2
EVERYWHERE = ("county", "college", "country")


@dataclass(frozen=True)
class Correction:
    """That a sender calls the field `field` of a layout `header`; `sender` is (kind, name, code) or None."""

    layout: str
    header: str
    field: str
    sender: tuple[str, str, str] | None = None

    def meant_for(self, text: str) -> bool:
        """Tell whether a file with this text (names, titles, first rows) comes from the sender."""
        if self.sender is None or self.sender[0] in EVERYWHERE:
            return True
        _, name, code = self.sender
        return name in text or bool(code and code in text)


@dataclass
class Opened:
    """A recognised file. `sheets` may be dropped to save memory and are read again when needed.

    `stored`: the number under which the register keeps it, where it is read again from there.
    """

    name: str
    content: bytes
    layout: Layout
    found: dict[int, Found]
    titles: tuple[str, ...]
    sample: str
    corrections: dict[str, str]
    sheets: list[Sheet] | None
    dated: ListDate | None = None
    left: list[int] = field(default_factory=list)
    stored: int | None = None

    @property
    def issued(self) -> ListDate:
        """Return the file's day, which `date_batch` finds before a file is prepared."""
        if self.dated is None:
            raise ValueError(self.name)
        return self.dated

    def rows(self) -> list[Sheet]:
        """Return the sheets, read again if they were dropped."""
        return self.sheets if self.sheets is not None else read_sheets(self.content)


def read_file(path: Path) -> bytes:
    """Return a file's bytes; Refused for a folder, a missing or an unreadable file."""
    if path.is_dir():
        raise Refused("file_is_folder")
    try:
        return path.read_bytes()
    except FileNotFoundError as problem:
        raise Refused("file_missing") from problem
    except OSError as problem:
        raise Refused("file_unreadable", detail=problem.strerror) from problem


def open_file(name: str, content: bytes, layouts: Sequence[Layout], corrections: Iterable[Correction]) -> Opened:
    """Read a file and recognise its layout; Refused where that cannot be done."""
    sheets = read_sheets(content)
    if not any(any(map(any, sheet.rows)) for sheet in sheets):
        raise Refused("file_no_rows")
    sample = _sample(name, sheets)
    mine = [c for c in corrections if c.meant_for(sample)]
    corrected: Corrected = {}
    for c in mine:
        corrected.setdefault(c.layout, {})[c.header] = c.field
    visible = [(n, sheet) for n, sheet in enumerate(sheets) if not sheet.hidden]
    found = {n: f for n, sheet in visible if (f := find_layout(sheet.rows, layouts, corrected))}
    if not found:
        raise Refused("no_header", layouts=_expected(layouts))
    layout = _most_rows(found, sheets)
    kept = {n: f for n, f in found.items() if f.layout is layout}
    first = kept[min(kept)]
    titles = [" ".join(filter(None, row)) for row in sheets[min(kept)].rows[: first.header]]
    texts = (*titles, *(sheets[n].name for n in kept), Path(name).stem)
    left = [n for n in range(len(sheets)) if n not in kept]
    return Opened(name, content, layout, kept, texts, sample, corrected.get(layout.id, {}), sheets, left=left)


def _most_rows(found: dict[int, Found], sheets: list[Sheet]) -> Layout:
    counts: dict[str, int] = {}
    for number, one in found.items():
        counts[one.layout.id] = counts.get(one.layout.id, 0) + len(sheets[number].rows)
    best = max(counts, key=lambda layout: counts[layout])
    return next(one.layout for one in found.values() if one.layout.id == best)


def _expected(layouts: Sequence[Layout]) -> str:
    parts = []
    for layout in layouts:
        names = [c.names[0] for c in layout.columns if c.names and (c.required or c.signature)]
        parts.append(f"{layout.id} ({', '.join(names)})")
    return "; ".join(parts)


def _sample(name: str, sheets: list[Sheet]) -> str:
    lines = [name]
    for sheet in sheets:
        lines.append(sheet.name)
        lines += [" ".join(row) for row in sheet.rows[:SAMPLE_ROWS]]
    return "\n".join(lines)


def left_over(opened: Opened, sheets: list[Sheet]) -> tuple[list[tuple[int, Held]], list[tuple[int, int]]]:
    """Return, for sheets no layout was found in, the rows held (sheet, row) and the rows that are noise.

    A visible sheet that looks like a table is held, so that nobody on it is lost in silence; an explanation,
    a code list or a hidden sheet is noise.
    """
    held: list[tuple[int, Held]] = []
    noise: list[tuple[int, int]] = []
    for number in opened.left:
        sheet = sheets[number]
        rows = [(n, row) for n, row in enumerate(map(stripped, sheet.rows), 1) if any(row)]
        tabular = [row for _, row in rows if sum(map(bool, row)) >= TABLE_CELLS]
        if sheet.hidden or len(tabular) < TABLE_ROWS:
            noise += [(number, n) for n, _ in rows]
        else:
            held += [(number, Held(n, sheet.name, "sheet_not_recognised", tuple(row))) for n, row in rows]
    return held, noise


def date_batch(batch: Sequence[Opened], given: date | None, today: date, calendar: Calendar) -> dict[str, Refused]:
    """Find every file's day: as given, as the file says, as most of the batch says, or the day of the import.

    Returns the files (by name) whose day cannot be placed, with the reason.
    """
    refused: dict[str, Refused] = {}
    for opened in batch:
        try:
            stated = list_date(opened.titles, opened.layout.dated_by, calendar)
            opened.dated = given_date(given, opened.layout.dated_by, calendar) if given else stated
            if given and stated and stated.term and opened.layout.dated_by == "term":
                opened.dated = ListDate(given, stated.holds_from, stated.term)
        except BangfuError as problem:
            refused[opened.name] = Refused(problem.code, **problem.facts)
    shared = shared_day(o.dated for o in batch if o.dated) or today
    for opened in batch:
        opened.dated = opened.dated or given_date(shared, opened.layout.dated_by, calendar)
    return refused
