"""The shipped policies: their cases pass, every bound is tried, and the compiler is caught where it errs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sqlglot import exp

from bangfu.rulebook import render
from bangfu.rulebook.cases import read_cases, run_cases
from bangfu.rulebook.policies import SHIPPED, PolicySet, load_policies
from bangfu.rulebook.reach import check_reach
from bangfu.rulebook.source import Wrong

CHOSEN = load_policies()
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "policies"
FOLDERS = [SHIPPED, *sorted(path for path in EXAMPLES.iterdir() if path.is_dir())]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_case_of_every_policy_comes_out_as_it_says(folder: Path) -> None:
    chosen = load_policies(folder)
    check_reach(chosen)
    cases = read_cases(chosen)
    assert {case.policy.id for case in cases} == {policy.id for policy in chosen.policies}
    assert [str(each) for each in run_cases(chosen, cases)] == []


def test_every_rate_has_a_source_and_what_is_from_memory_says_so() -> None:
    entries = [(rate, entry) for p in CHOSEN.policies for rate in p.rates.values() for entry in rate.entries]
    doubtful = [entry for _, entry in entries if re.search(r"from memory|our reading|is to be set", entry.source)]
    assert doubtful
    assert [entry.source for entry in doubtful if entry.confirmed] == []


def mutants(path: Path) -> list[tuple[str, str]]:
    """Return texts of a policy file with one thing changed, each with what was changed."""
    text = path.read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"\[\[must\]\]\n(?:(?!\[\[).+\n|\n)*", text):
        code = re.search(r'code = "(\w+)"', block)
        found.append((f"without {code[1] if code else block}", text.replace(block, "")))
    last = text.rfind("{ from = ")  # the version that most cases use
    for number in re.finditer(r"(?<= = )(\d+)(\.\d\d)?(?= ?[,}])", text):
        if number.start() > last:
            moved = number[1][:-1] + str((int(number[1][-1]) + 1) % 10) + (number[2] or "")
            found.append((f"{number[0]} as {moved}", text[: number.start()] + moved + text[number.end() :]))
    for old, new in (('share = "1/2"', 'share = "1/3"'), ("half_up", "down"), ('cap = "most"\n', "")):
        if old in text:
            found.append((f"{old} as {new}", text.replace(old, new)))
    return found


def caught(folder: Path) -> bool:
    """Tell whether a changed folder is refused or has a case that comes out otherwise."""
    try:
        changed = load_policies(folder)
        return bool(run_cases(changed, read_cases(changed)))
    except Wrong:
        return True


@pytest.mark.parametrize("id_", [policy.id for policy in CHOSEN.policies])
def test_a_dropped_condition_or_a_moved_number_is_caught_by_the_cases(id_: str, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(SHIPPED, folder)
    for path in [*folder.glob("*.toml"), *folder.glob("cases/*.toml")]:
        needed = {id_, "boarding_allowance"} if id_ == "day_allowance" else {id_, "nutrition_plan"}
        if path.stem not in needed:
            path.unlink()
    if id_ == "kindergarten_aid":
        shutil.copy(SHIPPED / "free_kindergarten_year.toml", folder)
    path = folder / f"{id_}.toml"
    whole = path.read_text(encoding="utf-8")
    assert not caught(folder)
    missed = []
    for what, text in mutants(path):
        path.write_text(text, encoding="utf-8")
        missed += [] if caught(folder) else [what]
    path.write_text(whole, encoding="utf-8")
    assert missed == []


COMPILERS_ERRORS = {
    "less or equal as less": (exp.LTE, lambda node: exp.LT(this=node.this, expression=node.expression)),
    "a product as its left side": (exp.Mul, lambda node: node.this),
    "a disjunction as its left side": (exp.Or, lambda node: node.this),
    "a negation left out": (exp.Not, lambda node: node.this),
    "the last of a list left out": (exp.In, lambda node: exp.In(this=node.this, expressions=node.expressions[:-1])),
}


@pytest.mark.parametrize("error", COMPILERS_ERRORS)
def test_an_error_of_the_compiler_is_caught_by_the_cases(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, change = COMPILERS_ERRORS[error]
    honest, changed = render._sql, []

    def erring(tree: exp.Expr, scope: render.Scope) -> str:
        def alter(node: exp.Expr) -> exp.Expr:
            if isinstance(node, kind):
                changed.append(node)
                return change(node)
            return node

        return honest(tree.transform(alter), scope)

    monkeypatch.setattr(render, "_sql", erring)
    cases = read_cases(CHOSEN)
    assert run_cases(CHOSEN, cases)
    assert changed


def test_policies_that_need_each_other_come_in_order() -> None:
    places = {policy.id: at for at, policy in enumerate(CHOSEN.policies)}
    assert places["nutrition_plan"] < places["nutrition_poor"]
    assert isinstance(CHOSEN, PolicySet)
