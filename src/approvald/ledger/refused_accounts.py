"""Our accounts that a system does not accept, as they last: a restart neither forgets nor repeats one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from approvald.core.errors import System
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.logon_guard import guarded_name
from approvald.ledger.store import Store

_KIND: Final = "refused_account"


@dataclass(frozen=True, kw_only=True)
class RefusedAccount:
    """One account that is not accepted. `since`: when that was first noticed (UTC)."""

    system: System
    account: str
    since: datetime

    @property
    def key(self) -> tuple[System, str]:
        """What tells accounts apart."""
        return self.system, self.account.casefold()


class RefusedAccounts:
    """The refused accounts of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lasting(self) -> Sequence[RefusedAccount]:
        """Return those that are not accepted again."""
        return [_read(value) for value in self._store.recall(_KIND).values()]

    def refused(self, system: System, account: str) -> RefusedAccount:
        """Write down that the account is refused, if that is new. Returns since when it is."""
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
