"""Run in a demo's home: a round at the first primary school, and the codes of a class's families, as JSON."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bangfu.settings")
django.setup()

from django.utils import timezone  # noqa: E402 - after the set-up

from bangfu.core.actor import operator  # noqa: E402
from bangfu.identify.actions.families import print_passes  # noqa: E402
from bangfu.identify.forms import procedure  # noqa: E402
from bangfu.identify.models import Round  # noqa: E402
from bangfu.registry.models import Organisation  # noqa: E402
from bangfu.registry.queries import demo_places, enrolled  # noqa: E402

TERM = "2026-autumn"


def main() -> None:
    """Make the round unless it is there, print codes for six families, and say them."""
    by = operator(timezone.localtime())
    day = by.at.date()
    school_class = Organisation.objects.get(path=demo_places()["class_teacher"][0])
    school = Organisation.objects.get(pk=school_class.parent_id)
    open_ = {"procedure": procedure(), "opened_on": day, "apply_until": day}
    round_, _ = Round.objects.get_or_create(school=school, term=TERM, defaults={"path": school.path, **open_})
    Round.objects.filter(pk=round_.pk).update(apply_until=day + timedelta(days=10), closed_on=None)
    here = enrolled(by, day).filter(school_class=school_class).exclude(person__in=round_.cases.values("person"))
    people = list(here.order_by("person").values_list("person", flat=True))
    codes = print_passes(round_=round_.pk, people=people[:6], by=by)
    print(json.dumps({"round": round_.pk, "place": school_class.pk, "codes": list(codes.values()), "people": people}))  # noqa: T201 - read by the tests


main()
