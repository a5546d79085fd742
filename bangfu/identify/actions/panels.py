"""A class's panel: set up, given its passes, voting in secret, counted once; then nobody can read who said what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.utils.timezone import localtime

from bangfu.accounts.rules import Role, holds_post
from bangfu.audit.actions import record
from bangfu.audit.scope import whole
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed, Overtaken
from bangfu.core.ids import is_id
from bangfu.core.slips import new_slip
from bangfu.identify import panels, queries
from bangfu.identify.actions.steps import Said, _update_rows, make_moves
from bangfu.identify.models import Ballot, Case, Panel, PanelMember, Pass, Recusal, Round
from bangfu.identify.panels import KIN, PARENT, SELF, STUDENT
from bangfu.identify.passes import check_pass
from bangfu.identify.recognition import held_cases
from bangfu.identify.rules import Tally, Verb, tally
from bangfu.identify.sealed import code_index, opened, seal
from bangfu.registry.models import TEXT, Organisation

MOST_MEMBERS = 30
# A member's code opens his page a while longer than he may vote: it says that the vote is over.
DAYS_SHOWN = 7
# Cells of one length: the length of a sealed text shows, and would tell one tier from another.
SCORE_SIGNS = 32
WITHOUT = ("emergency", "too_few_members", "panel_counted")  # why a case is evaluated without a panel


@dataclass(frozen=True)
class Seat:
    """Who is to sit on a panel, and as what. `person`: a student himself; of a parent, his child in the class."""

    kind: str
    name: str = ""
    person: int | None = None


@whole()
@transaction.atomic
def set_up_panel(*, round_id: int, class_id: int, seats: Sequence[Seat], until: date, by: Actor) -> Panel:
    """Set up a class's panel, which votes until the day `until`; whom a member may not judge is found at once.

    BangfuError where it has too few members of a kind, one of them twice or without a name, or a day that is past;
    and where the class has a panel already. NotAllowed for who neither teaches the class nor is the aid officer.
    """
    round_ = queries.round_for(round_id, by)
    place = panels.class_for(round_, class_id, by)
    _check_keeper(place.path, by)
    list(Round.objects.select_for_update().filter(pk=round_.pk).values_list("pk"))
    if round_.closed_on:
        raise BangfuError("round_closed", day=round_.closed_on)
    if Panel.objects.filter(round=round_, school_class=place).exists():
        raise BangfuError("panel_exists", place=place.name)
    if until < by.at.date():
        raise BangfuError("panel_day_past", until=until)
    members = _members(round_, place, seats, by)
    panel = Panel.objects.create(round=round_, school_class=place, path=place.path, until=until)
    for member in members:
        member.panel = panel
    PanelMember.objects.bulk_create(members)
    recused = _recuse(panel, panels.judged_by(panel))
    details: dict[str, object] = {"members": len(members), "recusals": len(recused), "until": until.isoformat()}
    record(action="identify.set_up_panel", by=by, subject=f"panel:{panel.pk}", details=details, chain=round_.school_id)
    return panel


def _members(round_: Round, place: Organisation, seats: Sequence[Seat], by: Actor) -> list[PanelMember]:
    asked: dict[str, int] = round_.procedure["panel"]["at_least"]
    pupils = panels.class_pupils(place, by.at.date(), by)
    members = [_member(seat, asked, pupils) for seat in seats]
    if len(members) > MOST_MEMBERS:
        raise BangfuError("panel_too_many", most=MOST_MEMBERS)
    if len({(member.kind, member.name, member.person_id) for member in members}) < len(members):
        raise BangfuError("panel_member_twice")
    kinds = [member.kind for member in members]
    for kind, least in asked.items():
        if kinds.count(kind) < least:
            raise BangfuError("panel_lacks", kind=panels.kind_words(kind), count=least)
    if len(members) < round_.procedure["panel"]["quorum"]:
        raise BangfuError("panel_below_quorum", count=round_.procedure["panel"]["quorum"])
    return members


def _member(seat: Seat, asked: Mapping[str, int], pupils: Mapping[int, str]) -> PanelMember:
    if seat.kind not in asked:
        raise BangfuError("panel_kind_unknown", kind=seat.kind, known=", ".join(asked))
    person = seat.person if seat.kind in (STUDENT, PARENT) else None
    if (person is not None and person not in pupils) or (seat.kind == STUDENT and person is None):
        raise BangfuError("panel_not_of_class")
    name = pupils[person] if seat.kind == STUDENT and person else seat.name.strip()
    if not name or len(name) > TEXT:
        raise BangfuError("panel_name_missing", kind=panels.kind_words(seat.kind))
    return PanelMember(kind=seat.kind, name=name, person_id=person)


@whole()
@transaction.atomic
def dissolve_panel(*, panel_id: int, by: Actor, reason: str) -> None:
    """Dissolve a panel that was set up wrongly; BangfuError once somebody has voted, or without a reason."""
    panel = _held(panel_id, by)
    if not reason.strip():
        raise BangfuError("reason_missing")
    if Ballot.objects.filter(member__panel=panel).exists():
        raise BangfuError("panel_has_voted")
    _end_passes(panel, by)
    Recusal.objects.filter(member__panel=panel).delete()
    panel.members.all().delete()
    record(action="identify.dissolve_panel", by=by, subject=f"panel:{panel.pk}", reason=reason,
           chain=panel.round.school_id)  # fmt: skip
    panel.delete()


@whole()
@transaction.atomic
def print_panel_passes(*, panel_id: int, by: Actor, member_id: int | None = None) -> list[tuple[PanelMember, str]]:
    """Give each member of a panel (or one of them) a new code and return them, to be printed once; old codes end."""
    panel = _held(panel_id, by)
    members = list(panel.members.filter(pk=member_id) if member_id else panel.members.order_by("pk"))
    if not members:
        raise NotAllowed("panel_not_yours", number=panel_id)
    _end_passes(panel, by, members)
    codes = [(member, new_slip()) for member in members]
    until = panel.until + timedelta(days=DAYS_SHOWN)
    Pass.objects.bulk_create(
        Pass(round=panel.round, member=member, path=panel.path, code_index=code_index(code), until=until)
        for member, code in codes
    )
    record(action="identify.print_panel_passes", by=by, subject=f"panel:{panel.pk}",
           details={"passes": len(codes)}, chain=panel.round.school_id)  # fmt: skip
    return codes


def _end_passes(panel: Panel, by: Actor, members: Sequence[PanelMember] = ()) -> None:
    """End codes. The row lets its member go, so that a session which still remembers it opens nothing."""
    known = Pass.objects.filter(member__panel=panel)
    (known.filter(member__in=members) if members else known).update(ended_at=by.at, member=None)


# -- nobody judges himself or his kin


@whole()
@transaction.atomic
def add_recusal(*, member_id: int, case_id: int, why: str, by: Actor) -> None:
    """Write down by hand that a member does not judge a pupil; what he has said of him is dropped."""
    member = PanelMember.objects.filter(pk=member_id).first() if is_id(member_id) else None
    if member is None:
        raise NotAllowed("panel_not_yours", number=0)
    panel = _held(member.panel_id, by)
    if why not in (SELF, KIN):
        raise BangfuError("recusal_unknown")
    case = next((case for case in panels.judged_by(panel) if case.pk == case_id), None)
    if case is None:
        raise NotAllowed("case_not_yours", number=case_id)
    Recusal.objects.update_or_create(member=member, case=case, defaults={"why": why})
    Ballot.objects.filter(member=member, case=case).delete()
    record(action="identify.add_recusal", by=by, subject=f"panel:{panel.pk}",
           details={"member": member_id, "case": case_id, "why": why}, chain=panel.round.school_id)  # fmt: skip


def _recuse(panel: Panel, judged: Sequence[Case]) -> dict[panels.Pair, str]:
    """Write down whom the members do not judge of these cases, as the registers say now, and return all of it."""
    if panel.recused_for == (state := panels.state_of(judged)):
        return panels.written(panel)
    found = panels.barred(panel, judged, list(panel.members.all()))
    rows = [Recusal(member_id=member, case_id=case, why=why) for (member, case), why in found.items()]
    Recusal.objects.bulk_create(rows, ignore_conflicts=True)
    Panel.objects.filter(pk=panel.pk).update(recused_for=state)
    return found


# -- voting


@whole()
@transaction.atomic
def cast(*, pass_id: int, scores: Mapping[int, str], by: Actor) -> None:
    """Say of each of these cases which tier a member of a panel sees it in; he may say otherwise until the count.

    BangfuError after the last day or the count, and for a tier that there is not; NotAllowed for a case that is not
    his to judge. The entry in the trail says how many, and nothing that what he said could be found out from.
    """
    held = check_pass(pass_id, by)
    if held.member is None:
        raise NotAllowed("pass_not_valid")
    member = held.member
    panel = _locked(member.panel_id)
    _check_votes(panel, by.at.date())
    known = panels.scores(panel.round)
    for tier in scores.values():
        if tier not in known:
            raise BangfuError("tier_unknown", tier=tier, known=", ".join(known))
    judged = panels.judged_by(panel)
    found = _recuse(panel, judged)
    own = {case.pk for case in judged if (member.pk, case.pk) not in found}
    if set(scores) - own:
        raise NotAllowed("ballot_not_yours")
    _write(member, scores)
    details: dict[str, object] = {"ballots": len(scores)}
    record(action="identify.cast", by=by, subject=f"panel:{panel.pk}", details=details, chain=panel.round.school_id)


def _write(member: PanelMember, scores: Mapping[int, str]) -> None:
    known = set(Ballot.objects.filter(member=member, case__in=scores).values_list("case_id", flat=True))
    Ballot.objects.bulk_create(Ballot(member=member, case_id=case) for case in scores if case not in known)
    ballots = list(Ballot.objects.filter(member=member, case__in=scores))
    for ballot in ballots:
        ballot.score = seal(ballot, "score", scores[ballot.case_id].ljust(SCORE_SIGNS))
    _update_rows(ballots, ("score",))


def _check_votes(panel: Panel, day: date) -> None:
    if panel.counted_at:
        raise BangfuError("vote_counted")
    if day > panel.until:
        raise BangfuError("vote_over", until=panel.until)


# -- counting


@whole()
@transaction.atomic
def count_panel(*, panel_id: int, by: Actor) -> list[Case]:
    """Count a panel: after its last day, or once all have voted. Each case gets the panel's tier and is evaluated.

    How many said which tier is kept, and which members voted; who said what is forgotten for good. Below the quorum
    not even the counts are kept: of a single vote they would say whose it was.
    """
    panel = _held(panel_id, by)
    judged = list(Case.objects.select_for_update().filter(pk__in=[case.pk for case in panels.judged_by(panel)]))
    if not judged:
        raise BangfuError("panel_without_cases")
    found, members = _recuse(panel, judged), list(panel.members.all())
    entitled = {case.pk: {m.pk for m in members if (m.pk, case.pk) not in found} for case in judged}
    said = _scores(panel, entitled)
    if by.at.date() <= panel.until and sum(map(len, said.values())) < sum(map(len, entitled.values())):
        raise BangfuError("panel_still_votes", until=panel.until)
    for case in judged:
        case.round = panel.round
        _evaluate(case, said.get(case.pk, []), len(entitled[case.pk]))
    Ballot.objects.filter(member__panel=panel).update(score=None)
    panel.counted_at = by.at
    panel.save(update_fields=["counted_at"])
    record(action="identify.count_panel", by=by, subject=f"panel:{panel.pk}", details={"cases": len(judged)},
           chain=panel.round.school_id)  # fmt: skip
    said_of = {case.pk: Said(tier=case.panel_tier) for case in judged}
    make_moves(cases=judged, verb=Verb.EVALUATE, said=said_of, by=by)
    return judged


def _scores(panel: Panel, entitled: Mapping[int, set[int]]) -> dict[int, list[str]]:
    """Return case -> what was said of it by those who may judge it, whoever they are."""
    found: dict[int, list[str]] = defaultdict(list)
    for ballot in Ballot.objects.filter(member__panel=panel).exclude(score=None):
        if ballot.member_id in entitled.get(ballot.case_id, ()):
            found[ballot.case_id].append(opened(ballot, "score").strip())
    return found


def _evaluate(case: Case, said: Sequence[str], entitled: int) -> None:
    procedure = case.round.procedure
    told: Tally = tally(said, entitled, panels.tiers_of(case.round), procedure["panel"]["quorum"])
    case.panel_tier, case.panel_note = told.tier, told.note
    case.counts = told.counts if told.tier else {"missing": told.counts["missing"]}


@whole()
@transaction.atomic
def evaluate_without_panel(*, round_id: int, case_ids: Sequence[int], why: str, by: Actor, words: str = "") -> None:
    """Send cases on without a panel's word: in an emergency, for want of members, or after the panel was counted.

    BangfuError where a panel is still to judge them, but in an emergency.
    """
    if why not in WITHOUT:
        raise BangfuError("without_panel_unknown", known=", ".join(WITHOUT))
    cases = held_cases(round_id, case_ids, by, (Role.AID_OFFICER,))
    classes = {case.school_class_id for case in cases}
    waits = Panel.objects.filter(round=round_id, school_class__in=classes, counted_at=None)
    if why != WITHOUT[0] and waits.exists():
        raise BangfuError("panel_not_counted")
    for case in cases:
        case.panel_tier, case.panel_note, case.counts = "", f"without_{why}", {}
    make_moves(cases=cases, verb=Verb.EVALUATE, said={case.pk: Said(words=words) for case in cases}, by=by)


# -- who may


def _held(number: int, by: Actor) -> Panel:
    """Return a panel that the actor keeps and that is not counted yet, locked until the transaction ends."""
    panel = panels.panel_for(number, by)
    _check_keeper(panel.path, by)
    panel = _locked(panel.pk)
    if panel.counted_at:
        raise Overtaken("panel_counted", at=localtime(panel.counted_at))
    return panel


def _locked(number: int) -> Panel:
    list(Panel.objects.select_for_update().filter(pk=number).values_list("pk"))
    return Panel.objects.select_related("round", "school_class").get(pk=number)


def _check_keeper(path: str, by: Actor) -> None:
    if not holds_post(by, Role.CLASS_TEACHER, path, Role.AID_OFFICER):
        raise NotAllowed("panel_not_your_post")
