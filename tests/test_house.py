"""The rules of the house that no linter knows, read from the syntax tree.

They match names, so they find what is written in the usual way; reading a change still matters.
Each rule is a function from a source to findings, tried on good and bad sources before it is used on ours.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bangfu"

# ---------------------------------------------------------------- only actions.py writes

WRITES = {"save", "create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "delete"}
WRITES |= {f"a{name}" for name in WRITES} | {"executemany"}
# `update` is also a method of dicts, sets and digests: it counts where what it is called on is a queryset.
UPDATES = {"update", "aupdate"}
QUERYSET_METHODS = {"filter", "exclude", "all", "select_for_update", "select_related", "using", "annotate"}
QUERYSET_METHODS |= {"order_by", "distinct"}
STATEMENT = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|MERGE|TRUNCATE|COPY)\b", re.IGNORECASE)
RUNS_SQL = {"execute", "executescript", "copy"}


def writes(source: str) -> list[str]:
    """Return the calls in `source` that write to the database."""
    tree = ast.parse(source)
    known = assigned(tree)
    found = (what_it_writes(node, known) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [what for what in found if what]


def assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what each plain name is assigned (the last one, wherever it stands)."""
    known: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            known |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value and isinstance(node.target, ast.Name):
            known[node.target.id] = node.value
    return known


def what_it_writes(call: ast.Call, known: dict[str, ast.expr]) -> str:
    """Return the line and name of a call that writes, or nothing."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    name = call.func.attr
    if name in RUNS_SQL:
        bad = bool(call.args) and STATEMENT.match(start_of_text(call.args[0], known)) is not None
    elif name in UPDATES:
        bad = is_queryset(call.func.value, known)
    else:
        bad = name in WRITES
    return f"line {call.lineno}: .{name}(" if bad else ""


def start_of_text(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """Return the literal text that an expression begins with, as far as it can be seen."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[first, *_]) | ast.BinOp(left=first):
            return start_of_text(first, known)
        case ast.Call(func=func, args=args):  # "...".format(x), SQL("..."), SQL("...").format(x)
            parts = [*([func.value] if isinstance(func, ast.Attribute) else []), *args[:1]]
            return next(filter(None, (start_of_text(part, known) for part in parts)), "")
        case ast.Name(id=name) if name in known:
            return start_of_text(known[name], {other: value for other, value in known.items() if other != name})
    return ""


def is_queryset(node: ast.expr, known: dict[str, ast.expr]) -> bool:
    """Tell whether a chain of calls looks like a queryset, also through a name it was given."""
    match node:
        case ast.Attribute(attr="objects") | ast.Call(func=ast.Attribute(value=ast.Name(id="queries"))):
            return True
        case ast.Call(func=ast.Attribute(attr=method)) if method in QUERYSET_METHODS:
            return True
        case ast.Attribute(value=inner) | ast.Call(func=inner):
            return is_queryset(inner, known)
        case ast.Name(id=name) if name in known:
            return is_queryset(known[name], {other: value for other, value in known.items() if other != name})
    return False


@pytest.mark.parametrize(
    "source",
    [
        "student.save()",
        "student.save(update_fields=['status'])",
        "Student.objects.create(name=name)",
        "Student.objects.get_or_create(pk=1)",
        "Student.objects.bulk_create(rows)",
        "Student.objects.bulk_update(rows, ['name'])",
        "Student.objects.filter(pk=1).update(name=name)",
        "Student.objects.update(name=name)",
        "queries.visible(by).update(name=name)",
        "found = Student.objects.filter(pk=1)\nfound.update(name=name)",
        "found = queries.visible(by)\nfound = found.exclude(pk=1)\nfound.update(name=name)",
        "async def f():\n    await Student.objects.acreate(name=name)",
        "student.delete()",
        "Student.objects.all().delete()",
        "cursor.executemany(statement, rows)",
        "cursor.execute('INSERT INTO student VALUES (1)')",
        "cursor.execute('''\n    update student SET name = %s''', [name])",
        "cursor.execute(f'DELETE FROM {table}')",
        "cursor.execute('DELETE FROM ' + table)",
        "cursor.execute('DELETE FROM {}'.format(table))",
        "cursor.execute(SQL('INSERT INTO {}').format(table))",
        "STATEMENT = 'INSERT INTO student VALUES (1)'\ncursor.execute(STATEMENT)",
        "with cursor.copy('COPY student FROM STDIN') as copy:\n    pass",
    ],
)
def test_a_write_is_found(source: str) -> None:
    assert writes(source)


@pytest.mark.parametrize(
    "source",
    [
        "Student.objects.filter(pk=1).first()",
        "counts.update(seen)",
        "digest = hashlib.sha256()\ndigest.update(content)",
        "state = {}\nstate.update(name=name)",
        "cursor.execute('SELECT 1')",
        "cursor.execute(statement)",
        "cursor.execute('SELECT updated FROM student')",
        "columns = rows.copy()",
        "save(student)",
        "def create(*, by):\n    pass",
    ],
)
def test_a_read_is_not_taken_for_a_write(source: str) -> None:
    assert writes(source) == []


# ---------------------------------------------------------------- every action has an actor and records


def unrecorded(source: str) -> list[str]:
    """Return the public functions of an actions module that lack an actor or, in the end, a record."""
    tree = ast.parse(source)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    every = {function.name: function for function in functions}
    recorders = {"record", *actions_from_elsewhere(tree)}
    recording = {name for name, function in every.items() if called(function) & recorders}
    while more := {n for n, f in every.items() if n not in recording and called(f, own=True) & recording}:
        recording |= more
    public = {name: function for name, function in every.items() if not name.startswith("_")}
    return [
        *(f"{name}: no keyword-only `by`" for name, function in public.items() if not takes_actor(function)),
        *(f"{name}: calls neither record() nor an action that does" for name in public if name not in recording),
    ]


def actions_from_elsewhere(tree: ast.Module) -> set[str]:
    """Return the names that a module imports from other modules of actions, which this rule looks at as well."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports if "actions" in (node.module or "").split(".") for alias in node.names}


def called(function: ast.FunctionDef | ast.AsyncFunctionDef, *, own: bool = False) -> set[str]:
    """Return the names that a function calls; with `own` only plain names, as of the same module."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = {func.id for func in calls if isinstance(func, ast.Name)}
    return names if own else names | {func.attr for func in calls if isinstance(func, ast.Attribute)}


def takes_actor(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether `by` is keyword-only and has no default: nobody acts by accident."""
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return any(argument.arg == "by" and default is None for argument, default in pairs)


@pytest.mark.parametrize(
    "source",
    [
        "def approve(*, id, by):\n    record(by=by)",
        "def approve(*, id, by):\n    audit.record(by=by)",
        "async def approve(*, by):\n    record(by=by)",
        "def approve(*, by):\n    record(by=by)\ndef approve_all(*, by):\n    approve(by=by)",
        "def a(*, by):\n    b(by=by)\ndef b(*, by):\n    c(by=by)\ndef c(*, by):\n    record(by=by)",
        "def approve(*, by):\n    _write(by)\ndef _write(by):\n    record(by=by)",
        "from bangfu.x.actions.steps import move\ndef approve(*, by):\n    move(by=by)",
        "def _insert(cursor):\n    cursor.executemany(statement, rows)",
        "class Delivery:\n    version: int",
    ],
)
def test_a_recorded_action_passes(source: str) -> None:
    assert unrecorded(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "def approve(*, id):\n    record()",
        "def approve(id, by):\n    record(by=by)",
        "def approve(*, id, by=None):\n    record(by=by)",
        "def approve(*, id, by):\n    student.save()",
        "async def approve(*, id, by):\n    await student.asave()",
        "def a(*, by):\n    b(by=by)\ndef b(*, by):\n    a(by=by)",
        "def approve(*, by):\n    other.approve(by=by)",
        "from bangfu.x.queries import move\ndef approve(*, by):\n    move(by=by)",
        "def approve(*, by):\n    _approve()\ndef _approve():\n    save()",
    ],
)
def test_an_unrecorded_action_is_found(source: str) -> None:
    assert unrecorded(source)


# ---------------------------------------------------------------- the whole scope: actions, and six reads

# They call actions that open it, or write what is not guarded.
OPEN_NOTHING = {"settle", "running_job", "at_work"}
# What a page may read beyond its reader's scope (docs/decisions/0011-row-level-security.md).
WHOLE_READS = {"names_of", "where_rows_stand", "last_rows", "chain_between", "_everywhere", "preview_file"}
WHOLE_READS |= {"paper", "_barred_in_scope", "has_opened"}  # a member's ballot; kin over all lists; one's own entry
WHOLE_READS |= {"_valid_pass", "family_of"}  # whoever holds a printed code has no account, and no scope
WHOLE_READS |= {"rounds_elsewhere"}  # to which school a pupil went
WHOLE_READS |= {"_valid_pass"}  # whoever holds a printed code has no account, and no scope
# By who has an address or a code, and no account: a notice while it stands, one objection and its answers.
WHOLE_READS |= {"notice_shown", "told_by_code"}
# Sizes of households that stand in registers which a school does not see.
WHOLE_READS |= {"_counted"}


def opening_whole(source: str) -> set[str]:
    """Return the functions that are decorated with `whole()` or use it inside."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if "whole" in called(function)}


def unopened(source: str) -> list[str]:
    """Return the public actions that do not run under the whole scope: on PostgreSQL they would see a reader's."""
    public = {n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    return sorted(public - opening_whole(source) - OPEN_NOTHING)


def test_an_action_in_a_readers_scope_is_found() -> None:
    assert unopened("@whole()\n@transaction.atomic\ndef approve(*, by):\n    record(by=by)") == []
    assert unopened("@transaction.atomic\ndef approve(*, by):\n    record(by=by)") == ["approve"]


# ---------------------------------------------------------------- no signals, in any layer


def signals(source: str) -> list[str]:
    """Return the imports of Django's signals (the linter's ban is off where the clock may be read)."""
    bad = ("django.dispatch", "django.db.models.signals", "django.core.signals")
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found += [f"line {node.lineno}: {name}" for name in names if f"{name}.".startswith(tuple(f"{b}." for b in bad))]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "from django.db.models.signals import post_save",
        "from django.db.models import signals",
        "from django.dispatch import receiver",
        "import django.dispatch",
    ],
)
def test_a_signal_is_found(source: str) -> None:
    assert signals(source)


@pytest.mark.parametrize("source", ["import signal", "from django.db.models import Q", "from .signals import dawn"])
def test_other_imports_pass(source: str) -> None:
    assert signals(source) == []


# ---------------------------------------------------------------- no addresses, no hushed failures

# An index ends in /simple, a download has the digest's folders in its path, and pip's options name either.
FETCHES = re.compile(rb"://[^\s\"'<>]*/(?:simple\b|packages/[0-9a-f]{2}/)|--(?:extra-)?index-url|--find-links")
HUSHES = re.compile(rb"\|\|\s*true\b")


def project_files() -> Iterator[Path]:
    """Yield the project's files, tracked or not, without what tools and runs of bangfu leave."""
    passed_by = {".git", ".venv", "build", "out", "bangfu-home", "bangfu-demo", "__pycache__", ".hypothesis"}
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.name in passed_by or path.name.endswith(("_cache", ".egg-info")):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (FETCHES, b"x @ https://example.org/simple/x"),
        (FETCHES, b"# from https://example.org/packages/0a/1b/x.whl"),
        (FETCHES, b"--extra-index-url there"),
        (HUSHES, b"ruff check . || true"),
    ],
)
def test_a_bad_text_is_found(rule: re.Pattern[bytes], text: bytes) -> None:
    assert rule.search(text)


@pytest.mark.parametrize("text", [b"http://www.apache.org/licenses/", b"x == 1 --hash=sha256:0a", b"a || exit 1"])
def test_a_good_text_passes(text: bytes) -> None:
    assert not FETCHES.search(text)
    assert not HUSHES.search(text)


def test_no_file_names_a_place_to_fetch_from_or_hushes_a_failure() -> None:
    own = {Path(__file__), ROOT / "Makefile"}  # the samples above; uv's options that keep addresses out
    bad = [path for path in project_files() if path not in own and FETCHES.search(path.read_bytes())]
    assert bad == []
    assert [path for path in project_files() if path != Path(__file__) and HUSHES.search(path.read_bytes())] == []


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "check.txt", "crawl.txt"])
def test_locks_hold_versions_and_hashes_only(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    allowed = re.compile(r"[a-z0-9-]+==[^\s:/]+( ; [^:/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    #( +via)?.*")
    assert [line for line in lines if not allowed.fullmatch(line) or "://" in line] == []


def test_the_tests_run_on_the_versions_that_are_shipped() -> None:
    run, dev = (
        set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("run.txt", "dev.txt")
    )
    assert run - dev == set()


def test_library_files_can_be_read() -> None:
    unreadable: list[str] = []
    for path in sorted((PACKAGE / "library").rglob("*.toml")):
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as problem:
            unreadable.append(f"{path.relative_to(ROOT)}: {problem}")
    assert unreadable == []


# ---------------------------------------------------------------- our own sources


def sources() -> list[Path]:
    """Return bangfu's modules, without migrations."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts]


def of_actions(path: Path) -> bool:
    """Tell whether a module holds actions: an `actions.py`, or one of a folder of them."""
    return path.name == "actions.py" or path.parent.name == "actions"


def findings(rule: Callable[[str], list[str]], paths: list[Path]) -> list[str]:
    """Return what `rule` finds in the files, each with its file."""
    return [f"{path.relative_to(ROOT)}: {what}" for path in paths for what in rule(path.read_text(encoding="utf-8"))]


def test_only_actions_write() -> None:
    assert findings(writes, [path for path in sources() if not of_actions(path)]) == []


def test_every_action_has_an_actor_and_records() -> None:
    # The module that defines record() is below it.
    recorder = PACKAGE / "audit" / "actions.py"
    assert findings(unrecorded, [p for p in sources() if of_actions(p) and p != recorder]) == []


def test_every_action_opens_the_whole_scope_and_few_reads_do() -> None:
    guarded = ("tasks", "registry", "intake", "coverage", "identify")
    assert (
        findings(unopened, [p for p in sources() if of_actions(p) and p.relative_to(PACKAGE).parts[0] in guarded]) == []
    )
    others = [path for path in sources() if not of_actions(path) and path.name != "scope.py"]
    assert {name for path in others for name in opening_whole(path.read_text(encoding="utf-8"))} == WHOLE_READS


def test_nobody_uses_signals() -> None:
    assert findings(signals, sources()) == []
