"""The four lists of `bangfu coverage` against the truth of an invented county: every figure with its bound.

python -m tests.scoring OUT TRUTH.json
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Spot = tuple[str, int]  # file, row
# Which code a planted problem is reported under; a wrong ID shows in one of two ways.
CODE_OF = {
    "roll_two_schools": "duplicate_enrolment",
    "roll_row_twice": "row_repeated",
    "roll_no_id": "id_missing",
    "dibao_no_id": "id_missing",
    "roll_wrong_id": "id_checksum",
    "poverty_wrong_id": "id_checksum",
    "dibao_wrong_id": "id_checksum",
    "roll_numeric_id": "id_truncated",
    "roll_wrong_name": "name_mismatch",
    "poverty_wrong_name": "name_mismatch",
    "poverty_rare_char": "name_mismatch",
    "student_listed_as_labour": "student_listed_as_labour",
}
EITHER = {"id_mismatch": "id_checksum"}
REASONS = {"out_of_school": "on_no_roll", "elsewhere": "listed_elsewhere"}
MANY = 100


@dataclass(frozen=True)
class Figure:
    """A measured share, and the bound that it must keep."""

    name: str
    value: float
    bound: float
    at_least: bool = True

    @property
    def kept(self) -> bool:
        """Tell whether the bound is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def line(self) -> str:
        """Return the figure beside its bound."""
        sign = ">=" if self.at_least else "<="
        return f"{self.name:<58} {self.value:9.5f} {sign} {self.bound:<7} {'kept' if self.kept else 'MISSED'}"


def score(out: Path, truth: Path) -> list[Figure]:
    """Return the figures of the lists in the folder `out`."""
    known = json.loads(truth.read_text(encoding="utf-8"))
    person = {(file, int(row)): number for file, rows in known["rows"].items() for row, number in rows.items()}
    ours = {(line["file"], int(line["row"])): line["person"] for line in read(out / "rows.csv")}
    human = {ours[spot]: number for spot, number in person.items() if spot in ours}
    figures = [*pairs(person, ours), *pupils(out, known, human), *children(out, known, human)]
    return [*figures, *conflicts(out, known, person)]


def read(path: Path) -> list[dict[str, str]]:
    """Return the lines of one list."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def share(part: float, whole: float) -> float:
    """Return a share; of nothing, all."""
    return part / whole if whole else 1.0


def pairs(person: dict[Spot, int], ours: dict[Spot, str]) -> Iterator[Figure]:
    """Rows that are one human: of the pairs that we say, and of those that are."""
    told = [(ours.get(spot, f"none {spot}"), number) for spot, number in person.items()]
    both, said, true = (Counter(keys) for keys in (told, (code for code, _ in told), (number for _, number in told)))
    right, claimed, there = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, said, true))
    yield Figure("rows.csv: pair precision", share(right, claimed), 0.9995)
    yield Figure("rows.csv: pair recall", share(right, there), 0.998)
    yield Figure("rows.csv: rows that no truth knows", len(ours.keys() - person.keys()), 0, at_least=False)


def pupils(out: Path, known: dict[str, Any], human: dict[str, int]) -> Iterator[Figure]:
    """Pupils' bases and states; a state of conflict is right where something was planted."""
    wrong = {number for spots in known["planted"].values() if isinstance(spots, list) for *_, number in spots}
    lines = read(out / "pupils.csv")
    bases_right = state_right = groundless = 0
    for line in lines:
        number = human.get(line["person"], -1)
        bases = set(known["pupils_by_basis"].get(str(number), ()))
        bases_right += set(filter(None, line["bases"].split(";"))) == bases
        in_conflict = line["state"] == "in_conflict"
        state_right += (in_conflict and number in wrong) or line["state"] == ("to_assess" if bases else "no_sign")
        groundless += in_conflict and number not in wrong
    count = known["pupils"]
    yield Figure("pupils.csv: pupils listed / pupils", share(len(lines), count), 1.002, at_least=False)
    yield Figure("pupils.csv: bases exactly right", share(bases_right, count), 0.998)
    yield Figure("pupils.csv: state right", share(state_right, count), 0.995)
    yield Figure("pupils.csv: in conflict where nothing is wrong", groundless, 0, at_least=False)


def children(out: Path, known: dict[str, Any], human: dict[str, int]) -> Iterator[Figure]:
    """Children of school age on no roll."""
    wanted = set(known["children_not_on_any_roll"])
    lines = read(out / "children.csv")
    found = {str(human.get(line["person"], -1)) for line in lines}
    yield Figure("children.csv: children found", share(len(wanted & found), len(wanted)), 1.0)
    yield Figure("children.csv: false", share(len(found - wanted), len(lines)) if lines else 0, 0.05, at_least=False)


def planted(known: dict[str, Any], person: dict[Spot, int]) -> dict[str, set[Spot]]:
    """Return code -> the rows planted for it; a wrong name shows only where another file has the person."""
    files = defaultdict(set)
    for (file, _), number in person.items():
        files[number].add(file)
    wanted: dict[str, set[Spot]] = defaultdict(set)
    for problem, code in CODE_OF.items():
        for file, row, number in known["planted"].get(problem, ()):
            if code != "name_mismatch" or len(files[number]) > 1:
                wanted[code].add((file, row))
    return wanted


def conflicts(out: Path, known: dict[str, Any], person: dict[Spot, int]) -> Iterator[Figure]:
    """Of each code: planted rows found, and lines that name no planted row. Children on no roll count by child."""
    wanted = planted(known, person)
    lines: dict[str, list[set[Spot]]] = defaultdict(list)
    for line in read(out / "conflicts.csv"):
        spots = {(line["file"], int(line["row"]))}
        if line["other_row"]:
            spots.add((line["other_file"], int(line["other_row"])))
        lines[EITHER.get(line["code"], line["code"])].append(spots)
    for code in sorted(wanted):
        yield from _code(code, wanted[code], lines[code])
    for reason, code in REASONS.items():
        numbers = {int(n) for n, why in known["children_not_on_any_roll"].items() if why == reason}
        spots = {spot for spot, number in person.items() if number in numbers}
        missed = numbers - {person[spot] for line in lines[code] for spot in line if spot in person}
        yield Figure(f"conflicts.csv: {code}, children missed of {len(numbers)}", len(missed), 0, at_least=False)
        yield Figure(f"conflicts.csv: {code}, false lines", _false(spots, lines[code]), 0.05, at_least=False)


def _code(code: str, wanted: set[Spot], lines: list[set[Spot]]) -> Iterator[Figure]:
    missed = wanted - set().union(*lines) if lines else wanted
    allowed = 1 if len(wanted) < MANY else len(wanted) / MANY
    yield Figure(f"conflicts.csv: {code}, missed of {len(wanted)}", len(missed), allowed, at_least=False)
    yield Figure(f"conflicts.csv: {code}, false lines", _false(wanted, lines), 0.05, at_least=False)


def _false(wanted: set[Spot], lines: Iterable[set[Spot]]) -> float:
    every = list(lines)
    return share(sum(not spots & wanted for spots in every), len(every)) if every else 0.0


if __name__ == "__main__":
    found = score(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(figure.line() for figure in found))  # noqa: T201 - its output
    sys.exit(not all(figure.kept for figure in found))
