"""Counts, across restarts, the refusals and notices that each sender was sent lately, and the team's copies."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.database import upsert
from approvald.ledger.store import Store

HOUR: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=2)
_HASTE_KEPT: Final = timedelta(days=90)


class MessageKind(StrEnum):
    """The kinds of answer that are counted."""

    REFUSAL = "refusal"
    NOTICE = "notice"
    TEAM_COPY = "team_copy"


_COUNTED_TOGETHER: Final = {
    MessageKind.REFUSAL: (MessageKind.REFUSAL, MessageKind.NOTICE),
    MessageKind.NOTICE: (MessageKind.REFUSAL, MessageKind.NOTICE),
    MessageKind.TEAM_COPY: (MessageKind.TEAM_COPY,),
}


class MessageCounts:
    """The answers of the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, ledger_id: str, kind: MessageKind, address: str, *, an_hour: int) -> tuple[bool, bool]:
        """Count one answer. Returns whether it may be sent, and whether this was decided just now.

        Asked again for the same mail it says the same, so that a crash in between changes nothing.
        """
        table, now, address = tables.answers, self._store.clock.now(), address.casefold()[:320]
        with self._store.begin() as connection:
            connection.execute(table.delete().where(table.c.at < now - _KEPT))
            known = connection.scalar(
                sa.select(table.c.held_back).where(table.c.ledger_id == ledger_id, table.c.kind == kind)
            )
            if known is not None:
                return not known, False
            sent = connection.scalar(
                sa.select(sa.func.count())
                .select_from(table)
                .where(table.c.address == address, table.c.at > now - HOUR, table.c.held_back.is_(False))
                .where(table.c.kind.in_(_COUNTED_TOGETHER[kind]))
            )
            held_back = int(sent or 0) >= an_hour
            connection.execute(
                table.insert().values(ledger_id=ledger_id, kind=kind, address=address, at=now, held_back=held_back)
            )
        return not held_back, True


class Haste:
    """The approvers' haste in the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, ledger_id: str, guid: str, *, fast: bool) -> tuple[int, bool]:
        """Write down whether a mail was fast; return how many fast ones in a row there are now, and whether it is new.

        A mail that waits is handled many times and counted once.
        """
        table, now = tables.haste, self._store.clock.now()
        with self._store.begin() as connection:
            connection.execute(table.delete().where(table.c.at < now - _HASTE_KEPT))
            made = connection.execute(
                upsert(connection, table)
                .values(ledger_id=ledger_id, guid=guid, at=now, fast=fast)
                .on_conflict_do_nothing(index_elements=["ledger_id"])
                .returning(table.c.id)
            ).first()
            slow = sa.select(sa.func.max(table.c.id)).where(table.c.guid == guid, table.c.fast.is_(False))
            last_slow = int(connection.scalar(slow) or 0)
            run = sa.select(sa.func.count()).where(table.c.guid == guid, table.c.fast.is_(True), table.c.id > last_slow)
            return int(connection.scalar(run) or 0), made is not None
