"""The trail: a chain for each organisation, closed to changes; and what `checks.trail` names when it was altered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from bangfu.audit import checks, keys
from bangfu.audit.actions import record
from bangfu.audit.chain import GENESIS, Link, canonical, head_content, link_hash
from bangfu.audit.models import Entry, Head
from bangfu.core.actor import Actor
from bangfu.core.messages import say
from bangfu.core.seal import new_keyring
from tests.conftest import BY, committing

pytestmark = pytest.mark.usefixtures("founded")
ON_TABLE = {"sqlite": "", "postgresql": " ON audit_entry"}
SCHOOL = 7


@pytest.fixture(autouse=True)
def _some_entries(founded: Path) -> None:
    """Write three entries of a school's chain after those of the founding, which are the installation's."""
    for n in (1, 2, 3):
        do(f"test.step_{n}", chain=SCHOOL)


def do(action: str, chain: int = 0, by: Actor = BY, **details: object) -> Entry:
    """Record one entry, and export its head as after a commit."""
    with committing():
        return record(action=action, by=by, subject="thing:1", details=details, chain=chain)


def found() -> list[str]:
    """Return what the check of the trail says."""
    return list(checks.trail())


def named(code: str, **facts: object) -> str:
    """Return the sentence that the check must say."""
    return say(code, **facts)


def drop_triggers() -> None:
    """Do what somebody with the database's password could do first."""
    with connection.cursor() as cursor:
        for trigger in checks.TRIGGERS:
            cursor.execute(f"DROP TRIGGER {trigger}{ON_TABLE[connection.vendor]}")


def restore_triggers() -> None:
    """Put the triggers back, so that they do not give the alteration away."""
    migration = import_module("bangfu.audit.migrations.0002_append_only")
    with connection.cursor() as cursor:
        migration.create(None, SimpleNamespace(connection=connection, execute=cursor.execute))


def altered(sql: str, *parameters: object) -> None:
    """Change the trail behind its triggers."""
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        assert cursor.rowcount > 0
    restore_triggers()


# ---- the chain


def test_a_trail_that_nobody_touched_is_whole() -> None:
    assert found() == []


def test_each_organisation_has_a_chain_of_its_own() -> None:
    do("test.other", chain=8)
    do("test.step_4", chain=SCHOOL)
    numbers = {
        chain: list(Entry.objects.filter(chain=chain).order_by("pk").values_list("number", flat=True))
        for chain in (7, 8)
    }
    assert numbers == {7: [1, 2, 3, 4], 8: [1]}
    assert bytes(Entry.objects.get(chain=8).before_hash) == GENESIS
    assert found() == []


def test_each_entry_carries_the_hash_of_the_one_before() -> None:
    first, second, third = Entry.objects.filter(chain=SCHOOL).order_by("number")
    assert (bytes(second.before_hash), bytes(third.before_hash)) == (bytes(first.hash), bytes(second.hash))
    link = Link(**{name: getattr(second, name) for name in Link.__dataclass_fields__})
    assert link_hash(link, bytes(first.hash)) == bytes(second.hash)


def test_a_hash_covers_every_field() -> None:
    moment = datetime(2025, 7, 1, 1, 30, tzinfo=UTC)
    link = Link(7, 2, moment, "T0001", "test.step", "thing:1", "{}", "")
    others = [
        Link(8, 2, moment, "T0001", "test.step", "thing:1", "{}", ""),
        Link(7, 3, moment, "T0001", "test.step", "thing:1", "{}", ""),
        Link(7, 2, moment + timedelta(microseconds=1), "T0001", "test.step", "thing:1", "{}", ""),
        Link(7, 2, moment, "T0002", "test.step", "thing:1", "{}", ""),
        Link(7, 2, moment, "T0001", "test.stop", "thing:1", "{}", ""),
        Link(7, 2, moment, "T0001", "test.step", "thing:2", "{}", ""),
        Link(7, 2, moment, "T0001", "test.step", "thing:1", '{"a":1}', ""),
        Link(7, 2, moment, "T0001", "test.step", "thing:1", "{}", "why"),
    ]
    hashes = {link_hash(one, GENESIS) for one in (link, *others)} | {link_hash(link, bytes([1]) * 32)}
    assert len(hashes) == len(others) + 2


def test_a_hash_is_of_the_moment_and_not_of_its_time_zone() -> None:
    moment = datetime(2025, 7, 1, 9, 30, tzinfo=BY.at.tzinfo)
    links = [Link(7, 2, at, "T0001", "test.step", "thing:1", "{}", "") for at in (moment, moment.astimezone(UTC))]
    assert link_hash(links[0], GENESIS) == link_hash(links[1], GENESIS)


def test_details_have_one_text() -> None:
    assert canonical({"b": "甲", "a": [1, 2]}) == canonical({"a": [1, 2], "b": "甲"}) == '{"a":[1,2],"b":"甲"}'


def test_an_entry_of_an_action_that_failed_is_not_there() -> None:
    before = Entry.objects.count()
    with transaction.atomic():
        record(action="test.fails", by=BY, subject="thing:1")
        transaction.set_rollback(True)
    assert Entry.objects.count() == before
    assert found() == []


def test_heads_are_exported_with_signatures_that_anybody_with_the_public_key_can_check() -> None:
    lines = [json.loads(line) for line in settings.HEADS_FILE.read_text().splitlines()]
    last = [line for line in lines if line["chain"] == SCHOOL][-1]
    content = head_content(SCHOOL, 3, bytes.fromhex(last["hash"]))
    assert last["number"] == 3
    assert keys.current().signed(bytes.fromhex(last["signature"]), content)
    assert not new_keyring().signed(bytes.fromhex(last["signature"]), content)


# ---- the triggers


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET reason = 'x' WHERE chain = 7 AND number = 2",
        "DELETE FROM audit_entry WHERE chain = 7 AND number = 3",
        "DELETE FROM audit_entry",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Entry.objects.filter(chain=SCHOOL).count() == 3
    assert found() == []


def test_the_database_refuses_to_put_another_entry_in_the_place_of_one() -> None:
    columns = "id, chain, number, at, actor, action, subject, details, reason, before_hash, hash"
    replaced = columns.replace("reason", "'x'")
    replace = f"INSERT OR REPLACE INTO audit_entry ({columns}) SELECT {replaced} FROM audit_entry WHERE chain = 7"  # noqa: S608 - fixed words
    if connection.vendor == "postgresql":
        replace = "TRUNCATE audit_entry CASCADE"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(replace)


@pytest.mark.parametrize("trigger", ["audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_replace"])
def test_a_dropped_trigger_is_named(trigger: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {trigger}{ON_TABLE[connection.vendor]}")
    assert found() == [named("audit_trigger_missing", trigger=trigger)]


# ---- what was altered is named


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reason", "another reason"),
        ("actor", "T0099"),
        ("action", "test.other"),
        ("subject", "thing:2"),
        ("details", '{"a":1}'),
        ("at", "2020-01-01 00:00:00+00:00"),
        ("hash", bytes(32)),
    ],
)
def test_an_altered_entry_is_named(column: str, value: object) -> None:
    entry = Entry.objects.get(chain=SCHOOL, number=2)
    altered(f"UPDATE audit_entry SET {column} = %s WHERE id = %s", value, entry.pk)  # noqa: S608 - fixed words
    action = value if column == "action" else entry.action
    assert named("audit_altered", chain=SCHOOL, number=2, id=entry.pk, action=action) in found()


def test_an_entry_altered_together_with_its_hash_breaks_the_next_one() -> None:
    entry, third = Entry.objects.get(chain=SCHOOL, number=2), Entry.objects.get(chain=SCHOOL, number=3)
    link = Link(**{name: getattr(entry, name) for name in Link.__dataclass_fields__ if name != "reason"}, reason="x")
    forged = link_hash(link, bytes(entry.before_hash))
    altered("UPDATE audit_entry SET reason = 'x', hash = %s WHERE id = %s", forged, entry.pk)
    assert found() == [
        named("audit_altered", chain=SCHOOL, number=3, id=third.pk, action="test.step_3"),
        named("audit_cut", chain=SCHOOL, number=2),
    ]


def test_an_entry_taken_out_of_the_middle_is_named() -> None:
    altered("DELETE FROM audit_entry WHERE chain = 7 AND number = 2")
    assert named("audit_gap", chain=SCHOOL, number=2) in found()
    assert named("audit_cut", chain=SCHOOL, number=2) in found()


def test_a_cut_tail_is_named() -> None:
    altered("DELETE FROM audit_entry WHERE chain = 7 AND number = 3")
    assert found() == [named("audit_head_differs", chain=SCHOOL), named("audit_cut", chain=SCHOOL, number=3)]


def test_a_cut_tail_shows_even_when_the_head_is_set_back_with_its_old_signature() -> None:
    line = [json.loads(line) for line in settings.HEADS_FILE.read_text().splitlines()][-2]
    altered("DELETE FROM audit_entry WHERE chain = 7 AND number = 3")
    old = {"number": 2, "hash": bytes.fromhex(line["hash"]), "signature": bytes.fromhex(line["signature"])}
    Head.objects.filter(chain=SCHOOL).update(**old)
    assert found() == [named("audit_cut", chain=SCHOOL, number=3)]


def test_a_chain_taken_out_whole_is_named() -> None:
    altered("DELETE FROM audit_entry WHERE chain = 7")
    Head.objects.filter(chain=SCHOOL).delete()
    assert found() == [named("audit_cut", chain=SCHOOL, number=number) for number in (1, 2, 3)]


def test_a_replaced_head_is_named() -> None:
    Head.objects.filter(chain=SCHOOL).update(hash=bytes(32))
    assert found() == [named("audit_head_differs", chain=SCHOOL)]


def test_a_deleted_head_is_named() -> None:
    Head.objects.filter(chain=SCHOOL).delete()
    assert found() == [named("audit_head_differs", chain=SCHOOL)]


def test_a_head_that_another_key_signed_is_named() -> None:
    head = Head.objects.get(chain=SCHOOL)
    head.signature = new_keyring().sign(head_content(SCHOOL, 3, bytes(head.hash)))
    head.save()
    assert found() == [named("audit_head_unsigned", chain=SCHOOL)]


def test_a_deleted_heads_file_is_named() -> None:
    settings.HEADS_FILE.unlink()
    assert found() == [named("audit_heads_missing", path=settings.HEADS_FILE)]


def test_a_heads_file_emptied_is_named() -> None:
    settings.HEADS_FILE.write_text("")
    assert found() != []


@pytest.mark.parametrize("line", ["{}", "no json", '{"chain":7,"number":9,"hash":"00","signature":"00"}', '["a"]', "7"])
def test_a_line_of_the_heads_file_that_is_not_ours_is_named(line: str) -> None:
    with settings.HEADS_FILE.open("a") as file:
        file.write(f"{line}\n")
    assert found() == [named("audit_heads_line", path=settings.HEADS_FILE)]


def test_a_trail_wiped_out_with_heads_and_heads_file_is_named() -> None:
    altered("DELETE FROM audit_entry")
    Head.objects.all().delete()
    settings.HEADS_FILE.unlink()
    assert found() != []
