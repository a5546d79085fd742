"""What is changed by hand in links, humans, states, differences, tasks and totals is named by the checks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bangfu.audit.models import Entry
from bangfu.core.messages import say
from bangfu.coverage.actions import answer_difference, decide_link, take_back_answer, take_back_link
from bangfu.coverage.checks import links, totals
from bangfu.coverage.linking import digest
from bangfu.coverage.models import Alias, Difference, Link, PupilState, Question, Run
from bangfu.linkage.people import Edge
from bangfu.registry.models import Detail, Person
from bangfu.tasks.models import Task
from tests.conftest import BY, committing
from tests.coverage.lists import AN, GUO, HUI, JUN, MARCH, MEI, SECOND, Desk, Human, covered, gap, record

# Two pupils who are decided to be two.
PAIR = (lambda: record(AN, "school_roll", "青石"), lambda: record(HUI, "school_roll"))


@pytest.fixture(autouse=True)
def _register(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill a register with links of every verdict, one that ended, differences, states and a run."""
    monkeypatch.setenv("BANGFU_LANG", "en")
    desk.roll(AN.enrolled(), MEI.enrolled(), HUI.enrolled(身份证件号=""), name="a")
    desk.roll(AN.enrolled(SECOND), JUN.enrolled(SECOND), name="b")
    desk.poor(AN.poor(), MEI.poor(证件号码=Human(MEI.name, 988, MEI.born).id), JUN.poor(), GUO.poor(在校生状况="辍学"))
    desk.disabled(JUN.disabled(), GUO.disabled())
    covered()
    jun, certified = record(JUN, "school_roll"), record(JUN, "disability_certificates")
    with committing():
        decide_link(left=jun, right=certified, same=False, by=BY, reason="x")
        take_back_link(left=jun, right=certified, by=BY, reason="y")
        decide_link(left=PAIR[0](), right=PAIR[1](), same=False, by=BY, reason="z")
    covered()
    assert found() == []
    assert {link.verdict for link in Link.objects.filter(ended_in=None)} == {"same", "different", "doubtful"}
    assert Link.objects.exclude(ended_in=None).exists()


def found() -> list[str]:
    """Return what the checks say."""
    return [*links(), *totals()]


def standing(**where: object) -> Link:
    """Return a link that stands, of this verdict or kind."""
    return Link.objects.filter(ended_in=None, **where).earliest("pk")


def change(**fields: object) -> Callable[[Link], object]:
    """Return what changes these fields of a link."""
    return lambda link: Link.objects.filter(pk=link.pk).update(**fields)


def another(link: Link) -> Person:
    """Return a record below the link's right one that is not its left one."""
    return Person.objects.filter(pk__lt=link.right_id).exclude(pk=link.left_id).latest("pk")


ALTERED: dict[str, Callable[[Link], object]] = {
    "verdict to same": lambda link: change(verdict="doubtful" if link.verdict == "same" else "same")(link),
    "verdict to different": lambda link: change(verdict="doubtful" if link.verdict == "different" else "different")(
        link
    ),
    "left": lambda link: change(left=another(link))(link),
    "how": change(how="roll_number"),
    "probability": lambda link: change(probability=link.probability - 1)(link),
    "agrees": change(agrees={"name": "other"}),
    "agrees emptied": lambda link: change(agrees={} if link.agrees else {"name": "equal"})(link),
    "digest": change(digest=b"0" * 32),
}


@pytest.mark.parametrize("verdict", ["same", "different", "doubtful"])
@pytest.mark.parametrize("what", ALTERED)
def test_a_link_altered_is_named(what: str, verdict: str) -> None:
    link = standing(verdict=verdict)
    ALTERED[what](link)
    assert any(sentence.startswith(f"link {link.pk} was altered") for sentence in links())


def forge(link: Link, **fields: object) -> None:
    """Change a link and write the digest that fits."""
    for name, value in fields.items():
        setattr(link, name, value)
    edge = Edge(link.left_id, link.right_id, link.how, link.probability / 1_000_000, False, False, link.agrees)
    link.digest = digest(link.pk, link.verdict, edge)
    link.save()


def test_a_link_altered_with_its_digest_differs_from_the_trail() -> None:
    link = standing(verdict="same")
    forge(link, verdict="different")
    entry = link.made_in
    said = say(
        "links_differ_from_trail", chain=entry.chain, number=entry.number, made=json.loads(entry.details)["made"]
    )
    assert said in list(links())


@pytest.mark.parametrize("verdict", ["same", "different", "doubtful"])
def test_a_link_deleted_is_named(verdict: str) -> None:
    link = standing(verdict=verdict)
    link.delete()
    assert any(f"number {link.made_in.number}" in sentence for sentence in links())


def test_a_link_that_ended_and_is_deleted_is_named() -> None:
    Link.objects.exclude(ended_in=None).earliest("pk").delete()
    assert len(list(links())) >= 1


@pytest.mark.parametrize("verdict", ["same", "different", "doubtful"])
@pytest.mark.parametrize("entry", ["coverage.link_records", "coverage.cover"])
def test_a_link_inserted_is_named(verdict: str, entry: str) -> None:
    link = standing(verdict="same")
    pair = sorted((record(HUI, "school_roll"), record(GUO, "poverty_register")))
    link.pk = 10_000
    link._state.adding = True
    writer = Entry.objects.filter(action=entry).earliest("pk")
    forge(link, left_id=pair[0], right_id=pair[1], verdict=verdict, made_in=writer)
    assert list(links())


@pytest.mark.parametrize("action", ["coverage.link_records", "coverage.decide_link", "coverage.cover", None])
def test_a_link_ended_or_revived_by_hand_is_named(action: str | None) -> None:
    if action:
        entry = Entry.objects.filter(action=action).latest("pk")
        Link.objects.filter(pk=standing(verdict="doubtful").pk).update(ended_in=entry)
    else:
        Link.objects.exclude(ended_in=None).filter(verdict="different").update(ended_in=None)
    assert list(links())


def test_a_link_given_to_another_entry_is_named() -> None:
    entry = Entry.objects.filter(action="coverage.decide_link").latest("pk")
    Link.objects.filter(pk=standing(verdict="same").pk).update(made_in=entry)
    assert list(links())


@pytest.mark.parametrize("verdict", ["different", "doubtful"])
def test_a_link_that_is_not_listed_or_elsewhere_is_named(verdict: str) -> None:
    listed = Question.objects.get(link=standing(verdict=verdict))
    path = listed.path
    Question.objects.update(path="/")
    assert any(f"link {listed.pk} " in sentence for sentence in links())
    Question.objects.filter(pk=listed.pk).delete()
    assert any(f"link {listed.pk} " in sentence for sentence in links())
    assert path != "/"
    Question.objects.all().delete()
    assert len(list(links())) == Link.objects.filter(ended_in=None).exclude(verdict="same").count()


def test_an_alias_deleted_inserted_or_changed_is_named() -> None:
    alias = Alias.objects.earliest("pk")
    stored = (alias.record_id, alias.human_id)
    alias.delete()
    assert any(f"record {stored[0]} " in sentence for sentence in links())
    Alias.objects.create(record_id=stored[0], human_id=record(HUI, "school_roll"))
    assert any(f"record {stored[0]} " in sentence for sentence in links())
    Alias.objects.filter(record_id=stored[0]).update(human_id=stored[1])
    assert found() == []
    lone, other = record(GUO, "poverty_register"), record(HUI, "school_roll")
    Alias.objects.update_or_create(record_id=lone, defaults={"human_id": other})
    assert any(f"record {lone} " in sentence for sentence in links())


# ---- coverage


def swap_states() -> None:
    """Give two pupils each other's state."""
    first, second = PupilState.objects.filter(state__in=("no_sign", "to_assess")).order_by("state")[:2]
    assert first.state != second.state
    first.state, second.state = second.state, first.state
    first.save()
    second.save()


def forget_difference(code: str, *, task: bool) -> None:
    """Delete a difference, with its task or without."""
    shown = gap(code)
    if task:
        Task.objects.filter(subject=f"difference:{shown.pk}").update(closed=BY.at, count=0)
    shown.delete()


CHANGES: dict[str, Callable[[], object]] = {
    "a state changed": lambda: PupilState.objects.filter(state="no_sign").update(state="not_in_need"),
    "a state deleted": lambda: PupilState.objects.earliest("pk").delete(),
    "a state inserted": lambda: PupilState.objects.create(
        human_id=record(GUO, "poverty_register"),
        school_class=PupilState.objects.earliest("pk").school_class,
        state="no_sign",
    ),
    "two states swapped": swap_states,
    "bases emptied": lambda: PupilState.objects.exclude(bases="").update(bases=""),
    "bases added": lambda: PupilState.objects.filter(bases="").update(bases="orphan"),
    "a difference deleted": lambda: forget_difference("on_no_roll", task=False),
    "a difference deleted with its task": lambda: forget_difference("on_no_roll", task=True),
    "a difference closed": lambda: Difference.objects.filter(code="on_no_roll").update(closed_at=BY.at),
    "a difference closed with its task": lambda: (
        Task.objects.filter(subject=f"difference:{gap('on_no_roll').pk}").update(closed=BY.at, count=0),
        Difference.objects.filter(code="on_no_roll").update(closed_at=BY.at),
    ),
    "a difference about another record": lambda: Difference.objects.filter(code="id_missing").update(
        record=record(MEI, "school_roll")
    ),
    "a difference of another code": lambda: Difference.objects.filter(code="id_missing").update(code="id_checksum"),
    "a difference answered": lambda: Difference.objects.filter(code="on_no_roll").update(answer="deceased"),
    "a difference answered with its task": lambda: (
        Task.objects.filter(subject=f"difference:{gap('on_no_roll').pk}").update(closed=BY.at, count=0),
        Difference.objects.filter(code="on_no_roll").update(answer="deceased"),
    ),
    "a task closed": lambda: Task.objects.filter(kind="id_missing").update(closed=BY.at, count=0),
    "a task deleted": lambda: Task.objects.filter(kind="id_missing").delete(),
    "a run's total": lambda: edit_totals("pupils", "no_sign", 1),
    "a run's total that closes": lambda: (edit_totals("rolls", "rows", 1), edit_totals("rolls", "pupils", 1)),
    "a run's count of differences": lambda: edit_totals("differences", "id_missing", {"open": 0, "answered": 1}),
}


def edit_totals(group: str, name: str, by: object) -> None:
    """Change a figure of the last run: by a number, or to something else."""
    run = Run.objects.latest("pk")
    run.totals[group][name] = run.totals[group][name] + by if isinstance(by, int) else by
    run.save()


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_changed_by_hand_is_named(what: str) -> None:
    CHANGES[what]()
    assert list(totals())
    assert list(links()) == []


def test_the_checks_hold_through_a_days_work(desk: Desk) -> None:
    steps: list[Callable[[], object]] = [
        lambda: answer_difference(id_=gap("duplicate_enrolment").pk, answer="left_first_school", evidence="x", by=BY),
        covered,
        lambda: answer_difference(id_=gap("doubtful_link").pk, answer="one_person", evidence="x", by=BY),
        lambda: answer_difference(id_=gap("on_no_roll").pk, answer="taught_at_home", evidence="x", by=BY),
        covered,
        lambda: take_back_answer(id_=Difference.objects.get(code="on_no_roll").pk, by=BY, reason="x"),
        lambda: take_back_link(left=PAIR[0](), right=PAIR[1](), by=BY, reason="x"),
        lambda: desk.roll(HUI.enrolled(), MEI.enrolled(), day=MARCH, name="newer"),
        covered,
        lambda: desk.minimum(GUO.low(), JUN.low(), day=MARCH),
        lambda: covered(day=MARCH),
        lambda: covered(day=None),
    ]
    for step in steps:
        with committing():
            step()
        assert found() == []


def test_where_a_sealed_cell_does_not_open_the_checks_say_so_and_go_on() -> None:
    detail = Detail.objects.exclude(id_number=None).earliest("pk")
    cell = bytearray(bytes(detail.id_number or b""))
    cell[-1] ^= 1
    Detail.objects.filter(pk=detail.pk).update(id_number=bytes(cell))
    assert found() == [say("not_reckoned_again", "en")]
