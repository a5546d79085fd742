"""A register's contents by name: what two runs that did the same must share, whatever ids they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import models

from bangfu.registry.plan import ROWS_PER_FILE
from tests.homes import Home

Row = tuple[Any, ...]
# Ids and counters, moments, and what is made from random bytes or keys; a path is the names that `parent` gives.
DIFFERS = ("id", "version", "path", "recorded_at", "opened", "closed", "started")


class Contents:
    """The rows of one home's tables, read once."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def tables(self) -> dict[str, list[Row]]:
        """Return every register table's rows with names in place of ids, sorted."""
        named = [*apps.get_app_config("registry").get_models(), *apps.get_app_config("intake").get_models()]
        task = apps.get_model("tasks", "Task")
        return {model._meta.db_table: sorted(self._rows(model), key=repr) for model in (*named, task)}

    def persons(self) -> list[Row]:
        """Return the people with their ids."""
        return self.home.rows("SELECT id, series_id, organisation_id FROM registry_person ORDER BY id")

    def facts_by_file(self) -> dict[str, dict[str, int]]:
        """Return, for each file with rows of its own, how many rows and facts of each kind came from it."""
        found: dict[str, dict[str, int]] = {}
        for id_, name, read in self.home.rows(
            "SELECT id, name, read FROM registry_sourcefile WHERE same_as_id IS NULL"
        ):
            span = (id_ * ROWS_PER_FILE, (id_ + 1) * ROWS_PER_FILE)
            counts = {
                "read": read,
                "rows": self._count("SELECT COUNT(*) FROM registry_sourcerow WHERE file_id = %s", id_),
            }
            subject = f"source_file:{id_}"
            counts["trail"] = self._count(
                "SELECT COUNT(*) FROM audit_entry WHERE action = 'registry.deliver' AND subject = %s", subject
            )
            for table in self._fact_tables:
                where = f"SELECT COUNT(*) FROM {table} WHERE source_id BETWEEN %s AND %s"
                counts[table] = self._count(where, *span)
            found[name] = counts
        return found

    def strays(self) -> int:
        """Return how many facts, rows and trail entries belong to no file that is there."""
        files = "(SELECT id FROM registry_sourcefile)"
        count = self._count(f"SELECT COUNT(*) FROM registry_sourcerow WHERE file_id NOT IN {files}")
        for table in self._fact_tables:
            count += self._count(f"SELECT COUNT(*) FROM {table} WHERE source_id / {ROWS_PER_FILE} NOT IN {files}")
        delivered = self._count("SELECT COUNT(*) FROM audit_entry WHERE action = 'registry.deliver'")
        return count + abs(delivered - self._count("SELECT COUNT(*) FROM registry_sourcefile"))

    @cached_property
    def _fact_tables(self) -> list[str]:
        found = apps.get_app_config("registry").get_models()
        return [m._meta.db_table for m in found if any(field.name == "source" for field in m._meta.fields)]

    def _count(self, statement: str, *values: object) -> int:
        return int(self.home.rows(statement, *values)[0][0])

    def _rows(self, model: type[models.Model]) -> Iterator[Row]:
        fields = [f for f in model._meta.fields if f.name not in DIFFERS and not isinstance(f, models.BinaryField)]
        columns = ", ".join(f'"{field.column}"' for field in fields)
        own = " WHERE same_as_id IS NULL" if model._meta.db_table == "registry_sourcefile" else ""
        if not fields:
            return
        naming = [self._naming(field) for field in fields]
        for row in self.home.rows(f"SELECT {columns} FROM {model._meta.db_table}{own}"):
            yield tuple(name(value) for name, value in zip(naming, row, strict=True))

    def _naming(self, field: models.Field[Any, Any]) -> Callable[[Any], Any]:
        if field.related_model is None:
            return self._task_subject if field.name == "subject" else lambda value: value
        names = getattr(self, f"_{field.related_model._meta.model_name}")
        return lambda id_: None if id_ is None else names[id_]

    def _task_subject(self, subject: str) -> str:
        kind, _, id_ = subject.partition(":")
        return f"{kind}:{self._sourcefile[int(id_)]}" if kind == "source_file" else subject

    @cached_property
    def _organisation(self) -> dict[int, str]:
        rows = self.home.rows("SELECT id, kind, name, code, parent_id FROM registry_organisation ORDER BY id")
        names: dict[int | None, str] = {None: ""}
        for id_, kind, name, code, parent in rows:
            names[id_] = f"{names[parent]}/{kind}:{name}{code}"
        return {id_: name for id_, name in names.items() if id_ is not None}

    @cached_property
    def _series(self) -> dict[int, Row]:
        rows = self.home.rows("SELECT id, layout, organisation_id FROM registry_series")
        return {id_: (layout, self._organisation[place]) for id_, layout, place in rows}

    @cached_property
    def _household(self) -> dict[int, Row]:
        rows = self.home.rows("SELECT id, series_id, number FROM registry_household")
        return {id_: (self._series[series], number) for id_, series, number in rows}

    @cached_property
    def _sourcefile(self) -> dict[int, str]:
        return dict(self.home.rows("SELECT id, name FROM registry_sourcefile"))

    @cached_property
    def _sourcerow(self) -> dict[int, Row]:
        rows = self.home.rows("SELECT id, file_id FROM registry_sourcerow")
        return {id_: (self._sourcefile[file], id_ % ROWS_PER_FILE) for id_, file in rows}

    @cached_property
    def _person(self) -> dict[int, Row]:
        rows = self.home.rows(
            "SELECT r.person_id, MIN(r.id) FROM registry_sourcerow r JOIN registry_person p ON p.id = r.person_id"
            " JOIN registry_sourcefile f ON f.id = r.file_id JOIN registry_series s ON s.id = p.series_id"
            " WHERE f.layout = s.layout GROUP BY r.person_id"
        )
        return {person: self._sourcerow[row] for person, row in rows}
