"""Our mails that do not answer a single mail: alarms, digests, notes. They are written down before they are sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.alarms import TOLD_AT_ONCE, Alarm, AlarmKind, alarm_words
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.store import Store

_KEPT: Final = timedelta(days=90)
_MOST_DOUBLINGS: Final = 6
_ID_BYTES: Final = 6
_SHOWN_MAILS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Text:
    """The text of a letter; `facts` are pairs of label and value."""

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
    """The letters of the ledger. `longest_work`: how long Exchange may work on one whose answer was lost."""

    def __init__(self, store: Store, *, longest_work: timedelta) -> None:
        self._store = store
        self.longest_work = longest_work

    def add(self, kind: str, to: str, text: Text, *, message_id: str = "", pause: timedelta) -> str | None:
        """Write a letter down, unless one of this kind went to this address within `pause`. Returns its id, or None."""
        with self._store.begin() as connection:
            if is_resting(connection, self._store, kind, to, pause):
                return None
            return add_letter(connection, self._store, kind, to, text, message_id=message_id)

    def due(self) -> Sequence[Letter]:
        """Return the letters to be sent, oldest first; an unsent one rests for `longest_work`, then ever longer."""
        letters = tables.letters.c
        with self._store.look() as connection:
            rows = connection.execute(
                sa.select(tables.letters).where(letters.sent_at.is_(None)).order_by(letters.at)
            ).all()
        return [_letter(row) for row in rows if row.sending_since is None or self._is_rested(row)]

    def _is_rested(self, row: sa.Row[Any]) -> bool:
        pause = self.longest_work * 2 ** min(row.tries - 1, _MOST_DOUBLINGS)
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


class AlarmBook:
    """The alarms of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, alarm: Alarm, mail_id: str) -> None:
        """Write an alarm down."""
        with self._store.begin() as connection:
            connection.execute(
                tables.alarms.insert().values(
                    kind=alarm.kind,
                    at=self._store.clock.now(),
                    mail_id=mail_id[:32],
                    name=alarm.name[:320],
                    content=json.dumps([alarm.why, alarm.facts]),
                )
            )
            content = {"alarm": alarm.kind.value, "about": alarm.name, "why": alarm.why, "facts": dict(alarm.facts)}
            record(connection, self._store, AuditKind.ALARM, content, mail_id=mail_id or None)

    def is_news(self, alarm: Alarm, pause: timedelta) -> bool:
        """Whether no alarm of this kind and name was raised within `pause`, its first instant included."""
        alarms, since = tables.alarms.c, self._store.clock.now() - pause
        with self._store.look() as connection:
            statement = (
                sa.select(sa.func.count())
                .where(alarms.kind == alarm.kind, alarms.name == alarm.name[:320])
                .where(alarms.at >= since)
            )
            return connection.scalar(statement) == 0

    def named_since(self, kind: AlarmKind, span: timedelta) -> int:
        """Return how many alarms of that kind that name somebody were raised within `span`."""
        alarms, since = tables.alarms.c, self._store.clock.now() - span
        with self._store.look() as connection:
            statement = sa.select(sa.func.count()).where(alarms.kind == kind, alarms.name != "", alarms.at > since)
            return int(connection.scalar(statement) or 0)

    def to_letters(self, to: str, *, pause: timedelta) -> None:
        """Make one letter for each kind that has untold alarms, unless its last one is younger than `pause`.

        Then alarms that were told long ago go.
        """
        alarms = tables.alarms.c
        with self._store.begin() as connection:
            kinds = connection.scalars(sa.select(alarms.kind).where(alarms.letter.is_(None)).distinct()).all()
            for kind in [each for each in AlarmKind if each.value in kinds]:
                # A flood is read once, when its letter is due, and not at every poll.
                rests = timedelta() if kind in TOLD_AT_ONCE else pause
                if is_resting(connection, self._store, _letters_of(kind), to, rests):
                    continue
                self._write(connection, kind, to)
                connection.execute(
                    tables.alarms.delete().where(
                        alarms.at < self._store.clock.now() - _KEPT, alarms.letter.is_not(None)
                    )
                )

    def _write(self, connection: sa.Connection, kind: AlarmKind, to: str) -> None:
        alarms = tables.alarms.c
        untold = sa.and_(alarms.kind == kind, alarms.letter.is_(None))
        rows = connection.execute(sa.select(tables.alarms).where(untold).order_by(alarms.id)).all()
        letter = add_letter(connection, self._store, _letters_of(kind), to, _text(kind, rows))
        connection.execute(tables.alarms.update().where(untold).values(letter=letter))


def _letters_of(kind: AlarmKind) -> str:
    return f"alarm.{kind}"


def _text(kind: AlarmKind, rows: Sequence[sa.Row[Any]]) -> Text:
    why, facts = json.loads(rows[-1].content)
    latest = Alarm(kind=kind, why=why, name=rows[-1].name, facts=tuple((label, value) for label, value in facts))
    words = alarm_words(
        latest,
        [row.at for row in rows],
        [row.name for row in rows],
        dict.fromkeys(row.mail_id for row in rows[-_SHOWN_MAILS:]),
    )
    return Text(subject=words.subject, outcome=words.outcome, next_step=words.next_step, facts=words.facts)
