"""The register as tables in memory (DuckDB), for linking and for coverage.

IDs are opened: the connection never spills to disk, and ends with the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from django.db import connection as database

from bangfu.audit import keys
from bangfu.core.numbers import IdState
from bangfu.coverage.tables import BYTES, DAY, NUMBER, TEXT, create, load_numbers
from bangfu.intake.layouts import Layout

T = TypeVar("T")
SLICE = 20_000
ROLL_WITH_ID = "G"


@dataclass(frozen=True)
class Source:
    """A register table to read: its columns, and of which type each is in memory."""

    table: str
    columns: dict[str, pa.DataType]
    dated: bool = True


FACT = {"id": NUMBER, "person_id": NUMBER, "valid_from": DAY, "valid_until": DAY}
SOURCES = (
    Source(
        "detail",
        FACT
        | {
            "name": TEXT,
            "sex": TEXT,
            "birth": DAY,
            "id_number": BYTES,
            "id_state": TEXT,
            "phone_index": BYTES,
            "village_id": NUMBER,
        },
    ),
    Source(
        "enrolment",
        FACT | {"school_id": NUMBER, "school_class_id": NUMBER, "stage": TEXT, "year": NUMBER, "roll_number": BYTES},
    ),
    Source("guardian", FACT | {"guardian_name": TEXT, "guardian_phone_index": BYTES}),
    Source("householdmember", FACT | {"household_id": NUMBER, "relation": TEXT}),
    Source("status", FACT | {"kind": TEXT, "level": TEXT, "certificate_index": BYTES}),
    Source("labourrecord", FACT | {"school_status": TEXT, "labour": TEXT}),
)
OPENED = {"detail": "id_number", "enrolment": "roll_number"}


def gather(layouts: Sequence[Layout], people: Sequence[int] | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection with the register's tables: all of it, or only what is said of these people.

    Retracted facts are left out; dates stay, so that any day can be asked about. Also `person` (with its list's
    layout and what kind of list that is) and `records`, as `linkage.people` reads it.
    """
    found = duckdb.connect(config={"temp_directory": ""})
    found.execute("SET TimeZone = 'UTC'")
    _load_people(found, layouts, people)
    for source in SOURCES:
        _load(found, source, people)
    return found


def load_rows(found: duckdb.DuckDBPyConnection) -> None:
    """Add `source_row`: every row of a roll or register that holds a person, with its file and the file's day.

    Rows of files that were taken back are left out.
    """
    listed = found.execute("SELECT DISTINCT layout FROM person WHERE kind IN ('roll', 'register')").fetchall()
    layouts = [layout for (layout,) in listed]
    sql = (
        'SELECT r.id, r.person_id, f.name, r."row", CAST(f.list_date AS TEXT) FROM registry_sourcerow r'
        " JOIN registry_sourcefile f ON f.id = r.file_id"
        f" WHERE r.person_id IS NOT NULL AND f.layout IN ({marks(layouts)})"
        " AND f.id NOT IN (SELECT u.undoes_id FROM registry_sourcefile u WHERE u.undoes_id IS NOT NULL)"
    )
    columns = {"id": NUMBER, "person": NUMBER, "file": TEXT, "row": NUMBER, "list_date": DAY}
    with database.cursor() as cursor:
        cursor.execute(sql, layouts or [""])
        create(found, "source_row", columns, cursor.fetchall())


def load_aliases(found: duckdb.DuckDBPyConnection) -> None:
    """Add `human`: each record's human, as the links stand."""
    with database.cursor() as cursor:
        cursor.execute("SELECT record_id, human_id FROM coverage_alias")
        create(found, "alias", {"record": NUMBER, "human": NUMBER}, cursor.fetchall())
    found.execute(
        "CREATE TABLE human AS SELECT p.person, COALESCE(a.human, p.person) AS human"
        " FROM person p LEFT JOIN alias a ON a.record = p.person"
    )


def _load_people(found: duckdb.DuckDBPyConnection, layouts: Sequence[Layout], people: Sequence[int] | None) -> None:
    kinds = [(layout.id, kind_of(layout)) for layout in layouts]
    create(found, "layout_kind", {"layout": TEXT, "kind": TEXT}, [row for row in kinds if row[1]])
    sql = (
        "SELECT p.id, p.series_id, s.layout, s.organisation_id, p.organisation_id, o.path FROM registry_person p"
        " JOIN registry_series s ON s.id = p.series_id JOIN registry_organisation o ON o.id = p.organisation_id"
    )
    columns = {"person": NUMBER, "list": NUMBER, "layout": TEXT, "list_organisation": NUMBER, "organisation": NUMBER}
    columns |= {"path": TEXT}
    create(found, "every_person", columns, rows_of(sql, "p.id", people))
    found.execute(
        "CREATE TABLE person AS SELECT p.*, k.kind FROM every_person p JOIN layout_kind k USING (layout);"
        " DROP TABLE every_person"
    )


def kind_of(layout: Layout) -> str:
    """Return what kind of list of people a layout reads: roll, register, account; '' for any other."""
    told = {rule.kind for rule in layout.facts}
    if layout.subject != "person":
        return ""
    kinds = {"enrolment": "roll", "status": "register", "payment_account": "account"}
    return next((kind for fact, kind in kinds.items() if fact in told), "")


def _load(found: duckdb.DuckDBPyConnection, source: Source, people: Sequence[int] | None) -> None:
    columns = dict(source.columns)
    read = [f"CAST({name} AS TEXT)" if type_ == DAY else name for name, type_ in columns.items()]
    sql = f"SELECT {', '.join(read)} FROM registry_{source.table} WHERE retracted_by_id IS NULL"
    rows = rows_of(sql, "person_id", people)
    opened = OPENED.get(source.table)
    if opened:
        at, ring, table = list(columns).index(opened), keys.current(), f"registry_{source.table}"
        columns[opened] = TEXT
        rows = [
            (*row[:at], ring.open_text(table, opened, row[0], bytes(row[at])) if row[at] else None, *row[at + 1 :])
            for row in rows
        ]
    create(found, source.table, columns, rows)


def rows_of(sql: str, person: str, people: Sequence[int] | None) -> list[tuple[Any, ...]]:
    """Return the rows of a statement: all, or those whose column `person` is one of these people."""
    with database.cursor() as cursor:
        if people is None:
            cursor.execute(sql)
            return list(cursor.fetchall())
        rows: list[tuple[Any, ...]] = []
        glue = "AND" if " WHERE " in sql else "WHERE"
        for part in slices(people):
            cursor.execute(f"{sql} {glue} {person} IN ({marks(part)})", list(part))
            rows += cursor.fetchall()
        return rows


def marks(values: Sequence[object]) -> str:
    """Return the placeholders for these values."""
    return ", ".join(["%s"] * max(len(values), 1))


def slices(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield ids in parts that fit into one statement."""
    for start in range(0, len(ids), SLICE):
        yield ids[start : start + SLICE]


def records(found: duckdb.DuckDBPyConnection, fresh: Iterable[int] | None) -> None:
    """Make the table `records` for linking: what each list says last of its people; `fresh` None: all are."""
    if fresh is None:
        found.execute("CREATE OR REPLACE TABLE fresh AS SELECT person AS id FROM person")
    else:
        load_numbers(found, "fresh", fresh)
    last = "QUALIFY ROW_NUMBER() OVER (PARTITION BY person_id ORDER BY valid_from DESC, id DESC) = 1"
    found.execute(
        f"""CREATE OR REPLACE TABLE records AS
        WITH said AS (FROM detail {last}), roll AS (FROM enrolment {last}), guarded AS (FROM guardian {last}),
        home AS (FROM householdmember {last}),
        head AS (SELECT h.household_id, MIN(s.name) AS name FROM home h JOIN said s USING (person_id)
            WHERE h.relation = '户主' GROUP BY ALL),
        certified AS (SELECT DISTINCT person_id FROM status WHERE certificate_index IS NOT NULL)
        SELECT p.person AS record, p.list, s.name,
            COALESCE(s.birth, TRY_CAST(TRY_STRPTIME(s.id_number[7:14], '%Y%m%d') AS DATE))
                AS birth,
            COALESCE(NULLIF(s.sex, ''), CASE WHEN s.id_state = '{IdState.OK}'
                THEN CASE WHEN CAST(s.id_number[17] AS INT) % 2 = 1 THEN '男' ELSE '女' END END) AS sex,
            s.village_id AS village, COALESCE(g.guardian_name, head.name) AS adult,
            COALESCE(g.guardian_phone_index, s.phone_index) AS phone,
            CASE WHEN s.id_state IN ('{IdState.OK}', '{IdState.CHECKSUM}') THEN s.id_number END AS number,
            s.id_state = '{IdState.OK}' AS valid,
            CASE WHEN s.id_state = '{IdState.TRUNCATED}' THEN s.id_number[:15] END AS start,
            c.person_id IS NOT NULL AS certified,
            CASE WHEN r.roll_number[1] = '{ROLL_WITH_ID}' THEN r.roll_number[2:] END AS roll,
            f.id IS NOT NULL AS fresh
        FROM person p JOIN said s ON s.person_id = p.person
        LEFT JOIN roll r ON r.person_id = p.person LEFT JOIN guarded g ON g.person_id = p.person
        LEFT JOIN home h ON h.person_id = p.person LEFT JOIN head ON head.household_id = h.household_id
        LEFT JOIN certified c ON c.person_id = p.person LEFT JOIN fresh f ON f.id = p.person"""
    )
