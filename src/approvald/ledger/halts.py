"""The kill switch and the pause: set and ended by operators, in any process, read right before each confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.store import Store


class HaltKind(StrEnum):
    """The kinds of halt: on hold mails are refused, during a pause they wait."""

    HOLD = "hold"
    PAUSE = "pause"


@dataclass(frozen=True, kw_only=True)
class Halt:
    """A halt that is in force. `set_by`: the operating system's user; `set_at`: UTC."""

    kind: HaltKind
    reason: str
    set_by: str
    set_at: datetime


class Halted(Exception):
    """The error while approvald is halted: nothing was written, and nothing may be sent."""

    def __init__(self, halt: Halt) -> None:
        self.halt = halt
        super().__init__(f"approvald is halted ({halt.kind})")


class Halts:
    """The halts of the ledger, at most one in force; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def in_force(self) -> Halt | None:
        """Return the halt that is in force now."""
        with self._store.look() as connection:
            return _in_force(connection)

    def set(self, kind: HaltKind, reason: str, by: str) -> Halt | None:
        """Halt. A hold takes a pause's place; otherwise a halt that is in force stays, and is returned."""
        halts, now = tables.halts, self._store.clock.now()
        with self._store.begin() as connection:
            found = _in_force(connection)
            if found is not None and (found.kind is kind or found.kind is HaltKind.HOLD):
                return found
            connection.execute(_end(now))
            connection.execute(halts.insert().values(kind=kind, reason=reason[:256], set_by=by[:256], set_at=now))
            record(connection, self._store, AuditKind.HALT, {"set": kind.value, "reason": reason[:256], "by": by[:256]})
        return None

    def end(self, by: str) -> Halt | None:
        """End the halt that is in force, and return it."""
        with self._store.begin() as connection:
            found = _in_force(connection)
            connection.execute(_end(self._store.clock.now()))
            if found is not None:
                record(connection, self._store, AuditKind.HALT, {"ended": found.kind.value, "by": by[:256]})
        return found

    def pauses(self) -> Sequence[tuple[datetime, datetime]]:
        """Return from when to when approvald was paused; a pause that is in force ends now."""
        halts, now = tables.halts.c, self._store.clock.now()
        with self._store.look() as connection:
            rows = connection.execute(sa.select(halts.set_at, halts.ended_at).where(halts.kind == HaltKind.PAUSE)).all()
        return [(row.set_at, row.ended_at or now) for row in rows]


def refuse_while_halted(connection: sa.Connection) -> None:
    """Raise Halted while a halt is in force. Asked after the first write of a transaction, nothing can come between."""
    halt = _in_force(connection)
    if halt is not None:
        raise Halted(halt)


def _in_force(connection: sa.Connection) -> Halt | None:
    row = connection.execute(sa.select(tables.halts).where(tables.halts.c.ended_at.is_(None))).first()
    return _halt(row) if row is not None else None


def _end(now: datetime) -> sa.Update:
    return tables.halts.update().where(tables.halts.c.ended_at.is_(None)).values(ended_at=now)


def _halt(row: sa.Row[Any]) -> Halt:
    return Halt(kind=HaltKind(row.kind), reason=row.reason, set_by=row.set_by, set_at=row.set_at)
