"""Copy a register from SQLite into an empty database on PostgreSQL: `python -m tests.bench.copying FILE KEEPER`.

KEEPER: the database's address for its superuser, whom neither guards nor references stop. In the environment of the new
home, which has the old one's keys. Rows are copied as they are; the database's own checks of references wait, for they
held where the rows come from.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import psycopg


def copy(file: Path, keeper: str) -> None:
    """Make the tables, and fill each with the rows of the one of its name."""
    from django.apps import apps
    from django.core.management import call_command
    from django.core.management.color import no_style
    from django.db import connection

    call_command("migrate", verbosity=0)
    source = sqlite3.connect(file)
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    with psycopg.connect(keeper, autocommit=True) as raw, raw.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET TimeZone = 'UTC'")  # SQLite's moments are in UTC and do not say so
        tables = [model._meta.db_table for model in models]
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        for table in tables:
            rows = source.execute(f"SELECT * FROM {table}")
            columns = ", ".join(f'"{column[0]}"' for column in rows.description)
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as out:
                for row in rows:
                    out.write_row(row)
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    from bangfu.cli import home

    home.start()
    copy(Path(sys.argv[1]), sys.argv[2])
