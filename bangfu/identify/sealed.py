"""The sealed cells of identification: what families, panels and offices write, each bound to its table and row."""

from __future__ import annotations

import hmac

from django.db.models import Model

from bangfu.audit import keys
from bangfu.core.seal import INDEX_BYTES, Keyring
from bangfu.identify.models import Application, Ballot, Objection, Proposal, Referral, Step

# All of them: a rotation seals each anew, and `bangfu verify` opens each.
CELLS: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (Proposal, ("words",)),
    (Application, ("answers",)),
    (Ballot, ("score",)),
    (Step, ("words",)),
    (Objection, ("name", "contact", "words", "answer", "appeal", "appeal_answer")),
    (Referral, ("words", "answer_words", "follow_words")),
)
CODE_PURPOSE = b"pass\0"


def seal(row: Model, column: str, text: str, ring: Keyring | None = None) -> bytes | None:
    """Return what a cell of this row is to hold; blank text is NULL. The row has its id already."""
    cell: bytes | None = (ring or keys.current()).sealer(row._meta.db_table, column)(row.pk, text) if text else None
    return cell


def opened(row: Model, column: str, ring: Keyring | None = None) -> str:
    """Return what a cell of this row holds, '' for nothing."""
    cell = getattr(row, column)
    return (ring or keys.current()).open_text(row._meta.db_table, column, row.pk, bytes(cell)) if cell else ""


def code_index(code: str) -> bytes:
    """Return the blind index of a printed code, however it was typed: signs only, in capitals.

    By the web key: nobody keeps the code, so an index by a key that rotates could not be made anew.
    """
    said = "".join(filter(str.isalnum, code)).upper()
    return hmac.digest(keys.current().web.encode(), CODE_PURPOSE + said.encode(), "sha256")[:INDEX_BYTES]
