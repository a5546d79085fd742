"""A whole file is taken back: the register says what it would had the file never come, and keeps what was known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bangfu.audit.models import Entry
from bangfu.core.actor import Actor, Reach, operator
from bangfu.core.errors import BangfuError, NotAllowed
from bangfu.intake import actions
from bangfu.intake import checks as intake_checks
from bangfu.intake.actions import mend_row, undo_import
from bangfu.intake.models import HeldRow
from bangfu.intake.queries import undone, waiting, why_not_undone
from bangfu.registry import checks, queries
from bangfu.registry.models import Clock, Detail, FormerEnd, Organisation, Person, SourceFile
from bangfu.tasks.models import Task
from tests.conftest import committing, import_paths
from tests.coverage.lists import (
    AN,
    APRIL,
    FIRST,
    GUO,
    HUI,
    JUN,
    MARCH,
    MAY,
    MEI,
    MINIMUM,
    ORPHANS,
    POOR,
    SECOND,
    TERM,
    Row,
)
from tests.intake.bad_files import HEADER, csv_text
from tests.registry.rolls import CHINA
from tests.registry.telling import elsewhere, held, told

ABSENCES = ("学校", "学籍号", "姓名", "日期", "类别")
COLLEGES = ("学校名称", "学校标识码", "主管部门", "所在地", "办学层次", "备注")
PEOPLE = (AN, MEI, JUN, HUI, GUO)
UNREADABLE, RIGHT = "去年春天", "2015-05-06"
REASON = "导错了文件"
LISTS = [TERM, MARCH, APRIL, MAY]
# On both sides of each list's day, and of what rows themselves name.
DAYS = sorted({day + timedelta(days=n) for day in [*LISTS, date(2023, 7, 1), date(2024, 9, 1)] for n in (-1, 0)})
OTHER_COUNTY = {"县": "远山县", "乡镇": "远山镇", "村": "远山村"}


@dataclass
class Office:
    """Takes files one after the other, an hour apart, and remembers what was known at each hour."""

    folder: Path
    hour: int = 0
    known: dict[datetime, Any] = field(default_factory=dict)

    def by(self, **other: Any) -> Actor:
        """Return who acts in the next hour."""
        self.hour += 1
        at = datetime(2025, 7, 1, tzinfo=CHINA) + timedelta(hours=self.hour)
        return operator(at) if not other else Actor("T0001", at, 1, **other)

    def write(self, name: str, header: tuple[str, ...], rows: list[Row]) -> Path:
        """Write a list."""
        path = self.folder / f"{name}.csv"
        path.write_bytes(csv_text([[*header], *([row.get(title, "") for title in header] for row in rows)]).encode())
        return path

    def take(self, path: Path, day: date) -> int:
        """Import a file as of a day; returns its number."""
        (report,) = import_paths([path], day=day, by=self.by())
        assert report.refused is None
        return self.remember()

    def roll(self, name: str, day: date, *rows: Row) -> int:
        """Import a roll."""
        return self.take(self.write(name, HEADER, list(rows)), day)

    def mend(self) -> int:
        """Mend the first row that waits; returns the number of the file read again."""
        by = self.by()
        row = next(waiting(by))
        with committing():
            mend_row(held_id=row.id, cells={"出生日期": RIGHT}, by=by, reason=REASON)
        return self.remember()

    def undo(self, number: int, **other: Any) -> list[int]:
        """Take a file back."""
        with committing():
            taken = undo_import(file_id=number, by=self.by(**other), reason=REASON)
        self.remember()
        return taken

    def remember(self) -> int:
        """Keep what is known now; returns the last file's number."""
        last = SourceFile.objects.order_by("-pk").values_list("pk", "recorded_at")[0]
        self.known[last[1]] = held(DAYS)
        return last[0]

    def check_known(self) -> None:
        """What was known at each hour is what was said then."""
        for moment, said in self.known.items():
            assert held(DAYS, moment) == said, moment


@pytest.fixture
def office(founded: Path, tmp_path: Path) -> Any:
    """Return an office with an empty register; in the end what was known is known still, and the register is whole."""
    folder = tmp_path / "lists"
    folder.mkdir()
    office = Office(folder)
    yield office
    office.check_known()
    assert [*checks.facts(), *checks.files(), *checks.undone(), *checks.cells(), *intake_checks.held_rows()] == []


# ---- by chance: any lists in any order


class Chance:
    """Random lists of five people: rolls of two schools, registers of two counties, absences, files again, mends."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office, self.random = office, Random(seed)  # noqa: S311 - the same lists each time
        self.taken: list[tuple[Path, date]] = []

    def step(self) -> None:
        """Take some list."""
        weighted = [self.roll] * 6 + [self.register] * 5 + [self.absences] * 2 + [self.colleges, self.again, self.mend]
        self.random.choice(weighted)()

    def _some(self) -> list[Any]:
        return [human for human in PEOPLE if self.random.random() < 0.7] or [AN]

    def _take(self, header: tuple[str, ...], rows: list[Row]) -> None:
        path = self.office.write(f"list{len(self.taken)}-{self.office.hour}", header, rows)
        self.taken.append((path, self.random.choice(LISTS)))
        self.office.take(*self.taken[-1])

    def roll(self) -> None:
        chance, rows = self.random, []
        schools = chance.choice([(FIRST,), (FIRST,), (SECOND,), (FIRST, SECOND)])
        for human in self._some():
            row = human.enrolled(chance.choice(schools), 班级=chance.choice(("1班", "2班")))
            row |= {"监护人姓名": chance.choice(("甲一", "乙二"))} if chance.random() < 0.4 else {}
            row |= {"身份证件号": AN.id[:17] + "9"} if chance.random() < 0.1 else {}
            row |= {"学籍号": f"L{human.number:018d}"} if chance.random() < 0.1 else {}
            row |= {"出生日期": UNREADABLE} if chance.random() < 0.15 else {}
            rows.append(row)
        self._take(HEADER, rows)

    def register(self) -> None:
        chance = self.random
        kind = chance.choice(("poor", "poor", "low", "orphan"))
        rows = []
        for human in self._some():
            cells: Row = {}
            if kind == "poor":
                cells = {"户编号": f"H{chance.randint(1, 2)}", "在校生状况": chance.choice(("", "小学三年级"))}
                cells |= OTHER_COUNTY if chance.random() < 0.2 else {"村": chance.choice(("河湾村", "山口村"))}
            elif kind == "low":
                cells = {"保障起始": chance.choice(("2023-07", "2025-02", "2025-04"))}
            elif kind == "orphan":
                cells = {"类别": chance.choice(("孤儿", "事实无人抚养儿童"))}
            rows.append(getattr(human, kind)(**cells))
        self._take({"poor": POOR, "low": MINIMUM, "orphan": ORPHANS}[kind], rows)

    def absences(self) -> None:
        chance, rows = self.random, []
        for human in self._some():
            day = f"2025-03-{chance.randint(3, 5):02d}"
            said = (FIRST, f"G{human.id}", human.name, day, chance.choice(("病假", "事假")))
            rows.append(dict(zip(ABSENCES, said, strict=True)))
        self._take(ABSENCES, rows)

    def colleges(self) -> None:
        said = [("甲大学", "4111010001", "教育部", "安和市", self.random.choice(("本科", "专科")), ""),
                ("乙学院", "4111010002", "安和省", "安和市", "专科", self.random.choice(("", "民办")))]  # fmt: skip
        self._take(COLLEGES, [dict(zip(COLLEGES, row, strict=True)) for row in said[: self.random.randint(1, 2)]])

    def again(self) -> None:
        if self.taken:
            path, day = self.random.choice(self.taken)
            self.office.take(path, self.random.choice((day, day, self.random.choice(LISTS))))

    def mend(self) -> None:
        if any(row.code == "date_unreadable" for row in waiting(operator(datetime(2025, 7, 1, tzinfo=CHINA)))):
            self.office.mend()


def standing() -> list[int]:
    """Return the numbers of the files that stand, the newest first."""
    return list(queries.standing_files().order_by("-pk").values_list("pk", flat=True))


def waits() -> list[tuple[int, int]]:
    """Return the rows that wait, as (file, row), and see that each file's task says how many they are."""
    found = list(HeldRow.objects.filter(closed_by=None).order_by("pk").values_list("row__file_id", "row__row"))
    tasks = dict(Task.objects.filter(closed=None, kind="mend_rows").values_list("subject", "count"))
    assert tasks == {f"source_file:{file}": sum(file == other for other, _ in found) for file, _ in found}
    return found


@pytest.mark.parametrize("seed", range(12))
def test_files_taken_back_from_the_last_lead_back_through_what_was_said(office: Office, seed: int) -> None:
    chance = Chance(office, seed)
    said = {0: told()}
    for _ in range(chance.random.randint(3, 6)):
        chance.step()
        said[standing()[0] if standing() else 0] = told()
    while numbers := standing():
        assert why_not_undone(numbers[0], office.by()) == ""
        assert office.undo(numbers[0]) == numbers[:1]
        assert told() == said[standing()[0] if standing() else 0], numbers[0]
        waits()
    assert told() == {}


@pytest.mark.parametrize("seed", range(12, 24))
def test_any_file_can_be_taken_back_or_names_a_newer_one(office: Office, seed: int) -> None:
    chance = Chance(office, seed)
    for _ in range(chance.random.randint(4, 6)):
        chance.step()
    numbers = standing()
    number = chance.random.choice(numbers[1:] or numbers)
    before, waited = told(), waits()
    if why_not_undone(number, office.by()):
        problem = refusal(office, number)
        assert problem.code == "undo_newer_first"
        assert problem.facts["number"] in numbers[: numbers.index(number)]
        assert (told(), waits()) == (before, waited)
        return
    taken = office.undo(number)
    left = list(SourceFile.objects.filter(pk__in=standing()).order_by("pk"))
    assert not set(taken) & {file.pk for file in left}
    last = Office(office.folder)
    paths = {path.name: path for path, _ in chance.taken}
    mended = HeldRow.objects.exclude(mended=None).exists()
    if not mended:  # a mend is remembered, which a register that never had the file has not heard of
        assert told() == elsewhere([lambda f=file: last.take(paths[f.name], f.list_date) for file in left])  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(24, 30))
def test_the_same_file_again_says_the_same_again(office: Office, seed: int) -> None:
    chance = Chance(office, seed)
    for _ in range(3):
        chance.step()
    chance.roll()
    said, rows = told(), waits()
    without = None
    for _ in range(2):
        office.undo(standing()[0])
        without = without or told()
        assert told() == without
        office.take(*chance.taken[-1])
        assert told() == said
        assert len(waits()) == len(rows)


# ---- one thing at a time


def test_what_the_file_ended_moved_and_retracted_holds_again(office: Office) -> None:
    office.roll("autumn", date(2024, 9, 1), AN.enrolled(班级="1班"), MEI.enrolled())
    before = told()
    number = office.roll("wrong", MARCH, AN.enrolled(班级="2班", 身份证件号="", 监护人姓名="乙二"), JUN.enrolled())
    assert told() != before
    assert Person.objects.count() == 3
    office.undo(number)
    assert told() == before
    assert str(Person.objects.order_by("pk")[0].organisation.name) == "2022级小1班"


def test_an_end_that_the_file_took_back_is_an_end_again(office: Office) -> None:
    office.roll("1", TERM, AN.enrolled(), MEI.enrolled())
    office.roll("2", MARCH, AN.enrolled())
    before = told()
    second_part = office.roll("3", MARCH, MEI.enrolled())
    office.undo(second_part)
    assert told() == before
    office.undo(standing()[0])
    assert {row.valid_until for row in queries.enrolled(office.by(), MAY)} == {None}
    assert queries.enrolled(office.by(), MAY).count() == 2


def test_a_late_list_is_taken_back(office: Office) -> None:
    office.roll("new", APRIL, AN.enrolled(班级="2班"))
    before = told()
    number = office.roll("old", TERM, AN.enrolled(班级="1班"), MEI.enrolled())
    office.roll("second", TERM, HUI.enrolled(SECOND))  # another school's roll does not stand in the way
    office.undo(number)
    office.undo(standing()[0])
    assert told() == before


def test_a_fact_of_a_late_list_cut_shorter_gets_its_own_end_back(office: Office) -> None:
    office.roll("3", date(2025, 9, 1), AN.enrolled(监护人姓名="丙三"))
    office.roll("1", date(2024, 9, 1), AN.enrolled(监护人姓名="甲一"))
    before = told()
    number = office.roll("2", MARCH, AN.enrolled(监护人姓名="乙二"))
    assert told() != before
    office.undo(number)
    assert told() == before


def test_a_file_undone_says_nothing_of_any_day_and_what_was_known_stays(office: Office) -> None:
    number = office.roll("wrong", TERM, AN.enrolled(), MEI.enrolled())
    at = SourceFile.objects.get(pk=number).recorded_at
    office.undo(number)
    for day in DAYS:
        assert not queries.enrolled(office.by(), day).exists()
    assert queries.enrolled(office.by(), TERM, at).count() == 2
    assert queries.latest_day() is None


def test_an_undo_is_written_down(office: Office) -> None:
    number = office.roll("wrong", TERM, AN.enrolled())
    version = Clock.objects.get().version
    by = office.by()
    with committing():
        undo_import(file_id=number, by=by, reason=REASON)
    office.remember()
    school = Organisation.objects.get(kind="school")
    entry = Entry.objects.get(action="intake.undo_import")
    assert (entry.subject, entry.reason, entry.chain, entry.at) == (f"source_file:{number}", REASON, school.pk, by.at)
    assert Entry.objects.filter(action="registry.take_back", chain=school.pk).count() == 1
    (found,) = undone([number]).values()
    assert (found.at, found.by, found.reason) == (by.at, "operator", REASON)
    assert Clock.objects.get().version == version + 1
    (file,) = queries.files(by)  # the undo itself is no file that came
    assert (file.pk, file.undone.recorded_at) == (number, by.at)


# ---- what is refused


def refusal(office: Office, number: int, **other: Any) -> BangfuError:
    """Return why a file is not taken back; nothing has changed."""
    before, entries = told(), Entry.objects.count()
    with pytest.raises(BangfuError) as problem:
        office.undo(number, **other)
    assert (told(), Entry.objects.count()) == (before, entries)
    return problem.value


def test_a_newer_issue_of_the_list_goes_first(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    second = office.roll("2", MARCH, AN.enrolled(), MEI.enrolled())
    third = office.roll("3", APRIL, AN.enrolled(), MEI.enrolled())
    problem = refusal(office, first)
    assert (problem.code, problem.facts) == ("undo_newer_first", {"number": third, "file": "3.csv", "day": APRIL})
    assert why_not_undone(first, office.by()) == str(problem)
    for number in (third, second, first):
        assert why_not_undone(number, office.by()) == ""
        office.undo(number)
    assert told() == {}


def test_a_list_of_another_school_does_not_stand_in_the_way(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    office.roll("2", TERM, JUN.enrolled(SECOND))
    office.undo(first)
    assert [school for (_, school), *_ in told()] == [SECOND]


def test_a_list_of_both_schools_stands_on_both(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    both = office.roll("2", MARCH, AN.enrolled(), JUN.enrolled(SECOND))
    later = office.roll("3", APRIL, JUN.enrolled(SECOND))
    assert refusal(office, first).facts["number"] == later  # for it stands on what `both` says
    assert refusal(office, both).facts["number"] == later


def test_the_same_bytes_of_another_day_go_first(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    second = office.take(office.folder / "1.csv", MARCH)
    assert refusal(office, first).facts["number"] == second


def absent(*people: Any, day: str = "2025-03-03", kind: str = "病假") -> list[Row]:
    """Return the rows of an absence list."""
    return [dict(zip(ABSENCES, (FIRST, f"G{human.id}", human.name, day, kind), strict=True)) for human in people]


def test_absences_of_pupils_whom_only_this_roll_knows_go_first(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    second = office.roll("2", MARCH, AN.enrolled(年级="四年级"), MEI.enrolled())
    away = office.take(office.write("away", ABSENCES, absent(AN)), MARCH)
    assert why_not_undone(second, office.by()) == ""  # the first roll knows the pupil under the same number
    more = office.take(office.write("more", ABSENCES, absent(MEI)), MARCH)
    assert refusal(office, second).facts["number"] == more
    assert refusal(office, first).facts["number"] == more
    for number in (more, away, second, first):
        office.undo(number)
    assert told() == {}


def test_absences_told_again_of_the_same_pupils_go_first(office: Office) -> None:
    office.roll("1", TERM, AN.enrolled(), MEI.enrolled())
    before = told()
    first = office.take(office.write("a", ABSENCES, absent(AN)), MARCH)
    office.take(office.write("c", ABSENCES, absent(MEI)), MARCH)
    second = office.take(office.write("b", ABSENCES, absent(AN, kind="事假")), APRIL)
    assert refusal(office, first).facts["number"] == second
    for number in (second, second - 1, first):
        office.undo(number)
    assert told() == before


def test_what_is_undone_is_not_undone_again_and_an_undo_never(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled())
    office.undo(number)
    assert refusal(office, number).code == "file_undone"
    undo = SourceFile.objects.get(undoes=number).pk
    assert refusal(office, undo).code == "file_not_yours"
    with pytest.raises(BangfuError) as problem:
        queries.to_take_back(SourceFile.objects.get(pk=undo))
    assert problem.value.code == "undo_not_undone"


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_asked_for(office: Office, reason: str) -> None:
    number = office.roll("1", TERM, AN.enrolled())
    with pytest.raises(BangfuError) as problem:
        undo_import(file_id=number, by=office.by(), reason=reason)
    assert problem.value.code == "reason_missing"
    assert SourceFile.objects.count() == 1


def test_only_who_sees_the_sender_takes_a_file_back(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled())
    second = office.roll("2", TERM, JUN.enrolled(SECOND))
    poor = office.take(office.write("poor", POOR, [AN.poor()]), TERM)
    schools = {school.name: school.path for school in Organisation.objects.filter(kind="school")}
    county = Organisation.objects.get(kind="county").path
    reaches = (Reach("aid_officer", schools[FIRST]),)
    for number in (second, poor, 999, 1 << 70):
        assert isinstance(refusal(office, number, reaches=reaches), NotAllowed)
        with pytest.raises(NotAllowed):
            why_not_undone(number, office.by(reaches=reaches))
    assert office.undo(first, reaches=reaches) == [first]
    assert office.undo(poor, reaches=(Reach("county_bureau", county),)) == [poor]
    assert isinstance(refusal(office, second, reaches=()), NotAllowed)


def test_of_two_counties_only_one_is_undone(office: Office) -> None:
    far = office.take(office.write("far", POOR, [JUN.poor(**OTHER_COUNTY)]), TERM)
    before = told()
    near = office.take(office.write("near", POOR, [AN.poor(), MEI.poor()]), TERM)
    bureau = (Reach("county_bureau", Organisation.objects.get(kind="county", name="安和县").path),)
    assert isinstance(refusal(office, far, reaches=bureau), NotAllowed)
    office.undo(near, reaches=bureau)
    assert told() == before


# ---- rows that wait, mends, files again


def test_rows_held_wait_no_more_and_their_task_is_closed(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled(), MEI.enrolled(出生日期=UNREADABLE))
    assert waits() == [(number, 3)]
    office.undo(number)
    assert waits() == []
    assert list(waiting(office.by())) == []
    held_id = HeldRow.objects.get().pk
    with pytest.raises(NotAllowed):
        mend_row(held_id=held_id, cells={"出生日期": RIGHT}, by=office.by(), reason=REASON)


def test_rows_that_the_file_had_closed_elsewhere_wait_again(office: Office) -> None:
    first = office.roll("1", TERM, AN.enrolled(), MEI.enrolled(出生日期=UNREADABLE))
    second = office.roll("2", MARCH, AN.enrolled(), GUO.enrolled(), MEI.enrolled(出生日期=UNREADABLE))
    assert waits() == [(second, 4)]
    office.undo(second)
    assert waits() == [(first, 3)]
    office.undo(first)
    assert waits() == []


def test_a_row_that_a_third_file_holds_waits_there_only(office: Office) -> None:
    stranger = absent(HUI)
    files = [office.take(office.write(name, ABSENCES, [*stranger] * n), MARCH) for n, name in ((1, "a"), (2, "b"))]
    third = office.take(office.write("c", ABSENCES, [*stranger, *absent(JUN)]), MARCH)
    assert waits() == [(third, 2), (third, 3)]
    office.undo(files[1])
    assert waits() == [(third, 2), (third, 3)]
    office.undo(third)
    assert waits() == [(files[0], 2)]


def test_a_mended_row_goes_with_its_file(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled(出生日期=UNREADABLE), MEI.enrolled())
    mended = office.mend()
    both = told()
    assert office.undo(number) == [mended, number]
    assert (told(), waits()) == ({}, [])
    assert undone([number, mended]).keys() == {number, mended}
    office.take(office.folder / "1.csv", TERM)
    assert told() == both  # what a person mended once is mended again
    assert waits() == []


def test_a_mend_alone_is_taken_back(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled(出生日期=UNREADABLE), MEI.enrolled())
    before = told()
    assert office.undo(office.mend()) == [number + 1]
    assert told() == before
    assert waits() == [(number, 2)]


def test_a_file_given_again_goes_with_the_first(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled())
    again = office.take(office.folder / "1.csv", TERM)
    assert office.undo(number) == [again, number]
    assert told() == {}


def test_a_file_given_again_is_taken_back_alone(office: Office) -> None:
    office.roll("1", TERM, AN.enrolled())
    before = told()
    office.undo(office.take(office.folder / "1.csv", TERM))
    assert told() == before


def test_an_undone_file_comes_again_and_its_bytes_are_kept_once(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled(), MEI.enrolled())
    said = told()
    office.undo(number)
    again = office.take(office.folder / "1.csv", TERM)
    assert told() == said
    file = SourceFile.objects.get(pk=again)
    assert (file.applied, file.unchanged, file.same_as_id, bytes(file.content)) == (2, 0, number, b"")
    office.undo(again)
    assert told() == {}


def test_a_mend_whose_file_is_taken_back_meanwhile_applies_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = office.roll("1", TERM, AN.enrolled(出生日期=UNREADABLE), MEI.enrolled())
    calendar = actions.calendar_of

    def undo_first(opened: Any) -> Any:
        office.undo(number)
        return calendar(opened)

    monkeypatch.setattr(actions, "calendar_of", undo_first)
    row = next(waiting(office.by()))
    with pytest.raises(BangfuError) as problem:
        mend_row(held_id=row.id, cells={"出生日期": RIGHT}, by=office.by(), reason=REASON)
    assert problem.value.code == "file_undone"
    assert told() == {}


# ---- what verify says


def test_a_fact_of_an_undone_file_that_stands_is_found(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled())
    office.undo(number)
    detail = Detail.objects.get()
    retracted_by = detail.retracted_by_id
    Detail.objects.update(retracted_by=None)
    assert list(checks.undone()) == [
        f"已撤回的文件仍有事实存在,或仍终止、更正着别的事实:registry_detail 编号 {detail.pk}"
    ]
    Detail.objects.update(retracted_by=number)
    assert len(list(checks.undone())) == 1
    Detail.objects.update(retracted_by=retracted_by)


def test_a_row_of_an_undone_file_that_waits_is_found(office: Office) -> None:
    number = office.roll("1", TERM, AN.enrolled(出生日期=UNREADABLE))
    office.undo(number)
    closed_by = HeldRow.objects.get().closed_by_id
    HeldRow.objects.update(closed_by=None)
    assert list(intake_checks.held_rows()) == ["已撤回的文件 1.csv 仍有待改的行:第 2 行"]
    HeldRow.objects.update(closed_by=closed_by)


def test_nothing_is_deleted(office: Office) -> None:
    office.roll("1", TERM, AN.enrolled(), MEI.enrolled())
    number = office.roll("2", MARCH, AN.enrolled())
    rows = SourceFile.objects.get(pk=number).rows.count()
    ends = FormerEnd.objects.count()
    office.undo(number)
    assert SourceFile.objects.get(pk=number).rows.count() == rows
    assert FormerEnd.objects.count() > ends
