"""Importing files, mending held rows, and remembering what a sender calls a column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from bangfu.audit import keys
from bangfu.audit.actions import record, use_key_set
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.calendars import Calendar, term_in_text
from bangfu.core.collector import collector_off
from bangfu.core.errors import BangfuError, NotAllowed, Outrun, Refused
from bangfu.core.seal import Keyring, save_keyring
from bangfu.intake import queries
from bangfu.intake.dates import ListDate
from bangfu.intake.layouts import Layout, all_layouts, header_name
from bangfu.intake.models import HeldRow, KeptFile, Mapping
from bangfu.intake.opened import Correction, Opened, date_batch, open_file, read_file
from bangfu.intake.prepare import Prepared, Workshop, header_names, prepare, row_text
from bangfu.intake.preview import calendar_of, check_scope, corrections_of, fill_report
from bangfu.intake.report import COUNTS, Course, Options, Progress, Report
from bangfu.registry import queries as register
from bangfu.registry.actions import Delivery, FileRecord, deliver, reseal, take_back
from bangfu.registry.models import Organisation, SourceFile
from bangfu.tasks.actions import Duty, running_job, settle

TRIES = 20
READERS = 2
KEEP_FOR = timedelta(days=14)  # how long a file that no layout fits waits for its owner
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
    calendar = calendar_of(list(batch.values()))
    for name, problem in date_batch(list(batch.values()), options.day, options.today, calendar).items():
        reports[Path(name)].refused = problem
    total = sum(len(opened.content) for opened in batch.values())
    job = running_job(kind="import", subject=f"{len(paths)} files", total=total, by=by)
    with job as advance, collector_off():
        _import_batch(batch, reports, options, calendar, Course(total, advance, progress), by)
    record(action="intake.import", by=by, subject="batch", details=_summary(list(reports.values())))
    return list(reports.values())


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
    corrections = corrections_of(options)

    def open_one(path: Path) -> Opened | Refused:
        try:
            return open_file(str(path), read_file(path), options.layouts, corrections)
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
        if opened.stored and not register.standing_files().filter(pk=opened.stored).exists():
            raise Refused("file_undone", number=opened.stored)  # taken back since its row was mended
        places = shop.pop().places if shop and shop[0].version == version else register.places()
        places.new = []
        here = Workshop(places, ring, calendar, version)
        prepared = _again(opened, here, by) or prepare(opened, here, by.at)
        check_scope(prepared, here.places, by)
        course.half_way(len(opened.content), prepared.delivery.file.columns["read"])
        try:
            _write(opened, prepared, by)
        except Outrun:
            shop.clear()
            keys.forget()  # a rotation may have overtaken this import
            continue
        shop[:] = [Workshop(places, ring, calendar, version + 1)]
        fill_report(report, prepared)
        return
    raise Refused("register_busy")


def _again(opened: Opened, shop: Workshop, by: Actor) -> Prepared | None:
    """Return a delivery without work if these very bytes were applied before and left no row waiting."""
    before = queries.applied_file(shop.ring.blind_file(opened.content), opened.layout.id)
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


def _ask_to_mend(file_id: int, sender: int | None, layout: Layout | None, count: int, by: Actor) -> None:
    """Ask the sender's post to mend `count` rows (0: no more); `layout` is None where it is gone meanwhile."""
    path = Organisation.objects.values_list("path", flat=True).get(pk=sender) if sender else "/"
    post, days = (layout.post, layout.mend_within_days) if layout else ("aid_officer", 0)
    due = by.at.date() + timedelta(days=days)
    settle(Duty("mend_rows", f"source_file:{file_id}", path, post, due, count), by=by)


@whole()
@transaction.atomic
def keep_file(*, name: str, content: bytes, by: Actor) -> int:
    """Keep a file that no layout fits, sealed, for its owner to say what its columns are; what is old goes."""
    KeptFile.objects.filter(kept_at__lt=by.at - KEEP_FOR).delete()
    kept = KeptFile.objects.create(owner=by.user_id or 0, name=name, content=b"", kept_at=by.at)
    kept.content = keys.current().seal_bytes(queries.KEPT_TABLE, queries.KEPT_COLUMN, kept.pk, content)
    kept.save(update_fields=["content"])
    record(action="intake.keep_file", by=by, subject=f"kept_file:{kept.pk}")
    return kept.pk


@whole()
@transaction.atomic
def drop_kept(*, number: int, by: Actor) -> None:
    """Drop a kept file of one's own."""
    if KeptFile.objects.filter(pk=number, owner=by.user_id or 0).delete()[0]:
        record(action="intake.drop_kept", by=by, subject=f"kept_file:{number}")


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
        row = queries.waiting_row(held_id, by)
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
    _import_one(opened, report, calendar_of([opened]), [], Course(), by)
    return report


def _open_again(file: SourceFile) -> Opened:
    """Return a stored file opened once more, as of the day it was of."""
    layouts = [layout for layout in all_layouts(settings.HOME / "layouts") if layout.id == file.layout]
    given = [Correction(file.layout, header, name) for header, name in file.mapping.items()]
    opened = open_file(file.name, register.stored_content(file), layouts, given)
    opened.dated = ListDate(file.list_date, file.holds_from, term_in_text("\n".join(opened.titles)))
    opened.stored = file.pk
    return opened


def _check_columns(opened: Opened, sheet: int, cells: dict[str, str]) -> None:
    known = header_names(opened.rows()[sheet], opened.found[sheet]) if sheet in opened.found else []
    for name in cells:
        if name not in known:
            raise BangfuError("column_unknown", column=name, known=", ".join(known))


@whole()
@transaction.atomic
def undo_import(*, file_id: int, by: Actor, reason: str) -> list[int]:
    """Take a whole file back: the register says what it would had the file never come; returns the files taken back.

    What was read again of the same file since (a mended row) goes with it. What was known in between stays readable;
    what a person taught (mended rows, names of columns) is kept. NotAllowed outside the actor's scope; BangfuError
    without a reason, and where a newer file must be taken back first: it was read against what this one said.
    """
    if not reason.strip():
        raise BangfuError("reason_missing")
    register.file_for(file_id, by)
    taken = take_back(file_id=file_id, by=by)
    changed: set[int] = set()
    for number, undo in taken:
        file = register.file_for(number, by)  # a mended row may have named another sender
        closed, again = _close_undone(number, undo)
        changed |= again | {number}
        record(
            action="intake.undo_import",
            by=by,
            subject=f"source_file:{number}",
            details={"undo": undo, "with": file_id, "held_closed": closed, "files_waiting_again": sorted(again)},
            reason=reason,
            chain=file.sender_id or 0,
        )
    _settle_mending(changed, by)
    return [number for number, _ in taken]


def _close_undone(number: int, undo: int) -> tuple[int, set[int]]:
    """Close the rows that wait in a file taken back, and let those wait again that it had closed in other files.

    Returns how many were closed, and which files have rows that wait again. A row that a later file holds too stays
    closed: it waits there.
    """
    own = HeldRow.objects.filter(row__id__range=register.rows_of(number))
    moved_on = own.exclude(closed_by=None).values_list("text_index", "closed_by")
    later = {bytes(text): closed_by for text, closed_by in moved_on}
    again = set()
    for held in HeldRow.objects.filter(closed_by=number, row__file__undone=None).select_related("row"):
        held.closed_by_id = later.get(bytes(held.text_index))
        held.save(update_fields=["closed_by"])
        again |= {held.row.file_id} if held.closed_by_id is None else set()
    return own.filter(closed_by=None).update(closed_by=undo), again


def _settle_mending(files: set[int], by: Actor) -> None:
    """Make the tasks to mend rows of these files say how many wait."""
    layouts = {layout.id: layout for layout in all_layouts(settings.HOME / "layouts")}
    for file in SourceFile.objects.filter(pk__in=files).defer("content").order_by("pk"):
        left = HeldRow.objects.filter(row__id__range=register.rows_of(file.pk), closed_by=None).count()
        _ask_to_mend(file.pk, file.sender_id, layouts.get(file.layout), left, by)


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
        count = (
            reseal(old, new, by=by)
            + _reseal_held(old, new)
            + _reseal_kept(old, new)
            + sum(other(old, new, by=by) for other in others)
        )
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


def _reseal_kept(old: Keyring, new: Keyring) -> int:
    place = (queries.KEPT_TABLE, queries.KEPT_COLUMN)
    for kept in (files := list(KeptFile.objects.select_for_update())):
        kept.content = new.seal_bytes(*place, kept.pk, old.open_bytes(*place, kept.pk, bytes(kept.content)))
        kept.save(update_fields=["content"])
    return len(files)
