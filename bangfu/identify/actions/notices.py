"""Publishing and withdrawing a notice; what is said against it, its answer, an appeal and the answer to that."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID

from django.db import transaction

from bangfu.accounts.rules import Role
from bangfu.audit import keys
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.core.slips import PART, PARTS, SIGNS
from bangfu.identify import notices
from bangfu.identify.actions.steps import Said, make_moves
from bangfu.identify.models import Case, Notice, Objection, Round
from bangfu.identify.queries import round_for
from bangfu.identify.rules import NO_NEED, Stage, Verb
from bangfu.identify.sealed import code_index, opened, seal
from bangfu.registry.models import Organisation
from bangfu.tasks.actions import Duty, settle

TOKEN_BYTES = 16
MOST_NAME, MOST_WORDS = 64, 4000
OBJECTOR = "objector"  # what the trail calls somebody who objects: it holds no names
ANSWER, APPEAL, CORRECT = "answer_objection", "answer_appeal", "correct_determination"


# -- the notice


@whole()
@transaction.atomic
def publish(*, round_id: int, place_id: int, seen: str, by: Actor) -> Notice:
    """Publish the reviewed cases of a round, at the school or of one class, for the procedure's working days.

    Cases not in need go along and are never shown. `seen`: the digest of the preview; Overtaken where it would show
    something else by now. BangfuError where nobody waits for a notice there.
    """
    round_ = round_for(round_id, by)
    notices.check_publisher(round_, by)
    if round_.closed_on:
        raise BangfuError("notice_round_closed")
    place = _place(round_, place_id)
    cases = list(notices.reviewed(round_, place).select_for_update().order_by("pk"))
    if not cases:
        raise BangfuError("notice_nobody")
    found = notices.preview(round_, place, by)
    if found.digest != seen:
        raise Overtaken("notice_changed")
    notice = _written(round_, found, len(cases), by)
    for case in cases:
        case.notice = notice
        case.round = round_
    make_moves(cases=cases, verb=Verb.PUBLISH, said={c.pk: Said(tier=c.school_tier) for c in cases}, by=by)
    settle(_take_down(notice, 1), by=by)
    return notice


def _place(round_: Round, place_id: int) -> Organisation:
    place = Organisation.objects.filter(pk=place_id, series=None).first()
    if place is None or not place.path.startswith(round_.path):
        raise NotAllowed("notice_place")
    return place


def _written(round_: Round, found: notices.Preview, cases: int, by: Actor) -> Notice:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    # Salted by the address, which goes with the row: the trail alone tells of nobody.
    digest = sha256(f"{token}{json.dumps(found.lines)}".encode()).hexdigest()
    details: dict[str, object] = {
        "place": found.place.pk, "from": str(found.first_day), "until": str(found.last_day), "cases": cases,
        "lines": len(found.lines), "digest": digest,
    }  # fmt: skip
    entry = record(
        action="identify.publish_notice", by=by, subject=f"round:{round_.pk}", details=details, chain=round_.school_id
    )
    notice = Notice(round=round_, place=found.place, path=found.place.path, token=token, first_day=found.first_day,
                    last_day=found.last_day, entry=entry)  # fmt: skip
    notice.save(force_insert=True)
    return notice


def _take_down(notice: Notice, count: int) -> Duty:
    due = notices.down_on(notice)
    return Duty(notices.TAKE_DOWN, f"notice:{notice.pk}", notice.round.path, Role.AID_OFFICER, due, count)


@whole()
@transaction.atomic
def withdraw_notice(*, notice_id: int, by: Actor, reason: str) -> int:
    """Withdraw a notice before its end: at once it shows nothing, and its cases are evaluated anew. Returns how many.

    The sheet on the wall is still to be taken down.
    """
    if not reason.strip():
        raise BangfuError("reason_missing")
    notice = _held(notice_id, by)
    if not notices.stands(notice, by.at.date()):
        raise BangfuError("notice_over")
    notice.withdrawn_at = by.at
    notice.save(update_fields=["withdrawn_at"])
    cases = list(Case.objects.select_for_update().filter(notice=notice, stage=Stage.NOTICED).order_by("pk"))
    _reopen(cases, notice, reason, by)
    record(action="identify.withdraw_notice", by=by, subject=f"notice:{notice.pk}", details={"cases": len(cases)},
           reason=reason, chain=notice.round.school_id)  # fmt: skip
    return len(cases)


@whole()
@transaction.atomic
def sheet_taken_down(*, notice_id: int, by: Actor) -> None:
    """Say that the sheet of a notice no longer hangs: the task is done."""
    notice = _held(notice_id, by)
    if notices.stands(notice, by.at.date()):
        raise BangfuError("notice_still_stands")
    settle(_take_down(notice, 0), by=by)
    record(action="identify.sheet_taken_down", by=by, subject=f"notice:{notice.pk}", chain=notice.round.school_id)


def _held(notice_id: int, by: Actor) -> Notice:
    notices.notice_for(notice_id, by)
    notice = Notice.objects.select_for_update(of=("self",)).select_related("round__school").get(pk=notice_id)
    notices.check_publisher(notice.round, by)
    return notice


def _reopen(cases: Sequence[Case], notice: Notice, words: str, by: Actor) -> None:
    """Send cases of a notice back to be evaluated; they leave it."""
    for case in cases:
        case.notice = None
        case.round = notice.round
    if cases:
        make_moves(cases=cases, verb=Verb.REOPEN, said={case.pk: Said(words=words) for case in cases}, by=by)


# -- objecting


@dataclass(frozen=True)
class Against:
    """What somebody objects: of a line (its case) or of somebody who is missing (None), and who he is."""

    case: int | None
    name: str
    contact: str
    words: str


@whole()
@transaction.atomic
def object_to(*, token: str, against: Against, key: UUID, by: Actor) -> str:
    """Object to a notice while it stands; returns the code under which the answer is read, printed nowhere else.

    Name, contact and words are needed and sealed. `key` is made with the form: sent twice, it is one objection with
    one code. BangfuError where something is missing, after the notice's days, and where one of the same name against
    the same line waits already.
    """
    notice = Notice.objects.select_for_update(of=("self",)).filter(token=token).select_related("round").first()
    if notice is None:
        raise NotAllowed("notice_unknown")
    code = _code(notice, key)
    if Objection.objects.filter(code_index=code_index(code)).exists():
        return code
    if not notices.stands(notice, by.at.date()):
        raise BangfuError("objection_too_late")
    _check_texts(against)
    case = _line_of(notice, against, by)
    objection = Objection(notice=notice, case=case, path=notice.round.path, state=notices.OPEN,
                          code_index=code_index(code), received_at=by.at)  # fmt: skip
    objection.save(force_insert=True)
    for name in ("name", "contact", "words"):
        setattr(objection, name, seal(objection, name, getattr(against, name).strip()))
    objection.save(update_fields=["name", "contact", "words"])
    due = notices.due_in(objection, "answer_working_days", by.at.date())
    settle(_duty(ANSWER, objection, due, 1), by=by)
    _recorded("object", objection, by)
    return code


def _code(notice: Notice, key: UUID) -> str:
    """Return the code that belongs to a form: made anew, it is the same."""
    said = f"objection\0{notice.pk}\0{key}"
    number = int.from_bytes(hmac.digest(keys.current().web.encode(), said.encode(), "sha256"))
    signs = []
    for _ in range(PART * PARTS):
        number, at = divmod(number, len(SIGNS))
        signs.append(SIGNS[at])
    return "-".join("".join(signs[start : start + PART]) for start in range(0, PART * PARTS, PART))


def _check_texts(against: Against) -> None:
    """BangfuError for what is missing or too long: who objects must be known, so that somebody can ask and answer."""
    for name, most in (("name", MOST_NAME), ("contact", MOST_NAME), ("words", MOST_WORDS)):
        text = getattr(against, name).strip()
        if not text:
            raise BangfuError(f"objection_{name}_missing")
        if len(text) > most:
            raise BangfuError("objection_too_long", most=most)


def _line_of(notice: Notice, against: Against, by: Actor) -> Case | None:
    shown = {number for number, _ in notices.numbered(notice, by.at.date())}
    if against.case is not None and against.case not in shown:
        raise BangfuError("objection_no_line")
    waiting = Objection.objects.filter(notice=notice, case=against.case, state__in=notices.WAITING)
    if any(opened(other, "name") == against.name.strip() for other in waiting):
        raise BangfuError("objection_twice")
    return Case.objects.get(pk=against.case) if against.case is not None else None


def _duty(kind: str, objection: Objection, due: date, count: int) -> Duty:
    """Return the task of answering: the head's where it is about a line, for the aid officer has recognised it."""
    post = Role.PRINCIPAL if objection.case_id else Role.AID_OFFICER
    post = Role.COUNTY_BUREAU if kind == APPEAL else post
    return Duty(kind, f"objection:{objection.pk}", objection.path, post, due, count)


def _recorded(what: str, objection: Objection, by: Actor, **details: object) -> None:
    about: dict[str, object] = {"notice": objection.notice_id, "case": objection.case_id, **details}
    school = objection.notice.round.school_id
    record(action=f"identify.{what}", by=by, subject=f"objection:{objection.pk}", details=about, chain=school)


# -- answering


@whole()
@transaction.atomic
def answer_objection(*, objection_id: int, upheld: bool, words: str, by: Actor) -> Objection:
    """Answer an objection: upheld, its case is evaluated anew; not upheld, the objector may appeal.

    By the aid officer or the head of the school, and never by somebody who has recognised the case.
    """
    objection = _waiting(objection_id, notices.OPEN, words, by)
    objection.upheld, objection.state = upheld, notices.CLOSED if upheld else notices.ANSWERED
    objection.answered_by, objection.answered_at = by.name, by.at
    objection.answer = seal(objection, "answer", words.strip())
    objection.save(update_fields=["upheld", "state", "answered_by", "answered_at", "answer"])
    settle(_duty(ANSWER, objection, by.at.date(), 0), by=by)
    if upheld:
        _reopen_line(objection, words, by)
    _recorded("answer_objection", objection, by, upheld=upheld)
    return objection


@whole()
@transaction.atomic
def appeal(*, code: str, words: str, by: Actor) -> None:
    """Appeal to the county's office against an answer, by the objector's code, within the procedure's days."""
    objection = _locked(code_index=code_index(code))
    if objection is None:
        raise NotAllowed("objection_code_unknown")
    if not words.strip():
        raise BangfuError("objection_words_missing")
    if len(words) > MOST_WORDS:
        raise BangfuError("objection_too_long", most=MOST_WORDS)
    until = notices.appeal_until(objection)
    if until is None or by.at.date() > until:
        raise BangfuError("appeal_too_late")
    objection.state = notices.APPEALED
    objection.appeal = seal(objection, "appeal", words.strip())
    objection.save(update_fields=["state", "appeal"])
    due = notices.due_in(objection, "appeal_answer_working_days", by.at.date())
    settle(_duty(APPEAL, objection, due, 1), by=by)
    _recorded("appeal", objection, by)


@whole()
@transaction.atomic
def answer_appeal(*, objection_id: int, upheld: bool, words: str, by: Actor) -> Objection:
    """Answer an appeal, as the county's office; that is the last word. Upheld, the case is evaluated anew.

    Where it has been determined meanwhile, the school gets a task to correct that.
    """
    objection = _waiting(objection_id, notices.APPEALED, words, by)
    objection.upheld, objection.state = upheld, notices.CLOSED
    objection.answered_by, objection.answered_at = by.name, by.at
    objection.appeal_answer = seal(objection, "appeal_answer", words.strip())
    objection.save(update_fields=["upheld", "state", "answered_by", "answered_at", "appeal_answer"])
    settle(_duty(APPEAL, objection, by.at.date(), 0), by=by)
    if upheld:
        _reopen_line(objection, words, by)
    _recorded("answer_appeal", objection, by, upheld=upheld)
    return objection


def _waiting(objection_id: int, state: str, words: str, by: Actor) -> Objection:
    """Return an objection that waits in this state, held; refused where the actor may not answer it."""
    notices.objection_for(objection_id, by)
    objection = _locked(pk=objection_id)
    if objection is None or objection.state != state:
        raise Overtaken("objection_answered")
    if why := notices.why_not_answered(objection, by):
        raise NotAllowed(why)
    if not words.strip():
        raise BangfuError("answer_words_missing")
    if len(words) > MOST_WORDS:
        raise BangfuError("objection_too_long", most=MOST_WORDS)
    return objection


def _locked(**which: object) -> Objection | None:
    found = Objection.objects.select_for_update(of=("self",)).select_related("notice__round", "case")
    return found.filter(**which).first()


def _reopen_line(objection: Objection, words: str, by: Actor) -> None:
    if objection.case is None:
        return
    case = Case.objects.select_for_update().get(pk=objection.case.pk)
    if case.stage == Stage.NOTICED and case.notice_id == objection.notice_id:
        _reopen([case], objection.notice, words, by)
    elif case.stage == Stage.DETERMINED and case.school_tier != NO_NEED:
        settle(Duty(CORRECT, f"case:{case.pk}", objection.path, Role.AID_OFFICER, by.at.date(), 1), by=by)
