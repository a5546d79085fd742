"""Reading the register: for an import, for a day, for a person's history; scope is inside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from bangfu.accounts.queries import under
from bangfu.audit import keys
from bangfu.audit.models import Entry
from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.registry.facts import SPECS, FactSpec, Values
from bangfu.registry.models import (
    COUNTS,
    TEXT,
    Clock,
    Detail,
    Enrolment,
    FormerEnd,
    Household,
    Organisation,
    Person,
    Series,
    SeriesFile,
    SourceFile,
    SourceRow,
    Status,
)
from bangfu.registry.places import Places
from bangfu.registry.plan import ROWS_PER_FILE, State, Subject
from bangfu.registry.timeline import Known

Place: TypeAlias = Organisation  # as pages name it, which touch no models
MOST_PLACES = 60  # more are no list to choose from: one types a part of the name
# SQLite takes at most 32,766 parameters in a statement; ids are passed in slices below that.
MADE_HERE = "made_here_"  # how the layouts of lists begin that are made in this house (`made_here.py`)
SLICE = 20_000


def clock() -> int:
    """Return the register's version: it grows with every write."""
    row = Clock.objects.values_list("version", flat=True).first()
    return row or 0


def places() -> Places:
    """Return the organisation tree for an import run (lists of organisations are not part of it)."""
    rows = Organisation.objects.filter(series=None).order_by("pk")
    columns = rows.values_list("pk", "kind", "name", "code", "parent_id", "path")
    return Places.of(columns.iterator(), next_id("organisation"))


def home_county() -> str | None:
    """Return the name of the installation's own county: the first one that a file named."""
    return Organisation.objects.filter(kind="county").order_by("pk").values_list("name", flat=True).first()


def organisation_places(kind: str) -> dict[int, int]:
    """Return organisation -> the organisation of `kind` that it lies in (or is)."""
    rows = Organisation.objects.filter(series=None).values_list("pk", "kind", "path")
    wanted = {pk for pk, kind_, _ in rows if kind_ == kind}
    inside = ((pk, [int(part) for part in path.split("/") if part]) for pk, _, path in rows)
    return {pk: next(part for part in path if part in wanted) for pk, path in inside if wanted & set(path)}


def next_file() -> int:
    """Return the id that the next file will have."""
    return next_id("sourcefile")


def next_id(table: str) -> int:
    """Return the first free id of a register table."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) + 1 FROM registry_{table}")
        return int(cursor.fetchone()[0])


def series_ids(layout: str, organisations: Iterable[int]) -> dict[int, int]:
    """Return organisation -> series for a layout, for the series there are."""
    found = Series.objects.filter(layout=layout, organisation_id__in=list(organisations))
    return dict(found.values_list("organisation_id", "pk"))


def households(series: Iterable[int]) -> dict[tuple[int, str], int]:
    """Return (series, number) -> household id."""
    found = Household.objects.filter(series_id__in=list(series)).values_list("series_id", "number", "pk")
    return {(series_id, number): pk for series_id, number, pk in found}


def issues(series: Sequence[int]) -> dict[int, list[tuple[date, date]]]:
    """Return series -> (day, from when it holds) of its issues, by day."""
    found: dict[int, list[tuple[date, date]]] = defaultdict(list)
    rows = SeriesFile.objects.filter(series_id__in=series, file__undone=None).order_by("list_date", "pk")
    for series_id, day, holds_from in rows.values_list("series_id", "list_date", "file__holds_from"):
        found[series_id].append((day, holds_from))
    return found


def pupils_by_roll(indexes: Iterable[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """Return roll number index -> (school, person) of the enrolments under these numbers."""
    wanted, pupils = list(dict.fromkeys(indexes)), defaultdict(list)
    for start in range(0, len(wanted), SLICE):
        found = Enrolment.objects.filter(retracted_by=None, roll_number_index__in=wanted[start : start + SLICE])
        columns = found.order_by("person_id").values_list("roll_number_index", "school_id", "person_id")
        for index, school, person in columns.iterator():
            pupils[bytes(index or b"")].append((school, person))
    return pupils


def pupils_by_birth(births: Iterable[str]) -> dict[str, list[tuple[int, int, str]]]:
    """Return birth (ISO day) -> (school, person, name) of the enrolled who were born then."""
    wanted, pupils = list(dict.fromkeys(births)), defaultdict(list)
    columns = ("birth", "person__enrolments__school_id", "person_id", "name")
    for start in range(0, len(wanted), SLICE):
        found = Detail.objects.filter(retracted_by=None, birth__in=wanted[start : start + SLICE])
        found = found.filter(person__enrolments__isnull=False, person__enrolments__retracted_by=None)
        for birth, school, person, name in found.order_by("person_id").values_list(*columns):
            pupils[birth.isoformat()].append((school, person, name))
    return pupils


def state_of(series: Sequence[int], kinds: Iterable[str], subject: str) -> State:
    """Return what the register holds of the subjects of these series, for planning an issue of them."""
    subjects = _subjects(series, subject)
    days = {key: [(d.isoformat(), h.isoformat()) for d, h in found] for key, found in issues(series).items()}
    issued = {s.id: days.get(s.series, []) for s in subjects}
    facts = {kind: _known(SPECS[kind], list(issued), issued) for kind in kinds} if subjects else {}
    return State(subjects, facts, next_id(subject), {kind: next_id(SPECS[kind].table[9:]) for kind in kinds})


def state_of_events(kind: str, persons: Sequence[int], first: str, last: str) -> State:
    """Return what is known of one kind of event of these persons between two days."""
    spec = SPECS[kind]
    known = _known(spec, persons, {}, between=(first, last)) if persons else {}
    return State([], {kind: known}, 0, {kind: next_id(spec.table[9:])})


def _subjects(series: Sequence[int], subject: str) -> list[Subject]:
    organisation = "organisation_id" if subject == "person" else "parent_id"
    table = Person if subject == "person" else Organisation
    rows = table.objects.filter(series_id__in=series).order_by("pk")
    return [Subject(pk, s, o or 0) for pk, s, o in rows.values_list("pk", "series_id", organisation).iterator()]


def _known(
    spec: FactSpec,
    subjects: Sequence[int],
    issued: dict[int, list[tuple[str, str]]],
    between: tuple[str, str] | None = None,
) -> dict[int, list[Known]]:
    columns = ", ".join(
        ("id", f"{spec.subject}_id", "valid_from", "valid_until", "source_id", *spec.comparable_columns)
    )
    where = " AND valid_from BETWEEN %s AND %s" if between else ""
    known: dict[int, list[Known]] = defaultdict(list)
    with connection.cursor() as cursor:
        for start in range(0, len(subjects), SLICE):
            slice_ = subjects[start : start + SLICE]
            marks = ", ".join(["%s"] * len(slice_))
            cursor.execute(
                f"SELECT {columns} FROM {spec.table} WHERE retracted_by_id IS NULL"
                f" AND {spec.subject}_id IN ({marks}){where}",
                [*slice_, *(between or ())],
            )
            rows = cursor.fetchall()
            # After the facts, so that a file committed in between is known too (its import outruns this one).
            days = {pk: day.isoformat() for pk, day in SourceFile.objects.values_list("pk", "list_date")}
            for id_, subject, valid_from, until, source, *says in rows:
                told = days[source // ROWS_PER_FILE]
                ended = until and _plain(until)
                confirmed = last_confirmed(told, ended, issued.get(subject, []))
                fact = Known(id_, _plain(valid_from), ended, told, confirmed, _says(says))
                known[subject].append(fact)
    return known


def last_confirmed(told: str, until: str | None, issued: Sequence[tuple[str, str]]) -> str:
    """Return the day of the last issue (day, holds from) that still said what one of day `told` began to say."""
    return max([told, *(day for day, holds_from in issued if until is None or holds_from < until)])


def _says(row: Sequence[Any]) -> Values:
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if value.__class__ is date:
        return value.isoformat()
    return bytes(value) if value.__class__ is memoryview else value


def last_sender(digest_index: bytes) -> int | None:
    """Return the sender of the last file with these bytes."""
    files = SourceFile.objects.filter(digest_index=digest_index).order_by("-pk")
    return files.values_list("sender_id", flat=True).first()


def stored_content(file: SourceFile) -> bytes:
    """Return a file's bytes as they came."""
    kept = file.same_as or file
    return keys.current().open_bytes(SourceFile._meta.db_table, "content", kept.pk, bytes(kept.content))


# -- what can be taken back


def standing_files() -> QuerySet[SourceFile]:
    """Return the files that were not taken back, without the undos."""
    return SourceFile.objects.filter(undone=None, undoes=None).defer("content")


def to_take_back(file: SourceFile) -> list[SourceFile]:
    """Return the file and what was read again of it since, the newest first: what an undo of it takes back.

    BangfuError where it is taken back already, is an undo itself, or another file was read against what it said: that
    one goes first.
    """
    if file.undoes_id:
        raise BangfuError("undo_not_undone", number=file.pk)
    if file.layout.startswith(MADE_HERE):
        raise BangfuError("undo_made_here", number=file.pk)
    if not standing_files().filter(pk=file.pk).exists():
        raise BangfuError("file_undone", number=file.pk)
    found, edge = {file.pk: file}, [file]
    while edge:
        more = {later.pk: later for later in _built_on(edge.pop()) if later.pk not in found}
        found |= more
        edge += more.values()
    order = [found[pk] for pk in sorted(found, reverse=True)]
    same = (bytes(file.digest_index), file.layout, file.list_date)
    if any((bytes(later.digest_index), later.layout, later.list_date) != same for later in order):
        newest = order[0]
        raise BangfuError("undo_newer_first", number=newest.pk, file=newest.name, day=newest.list_date)
    return order


def _built_on(file: SourceFile) -> list[SourceFile]:
    """Return the later files, still standing, that were read against what this one said.

    Later issues of its lists, its bytes again, and lists of events about people as only this file knows them.
    """
    later = standing_files().filter(pk__gt=file.pk)
    issue = Q(issues__series__in=SeriesFile.objects.filter(file=file).values("series"))
    again = Q(digest_index=bytes(file.digest_index), layout=file.layout)
    found = list(later.filter(issue | again).distinct())
    of_events = later.filter(issues=None).exclude(pk__in=[other.pk for other in found])
    return found + [other for other in of_events if _tells_events_on(other, file)]


def _tells_events_on(events: SourceFile, file: SourceFile) -> bool:
    about = SourceRow.objects.filter(pk__range=rows_of(events.pk)).exclude(person=None)
    if not SeriesFile.objects.filter(file=file).exists():
        shared = SourceRow.objects.filter(pk__range=rows_of(file.pk)).exclude(person=None)
        return events.layout == file.layout and about.filter(person__in=shared.values("person")).exists()
    own = Q(source__id__range=rows_of(file.pk))
    same = ("person", "school", "roll_number_index")
    other = Enrolment.objects.filter(Q(retracted_by=None) | Q(retracted_by=file), **{n: OuterRef(n) for n in same})
    only_here = Enrolment.objects.filter(own).exclude(Exists(other.exclude(own)))
    named = Q(person__in=Detail.objects.filter(own).values("person"))
    return about.filter(named | Q(person__in=only_here.values("person"))).exists()


def rows_of(file: int) -> tuple[int, int]:
    """Return the ids between which the source rows of a file lie."""
    return file * ROWS_PER_FILE, (file + 1) * ROWS_PER_FILE - 1


# -- what people read


def open_to(by: Actor, prefix: str = "organisation__path") -> Q:
    """Return the condition that a row's organisation lies in one of the actor's subtrees.

    Who sees everything also sees rows that belong to no organisation yet.
    """
    if by.everywhere:
        return Q()
    place = Q(pk__in=[])
    for path in by.paths():
        place |= under(prefix, path)
    return place


def held_on(kind: str, day: date, known_at: datetime | None = None) -> Q:
    """Return the condition that a fact of `kind` held on `day`, as is known now or was known at `known_at`."""
    if known_at is None:
        return Q(retracted_by=None, valid_from__lte=day) & (Q(valid_until=None) | Q(valid_until__gt=day))
    recorded = Q(source__file__recorded_at__lte=known_at)
    stood = Q(retracted_by=None) | Q(retracted_by__recorded_at__gt=known_at)
    not_ended = Q(valid_until=None) | Q(valid_until__gt=day) | Q(ended_by__recorded_at__gt=known_at)
    ended_then = FormerEnd.objects.filter(
        kind=kind,
        fact=OuterRef("pk"),
        valid_until__lte=day,
        ended_by__recorded_at__lte=known_at,
        replaced_by__recorded_at__gt=known_at,
    )
    return recorded & stood & Q(valid_from__lte=day) & not_ended & ~Q(Exists(ended_then))


def people(by: Actor) -> QuerySet[Person]:
    """Return the people whom the actor may see."""
    return Person.objects.filter(open_to(by))


def enrolled(by: Actor, day: date, known_at: datetime | None = None) -> QuerySet[Enrolment]:
    """Return the enrolments that held on `day`."""
    return Enrolment.objects.filter(open_to(by, "person__organisation__path"), held_on("enrolment", day, known_at))


def statuses(by: Actor, day: date, known_at: datetime | None = None) -> QuerySet[Status]:
    """Return the statuses that held on `day`."""
    return Status.objects.filter(open_to(by, "person__organisation__path"), held_on("status", day, known_at))


def details(by: Actor, day: date, known_at: datetime | None = None) -> QuerySet[Detail]:
    """Return who and where people were on `day`."""
    return Detail.objects.filter(open_to(by, "person__organisation__path"), held_on("detail", day, known_at))


def latest_day() -> date | None:
    """Return the day of the latest list, or None in an empty register."""
    return standing_files().order_by("-list_date").values_list("list_date", flat=True).first()


def totals(by: Actor, day: date) -> dict[str, list[tuple[str, int]]]:
    """Return the register's totals on `day`: people by school, by list's status, and by village."""
    schools = enrolled(by, day).values_list("school__name").annotate(n=Count("pk")).order_by("school__code")
    lists = statuses(by, day).values_list("kind").annotate(n=Count("pk")).order_by("kind")
    villages = statuses(by, day).values_list("person__organisation__parent__name", "person__organisation__name")
    by_village = villages.annotate(n=Count("person", distinct=True)).order_by("person__organisation__path")
    return {
        "schools": [(name or "", n) for name, n in schools],
        "lists": list(lists),
        "villages": [(f"{township or ''}{village}", n) for township, village, n in by_village],
    }


def trail(by: Actor, who: str = "", what: str = "") -> QuerySet[Entry]:
    """Return the trail's entries open to the actor, the newest first: his organisations' chains, and the
    installation's for who sees everything or keeps the machine; by the name of who acted and the action's beginning.
    """
    place = Q(chain__in=Organisation.objects.filter(open_to(by, "path")).values("pk"))
    if "/" in by.paths() or by.holds("system_admin"):
        place |= Q(chain=0)
    found = Entry.objects.filter(place).order_by("-pk")
    if who:
        found = found.filter(actor=who)
    return found.filter(action__startswith=what) if what else found


def files(by: Actor) -> QuerySet[SourceFile]:
    """Return the imported files of the actor's organisations, the newest first, without their contents.

    Those that were taken back are among them; an undo is not.
    """
    found = SourceFile.objects.filter(open_to(by, "sender__path"), undoes=None).select_related("sender", "undone")
    return found.defer("content", "undone__content").order_by("-pk")


def listed_files(by: Actor) -> QuerySet[SourceFile]:
    """Return the same with only what a list shows of each, all of which stands in one index."""
    # Said of the id as well, for else SQLite takes the index of `undoes` alone, and reads past every content.
    found = files(by).filter(pk__gt=0).select_related(None).select_related("undone")
    return found.only("name", "layout", "list_date", *COUNTS, "undone__id")


def file_for(number: int, by: Actor) -> SourceFile:
    """Return a file of the actor's organisations; NotAllowed where there is none of this number."""
    found = files(by).filter(pk=number).first()
    if found is None:
        raise NotAllowed("file_not_yours", number=number)
    return found


def schools(by: Actor) -> QuerySet[Organisation]:
    """Return the schools that the actor may see, whole or in part (a class teacher's school, with his class)."""
    above = {part for path in by.paths() for part in path.strip("/").split("/") if part}
    # An empty condition would be lost beside another.
    seen = Q() if by.everywhere else open_to(by, "path") | Q(pk__in=above)
    found = Organisation.objects.filter(seen, series=None, kind="school")
    return found.select_related("parent").order_by("path")


def place_for(number: int, by: Actor) -> Organisation | None:
    """Return a place of the tree that the actor may see, or the one in which his own lies; None for any other."""
    found = Organisation.objects.filter(series=None, pk=number).select_related("parent").first()
    if found is None or not (by.sees(found.path) or any(path.startswith(found.path) for path in by.paths())):
        return None
    return found


def classes(school: Organisation, by: Actor) -> QuerySet[Organisation]:
    """Return the classes of a school that the actor may see."""
    found = Organisation.objects.filter(open_to(by, "path"), series=None, kind="class")
    return found.filter(under("path", school.path)).order_by("path")


@dataclass(frozen=True)
class Choice:
    """Places to choose from, and whether these are all that there are."""

    places: list[Organisation]
    whole: bool = True


def places_to_choose(by: Actor) -> Choice:
    """Return by what a reader narrows a list of pupils: his schools, or the classes where he sees one school only."""
    found = schools_called("", by)
    return Choice(list(classes(found.places[0], by))) if len(found.places) == 1 else found


def schools_called(text: str, by: Actor) -> Choice:
    """Return the reader's schools by a part of the name or the number; at most as many as one looks through."""
    named = list(_called(text, schools(by).select_related(None))[: MOST_PLACES + 1])
    exact = [school for school in named if text and text in (school.name, school.code)]
    return Choice(exact) if len(exact) == 1 else Choice(named[:MOST_PLACES], len(named) <= MOST_PLACES)


def listed_schools(text: str, by: Actor) -> QuerySet[Organisation]:
    """Return all the reader's schools by a part of the name or the number."""
    return _called(text, schools(by))


def _called(text: str, found: QuerySet[Organisation]) -> QuerySet[Organisation]:
    if len(text) > 2 * TEXT:  # no name is so long, and SQLite refuses to look for it
        return found.none()
    return found.filter(Q(name__contains=text) | Q(code=text)) if text else found


def townships(by: Actor) -> QuerySet[Organisation]:
    """Return the townships that the actor may see."""
    return Organisation.objects.filter(open_to(by, "path"), series=None, kind="township").order_by("path")


def organisations(by: Actor) -> QuerySet[Organisation]:
    """Return the places of the tree that the actor may see, without listed organisations."""
    return Organisation.objects.filter(open_to(by, "path"), series=None).order_by("path")


PLACES_WITH_POSTS = ("province", "county", "school", "class", "college", "department")


def all_places() -> list[tuple[str, str]]:
    """Return (path, name) of the places at which roles are held, '/' first: for those who grant them."""
    rows = Organisation.objects.filter(series=None, kind__in=PLACES_WITH_POSTS).order_by("path")
    names = dict(rows.values_list("path", "name"))
    return [("/", "*"), *((path, _full_name(path, names)) for path in names)]


def place_names(paths: Iterable[str]) -> dict[str, str]:
    """Return path -> the place's name, with the school before its class."""
    wanted = {path for path in paths if path != "/"}
    parents = {f"{path.rstrip('/').rsplit('/', 1)[0]}/" for path in wanted}
    rows = Organisation.objects.filter(series=None, path__in=wanted | parents).values_list("path", "name", "kind")
    names = {path: name for path, name, kind in rows if path in wanted or kind in ("school", "college")}
    return {"/": "*"} | {path: _full_name(path, names) for path in wanted if path in names}


def _full_name(path: str, names: dict[str, str]) -> str:
    above = f"{path.rstrip('/').rsplit('/', 1)[0]}/"
    return f"{names[above]} {names[path]}" if above in names else names[path]


def demo_places() -> dict[str, tuple[str, str]]:
    """Return role -> (path, name) of where each role is held in a demo: one county, school, class and college."""
    tree = Organisation.objects.filter(series=None)
    county = tree.filter(kind="county").order_by("pk").first()
    school_class = tree.filter(kind="class", parent__name__contains="小学").order_by("path").first()
    college = tree.filter(kind="college").order_by("pk").first()
    school = school_class.parent if school_class else None
    at = {name: (place.path, place.name) if place else ("/", "*") for name, place in (
        ("county", county), ("school", school), ("class", school_class), ("college", college))}  # fmt: skip
    where = {
        "system_admin": ("/", "*"),
        "county_bureau": at["county"],
        "principal": at["school"],
        "aid_officer": at["school"],
        "finance_officer": at["school"],
        "class_teacher": at["class"],
        "pairing_office": at["college"],
        "helper": at["college"],
        "auditor": at["county"],
    }
    return where


def sees_every_county(by: Actor) -> bool:
    """Tell whether every county of the register lies in the actor's subtrees: totals of all are then his to see."""
    counties = Organisation.objects.filter(series=None, kind="county")
    return by.everywhere or not counties.exclude(open_to(by, "path")).exists()
