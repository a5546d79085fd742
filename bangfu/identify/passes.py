"""Reading passes: whoever holds a printed code has no account, so each read opens the whole and looks for one row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import NotAllowed
from bangfu.identify.models import Pass
from bangfu.identify.sealed import code_index

MOST_CODE_SIGNS = 64


@dataclass(frozen=True)
class Held:
    """A valid pass as its holder has it: of which round, and of which family's pupil or which panel's member."""

    number: int
    round: int
    person: int | None
    member: int | None


def pass_by_code(code: str, day: date) -> Held | None:
    """Return the pass of this code, however it was typed, if it is valid on `day`; None tells nothing more."""
    if not code.strip() or len(code) > MOST_CODE_SIGNS:
        return None
    return _valid_pass(valid_on(day) & Q(code_index=code_index(code)))


def pass_of(number: int, day: date) -> Held | None:
    """Return the pass that a session has remembered, if it is still valid on `day`."""
    return _valid_pass(valid_on(day) & Q(pk=number))


def _valid_pass(which: Q) -> Held | None:
    with whole():
        row = Pass.objects.filter(which).values_list("pk", "round_id", "person_id", "member_id").first()
    return Held(*row) if row else None


def valid_on(day: date) -> Q:
    """Return the condition that a pass was not ended and its last day has not gone by."""
    return Q(ended_at=None, until__gte=day)


def check_pass(number: int, by: Actor) -> Pass:
    """Return a pass whose holder acts, locked; NotAllowed where it is no longer valid or another's.

    For actions: inside their transaction, and their scope.
    """
    found = Pass.objects.select_for_update().filter(valid_on(by.at.date()), pk=number).first()
    if found is None or by.name != actor_name(number):
        raise NotAllowed("pass_not_valid")
    return found


def actor_name(number: int) -> str:
    """Return what the trail calls the holder of a pass."""
    return f"pass:{number}"
