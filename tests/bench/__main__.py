"""`make bench`: speed as ratios measured in one run; exit 1 where a bound is missed.

--quick leaves out the scaled counties and the sign-ins beside an import, and opens the pages over a small register.
The name of a part (see PARTS), `pages` with the arguments of tests/bench/pages.py, measures that one alone.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import pages, rulebook
from tests.bench.pairing import make as make_pairing
from tests.bench.scale import scale_county

ROOT = Path(__file__).resolve().parents[2]
COUNTY = ROOT / "examples" / "county" / "in"
CACHE = ROOT / "build" / "bench"
ROUNDS = 5
MILLION = 1_000_000
SIGN_IN_EVERY = 0.05  # seconds
WHOLE_PAIRING = {412: 1.0, 10_000: 5.0}  # households: seconds
SLOWEST_PAGE = 15  # its p95, as a multiple of the bare page's


@dataclass
class Bound:
    """A measured figure, its unit, and the bound that it must keep."""

    name: str
    figure: float
    unit: str
    bound: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Tell whether the bound is kept."""
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def line(self) -> str:
        """Return the figure beside its bound."""
        sign = ">=" if self.at_least else "<="
        word = "kept" if self.kept else "MISSED"
        return f"{self.name:<66} {self.figure:8.2f} {self.unit:<6} {sign} {self.bound:g}  {word}"


def run(kind: str, what: Path | int, module: str = "tests.bench.runs") -> dict[str, float]:
    """Run one kind in a process of its own; returns what it printed: seconds, rows, peak_mib."""
    done = subprocess.run(
        [sys.executable, "-m", module, kind, str(what)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def example_county() -> list[Bound]:
    """Measure the example county: import, bare reading and row-by-row saving, in turn."""
    times: dict[str, list[float]] = {"read": [], "import": []}
    for _ in range(ROUNDS):
        for kind, seconds in times.items():
            seconds.append(run(kind, COUNTY)["seconds"])
    read, imported = (statistics.median(times[kind]) for kind in ("read", "import"))
    saved, inserted = (run(kind, COUNTY)["seconds"] for kind in ("orm", "orm-insert"))
    print(f"example county: read {read:.3f} s, import {imported:.3f} s", flush=True)
    print(f"saving row by row {saved:.1f} s; without asking what is there {inserted:.1f} s", flush=True)
    return [
        Bound("example county: import / only reading it (aim: 8)", imported / read, "x", 15),
        Bound("example county: saving row by row / import", saved / imported, "x", 8, at_least=True),
    ]


def scaled_counties() -> list[Bound]:
    """Measure time a row and memory at 50,000 and 200,000 pupils."""
    a_row: dict[int, float] = {}
    peak = 0.0
    found: dict[str, float] = {}
    for pupils in (50_000, 200_000):
        folder = scaled(pupils)
        seconds = []
        for kind in ("import", "cover"):
            found = run(kind, folder)
            seconds.append(found["seconds"])
            peak = found["peak_mib"]
        a_row[pupils] = min(seconds) / found["rows"]
        print(f"{pupils:,} pupils: {found['rows']:,} rows in {min(seconds):.1f} s, peak {peak:,.0f} MiB", flush=True)
    return [
        Bound("time a row: 200,000 pupils / 50,000 pupils", a_row[200_000] / a_row[50_000], "x", 1.3),
        Bound("peak memory at 200,000 pupils", peak, "MiB", 2048),
        Bound("coverage of 200,000 pupils, nothing linked before", found["cover"], "s", 20),
        Bound("coverage of 200,000 pupils / only reading its tables", found["cover"] / found["floor"], "x", 15),
        Bound("coverage of 200,000 pupils again", found["again"], "s", 20),
    ]


def new_list() -> list[Bound]:
    """Link a new list of 1,000 rows into a register of 1,000,000."""
    with tempfile.TemporaryDirectory() as folder:
        print("making a register of 1,000,000 pupils", flush=True)
        files, home = Path(folder) / "files", Path(folder) / "home"
        made = run_register("make", files, str(MILLION)), run_register("fill", home, files)
        assert not any(made), made
        done = run_register("link", home, files)
    found = json.loads(done)
    ratio = found["seconds"] / found["floor"]
    said = f"{found['links']} links; one bare pass over names takes {found['floor']:.2f} s"
    print(f"a list of 1,000 rows into {found['rows']:,} records: {found['seconds']:.2f} s, {said}", flush=True)
    return [
        Bound("a new list of 1,000 rows linked into 1,000,000 records", found["seconds"], "s", 5),
        Bound("the same / one bare pass over the register's names", ratio, "x", 10),
    ]


def scaled(pupils: int) -> Path:
    """Return a scaled copy of the county, made once."""
    folder = CACHE / str(pupils)
    if not folder.exists():
        print(f"making a county of {pupils:,} pupils", flush=True)
        part = folder.with_suffix(".part")
        scale_county(COUNTY, part, pupils)
        part.rename(folder)
    return folder


def run_register(*words: str | Path) -> str:
    """Run a verb of `tests.bench.register` in a process of its own and return what it printed."""
    command = [sys.executable, "-m", "tests.bench.register", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def sign_ins() -> list[Bound]:
    """Write like a sign-in every 50 ms while a county of 50,000 is imported, and measure the waits."""
    with tempfile.TemporaryDirectory() as home:
        bangfu = [str(Path(sys.executable).parent / "bangfu")]
        environment = {**os.environ, "BANGFU_HOME": home}
        subprocess.run([*bangfu, "init"], env=environment, check=True, capture_output=True)
        files = sorted(str(path) for path in scaled(50_000).iterdir())
        work = subprocess.Popen([*bangfu, "import", *files], env=environment, stdout=subprocess.DEVNULL)
        waits, failures = _sign_in_while(lambda: work.poll() is None, Path(home) / "bangfu.sqlite3")
        assert work.wait() == 0
    waits.sort()
    median, p95 = (waits[len(waits) * share // 100] * 1000 for share in (50, 95))
    said = f"median {median:.1f} ms, p95 {p95:.1f} ms, longest {waits[-1] * 1000:.0f} ms"
    print(f"{len(waits)} sign-ins beside an import: {said}", flush=True)
    return [
        Bound("sign-ins that failed while a county was imported", failures, "", 0),
        Bound("longest wait of a sign-in", waits[-1], "s", 5),
    ]


def _sign_in_while(running: Callable[[], bool], database: Path) -> tuple[list[float], int]:
    waits, failures = [], 0
    with sqlite3.connect(database, timeout=30, isolation_level=None) as connection:
        for number in iter(int, 1):
            if not running():
                return waits, failures
            started = time.perf_counter()
            try:
                connection.execute("BEGIN IMMEDIATE")
                row = (f"B{len(waits)}-{number}", "bench", "!", True, False)
                columns = "staff_number, name, password, is_active, must_change_password"
                connection.execute(f"INSERT INTO accounts_user ({columns}) VALUES (?, ?, ?, ?, ?)", row)
                connection.execute("COMMIT")
            except sqlite3.OperationalError:
                failures += 1
            waits.append(time.perf_counter() - started)
            time.sleep(SIGN_IN_EVERY)
    return waits, failures


def linking() -> list[Bound]:
    """Link a million rows with themselves, beside bare Splink with the same fields."""
    found: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    for _ in range(3):
        for kind, runs in found.items():
            runs.append(run(kind, MILLION, module="tests.bench.linking"))
    bare, ours = (statistics.median(run["seconds"] for run in found[kind]) for kind in ("bare", "ours"))
    last = found["ours"][-1]
    f1 = f"F1 {last['f1']:.4f}, bare {found['bare'][-1]['f1']:.4f}"
    print(f"1,000,000 rows linked: {ours:.1f} s, bare Splink {bare:.1f} s; {f1}; peak {last['peak_mib']:,.0f} MiB")
    return [Bound("linking 1,000,000 rows with themselves / bare Splink", ours / bare, "x", 2)]


def pairing() -> list[Bound]:
    """Pair 412, 10,000 and 100,000 households: the whole command, and all levels beside one bare solve."""
    bounds = []
    for households, kept in ((412, 0.5), (10_000, 0.5), (100_000, 0.0), (100_000, 0.5)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_pairing(folder, households, kept)
            title = f"pairing {households:,} households{', some paired before' if kept else ''}"
            whole = _whole_pairing(folder)
            print(f"{title}: the whole command {whole:.2f} s", flush=True)
            if households in WHOLE_PAIRING:
                bounds.append(Bound(f"{title}: the whole command", whole, "s", WHOLE_PAIRING[households]))
            others = ("scipy", "highs")[: 2 if households in WHOLE_PAIRING else int(not kept)]
            beside = _beside_bare(title, folder, others)
            bounds += [] if households in WHOLE_PAIRING else beside
    return bounds


def _whole_pairing(folder: Path) -> float:
    command = [str(Path(sys.executable).parent / "bangfu"), "pair", str(folder), "--out", str(folder / "pairs.csv")]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _beside_bare(title: str, folder: Path, others: Sequence[str]) -> list[Bound]:
    """Measure all levels with their proof and one bare solve in turn, and the other solvers once each."""
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(3):
        for kind, runs in found.items():
            runs.append(run(kind, folder, module="tests.bench.pairing"))
    ours, bare = (statistics.median(run["seconds"] for run in found[kind]) for kind in ("ours", "bare"))
    said = [f"ours {ours:.2f} s", f"OR-Tools bare {bare:.2f} s"]
    for kind in others:
        said.append(f"{kind} bare {run(kind, folder, module='tests.bench.pairing')['seconds']:.2f} s")
    peak = found["ours"][-1]["peak_mib"]
    print(f"{title}, {found['ours'][-1]['pairs']:,} pairs: {', '.join(said)}; peak {peak:,.0f} MiB", flush=True)
    return [
        Bound(f"{title}: all levels and their proof / one bare solve (aim: 1.5)", ours / bare, "x", 4),
        Bound(f"{title}: peak memory", peak, "MiB", 1536),
    ]


def deciding(*words: str) -> list[Bound]:
    """Decide five entitlements, beside the same by hand in SQL and the floor; see README.md."""
    module, kinds = "tests.bench.rulebook", ("floor", "hand", "ours")
    found: dict[str, list[dict[str, float]]] = {}
    for rows in (MILLION, 10 * MILLION):
        facts = rulebook.make(rows)
        found = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            for kind, runs in found.items():
                runs.append(run(kind, facts, module))
        seconds = {kind: statistics.median(each["seconds"] for each in runs) for kind, runs in found.items()}
        said = ", ".join(f"{kind} {took:.2f} s" for kind, took in seconds.items())
        print(f"five entitlements for {rows:,} students: {said}", flush=True)
    if "--huge" in words:
        huge = run("ours", rulebook.make(100 * MILLION), module)
        print(f"for 100,000,000: {huge['seconds']:.1f} s, peak {huge['peak_mib']:,.0f} MiB", flush=True)
    pairs = [(one["seconds"], other["seconds"]) for one, other in zip(found["ours"], found["hand"], strict=True)]
    floors = [(one["seconds"], other["seconds"]) for one, other in zip(found["ours"], found["floor"], strict=True)]
    by_hand, by_floor = (statistics.median(one / other for one, other in each) for each in (pairs, floors))
    peak = max(each["peak_mib"] for each in found["ours"])
    return [
        Bound("deciding for 10,000,000 students / the same SQL by hand", by_hand, "x", 1.1),
        Bound("deciding for 10,000,000 students / the floor", by_floor, "x", 1.9),
        Bound("peak memory for 10,000,000 students", peak, "MiB", 500),
        Bound("rows that differ from the SQL by hand", rulebook.differing(rulebook.make(MILLION)), "", 0),
    ]


def all_pages(*words: str) -> list[Bound]:
    """Measure the pages for 16 clients beside a bare Django page, on both databases; the slowest keeps a bound."""
    slowest = {name: max((ratio, page) for page, ratio in found.items()) for name, found in pages.main(words).items()}
    return [
        Bound(f"{name}, slowest page ({page}): p95 / bare page (aim: {pages.AIM})", ratio, "x", SLOWEST_PAGE)
        for name, (ratio, page) in slowest.items()
    ]


PARTS: dict[str, Callable[..., list[Bound]]] = {
    "example": example_county,
    "scaled": scaled_counties,
    "new-list": new_list,
    "sign-ins": sign_ins,
    "linking": linking,
    "pairing": pairing,
    "rulebook": deciding,
    "pages": all_pages,
}


def main() -> int:
    """Measure, print every figure beside its bound, and return 1 where one is missed."""
    words = sys.argv[1:]
    parts = list(PARTS.values())
    if words == ["--quick"]:
        parts = [example_county, partial(all_pages, "--quick")]
    elif words:
        parts = [partial(PARTS[words[0]], *words[1:])]
    bounds = [bound for part in parts for bound in part()]
    print()
    for bound in bounds:
        print(bound.line())
    return int(not all(bound.kept for bound in bounds))


if __name__ == "__main__":
    sys.exit(main())
