"""One mail as the ledger knows it: how far it has come, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from approvald.approval.endings import Ending
from approvald.core.errors import LedgerAway


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
    """One attempt at one mail. `id` is the ledger id in the comment sent to PVWA. Instants are UTC.

    `attempt_of`: ledger id of the mail's first attempt, None in that one. `filed_item_id`: the item's id in the folder
    that it was filed in, empty where unknown.
    """

    id: str
    item_id: str
    received: datetime
    seen_at: datetime
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
    proof: str = ""
    replying_since: datetime | None = None
    attempt_of: str | None = None
    filed_at: datetime | None = None
    filed_item_id: str = ""

    @property
    def first_attempt(self) -> str:
        """The ledger id that stands for the mail over all its attempts: what is counted once for it, or used once."""
        return self.attempt_of or self.id


def read_entry(row: sa.Row[Any]) -> Entry:
    """Read a row of `mails`. Raises Unavailable for a row that another version of approvald has written."""
    try:
        return _read(row)
    except ValueError as error:
        message = (
            f"the ledger's row of mail {row.id} is from another version of approvald; install the newest one again"
        )
        raise LedgerAway(message) from error


def _read(row: sa.Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        item_id=row.item_id,
        received=row.received,
        seen_at=row.seen_at,
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
        proof=row.proof,
        replying_since=row.replying_since,
        attempt_of=row.attempt_of,
        filed_at=row.filed_at,
        filed_item_id=row.filed_item_id or "",
    )
