"""What is done with families and by them: codes printed, families informed, applications begun, sent, withdrawn.

A family acts with the number of its pass, which opens its own pupil only; a teacher acts on the pupils of his class.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.core.messages import reader_language
from bangfu.core.slips import new_slip
from bangfu.identify.actions.recognition import open_case
from bangfu.identify.actions.rounds import add_proposal
from bangfu.identify.application import PROMISE, Answers, Form, check_page, incomplete
from bangfu.identify.families import (
    answers_in,
    application_form,
    is_late,
    may_open,
    may_work,
    names_on,
    place_on,
    pupil_for,
    pupils_for,
)
from bangfu.identify.models import Application, Case, Informed, Pass, Round
from bangfu.identify.passes import check_pass
from bangfu.identify.queries import around
from bangfu.identify.rules import Stage
from bangfu.identify.sealed import code_index, seal
from bangfu.registry.models import Organisation

BY_HAND = ("paper", "phone", "letter")  # how a teacher tells a family; 'page': it has read the notice itself
APPLIED, EMERGENCY = "applied", "emergency"


@dataclass(frozen=True)
class Signed:
    """What somebody agrees to (codes of the form's consents, and the promise), and his name under it."""

    name: str
    agreed: frozenset[str]


# -- by the teacher


@whole()
@transaction.atomic
def print_passes(*, round_: int, people: Sequence[int], by: Actor) -> dict[int, str]:
    """Return person -> a new code for his family, to be printed and shown nowhere else; the codes of before end."""
    found, pupils = _round_and_pupils(round_, people, by)
    until = by.at.date() + timedelta(days=application_form().pass_days)
    codes = {person: new_slip() for person in pupils}
    Pass.objects.filter(round=found, person__in=pupils, ended_at=None).update(ended_at=by.at)
    Pass.objects.bulk_create(
        Pass(round=found, person_id=person, path=place.path, code_index=code_index(codes[person]), until=until)
        for person, (_, place) in pupils.items()
    )
    details: dict[str, object] = {"families": len(codes), "until": str(until)}
    record(action="identify.print_passes", by=by, subject=f"round:{round_}", details=details, chain=found.school_id)
    return codes


@whole()
@transaction.atomic
def inform(*, round_: int, people: Sequence[int], channel: str, by: Actor) -> int:
    """Write down that families have been told, and how; returns how many had not been before."""
    if channel not in BY_HAND:
        raise BangfuError("channel_unknown", known=", ".join(BY_HAND))
    found, pupils = _round_and_pupils(round_, people, by)
    before = set(Informed.objects.filter(round=found, person__in=pupils).values_list("person_id", flat=True))
    new = [person for person in pupils if person not in before]
    Informed.objects.bulk_create(
        Informed(round=found, person_id=person, path=pupils[person][1].path, channel=channel, at=by.at, by_name=by.name)
        for person in new
    )
    details: dict[str, object] = {"families": len(new), "channel": channel}
    record(action="identify.inform", by=by, subject=f"round:{round_}", details=details, chain=found.school_id)
    return len(new)


@whole()
@transaction.atomic
def type_in_application(*, round_: int, person: int, answers: Answers, signed: Signed, by: Actor) -> Application:
    """Take in an application that a family has handed in on paper, signed, and send it."""
    found, pupils = _round_and_pupils(round_, [person], by)
    application = _application(found, person, pupils[person][1].path)
    asked = application_form().asked(is_late(found, by.at.date()))
    taken = {page.code: answers[page.code] for page in asked if page.code in answers}
    for page in asked:
        if page.code in taken:
            check_page(page, taken[page.code])
    application.by_teacher = True
    _send(application, taken, signed, by)
    return application


@whole()
@transaction.atomic
def open_application(*, round_: int, person: int, by: Actor) -> Answers:
    """Return what a family has sent, and write down that its case was opened: once a reader and day."""
    found = _round(round_, by)
    _, place = pupil_for(found, person, by)
    application = Application.objects.filter(round=found, person=person).exclude(sent_at=None).first()
    if application is None or not may_open(place, by):
        raise NotAllowed("application_not_yours")
    case = Case.objects.filter(round=found, person=person).order_by("-pk")[0]
    open_case(case_id=case.pk, by=by)
    return answers_in(application)


# -- by the family


@whole()
@transaction.atomic
def receive_notice(*, number: int, by: Actor) -> None:
    """Write down that a family has read the notice to families itself; a second time changes nothing."""
    held = _family(number, by)
    about = {"round": held.round, "person_id": held.person_id}
    if Informed.objects.filter(**about).exists():
        return
    Informed.objects.create(**about, path=held.path, channel="page", at=by.at, by_name=by.name)
    record(action="identify.receive_notice", by=by, subject=f"pass:{number}", chain=held.round.school_id)


@whole()
@transaction.atomic
def keep_page(*, number: int, page: str, said: object, by: Actor) -> None:
    """Keep what a family says on one page of its application, which it may go on with later; nothing is sent yet."""
    held = _family(number, by)
    late = is_late(held.round, by.at.date())
    form = application_form()
    asked = form.page(page, late)
    if asked is None:
        raise BangfuError("application_page_unknown")
    check_page(asked, said)
    application = _application(held.round, held.person_id or 0, held.path)
    answers = answers_in(application) | {page: said}
    following = form.after(page, late)
    application.page = following.code if following else ""
    _keep(application, answers)
    record(action="identify.keep_page", by=by, subject=f"application:{application.pk}", details={"page": page},
           chain=held.round.school_id)  # fmt: skip


@whole()
@transaction.atomic
def send_application(*, number: int, signed: Signed, by: Actor) -> Application:
    """Send what a family has kept, with its promise and consents; the pupil's case is made or found."""
    held = _family(number, by)
    application = _application(held.round, held.person_id or 0, held.path)
    _send(application, answers_in(application), signed, by)
    return application


@whole()
@transaction.atomic
def withdraw_application(*, number: int, by: Actor) -> None:
    """Write down that a family no longer wants what it applied for. The case stays: it ends by a decision only."""
    held = _family(number, by)
    application = Application.objects.select_for_update().filter(round=held.round, person=held.person_id).first()
    if application is None or application.sent_at is None or application.withdrawn_at is not None:
        raise BangfuError("nothing_to_withdraw")
    application.withdrawn_at = by.at
    application.save(update_fields=["withdrawn_at"])
    record(action="identify.withdraw", by=by, subject=f"application:{application.pk}", chain=held.round.school_id)


# -- shared


def _round(number: int, by: Actor) -> Round:
    """Return a round that the actor sees at least a class of, locked: who prints or applies comes one by one."""
    found = Round.objects.select_for_update().filter(around(by), pk=number).first()
    if found is None:
        raise NotAllowed("round_not_yours", number=number)
    return found


def _round_and_pupils(
    number: int, people: Sequence[int], by: Actor
) -> tuple[Round, dict[int, tuple[str, Organisation]]]:
    """Return a round and the pupils; NotAllowed where the actor does not deal with the families of one of them."""
    found = _round(number, by)
    pupils = pupils_for(found, people, by)
    if not all(may_work(place, by) for _, place in pupils.values()):
        raise NotAllowed("families_not_yours")
    return found, pupils


def _family(number: int, by: Actor) -> Pass:
    """Return the pass of a family, with its round locked; NotAllowed for any other pass."""
    held = check_pass(number, by)
    if held.person_id is None:
        raise NotAllowed("pass_not_valid")
    held.round = Round.objects.select_for_update().get(pk=held.round_id)
    return held


def _application(round_: Round, person: int, path: str) -> Application:
    """Return a pupil's application that is not sent yet, begun now if need be; BangfuError points to one sent."""
    found = Application.objects.select_for_update().filter(round=round_, person=person).first()
    if found is None:
        return Application(round=round_, person_id=person, path=path)
    if found.sent_at is not None:
        raise BangfuError("application_sent_before", number=found.pk, day=found.sent_at.date())
    return found


def _keep(application: Application, answers: Answers) -> None:
    """Seal and save the answers; a new row gets its id first, which what is sealed is bound to."""
    if application._state.adding:
        application.save(force_insert=True)
    application.answers = seal(application, "answers", json.dumps(answers, ensure_ascii=False))
    application.save()


def _send(application: Application, answers: Answers, signed: Signed, by: Actor) -> None:
    """Judge an application, keep it as sent, and let it propose the pupil."""
    day, round_, form = by.at.date(), application.round, application_form()
    if round_.closed_on:
        raise BangfuError("round_closed", day=round_.closed_on)
    place = _still_here(application, day)
    late = is_late(round_, day)
    _check_complete(form, answers, round_, late)
    _check_signed(form, signed)
    application.path, application.page, application.sent_at = place.path, "", by.at
    application.consents = {
        each.code: {"day": str(day), "version": form.version, "basis": each.basis}
        for each in (form.promise, *form.consents)
    }
    _keep(application, answers | {PROMISE: signed.name.strip()})
    case = _proposed(application, _happened(form, answers) if late else "", by)
    details = {"case": case.pk, "emergency": late, "by_teacher": application.by_teacher}
    record(action="identify.apply", by=by, subject=f"application:{application.pk}",
           details={**details, "consents": sorted(application.consents)}, chain=round_.school_id)  # fmt: skip


def _still_here(application: Application, day: date) -> Organisation:
    place = place_on(application.round, [application.person_id], day).get(application.person_id)
    if place is None:
        name = names_on([application.person_id]).get(application.person_id, "")
        raise BangfuError("family_pupil_left", name=name, school=application.round.school.name)
    return place


def _check_complete(form: Form, answers: Answers, round_: Round, late: bool) -> None:
    emergency = [page.code for page in form.pages if page.emergency and answers.get(page.code)]
    if late and not emergency:
        raise BangfuError("apply_time_over", day=round_.apply_until)
    for page, field in incomplete(form, answers, late):
        lang = reader_language()
        raise BangfuError("application_incomplete", page=page.title[lang], field=field.label[lang])


def _check_signed(form: Form, signed: Signed) -> None:
    if PROMISE not in signed.agreed or not signed.name.strip():
        raise BangfuError("promise_missing")
    for consent in form.consents:
        if consent.code not in signed.agreed:
            raise BangfuError("consent_missing", text=consent.text[reader_language()])


def _happened(form: Form, answers: Answers) -> str:
    """Return what happened, in the family's own words."""
    pages: Collection[str] = [page.code for page in form.pages if page.emergency]
    return "\n".join(str(value) for code in pages for value in answers[code].values())


def _proposed(application: Application, happened: str, by: Actor) -> Case:
    """Let an application propose its pupil, and what has happened with it, in the newest case that is not decided."""
    about: dict[str, Any] = {"round_": application.round, "person": application.person_id, "by": by}
    if happened:
        add_proposal(kind=EMERGENCY, words=happened, **about)
    case = add_proposal(kind=APPLIED, words="", **about)
    if case.stage in (Stage.DETERMINED, Stage.CONTINUED):
        raise BangfuError("case_decided")
    return case
