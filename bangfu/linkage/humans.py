"""From judged pairs to humans: the strongest links first, and none that joins what must stay apart. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from bangfu.linkage.people import Edge

RANK = {"person": 0, "id": 1, "certificate": 2, "roll_number": 3, "id_start": 4, "probable": 4}
NAME_RANK = {"equal": 0, "same_sound": 1, "look_alike": 1, "unknown_sign": 1}


@dataclass
class Humans:
    """What the pairs come to: the links that make humans of records (a forest), and the pairs to ask about."""

    same: list[Edge] = field(default_factory=list)
    doubtful: list[Edge] = field(default_factory=list)
    root: dict[int, int] = field(default_factory=dict)


class _Clusters:
    """Union-find over records. Each cluster knows its records' valid IDs, and what it must stay apart from."""

    def __init__(self, ids: Mapping[int, frozenset[str]], apart: Iterable[tuple[int, int]]) -> None:
        self.parent: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}
        self.ids = ids
        self.cluster_ids: dict[int, frozenset[str]] = {}
        self.apart: dict[int, set[int]] = defaultdict(set)
        for left, right in apart:
            self.apart[left].add(right)
            self.apart[right].add(left)

    def root(self, record: int) -> int:
        parent = self.parent
        parent.setdefault(record, record)
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    def records(self, root: int) -> list[int]:
        return self.members.get(root) or [root]

    def numbers(self, root: int) -> frozenset[str]:
        return self.cluster_ids.get(root, self.ids.get(root, frozenset()))

    def forbidden(self, left: int, right: int) -> bool:
        """Tell whether a record of one cluster may not be one person with a record of the other."""
        others = set(self.records(right))
        return any(self.apart[record] & others for record in self.records(left) if record in self.apart)

    def join(self, left: int, right: int) -> None:
        first, second = min(left, right), max(left, right)
        self.members[first] = self.records(first) + self.records(second)
        self.cluster_ids[first] = self.numbers(first) | self.numbers(second)
        self.members.pop(second, None)
        self.parent[second] = first


def humans(edges: Sequence[Edge], ids: Mapping[int, frozenset[str]], apart: Iterable[tuple[int, int]]) -> Humans:
    """Join records along the sure edges, the strongest first; return links, open questions and each record's human.

    `ids`: record -> its valid IDs. Two clusters with different valid IDs are joined only by an edge that was judged
    between such records itself, so that no record without an ID can chain two people together. `apart`: pairs that
    a person has parted. What may not be joined becomes a question, unless both sides are known to be other people.
    """
    apart = list(apart)
    decided = {frozenset(pair) for pair in apart}
    clusters = _Clusters(
        ids, [*((left, right) for left, right in apart), *((edge.left, edge.right) for edge in edges if edge.apart)]
    )
    sure = sorted((edge for edge in edges if edge.sure), key=lambda edge: (*_strength(edge), edge.left, edge.right))
    judged = _judged_ids(sure, ids)
    undecided = _undecided(sure, ids, judged)
    found, blocked = Humans(), []
    for edge in sure:
        left, right = clusters.root(edge.left), clusters.root(edge.right)
        if left == right:
            continue
        by_person = edge.how == "person"
        if (
            id(edge) in undecided
            or clusters.forbidden(left, right)
            or not (by_person or _agree(clusters, left, right, judged))
        ):
            blocked.append(edge)
            continue
        clusters.join(left, right)
        found.same.append(edge)
    questions = [*blocked, *(edge for edge in edges if not edge.sure)]
    found.doubtful = list(_open(questions, clusters, decided))
    found.root = {record: clusters.root(record) for record in clusters.parent}
    return found


def _strength(edge: Edge) -> tuple[int, int, float]:
    """Return what the edges are sorted by: how they were found, then how the names agree, then the probability."""
    return RANK[edge.how], NAME_RANK.get(edge.agrees.get("name", "equal"), 2), -edge.probability


def _undecided(sure: Iterable[Edge], ids: Mapping[int, frozenset[str]], judged: set[frozenset[str]]) -> set[int]:
    """Return (by identity) the edges by which a record without an ID could join either of two people as well."""
    best: dict[int, list[Edge]] = defaultdict(list)
    for edge in sure:
        for record in (edge.left, edge.right):
            if not ids.get(record) and (not best[record] or _strength(best[record][0]) == _strength(edge)):
                best[record].append(edge)
    return {id(edge) for record, edges in best.items() if _two_people(record, edges, ids, judged) for edge in edges}


def _two_people(
    record: int, edges: Sequence[Edge], ids: Mapping[int, frozenset[str]], judged: set[frozenset[str]]
) -> bool:
    """Tell whether the other ends of a record's edges bear different valid IDs that nobody has judged to be one's."""
    others = [ids.get(edge.left if edge.right == record else edge.right, frozenset()) for edge in edges]
    first = next((numbers for numbers in others if numbers), frozenset())
    return any(
        numbers and not numbers & first and not any(frozenset(pair) in judged for pair in product(numbers, first))
        for numbers in others
    )


def _judged_ids(sure: Iterable[Edge], ids: Mapping[int, frozenset[str]]) -> set[frozenset[str]]:
    """Return the pairs of different IDs that a sure edge joins, or that one record bears."""
    judged = {frozenset(pair) for own in ids.values() if len(own) > 1 for pair in product(own, own)}
    for edge in sure:
        for pair in product(ids.get(edge.left, ()), ids.get(edge.right, ())):
            judged.add(frozenset(pair))
    return judged


def _agree(clusters: _Clusters, left: int, right: int, judged: set[frozenset[str]]) -> bool:
    """Tell whether the clusters' valid IDs allow one person: equal, or each pair of them judged."""
    pairs = product(clusters.numbers(left), clusters.numbers(right))
    return all(one == other or frozenset((one, other)) in judged for one, other in pairs)


def _open(edges: Iterable[Edge], clusters: _Clusters, decided: set[frozenset[int]]) -> Iterator[Edge]:
    """Yield the questions that are left once the humans are known, one for each two of them.

    Not asked: what a person has answered, and pairs whose other records show two people: valid IDs that differ,
    under names that differ.
    """
    asked: set[frozenset[int]] = set()
    for edge in sorted(edges, key=lambda e: (not e.sure, *_strength(e), e.left, e.right)):
        pair = frozenset((clusters.root(edge.left), clusters.root(edge.right)))
        if len(pair) == 1 or pair in asked or frozenset((edge.left, edge.right)) in decided:
            continue
        left, right = clusters.numbers(clusters.root(edge.left)), clusters.numbers(clusters.root(edge.right))
        strangers = left and right and not left & right
        if strangers and edge.how == "probable" and edge.agrees.get("name") != "equal":
            continue
        asked.add(pair)
        yield edge


def chain(links: Iterable[tuple[int, int]], start: int, end: int) -> list[int]:
    """Return the records from `start` to `end` along the links (the shortest way), or nothing where none leads."""
    beside: dict[int, list[int]] = defaultdict(list)
    for left, right in links:
        beside[left].append(right)
        beside[right].append(left)
    before, queue = {start: start}, deque([start])
    while queue and end not in before:
        record = queue.popleft()
        for other in beside[record]:
            if other not in before:
                before[other] = record
                queue.append(other)
    if end not in before:
        return []
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]
