"""Somebody alters the database by hand: `bangfu verify` says what, and where it came from."""

from __future__ import annotations

import pytest

from tests.homes import Home
from tests.story.conftest import HELD_ROW, PUPILS

SEALED = [
    ("registry_detail", "id_number"),
    ("registry_enrolment", "roll_number"),
    ("registry_guardian", "guardian_phone"),
]


def flipped(cell: bytes) -> bytes:
    """Return a sealed cell with one bit of its last byte turned."""
    return cell[:-1] + bytes([cell[-1] ^ 1])


def cells(home: Home, table: str, column: str) -> list[tuple[int, bytes, int]]:
    """Return the ids, cells and rows (in the roll) of a sealed column's facts."""
    found = home.rows(
        f"SELECT f.id, f.{column}, r.row FROM {table} f JOIN registry_sourcerow r ON r.id = f.source_id"
        f" JOIN registry_sourcefile s ON s.id = r.file_id WHERE s.name = 'roll.xlsx' AND f.{column} IS NOT NULL"
        " ORDER BY f.id"
    )
    return [(id_, bytes(cell), row) for id_, cell, row in found]


def put(home: Home, table: str, column: str, id_: int, value: object) -> None:
    """Write a value into a column by hand."""
    home.change(f"UPDATE {table} SET {column} = %s WHERE id = %s", value, id_)


def broken(table: str, column: str, id_: int, row: int) -> str:
    """Return the sentence about an altered cell that came from the roll."""
    return f"sealed cell altered: {table}.{column} id {id_} (roll.xlsx, {row})"


def test_a_register_that_nobody_touched_is_whole(home: Home) -> None:
    assert home.found(exits=0) == []


def test_an_altered_entry_and_an_altered_cell_are_each_named(home: Home) -> None:
    (entry,) = home.rows(
        "SELECT id, chain, number FROM audit_entry WHERE action = 'registry.deliver' ORDER BY id LIMIT 1"
    )
    home.drop_trigger("update")
    home.change("UPDATE audit_entry SET details = '{}' WHERE id = %s", entry[0])
    id_, cell, row = cells(home, "registry_detail", "id_number")[4]
    put(home, "registry_detail", "id_number", id_, flipped(cell))
    assert home.found() == [
        "the append-only trigger audit_entry_no_update is missing",
        f"audit entry altered: chain {entry[1]}, number {entry[2]} (audit_entry id {entry[0]}, registry.deliver)",
        broken("registry_detail", "id_number", id_, row),
    ]


@pytest.mark.parametrize(("table", "column"), SEALED)
def test_an_altered_cell_is_named_with_its_file_and_row(home: Home, table: str, column: str) -> None:
    id_, cell, row = cells(home, table, column)[7]
    put(home, table, column, id_, flipped(cell))
    assert home.found() == [broken(table, column, id_, row)]


def test_two_cells_that_changed_places_are_both_named(home: Home) -> None:
    (one, first, row), (other, second, other_row) = cells(home, "registry_detail", "id_number")[:2]
    put(home, "registry_detail", "id_number", one, second)
    put(home, "registry_detail", "id_number", other, first)
    assert home.found() == [
        broken("registry_detail", "id_number", one, row),
        broken("registry_detail", "id_number", other, other_row),
    ]


def test_a_cell_put_into_another_column_is_named(home: Home) -> None:
    id_, _, row = cells(home, "registry_enrolment", "roll_number")[0]
    put(home, "registry_enrolment", "roll_number", id_, cells(home, "registry_detail", "id_number")[0][1])
    assert home.found() == [broken("registry_enrolment", "roll_number", id_, row)]


@pytest.mark.parametrize("cell", [b"", b"\0", bytes(30)], ids=["empty", "one byte", "zeros"])
def test_what_is_no_sealed_cell_at_all_is_named(home: Home, cell: bytes) -> None:
    id_, _, row = cells(home, "registry_enrolment", "roll_number")[0]
    put(home, "registry_enrolment", "roll_number", id_, cell)
    assert home.found() == [broken("registry_enrolment", "roll_number", id_, row)]


def test_a_cell_blanked_while_its_index_stays_is_named(home: Home) -> None:
    id_, _, row = cells(home, "registry_detail", "id_number")[0]
    put(home, "registry_detail", "id_number", id_, None)
    (sentence,) = home.found()
    assert f"registry_detail.id_number id {id_} (roll.xlsx, {row})" in sentence


@pytest.mark.parametrize("column", ["id_number_index", "id_number_start"])
@pytest.mark.parametrize("value", [bytes(16), None], ids=["changed", "blanked"])
def test_a_changed_blind_index_is_named(home: Home, column: str, value: bytes | None) -> None:
    cell = column.rpartition("_")[0]
    id_, _, row = cells(home, "registry_detail", cell)[3]
    put(home, "registry_detail", column, id_, value)
    assert home.found() == [f"blind index does not fit its cell: registry_detail.{cell} id {id_} (roll.xlsx, {row})"]


# ---- files and rows


def roll(home: Home, column: str) -> tuple[int, object]:
    """Return the roll's id and one of its columns."""
    (found,) = home.rows(f"SELECT id, {column} FROM registry_sourcefile WHERE name = 'roll.xlsx'")
    return int(found[0]), found[1]


def test_a_changed_stored_file_is_named(home: Home) -> None:
    id_, content = roll(home, "content")
    assert isinstance(content, bytes)
    put(home, "registry_sourcefile", "content", id_, flipped(content))
    assert home.found() == [f"sealed cell altered: registry_sourcefile.content id {id_} (roll.xlsx)"]


def test_a_changed_digest_of_a_stored_file_is_named(home: Home) -> None:
    id_, _ = roll(home, "digest")
    put(home, "registry_sourcefile", "digest", id_, bytes(32))
    assert home.found() == ["the stored file roll.xlsx does not fit its digest"]


def test_a_changed_row_count_is_named(home: Home) -> None:
    id_, applied = roll(home, "applied")
    assert applied == PUPILS
    put(home, "registry_sourcefile", "applied", id_, PUPILS + 1)
    assert home.found() == [
        f"roll.xlsx: read {PUPILS + 1} ≠ applied {PUPILS + 1} + unchanged 0 + held 1 + noise 0",
        f"roll.xlsx: {PUPILS + 1} rows noted as applied, {PUPILS} found",
    ]


def test_a_row_that_was_made_into_noise_is_named(home: Home) -> None:
    home.change("UPDATE registry_sourcerow SET state = 'noise' WHERE state = 'applied' AND row = 5")
    assert "roll.xlsx: 0 rows noted as noise, 1 found" in home.found()


def test_an_altered_held_row_is_named(home: Home) -> None:
    ((id_, cell),) = home.rows("SELECT row_id, text FROM intake_heldrow")
    home.change("UPDATE intake_heldrow SET text = %s WHERE row_id = %s", flipped(bytes(cell)), id_)
    assert home.found() == [f"sealed cell altered: intake_heldrow.text id {id_} (roll.xlsx, {HELD_ROW})"]


def test_a_held_row_taken_away_is_named(home: Home) -> None:
    home.change("DELETE FROM intake_heldrow")
    assert any("roll.xlsx" in sentence for sentence in home.found())


# ---- facts


def test_a_fact_that_ends_before_it_begins_is_named(home: Home) -> None:
    ((id_,),) = home.rows("SELECT MIN(id) FROM registry_enrolment")
    put(home, "registry_enrolment", "valid_until", id_, "2020-01-01")
    assert home.found() == [f"a fact ends before it begins: registry_enrolment id {id_}"]


def test_two_facts_on_one_day_are_named(home: Home) -> None:
    (one, person), (other, _) = home.rows("SELECT id, person_id FROM registry_guardian ORDER BY id LIMIT 2")
    put(home, "registry_guardian", "person_id", other, person)
    assert home.found() == [f"two facts hold on one day: registry_guardian ids {one} and {other}"]


def test_verify_says_the_same_to_people(home: Home) -> None:
    id_, cell, row = cells(home, "registry_detail", "id_number")[4]
    put(home, "registry_detail", "id_number", id_, flipped(cell))
    said = home.run("verify", exits=1)
    assert f"  {broken('registry_detail', 'id_number', id_, row)}\n" in said.stdout
    assert "everything holds" not in said.stdout
    assert said.stderr == ""
