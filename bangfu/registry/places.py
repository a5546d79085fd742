"""Finding and making organisations of the tree while a file is read: the county, its villages, schools, classes.

Held in memory for one import run, because every row names several. New ones are only noted here
(`new`); `registry.actions` writes them with the file that named them first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

ADDRESS = re.compile(
    r"(?P<province>(?:[^省区市]{2,}?(?:省|自治区)|北京市|天津市|上海市|重庆市))?"
    r"(?P<city>[^市州盟县区]{2,}?(?:市|自治州|地区|盟)(?=.+?(?:县|区|旗|市)))?"
    r"(?P<county>[^县区旗市]{1,}?(?:自治县|县|区|旗|市))?"
    r"(?P<township>.{1,}?(?:街道|镇|乡|苏木))"
    r"(?P<village>.{1,}?(?:社区|村|居委会|嘎查))"
)
NO_PARENT = 0
NEARLY_ALL = 0.9  # of a school's pupils: a school at the border has many from the county beside it
UNNAMED = {"county": "本县", "college": "本院", "country": "全国", "school": "本校"}


@dataclass(frozen=True)
class NewOrganisation:
    """An organisation to be written: `path` is the ids from the root, itself included."""

    id: int
    kind: str
    name: str
    code: str
    parent: int | None
    path: str


@dataclass
class Places:
    """The tree by what rows call its parts."""

    next_id: int = 1
    ids: dict[tuple[int, str, str], int] = field(default_factory=dict)
    codes: dict[tuple[str, str], int] = field(default_factory=dict)
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    home: int | None = None
    new: list[NewOrganisation] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, str, str, str, int | None, str]], next_id: int) -> Places:
        """Return the places for (id, kind, name, code, parent, path) rows in the order of their ids."""
        places = cls(next_id)
        for row in rows:
            places._know(*row)
        return places

    def _know(self, id_: int, kind: str, name: str, code: str, parent: int | None, path: str) -> None:
        self.ids.setdefault((parent or NO_PARENT, kind, name), id_)
        self.names.setdefault((kind, name), id_)
        if code:
            self.codes.setdefault((kind, code), id_)
        self.paths[id_], self.titles[id_] = path, name
        if kind == "county" and self.home is None:
            self.home = id_

    def make(self, kind: str, name: str, parent: int | None = None, code: str = "") -> int:
        """Return the organisation of this kind, name and parent (or of this code), noted as new if need be."""
        known = self.codes.get((kind, code)) if code else None
        if known is None and not code:
            known = self.ids.get((parent or NO_PARENT, kind, name))
        if known is None and code:
            known = self._without_code(kind, name, parent)
        if known is not None:
            return known
        id_ = self.next_id
        self.next_id += 1
        path = f"{self.paths.get(parent or NO_PARENT, '/')}{id_}/"
        self._know(id_, kind, name, code, parent, path)
        self.new.append(NewOrganisation(id_, kind, name, code, parent, path))
        return id_

    def _without_code(self, kind: str, name: str, parent: int | None) -> int | None:
        """Return the namesake that is known by no code yet."""
        known = self.ids.get((parent or NO_PARENT, kind, name))
        coded = set(self.codes.values())
        return known if known not in coded else None

    def find(self, kind: str, name: str) -> int | None:
        """Return the first organisation of this kind and name, or None."""
        return self.names.get((kind, name))

    def county(self, name: str | None) -> int:
        """Return the county of this name; without one, the installation's own county."""
        if name:
            return self.find("county", name) or self.make("county", name)
        return self.home or self.make("county", UNNAMED["county"])

    def county_in(self, addresses: Iterable[str]) -> int:
        """Return the county of a school whose pupils are registered at these addresses.

        The first county of an installation is its own; a school belongs to another one only if nearly all its pupils
        do. Made with its province where it is not known yet.
        """
        counts: dict[tuple[str, str, str], int] = {}
        for address in addresses:
            if (found := ADDRESS.match(address)) and found["county"]:
                key = (found["province"] or "", found["city"] or "", found["county"])
                counts[key] = counts.get(key, 0) + 1
        if not counts:
            return self.county(None)
        province, city, county = most = max(counts, key=lambda key: counts[key])
        if self.home is not None and counts[most] < NEARLY_ALL * sum(counts.values()):
            return self.home
        if (known := self.find("county", county)) is not None:
            return known
        parent = self.make("province", province) if province else None
        parent = self.make("city", city, parent) if city else parent
        return self.make("county", county, parent)

    def village(self, county: int, township: str, village: str) -> int | None:
        """Return the village of a township; None where the row names no township."""
        if not township:
            return None
        place = self.make("township", township, county)
        return self.make("village", village, place) if village else place

    def village_at(self, county: int, address: str) -> int | None:
        """Return the village that an address names, if it lies in `county`; None otherwise."""
        found = ADDRESS.match(address)
        if found is None or found["county"] not in (None, self.titles[county]):
            return None
        return self.village(county, found["township"], found["village"])
