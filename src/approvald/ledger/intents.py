"""What is about to be sent to PVWA, or was, as the ledger knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from approvald.approval.read_back import Before
from approvald.core.model import Level


class Act(StrEnum):
    """What is sent to PVWA."""

    CONFIRM = "confirm"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is about to be sent to PVWA, or was. `request_id` comes back case folded; `created` is PVWA's.

    `submitter`: PVWA's user name of the confirming account, for the audit trail only; it does not come back.
    `sent_at`: right before it was sent (UTC), None while it certainly was not; `before`: what the record showed then.
    `taken_at`: when PVWA, or something in front of it, took an act that the request did not show yet (UTC).
    """

    ledger_id: str
    request_id: str
    created: datetime | None
    level: Level
    account: Level
    approver_guid: str
    approver_link: str | None
    intended_at: datetime
    act: Act = Act.CONFIRM
    submitter: str = ""
    before: Before | None = None
    sent_at: datetime | None = None
    taken_at: datetime | None = None


class IntentOpen(Exception):
    """Another mail's confirmation of the same request and level is open or done. `intent` is that one."""

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        super().__init__(f"a confirmation of {intent.request_id} at level {intent.level} is not settled, or done")


def read_intent(row: sa.Row[Any]) -> Intent:
    """Read a row of `confirmations`."""
    return Intent(
        ledger_id=row.ledger_id,
        request_id=row.request_id,
        created=datetime.fromtimestamp(row.created, UTC) if row.created else None,
        level=Level(row.level),
        account=Level(row.account),
        act=Act(row.act),
        approver_guid=row.approver_guid,
        approver_link=row.approver_link,
        intended_at=row.intended_at,
        before=Before.from_json(row.shown_before) if row.shown_before else None,
        sent_at=row.sent_at,
        taken_at=row.taken_at,
    )
