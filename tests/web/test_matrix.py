"""Every address and method as every role and as a stranger, over two counties: nobody sees or changes more than his."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO

import pytest
from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from openpyxl import load_workbook

from bangfu.accounts.models import Grant
from bangfu.accounts.rules import Role
from bangfu.audit.models import Entry
from bangfu.coverage.models import Difference, Link
from bangfu.identify.actions.referrals import refer
from bangfu.identify.actions.rounds import open_round
from bangfu.identify.models import Ballot, Case, Notice, Objection, Panel, PanelMember, Recusal, Referral, Round
from bangfu.identify.queries import names
from bangfu.intake.actions import keep_file
from bangfu.intake.models import HeldRow, KeptFile
from bangfu.registry.models import Detail, Household, Organisation, SourceFile
from bangfu.tasks.models import Job
from tests.conftest import BY
from tests.coverage.lists import Human
from tests.identify.reviewed import CONFIDENCE, noticed
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in

PLACE = {
    Role.SYSTEM_ADMIN: "/",
    Role.COUNTY_BUREAU: "county",
    Role.PRINCIPAL: "school",
    Role.AID_OFFICER: "school",
    Role.FINANCE_OFFICER: "school",
    Role.CLASS_TEACHER: "school_class",
    Role.PAIRING_OFFICE: "school",
    Role.HELPER: "school",
    Role.AUDITOR: "county",
}
# Whom a role may see: by name, the pupils of these lists.
SEES = dict.fromkeys(Role, HERE) | {
    Role.COUNTY_BUREAU: (*HERE, *NEXT_DOOR),
    Role.AUDITOR: (*HERE, *NEXT_DOOR),
    Role.SYSTEM_ADMIN: (),
    Role.HELPER: (),
}
EVERYONE = (*HERE, *NEXT_DOOR, *FAR)
# What the trail says of its reader: exports, and cases opened.
NOTED = re.compile(r"/export/$|^/identify/cases/\d+/$")
# Addresses that take no object of the register, or are allauth's own about the user himself.
OWN = re.compile(r"^/(account|language|static)/")


def addresses() -> list[str]:
    """Return the pattern of every address, as Django knows it."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield route

    return sorted("/" + route for route in walk(get_resolver().url_patterns, ""))


def filled(two: Two) -> list[str]:
    """Return every address with the ids of objects of all three schools in it: what somebody may guess."""
    places = list(Organisation.objects.values_list("pk", flat=True))
    people = [detail.person_id for detail in Detail.objects.order_by("pk")]
    numbers = {
        "/differences/": list(Difference.objects.values_list("pk", flat=True)),
        "/identify/panels/": list(Panel.objects.values_list("pk", flat=True)),
        "/ballot/": list(Case.objects.values_list("pk", flat=True)),
        "/identify/notices/": [*Notice.objects.values_list("pk", flat=True)],
        "/identify/objections/": [*Objection.objects.values_list("pk", flat=True)],
        "/identify/referrals/": [*Referral.objects.values_list("pk", flat=True)],
        "/people/": people,
        "/imports/rows/": list(HeldRow.objects.values_list("pk", flat=True)) or [1],
        "/imports/jobs/": list(Job.objects.values_list("pk", flat=True)),
        "/imports/kept/": list(KeptFile.objects.values_list("pk", flat=True)) or [1],
        "/imports/": list(SourceFile.objects.values_list("pk", flat=True)),
        "/households/": list(Household.objects.values_list("pk", flat=True)),
        "/schools/": places,
        "/account/sessions/": list(UserSession.objects.values_list("pk", flat=True)),
        "/identify/cases/": list(Case.objects.values_list("pk", flat=True)),
        "/identify/": list(Round.objects.values_list("pk", flat=True)),
        "/users/grants/": list(Grant.objects.values_list("pk", flat=True)),
    }
    pairs = [(link.left_id, link.right_id) for link in Link.objects.order_by("pk")]
    found = []
    for route in addresses():
        if "<int:left>" in route:
            found += [route.replace("<int:left>", str(a)).replace("<int:right>", str(b)) for a, b in pairs]
        elif "<int:number>" in route:
            ids = next(ids for start, ids in numbers.items() if route.startswith(start))
            found += [route.replace("<int:number>", str(id_)) for id_ in ids]
        else:
            state = route.replace("<slug:state>", "to_assess").replace("<slug:token>", GUESSED)
            found.append(
                state.replace("<str:staff_number>", f"{Role.HELPER}-{two.school.path.strip('/').replace('/', '-')}")
            )
    found += [f"/{page}/?place={place}" for page in ("people", "households") for place in places]
    found += [f"/identify/{round_}/panels/new/?class={place}" for round_ in numbers["/identify/"] for place in places]
    return sorted(found, key=lambda address: address.endswith("/undo/"))  # last: they empty the other pages


# Where a stranger gives what he has: a password, a printed code.
FOR_STRANGERS = ("/account/login/", "/pass/", "/objection/")
GUESSED = "x" * 22  # the address of no notice


def fill(two: Two) -> None:
    """Add what the two counties' lists do not bring: a kept file, and at each school a round of identification with a
    panel, a notice that stands, an objection and a referral.
    """
    keep_file(name=f"{HERE[0].name}.csv", content=b"", by=BY)
    for school in (two.school, two.next_school, two.far_school):
        round_ = open_round(school_id=school.pk, term="2025-spring", apply_until=date(2025, 7, 10), by=BY)
        judged(round_)
        last = noticed(round_, list(round_.cases.order_by("pk"))[1:])
        refer(human=last.human, to="trade_union.worker_in_hardship", words=CONFIDENCE, by=BY)


def judged(round_: Round) -> None:
    """Give a round's class a panel of one of its pupils, who does not judge himself, and has judged another."""
    case, other = round_.cases.order_by("pk")
    name = names([case], BY)[case.person_id]
    panel = Panel.objects.create(round=round_, school_class=case.school_class, path=case.path, until=date(2025, 7, 10))
    member = PanelMember.objects.create(panel=panel, kind="student", name=name, person=case.person)
    Recusal.objects.create(member=member, case=case, why="self")
    Ballot.objects.create(member=member, case=other)


FORM = {
    "answer": "this_is_right", "evidence": "seen", "verb": "part", "reason": "guess", "text": "牛",
    "staff_number": "X", "name": "X", "role": "auditor", "path": "/", "login": "x", "password": "y", "language": "en",
}  # fmt: skip


def sent(client: Client, method: str, address: str) -> HttpResponse:
    """Send a request as a browser would."""
    return client.get(address) if method == "get" else client.post(address, FORM)  # type: ignore[return-value]


def leaks(response: HttpResponse, may_see: tuple[Human, ...]) -> list[str]:
    """Return what a response says of people whom its reader may not see, and every ID in clear."""
    body = b"".join(response) if response.streaming else response.content
    text = cells(body) if body.startswith(b"PK") else body.decode(errors="replace")
    seen = {human.name for human in may_see}
    strangers = [
        human.name for human in EVERYONE if human.name not in seen and human.name in text.replace('牛大力"', "")
    ]
    told = [CONFIDENCE] if CONFIDENCE in text and not may_see else []
    return strangers + told + [human.id for human in EVERYONE if human.id in text]


def cells(body: bytes) -> str:
    """Return what an exported workbook says."""
    sheet = load_workbook(BytesIO(body)).active
    return "\n".join(str(value) for row in sheet.iter_rows(values_only=True) for value in row)


@pytest.mark.parametrize("role", Role)
def test_a_role_sees_and_changes_only_its_own(two: Two, role: Role, capsys: pytest.CaptureFixture[str]) -> None:
    fill(two)
    place = PLACE[role]
    other = person_of(Role.HELPER if role is not Role.HELPER else Role.PAIRING_OFFICE, two.school.path)
    signed_in(other).get("/")
    client = signed_in(person_of(role, place if place == "/" else getattr(two, place).path))
    count: dict[str, dict[int, int]] = {}
    for address in filled(two):
        if address.startswith("/account/logout/"):
            continue
        for method in ("get", "post"):
            before = Entry.objects.count()
            response = sent(client, method, address)
            assert response.status_code < 500, (method, address)
            reads = method == "get" or (role is Role.AUDITOR and not OWN.match(address))
            if reads and not opened(address, response) and not noted(address, response):
                assert not changed(before), (role, method, address)
            found = leaks(response, SEES[role]) if not opened(address, response) else strangers_in(response, SEES[role])
            assert found == [], (role, method, address, found)
            by_status = count.setdefault(method, {})
            by_status[response.status_code] = by_status.get(response.status_code, 0) + 1
    assert UserSession.objects.filter(user=other).count() == 1
    with capsys.disabled():
        print(f"\n{role:<16} get {count['get']} post {count['post']}: 0 leaks", end="")  # noqa: T201 - the matrix is what the test is for


def changed(before: int) -> bool:
    """Tell whether anything was written into the trail."""
    return Entry.objects.count() != before


def opened(address: str, response: HttpResponse) -> bool:
    """Tell whether this page opens secrets, as its address says and the trail records."""
    return (
        address.startswith(("/people/", "/identify/cases/"))
        and address.endswith("/open/")
        and (response.status_code == 200)
    )


def noted(address: str, response: HttpResponse) -> bool:
    """Tell whether the trail says who read this: an export, which who only reads may take too, or a case."""
    return bool(NOTED.search(address)) and response.status_code == 200


def strangers_in(response: HttpResponse, may_see: tuple[Human, ...]) -> list[str]:
    """Return what a page that opens secrets says of people whom its reader may not see."""
    text = response.content.decode()
    others = [human for human in EVERYONE if human not in may_see]
    return [word for human in others for word in (human.name, human.id) if word in text]


def test_a_stranger_gets_the_sign_in_page_and_nothing_else(two: Two) -> None:
    fill(two)
    client = signed_in(None)
    for address in filled(two):
        for method in ("get", "post"):
            before = Entry.objects.count()
            response = sent(client, method, address)
            assert response.status_code in (200, 302, 403, 404, 405, 422), (method, address, response.status_code)
            assert leaks(response, ()) == [], (method, address)
            assert not changed(before), (method, address)
            if response.status_code == 200:
                assert address in FOR_STRANGERS or "two-factor" in address, (method, address)
                assert address in ("/account/login/", "/pass/", "/objection/") or "two-factor" in address, (
                    method,
                    address,
                )


def test_somebody_whose_grant_has_ended_sees_nothing(two: Two) -> None:
    user = person_of(Role.COUNTY_BUREAU, two.county.path)
    Grant.objects.filter(user=user).update(valid_until="2025-01-02")
    client = signed_in(user)
    for address in ("/coverage/", "/people/", "/differences/", "/imports/"):
        assert client.get(address).status_code == 404
