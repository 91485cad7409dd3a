"""Alarms as they were raised, and which of them the team has been told of: a restart resets nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.alarms import Alarm, AlarmKind, alarm_words
from approvald.ledger import tables
from approvald.ledger.letters import Text, add_letter
from approvald.ledger.store import Store

_KEPT: Final = timedelta(days=90)
_SHOWN_MAILS: Final = 10


class AlarmBook:
    """The alarms of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, alarm: Alarm, mail_id: str) -> None:
        """Write an alarm down. Old ones that were told go."""
        table, now = tables.alarms, self._store.clock.now()
        with self._store.begin() as connection:
            connection.execute(table.delete().where(table.c.at < now - _KEPT, table.c.letter.is_not(None)))
            connection.execute(
                table.insert().values(
                    kind=alarm.kind,
                    at=now,
                    mail_id=mail_id[:32],
                    name=alarm.name[:320],
                    content=json.dumps([alarm.why, alarm.facts]),
                )
            )

    def is_news(self, alarm: Alarm, pause: timedelta) -> bool:
        """Whether no alarm of this kind and name was raised within `pause`."""
        alarms, since = tables.alarms.c, self._store.clock.now() - pause
        with self._store.begin() as connection:
            statement = (
                sa.select(sa.func.count())
                .where(alarms.kind == alarm.kind, alarms.name == alarm.name[:320])
                .where(alarms.at > since)
            )
            return connection.scalar(statement) == 0

    def named_since(self, kind: AlarmKind, span: timedelta) -> int:
        """Return how many alarms of that kind that name somebody were raised within `span`."""
        alarms, since = tables.alarms.c, self._store.clock.now() - span
        with self._store.begin() as connection:
            statement = sa.select(sa.func.count()).where(alarms.kind == kind, alarms.name != "", alarms.at > since)
            return int(connection.scalar(statement) or 0)

    def to_letters(self, to: str, *, pause: timedelta) -> None:
        """Make one letter for each kind that has untold alarms, unless its last one is younger than `pause`."""
        alarms = tables.alarms.c
        with self._store.begin() as connection:
            untold = connection.execute(
                sa.select(tables.alarms).where(alarms.letter.is_(None)).order_by(alarms.id)
            ).all()
            for kind in AlarmKind:
                rows = [row for row in untold if row.kind == kind]
                if not rows:
                    continue
                letter = add_letter(connection, self._store, f"alarm.{kind}", to, _text(kind, rows), pause=pause)
                if letter is not None:
                    of_it = tables.alarms.update().where(alarms.kind == kind, alarms.letter.is_(None))
                    connection.execute(of_it.values(letter=letter))


def _text(kind: AlarmKind, rows: list[sa.Row[Any]]) -> Text:
    why, facts = json.loads(rows[-1].content)
    latest = Alarm(kind=kind, why=why, name=rows[-1].name, facts=tuple((label, value) for label, value in facts))
    words = alarm_words(
        latest,
        [row.at for row in rows],
        [row.name for row in rows],
        dict.fromkeys(row.mail_id for row in rows[-_SHOWN_MAILS:]),
    )
    return Text(subject=words.subject, outcome=words.outcome, next_step=words.next_step, facts=words.facts)
