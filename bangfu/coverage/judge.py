"""Where the lists differ on a day, who of school age is on no roll, and the state of each pupil.

Pure: reads the tables that `coverage/gather.py` makes, writes tables beside them. One statement a code; which rows a
code means is said in `docs/glossary.md` and, by clause, in `library/coverage/differences.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from bangfu.core.library import shipped
from bangfu.core.numbers import IdState
from bangfu.coverage.tables import load_numbers
from bangfu.linkage.names import UNKNOWN

AGES = "coverage/school_age.toml"
# What stands in the register as a basis for helping a pupil, in the order in which it is written.
BASES = (
    "registered_poor", "monitored", "minimum_living", "disabled", "orphan",
    "applied", "named_by_teacher", "emergency",  # by people: an application, a teacher, in between
)  # fmt: skip
OF_HOUSEHOLDS = ("registered_poor", "monitored", "minimum_living")  # what a whole household is given
HARDSHIP = "hardship"  # a determination; its level says which tier, or that there is no need
NO_NEED = "none"
NO_LABOUR = ("", "无劳动力")
HEAD = "户主"
NOT_THEIRS = "other_household"  # the answer that a pupil belongs to another household than the one found


@dataclass(frozen=True)
class SchoolAge:
    """The births of the children who must be on a roll: from `first` to `last`, both included."""

    first: date
    last: date


def school_age(day: date) -> SchoolAge:
    """Return who must be on a roll on `day` (the first day of a term)."""
    rule = shipped(AGES)["compulsory"]
    month, last_day = map(int, rule["entry"].split("-"))
    entry = date(day.year, month, last_day)
    year = day.year if day > entry else day.year - 1
    turned = date(year - rule["starts_at"], month, last_day)
    return SchoolAge(_born_after(day, rule["ends_at"]), turned)


def _born_after(day: date, years: int) -> date:
    """Return the first birth of who is not yet `years` old on `day`; who was born on 29 February turns on 1 March."""
    try:
        return day.replace(year=day.year - years) + timedelta(days=1)
    except ValueError:
        return date(day.year - years, 3, 1)


def describe(found: duckdb.DuckDBPyConnection, day: date) -> None:
    """Make `now`: what each roll and register says of its people on `day`, with its row, its human and its ID."""
    holds = f"valid_from <= DATE '{day}' AND (valid_until IS NULL OR valid_until > DATE '{day}')"
    for table in ("detail", "enrolment", "guardian", "householdmember", "status", "labourrecord"):
        found.execute(f"CREATE OR REPLACE TEMP VIEW {table}_now AS FROM {table} WHERE {holds}")
    found.execute(
        f"""CREATE OR REPLACE TABLE now AS
        WITH last AS (SELECT person, ARG_MAX((id, file, "row"), (list_date, id)) AS at FROM source_row GROUP BY person)
        SELECT p.person, h.human, p.kind, p.list, p.layout, p.list_organisation, p.organisation, p.path,
            l.at[1] AS row_id, l.at[2] AS file, l.at[3] AS row_number,
            d.id AS detail, d.name, regexp_replace(d.name, '[\\s·•・.．]', '', 'g') AS key,
            regexp_matches(d.name, '{UNKNOWN.pattern}') AS unsure, d.birth, d.id_number, d.id_state, d.phone_index,
            d.village_id, e.id AS enrolment, e.school_id, e.school_class_id,
            CASE WHEN e.roll_number[1] = 'G' THEN e.roll_number[2:] END AS roll,
            g.id AS guardian, g.guardian_name, g.guardian_phone_index, m.id AS membership, m.household_id, m.relation,
            w.id AS labour_fact, w.labour, w.school_status
        FROM person p JOIN human h USING (person) JOIN last l USING (person)
        JOIN detail_now d ON d.person_id = p.person
        LEFT JOIN enrolment_now e ON e.person_id = p.person LEFT JOIN guardian_now g ON g.person_id = p.person
        LEFT JOIN householdmember_now m ON m.person_id = p.person
        LEFT JOIN labourrecord_now w ON w.person_id = p.person
        WHERE p.kind IN ('roll', 'register') AND (p.kind = 'register' OR e.id IS NOT NULL)"""
    )
    _reference(found)
    found.execute(
        """CREATE OR REPLACE TABLE enrolled AS
        SELECT human, ARG_MIN(school_class_id, person) AS school_class, COUNT(DISTINCT school_id) AS schools,
            COUNT(*) AS roll_rows FROM now WHERE kind = 'roll' GROUP BY human"""
    )


def _reference(found: duckdb.DuckDBPyConnection) -> None:
    """Make `reference`: the ID, name and birth that most of a human's records bear.

    The roll number counts twice: the roll system checked its ID. A name with a sign that could not be written
    counts for nothing where another list has the name.
    """
    ok = f"id_state = '{IdState.OK}'"
    born = "TRY_CAST(TRY_STRPTIME(number[7:14], '%Y%m%d') AS DATE)"
    found.execute(
        f"""CREATE OR REPLACE TABLE reference AS
        WITH numbers AS (
            SELECT human, id_number AS number, 1 AS votes FROM now WHERE {ok}
            UNION ALL SELECT human, roll, 2 FROM now WHERE roll IS NOT NULL),
        number AS (SELECT human, number FROM numbers GROUP BY human, number
            QUALIFY ROW_NUMBER() OVER (PARTITION BY human ORDER BY SUM(votes) DESC, number) = 1),
        name AS (SELECT human, key FROM now GROUP BY human, key QUALIFY ROW_NUMBER() OVER (PARTITION BY human
            ORDER BY bool_and(unsure), COUNT(*) DESC, MIN(person)) = 1),
        born AS (SELECT human, birth FROM now WHERE birth IS NOT NULL GROUP BY human, birth
            QUALIFY ROW_NUMBER() OVER (PARTITION BY human ORDER BY COUNT(*) DESC, MIN(person)) = 1)
        SELECT name.human, number.number, name.key, COALESCE({born}, born.birth) AS birth
        FROM name LEFT JOIN number USING (human) LEFT JOIN born USING (human)"""
    )


def differences(found: duckdb.DuckDBPyConnection, ages: SchoolAge) -> None:
    """Make `difference`: code, record, other (or NULL), and `says`: the facts that differ."""
    _children(found, ages)
    found.execute(
        f"CREATE OR REPLACE TABLE difference AS SELECT code, record, other, says FROM ({' UNION ALL '.join(_codes())})"
    )


def _children(found: duckdb.DuckDBPyConnection, ages: SchoolAge) -> None:
    """Make `child`: every child of school age in a register, with the row that says most of its schooling."""
    idle = ", ".join(f"'{word}'" for word in shipped(AGES)["register"]["not_in_school"])
    found.execute(
        f"""CREATE OR REPLACE TABLE child AS
        SELECT n.human, ARG_MIN(n.person, (n.school_status IS NULL, n.person)) AS person,
            COALESCE(ANY_VALUE(e.schools), 0) AS schools,
            CASE WHEN COALESCE(MIN(n.school_status) FILTER (n.school_status NOT IN ({idle})), '') <> ''
                THEN 'elsewhere' ELSE 'out_of_school' END AS reason
        FROM now n JOIN reference r USING (human) LEFT JOIN enrolled e USING (human)
        WHERE n.kind = 'register' AND r.birth BETWEEN DATE '{ages.first}' AND DATE '{ages.last}'
        GROUP BY n.human"""
    )


def _codes() -> list[str]:
    ok = f"n.id_state = '{IdState.OK}'"
    detail, two = "'d' || n.detail", "'d' || n.detail || '|d' || o.detail"
    # The record that shows the other one wrong: of the same human, with what most of them bear; rolls first.
    shows = "QUALIFY ROW_NUMBER() OVER (PARTITION BY n.person ORDER BY o.person = n.person, o.kind DESC, o.person) = 1"
    states = {
        "id_missing": f"n.id_state = '{IdState.MISSING}'",
        "id_truncated": f"n.id_state = '{IdState.TRUNCATED}'",
        "id_checksum": f"n.id_state IN ('{IdState.CHECKSUM}', '{IdState.MALFORMED}')",
    }
    alone = [
        f"SELECT '{code}' AS code, n.person AS record, NULL::BIGINT AS other, {detail} AS says FROM now n WHERE {test}"
        for code, test in states.items()
    ]
    beside = "FROM now n JOIN reference r USING (human) JOIN now o USING (human)"
    return [
        *alone,
        f"SELECT 'id_mismatch', n.person, o.person, {two} {beside} WHERE {ok} AND n.id_number <> r.number"
        f" AND (o.id_number = r.number OR o.roll = r.number) {shows}",
        f"SELECT 'name_mismatch', n.person, o.person, {two} {beside} WHERE n.key <> r.key AND o.key = r.key {shows}",
        f"SELECT 'birth_mismatch', n.person, o.person, {two} {beside} WHERE n.birth <> r.birth"
        f" AND (o.birth = r.birth OR o.id_number = r.number OR o.roll = r.number)"
        f" AND ({ok} IS FALSE OR n.id_number = r.number) {shows}",
        *_enrolment_codes(),
        *_register_codes(),
    ]


def _enrolment_codes() -> list[str]:
    enrolments = "'e' || n.enrolment || '|e' || o.enrolment"
    rows = "'r' || n.row_id || '|r' || o.row_id"
    first = "QUALIFY ROW_NUMBER() OVER (PARTITION BY n.person ORDER BY o.person) = 1"
    return [
        f"SELECT 'row_repeated', n.person, o.person, {rows} FROM now n JOIN now o"
        f" ON o.human = n.human AND o.list = n.list AND o.person < n.person {first}",
        # One line for each further school, from the human's first record there to the first of all.
        f"SELECT 'duplicate_enrolment', n.person, o.person, {enrolments} FROM now n JOIN now o"
        " ON o.human = n.human AND o.school_id <> n.school_id WHERE n.person = (SELECT MIN(x.person) FROM now x"
        " WHERE x.human = n.human AND x.school_id = n.school_id) AND o.person = (SELECT MIN(x.person) FROM now x"
        f" WHERE x.human = n.human AND x.kind = 'roll') {first}",
    ]


def _register_codes() -> list[str]:
    labour = "'w' || n.labour_fact"
    child = "FROM child c JOIN now n USING (person) WHERE c.schools = 0"
    says = "'d' || n.detail || COALESCE('|w' || n.labour_fact, '')"
    return [
        f"SELECT 'student_listed_as_labour', n.person, NULL, {labour} FROM now n JOIN enrolled USING (human)"
        f" WHERE n.labour NOT IN {NO_LABOUR}",
        f"SELECT 'school_status_blank', n.person, NULL, {labour} FROM now n"
        " WHERE n.school_status = ''"
        " AND (n.human IN (SELECT human FROM child) OR n.human IN (SELECT human FROM enrolled))",
        f"SELECT 'on_no_roll', n.person, NULL, {says} {child} AND c.reason = 'out_of_school'",
        f"SELECT 'listed_elsewhere', n.person, NULL, {says} {child} AND c.reason = 'elsewhere'",
        _household_code(),
    ]


def _household_code() -> str:
    """A pupil whose guardian heads a household on a register that does not list the pupil; name and phone agree."""
    return (
        "SELECT 'in_register_not_in_household', n.person, o.person, 'g' || n.guardian || '|m' || o.membership"
        " FROM now n JOIN now o ON o.guardian IS NULL AND o.name = n.guardian_name"
        " AND o.phone_index = n.guardian_phone_index"
        f" WHERE n.kind = 'roll' AND o.relation = '{HEAD}' AND NOT EXISTS"
        " (SELECT 1 FROM now x WHERE x.human = n.human AND x.list = o.list)"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY n.human, o.household_id ORDER BY n.person) = 1"
    )


def states(found: duckdb.DuckDBPyConnection, unsettled: Iterable[int]) -> None:
    """Make `pupil`: each enrolled human's class, state and bases. `unsettled`: records that must be settled first.

    Reads `answered` (code, record, answer): what people have said of the differences.
    """
    load_numbers(found, "unsettled", unsettled)
    order = ", ".join(f"'{basis}'" for basis in BASES)
    found.execute(
        f"""CREATE OR REPLACE TABLE pupil AS
        WITH status AS (
            SELECT h.human, s.kind, s.level, s.valid_from FROM status_now s JOIN human h ON h.person = s.person_id
            UNION ALL SELECT h.human, s.kind, s.level, s.valid_from FROM difference d
            JOIN status_now s ON s.person_id = d.other JOIN human h ON h.person = d.record
            WHERE d.code = 'in_register_not_in_household' AND s.kind IN {OF_HOUSEHOLDS} AND NOT EXISTS
                (SELECT 1 FROM answered a WHERE a.code = d.code AND a.record = d.record AND a.answer = '{NOT_THEIRS}')),
        told AS (
            SELECT human, list_sort(LIST(DISTINCT list_position([{order}], kind)) FILTER (kind IN ({order}))) AS bases,
                ARG_MAX(level, valid_from) FILTER (kind = '{HARDSHIP}') AS tier
            FROM status GROUP BY human)
        SELECT e.human, e.school_class,
            array_to_string(list_transform(t.bases, lambda place: [{order}][place]), ';') AS bases,
            CASE WHEN u.human IS NOT NULL THEN 'in_conflict' WHEN t.tier = '{NO_NEED}' THEN 'not_in_need'
                WHEN t.tier IS NOT NULL THEN 'determined' WHEN len(t.bases) > 0 THEN 'to_assess'
                ELSE 'no_sign' END AS state
        FROM enrolled e LEFT JOIN told t USING (human)
        LEFT JOIN (SELECT DISTINCT h.human FROM human h JOIN unsettled ON unsettled.id = h.person) u USING (human)"""
    )
