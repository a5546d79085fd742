"""Row-level security of a table, as migrations make it on PostgreSQL. What is made here is in databases: a change of
it needs migrations of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.migrations import RunPython

# What the setting of `audit/scope.py` says. Policies ask by a sub-select, which is answered once for a statement.
FUNCTIONS = (
    "CREATE FUNCTION bangfu_sees_whole() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS"
    " $$ SELECT COALESCE(current_setting('bangfu.scope', true) = 'whole', false) $$",
    "CREATE FUNCTION bangfu_paths() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS"
    " $$ SELECT string_to_array(NULLIF(current_setting('bangfu.scope', true), 'whole'), ' ') $$",
)
DROP_FUNCTIONS = ("DROP FUNCTION bangfu_paths()", "DROP FUNCTION bangfu_sees_whole()")


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

    Under the whole scope everything is open, and only then can rows be written. Forced, so that the tables' owner is
    held too. Policies are asked in the order of their names.
    """
    made, undone = [], []
    for table, condition in conditions.items():
        made += [
            f"CREATE POLICY bangfu_everything ON {table} USING ((SELECT bangfu_sees_whole()))",
            f"CREATE POLICY bangfu_reader ON {table} FOR SELECT USING ({condition})",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        ]
        undone += [
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
            f"DROP POLICY bangfu_reader ON {table}",
            f"DROP POLICY bangfu_everything ON {table}",
        ]
    return on_postgres(tuple(made), tuple(undone))


def under_paths(path: str) -> str:
    """Return the condition that the path in a column lies under one of the reader's."""
    return f"{path} ^@ ANY ((SELECT bangfu_paths())::text[])"


def in_scope(organisation: str) -> str:
    """Return the condition that the organisation in a column (written table.column) lies under the reader's paths."""
    return f"EXISTS (SELECT 1 FROM registry_organisation o WHERE o.id = {organisation} AND {under_paths('o.path')})"  # noqa: S608 - our tables


def open_row(table: str, key: str) -> str:
    """Return the condition that the row of another guarded table, which a column names, is open."""
    return f"EXISTS (SELECT 1 FROM {table} t WHERE t.id = {key})"  # noqa: S608 - our tables
