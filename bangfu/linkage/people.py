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
# A number, or a name in one village, that more records bear identifies nobody (and pairs would grow with its square).
SHARED_BY = 50
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
# Names of three signs and more: one sign is another one, or is left out. DuckDB's edit distances count bytes, and
# names are short, so each place is written out.
LONG_ENOUGH, LONGEST = 3, 8
OTHER_SIGNS = " + ".join(
    f"CAST(substring(name_l, {at}, 1) <> substring(name_r, {at}, 1) AS INT)" for at in range(1, LONGEST + 1)
)


def _one_less(longer: str, shorter: str) -> str:
    """Return the SQL that tells whether one name is the other with a sign left out."""
    parts = (f"{shorter} = substring({longer}, 1, {at}) || substring({longer}, {at + 2})" for at in range(LONGEST))
    lengths = f"length({longer}) = length({shorter}) + 1 AND length({shorter}) >= {LONG_ENOUGH - 1}"
    return f"{lengths} AND ({' OR '.join(parts)})"


ONE_SIGN = (
    f"(length(name_l) BETWEEN {LONG_ENOUGH} AND {LONGEST} AND length(name_l) = length(name_r) AND {OTHER_SIGNS} = 1)"
    f" OR ({_one_less('name_l', 'name_r')}) OR ({_one_less('name_r', 'name_l')})"
)
# The levels of each comparison, the most telling first; the last one holds where none before it does.
LEVELS: dict[str, dict[str, str]] = {
    "name": {
        "equal": "name_l = name_r AND NOT contains(name_l, '?')",
        "same_sound": "sound_l = sound_r",
        "look_alike": "shape_l = shape_r",
        "unknown_sign": "(contains(name_l, '?') OR contains(name_r, '?'))"
        " AND (name_r LIKE replace(name_l, '?', '_') OR name_l LIKE replace(name_r, '?', '_'))",
        "one_sign": ONE_SIGN,
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
KEYS = ("id", "certificate", "roll_number")  # what makes one person of two records by itself
BESIDE_THE_NAME = 2  # of birth, village, guardian, phone and ID, so many must agree where no key does
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
    list under two names (a number given twice, twins), which no chain of links may join.
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
        "SELECT name FROM records WHERE name IS NOT NULL UNION SELECT adult FROM records WHERE adult IS NOT NULL"
    ).fetchall()
    said = [(name, name_key(name)) for (name,) in found]
    written, keys = [name for name, key in said if key.strip("?")], [key for _, key in said if key.strip("?")]
    columns = {"written": written, "key": keys, "sound": map(sound, keys), "shape": map(shape, keys)}
    signs = pa.table({name: pa.array(list(values), pa.string()) for name, values in columns.items()})
    connection.register("signs", signs)
    connection.execute(
        f"""CREATE OR REPLACE TABLE people AS
        SELECT r.* REPLACE (n.key AS name, CASE WHEN NOT contains(a.key, '?') THEN a.key END AS adult),
            r.record AS unique_id, n.sound, n.shape,
            a.sound AS adult_sound, CASE WHEN COUNT(*) OVER (PARTITION BY COALESCE(r.roll, r.number)) <= {SHARED_BY}
                THEN COALESCE(r.roll, r.number) END AS id, r.roll IS NOT NULL OR r.valid AS id_ok
        FROM records r LEFT JOIN signs n ON n.written = r.name LEFT JOIN signs a ON a.written = r.adult"""
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
        "CREATE OR REPLACE TABLE pairs AS"
        " SELECT '0' AS match_key, l AS join_key_l, r AS join_key_r, how, weak FROM key_pairs"
        " UNION ALL SELECT '1', l, r, 'probable', FALSE FROM block_pairs"
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
            SELECT record, fresh, number AS key, FALSE AS cut, NOT valid AS weak,
                CASE WHEN certified THEN 'certificate' ELSE 'id' END AS how
            FROM people WHERE number IS NOT NULL
            UNION ALL SELECT record, fresh, roll, FALSE, FALSE, 'roll_number' FROM people
            WHERE roll IS NOT NULL AND roll IS DISTINCT FROM number)
        QUALIFY COUNT(*) OVER (PARTITION BY key) <= {SHARED_BY};
        CREATE OR REPLACE TEMP TABLE starts AS
        SELECT * FROM (
            SELECT record, fresh, start AS key, TRUE AS cut, FALSE AS weak, 'id_start' AS how
            FROM people WHERE start IS NOT NULL
            UNION ALL SELECT record, fresh, key[:15], FALSE, FALSE, 'id_start' FROM numbers
            WHERE key[:15] IN (SELECT start FROM people))
        QUALIFY COUNT(*) OVER (PARTITION BY key) <= {SHARED_BY}"""
    )
    rank = "['id', 'certificate', 'roll_number', 'id_start']"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE key_pairs AS
        SELECT l, r, {rank}[MIN(rank)] AS how, bool_and(weak) AS weak FROM (
            SELECT a.record AS l, b.record AS r, a.weak OR b.weak AS weak,
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
    wanted = f"(a.fresh OR b.fresh) AND NOT COALESCE({two_people}, FALSE)"
    parts = []
    for block in BLOCKS:
        fields = ", ".join(block)
        agree = " AND ".join(f"a.{field} = b.{field}" for field in block)
        few = f"SELECT {fields} FROM people GROUP BY {fields} HAVING COUNT(*) BETWEEN 2 AND {SHARED_BY}"
        parts.append(
            f"SELECT a.record AS l, b.record AS r FROM ({few}) JOIN people a USING ({fields})"
            f" JOIN people b ON {agree} AND a.record < b.record WHERE {wanted}"
        )
    # A name with a sign that could not be written is not found by name: there are few of them.
    for same in (
        "a.village = b.village AND b.name LIKE replace(a.name, '?', '_')",
        "a.birth = b.birth AND a.adult = b.adult",
    ):
        parts.append(
            "SELECT LEAST(a.record, b.record), GREATEST(a.record, b.record) FROM people a JOIN people b"
            f" ON {same} AND contains(a.name, '?') AND a.record <> b.record WHERE {wanted}"
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
    linker = Linker(api.register("people"), settings, validate_settings=False, log_level=logging.ERROR)
    linker.table_management.register_blocked_pairs_for_predict(api.register("pairs"))
    return str(linker.inference.predict().physical_name)


def _judged(connection: duckdb.DuckDBPyConnection, scored: str) -> Iterable[Edge]:
    level = {field: _level_of(field) for field in LEVELS}
    sure, asked = _rules(level, shipped(WEIGHTS))
    named = f"COALESCE({level['name']} IN {SAME_NAME}, FALSE)"
    very_name = f"COALESCE({level['name']} IN ('equal', 'unknown_sign'), FALSE)"
    agrees = ", ".join(f"{sql} AS agrees_{field}" for field, sql in level.items())
    found = connection.execute(
        f"""SELECT a.record, b.record, p.how, s.match_probability, {sure} AS sure,
            a.list = b.list AND (p.how IN {KEYS} AND NOT {named} OR p.how NOT IN {KEYS} AND NOT {very_name}) AS apart,
            {agrees}
        FROM {scored} s JOIN pairs p ON p.join_key_l = s.unique_id_l AND p.join_key_r = s.unique_id_r
        JOIN people a ON a.record = s.unique_id_l JOIN people b ON b.record = s.unique_id_r
        WHERE {sure} OR {asked} ORDER BY a.record, b.record"""
    )
    while rows := found.fetchmany(10_000):
        for left, right, how, probability, is_sure, apart, *levels in rows:
            said = {field: said for field, said in zip(LEVELS, levels, strict=True) if said is not None}
            yield Edge(left, right, how, probability, is_sure, apart, said)


def _rules(level: dict[str, str], weights: dict[str, Any]) -> tuple[str, str]:
    """Return the SQL that tells which pairs are sure, and which others a person is asked about (never NULL)."""

    def holds(field: str, *levels: str) -> str:
        return f"COALESCE({level[field]} IN ({', '.join(repr(name) for name in levels)}), FALSE)"

    named, one_sign, one_list = holds("name", *SAME_NAME), holds("name", "one_sign"), "a.list = b.list"
    home = f"({holds('village', 'equal')} OR {holds('adult', 'equal', 'same_sound')} OR {holds('phone', 'equal')})"
    # Brothers of one name, of whom one has no ID: two births that differ by more than a slip.
    two_births = f"({holds('birth', 'other')} AND NOT {holds('id', 'near', 'equal')})"
    two_ids = "COALESCE(a.id_ok AND b.id_ok AND a.id <> b.id, FALSE)"
    elsewhere = f"({holds('village', 'other')} AND {holds('adult', 'other')})"
    # A number that fails its check digit may be a filler: birth or home must not speak against it.
    firm = f"NOT (p.weak AND ({holds('birth', 'other')} OR {elsewhere}))"
    by_key = f"{firm} AND ({named} OR {one_sign} AND NOT {one_list} AND NOT {holds('birth', 'other')})"
    # 15 digits are area, birth and a third of the serial: twins share them, and so do strangers of one day.
    by_start = f"{holds('name', 'equal', 'unknown_sign')} AND NOT {elsewhere}"
    # Weighed: name and two things beside it, and in one list (of twins) the very name.
    beside = [
        holds("birth", "equal", "near"), holds("village", "equal"), holds("adult", "equal", "same_sound"),
        holds("phone", "equal"), holds("id", "equal", "near"),
    ]  # fmt: skip
    count = " + ".join(f"CAST({test} AS INT)" for test in beside)
    by_weight = (
        f"{named} AND s.match_probability >= {weights['sure']} AND {count} >= {BESIDE_THE_NAME} AND NOT {two_ids}"
        f" AND NOT {two_births} AND ({holds('name', 'equal')} OR NOT {one_list})"
    )
    sure = f"(CASE WHEN p.how IN {KEYS} THEN {by_key} WHEN p.how = 'id_start' THEN {by_start} ELSE {by_weight} END)"
    # Under two valid IDs: somebody who got another number keeps name, birth, and home or phone. Else they are twins,
    # brothers, or namesakes.
    moved_on = f"({holds('name', 'equal')} AND {holds('birth', 'equal')} AND {home})"
    asked = (
        f"(p.how IN {KEYS} OR p.how = 'id_start' AND {named}"
        f" OR s.match_probability >= {weights['doubtful']} AND ({named} OR {one_sign})"
        f" AND NOT {two_births} AND (NOT {two_ids} OR {moved_on}))"
    )
    return sure, asked


def _level_of(field: str) -> str:
    """Return the SQL that names the level which Splink found: it numbers them from the last, which is 0."""
    names = list(LEVELS[field])[::-1]
    cases = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(names))
    return f"(CASE s.gamma_{field} {cases} END)"
