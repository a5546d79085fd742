"""PostgreSQL opens a row only within the scope that the connection says, whatever a query forgets to ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import pytest_django
from django.apps import apps
from django.db import DataError, ProgrammingError, connection, models, transaction
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from bangfu.accounts.queries import actor_for
from bangfu.accounts.rules import Role
from bangfu.audit import keys
from bangfu.audit.actions import record
from bangfu.audit.models import Entry
from bangfu.audit.scope import SETTING, guards, seen_by, whole
from bangfu.core.actor import Actor, Reach
from bangfu.coverage.models import Alias, Difference, Link, Named, PlaceTotal, PupilState, Question
from bangfu.intake.models import HeldRow, Mapping
from bangfu.registry.models import (
    Detail,
    FormerEnd,
    FormerPlace,
    Household,
    MealDays,
    Organisation,
    OrganisationFact,
    Person,
    PersonFact,
    SourceFile,
    SourceRow,
)
from bangfu.tasks.models import Task, TaskTotal
from bangfu.web import middleware
from tests.conftest import BY, NOW
from tests.homes import SEES_ALL, SERVER, new_home
from tests.intake.bad_files import write_roll
from tests.postgres import as_keeper
from tests.registry.rolls import pupils as roll_rows
from tests.web.conftest import FAR, HERE, NEXT_DOOR, Two, person_of, signed_in
from tests.web.test_matrix import filled, leaks

pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not SERVER, reason="needs PostgreSQL, see tests/postgres.py")]

FACTS = tuple(model for model in apps.get_app_config("registry").get_models() if issubclass(model, PersonFact))
# Guarded tables, and where a row stands: one of these paths, or (&) all of them.
GUARDED: dict[type[models.Model], tuple[str, ...]] = {
    Person: ("organisation__path",),
    **dict.fromkeys(FACTS, ("person__organisation__path",)),
    Household: ("village__path", "series__organisation__path"),
    SourceFile: ("sender__path",),
    SourceRow: ("file__sender__path", "person__organisation__path"),
    FormerEnd: ("ended_by__sender__path",),
    FormerPlace: ("moved_by__sender__path",),
    OrganisationFact: ("organisation__path",),
    HeldRow: ("row__file__sender__path",),
    Mapping: ("sender__path",),
    Link: ("left__organisation__path", "&", "right__organisation__path"),
    Alias: ("record__organisation__path", "human__organisation__path"),
    PupilState: ("school_class__path",),
    Difference: ("organisation__path", "owner__path"),
    Named: ("organisation__path",),
    PlaceTotal: ("organisation__path",),
    Task: ("path",),
    TaskTotal: ("path",),
    Question: ("path",),
}
# The other tables that stand in a package with guarded ones, and why they need no guard.
UNGUARDED = {
    "registry_clock": "a number",
    "registry_organisation": "places, not people; grants are made over them, and the guards themselves ask it",
    "registry_series": "that an office keeps a kind of list",
    "registry_seriesfile": "of which days an office's lists are",
    "intake_keptfile": "sealed, and asked for by its owner alone; of whom it speaks nobody knows yet",
    "coverage_progress": "two numbers",
    "coverage_run": "the whole's totals, which a page shows to who sees every county",
    "tasks_job": "how far long work is",
    "audit_installation": "which keys are in use: asked before anybody is known",
    "audit_head": "hashes and signatures",
}
PACKAGES = ("audit", "tasks", "registry", "intake", "coverage", "identify")


def scope() -> str:
    """Return what the connection's scope is."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT current_setting('{SETTING}', true)")
        return str(cursor.fetchone()[0] or "")


def reader(*paths: str) -> Actor:
    """Return somebody to whom these places are open."""
    return Actor("reader", NOW, 1, tuple(Reach(Role.AID_OFFICER, path) for path in paths))


def truth(model: type[models.Model], *paths: str) -> set[object]:
    """Return the rows of a table that lie under these paths, asked with everything open."""
    if model is Entry:
        places = Organisation.objects.filter(under("path", paths)).values("pk")
        return set(Entry.objects.filter(Q(chain=0) | Q(chain__in=places)).values_list("pk", flat=True))
    columns = [column for column in GUARDED[model] if column != "&"]
    asked = Q()
    for column in columns:
        asked = asked & under(column, paths) if "&" in GUARDED[model] else asked | under(column, paths)
    return set(model._default_manager.filter(asked).values_list("pk", flat=True))


def under(column: str, paths: tuple[str, ...]) -> Q:
    """Return the condition that a path lies under one of these."""
    found = Q(pk__in=[])
    for path in paths:
        found |= Q(**{f"{column}__startswith": path})
    return found


def rows(model: type[models.Model]) -> set[object]:
    """Return every row of a table that the database gives without being asked for any place."""
    return set(model._default_manager.values_list("pk", flat=True))


@pytest.fixture
def full(two: Two) -> Two:
    """Return the two counties with a row or more of every guarded table at each of the three schools."""
    for at, (school, person) in enumerate(pupils(two), 1):
        row = SourceRow.objects.filter(person=person).order_by("pk").first()
        assert row is not None
        for model in FACTS:
            if not model._default_manager.filter(person__organisation__path__startswith=school.path).exists():
                more = {"days": 20} if model is MealDays else {}
                if model._meta.model_name == "householdmember":
                    more["household_id"] = Household.objects.values_list("pk", flat=True)[0]
                model._default_manager.create(id=900 + at, valid_from=NOW.date(), source=row, person=person, **more)
        file = row.file
        FormerEnd.objects.create(kind="detail", fact=1, valid_until=NOW.date(), ended_by=file, replaced_by=file)
        FormerPlace.objects.create(kind="person", subject=1, moved_by=file, place=school)
        text = keys.current().sealer("intake_heldrow", "text")(row.pk, "{}")
        held = {"column": "", "code": "required_missing", "text": text, "text_index": b"x"}
        OrganisationFact.objects.create(id=at, valid_from=NOW.date(), source=row, organisation=school, attributes="{}")
        HeldRow.objects.get_or_create(row=row, defaults=held)
        Mapping.objects.create(layout="x", sender=school, header="x", field="x")
        Alias.objects.get_or_create(record=person, defaults={"human": person})
        other, entry = Person.objects.filter(pk__gt=person.pk).order_by("pk")[0], Entry.objects.order_by("pk")[0]
        Link.objects.create(
            id=900 + at, left=person, right=other, verdict="doubtful", how="person", probability=0, agrees={},
            digest=b"", made_in=entry,
        )  # fmt: skip
        Question.objects.create(link_id=900 + at, verdict="doubtful", path=person.organisation.path)
        TaskTotal.objects.create(path=school.path, post="x", kind="x", due=NOW.date(), count=1)
        record(action="intake.import", by=BY, subject="batch", chain=school.pk)
    return two


def pupils(two: Two) -> list[tuple[Organisation, Person]]:
    """Return the three schools, each with its first pupil."""
    schools = (two.school, two.next_school, two.far_school)
    return [(s, Person.objects.filter(organisation__path__startswith=s.path).order_by("pk")[0]) for s in schools]


def test_the_tests_run_as_a_user_whom_guards_hold(founded: Path) -> None:
    assert guards()


def test_every_table_is_guarded_or_needs_no_guard(founded: Path) -> None:
    ours = {model._meta.db_table for name in PACKAGES for model in apps.get_app_config(name).get_models()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        )
        guarded = {name for (name,) in cursor.fetchall()}
    assert guarded & UNGUARDED.keys() == set()
    assert guarded | UNGUARDED.keys() == ours
    assert guarded == {model._meta.db_table for model in (*GUARDED, Entry)}


def test_without_a_scope_no_table_has_a_row(full: Two) -> None:
    there = {model.__name__: len(rows(model)) for model in (*GUARDED, Entry)}
    with seen_by(None):
        found = {model.__name__: len(rows(model)) for model in (*GUARDED, Entry)}
    assert all(there.values()), there
    assert found == dict.fromkeys(there, 0)


@pytest.mark.parametrize(
    "places", [("county",), ("school",), ("school_class",), ("far_school",), ("school", "far_school")]
)
def test_a_scope_opens_its_rows_and_no_others(full: Two, places: tuple[str, ...]) -> None:
    paths = [getattr(full, place).path for place in places]
    for model in (*GUARDED, Entry):
        wanted, every = truth(model, *paths), rows(model)
        with seen_by(reader(*paths)):
            found = rows(model)
        assert found == wanted, model
        assert found < every, model


def test_a_path_opens_its_own_subtree_and_none_that_begins_alike(full: Two) -> None:
    alike = full.school.path.rstrip("/")[:-1] + "/"
    with seen_by(reader(alike)):
        assert rows(Person) == set()
    with pytest.raises(ValueError, match="no organisation's path"), seen_by(reader("whole")):
        pass
    with pytest.raises(ValueError, match="no organisation's path"), seen_by(reader("/1/ /")):
        pass


def test_a_reader_of_the_root_reads_everything_and_writes_nothing(full: Two) -> None:
    there = rows(Detail)
    with seen_by(reader("/")):
        assert rows(Detail) == there
        assert Detail.objects.update(name="x") == 0


def test_rows_are_written_under_the_whole_scope_only(full: Two) -> None:
    with seen_by(reader(full.school.path)):
        assert Detail.objects.update(name="x") == 0
        assert Detail.objects.filter(name="x").delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Task.objects.create(kind="x", subject="x", path=full.school.path, post="x", due=NOW.date(), opened=NOW)
    assert not Detail.objects.filter(name="x").exists()


@pytest.mark.parametrize("planned", ["whole", "far"])
def test_a_plan_made_in_one_scope_opens_nothing_in_another(full: Two, planned: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute("PREPARE everyone AS SELECT id FROM registry_person")
        with whole() if planned == "whole" else seen_by(reader(full.far_school.path)):
            cursor.execute("EXECUTE everyone")
            assert cursor.fetchall()
        with seen_by(reader(full.school.path)):
            cursor.execute("EXECUTE everyone")
            found = {id_ for (id_,) in cursor.fetchall()}
        cursor.execute("DEALLOCATE everyone")
    assert found <= truth(Person, full.school.path)


# -- pages


@contextmanager
def everything_forgotten(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every query forget its condition, and everybody see every place."""
    with patch.context() as forget:
        for module in (
            "registry.queries",
            "coverage.queries",
            "coverage.finding",
            "coverage.households",
            "intake.queries",
        ):
            forget.setattr(f"bangfu.{module}.open_to", lambda by, prefix="": Q())
        forget.setattr(Actor, "sees", lambda self, path: True)
        yield


def told_by_pages(two: Two, names: list[str]) -> list[str]:
    """Return what the pages tell a principal of others' pupils, on every address with anybody's ids and by search."""
    client, found = signed_in(person_of(Role.PRINCIPAL, two.school.path)), []
    with seen_by(None):
        pages = [(address, client.get(address)) for address in names]
        pages += [("search", client.post("/people/", {"text": human.name})) for human in (*NEXT_DOOR, *FAR)]
    for address, response in pages:
        assert response.status_code < 500, address
        text = response.content.decode().replace('value="', "")
        found += leaks(HttpResponse(text if address != "search" else after_form(text)), HERE)
    return found


def after_form(text: str) -> str:
    """Return a page without what was typed into its form, which stands in its heading too."""
    return text.partition("<tbody>")[2]


def test_a_page_that_forgets_to_ask_leaks_nothing(full: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in filled(full) if not name.startswith(("/account/", "/language/"))]
    with everything_forgotten(monkeypatch):
        assert told_by_pages(full, names) == []


def test_without_the_guard_the_same_pages_leak(full: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "seen_by", lambda actor: whole())
    with everything_forgotten(monkeypatch):
        assert told_by_pages(full, ["/differences/", "/people/?state=to_assess"])


def test_a_scope_lasts_for_its_request_only(two: Two) -> None:
    here, far = (signed_in(person_of(Role.PRINCIPAL, school.path)) for school in (two.school, two.far_school))
    with seen_by(None):
        for client, own, others in ((here, HERE, FAR), (far, FAR, HERE), (here, HERE, FAR)):
            text = client.post("/people/", {"text": own[0].name}).content.decode()
            assert own[0].born.isoformat() in text
            assert others[0].born.isoformat() not in client.post("/people/", {"text": others[0].name}).content.decode()
            assert scope() == ""
            assert rows(Person) == set()


def test_a_scope_left_behind_serves_nobody_else(two: Two) -> None:
    here = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    with seen_by(reader(two.far_school.path)):
        assert FAR[0].born.isoformat() not in here.post("/people/", {"text": FAR[0].name}).content.decode()
        assert HERE[0].born.isoformat() in here.post("/people/", {"text": HERE[0].name}).content.decode()
        assert signed_in(None).get("/account/login/").status_code == 200


@pytest.mark.parametrize("problem", ["RuntimeError", "DataError"])
def test_a_page_that_fails_leaves_no_scope(two: Two, monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    def fail(*args: object) -> list[object]:
        if problem == "RuntimeError":
            raise RuntimeError
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return []

    monkeypatch.setattr("bangfu.web.people.find", fail)
    client = signed_in(person_of(Role.PRINCIPAL, two.school.path))
    client.raise_request_exception = False
    with seen_by(None):
        assert client.post("/people/", {"text": HERE[0].name}).status_code == 500
        assert scope() == ""


def test_a_streamed_answer_is_made_in_its_readers_scope(two: Two) -> None:
    user = person_of(Role.PRINCIPAL, two.school.path)

    def stream(request: object) -> StreamingHttpResponse:
        return StreamingHttpResponse(str(pk) for pk in Person.objects.order_by("pk").values_list("pk", flat=True))

    request = RequestFactory().get("/people/")
    request.user, request.session = user, signed_in(user).session
    with seen_by(None):
        response = middleware.Reader(stream)(request)  # type: ignore[arg-type]  # a view like any other
        assert scope() == ""
        parts = iter(response)
        found = {int(next(parts))}
        assert scope() == ""
        found |= {int(part) for part in parts}
        assert scope() == ""
    assert found == truth(Person, two.school.path)


def test_an_action_opens_everything_and_closes_it(two: Two) -> None:
    school = two.school.path
    client = signed_in(user := person_of(Role.AID_OFFICER, school))
    gap = Difference.objects.filter(owner__path__startswith=school, answer="").order_by("pk")[0]
    asked = client.get(f"/differences/{gap.pk}/").content.decode()
    answer = asked.partition('name="answer" value="')[2].partition('"')[0]
    with seen_by(None):
        assert client.post(f"/differences/{gap.pk}/answer/", {"answer": answer, "evidence": "seen"}).status_code == 302
        assert scope() == ""
    gap.refresh_from_db()
    assert gap.answer == answer
    assert actor_for(user, NOW).sees(gap.owner.path)


# -- transactions and connections


@pytest.fixture
def committing(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Let a test that writes nothing begin and end transactions of its own."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.mark.parametrize("fails", ["", "in python", "in the database"])
def test_the_whole_scope_ends_with_its_transaction(committing: None, fails: str) -> None:
    def work() -> None:
        with transaction.atomic(), whole(), transaction.atomic(), connection.cursor() as cursor:
            assert scope() == "whole"
            if fails:
                cursor.execute("SELECT 1 / 0" if fails == "in the database" else "SELECT 1")
                raise KeyError

    with seen_by(reader("/1/")):
        with suppress(KeyError, DataError):
            work()
        assert scope() == "/1/"
        with suppress(KeyError, DataError), whole():
            work()
        assert scope() == "/1/"
    assert scope() == "whole"


def test_threads_have_scopes_of_their_own(committing: None) -> None:
    said: list[str] = []

    def other() -> None:
        with seen_by(reader("/2/")):
            inside.set()
            done.wait(30)
            said.append(scope())
        connection.close()

    inside, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    with seen_by(reader("/1/")):
        thread.start()
        assert inside.wait(30)
        said.append(scope())
        done.set()
        thread.join()
    assert said == ["/1/", "/2/"]


def test_a_lost_connection_hides_no_failure(committing: None) -> None:
    def lose() -> None:
        with seen_by(reader("/1/")):
            connection.close()
            raise KeyError

    with pytest.raises(KeyError):
        lose()


# -- at the machine


def test_another_program_sees_no_row(tmp_path: Path) -> None:
    write_roll(tmp_path / "roll.xlsx", roll_rows(1, 2, 3))
    with new_home(tmp_path / "home") as home:
        home.run("import", tmp_path / "roll.xlsx", "--date", "2025-02-20")
        assert home.run("init").stderr == ""
        with psycopg.connect(home.address) as other, psycopg.connect(home.address, options=SEES_ALL) as command:
            for table in (
                "registry_person",
                "registry_detail",
                "registry_sourcerow",
                "registry_sourcefile",
                "audit_entry",
            ):
                counted = f"SELECT COUNT(*) FROM {table}".encode()  # noqa: S608 - our tables
                assert other.execute(counted).fetchone() == (0,)
                assert command.execute(counted).fetchone() > (0,)
        home.change("ALTER TABLE registry_person NO FORCE ROW LEVEL SECURITY; SELECT 1")
        assert home.found() == ["the table registry_person has no row-level security"]


def test_a_superuser_is_warned(tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        unlimited = type(home)(home.folder, as_keeper(home.address))
        assert unlimited.run("init").stderr.startswith("the database user keeper is held by no row-level security")
