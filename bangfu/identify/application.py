"""The application form as data, and what a family answers: read, checked, and said again. Pure.

Answers are page -> field -> text, or a list of texts for ticks; of a page that repeats, a list of such fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bangfu.core.errors import BangfuError
from bangfu.core.messages import reader_language
from bangfu.core.money import fen, yuan
from bangfu.core.numbers import normal_phone
from bangfu.core.text import half_width

MOST_SIGNS = {"text": 100, "lines": 1000}
PHONE_DIGITS = (7, 15)
DAY = re.compile(r"\d{4}-\d\d-\d\d")
CODE = re.compile(r"[a-z][a-z_]{0,31}")
PROMISE = "promise"  # its code among what is agreed to; in the answers, the name of who signed
Said = dict[str, Any]  # the answers of a page, or one person's
Answers = dict[str, Any]
Words = Mapping[str, str]  # language -> text


@dataclass(frozen=True)
class Field:
    """One field: what it asks, of which type, and what may be answered."""

    code: str
    type: str
    label: Words
    hint: Words
    required: bool
    options: Mapping[str, Words]
    least: int
    most: int
    autofill: str  # what a browser may fill in of itself, as HTML names it


@dataclass(frozen=True)
class Page:
    """One thing that is asked; `repeat`: at most so many people, 0 for a page that is asked once."""

    code: str
    title: Words
    help: Words
    fields: tuple[Field, ...]
    repeat: int
    emergency: bool


@dataclass(frozen=True)
class Agreed:
    """What is promised or agreed to, and what that rests on."""

    code: str
    text: Words
    basis: str


@dataclass(frozen=True)
class Form:
    """The form: what families are told, its pages, the promise and consents."""

    title: Words
    version: str
    legal_basis: Words
    pass_days: int  # how long a printed code is good for
    notice: tuple[tuple[Words, Words], ...]
    pages: tuple[Page, ...]
    promise: Agreed
    consents: tuple[Agreed, ...]
    appeal: Words
    per_head: tuple[str, str] | None

    def asked(self, emergency: bool) -> tuple[Page, ...]:
        """Return the pages that are asked: that of an emergency only where there is one."""
        return tuple(page for page in self.pages if emergency or not page.emergency)

    def page(self, code: str, emergency: bool) -> Page | None:
        """Return the page of this code, if it is asked."""
        return next((page for page in self.asked(emergency) if page.code == code), None)

    def after(self, code: str, emergency: bool) -> Page | None:
        """Return the page after this one, or None where it is the last."""
        asked = self.asked(emergency)
        at = [page.code for page in asked].index(code) + 1
        return asked[at] if at < len(asked) else None


# -- reading


def read_form(content: Mapping[str, Any], path: object) -> Form:
    """Return the form that a file says; BangfuError names the file and what was expected where."""
    try:
        return _form(content)
    except _Wrong as problem:
        raise BangfuError("application_form_wrong", path=path, detail=problem) from problem


class _Wrong(ValueError):
    """Where a file is wrong, and what was expected there."""


def _form(content: Mapping[str, Any]) -> Form:
    pages = tuple(_page(found, f"page {at}") for at, found in enumerate(_list(content, "page"), 1))
    if len({PROMISE, *(page.code for page in pages)}) <= len(pages):
        raise _Wrong("page: each code once, and none 'promise'")
    return Form(
        _words(content, "title", ""),
        _text(content, "version", ""),
        _words(content, "legal_basis", ""),
        _number(_table(content, "pass"), "days", "pass.", least=1),
        tuple(
            (_words(found, "title", "notice."), _words(found, "text", "notice.")) for found in _list(content, "notice")
        ),
        pages,
        _agreed({"code": PROMISE, **_table(content, "promise")}, "promise."),
        tuple(_agreed(found, "consent.") for found in _list(content, "consent")),
        _words(_table(content, "appeal"), "text", "appeal."),
        _per_head(_table(content, "per_head"), pages) if "per_head" in content else None,
    )


def _page(found: Mapping[str, Any], where: str) -> Page:
    code = _code(found, where)
    fields = tuple(_field(each, f"{code}.field {at}") for at, each in enumerate(_list(found, "field"), 1))
    if len({field.code for field in fields}) < len(fields):
        raise _Wrong(f"{code}.field: each code once")
    repeat = _number(found, "repeat", f"{code}.", default=0)
    return Page(
        code,
        _words(found, "title", f"{code}."),
        _words(found, "help", f"{code}.") if "help" in found else {},
        fields,
        repeat,
        bool(found.get("emergency")),
    )


def _field(found: Mapping[str, Any], where: str) -> Field:
    code = _code(found, where)
    type_ = _text(found, "type", f"{where}.")
    if type_ not in CHECKS:
        raise _Wrong(f"{where}.type: one of {', '.join(CHECKS)}")
    options = found.get("options", {})
    if not isinstance(options, dict) or (type_ in ("choice", "choices")) != bool(options):
        raise _Wrong(f"{where}.options: for choice and choices, and only there")
    return Field(
        code,
        type_,
        _words(found, "label", f"{where}."),
        _words(found, "hint", f"{where}.") if "hint" in found else {},
        bool(found.get("required")),
        {name: _words(options, name, f"{where}.options.") for name in options},
        _number(found, "least", f"{where}.", default=0),
        _number(found, "most", f"{where}.", default=MOST_SIGNS.get(type_, 0)),
        _text(found, "autofill", f"{where}.") if "autofill" in found else "off",
    )


def _per_head(found: Mapping[str, Any], pages: Sequence[Page]) -> tuple[str, str]:
    wanted = {"income": ("amount", True), "size": ("number", False)}
    said = []
    for name, (type_, repeats) in wanted.items():
        page_code, _, code = _text(found, name, "per_head.").partition(".")
        page = next((page for page in pages if page.code == page_code and bool(page.repeat) is repeats), None)
        if page is None or not any(field.code == code and field.type == type_ for field in page.fields):
            raise _Wrong(f"per_head.{name}: page.field of type {type_}")
        said.append(f"{page_code}.{code}")
    return said[0], said[1]


def _agreed(found: Mapping[str, Any], where: str) -> Agreed:
    return Agreed(_code(found, where), _words(found, "text", where), _text(found, "basis", where))


def _code(found: Mapping[str, Any], where: str) -> str:
    code = _text(found, "code", f"{where}.")
    if not CODE.fullmatch(code):
        raise _Wrong(f"{where}.code: small letters and _, at most 32")
    return code


def _text(found: Mapping[str, Any], name: str, where: str) -> str:
    text = found.get(name)
    if not isinstance(text, str) or not text.strip():
        raise _Wrong(f"{where}{name}: a text")
    return text


def _words(found: Mapping[str, Any], name: str, where: str) -> Words:
    words = found.get(name)
    if not isinstance(words, dict) or not all(isinstance(words.get(lang), str) for lang in ("zh", "en")):
        raise _Wrong(f"{where}{name}: zh and en")
    return {lang: str(words[lang]) for lang in ("zh", "en")}


def _number(found: Mapping[str, Any], name: str, where: str, least: int = 0, default: int | None = None) -> int:
    number = found.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise _Wrong(f"{where}{name}: a whole number from {least} on")
    return number


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    if not isinstance(found, dict):
        raise _Wrong(f"[{name}]: a table")
    return found


def _list(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = content.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        raise _Wrong(f"[[{name}]]: at least one table")
    return found


# -- what is answered


def answered(page: Page, given: Callable[[str], list[str]]) -> tuple[Said, dict[str, str]]:
    """Return what is answered on a page, and field -> the code of what is wrong. `given`: a field's texts as sent."""
    said: Said = {}
    wrong: dict[str, str] = {}
    for field in page.fields:
        texts = [text.strip() for text in given(field.code) if text.strip()]
        if field.type == "choices":
            said[field.code] = list(dict.fromkeys(texts))
        else:
            said[field.code] = texts[-1] if texts else ""
        if problem := why_wrong(field, said[field.code]):
            wrong[field.code] = problem
        else:
            said[field.code] = _plain(field, said[field.code])
    return said, wrong


def why_wrong(field: Field, value: object) -> str:
    """Return the code of what is wrong with a field's value, or ''."""
    if not value:
        return "said_missing" if field.required else ""
    if not isinstance(value, list if field.type == "choices" else str):
        return "said_odd"
    return CHECKS[field.type](field, value)


def _plain(field: Field, value: Any) -> Any:
    """Return a good value in its plain form."""
    if not value or field.type not in PLAIN:
        return value
    return PLAIN[field.type](value)


PLAIN: dict[str, Callable[[str], str]] = {
    "phone": normal_phone,
    "number": lambda text: str(int(half_width(text))),
    "amount": lambda text: yuan(fen(half_width(text))).removesuffix(".00"),
}


def _check_text(field: Field, value: str) -> str:
    return "said_long" if len(value) > field.most else ""


def _check_phone(field: Field, value: str) -> str:
    least, most = PHONE_DIGITS
    good = least <= len(normal_phone(value).lstrip("+")) <= most and len(value) <= 2 * most
    return "" if good else "said_no_phone"


def _check_number(field: Field, value: str) -> str:
    text = half_width(value)
    good = text.isascii() and text.isdigit() and len(text) <= len(str(field.most))
    return "" if good and field.least <= int(text) <= field.most else "said_no_number"


def _check_amount(field: Field, value: str) -> str:
    try:
        return "" if fen(half_width(value)) >= 0 else "said_no_amount"
    except ValueError:
        return "said_no_amount"


def _check_day(field: Field, value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        return "said_no_day"
    return "" if DAY.fullmatch(value) else "said_no_day"


def _check_choice(field: Field, value: Any) -> str:
    known = [value] if isinstance(value, str) else value
    return "" if all(isinstance(each, str) and each in field.options for each in known) else "said_odd"


CHECKS: dict[str, Callable[[Field, Any], str]] = {
    "text": _check_text,
    "lines": _check_text,
    "phone": _check_phone,
    "number": _check_number,
    "amount": _check_amount,
    "day": _check_day,
    "choice": _check_choice,
    "choices": _check_choice,
}


def incomplete(form: Form, answers: Answers, emergency: bool) -> list[tuple[Page, Field]]:
    """Return each page and field that is missing or wrong in what was kept."""
    return [
        (page, field)
        for page in form.asked(emergency)
        for said in _people(page, answers)
        for field in page.fields
        if why_wrong(field, said.get(field.code))
    ]


def check_page(page: Page, said: object) -> None:
    """BangfuError where what is to be kept of a page has another shape, or more people, than it may."""
    rows: list[Any] = said if isinstance(said, list) else [said]
    shaped = isinstance(said, list) == bool(page.repeat) and all(isinstance(row, dict) for row in rows)
    if not shaped or (page.repeat and len(rows) > page.repeat):
        raise BangfuError("application_page_odd", page=page.code, most=page.repeat)
    for row in rows:
        for field in page.fields:
            if problem := why_wrong(field, row.get(field.code)):
                raise BangfuError(problem, label=field.label[reader_language()], least=field.least, most=field.most)


def _people(page: Page, answers: Answers) -> list[Said]:
    """Return what a page was answered, once or for each person; a page not answered counts as answered with nothing."""
    found: Any = answers.get(page.code) or {}
    return found if isinstance(found, list) else [found]


# -- saying it again


@dataclass(frozen=True)
class Told:
    """A page's answers as people read them: its code and title, the lines of each person (or one list of lines)."""

    code: str
    title: str
    rows: tuple[tuple[tuple[str, str], ...], ...]


def told(form: Form, answers: Answers, emergency: bool, lang: str) -> list[Told]:
    """Return the answers page by page, in a language."""
    found = [
        Told(page.code, page.title[lang], tuple(tuple(_lines(page, said, lang)) for said in _people(page, answers)))
        for page in form.asked(emergency)
    ]
    return found


def _lines(page: Page, said: Said, lang: str) -> Iterator[tuple[str, str]]:
    for field in page.fields:
        value = said.get(field.code) or ""
        texts = value if isinstance(value, list) else [value]
        shown = [field.options[text][lang] if text in field.options else text for text in texts]
        yield field.label[lang], ("、" if lang == "zh" else ", ").join(shown)


def per_head(form: Form, answers: Answers) -> int | None:
    """Return the income in fen a year and head, or None where it cannot be reckoned."""
    if form.per_head is None:
        return None
    (people, income), (page, size) = (name.split(".") for name in form.per_head)
    try:
        total = sum(fen(said[income]) for said in answers[people])
        return total // int(answers[page][size])
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return None
