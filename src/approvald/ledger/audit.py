"""The audit trail in the ledger: each row is written in the transaction of what it records, so both exist or neither.

The file that others read is a copy (`approvald.audit.copy`); the head of the chain is anchored here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.chain import GENESIS, Line, canonical, link
from approvald.ledger.database import upsert
from approvald.ledger.store import Store

_HEAD: Final = 1


class AuditKind(StrEnum):
    """The kinds of line in the audit trail."""

    START = "start"
    STOP = "stop"
    POLICY = "policy"
    """The rules for decisions differ from those of the previous start."""
    DECISION = "decision"
    INTENT = "intent"
    OUTCOME = "outcome"
    """What PVWA has done with an intent."""
    REFUSAL = "refusal"
    FORGED = "forged"
    """A mail whose sender was not proven."""
    ENDING = "ending"
    """The end of a mail that was neither refused nor forged."""
    REPLY = "reply"
    HALT = "halt"
    GROUP = "group"
    RETRY = "retry"
    OUTAGE = "outage"
    ALARM = "alarm"
    SHADOW = "shadow"
    """What shadow mode would have done."""
    TRAIL = "trail"
    """The audit file itself was healed, or found changed."""


def record(
    connection: sa.Connection, store: Store, kind: AuditKind, content: Mapping[str, object], *,
    mail_id: str | None = None, request_id: str | None = None,
) -> None:  # fmt: skip
    """Add one line to the audit trail inside the caller's transaction; call it last, because it blocks others."""
    head = tables.audit_head
    connection.execute(
        upsert(connection, head).values(id=_HEAD, seq=0, hash=GENESIS).on_conflict_do_nothing(index_elements=["id"])
    )
    last = connection.execute(sa.select(head).where(head.c.id == _HEAD).with_for_update()).one()
    known = {"mail_id": mail_id, "request_id": request_id}
    event = {key: value for key, value in (*content.items(), *known.items()) if value is not None}
    line = link(last.seq + 1, _text(store.clock.now()), kind.value, event, last.hash)
    connection.execute(
        tables.audit.insert().values(
            seq=line.seq, at=line.at, kind=line.kind, mail_id=mail_id and mail_id[:32],
            request_id=request_id and request_id.casefold()[:400], event=canonical(event).decode("ascii"),
            prev=line.prev, digest=line.digest, hash=line.hash,
        )
    )  # fmt: skip
    connection.execute(head.update().where(head.c.id == _HEAD).values(seq=line.seq, hash=line.hash))


class AuditRows:
    """The rows of the audit trail, and how far each copy of it has come."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, kind: AuditKind, content: Mapping[str, object]) -> None:
        """Add one line in a transaction of its own."""
        with self._store.begin() as connection:
            record(connection, self._store, kind, content)

    def head(self) -> tuple[int, str]:
        """Return number and hash of the last line; 0 and the genesis hash of an empty trail."""
        head = tables.audit_head.c
        with self._store.look() as connection:
            row = connection.execute(sa.select(head.seq, head.hash)).first()
        return (row.seq, row.hash) if row is not None else (0, GENESIS)

    def rows_after(self, seq: int, limit: int) -> Sequence[Line]:
        """Return the lines after that number, in order, at most so many."""
        rows = tables.audit.c
        return self._lines(sa.select(tables.audit).where(rows.seq > seq).order_by(rows.seq).limit(limit))

    def lines_about(
        self, *, mail_ids: Sequence[str] = (), request_ids: Sequence[str] = (), kind: AuditKind | None = None
    ) -> Sequence[Line]:
        """Return the lines about these mails or requests, in order; of one kind only, where it is given."""
        rows = tables.audit.c
        asked = [request_id.casefold() for request_id in request_ids]
        about = sa.or_(rows.mail_id.in_(list(mail_ids)), rows.request_id.in_(asked))
        of_kind = sa.true() if kind is None else rows.kind == kind
        return self._lines(sa.select(tables.audit).where(about, of_kind).order_by(rows.seq))

    def newest_before(self, seq: int, kind: AuditKind) -> Line | None:
        """Return the last line of that kind with a number not above `seq`."""
        rows = tables.audit.c
        found = self._lines(
            sa.select(tables.audit).where(rows.seq <= seq, rows.kind == kind).order_by(rows.seq.desc()).limit(1)
        )
        return found[0] if found else None

    def copied(self, name: str) -> int:
        """Return how far the copy of that name is certain to have come."""
        copies = tables.audit_copies.c
        with self._store.look() as connection:
            return int(connection.scalar(sa.select(copies.seq).where(copies.name == name)) or 0)

    def note_copied(self, name: str, seq: int) -> None:
        """Write down how far a copy has come; call it when its file is on the disk."""
        copies = tables.audit_copies
        with self._store.begin() as connection:
            statement = upsert(connection, copies).values(name=name, seq=seq)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"seq": statement.excluded.seq})
            )

    def _lines(self, statement: sa.Select[Any]) -> Sequence[Line]:
        with self._store.look() as connection:
            return [_line(row) for row in connection.execute(statement)]


def _line(row: sa.Row[Any]) -> Line:
    """Give a row as it was written; whether it still is what its hash says is for `audit verify` to find."""
    return Line(
        seq=row.seq, at=row.at, kind=row.kind, event=json.loads(row.event), prev=row.prev, digest=row.digest,
        hash=row.hash,
    )  # fmt: skip


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")
