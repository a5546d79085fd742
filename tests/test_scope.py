"""Pages ask through queries that are told who asks: read from the syntax tree, as in test_house.py.

What a page calls below itself takes `by`, and what takes `by` looks at it. Exceptions stand here with their reasons.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BELOW = ("identify", "coverage", "intake", "registry", "tasks", "accounts", "audit")

# What tells nothing of people, or only of what a scoped query has given already.
OPEN = {
    "bangfu.accounts.queries.actor_for": "makes the actor",
    "bangfu.accounts.rules.Role": "a word",
    "bangfu.audit.queries.entries_about": "asked for a person and differences that scoped queries gave",
    "bangfu.coverage.queries.last_run": "when coverage was reckoned; its totals are shown to who sees every county",
    "bangfu.coverage.queries.last_rows": "asked for the records of a chain, which a scoped query gave",
    "bangfu.coverage.queries.names_of": "asked for pupils that a scoped query gave",
    "bangfu.accounts.queries.settlers": "asked for the places of a difference that a scoped query gave",
    "bangfu.audit.scope.seen_by": "takes the actor himself",
    "bangfu.coverage.households.listed": "asked for households that a scoped query gave",
    "bangfu.coverage.queries.Side": "what a page of samples shows",
    "bangfu.coverage.queries.link_stands_at": "a mark, which says that somebody has decided, not what or who",
    "bangfu.coverage.queries.stands_at": "asked for a difference that a scoped query gave",
    "bangfu.coverage.queries.where_rows_stand": "asked for rows of differences that scoped queries gave",
    "bangfu.coverage.uploading.in_background": "runs an action that was given its actor",
    "bangfu.identify.actions.panels.Seat": "what an action is given",
    "bangfu.identify.actions.steps.Said": "what an action is given",
    "bangfu.identify.panels.kind_words": "a word",
    "bangfu.identify.panels.paper": "asked for the pass whose code was typed: its holder has no account",
    "bangfu.identify.panels.scores": "the codes of a procedure's tiers",
    "bangfu.identify.recognition.reviewers": "the roles that a procedure names",
    "bangfu.identify.rules.maker_and_checker": "asked for the steps of a case that a scoped query gave",
    "bangfu.identify.rules.codes": "the codes of a procedure",
    "bangfu.identify.rules.Move": "a step of a case that a scoped query gave",
    "bangfu.identify.actions.notices.Against": "what somebody has typed",
    "bangfu.identify.fairness.rules": "what the procedure says of the page",
    "bangfu.identify.referrals.choices": "offices, and what they decide",
    "bangfu.identify.referrals.human_of": "asked for a referral that a scoped query gave",
    "bangfu.identify.referrals.is_late": "asked for a referral that a scoped query gave",
    "bangfu.identify.referrals.offices": "offices, and what they decide",
    "bangfu.identify.referrals.titles": "asked for a referral that a scoped query gave",
    "bangfu.identify.notices.down_on": "asked for a notice that a scoped query gave",
    "bangfu.identify.notices.lines": "asked for a notice that a scoped query gave",
    "bangfu.identify.notices.notice_shown": "what everybody may see of a notice, while it stands",
    "bangfu.identify.notices.stands": "asked for a notice that a scoped query gave",
    "bangfu.identify.notices.tier_title": "a word",
    "bangfu.identify.notices.told_by_code": "asked by whoever holds the code of an objection: he has no account",
    "bangfu.identify.notices.used_columns": "asked for lines that a scoped query gave",
    "bangfu.identify.actions.families.Signed": "what was ticked and signed, for an action",
    "bangfu.identify.application.answered": "what was typed on a page of a form",
    "bangfu.identify.application.incomplete": "asked for the answers of the family that holds the pass",
    "bangfu.identify.application.per_head": "asked for answers that an action or the pass gave",
    "bangfu.identify.application.told": "asked for the answers of the family that holds the pass",
    "bangfu.identify.families.application_form": "a form without answers",
    "bangfu.identify.families.family_of": "asked for a valid pass, and tells of its own pupil only",
    "bangfu.identify.families.is_late": "asked for a round that a scoped query gave",
    "bangfu.identify.families.named_result": "asked for the family of the pass",
    "bangfu.identify.passes.pass_by_code": "asked by whoever holds a printed code: there is no actor before it",
    "bangfu.identify.passes.pass_of": "asked for the pass that a session has remembered since its code was typed",
    "bangfu.identify.passes.actor_name": "a word",
    "bangfu.intake.mapping.chosen": "asked for the columns of the reader's own file",
    "bangfu.intake.mapping.sketch": "asked for the reader's own file",
    "bangfu.intake.queries.listed_row": "asked for rows that a scoped query gave",
    "bangfu.intake.queries.undone": "asked for a file that a scoped query gave",
    "bangfu.intake.layouts.all_layouts": "kinds of lists",
    "bangfu.intake.layouts.choose_layouts": "kinds of lists",
    "bangfu.intake.report.Options": "how to import",
    "bangfu.identify.queries.terms_ahead": "the calendar",
    "bangfu.registry.queries.all_places": "names of places, for who grants roles",
    "bangfu.registry.queries.place_names": "names of places, of the reader's own grants or for who grants roles",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = dict[str, dict[str, Function]]  # module -> name -> function


def unscoped(source: str, known: Known) -> list[str]:
    """Return the calls of a page that ask below it without saying who asks."""
    tree = ast.parse(source)
    names = imported(tree)
    found = []
    for node in ast.walk(tree):
        path = full_name(node.func, names) if isinstance(node, ast.Call) else ""
        if path.startswith(tuple(f"bangfu.{package}." for package in BELOW)) and not is_scoped(path, known):
            found.append(f"line {node.lineno}: {path} does not take `by`")
    return found


def is_scoped(path: str, known: Known) -> bool:
    """Tell whether what is called takes `by`, is an exception, or is a method of a table that stands in the code."""
    module, _, name = path.rpartition(".")
    function = known.get(module, {}).get(name)
    constant = module.rpartition(".")[2].isupper()
    return path in OPEN or constant or (function is not None and takes_actor(function))


def imported(tree: ast.Module) -> dict[str, str]:
    """Return each name that a module imports from ours, with what it stands for."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bangfu")
        for alias in node.names
    } | {
        alias.asname or "bangfu": alias.name if alias.asname else "bangfu"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.startswith("bangfu")
    }


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    """Return what a called name stands for, or '' where it is not imported from ours."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (before := full_name(node.value, names)):
        return f"{before}.{node.attr}"
    return ""


def takes_actor(function: Function) -> bool:
    """Tell whether `by` must be given."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args]
    needed = given[: len(given) - len(arguments.defaults)]
    needed += [each for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    return "by" in {each.arg for each in needed}


def heedless(source: str) -> list[str]:
    """Return the functions that take `by` and never look at it."""
    return [
        f"line {function.lineno}: {function.name} never looks at `by`"
        for function in functions(ast.parse(source))
        if takes_actor(function)
        and not any(isinstance(node, ast.Name) and node.id == "by" for node in ast.walk(function))
    ]


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions of a module."""
    return (node for node in tree.body if isinstance(node, Function))


# ---------------------------------------------------------------- the rules on samples

SAMPLE = ast.parse(
    "def people(by): ...\ndef all_people(): ...\ndef maybe(by=None): ...\n"
    "def told(*, by): ...\nasync def later(x, by, y=1): ..."
)
SAMPLES: Known = {"bangfu.registry.queries": {each.name: each for each in functions(SAMPLE)}}


@pytest.mark.parametrize(
    "source",
    [
        "from bangfu.registry.queries import all_people\nall_people()",
        "from bangfu.registry.queries import all_people as them\n[x for x in them()]",
        "from bangfu.registry import queries\nqueries.all_people()",
        "from bangfu.registry import queries as q\nq.maybe()",
        "from bangfu import registry\nregistry.queries.all_people()",
        "import bangfu.registry.queries\nbangfu.registry.queries.all_people()",
        "import bangfu.registry.queries as q\nq.all_people()",
        "def page(request):\n    from bangfu.registry.queries import all_people\n    return all_people()",
        "from bangfu.registry.queries import unheard_of\nunheard_of()",
    ],
)
def test_an_unscoped_question_is_found(source: str) -> None:
    assert unscoped(source, SAMPLES)


@pytest.mark.parametrize(
    "source",
    [
        "from bangfu.registry.queries import people\npeople(actor)",
        "from bangfu.registry import queries\nqueries.told(by=actor)",
        "from bangfu.registry.queries import later\nlater(1, actor)",
        "from bangfu.core.messages import say\nsay('x')",
        "from django.shortcuts import render\nrender()",
        "all_people()",
    ],
)
def test_a_scoped_question_passes(source: str) -> None:
    assert unscoped(source, SAMPLES) == []


def test_who_asks_must_be_looked_at() -> None:
    assert heedless("def people(by):\n    return Person.objects.all()")
    assert heedless("def people(*, by):\n    return []")
    assert heedless("def people(by):\n    return Person.objects.filter(open_to(by))") == []
    assert heedless("def people():\n    return []") == []


# ---------------------------------------------------------------- our own sources


def sources(*folders: str) -> list[Path]:
    """Return the modules in these packages."""
    return [path for folder in folders for path in sorted((ROOT / "bangfu" / folder).rglob("*.py"))]


def known_functions() -> Known:
    """Return the functions of the packages below the pages."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): {
            each.name: each for each in functions(ast.parse(path.read_text(encoding="utf-8")))
        }
        for path in sources(*BELOW)
    }


def test_pages_say_who_asks() -> None:
    known = known_functions()
    found = {path.name: unscoped(path.read_text(encoding="utf-8"), known) for path in sources("web")}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_every_exception_is_one() -> None:
    known, called = known_functions(), set[str]()
    for path in sources("web"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = imported(tree)
        called |= {full_name(node.func, names) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert set(OPEN) - called == set()
    functions_ = {f"{module}.{name}": each for module, named in known.items() for name, each in named.items()}
    assert [name for name in OPEN if name in functions_ and takes_actor(functions_[name])] == []


def test_queries_look_at_who_asks() -> None:
    found = {str(path): heedless(path.read_text(encoding="utf-8")) for path in sources(*BELOW)}
    assert {name: calls for name, calls in found.items() if calls} == {}
