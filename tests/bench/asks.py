"""What the clients of `tests.bench.pages` ask for: people in their own scope, by id, name and ID. Prints JSON."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.bench.people import CLIENTS

EACH = 50


def asks() -> list[dict[str, list[Any]]]:
    """Return for each client the humans, names, beginnings of names and IDs that it asks for."""
    from bangfu.accounts.models import Grant
    from bangfu.audit import keys
    from bangfu.coverage.models import PupilState
    from bangfu.registry.models import Detail, Organisation

    draw, ring, found = random.Random(1), keys.current(), []
    for at in range(len(CLIENTS)):
        path = Grant.objects.get(user__staff_number=f"bench-{at}").path
        classes = list(Organisation.objects.filter(kind="class", path__startswith=path).values_list("pk", flat=True))
        pupils: list[int] = []
        for class_ in draw.sample(classes, min(EACH, len(classes))):
            pupils += PupilState.objects.filter(school_class=class_).values_list("human", flat=True)
        people = draw.sample(pupils, min(EACH, len(pupils)))
        details = Detail.objects.filter(person__in=people, retracted_by=None).exclude(id_number=None)
        ids = [ring.open_text("registry_detail", "id_number", d.pk, bytes(d.id_number or b"")) for d in details]
        names = [detail.name for detail in details]
        found.append({"human": people, "name": names, "beginning": [name[:2] for name in names], "id": ids})
    return found


if __name__ == "__main__":
    from bangfu.cli import home

    home.start()
    home.open_home()
    print(json.dumps(asks()))
