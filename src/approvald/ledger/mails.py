"""How far each mail has come. A row is written before the act it speaks of."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from approvald.endings import Code, Ending
from approvald.errors import System, Unavailable
from approvald.ledger import tables
from approvald.ledger.dialect import upsert
from approvald.ledger.store import Store
from approvald.model import ListedMail

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH: Final = 12


class State(StrEnum):
    """How far a mail has come."""

    SEEN = "seen"
    DECIDED = "decided"
    CHALLENGED = "challenged"
    CONFIRMING = "confirming"
    OUTCOME = "outcome"
    REPLYING = "replying"
    REPLIED = "replied"
    FILED = "filed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One mail in the ledger. `id` is the ledger id that stands in the comment sent to PVWA. Instants are UTC."""

    id: str
    item_id: str
    received: datetime
    state: State
    message_id: str = ""
    sender: str = ""
    ending: Ending | None = None
    waiting_since: datetime | None = None
    retry_at: datetime | None = None
    cause: str = ""
    tries: int = 0
    told_waiting: bool = False
    reply_to: str = ""
    rung: str = ""
    replying_since: datetime | None = None


class Mails:
    """The mails of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seen(self, listed: ListedMail) -> Entry:
        """Return the entry of this item, made now if it is new."""
        with self._store.begin() as connection:
            connection.execute(
                upsert(connection, tables.mails)
                .values(
                    id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
                    item_id=listed.item_id,
                    item_class=listed.item_class[:256],
                    size=listed.size,
                    received=listed.received,
                    seen_at=self._store.clock.now(),
                    state=State.SEEN,
                )
                .on_conflict_do_nothing(index_elements=["item_id"])
            )
            row = connection.execute(sa.select(tables.mails).where(tables.mails.c.item_id == listed.item_id)).one()
        return _entry(row)

    def entries(self, item_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries there are, by item id."""
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.mails).where(tables.mails.c.item_id.in_(item_ids))).all()
        return {row.item_id: _entry(row) for row in rows}

    def identified(self, entry: Entry, message_id: str, sender: str) -> Entry:
        """Add what the fetched mail says of itself. Returns the entry with it."""
        message_id, sender = message_id[:998], sender[:320]
        if (entry.message_id, entry.sender) != (message_id, sender):
            self._update(entry.id, message_id=message_id, sender=sender)
        return replace(entry, message_id=message_id, sender=sender)

    def may_be_told(self, ledger_id: str, address: str, rung: str) -> None:
        """Write down the address of a proven sender, who is told when the mail has to wait."""
        self._update(ledger_id, reply_to=address, rung=rung)

    def answered_before(self, ledger_id: str, message_id: str, sender: str) -> bool:
        """Whether another item with this Message-ID and From was answered already."""
        if not message_id:
            return False
        mails = tables.mails.c
        with self._store.look() as connection:
            return bool(
                connection.scalar(
                    sa.select(sa.func.count())
                    .where(mails.message_id == message_id[:998], mails.sender == sender[:320], mails.id != ledger_id)
                    .where(mails.reply_to != "", mails.ended_at.is_not(None))
                )
            )

    def ended_by(self, sender: str, codes: Collection[Code], *, within: timedelta, besides: str) -> int:
        """Return how many other mails of this sender ended with one of the codes within that span."""
        mails, since = tables.mails.c, self._store.clock.now() - within
        with self._store.look() as connection:
            statement = (
                sa.select(sa.func.count())
                .where(mails.sender == sender[:320], mails.code.in_([code.value for code in codes]))
                .where(mails.ended_at > since, mails.id != besides)
            )
            return int(connection.scalar(statement) or 0)

    def decided(self, ledger_id: str) -> None:
        """Write down that a confirmation was decided on."""
        self._update(ledger_id, state=State.DECIDED)

    def ended(self, ledger_id: str, ending: Ending, *, reply_to: str) -> None:
        """Write the outcome down. `reply_to` is empty where nobody is answered."""
        self._update(ledger_id, state=State.OUTCOME, ending=ending.to_json(), code=ending.code.value,
                     request_id=ending.request_id, reply_to=reply_to, ended_at=self._store.clock.now())  # fmt: skip

    def replying(self, ledger_ids: Sequence[str]) -> None:
        """Write down that replies are about to be sent."""
        self._update(*ledger_ids, state=State.REPLYING, replying_since=self._store.clock.now())

    def replied(self, ledger_ids: Sequence[str]) -> None:
        """Write down that replies were sent, or that there was none to send."""
        self._update(*ledger_ids, state=State.REPLIED)

    def filed(self, ledger_ids: Sequence[str]) -> None:
        """Write down that mails left the Inbox."""
        self._update(*ledger_ids, state=State.FILED, filed_at=self._store.clock.now())

    def waits(self, ledger_id: str, *, cause: str, retry_at: datetime) -> Entry:
        """Write down that the mail waits, why, and when it is tried again. Returns the entry as it is now."""
        mails = tables.mails
        with self._store.begin() as connection:
            connection.execute(
                mails.update()
                .where(mails.c.id == ledger_id)
                .values(
                    waiting_since=sa.func.coalesce(
                        mails.c.waiting_since, sa.literal(self._store.clock.now(), tables.Instant())
                    ),
                    retry_at=retry_at,
                    cause=cause[:256],
                    tries=mails.c.tries + 1,
                )
            )
            return _entry(connection.execute(sa.select(mails).where(mails.c.id == ledger_id)).one())

    def told_waiting(self, ledger_id: str) -> None:
        """Write down that the sender is being told that nothing is decided yet."""
        self._update(ledger_id, told_waiting=True)

    def waiting(self) -> int:
        """Return how many mails wait."""
        mails = tables.mails.c
        with self._store.look() as connection:
            statement = sa.select(sa.func.count()).where(mails.retry_at.is_not(None), mails.state != State.FILED)
            return int(connection.scalar(statement) or 0)

    def _update(self, *ledger_ids: str, **values: object) -> None:
        with self._store.begin() as connection:
            connection.execute(tables.mails.update().where(tables.mails.c.id.in_(ledger_ids)).values(**values))


def _entry(row: sa.Row[Any]) -> Entry:
    """Read a row. Raises Unavailable for what another version of approvald has written."""
    try:
        return _read(row)
    except ValueError as error:
        message = f"the ledger's row of mail {row.id} is of another version of approvald; install the newest one again"
        raise Unavailable(System.LEDGER, message) from error


def _read(row: sa.Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        item_id=row.item_id,
        received=row.received,
        state=State(row.state),
        message_id=row.message_id,
        sender=row.sender,
        ending=Ending.from_json(row.ending) if row.ending else None,
        waiting_since=row.waiting_since,
        retry_at=row.retry_at,
        cause=row.cause or "",
        tries=row.tries,
        told_waiting=bool(row.told_waiting),
        reply_to=row.reply_to,
        rung=row.rung,
        replying_since=row.replying_since,
    )
