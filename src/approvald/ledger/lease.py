"""One program acts in a role at a time: a lease in the ledger, with a token that is higher at every change of hands.

The token is looked at in every transaction of its holder, so that a program which was stopped, and goes on after
another one has taken its place, writes nothing any more. `certain` is asked right before something is sent: then the
lease must still hold for as long as the longest call outside can take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from approvald.errors import LeaseLost
from approvald.holder import has_ended
from approvald.ledger import tables
from approvald.ledger.dialect import instant_now, upsert
from approvald.ledger.store import Store

MARGIN: Final = timedelta(seconds=10)
"""How much longer a lease is than the longest call outside."""
_LOST: Final = "another approvald ({holder}) has taken the role {role}; this one sends and writes nothing more"
_NOT_SURE: Final = "the lease of the role {role} was not renewed in time; nothing is sent until it is"


@dataclass(frozen=True, kw_only=True)
class Held:
    """Somebody else holds the lease. `left`: how long at least, if they do not renew it."""

    holder: str
    left: timedelta


class Lease:
    """The lease of one role for one program. `longest_call`: how long the longest call outside can take."""

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
        self._sure_until = 0.0

    @property
    def length(self) -> timedelta:
        """How long the lease holds without being renewed."""
        return self._longest_call + MARGIN

    @property
    def token(self) -> int | None:
        """The fencing token, None while this program does not hold the lease."""
        return self._token

    def take(self, *, alone: bool = False) -> Held | None:
        """Take the lease if nobody holds it. Returns who does, else None. Raises Unavailable (ledger).

        `alone`: something stronger already proves that no other program is left, as the lock of a ledger's file does.
        """
        asked, leases = self._monotonic(), tables.leases
        with self._store.begin() as connection:
            connection.execute(
                upsert(connection, leases)
                .values(role=self._role, holder="", token=0, since=_EPOCH, expires_at=_EPOCH)
                .on_conflict_do_nothing(index_elements=["role"])
            )
            row = connection.execute(sa.select(leases).where(leases.c.role == self._role).with_for_update()).one()
            now = _now(connection)
            if row.expires_at > now and not (alone or row.holder == self._holder or has_ended(row.holder)):
                return Held(holder=row.holder, left=row.expires_at - now)
            connection.execute(
                leases.update()
                .where(leases.c.role == self._role)
                .values(holder=self._holder, token=row.token + 1, since=now, expires_at=now + self.length)
            )
        self._token, self._sure_until = row.token + 1, asked + self.length.total_seconds()
        return None

    def renew(self) -> None:
        """Hold the lease for its whole length from now on. Raises LeaseLost, or Unavailable (ledger)."""
        asked, leases = self._monotonic(), tables.leases
        with self._store.begin() as connection:
            self.fence(connection)
            connection.execute(leases.update().where(self._is_mine()).values(expires_at=_now(connection) + self.length))
        self._sure_until = asked + self.length.total_seconds()

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
        leases = tables.leases.c
        row = connection.execute(
            sa.select(leases.holder, leases.token).where(leases.role == self._role).with_for_update(read=True)
        ).first()
        if row is None or self._token is None or row.token != self._token:
            raise LeaseLost(_LOST.format(holder=row.holder if row else "nobody", role=self._role))

    def certain(self) -> None:
        """Raise LeaseLost unless the lease is ours, and stays so until any call that begins now has ended."""
        if self._monotonic() + self._longest_call.total_seconds() > self._sure_until:
            self.renew()
        else:
            with self._store.begin() as connection:
                self.fence(connection)
        if self._monotonic() + self._longest_call.total_seconds() > self._sure_until:
            raise LeaseLost(_NOT_SURE.format(role=self._role))

    def _is_mine(self) -> sa.ColumnElement[bool]:
        return sa.and_(tables.leases.c.role == self._role, tables.leases.c.token == self._token)


_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def _now(connection: sa.Connection) -> datetime:
    """Return the time that all holders share: the database server's, or this host's where the ledger is a file."""
    microseconds = instant_now(connection)
    return datetime.now(UTC) if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def holder_of(store: Store, role: str) -> str:
    """Return who holds or last held a role, an empty text where nobody ever did."""
    leases = tables.leases.c
    with store.look() as connection:
        return str(connection.scalar(sa.select(leases.holder).where(leases.role == role)) or "")
