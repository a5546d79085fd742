"""Row-level security of a table, as migrations make it on PostgreSQL. What is made here is in databases: a change of
it needs migrations of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.migrations import RunPython

SETTING = "current_setting('bangfu.scope', true)"
READS_ALL = f"COALESCE({SETTING} = 'whole' OR '/' = ANY (string_to_array({SETTING}, ' ')), false)"


def _function(head: str, says: str) -> str:
    """Return the statement that makes a function. In plpgsql, for it is read once a session, SQL at each planning."""
    return f"CREATE FUNCTION bangfu_{head} PARALLEL SAFE LANGUAGE plpgsql AS $$ BEGIN RETURN {says}; END $$"


# What the setting of `audit/scope.py` says. The last is called immutable so that the planner asks it while it plans:
# under the whole scope it then plans as if nothing were guarded, instead of taking bad ways around costly conditions.
# It only shapes the plan: what is open is asked again whenever the plan is used.
FUNCTIONS = (
    _function("whole() RETURNS boolean STABLE", f"COALESCE({SETTING} = 'whole', false)"),
    _function("paths() RETURNS text[] STABLE", f"string_to_array(NULLIF({SETTING}, 'whole'), ' ')"),
    _function("reads_all() RETURNS boolean STABLE", READS_ALL),
    _function("planned_for_all() RETURNS boolean IMMUTABLE", READS_ALL),
)
DROP_FUNCTIONS = tuple(f"DROP FUNCTION bangfu_{name}()" for name in ("planned_for_all", "reads_all", "paths", "whole"))
WRITES = {
    "insert": "WITH CHECK (bangfu_whole())",
    "update": "USING (bangfu_whole())",
    "delete": "USING (bangfu_whole())",
}


def on_postgres(forwards: tuple[str, ...], backwards: tuple[str, ...]) -> RunPython:
    """Return an operation that executes these statements on PostgreSQL, and nothing on SQLite."""
    return RunPython(_executing(forwards), _executing(backwards))


def _executing(statements: tuple[str, ...]) -> Any:
    def execute(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return execute


def guard(conditions: Mapping[str, str]) -> RunPython:
    """Return an operation that guards tables: table -> which rows a reader's scope opens.

    Under the whole scope everything is open, and only then can rows be written; a reader of the root reads everything.
    These two are asked once for a statement, and then nothing is asked of any row. Forced, so that the tables' owner
    is held too.
    """
    made, undone = [], []
    for table, condition in conditions.items():
        made += [
            f"CREATE POLICY bangfu_reader ON {table} FOR SELECT USING (CASE WHEN bangfu_planned_for_all()"
            f" THEN (SELECT bangfu_reads_all()) ELSE (SELECT bangfu_reads_all()) OR {condition} END)",
            *(f"CREATE POLICY bangfu_{verb} ON {table} FOR {verb} {rule}" for verb, rule in WRITES.items()),
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        ]
        undone += [
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
            *(f"DROP POLICY bangfu_{verb} ON {table}" for verb in ("reader", *WRITES)),
        ]
    return on_postgres(tuple(made), tuple(undone))


def under_paths(path: str) -> str:
    """Return the condition that the path in a column lies under one of the reader's."""
    return f"{path} ^@ ANY ((SELECT bangfu_paths())::text[])"


def around_paths(path: str) -> str:
    """Return the condition that the path in a column lies under one of the reader's, or the other way round."""
    above = f"EXISTS (SELECT 1 FROM unnest((SELECT bangfu_paths())::text[]) p WHERE p ^@ {path})"  # noqa: S608 - our tables
    return f"{under_paths(path)} OR {above}"


def in_scope(organisation: str) -> str:
    """Return the condition that the organisation in a column (written table.column) lies under the reader's paths."""
    return f"EXISTS (SELECT 1 FROM registry_organisation o WHERE o.id = {organisation} AND {under_paths('o.path')})"  # noqa: S608 - our tables


def open_row(table: str, key: str) -> str:
    """Return the condition that the row of another guarded table, which a column names, is open."""
    return f"EXISTS (SELECT 1 FROM {table} t WHERE t.id = {key})"  # noqa: S608 - our tables
