"""From what a file states and what the register holds to the rows to write. Pure: no database here."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bangfu.core.seal import Keyring
from bangfu.registry.facts import SPECS, FactSpec, Values, comparer, storer
from bangfu.registry.timeline import End, Known, Move, Put, Reopen, Retract, Told, drop, tell

ROWS_PER_FILE = 100_000_000


class Statement(NamedTuple):
    """One fact that a row states. `start` and `until` are ISO days; start None: from the list's own day."""

    kind: str
    values: Values
    start: str | None = None
    until: str | None = None


@dataclass(slots=True)
class Record:
    """One row's subject and statements. `place` is the row's place among the file's rows, from 1; `scope` the
    organisation whose list it is.

    A person's row has a series; an event's row has the person it is about (`subject`). `says` is what each
    statement says in comparable form, filled by the planner.
    """

    place: int
    statements: list[Statement]
    scope: int = 0
    series: int = 0
    organisation: int = 0
    subject: int | None = None
    says: list[Values] = field(default_factory=list)


@dataclass(frozen=True)
class Issue:
    """The file as an issue of its lists: its id, its day, from when it holds, and which series it is all of.

    `list_keys` are the fields, in order of preference, by which the list itself knows a person; `alt_key` the
    fields that together tell one from another where those are missing or were corrected.
    """

    file: int
    day: str
    holds_from: str
    kinds: tuple[str, ...] = ()
    list_keys: tuple[tuple[str, ...], ...] = ()
    alt_key: tuple[str, ...] = ()
    complete: frozenset[int] = frozenset()
    # For each series to which this issue comes late: from when the next later issue holds.
    late: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A person (or listed organisation) that a series knows already."""

    id: int
    series: int
    organisation: int


@dataclass
class State:
    """What the register holds of the subjects at hand: who they are, and the facts that stand of each kind."""

    subjects: list[Subject]
    facts: dict[str, dict[int, list[Known]]]
    next_subject: int
    next_fact: dict[str, int]


@dataclass
class Changes:
    """What to write. Facts are full rows in the order of `FactSpec.columns`."""

    new_subjects: list[Subject] = field(default_factory=list)
    moved_subjects: list[Subject] = field(default_factory=list)
    facts: dict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    # (day or None to open it again, file, fact)
    ends: dict[str, list[tuple[str | None, int | None, int]]] = field(default_factory=lambda: defaultdict(list))
    retractions: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    applied: dict[int, bool] = field(default_factory=dict)
    subject_of: dict[int, int] = field(default_factory=dict)
    left: int = 0

    @property
    def empty(self) -> bool:
        """Tell whether nothing is to be written to the register."""
        return not (self.new_subjects or self.moved_subjects or self.facts or self.ends or self.retractions)


class Planner:
    """Plans one file."""

    def __init__(self, issue: Issue, state: State, ring: Keyring) -> None:
        self.issue, self.state = issue, state
        self.changes = Changes()
        self.new: set[int] = set()
        self.compare = {kind: comparer(spec, ring) for kind, spec in SPECS.items()}
        self.store: dict[str, Callable[[int, Values, Values], Values]] = {
            kind: storer(spec, ring) for kind, spec in SPECS.items()
        }

    def plan(self, records: list[Record]) -> Changes:
        """Return the changes that make the register say what the records say."""
        for record in records:
            record.says = [self.compare[statement.kind](statement.values) for statement in record.statements]
        if records and records[0].subject is None:
            self._match(records)
        for record in records:
            self._tell(record)
        self._drop_absent(records)
        return self.changes

    # -- who is who

    def _match(self, records: list[Record]) -> None:
        """Find each record's subject: by both keys, by the list's own key, then by the other; else a new one."""
        waiting = {subject.id: subject for subject in self.state.subjects}
        if waiting:
            told = {
                subject: Keys.read(self.issue, s, self._last_said(subject)) for subject, s in self._series().items()
            }
            asked = [Keys.read(self.issue, r.series, _said(r)) for r in records]
            for level in (Keys.both, Keys.by_list, Keys.by_alt):
                self._match_level(records, asked, told, waiting, level)
        for record in records:
            if record.subject is None:
                record.subject = self.state.next_subject
                self.state.next_subject += 1
                self.new.add(record.subject)
                self.changes.new_subjects.append(Subject(record.subject, record.series, record.organisation))

    def _match_level(
        self,
        records: list[Record],
        asked: list[Keys],
        told: dict[int, Keys],
        waiting: dict[int, Subject],
        level: Callable[[Keys], object],
    ) -> None:
        queues: dict[object, deque[int]] = defaultdict(deque)
        for subject in waiting:
            if (key := level(told[subject])) is not None:
                queues[key].append(subject)
        for record, keys in zip(records, asked, strict=True):
            if record.subject is None and (queue := queues.get(level(keys))):
                self._take(record, waiting.pop(queue.popleft()))

    def _series(self) -> dict[int, int]:
        return {subject.id: subject.series for subject in self.state.subjects}

    def _last_said(self, subject: int) -> dict[str, Values]:
        known = ((kind, by_subject.get(subject)) for kind, by_subject in self.state.facts.items())
        return {kind: max(facts, key=lambda fact: fact.valid_from).says for kind, facts in known if facts}

    def _take(self, record: Record, subject: Subject) -> None:
        record.subject = subject.id
        if record.organisation != subject.organisation and record.series not in self.issue.late:
            self.changes.moved_subjects.append(Subject(subject.id, record.series, record.organisation))

    # -- what is told

    def _tell(self, record: Record) -> None:
        subject = record.subject
        assert subject is not None  # matched above; for the type checker  # noqa: S101  # nosec B101
        self.changes.subject_of[record.place] = subject
        if subject in self.new:
            self.changes.applied[record.place] = True
            self._tell_first(record, subject)
        elif SPECS[record.statements[0].kind].event if record.statements else False:
            self.changes.applied[record.place] = self._tell_events(record, subject)
        else:
            self.changes.applied[record.place] = self._tell_again(record, subject)

    def _tell_first(self, record: Record, subject: int) -> None:
        """Record what is told of somebody who is new: nothing to compare with."""
        until = self.issue.late.get(record.series)
        for statement, says in zip(record.statements, record.says, strict=True):
            start = statement.start or self.issue.holds_from
            self._put(statement, says, record.place, subject, start, max(until, start) if until else None)

    def _tell_again(self, record: Record, subject: int) -> bool:
        """Compare what is told with what stands, and carry out the difference; tell whether there is one."""
        changed = False
        restated: dict[str, set[Values]] = defaultdict(set)
        for statement, says in zip(record.statements, record.says, strict=True):
            spec = SPECS[statement.kind]
            key = _key(spec, says)
            restated[statement.kind].add(key)
            known = self.state.facts.get(statement.kind, {}).get(subject, [])
            same = [fact for fact in known if _key(spec, fact.says) == key]
            start = statement.start or self.issue.holds_from
            if same:
                before = self.issue.late.get(record.series)
                told = Told(start, says, self.issue.day, self.issue.holds_from, before)
                moves: Iterable[Move] = tell(spec, same, told)
            else:
                until = self.issue.late.get(record.series)
                moves = (Put(start, max(until, start) if until else None),)
            changed |= self._carry_out(statement, says, record.place, subject, moves)
        return changed | self._drop_unstated(subject, restated)

    def _tell_events(self, record: Record, subject: int) -> bool:
        """Record events that are not known yet; a later list's word on the same day corrects an earlier one's."""
        changed = False
        for statement, says in zip(record.statements, record.says, strict=True):
            start = statement.start or self.issue.holds_from
            events = self.state.facts.setdefault(statement.kind, {}).setdefault(subject, [])
            before = next((event for event in events if event.valid_from == start), None)
            if before is not None:
                if before.says == says or before.confirmed > self.issue.day:
                    continue
                events.remove(before)
                self.changes.retractions[statement.kind].append((self.issue.file, before.id))
            id_ = self._put(statement, says, record.place, subject, start, statement.until)
            events.append(Known(id_, start, statement.until, self.issue.day, self.issue.day, says))
            changed = True
        return changed

    def _carry_out(self, statement: Statement, says: Values, place: int, subject: int, moves: Iterable[Move]) -> bool:
        changed = False
        for move in moves:
            changed = True
            if isinstance(move, Put):
                self._put(statement, says, place, subject, move.valid_from, move.valid_until)
            else:
                self._close(statement.kind, move)
        return changed

    def _put(self, statement: Statement, says: Values, place: int, subject: int, start: str, until: str | None) -> int:
        kind = statement.kind
        id_ = self.state.next_fact[kind]
        self.state.next_fact[kind] = id_ + 1
        common = (id_, subject, start, until, self.issue.file * ROWS_PER_FILE + place, None, None)
        self.changes.facts[kind].append(common + self.store[kind](id_, statement.values, says))
        return id_

    def _close(self, kind: str, move: Move) -> None:
        if isinstance(move, End):
            self.changes.ends[kind].append((move.day, self.issue.file, move.id))
        elif isinstance(move, Reopen):
            self.changes.ends[kind].append((None, None, move.id))
        elif isinstance(move, Retract):
            self.changes.retractions[kind].append((self.issue.file, move.id))

    # -- what is no longer told

    def _drop_unstated(self, subject: int, restated: dict[str, set[Values]]) -> bool:
        """End what an earlier issue of the list said of this subject and this row no longer says."""
        changed = False
        for kind, by_subject in self.state.facts.items():
            spec = SPECS[kind]
            if spec.event or subject not in by_subject:
                continue
            gone = [fact for fact in by_subject[subject] if _key(spec, fact.says) not in restated[kind]]
            for move in drop(gone, self.issue.holds_from, self.issue.day):
                self._close(kind, move)
                changed = True
        return changed

    def _drop_absent(self, records: list[Record]) -> None:
        """End the facts of those who stood in a series' earlier issue and stand in this later one no more."""
        present = {record.subject for record in records}
        for subject in self.state.subjects:
            if subject.id not in present and subject.series in self.issue.complete:
                self.changes.left += self._drop(subject.id)

    def _drop(self, subject: int) -> bool:
        dropped = False
        for kind, by_subject in self.state.facts.items():
            earlier = [fact for fact in by_subject.get(subject, []) if fact.confirmed < self.issue.day]
            for move in drop(earlier, self.issue.holds_from, self.issue.day):
                self._close(kind, move)
                dropped = True
        return dropped


def _key(spec: FactSpec, says: Values) -> Values:
    return tuple(says[at] for at in spec.key_at)


def _said(record: Record) -> dict[str, Values]:
    return {statement.kind: says for statement, says in zip(record.statements, record.says, strict=True)}


@dataclass(frozen=True, slots=True)
class Keys:
    """What a person is known by within a series: the list's own key, and the other one."""

    series: int
    own: object
    alt: object

    @classmethod
    def read(cls, issue: Issue, series: int, said: dict[str, Values]) -> Keys:
        """Return the keys that the statements `said` (by kind) contain."""
        own = next((key for names in issue.list_keys if (key := _key_values(issue, names, said))), None)
        alt = tuple(_value(issue, name, said) for name in issue.alt_key)
        return cls(series, own, alt if alt and alt[0] else None)

    def both(self) -> object:
        """Return both keys, or None where one is missing."""
        return None if self.own is None or self.alt is None else (self.series, self.own, self.alt)

    def by_list(self) -> object:
        """Return the list's own key, or None."""
        return None if self.own is None else (self.series, self.own)

    def by_alt(self) -> object:
        """Return the other key, or None."""
        return None if self.alt is None else (self.series, self.alt)


def _key_values(issue: Issue, names: tuple[str, ...], said: dict[str, Values]) -> Values | None:
    values = tuple(_value(issue, name, said) for name in names)
    return (names, *values) if all(values) else None


def _value(issue: Issue, name: str, said: dict[str, Values]) -> object:
    for kind in issue.kinds:
        at = SPECS[kind].place_of.get(name)
        if at is not None:
            return said[kind][at] if kind in said else None
    return None
