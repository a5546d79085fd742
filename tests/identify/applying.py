"""A round at a school and the passes of its families, for tests of what families do."""

from __future__ import annotations

from datetime import date
from typing import Any

from bangfu.core.slips import new_slip
from bangfu.identify.actions.families import Signed
from bangfu.identify.forms import procedure
from bangfu.identify.models import Pass, Round
from bangfu.identify.sealed import code_index
from bangfu.registry.models import Organisation

UNTIL = date(2025, 7, 31)
ANSWERS: dict[str, Any] = {
    "household": {"kind": "rural", "size": "4"},
    "contact": {"guardian": "王建国", "phone": "13900001234", "address": "青石镇河湾村3组12号", "postcode": ""},
    "members": [
        {"name": "王建国", "relation": "father", "age": "41", "work": "务农", "income": "18000", "health": "healthy"},
        {"name": "李秀英", "relation": "mother", "age": "39", "work": "", "income": "0", "health": "grave"},
    ],
    "groups": {"groups": []},
    "facts": {"facts": ["illness", "debt"], "words": "孩子妈妈常年吃药"},
    "aid": {"aid": ["any"]},
}
HAPPENED = {"happened": "爸爸车祸住院", "happened_on": "2025-07-21"}
SIGNED = Signed("王建国", frozenset({"promise", "child", "compare", "notice"}))


def a_round(school: Organisation, apply_until: date = date(2025, 7, 20), term: str = "2025-spring") -> Round:
    """Return a round of a school, open on the day of the tests."""
    return Round.objects.create(school=school, path=school.path, term=term, procedure=procedure(),
                                opened_on=date(2025, 6, 20), apply_until=apply_until)  # fmt: skip


def a_pass(round_: Round, person: int, path: str, until: date = UNTIL) -> tuple[str, Pass]:
    """Return a family's code, as a printed slip would show it, and its row."""
    code = new_slip()
    row = Pass.objects.create(round=round_, person_id=person, path=path, code_index=code_index(code), until=until)
    return code, row
