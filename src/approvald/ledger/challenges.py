"""The codes that approvers were asked for: for whom and what, how many wrong ones came, and which mail used one.

A code itself is never kept: only its hash under this ledger's own key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.model import Level
from approvald.ledger import tables
from approvald.ledger.database import upsert
from approvald.ledger.entries import State
from approvald.ledger.store import Store

ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without I, O, 0 and 1, which people confuse."""
_CODE_LENGTH: Final = 10


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """The approval a code was asked for. `ledger_id`: of the forwarded mail; `approver_guid`: objectGUID of its sender.

    `created`: PVWA's, to the second. `expires_at`: None while no code was issued. `answered_by`: the mail that used it.
    """

    ledger_id: str
    request_id: str
    created: datetime | None
    level: Level
    approver_guid: str
    expires_at: datetime | None = None
    closed: bool = False
    answered_by: str | None = None


class Challenges:
    """The challenges of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.version_key()

    def open(self, challenge: Challenge) -> None:
        """Write down that a code is asked for. A mail that is decided again after a crash has one challenge."""
        created = int(challenge.created.timestamp()) if challenge.created else 0
        values = {"request_id": challenge.request_id, "created": created, "level": challenge.level}
        mails = tables.mails
        with self._store.begin() as connection:
            statement = upsert(connection, tables.challenges).values(
                ledger_id=challenge.ledger_id, approver_guid=challenge.approver_guid, **values
            )
            connection.execute(statement.on_conflict_do_update(index_elements=["ledger_id"], set_=values))
            # A mail whose confirmation may have been sent stays one
            challenged = sa.case((mails.c.state == State.CONFIRMING, mails.c.state), else_=State.CHALLENGED)
            connection.execute(mails.update().where(mails.c.id == challenge.ledger_id).values(state=challenged))

    def issue(self, ledger_id: str, *, valid_for: timedelta) -> tuple[str, datetime]:
        """Make a new code for this mail's challenge; an earlier one is void. Returns it, and until when it is valid."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(_CODE_LENGTH))
        expires_at = self._store.clock.now() + valid_for
        self._update(tables.challenges.c.ledger_id == ledger_id, code_hash=self._hash(code), expires_at=expires_at)
        return code, expires_at

    def of_code(self, code: str) -> Challenge | None:
        """Return the challenge that this code was issued for."""
        rows = tables.challenges
        with self._store.look() as connection:
            row = connection.execute(sa.select(rows).where(rows.c.code_hash == self._hash(code))).first()
        return _challenge(row) if row is not None else None

    def wrong_try(self, approver_guid: str, *, at_most: int) -> None:
        """Count a wrong code against every open challenge of this person; those that have had `at_most` are closed."""
        self._count(tables.challenges.c.approver_guid == approver_guid, at_most)

    def strange_try(self, challenge: Challenge, *, at_most: int) -> None:
        """Count a right code that somebody else has sent."""
        self._count(tables.challenges.c.ledger_id == challenge.ledger_id, at_most)

    def close(self, challenge: Challenge) -> None:
        """Accept no further answer."""
        self._update(tables.challenges.c.ledger_id == challenge.ledger_id, closed=True)

    def take(self, challenge: Challenge, answer_id: str) -> bool:
        """Use the code up for this answer; False where it is closed, or another mail has used it."""
        rows = tables.challenges.c
        with self._store.begin() as connection:
            taken = connection.execute(
                tables.challenges.update()
                .where(rows.ledger_id == challenge.ledger_id, rows.closed.is_(False))
                .where(sa.or_(rows.answered_by.is_(None), rows.answered_by == answer_id))
                .values(answered_by=answer_id)
            )
            return taken.rowcount == 1

    def _count(self, which: sa.ColumnElement[bool], at_most: int) -> None:
        rows = tables.challenges.c
        self._update(
            sa.and_(which, rows.code_hash.is_not(None), rows.answered_by.is_(None), rows.closed.is_(False)),
            tries=rows.tries + 1,
            closed=rows.tries + 1 >= at_most,
        )

    def _update(self, which: sa.ColumnElement[bool], **values: object) -> None:
        with self._store.begin() as connection:
            connection.execute(tables.challenges.update().where(which).values(**values))

    def _hash(self, code: str) -> str:
        return hmac.new(self._key, f"challenge {code}".encode(), hashlib.sha256).hexdigest()


def _challenge(row: sa.Row[Any]) -> Challenge:
    return Challenge(
        ledger_id=row.ledger_id,
        request_id=row.request_id,
        created=datetime.fromtimestamp(row.created, UTC) if row.created else None,
        level=Level(row.level),
        approver_guid=row.approver_guid,
        expires_at=row.expires_at,
        closed=bool(row.closed),
        answered_by=row.answered_by,
    )
