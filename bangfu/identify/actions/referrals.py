"""Referring a family to the office that decides, writing down its answer, and asking afterwards what came of it."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from bangfu.accounts.rules import Role
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.core.workdays import last_day_of_notice
from bangfu.identify import referrals
from bangfu.identify.models import Case, Referral
from bangfu.identify.notices import calendar_of
from bangfu.identify.sealed import seal
from bangfu.registry.models import Organisation
from bangfu.tasks.actions import Duty, settle

ANSWER, FOLLOW_UP = "referral_answer", "referral_follow_up"
MOST_WORDS = 4000
SCHOOLS = ("class", "school", "department", "college")


@whole()
@transaction.atomic
def refer(*, human: int, to: str, words: str, by: Actor) -> Referral:
    """Refer a family to an office; `to`: the codes of office and matter, 'civil_affairs.minimum_living'.

    Its answer is due within the office's working days. BangfuError for an office or matter that is not in the form, no
    words, or where the same was asked already and waits.
    """
    found = referrals.family(human, by)
    office, _, about = to.partition(".")
    known = referrals.offices()["office"].get(office, {})
    if about not in known.get("decides", {}):
        raise BangfuError("office_missing")
    _check(words)
    if Referral.objects.select_for_update().filter(person__in=found.members, office=office, about=about, answer=""):
        raise BangfuError("referral_twice")
    day = by.at.date()
    due = last_day_of_notice(day, known["answer_working_days"], calendar_of(found.path))
    case = Case.objects.filter(human=human, path=found.path).order_by("-pk").first()
    entry = record(action="identify.refer", by=by, subject=f"person:{found.person}",
                   details={"office": office, "about": about, "due": str(due)}, chain=_chain(found.path))  # fmt: skip
    referral = Referral(person_id=found.person, path=found.path, case=case, office=office, about=about, sent_on=day,
                        due=due, entry=entry)  # fmt: skip
    referral.save(force_insert=True)
    referral.words = seal(referral, "words", words.strip())
    referral.save(update_fields=["words"])
    settle(_duty(ANSWER, referral, due, 1), by=by)
    return referral


def _chain(path: str) -> int:
    """Return the organisation in whose trail a referral stands: the one at the path's end."""
    return int(path.strip("/").rpartition("/")[2])


def _check(words: str) -> None:
    if not words.strip():
        raise BangfuError("referral_words_missing")
    if len(words) > MOST_WORDS:
        raise BangfuError("objection_too_long", most=MOST_WORDS)


def _duty(kind: str, referral: Referral, due: date, count: int) -> Duty:
    """Return the task of a referral: the school's where it is of a pupil, else the county office's."""
    at_school = Organisation.objects.filter(pk=_chain(referral.path), kind__in=SCHOOLS).exists()
    post = Role.AID_OFFICER if at_school else Role.COUNTY_BUREAU
    return Duty(kind, f"referral:{referral.pk}", referral.path, post, due, count)


@whole()
@transaction.atomic
def answer_referral(*, referral_id: int, answer: str, words: str, by: Actor) -> Referral:
    """Write down what the office has answered (a code of the form); the family is to be asked afterwards."""
    referral = _held(referral_id, by)
    if referral.answer:
        raise Overtaken("referral_answered")
    form = referrals.offices()
    if answer not in form["answer"]:
        raise BangfuError("answer_missing")
    if len(words) > MOST_WORDS:
        raise BangfuError("objection_too_long", most=MOST_WORDS)
    referral.answer, referral.answered_on = answer, by.at.date()
    referral.answer_words = seal(referral, "answer_words", words.strip())
    referral.save(update_fields=["answer", "answered_on", "answer_words"])
    settle(_duty(ANSWER, referral, referral.due, 0), by=by)
    days = form["referral"]["follow_up_working_days"]
    due = last_day_of_notice(by.at.date(), days, calendar_of(referral.path))
    settle(_duty(FOLLOW_UP, referral, due, 1), by=by)
    _recorded("answer_referral", referral, by, answer=answer)
    return referral


@whole()
@transaction.atomic
def follow_up(*, referral_id: int, words: str, by: Actor) -> Referral:
    """Write down what has come of an answered referral, as the family says."""
    referral = _held(referral_id, by)
    if not referral.answer:
        raise BangfuError("referral_waits")
    if referral.followed_on:
        raise Overtaken("referral_followed_already")
    _check(words)
    referral.followed_on = by.at.date()
    referral.follow_words = seal(referral, "follow_words", words.strip())
    referral.save(update_fields=["followed_on", "follow_words"])
    settle(_duty(FOLLOW_UP, referral, by.at.date(), 0), by=by)
    _recorded("follow_up_referral", referral, by)
    return referral


def _held(referral_id: int, by: Actor) -> Referral:
    referrals.referral_for(referral_id, by)
    referral = Referral.objects.select_for_update().get(pk=referral_id)
    if not referrals.may_work(referral, by):
        raise NotAllowed("referral_not_there", number=referral_id)
    return referral


def _recorded(what: str, referral: Referral, by: Actor, **details: object) -> None:
    record(action=f"identify.{what}", by=by, subject=f"referral:{referral.pk}", details=details,
           chain=_chain(referral.path))  # fmt: skip
