"""Sealed cells open where they stand and nowhere else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangfu.core.errors import KeyMissing
from bangfu.core.seal import BrokenSeal, Keyring, load_keyring, new_keyring, save_keyring, signed_by

RING = new_keyring()
OTHER = new_keyring()
TABLE, COLUMN, ROW = "registry_detail", "id_number", 7
TEXT = "11010519491231002X"


def sealed(text: str = TEXT) -> bytes:
    """Return the cell of one place."""
    return RING.sealer(TABLE, COLUMN)(ROW, text)


@given(st.text(), st.integers(0, 2**62))
def test_a_cell_opens_where_it_was_sealed(text: str, row: int) -> None:
    cell = RING.sealer(TABLE, COLUMN)(row, text)
    assert RING.open_text(TABLE, COLUMN, row, cell) == text
    assert text == "" or text.encode() not in cell or len(text) < 3


@given(st.binary())
def test_bytes_open_where_they_were_sealed(content: bytes) -> None:
    cell = RING.seal_bytes(TABLE, COLUMN, ROW, content)
    assert RING.open_bytes(TABLE, COLUMN, ROW, cell) == content


def test_both_ways_of_sealing_open_alike() -> None:
    cell = RING.seal_bytes(TABLE, COLUMN, ROW, TEXT.encode())
    assert RING.open_text(TABLE, COLUMN, ROW, cell) == TEXT
    assert RING.open_bytes(TABLE, COLUMN, ROW, sealed()) == TEXT.encode()


def test_the_same_text_sealed_twice_looks_different() -> None:
    assert sealed() != sealed()


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        (TABLE, COLUMN, ROW + 1),
        (TABLE, COLUMN, 0),
        (TABLE, COLUMN, 71),
        (TABLE, "phone", ROW),
        ("registry_status", COLUMN, ROW),
    ],
)
def test_a_cell_moved_elsewhere_does_not_open(table: str, column: str, row: int) -> None:
    with pytest.raises(BrokenSeal):
        RING.open_text(table, column, row, sealed())


def test_a_cell_with_any_bit_altered_does_not_open() -> None:
    cell = sealed()
    for bit in range(len(cell) * 8):
        altered = bytearray(cell)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BrokenSeal):
            RING.open_text(TABLE, COLUMN, ROW, bytes(altered))


def test_a_cell_cut_or_lengthened_does_not_open() -> None:
    cell = sealed()
    for wrong in [*(cell[:length] for length in range(len(cell))), cell + b"\0", cell + cell, cell[2:]]:
        with pytest.raises(BrokenSeal):
            RING.open_text(TABLE, COLUMN, ROW, wrong)


def test_another_installations_key_opens_nothing() -> None:
    with pytest.raises(BrokenSeal):
        OTHER.open_text(TABLE, COLUMN, ROW, sealed())


# ---- blind indexes


def test_an_index_is_the_same_for_one_purpose_and_key_only() -> None:
    index = RING.blind("id", TEXT)
    assert len(index) == 16
    assert RING.blinder("id")(TEXT) == RING.blind("id", TEXT.encode()) == index
    assert len({index, RING.blind("roll", TEXT), RING.blind("id", TEXT[:17]), OTHER.blind("id", TEXT)}) == 4


def test_a_files_index_depends_on_every_byte() -> None:
    assert RING.blind_file(b"roll") == RING.blind_file(b"roll")
    assert RING.blind_file(b"roll") != RING.blind_file(b"rolL")
    assert RING.blind_file(b"roll") != OTHER.blind_file(b"roll")


# ---- signatures


def test_a_signature_holds_for_its_content_and_key_only() -> None:
    signature = RING.sign(b"head")
    assert RING.signed(signature, b"head")
    assert signed_by(RING.signing.public_key(), signature, b"head")
    assert not RING.signed(signature, b"Head")
    assert not RING.signed(signature[:-1] + bytes([signature[-1] ^ 1]), b"head")
    assert not RING.signed(b"", b"head")
    assert not OTHER.signed(signature, b"head")


# ---- rotation


def test_after_a_rotation_old_cells_open_until_the_old_set_is_dropped() -> None:
    both = RING.with_next_set()
    new_cell = both.sealer(TABLE, COLUMN)(ROW, TEXT)
    assert both.open_text(TABLE, COLUMN, ROW, sealed()) == TEXT
    assert both.blind("id", TEXT) != RING.blind("id", TEXT)
    only_new = both.only(both.active)
    assert only_new.open_text(TABLE, COLUMN, ROW, new_cell) == TEXT
    with pytest.raises(BrokenSeal):
        only_new.open_text(TABLE, COLUMN, ROW, sealed())
    with pytest.raises(BrokenSeal):
        RING.open_text(TABLE, COLUMN, ROW, new_cell)
    assert both.using(1).blind("id", TEXT) == RING.blind("id", TEXT)


def test_a_set_that_is_not_in_the_file_is_named() -> None:
    with pytest.raises(KeyMissing) as caught:
        RING.using(2)
    assert (caught.value.code, caught.value.facts) == ("key_set_missing", {"number": 2})


# ---- the key file


def saved(folder: Path, ring: Keyring = RING) -> Path:
    """Save a ring and return its file."""
    path = folder / "keys.json"
    save_keyring(ring, path)
    return path


def mode(path: Path) -> int:
    """Return a file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_saved_ring_is_loaded_whole(tmp_path: Path) -> None:
    both = RING.with_next_set()
    loaded = load_keyring(saved(tmp_path, both))
    assert (loaded.sets, loaded.active, loaded.web) == (both.sets, both.active, both.web)
    assert loaded.open_text(TABLE, COLUMN, ROW, sealed()) == TEXT
    assert loaded.signed(RING.sign(b"head"), b"head")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_the_key_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        path = saved(tmp_path)
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_an_open_key_file_is_closed_to_others_when_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{}")
    path.chmod(0o644)
    assert mode(saved(tmp_path)) == 0o600


def test_what_an_earlier_run_left_half_written_does_not_open_the_key_file_to_others(tmp_path: Path) -> None:
    left = tmp_path / "keys.part"
    left.write_text("{" * 10_000)
    left.chmod(0o644)
    path = saved(tmp_path)
    assert mode(path) == 0o600
    assert load_keyring(path).sets == RING.sets


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing) as caught:
        load_keyring(tmp_path / "keys.json")
    assert caught.value.code == "key_file_missing"
    assert str(tmp_path / "keys.json") in caught.value.said("zh")


def without(name: str) -> bytes:
    """Return a key file's content without one entry."""
    content = {"sets": [{"number": 1, "cell": "00" * 32, "index": "00" * 32}], "active": 1, "signing": "00" * 32}
    content["web"] = "w"
    del content[name]
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        *(without(name) for name in ("sets", "active", "signing", "web")),
        b'{"sets": [{"number": 1, "cell": "00", "index": "00"}], "active": 1, "signing": "00", "web": ""}',
        b'{"sets": [{"number": 1, "cell": "zz", "index": "00"}], "active": 1, "signing": "00", "web": ""}',
        b'{"sets": 5, "active": 1, "signing": "00", "web": ""}',
    ],
)
def test_a_damaged_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(KeyMissing) as caught:
        load_keyring(path)
    assert caught.value.code == "key_file_damaged"
    assert caught.value.facts == {"path": path}


def test_a_key_file_cut_anywhere_is_damaged(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 7):
        path.write_bytes(content[:length])
        with pytest.raises(KeyMissing):
            load_keyring(path)
