"""Referrals of families to the offices that decide (clause I.9): which wait, whose answer is late, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet

from bangfu.accounts.rules import Role, holds_post
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.ids import is_id
from bangfu.core.messages import reader_language
from bangfu.coverage.models import Alias, PupilState
from bangfu.identify.forms import form
from bangfu.identify.models import Referral
from bangfu.identify.sealed import opened
from bangfu.registry.models import Detail, Person
from bangfu.registry.queries import open_to

# Whose work it is: the class teacher for his own class.
REFERRERS = (Role.CLASS_TEACHER, Role.AID_OFFICER, Role.PRINCIPAL, Role.COUNTY_BUREAU)


def offices() -> dict[str, Any]:
    """Return the form of offices; BangfuError where it lacks what a referral needs."""
    found = form("offices", settings.HOME)
    for name in ("office", "answer", "referral"):
        if not isinstance(found.get(name), dict):
            raise BangfuError("offices_lack", name=name)
    for code, office in found["office"].items():
        if not isinstance(office.get("answer_working_days"), int) or not office.get("decides"):
            raise BangfuError("offices_lack", name=f"office.{code}")
    return found


@dataclass(frozen=True)
class Choice:
    """What can be asked of an office: both codes in one value, and the words."""

    value: str
    office: str
    about: str


def choices() -> list[Choice]:
    """Return everything that can be asked of any office, by office."""
    lang = reader_language()
    return [
        Choice(f"{code}.{about}", office["says"][lang], words[lang])
        for code, office in offices()["office"].items()
        for about, words in office["decides"].items()
    ]


def titles(referral: Referral, form_: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what the office, the matter and the answer of a referral are called; a code without words as it is."""
    lang = reader_language()
    office = form_["office"].get(referral.office, {})
    about = office.get("decides", {}).get(referral.about, {})
    answer = form_["answer"].get(referral.answer, {})
    return (
        office.get("says", {}).get(lang, referral.office),
        about.get(lang, referral.about),
        answer.get(lang, referral.answer),
    )


@dataclass(frozen=True)
class Family:
    """Whose family is referred: a record of his that the actor sees, all his records, where he stands, his name."""

    person: int
    members: list[int]
    path: str
    name: str


def family(human: int, by: Actor) -> Family:
    """Return the family of a human, at his class where he is a pupil; NotAllowed outside the actor's work."""
    if not is_id(human):
        raise NotAllowed("person_not_yours", id=human)
    members = [human, *Alias.objects.filter(human=human).values_list("record_id", flat=True)]
    people = Person.objects.filter(pk__in=members).select_related("organisation").order_by("pk")
    places = {person.organisation.path: person.pk for person in people if by.sees(person.organisation.path)}
    pupil = PupilState.objects.filter(human=human).values_list("path", flat=True).first() or ""
    path = next((path for path in places if path.startswith(pupil) or pupil.startswith(path)), "")
    if not path or not _works_at(path, by):
        raise NotAllowed("person_not_yours", id=human)
    said = Detail.objects.filter(person=places[path], retracted_by=None).order_by("-valid_from", "-pk")
    at = pupil if pupil and by.sees(pupil) else path
    return Family(places[path], members, at, said.values_list("name", flat=True).first() or "")


def _works_at(path: str, by: Actor) -> bool:
    post, *above = REFERRERS
    return holds_post(by, post, path, *above)


def referrals(by: Actor, *, waiting: bool = False) -> QuerySet[Referral]:
    """Return the referrals in the actor's scope, those whose answer is due first; `waiting`: without one only."""
    found = Referral.objects.filter(open_to(by, "path"))
    if waiting:
        found = found.filter(answer="")
    return found.order_by(F("answered_on").asc(nulls_first=True), "due", "pk")


def referral_for(number: int, by: Actor) -> Referral:
    """Return a referral in the actor's scope; NotAllowed for any other."""
    found = referrals(by).filter(pk=number).first() if is_id(number) else None
    if found is None:
        raise NotAllowed("referral_not_there", number=number)
    return found


def names(found: Iterable[Referral], by: Actor) -> dict[int, str]:
    """Return person -> name of referrals in the actor's scope; one query."""
    people = [referral.person_id for referral in found if by.sees(referral.path)]
    said = Detail.objects.filter(person__in=people, retracted_by=None).order_by("valid_from", "pk")
    return dict(said.values_list("person_id", "name"))


def may_work(referral: Referral, by: Actor) -> bool:
    """Tell whether the actor may answer or follow up a referral."""
    return _works_at(referral.path, by)


def human_of(referral: Referral) -> int:
    """Return the human under whom the person of a referral is found."""
    found = Alias.objects.filter(record=referral.person_id).values_list("human_id", flat=True).first()
    return found or referral.person_id


def said_in(referral: Referral, by: Actor) -> dict[str, str] | None:
    """Return what was written with a referral, to those whose work it is; None for others."""
    if not may_work(referral, by):
        return None
    return {name: opened(referral, name) for name in ("words", "answer_words", "follow_words")}


def counts(by: Actor) -> dict[str, int]:
    """Return how many referrals in the actor's scope wait, are late, and are yet to be followed up."""
    day, found = by.at.date(), referrals(by)
    return {
        "waiting": found.filter(answer="").count(),
        "late": found.filter(answer="", due__lt=day).count(),
        "to_follow": found.exclude(answer="").filter(followed_on=None).count(),
    }


def is_late(referral: Referral, day: date) -> bool:
    """Tell whether an answer is due since before `day`."""
    return not referral.answer and referral.due < day
