"""What determinations rest on, for many cases at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from bangfu.coverage.gather import slices
from bangfu.identify.models import Case, Objection, Proposal, Step
from bangfu.identify.rules import CaseFacts, Move

CLOSED = ("answered", "closed")  # an objection in one of these stands in nobody's way


def facts_of(ids: Sequence[int]) -> dict[int, CaseFacts]:
    """Return case -> what a determination of it rests on; a fixed number of queries for each 20,000."""
    proposals: dict[int, list[str]] = defaultdict(list)
    moves: dict[int, list[Move]] = defaultdict(list)
    objections: dict[int, int] = defaultdict(int)
    notices: dict[int, tuple[date | None, bool]] = {}
    for part in slices(ids):
        for case, kind in Proposal.objects.filter(case__in=part).values_list("case_id", "kind"):
            proposals[case].append(kind)
        for case, verb, actor in (
            Step.objects.filter(case__in=part).order_by("pk").values_list("case_id", "verb", "actor")
        ):
            moves[case].append(Move(verb, actor))
        waiting = Objection.objects.filter(case__in=part).exclude(state__in=CLOSED)
        for objected in waiting.values_list("case_id", flat=True):
            objections[objected or 0] += 1
        told = Case.objects.filter(pk__in=part).values_list("pk", "notice__last_day", "notice__withdrawn_at")
        notices |= {pk: (last, withdrawn is not None) for pk, last, withdrawn in told}
    return {pk: CaseFacts(proposals[pk], moves[pk], *notices[pk], objections[pk]) for pk in ids}
