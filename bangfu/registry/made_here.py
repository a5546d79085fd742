"""Lists that are made in this house: what people decide here enters the register as rows of a file of our own.

The file is kept sealed like any other, so that the source row of such a fact proves something; it is no list that can
be imported, and it is corrected by what decides, never by taking it back.
"""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bangfu.audit import keys
from bangfu.core.actor import Actor
from bangfu.registry.actions import Delivery, FileRecord, deliver
from bangfu.registry.facts import SPECS
from bangfu.registry.models import Clock, Organisation, Status
from bangfu.registry.plan import Changes
from bangfu.registry.queries import MADE_HERE, next_file, next_id

SALT_BYTES = 16
HEADER = ("序号", "记录", "类别", "档次", "自", "至")
FIRST_ROW = 2
SLICE = 20_000


@dataclass(frozen=True)
class Line:
    """A standing given here: to which record, of which kind and level, from a day until another (excluded)."""

    person: int
    kind: str
    level: str
    valid_from: date
    valid_until: date | None


def enter(name: str, sender: Organisation, lines: Sequence[Line], day: date, by: Actor) -> list[int]:
    """Write lines into the register as one list `name` of `day`; returns each line's source row.

    A standing of the same kind and person is ended where a new one begins, and taken back where it began on that day
    or later. Inside the caller's transaction; no other list comes in between.
    """
    version, changes, file_id = _begin()
    _write_statuses(changes, file_id, lines)
    _end_earlier(changes, file_id, lines)
    return _deliver(version, changes, file_id, (name, sender, lines, day), by)


def end(name: str, sender: Organisation, people: Sequence[tuple[int, str]], day: date, by: Actor) -> list[int]:
    """End the standings (person, kind) on `day` as a list of our own of that day says; returns each one's source row.

    One that began on that day or later is taken back: it was never so.
    """
    version, changes, file_id = _begin()
    lines = [Line(person, kind, "", day, day) for person, kind in people]
    _end_earlier(changes, file_id, lines)
    return _deliver(version, changes, file_id, (name, sender, lines, day), by)


def _begin() -> tuple[int, Changes, int]:
    """Return the register's version, locked until the transaction ends, an empty plan, and the file's id."""
    return Clock.objects.select_for_update().get().version, Changes(), next_file()


def _deliver(
    version: int, changes: Changes, file_id: int, told: tuple[str, Organisation, Sequence[Line], date], by: Actor
) -> list[int]:
    name, sender, lines, day = told
    rows = [(0, FIRST_ROW + at, "applied") for at in range(len(lines))]
    changes.subject_of = {at: line.person for at, line in enumerate(lines, 1)}
    file = FileRecord(_columns(file_id, f"{MADE_HERE}{name}", sender, _content(lines), len(lines), day, by))
    deliver(Delivery(version, keys.current().active, file, rows, changes), by=by)
    return [file.row_id(at) for at in range(1, len(lines) + 1)]


def _write_statuses(changes: Changes, file_id: int, lines: Sequence[Line]) -> None:
    base = FileRecord({"id": file_id})
    first = next_id(SPECS["status"].table.removeprefix("registry_"))
    for at, line in enumerate(lines):
        until = line.valid_until.isoformat() if line.valid_until else None
        common = (first + at, line.person, line.valid_from.isoformat(), until, base.row_id(at + 1), None, None)
        changes.facts["status"].append((*common, line.kind, "", line.level, None, None, None))


def _end_earlier(changes: Changes, file_id: int, lines: Sequence[Line]) -> None:
    starts = {(line.person, line.kind): line.valid_from for line in lines}
    people, kinds = sorted({line.person for line in lines}), {line.kind for line in lines}
    for at in range(0, len(people), SLICE):
        known = Status.objects.filter(person__in=people[at : at + SLICE], kind__in=kinds, retracted_by=None)
        for fact, person, kind, first, until in known.order_by("pk").values_list(*KNOWN):
            new = starts.get((person, kind))
            if new is None or (until is not None and until <= new):
                continue
            if first < new:
                changes.ends["status"].append((new.isoformat(), file_id, fact))
            else:
                changes.retractions["status"].append((file_id, fact))


KNOWN = ("pk", "person_id", "kind", "valid_from", "valid_until")


def _content(lines: Sequence[Line]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for at, line in enumerate(lines, 1):
        writer.writerow((at, line.person, line.kind, line.level, line.valid_from, line.valid_until or ""))
    return text.getvalue().encode()


def _columns(
    file_id: int, layout: str, sender: Organisation, content: bytes, count: int, day: date, by: Actor
) -> dict[str, object]:
    ring, salt = keys.current(), secrets.token_bytes(SALT_BYTES)
    kept = {
        "digest_index": ring.blind_file(content),
        "salt": salt,
        "digest": hashlib.sha256(salt + content).digest(),
        "content": ring.seal_bytes("registry_sourcefile", "content", file_id, content),
        "same_as_id": None,
    }
    dated = {"list_date": day.isoformat(), "holds_from": day.isoformat(), "recorded_at": by.at}
    counts = {"read": count, "applied": count, "unchanged": 0, "held": 0, "noise": 0}
    name = f"{sender.name}-{layout.removeprefix(MADE_HERE)}-{day}.csv"
    about = {"id": file_id, "name": name, "layout": layout, "size": len(content), "sender_id": sender.pk}
    return {**about, **kept, **dated, "mapping": "{}", **counts}
