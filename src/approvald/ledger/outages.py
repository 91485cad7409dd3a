"""Outages while they last, of systems and of our accounts at them: a restart neither forgets nor repeats one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from approvald.core.errors import System
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.database import upsert
from approvald.ledger.entries import State
from approvald.ledger.logon_guard import guarded_name
from approvald.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A system that does not do its work or, where `account` is given, does not accept that account of ours.

    `since`: the first failure (UTC). `is_told`: whether the team was told.
    """

    system: System
    since: datetime
    failures: int
    cause: str
    account: str = ""
    is_told: bool = False

    @property
    def key(self) -> tuple[System, str]:
        """The key that tells outages apart."""
        return self.system, self.account


class OutageBook:
    """The outages of the ledger, one per system and account; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lasting(self) -> Mapping[tuple[System, str], Outage]:
        """Return the outages that are not over, by their keys."""
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.outages)).all()
        return {outage.key: outage for outage in map(_outage, rows)}

    def failed(self, system: System, cause: str, *, account: str = "") -> Outage:
        """Write one failure down; the first one begins an outage. Returns it."""
        rows = tables.outages
        with self._store.begin() as connection:
            first = upsert(connection, rows).values(
                system=system, account=account, since=self._store.clock.now(), failures=1, cause=cause, is_told=False
            )
            again = {"failures": rows.c.failures + 1, "cause": first.excluded.cause}
            statement = first.on_conflict_do_update(index_elements=["system", "account"], set_=again)
            outage = _outage(connection.execute(statement.returning(rows)).one())
            if outage.failures == 1:
                self._record(connection, outage, "refused" if account else "away")
        return outage

    def told(self, outage: Outage) -> None:
        """Write down that the team is told of this outage."""
        with self._store.begin() as connection:
            connection.execute(tables.outages.update().where(_is(outage)).values(is_told=True))

    def over(self, outage: Outage) -> None:
        """End an outage."""
        with self._store.begin() as connection:
            if connection.execute(tables.outages.delete().where(_is(outage))).rowcount:
                self._record(connection, outage, "accepted" if outage.account else "back")

    def is_held_back(self, outage: Outage) -> bool:
        """Whether the log-on guard still remembers a refusal, which a good log-on of any program makes it forget."""
        failures = tables.logon_failures.c
        with self._store.look() as connection:
            found = sa.select(sa.func.count()).where(failures.account == guarded_name(*outage.key))
            return bool(connection.scalar(found))

    def began_to_wait(self, since: datetime, until: datetime) -> int:
        """Return how many mails began to wait between these instants (UTC)."""
        mails = tables.mails.c
        with self._store.look() as connection:
            statement = sa.select(sa.func.count()).where(mails.waiting_since >= since, mails.waiting_since <= until)
            return int(connection.scalar(statement) or 0)

    def wake(self, system: System) -> int:
        """Make every mail due that waited for this system. Returns how many."""
        mails = tables.mails
        with self._store.begin() as connection:
            return connection.execute(
                mails.update()
                .where(mails.c.waits_for == system, mails.c.state != State.FILED, mails.c.ended_at.is_(None))
                .values(retry_at=self._store.clock.now(), waits_for=None)
            ).rowcount

    def _record(self, connection: sa.Connection, outage: Outage, state: str) -> None:
        content = {
            "system": outage.system.value, "account": outage.account or None, "state": state,
            "since": outage.since.isoformat(), "failures": outage.failures, "cause": outage.cause,
        }  # fmt: skip
        record(connection, self._store, AuditKind.OUTAGE, content)


def _is(outage: Outage) -> sa.ColumnElement[bool]:
    rows = tables.outages.c
    return sa.and_(rows.system == outage.system, rows.account == outage.account)


def _outage(row: sa.Row[Any]) -> Outage:
    return Outage(
        system=System(row.system), account=row.account, since=row.since, failures=row.failures, cause=row.cause,
        is_told=row.is_told,
    )  # fmt: skip
