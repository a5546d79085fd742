"""A register in memory for one list: what the planner is given, and what its changes do, without a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from bangfu.core.seal import new_keyring
from bangfu.registry.facts import Values
from bangfu.registry.plan import ROWS_PER_FILE, Changes, Issue, Planner, Record, State, Statement, Subject
from bangfu.registry.queries import last_confirmed
from bangfu.registry.timeline import Known

RING = new_keyring()
SERIES, PLACE = 1, 1
KIND = "household_member"  # nothing sealed, no key, no identity: a plain course of values
FIRST = date(2025, 3, 1)


def day(number: int) -> str:
    """Return day `number` (from 1) of the story as ISO text."""
    return (FIRST + timedelta(days=number - 1)).isoformat()


def value(word: str) -> Values:
    """Return a statement that says `word`; its list key is the same for all, so that all speak of one person."""
    return (1, word, "P1")


@dataclass
class Kept:
    """A fact in the register: the planner's view of it, and whether it was retracted."""

    fact: Known
    file: int
    retracted: bool = False


@dataclass
class Shelf:
    """The facts of one person in one complete list, and the days of the issues that came."""

    facts: list[Kept] = field(default_factory=list)
    issues: list[tuple[str, str]] = field(default_factory=list)  # day, and from when it holds

    def take(self, told: int, word: str | None, *, start: int | None = None) -> Changes:
        """Take in an issue of day `told` that says `word` (None: the person is not on it)."""
        self.issues.append((day(told), day(told)))
        file = len(self.issues)
        issue = self._issue(file, day(told))
        records = [] if word is None else [self._record(word, None if start is None else day(start))]
        changes = Planner(issue, self._state(issue), RING).plan(records)
        self._apply(changes, file, day(told))
        return changes

    def _issue(self, file: int, told: str) -> Issue:
        later = sorted(issue for issue in self.issues if issue[0] > told)
        late = {SERIES: later[0][1]} if later else {}
        complete = frozenset({SERIES})
        return Issue(file, told, told, (KIND,), (("member_number",),), (), complete, late)

    def _record(self, word: str, start: str | None) -> Record:
        return Record(1, [Statement(KIND, value(word), start)], PLACE, SERIES, PLACE)

    def _state(self, issue: Issue) -> State:
        facts = [_seen(kept.fact, self.issues[:-1]) for kept in self.facts if not kept.retracted]
        known = {KIND: {1: facts} if facts else {}}
        subjects = [Subject(1, SERIES, PLACE)] if self.facts else []
        return State(subjects, known, 1, {KIND: len(self.facts) + 1})

    def _apply(self, changes: Changes, file: int, told: str) -> None:
        for id_, _, start, until, source, *_rest in changes.facts.get(KIND, ()):
            assert source == file * ROWS_PER_FILE + 1
            says = tuple(_rest[2:])
            self.facts.append(Kept(Known(id_, start, until, told, told, says), file))
        for until, _, id_ in changes.ends.get(KIND, ()):
            self.facts[id_ - 1].fact = replace(self.facts[id_ - 1].fact, valid_until=until)
        for _, id_ in changes.retractions.get(KIND, ()):
            self.facts[id_ - 1].retracted = True

    def standing(self) -> Iterator[Known]:
        """Yield the facts that were not retracted."""
        return (kept.fact for kept in self.facts if not kept.retracted)

    def on(self, number: int) -> list[str]:
        """Return what the register says of day `number`: one word for each fact that holds then."""
        return [str(fact.says[1]) for fact in self.standing() if holds(fact, day(number))]


def holds(fact: Known, on: str) -> bool:
    """Tell whether a fact holds on a day."""
    return fact.valid_from <= on and (fact.valid_until is None or on < fact.valid_until)


def _seen(fact: Known, issues: list[tuple[str, str]]) -> Known:
    """Return a fact as the register's queries give it: confirmed by the last issue that still said so."""
    return replace(fact, confirmed=last_confirmed(fact.told, fact.valid_until, issues))
