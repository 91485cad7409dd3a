"""Outages of the outside systems while they last: a restart neither forgets nor repeats one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.errors import System
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.database import upsert
from approvald.ledger.entries import State
from approvald.ledger.logon_guard import guarded_name
from approvald.ledger.store import Store

_KIND: Final = "refused_account"


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One outage. `since`: its first failure, `last_at`: the newest one; `told_at`: when the team was told. UTC."""

    system: System
    since: datetime
    last_at: datetime
    failures: int
    cause: str
    told_at: datetime | None = None


class OutageBook:
    """The outages of the ledger, one per system; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lasting(self) -> Mapping[System, Outage]:
        """Return the outages that are not over."""
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.outages)).all()
        return {outage.system: outage for outage in map(_outage, rows)}

    def failed(self, system: System, cause: str) -> Outage:
        """Write one failure down; the first one begins an outage. Returns it."""
        rows, now = tables.outages, self._store.clock.now()
        with self._store.begin() as connection:
            begun = connection.execute(
                upsert(connection, rows)
                .values(system=system, since=now, last_at=now, failures=0, cause=cause[:256])
                .on_conflict_do_nothing(index_elements=["system"])
                .returning(rows.c.system)
            ).first()
            connection.execute(
                rows.update()
                .where(rows.c.system == system)
                .values(last_at=now, failures=rows.c.failures + 1, cause=cause[:256])
            )
            if begun is not None:
                content = {"system": system.value, "state": "away", "cause": cause[:256]}
                record(connection, self._store, AuditKind.OUTAGE, content)
            return _outage(connection.execute(sa.select(rows).where(rows.c.system == system)).one())

    def told(self, system: System) -> None:
        """Write down that the team is told of this outage."""
        rows = tables.outages
        with self._store.begin() as connection:
            connection.execute(rows.update().where(rows.c.system == system).values(told_at=self._store.clock.now()))

    def over(self, outage: Outage) -> None:
        """End an outage."""
        rows = tables.outages
        with self._store.begin() as connection:
            ended = connection.execute(rows.delete().where(rows.c.system == outage.system)).rowcount
            if ended:
                content = {
                    "system": outage.system.value,
                    "state": "back",
                    "since": outage.since.isoformat(),
                    "failures": outage.failures,
                }
                record(connection, self._store, AuditKind.OUTAGE, content)

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


def _outage(row: sa.Row[Any]) -> Outage:
    return Outage(
        system=System(row.system), since=row.since, last_at=row.last_at, failures=row.failures, cause=row.cause,
        told_at=row.told_at,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RefusedAccount:
    """One account that is not accepted. `since`: when that was first noticed (UTC)."""

    system: System
    account: str
    since: datetime

    @property
    def key(self) -> tuple[System, str]:
        """The key that tells accounts apart."""
        return self.system, self.account.casefold()


class RefusedAccounts:
    """The refused accounts of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lasting(self) -> Sequence[RefusedAccount]:
        """Return those that are not accepted again."""
        return [_read(value) for value in self._store.recall(_KIND).values()]

    def refused(self, system: System, account: str) -> RefusedAccount:
        """Write down that the account is refused, if that is new. Returns since when it has been."""
        names, name = tables.names, guarded_name(system, account)[:256]
        made = RefusedAccount(system=system, account=account, since=self._store.clock.now())
        with self._store.begin() as connection:
            known = connection.scalar(sa.select(names.c.value).where(names.c.kind == _KIND, names.c.name == name))
            if known is not None:
                return _read(known)
            connection.execute(names.insert().values(kind=_KIND, name=name, value=_text(made)))
            record(connection, self._store, AuditKind.OUTAGE, _event(made, "refused"))
        return made

    def is_held_back(self, refused: RefusedAccount) -> bool:
        """Whether the log-on guard still remembers a refusal, which a good log-on of any program makes it forget."""
        failures = tables.logon_failures.c
        with self._store.look() as connection:
            found = sa.select(sa.func.count()).where(failures.account == guarded_name(refused.system, refused.account))
            return bool(connection.scalar(found))

    def over(self, refused: RefusedAccount) -> None:
        """Write down that the account is accepted again."""
        names = tables.names
        name = guarded_name(refused.system, refused.account)[:256]
        with self._store.begin() as connection:
            ended = connection.execute(names.delete().where(names.c.kind == _KIND, names.c.name == name)).rowcount
            if ended:
                record(connection, self._store, AuditKind.OUTAGE, _event(refused, "accepted"))


def _event(refused: RefusedAccount, state: str) -> dict[str, object]:
    since = refused.since.isoformat()
    return {"system": refused.system.value, "account": refused.account, "state": state, "since": since}


def _text(refused: RefusedAccount) -> str:
    return json.dumps([refused.system.value, refused.account, refused.since.isoformat()])


def _read(value: str) -> RefusedAccount:
    system, account, since = json.loads(value)
    return RefusedAccount(system=System(system), account=account, since=datetime.fromisoformat(since))
