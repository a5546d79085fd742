"""Which records of a register are one person. Pure: a DuckDB table of records in, judged pairs out.

Exact keys first: the resident ID as written, as the disability certificate begins with it, as the roll number ends in
it, and by its first 15 digits where a number cell lost the rest. Then pairs that agree in two or three other fields
are weighed by Splink (Fellegi-Sunter) with the weights of `library/linkage/people.toml`. No weight makes two people
one against the rules below: a key shared under two names, twins, and two valid IDs are for a person to decide.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator

from bangfu.core.library import shipped
from bangfu.linkage.names import name_key, shape, sound

WEIGHTS = "linkage/people.toml"
SHARED_BY = 50  # a number that more records bear identifies nobody (and pairs of it would grow with its square)
NEAR = 2  # edits between two IDs of which one was mistyped: a digit wrong, or two swapped
BLOCKS = (
    ("name", "birth"),
    ("sound", "birth"),
    ("shape", "birth"),
    ("name", "village"),
    ("sound", "village"),
    ("name", "adult"),
    ("birth", "village", "sex"),
)
# The levels of each comparison, the most telling first; the last one holds where none before it does.
LEVELS: dict[str, dict[str, str]] = {
    "name": {
        "equal": "name_l = name_r",
        "same_sound": "sound_l = sound_r",
        "look_alike": "shape_l = shape_r",
        "unknown_sign": "(contains(name_l, '?') OR contains(name_r, '?'))"
        " AND (name_r LIKE replace(name_l, '?', '_') OR name_l LIKE replace(name_r, '?', '_'))",
        "one_sign": "levenshtein(name_l, name_r) <= 1",
        "other": "ELSE",
    },
    "birth": {
        "equal": "birth_l = birth_r",
        "near": "damerau_levenshtein(strftime(birth_l, '%Y%m%d'), strftime(birth_r, '%Y%m%d')) <= 1",
        "other": "ELSE",
    },
    "sex": {"equal": "sex_l = sex_r", "other": "ELSE"},
    "village": {"equal": "village_l = village_r", "other": "ELSE"},
    "adult": {"equal": "adult_l = adult_r", "same_sound": "adult_sound_l = adult_sound_r", "other": "ELSE"},
    "phone": {"equal": "phone_l = phone_r", "other": "ELSE"},
    "id": {"equal": "id_l = id_r", "near": f"damerau_levenshtein(id_l, id_r) <= {NEAR}", "other": "ELSE"},
}
SAME_NAME = ("equal", "same_sound", "look_alike", "unknown_sign")


# The columns of the table `records`: a row for each record, NULL where its list does not say. `number` is the ID in
# full and `valid` whether its check digit fits, `start` its first 15 digits where the rest was lost, `certified`
# whether it was read from a disability certificate, `roll` the ID inside the roll number; `adult` is the guardian or
# the head of the household; `fresh` whether the record's pairs are wanted.
COLUMNS = {
    "record": "BIGINT",
    "list": "BIGINT",
    "name": "VARCHAR",
    "birth": "DATE",
    "sex": "VARCHAR",
    "village": "BIGINT",
    "adult": "VARCHAR",
    "phone": "BLOB",
    "number": "VARCHAR",
    "valid": "BOOLEAN",
    "start": "VARCHAR",
    "certified": "BOOLEAN",
    "roll": "VARCHAR",
    "fresh": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """Two records (left < right), how they were found, and how they agree (field -> level).

    `how`: id, certificate, roll_number, id_start, probable. `sure`: nobody needs to be asked. `apart`: rows of one
    list that share a number under two names, which no chain of links may join.
    """

    left: int
    right: int
    how: str
    probability: float
    sure: bool
    apart: bool
    agrees: dict[str, str]


def read_names(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `people` from `records`: with keys, sounds and shapes of the names, and the ID to go by."""
    found = connection.execute(
        "SELECT name FROM records UNION SELECT adult FROM records WHERE adult IS NOT NULL"
    ).fetchall()
    written = [name for (name,) in found]
    keys = [name_key(name) for name in written]
    columns = {"written": written, "key": keys, "sound": map(sound, keys), "shape": map(shape, keys)}
    signs = pa.table({name: pa.array(list(values), pa.string()) for name, values in columns.items()})
    connection.register("signs", signs)
    connection.execute(
        """CREATE OR REPLACE TABLE people AS
        SELECT r.* REPLACE (n.key AS name, CASE WHEN NOT contains(a.key, '?') THEN a.key END AS adult),
            r.record AS unique_id, n.sound, n.shape,
            a.sound AS adult_sound, COALESCE(r.roll, r.number) AS id, r.roll IS NOT NULL OR r.valid AS id_ok
        FROM records r JOIN signs n ON n.written = r.name LEFT JOIN signs a ON a.written = r.adult"""
    )
    connection.unregister("signs")


def find_edges(connection: duckdb.DuckDBPyConnection, records: int) -> list[Edge]:
    """Return the judged pairs of the table `records` with a fresh record in them, in a fixed order.

    `records` is the size of the whole register, of which the table may be a part: the more there are, the more
    namesakes.
    """
    read_names(connection)
    _key_pairs(connection)
    _block_pairs(connection)
    connection.execute(
        "CREATE OR REPLACE TABLE pairs AS SELECT '0' AS match_key, l AS join_key_l, r AS join_key_r, how FROM key_pairs"
        " UNION ALL SELECT '1', l, r, 'probable' FROM block_pairs"
        " WHERE (l, r) NOT IN (SELECT (l, r) FROM key_pairs)"
    )
    if not connection.execute("SELECT COUNT(*) FROM pairs").fetchall()[0][0]:
        return []
    return list(_judged(connection, _scored(connection, records)))


def _key_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Pairs of records with one number. A pair that shares several keeps the plainest."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE numbers AS
        SELECT * FROM (
            SELECT record, fresh, number AS key, FALSE AS cut,
                CASE WHEN certified THEN 'certificate' ELSE 'id' END AS how
            FROM people WHERE number IS NOT NULL
            UNION ALL SELECT record, fresh, roll, FALSE, 'roll_number' FROM people
            WHERE roll IS NOT NULL AND roll IS DISTINCT FROM number)
        QUALIFY COUNT(*) OVER (PARTITION BY key) <= {SHARED_BY};
        CREATE OR REPLACE TEMP TABLE starts AS
        SELECT * FROM (
            SELECT record, fresh, start AS key, TRUE AS cut, 'id_start' AS how FROM people WHERE start IS NOT NULL
            UNION ALL SELECT record, fresh, key[:15], FALSE, 'id_start' FROM numbers
            WHERE key[:15] IN (SELECT start FROM people))
        QUALIFY COUNT(*) OVER (PARTITION BY key) <= {SHARED_BY}"""
    )
    rank = "['id', 'certificate', 'roll_number', 'id_start']"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE key_pairs AS
        SELECT l, r, {rank}[MIN(rank)] AS how FROM (
            SELECT a.record AS l, b.record AS r,
                GREATEST(list_position({rank}, a.how), list_position({rank}, b.how)) AS rank
            FROM (FROM numbers UNION ALL FROM starts) a
            JOIN (FROM numbers UNION ALL FROM starts) b ON a.key = b.key AND a.record < b.record
            WHERE (a.fresh OR b.fresh) AND (a.how = 'id_start') = (b.how = 'id_start')
            AND (a.how <> 'id_start' OR a.cut OR b.cut))
        GROUP BY l, r"""
    )


def _block_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Pairs that agree in other fields, but those whose valid IDs and names or births show two people.

    A slip of one digit, or of two neighbours, never passes the check digit (GB 11643): two valid IDs are two IDs.
    """
    two_people = "a.id_ok AND b.id_ok AND a.id <> b.id AND (a.name <> b.name OR a.birth IS DISTINCT FROM b.birth)"
    parts = []
    for block in BLOCKS:
        agree = " AND ".join(f"a.{field} = b.{field}" for field in block)
        parts.append(
            f"SELECT a.record AS l, b.record AS r FROM people a JOIN people b ON {agree} AND a.record < b.record"
            f" WHERE (a.fresh OR b.fresh) AND NOT COALESCE({two_people}, FALSE)"
        )
    # A name with a sign that could not be written is not found by name: there are few, and a village is small.
    parts.append(
        "SELECT LEAST(a.record, b.record), GREATEST(a.record, b.record) FROM people a JOIN people b"
        " ON a.village = b.village AND contains(a.name, '?') AND a.record <> b.record"
        " AND b.name LIKE replace(a.name, '?', '_')"
        f" WHERE (a.fresh OR b.fresh) AND NOT COALESCE({two_people}, FALSE)"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE block_pairs AS {' UNION '.join(parts)}")


def _comparison(field: str) -> dict[str, Any]:
    weights = shipped(WEIGHTS)[field]
    levels: list[dict[str, Any]] = [{"sql_condition": f"{field}_l IS NULL OR {field}_r IS NULL", "is_null_level": True}]
    for level, condition in LEVELS[field].items():
        weight = {"m_probability": weights[level]["m"], "u_probability": weights[level]["u"]}
        levels.append({"sql_condition": condition, "label_for_charts": level, **weight})
    return {"output_column_name": field, "comparison_levels": levels}


def _scored(connection: duckdb.DuckDBPyConnection, records: int) -> str:
    """Return the name of the table in which Splink has scored `pairs`."""
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_comparison(field) for field in LEVELS],
        blocking_rules_to_generate_predictions=[],
        probability_two_random_records_match=2 / max(records, 4),
        retain_intermediate_calculation_columns=True,
    )
    api = DuckDBAPI(connection)
    linker = Linker(api.register("people"), settings, log_level=logging.ERROR)
    linker.table_management.register_blocked_pairs_for_predict(api.register("pairs"))
    return str(linker.inference.predict().physical_name)


def _judged(connection: duckdb.DuckDBPyConnection, scored: str) -> Iterable[Edge]:
    weights = shipped(WEIGHTS)
    level = {field: _level_of(field) for field in LEVELS}
    named = f"{level['name']} IN {SAME_NAME}"
    by_key = "p.how IN ('id', 'certificate', 'roll_number')"
    two_ids = "COALESCE(a.id_ok AND b.id_ok AND a.id <> b.id, FALSE)"
    # Brothers of one name, of whom one has no ID: two births that differ by more than a slip.
    two_births = f"COALESCE({level['birth']} = 'other' AND COALESCE({level['id']}, 'other') = 'other', FALSE)"
    sure = (
        f"CASE WHEN {by_key} THEN {named} OR ({level['name']} = 'one_sign' AND a.list <> b.list)"
        f" WHEN p.how = 'id_start' THEN {named}"
        f" ELSE {named} AND s.match_probability >= {weights['sure']} AND NOT {two_ids} AND NOT {two_births} END"
    )
    # Under two valid IDs: somebody who got another number keeps name, birth, and home or phone. Else they are twins,
    # brothers, or namesakes.
    moved_on = (
        f"({level['name']} = 'equal' AND {level['birth']} = 'equal' AND"
        f" (COALESCE({level['village']} = 'equal', FALSE) OR COALESCE({level['phone']} = 'equal', FALSE)))"
    )
    asked = (
        f"({by_key} OR p.how = 'probable' AND s.match_probability >= {weights['doubtful']}"
        f" AND {level['name']} <> 'other' AND NOT {two_births} AND (NOT {two_ids} OR COALESCE({moved_on}, FALSE)))"
    )
    agrees = ", ".join(f"{sql} AS agrees_{field}" for field, sql in level.items())
    found = connection.execute(
        f"""SELECT a.record, b.record, p.how, s.match_probability, {sure} AS sure,
            {by_key} AND a.list = b.list AND NOT {named} AS apart, {agrees}
        FROM {scored} s JOIN pairs p ON p.join_key_l = s.unique_id_l AND p.join_key_r = s.unique_id_r
        JOIN people a ON a.record = s.unique_id_l JOIN people b ON b.record = s.unique_id_r
        WHERE {sure} OR {asked} ORDER BY a.record, b.record"""
    )
    while rows := found.fetchmany(10_000):
        for left, right, how, probability, is_sure, apart, *levels in rows:
            said = {field: said for field, said in zip(LEVELS, levels, strict=True) if said is not None}
            yield Edge(left, right, how, probability, is_sure, apart, said)


def _level_of(field: str) -> str:
    """Return the SQL that names the level which Splink found: it numbers them from the last, which is 0."""
    names = list(LEVELS[field])[::-1]
    cases = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(names))
    return f"(CASE s.gamma_{field} {cases} END)"
