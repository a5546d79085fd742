"""Errors that a person can act on: a code, the facts, and a sentence in the reader's language."""

from __future__ import annotations

from bangfu.core.messages import say


class BangfuError(Exception):
    """Something a person must know; `code` names the sentence in `library/messages.toml`."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code, facts)

    def __str__(self) -> str:
        return self.said()

    def said(self, lang: str | None = None) -> str:
        """Return the sentence in `lang` ('zh' or 'en'; the reader's language when None)."""
        return say(self.code, lang, **self.facts)


class Refused(BangfuError):
    """An input file that cannot be taken; nothing of it was applied."""


class KeyMissing(BangfuError):
    """The key file is missing, unreadable, or not the one that the database was sealed with."""


class Overtaken(BangfuError):
    """Somebody else has changed what the actor looked at; he is told who, and looks again."""


class NotAllowed(BangfuError):
    """The actor may not do this, or not there."""


class Outrun(Exception):
    """Somebody else wrote the register between reading and writing; read again and retry."""
