"""Mails of our own that answer no single mail: alarms, digests, notes. Written down before they are sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.store import Store

_KEPT: Final = timedelta(days=90)
_MOST_DOUBLINGS: Final = 6
_ID_BYTES: Final = 6


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a letter says; `facts` are pairs of label and value."""

    subject: str
    outcome: str
    next_step: str
    facts: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        """Return the text for the ledger."""
        return json.dumps([self.subject, self.outcome, self.next_step, self.facts])

    @classmethod
    def from_json(cls, text: str) -> Text:
        """Read a text back."""
        subject, outcome, next_step, facts = json.loads(text)
        pairs = tuple((label, value) for label, value in facts)
        return cls(subject=subject, outcome=outcome, next_step=next_step, facts=pairs)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One letter. `id` is its marker in Sent Items. `is_doubtful`: an earlier sending was not answered."""

    id: str
    kind: str
    to: str
    text: Text
    message_id: str
    is_doubtful: bool


class Letters:
    """The letters of the ledger. `settle`: how long Exchange may still work on a sending whose answer was lost."""

    def __init__(self, store: Store, *, settle: timedelta) -> None:
        self._store = store
        self._settle = settle

    def add(self, kind: str, to: str, text: Text, *, message_id: str = "", pause: timedelta) -> str | None:
        """Write a letter down, unless one of this kind went to this address within `pause`. Returns its id or None."""
        with self._store.begin() as connection:
            if is_resting(connection, self._store, kind, to, pause):
                return None
            return add_letter(connection, self._store, kind, to, text, message_id=message_id)

    def due(self) -> Sequence[Letter]:
        """Return the letters to be sent, oldest first; one that was not sent rests for `settle`, then ever longer."""
        letters = tables.letters.c
        with self._store.look() as connection:
            rows = connection.execute(
                sa.select(tables.letters).where(letters.sent_at.is_(None)).order_by(letters.at)
            ).all()
        return [_letter(row) for row in rows if row.sending_since is None or self._is_rested(row)]

    def _is_rested(self, row: sa.Row[Any]) -> bool:
        pause = self._settle * 2 ** min(row.tries - 1, _MOST_DOUBLINGS)
        elapsed = self._store.clock.now() - row.sending_since
        return bool(elapsed >= pause or elapsed < timedelta())  # below zero the clock was wrong

    def sending(self, ids: Sequence[str]) -> None:
        """Write down that letters are about to be sent."""
        self._update(ids, sending_since=self._store.clock.now(), tries=tables.letters.c.tries + 1)

    def sent(self, ids: Sequence[str]) -> None:
        """Write down that letters were sent."""
        self._update(ids, sent_at=self._store.clock.now())

    def _update(self, ids: Sequence[str], **values: object) -> None:
        if not ids:
            return
        with self._store.begin() as connection:
            connection.execute(tables.letters.update().where(tables.letters.c.id.in_(ids)).values(**values))


def is_resting(connection: sa.Connection, store: Store, kind: str, to: str, pause: timedelta) -> bool:
    """Whether a letter of this kind went to this address within `pause`."""
    letters = tables.letters.c
    last = connection.scalar(sa.select(sa.func.max(letters.at)).where(letters.kind == kind, letters.to == to))
    return last is not None and store.clock.now() - last < pause


def add_letter(connection: sa.Connection, store: Store, kind: str, to: str, text: Text, *, message_id: str = "") -> str:
    """Write a letter down inside a transaction of the caller's; return its id. Letters sent long ago go."""
    letters, now = tables.letters.c, store.clock.now()
    connection.execute(tables.letters.delete().where(letters.sent_at < now - _KEPT))
    # The mark of our other mails: what they are about, a dot, what they are.
    letter_id = f"{secrets.token_hex(_ID_BYTES)}.{kind.split('.', 1)[0]}"
    connection.execute(
        tables.letters.insert().values(
            id=letter_id, kind=kind, to=to[:320], content=text.to_json(), message_id=message_id[:998], at=now
        )
    )
    return letter_id


def _letter(row: sa.Row[Any]) -> Letter:
    return Letter(
        id=row.id,
        kind=row.kind,
        to=row.to,
        text=Text.from_json(row.content),
        message_id=row.message_id,
        is_doubtful=row.sending_since is not None,
    )
