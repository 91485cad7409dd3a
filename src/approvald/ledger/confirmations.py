"""Confirmations: an intent before they are sent, settled when PVWA has shown what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.mails import State
from approvald.ledger.store import Store
from approvald.model import Level


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A confirmation that was about to be sent, whose outcome is not written yet."""

    ledger_id: str
    request_id: str
    level: Level
    account: Level
    approver_guid: str
    intended_at: datetime


class IntentOpen(Exception):
    """Another mail's confirmation of the same request and level is not settled. `intent` is that one."""

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        super().__init__(f"a confirmation of {intent.request_id} at level {intent.level} is not settled yet")


class Confirmations:
    """The confirmations of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def intend(self, intent: Intent, *, created: datetime | None, comment: str) -> None:
        """Write the intent down before the confirmation is sent.

        At most one row per request and level is open or confirmed. The same mail may come back to its own open
        intent; for any other IntentOpen is raised. `created` is PVWA's creation time: a number may be used again.
        """
        rows = tables.confirmations
        with self._store.begin() as connection:
            found = connection.execute(
                sa.select(rows).where(
                    rows.c.request_id == intent.request_id,
                    rows.c.level == intent.level,
                    rows.c.created == _key(created),
                    rows.c.outcome.in_([tables.OPEN, tables.CONFIRMED]),
                )
            ).first()  # fmt: skip
            if found is not None:
                if found.ledger_id != intent.ledger_id or found.outcome != tables.OPEN:
                    raise IntentOpen(_intent(found))
                return
            connection.execute(
                rows.insert().values(
                    ledger_id=intent.ledger_id, request_id=intent.request_id, created=_key(created),
                    level=intent.level, account=intent.account, approver_guid=intent.approver_guid,
                    intended_at=intent.intended_at, comment=comment, outcome=tables.OPEN,
                )
            )  # fmt: skip
            connection.execute(
                tables.mails.update().where(tables.mails.c.id == intent.ledger_id).values(state=State.CONFIRMING)
            )

    def open_intent(self, ledger_id: str) -> Intent | None:
        """Return this mail's unsettled intent, if it has one."""
        rows = tables.confirmations
        with self._store.begin() as connection:
            row = connection.execute(
                sa.select(rows).where(rows.c.ledger_id == ledger_id, rows.c.outcome == tables.OPEN)
            ).first()
        return _intent(row) if row else None

    def settle(self, intent: Intent, *, confirmed: bool) -> None:
        """Write the outcome of a confirmation: PVWA has it, or PVWA has shown that it does not."""
        rows = tables.confirmations
        with self._store.begin() as connection:
            connection.execute(
                rows.update()
                .where(rows.c.ledger_id == intent.ledger_id, rows.c.outcome == tables.OPEN)
                .values(outcome=tables.CONFIRMED if confirmed else tables.NOT_DONE, settled_at=self._store.clock.now())
            )

    def approved_before(self, request_id: str, created: datetime | None) -> Mapping[Level, str]:
        """Return the objectGUIDs of the humans on whose behalf we confirmed this request, by level."""
        rows = tables.confirmations.c
        with self._store.begin() as connection:
            found = connection.execute(
                sa.select(rows.level, rows.approver_guid).where(
                    rows.request_id == request_id, rows.created == _key(created), rows.outcome == tables.CONFIRMED
                )
            ).all()
        return {Level(row.level): row.approver_guid for row in found}


def _key(created: datetime | None) -> int:
    return int(created.timestamp()) if created else 0


def _intent(row: sa.Row[Any]) -> Intent:
    return Intent(
        ledger_id=row.ledger_id,
        request_id=row.request_id,
        level=Level(row.level),
        account=Level(row.account),
        approver_guid=row.approver_guid,
        intended_at=row.intended_at,
    )
