"""The application's fields as pages show them: on a phone one page at a time, for the teacher all at once, on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bangfu.core.messages import reader_language, say
from bangfu.identify.application import Answers, Field, Form, Page, Said

BLANK_ROWS = 6  # people on the printed form
INPUTS = {"phone": ("tel", "tel"), "number": ("text", "numeric"), "amount": ("text", "decimal"), "day": ("date", "")}


def shown_fields(page: Page, said: Said, wrong: Mapping[str, str], start: str = "") -> list[dict[str, Any]]:
    """Return a page's fields with what was typed and what is wrong; `start`: what their names begin with."""
    return [_shown(field, said.get(field.code) or "", wrong.get(field.code, ""), start) for field in page.fields]


def _shown(field: Field, value: Any, problem: str, start: str) -> dict[str, Any]:
    lang = reader_language()
    chosen = value if isinstance(value, list) else [value]
    kind, mode = INPUTS.get(field.type, ("text", ""))
    return {
        "name": f"{start}{field.code}",
        "type": field.type,
        "label": field.label[lang],
        "hint": field.hint.get(lang, ""),
        "value": value,
        "autofill": "off" if start else field.autofill,
        "kind": kind,
        "mode": mode,
        "most": field.most if field.type in ("text", "lines") else 0,
        "options": [(code, words[lang], code in chosen) for code, words in field.options.items()],
        "error": said_wrong(field, problem) if problem else "",
    }


def said_wrong(field: Field, problem: str) -> str:
    """Return what is wrong with a field, in words."""
    return say(problem, None, label=field.label[reader_language()], least=field.least, most=field.most)


def agreed_to(form: Form, ticked: list[str]) -> list[dict[str, Any]]:
    """Return the promise and the consents with what was ticked, in the reader's language."""
    lang = reader_language()
    every = (form.promise, *form.consents)
    return [{"code": each.code, "text": each.text[lang], "ticked": each.code in ticked} for each in every]


def on_paper(form: Form, answers: Answers | None, emergency: bool) -> list[dict[str, Any]]:
    """Return the form as it is printed: blank for None, or filled in. A page that repeats is a table."""
    lang = reader_language()
    return [
        {
            "title": page.title[lang],
            "help": page.help.get(lang, ""),
            "fields": [] if page.repeat else shown_fields(page, _said(answers, page, {}), {}),
            "heads": [field.label[lang] for field in page.fields],
            "rows": _rows(page, answers) if page.repeat else [],
        }
        for page in form.asked(emergency)
    ]


def _said(answers: Answers | None, page: Page, nothing: Any) -> Any:
    return (answers or {}).get(page.code) or nothing


def _rows(page: Page, answers: Answers | None) -> list[list[str]]:
    lang = reader_language()
    if answers is None:
        return [[""] * len(page.fields)] * BLANK_ROWS
    return [
        [field.options.get(value, {}).get(lang, value) for field in page.fields for value in [row.get(field.code, "")]]
        for row in _said(answers, page, [])
    ]
