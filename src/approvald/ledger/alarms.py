"""Alarms as they were raised, and which of them the team has been told of: a restart resets nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.alarms import TOLD_AT_ONCE, Alarm, AlarmKind, alarm_words
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.letters import Text, add_letter, is_resting
from approvald.ledger.store import Store

_KEPT: Final = timedelta(days=90)
_SHOWN_MAILS: Final = 10


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
