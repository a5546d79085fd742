"""What the register says, in words that two registers share: ids left out, so that one can be held against another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db import transaction

from bangfu.registry.facts import SPECS, FactSpec
from bangfu.registry.models import Fact, Household, Organisation, Person, Series
from bangfu.registry.queries import held_on

Told = Counter[tuple[object, ...]]
PLACES = ("school_id", "school_class_id", "village_id", "department_id")


def model_of(spec: FactSpec) -> type[Fact]:
    """Return the model of a kind of fact."""
    return apps.get_model("registry", spec.table.removeprefix("registry_"))


def told() -> Told:
    """Return what stands: for each person or listed organisation, list, place and all facts with their days."""
    names = dict(Organisation.objects.values_list("pk", "name"))
    lists = {
        pk: (layout, names[place]) for pk, layout, place in Series.objects.values_list("pk", "layout", "organisation")
    }
    facts = _facts(names, lists)
    people = Person.objects.values_list("pk", "series_id", "organisation_id")
    subjects = {("person", pk): (lists[series], names[place]) for pk, series, place in people}
    listed = Organisation.objects.exclude(series=None).values_list("pk", "series_id", "parent_id")
    subjects |= {("organisation", pk): (lists[series], names[parent or 0]) for pk, series, parent in listed}
    return Counter((*where, tuple(sorted(facts[who]))) for who, where in subjects.items() if who in facts)


def _facts(names: dict[int, str], lists: dict[int, tuple[str, str]]) -> dict[tuple[str, int], list[str]]:
    homes = {
        pk: (lists[series], number) for pk, series, number in Household.objects.values_list("pk", "series", "number")
    }
    facts: dict[tuple[str, int], list[str]] = defaultdict(list)
    for spec in SPECS.values():
        columns = (f"{spec.subject}_id", "valid_from", "valid_until", *spec.comparable_columns)
        for subject, start, until, *says in (
            model_of(spec)._default_manager.filter(retracted_by=None).values_list(*columns)
        ):
            named = dict(zip(spec.comparable_columns, map(_plain, says), strict=True))
            named |= {column: names.get(named[column]) for column in PLACES if column in named}
            if "household_id" in named:
                named["household_id"] = homes[named["household_id"]]
            facts[spec.subject, subject].append(repr((spec.kind, str(start), str(until), sorted(named.items()))))
    return facts


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytes) else value


def held(days: Iterable[date], known_at: datetime | None = None) -> dict[tuple[date, str], set[int]]:
    """Return day and kind -> the facts that held that day, as is known now or was known at a moment."""
    found = {}
    for kind, spec in SPECS.items():
        facts = model_of(spec)._default_manager
        for day in days if facts.exists() else ():
            if held_then := set(facts.filter(held_on(kind, day, known_at)).values_list("pk", flat=True)):
                found[day, kind] = held_then
    return found


def elsewhere(steps: Iterable[Callable[[], object]]) -> Told:
    """Return what a register says in which only these steps were taken; the one at hand stays as it is."""
    with transaction.atomic():
        for step in steps:
            step()
        found = told()
        transaction.set_rollback(True)
    return found
