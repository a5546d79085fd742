"""What kinds of facts there are, and how one is compared and stored. Pure: plain tuples in and out.

A *statement*'s values are a tuple in the order of the spec's fields, sealed fields in clear. Two statements say
the same when their *comparable* tuples are equal: sealed fields by their blind index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from bangfu.core.numbers import KEPT_BY_NUMBER_CELL
from bangfu.core.seal import Keyring

Values = tuple[object, ...]
COMMON = ("id", "{subject}_id", "valid_from", "valid_until", "source_id", "ended_by_id", "retracted_by_id")


@dataclass(frozen=True)
class Field:
    """One field of a fact: its column, what a blank is stored as, and the purpose of its blind index if sealed."""

    name: str
    blank: object = ""
    purpose: str | None = None
    with_start: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the database columns that the field fills."""
        if self.purpose is None:
            return (self.name,)
        index = (self.name, f"{self.name}_index")
        return (*index, f"{self.name}_start") if self.with_start else index


@dataclass(frozen=True)
class FactSpec:
    """A kind of fact. `key`: fields that part one timeline of a subject from another (a status's kind);
    `identity`: fields whose difference is always a correction, for they do not change with the days;
    `event`: happens on its day, and has no course."""

    kind: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    event: bool = False
    subject: str = "person"

    @property
    def table(self) -> str:
        """Return the database table."""
        return "registry_" + self.kind.replace("_", "")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return all columns in the order in which rows are written."""
        common = tuple(name.format(subject=self.subject) for name in COMMON)
        return common + tuple(column for field in self.fields for column in field.columns)

    @cached_property
    def comparable_columns(self) -> tuple[str, ...]:
        """Return the columns that make the comparable tuple, in the fields' order."""
        return tuple(f.name if f.purpose is None else f"{f.name}_index" for f in self.fields)

    @cached_property
    def key_at(self) -> tuple[int, ...]:
        """Return the places of the key's fields."""
        return tuple(self.place_of[name] for name in self.key)

    @cached_property
    def identity_at(self) -> tuple[int, ...]:
        """Return the places of the identity's fields."""
        return tuple(self.place_of[name] for name in self.identity)

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Return field name -> its place in a values tuple."""
        return {field.name: at for at, field in enumerate(self.fields)}


def sealed(name: str, purpose: str, *, with_start: bool = False) -> Field:
    """Return a sealed field."""
    return Field(name, None, purpose, with_start)


def number(name: str) -> Field:
    """Return a field of a number, date, truth value or reference: blank is NULL."""
    return Field(name, None)


SPECS: dict[str, FactSpec] = {
    spec.kind: spec
    for spec in (
        FactSpec(
            "detail",
            (
                Field("name"),
                Field("sex"),
                number("birth"),
                Field("ethnicity"),
                Field("id_type"),
                sealed("id_number", "id", with_start=True),
                Field("id_state"),
                sealed("phone", "phone"),
                Field("address"),
                Field("hukou_address"),
                number("village_id"),
            ),
            identity=("sex", "birth", "id_number", "id_state"),
        ),
        FactSpec(
            "enrolment",
            (
                number("school_id"),
                number("school_class_id"),
                Field("stage"),
                number("year"),
                number("boarding"),
                number("left_behind"),
                number("entered"),
                Field("disability_noted"),
                sealed("roll_number", "roll"),
            ),
        ),
        FactSpec("guardian", (Field("guardian_name"), sealed("guardian_phone", "phone"))),
        FactSpec("household_member", (number("household_id"), Field("relation"), Field("member_number"))),
        FactSpec(
            "status",
            (
                Field("kind"),
                Field("category"),
                Field("level"),
                number("amount"),
                sealed("certificate", "certificate"),
            ),
            key=("kind",),
        ),
        FactSpec(
            "labour_record",
            (
                Field("education"),
                Field("school_status"),
                Field("out_of_school_reason"),
                Field("health"),
                Field("labour"),
                number("months_worked"),
                Field("workplace"),
            ),
        ),
        FactSpec(
            "payment_account",
            (
                Field("head_name"),
                sealed("head_id", "id"),
                Field("holder_name"),
                sealed("holder_id", "id"),
                Field("relation"),
                Field("bank"),
                sealed("account", "account"),
                Field("account_state"),
            ),
        ),
        FactSpec(
            "staff_post",
            (
                number("department_id"),
                Field("staff_number"),
                Field("post"),
                number("retires"),
                number("in_hardship"),
                Field("hometown"),
                Field("speciality"),
            ),
        ),
        FactSpec("absence", (Field("kind"),), event=True),
        FactSpec("meal_days", (number("days"),), event=True),
        FactSpec("organisation_fact", (Field("name"), Field("code"), Field("attributes")), subject="organisation"),
    )
}

Encoder = Callable[[Values], Values]


def comparer(spec: FactSpec, ring: Keyring) -> Encoder:
    """Return `values -> comparable tuple` for a kind of fact."""
    blinders = [(at, ring.blinder(f.purpose)) for at, f in enumerate(spec.fields) if f.purpose]
    if not blinders:
        return lambda values: values

    def compare(values: Values) -> Values:
        out = list(values)
        for at, blind in blinders:
            if out[at] is not None:
                out[at] = blind(str(out[at]))
        return tuple(out)

    return compare


def storer(spec: FactSpec, ring: Keyring) -> Callable[[int, Values, Values], Values]:
    """Return `(row id, values, comparable) -> the columns after the common ones`, sealed for that row."""
    parts = [
        (at, f.with_start, ring.sealer(spec.table, f.name)) if f.purpose else None for at, f in enumerate(spec.fields)
    ]
    if not any(parts):
        return lambda row, values, comparable: values
    start = ring.blinder("id_start")

    def store(row: int, values: Values, comparable: Values) -> Values:
        out: list[object] = []
        for at, part in enumerate(parts):
            value = values[at]
            if part is None:
                out.append(value)
                continue
            _, with_start, seal = part
            out += (None, None) if value is None else (seal(row, str(value)), comparable[at])
            if with_start:
                out.append(None if value is None else start(str(value)[:KEPT_BY_NUMBER_CELL]))
        return tuple(out)

    return store
