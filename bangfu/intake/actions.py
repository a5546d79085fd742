"""Importing files, mending held rows, and remembering what a sender calls a column."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bangfu.audit import keys
from bangfu.audit.actions import record, use_key_set
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.calendars import Calendar, calendar_for, known_regions, term_in_text
from bangfu.core.errors import BangfuError, NotAllowed, Outrun, Refused
from bangfu.core.messages import say
from bangfu.core.seal import Keyring, save_keyring
from bangfu.intake import queries
from bangfu.intake.dates import ListDate
from bangfu.intake.layouts import Layout, all_layouts, header_name
from bangfu.intake.models import HeldRow, Mapping
from bangfu.intake.opened import Correction, Opened, date_batch, open_file, read_file
from bangfu.intake.prepare import Prepared, Workshop, header_names, prepare, row_text
from bangfu.intake.report import COUNTS, Course, Options, Progress, Report
from bangfu.registry import queries as register
from bangfu.registry.actions import Delivery, FileRecord, deliver, reseal
from bangfu.registry.models import Organisation, SourceFile
from bangfu.registry.places import Places
from bangfu.tasks.actions import Duty, running_job, settle

TRIES = 20
READERS = 2
KEEP_OPEN = 16 << 20  # bytes of a batch up to which its sheets stay in memory between recognising and applying


class Reseal(Protocol):
    """What seals the cells of another package anew, within a rotation."""

    def __call__(self, old: Keyring, new: Keyring, *, by: Actor) -> int:
        """Seal every cell with `new` that `old` opens; return how many there are."""


@whole()
def import_files(paths: Sequence[Path], options: Options, progress: Progress, *, by: Actor) -> list[Report]:
    """Import files; each is applied whole or not at all, and a refused one does not stop the others.

    Files are taken in the order of their layouts (rolls before the absences that refer to them); the reports
    come in the order of `paths`. `progress(bytes done, bytes in all, rows read)` is called as the work goes on.
    """
    reports = {path: Report(str(path)) for path in paths}
    batch = _open_all(paths, options, reports)
    if not batch:
        return list(reports.values())
    calendar = _calendar(list(batch.values()))
    for name, problem in date_batch(list(batch.values()), options.day, options.today, calendar).items():
        reports[Path(name)].refused = problem
    total = sum(len(opened.content) for opened in batch.values())
    job = running_job(kind="import", subject=f"{len(paths)} files", total=total, by=by)
    with job as advance, _collector_off():
        _import_batch(batch, reports, options, calendar, Course(total, advance, progress), by)
    record(action="intake.import", by=by, subject="batch", details=_summary(list(reports.values())))
    return list(reports.values())


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the garbage collector from walking the batch's rows again and again: they hold no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _import_batch(
    batch: dict[Path, Opened],
    reports: dict[Path, Report],
    options: Options,
    calendar: Calendar,
    course: Course,
    by: Actor,
) -> None:
    shop: list[Workshop] = []
    for path, opened in sorted(batch.items(), key=lambda item: item[1].layout.order):
        report, size = reports[path], len(opened.content)
        if report.refused is None:
            try:
                _import_one(opened, report, calendar, shop, course, by)
                _remember(opened, options, by)
            except Refused as problem:
                report.refused = problem
                shop.clear()
        opened.sheets = None
        course.file_done(size, report.rows["read"])


def _remember(opened: Opened, options: Options, by: Actor) -> None:
    """Remember the corrections given for this batch, for the sender that each file turned out to come from."""
    if options.corrections:
        sender = register.last_sender(keys.current().blind_file(opened.content))
        remember_mapping(layout=opened.layout.id, sender_id=sender, corrections=options.corrections, by=by)


def _summary(reports: list[Report]) -> dict[str, object]:
    refused = sum(report.refused is not None for report in reports)
    return {"files": len(reports), "refused": refused, **{n: sum(r.rows[n] for r in reports) for n in COUNTS}}


def _open_all(paths: Sequence[Path], options: Options, reports: dict[Path, Report]) -> dict[Path, Opened]:
    known = queries.corrections()
    given = [Correction(x.id, header_name(h), f) for x in options.layouts for h, f in options.corrections.items()]

    def open_one(path: Path) -> Opened | Refused:
        try:
            return open_file(str(path), read_file(path), options.layouts, [*given, *known])
        except Refused as problem:
            return problem

    batch: dict[Path, Opened] = {}
    size = 0
    with ThreadPoolExecutor(READERS) as pool:  # parsing a workbook leaves the interpreter free meanwhile
        for path, opened in zip(paths, pool.map(open_one, paths), strict=True):
            if isinstance(opened, Refused):
                reports[path].refused = opened
                continue
            batch[path] = opened
            size += len(opened.content)
            if size > KEEP_OPEN:
                opened.sheets = None
    return batch


def _calendar(batch: list[Opened]) -> Calendar:
    """Return the calendar of the county at hand: the register's own, or the one that the files speak of."""
    folder = settings.HOME / "calendars"
    home = register.home_county()
    if home is None:
        regions = known_regions(folder)
        home = next((region for opened in batch for region in regions if region in opened.sample), None)
    return calendar_for(home or "", folder)


def _import_one(
    opened: Opened,
    report: Report,
    calendar: Calendar,
    shop: list[Workshop],
    course: Course,
    by: Actor,
) -> None:
    report.layout = opened.layout.id
    for _ in range(TRIES):
        version, ring = register.clock(), keys.current()
        places = shop.pop().places if shop and shop[0].version == version else register.places()
        places.new = []
        here = Workshop(places, ring, calendar, version)
        prepared = _again(opened, here, by) or prepare(opened, here, by.at)
        _check_scope(prepared, here.places, by)
        course.half_way(len(opened.content), prepared.delivery.file.columns["read"])
        try:
            _write(opened, prepared, by)
        except Outrun:
            shop.clear()
            keys.forget()  # a rotation may have overtaken this import
            continue
        shop[:] = [Workshop(places, ring, calendar, version + 1)]
        _fill(report, prepared)
        return
    raise Refused("register_busy")


def _check_scope(prepared: Prepared, places: Places, by: Actor) -> None:
    """Refuse a list of an organisation that lies outside the actor's subtrees, and one whose office is not known."""
    sender = prepared.delivery.file.columns["sender_id"]
    if not by.everywhere and not (sender and by.sees(places.paths[sender])):
        raise Refused("list_not_yours")


def _again(opened: Opened, shop: Workshop, by: Actor) -> Prepared | None:
    """Return a delivery without work if these very bytes were applied before and left no row waiting."""
    before = queries.same_file(shop.ring.blind_file(opened.content), opened.layout.id)
    if before is None or before.held or before.list_date != opened.issued.day:
        return None
    if before.mapping != opened.corrections:
        return None
    file_id = register.next_id("sourcefile")
    columns = {
        "id": file_id,
        "name": Path(opened.name).name,
        "layout": before.layout,
        "digest_index": bytes(before.digest_index),
        "salt": bytes(before.salt),
        "digest": bytes(before.digest),
        "content": b"",
        "size": before.size,
        "list_date": before.list_date.isoformat(),
        "holds_from": before.holds_from.isoformat(),
        "recorded_at": by.at,
        "sender_id": before.sender_id,
        "mapping": json.dumps(before.mapping, ensure_ascii=False),
        "read": before.read,
        "applied": 0,
        "unchanged": before.applied + before.unchanged,
        "held": 0,
        "noise": before.noise,
        "same_as_id": before.same_as_id or before.pk,
    }
    return Prepared(Delivery(shop.version, shop.ring.active, FileRecord(columns), []))


@transaction.atomic
def _write(opened: Opened, prepared: Prepared, by: Actor) -> None:
    deliver(prepared.delivery, by=by)
    ring, file = keys.current(), prepared.delivery.file
    seal, index = ring.sealer(queries.HELD_TABLE, queries.HELD_COLUMN), ring.blinder("held")
    seal_mend = ring.sealer(queries.HELD_TABLE, queries.MENDED_COLUMN)
    texts = {pk: row_text(prepared.headers.get(n, ()), held.cells) for pk, n, held in prepared.waiting()}
    indexes = {pk: index(text) for pk, text in texts.items()}
    mends = queries.mended_texts(opened.layout.id, indexes.values()) if texts else {}
    rows = []
    for pk, _, held in prepared.waiting():
        row = HeldRow(row_id=pk, column=held.column, code=held.code, text=seal(pk, texts[pk]), text_index=indexes[pk])
        if (mend := mends.get(indexes[pk])) is not None:  # mended before, and something else is wrong now
            row.mended = seal_mend(pk, json.dumps(mend, ensure_ascii=False))
        rows.append(row)
    _close_earlier(file, [*prepared.mended, *indexes.values()], by)
    if rows:
        HeldRow.objects.bulk_create(rows, batch_size=500)
        _ask_to_mend(file.id, file.columns["sender_id"], opened.layout, len(rows), by)


def _close_earlier(file: FileRecord, texts: Sequence[object], by: Actor) -> None:
    """Close rows held in earlier files that this file holds anew or applied: the same text, or the same file."""
    same = Q(text_index__in=texts) | Q(row__file__digest_index=file.columns["digest_index"])
    earlier = HeldRow.objects.filter(same, closed_by=None, row__file__layout=file.columns["layout"])
    files = list(earlier.values_list("row__file_id", flat=True).distinct())
    if files:
        earlier.update(closed_by=file.id)
    for file_id in files:
        left = HeldRow.objects.filter(row__file_id=file_id, closed_by=None).count()
        settle(Duty("mend_rows", f"source_file:{file_id}", "/", "aid_officer", by.at.date(), left), by=by)


def _ask_to_mend(file_id: int, sender: int | None, layout: Layout, count: int, by: Actor) -> None:
    path = Organisation.objects.values_list("path", flat=True).get(pk=sender) if sender else "/"
    due = by.at.date() + timedelta(days=layout.mend_within_days)
    settle(Duty("mend_rows", f"source_file:{file_id}", path, layout.post, due, count), by=by)


def _fill(report: Report, prepared: Prepared) -> None:
    columns = prepared.delivery.file.columns
    report.rows = {name: columns[name] for name in COUNTS}
    report.day = date.fromisoformat(columns["list_date"])
    report.left = prepared.delivery.changes.left
    for _, held in prepared.held.values():
        message = say(held.code, column=held.column, row=held.row)
        report.problems.append({"row": held.row, "column": held.column, "code": held.code, "message": message})


@whole()
@transaction.atomic
def remember_mapping(*, layout: str, sender_id: int | None, corrections: dict[str, str], by: Actor) -> None:
    """Remember that a sender calls fields by these header names, for the next file of this layout."""
    for header, name in corrections.items():
        key = header_name(header)
        Mapping.objects.update_or_create(layout=layout, sender_id=sender_id, header=key, defaults={"field": name})
    record(
        action="intake.remember_mapping",
        by=by,
        subject=f"layout:{layout}",
        details={"sender": sender_id, **corrections},
        chain=sender_id or 0,
    )


@whole()
def mend_row(*, held_id: int, cells: dict[str, str], by: Actor, reason: str) -> Report:
    """Mend a held row: put `cells` (header name -> text) in place and read its file again with them.

    The file's other rows come out unchanged. NotAllowed outside the actor's scope; BangfuError for a row that
    no longer waits or a column it does not have. A row still wrong stays held, with what is wrong now.
    """
    keys.forget()  # a rotation may have come since the command began
    with transaction.atomic():
        row = next((row for row in queries.waiting(by) if row.id == held_id), None)
        if row is None:
            raise NotAllowed("row_not_waiting")
        held = HeldRow.objects.select_for_update().select_related("row__file").get(pk=held_id)
        file = held.row.file
        opened = _open_again(file)
        _check_columns(opened, held.row.sheet, cells)
        text = json.dumps({**row.cells, **cells}, ensure_ascii=False)
        held.mended = keys.current().sealer(queries.HELD_TABLE, queries.MENDED_COLUMN)(held.pk, text)
        held.save(update_fields=["mended"])
        record(
            action="intake.mend_row",
            by=by,
            subject=f"source_row:{held_id}",
            details={"columns": sorted(cells)},
            reason=reason,
            chain=file.sender_id or 0,
        )
    report = Report(file.name)
    _import_one(opened, report, _calendar([opened]), [], Course(), by)
    return report


def _open_again(file: SourceFile) -> Opened:
    """Return a stored file opened once more, as of the day it was of."""
    layouts = [layout for layout in all_layouts(settings.HOME / "layouts") if layout.id == file.layout]
    given = [Correction(file.layout, header, name) for header, name in file.mapping.items()]
    opened = open_file(file.name, register.stored_content(file), layouts, given)
    opened.dated = ListDate(file.list_date, file.holds_from, term_in_text("\n".join(opened.titles)))
    return opened


def _check_columns(opened: Opened, sheet: int, cells: dict[str, str]) -> None:
    known = header_names(opened.rows()[sheet], opened.found[sheet]) if sheet in opened.found else []
    for name in cells:
        if name not in known:
            raise BangfuError("column_unknown", column=name, known=", ".join(known))


@whole()
def rotate_keys(*, by: Actor, others: Sequence[Reseal]) -> tuple[int, int]:
    """Make a new key set and seal everything anew with it; returns the number of cells and of the set.

    `others` seal the cells of the packages above this one, within the same transaction.

    The key file holds both sets until the database has committed to the new one, so a crash at any moment leaves
    a pair that fits; only then do the older sets go. The installation's row is locked whenever the file changes,
    so two rotations follow each other, and an import that sealed with the old keys starts again.
    """
    with transaction.atomic():
        old = keys.locked()
        new = old.with_next_set()
        save_keyring(new, settings.KEY_FILE)
        count = reseal(old, new, by=by) + _reseal_held(old, new) + sum(other(old, new, by=by) for other in others)
        use_key_set(new)
        details: dict[str, object] = {"cells": count, "key_set": new.active}
        record(action="intake.rotate_keys", by=by, subject="keys", details=details)
    with transaction.atomic():
        ring = keys.locked()
        save_keyring(ring.only(ring.active), settings.KEY_FILE)
    keys.forget()
    return count, new.active


def _reseal_held(old: Keyring, new: Keyring) -> int:
    count = 0
    for held in HeldRow.objects.iterator():
        text = old.open_text(queries.HELD_TABLE, queries.HELD_COLUMN, held.pk, bytes(held.text))
        held.text = new.sealer(queries.HELD_TABLE, queries.HELD_COLUMN)(held.pk, text)
        held.text_index = new.blind("held", text)
        if held.mended is not None:
            mended = old.open_text(queries.HELD_TABLE, queries.MENDED_COLUMN, held.pk, bytes(held.mended))
            held.mended = new.sealer(queries.HELD_TABLE, queries.MENDED_COLUMN)(held.pk, mended)
            count += 1
        held.save(update_fields=["text", "text_index", "mended"])
        count += 1
    return count
