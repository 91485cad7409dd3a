"""The lease that lets one program at a time act in a role, with a token that grows at every change of hands.

The token is checked in every transaction of its holder, so that a program that was suspended, and resumes after
another one has taken its place, writes nothing more. `make_certain` is asked right before something is sent: then the
lease must, by the ledger's own clock, still hold for as long as the longest call outside can take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.errors import LeaseLost, LedgerAway
from approvald.ledger import tables
from approvald.ledger.database import instant_now, upsert
from approvald.ledger.process_identity import has_ended
from approvald.ledger.store import Store

MARGIN: Final = timedelta(seconds=10)
"""How much longer a lease is than the longest call outside."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LOST: Final = "another approvald ({holder}) has taken the role {role}; this one sends and writes nothing more"
_NOT_SURE: Final = "the lease of the role {role} was not renewed in time; nothing is sent until it is"


@dataclass(frozen=True, kw_only=True)
class HeldLease:
    """Another program's lease. `left`: how long it lasts at least, if it is not renewed."""

    holder: str
    left: timedelta


class Lease:
    """The lease of one role for one program. `longest_call`: how long the longest outside call can take."""

    def __init__(
        self, store: Store, role: str, holder: str, *, longest_call: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._store = store
        self._role = role
        self._holder = holder[:256]
        self._longest_call = longest_call
        self._monotonic = monotonic
        self._token: int | None = None

    @property
    def length(self) -> timedelta:
        """How long the lease holds without being renewed."""
        return self._longest_call + MARGIN

    @property
    def token(self) -> int | None:
        """The fencing token, None while this program does not hold the lease."""
        return self._token

    def take(self, *, alone: bool = False) -> HeldLease | None:
        """Take the lease if nobody holds it. Returns who does, else None. Raises Unavailable (ledger).

        `alone`: something stronger already proves that no other program is left, as the lock of a ledger's file does.
        """
        leases = tables.leases
        with self._store.look() as connection:  # a standby holds up nobody
            held = self._held(connection, sa.select(leases), alone=alone)
        if held is not None:
            return held
        with self._store.begin() as connection:
            connection.execute(
                upsert(connection, leases)
                .values(role=self._role, holder="", token=0, expires_at=_EPOCH)
                .on_conflict_do_nothing(index_elements=["role"])
            )
            held = self._held(connection, sa.select(leases).with_for_update(), alone=alone)
            if held is not None:
                return held
            now, mine = self._now(connection), leases.c.role == self._role
            connection.execute(
                leases.update()
                .where(mine)
                .values(holder=self._holder, token=leases.c.token + 1, expires_at=now + self.length)
            )
            token = connection.scalar(sa.select(leases.c.token).where(mine))
        self._token = token
        return None

    def renew(self) -> None:
        """Hold the lease for its whole length from now on. Raises LeaseLost, or Unavailable (ledger)."""
        with self._store.begin() as connection:
            # One statement: two renewals that first looked, and then wrote, would wait for each other
            renewed = connection.execute(
                tables.leases.update().where(self._is_mine()).values(expires_at=self._now(connection) + self.length)
            )
            if not renewed.rowcount:
                raise self._lost(connection)

    def release(self) -> None:
        """Give the lease back, so that the next one need not wait. Does nothing where it is lost."""
        if self._token is None:
            return
        leases = tables.leases
        with self._store.begin() as connection:
            connection.execute(leases.update().where(self._is_mine()).values(expires_at=_EPOCH))
        self._token = None

    def fence(self, connection: sa.Connection) -> None:
        """Raise LeaseLost unless this program holds the lease; until this transaction ends nobody can take it."""
        self._expires_at(connection)

    def make_certain(self) -> None:
        """See that the lease is ours, and stays so until any call that begins now has ended; renew it if need be.

        Raises LeaseLost if another program has it, Unavailable (ledger) if that cannot be known.
        """
        if not self._outlasts_a_call(self._left):
            self._renew_in_time()

    def _renew_in_time(self) -> None:
        def renewed() -> timedelta:
            self.renew()
            return self.length

        if not self._outlasts_a_call(renewed):
            raise LedgerAway(_NOT_SURE.format(role=self._role))

    def _outlasts_a_call(self, left: Callable[[], timedelta]) -> bool:
        """Whether what is left of the lease is enough. The time in which the ledger answered counts as gone."""
        asked = self._monotonic()
        remaining = left().total_seconds()
        return remaining - (self._monotonic() - asked) >= self._longest_call.total_seconds()

    def _left(self) -> timedelta:
        with self._store.begin() as connection:
            return self._expires_at(connection) - self._now(connection)

    def _held(self, connection: sa.Connection, rows: sa.Select[Any], *, alone: bool) -> HeldLease | None:
        """Return who else holds the lease."""
        row = connection.execute(rows.where(tables.leases.c.role == self._role)).first()
        now = self._now(connection)
        if row is None or row.expires_at <= now or alone or row.holder == self._holder or has_ended(row.holder):
            return None
        return HeldLease(holder=row.holder, left=row.expires_at - now)

    def _expires_at(self, connection: sa.Connection) -> datetime:
        """Return until when this program holds the lease, and keep everybody from taking it. Raises LeaseLost."""
        leases = tables.leases.c
        row = connection.execute(sa.select(leases.expires_at).where(self._is_mine()).with_for_update(read=True)).first()
        if row is None:
            raise self._lost(connection)
        until: datetime = row.expires_at
        return until

    def _lost(self, connection: sa.Connection) -> LeaseLost:
        leases = tables.leases.c
        holder = connection.scalar(sa.select(leases.holder).where(leases.role == self._role))
        return LeaseLost(_LOST.format(holder=holder or "nobody", role=self._role))

    def _now(self, connection: sa.Connection) -> datetime:
        """Return the time that all holders share: the database server's, or this host's where the ledger is a file."""
        microseconds = instant_now(connection)
        return self._store.clock.now() if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)

    def _is_mine(self) -> sa.ColumnElement[bool]:
        # The holder too: a ledger that was set back, as by a fail-over, may issue a token twice
        leases = tables.leases.c
        return sa.and_(leases.role == self._role, leases.token == self._token, leases.holder == self._holder)
