"""The decisions of shadow mode, and what became of the requests without it. None of these mails count as handled."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.approval.endings import Ending
from approvald.approval.findings import ending_checks
from approvald.core.model import Mail
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.database import upsert
from approvald.ledger.entries import State
from approvald.ledger.store import Store

_ID_BYTES: Final = 6
OPEN: Final = "waiting"
"""The state of a request that nobody has acted on yet."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision of shadow mode. `became`: what became of the request, empty where nobody has looked. In UTC."""

    id: str
    received: datetime
    sender: str
    request_id: str
    ending: Ending
    became: str = ""
    became_by: str = ""
    became_at: datetime | None = None


class Shadow:
    """The decisions of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def known(self, item_ids: Sequence[str]) -> Collection[str]:
        """Return those items that shadow mode has decided on, or that approvald has begun to handle in earnest."""
        shadow, mails = tables.shadow.c, tables.mails.c
        with self._store.look() as connection:
            decided = connection.scalars(sa.select(shadow.item_id).where(shadow.item_id.in_(item_ids))).all()
            begun = connection.scalars(
                sa.select(mails.item_id).where(mails.item_id.in_(item_ids), mails.state != State.SEEN)
            ).all()
        return {*decided, *begun}

    def decided(
        self, mail: Mail, ending: Ending, *, sender: str, provenance: Mapping[str, object],
        decision: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        """Write down how a mail would have ended; `decision`: with its facts, if it came that far.

        `provenance`: what the audit trail keeps of the mail itself.
        """
        with self._store.begin() as connection:
            made = connection.execute(
                upsert(connection, tables.shadow)
                .values(
                    id=secrets.token_hex(_ID_BYTES), item_id=mail.listed.item_id, message_id=mail.message_id[:998],
                    sender=sender[:320], received=mail.listed.received, decided_at=self._store.clock.now(),
                    request_id=ending.request_id, ending=ending.to_json(),
                )
                .on_conflict_do_nothing(index_elements=["item_id"])
                .returning(tables.shadow.c.id)
            ).first()  # fmt: skip
            if made is not None:
                content = {
                    "would_end_as": ending.code.value, "sender": sender, "mail": dict(provenance), "decision": decision,
                    "checks": [] if decision else [check.to_json() for check in ending_checks(ending)],
                }  # fmt: skip
                record(
                    connection, self._store, AuditKind.SHADOW, content, mail_id=made.id, request_id=ending.request_id
                )

    def to_look_up(self, limit: int, *, pause: timedelta) -> Sequence[Decided]:
        """Return decisions about requests that nobody has acted on as far as is known, the longest unseen first."""
        rows, before = tables.shadow.c, self._store.clock.now() - pause
        is_open = sa.or_(rows.became.is_(None), rows.became == OPEN)
        rested = sa.or_(rows.looked_at.is_(None), rows.looked_at < before)
        statement = (
            sa.select(tables.shadow)
            .where(is_open, rested, rows.request_id.is_not(None))
            .order_by(sa.func.coalesce(rows.looked_at, 0), rows.received)
            .limit(limit)
        )
        return self._read(statement)

    def became(self, decided: Decided, what: str, *, by: str, at: datetime | None) -> None:
        """Write down what became of the request, by whom and when."""
        rows = tables.shadow
        values = {"became": what[:32], "became_by": by[:320], "became_at": at, "looked_at": self._store.clock.now()}
        with self._store.begin() as connection:
            connection.execute(rows.update().where(rows.c.id == decided.id).values(**values))

    def since(self, begin: datetime) -> Sequence[Decided]:
        """Return the decisions about mails received since then, in order."""
        rows = tables.shadow.c
        return self._read(sa.select(tables.shadow).where(rows.received >= begin).order_by(rows.received))

    def _read(self, statement: sa.Select[Any]) -> Sequence[Decided]:
        with self._store.look() as connection:
            return [
                Decided(
                    id=row.id, received=row.received, sender=row.sender, request_id=row.request_id or "",
                    ending=Ending.from_json(row.ending), became=row.became or "", became_by=row.became_by or "",
                    became_at=row.became_at,
                )
                for row in connection.execute(statement)
            ]  # fmt: skip
