"""The rule that keeps us from locking our own accounts, counted in the ledger over all programs that share it.

Per account and version of its secret: one try at once, one after 15 minutes, one after 60 minutes, then only a new
version. A good log-on forgets everything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from approvald.errors import AuthenticationFailed, System
from approvald.ledger import tables
from approvald.ledger.store import Store

PAUSES: Final = (timedelta(minutes=15), timedelta(minutes=60))
"""How long after the first and the second refused log-on the next try is allowed."""


class LedgerLogonGuard:
    """The port LogonGuard for one system's accounts."""

    def __init__(self, store: Store, system: System) -> None:
        self._store = store
        self._system = system

    def may_try(self, account: str, version: str) -> None:
        """Raise AuthenticationFailed when this version of the secret must not be tried now."""
        failures = tables.logon_failures.c
        with self._store.begin() as connection:
            row = connection.execute(
                sa.select(failures.failures, failures.last_at).where(
                    failures.account == self._name(account), failures.version == version
                )
            ).first()
        if row is None:
            return
        next_try = _next_try(row.failures, row.last_at)
        if next_try is not None and self._store.clock.now() >= next_try:
            return
        when = f"the next try is at {next_try:%H:%M} UTC" if next_try else "it is not tried again"
        message = (
            f"{self._system.value} has refused the password of {account} {row.failures} times; {when}, "
            "so that the account is not locked. Set the right password in the secret store: that is noticed by itself."
        )
        raise AuthenticationFailed(self._system, message, account=account, next_try=next_try)

    def failed(self, account: str, version: str) -> datetime | None:
        """Write a refused log-on down. Returns when the next try is allowed (UTC), or None: never."""
        now = self._store.clock.now()
        table = tables.logon_failures
        statement = insert(table).values(account=self._name(account), version=version, failures=1, last_at=now)
        with self._store.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["account", "version"], set_={"failures": table.c.failures + 1, "last_at": now}
                )
            )
            count = connection.scalar(
                sa.select(table.c.failures).where(table.c.account == self._name(account), table.c.version == version)
            )
        return _next_try(int(count or 1), now)

    def succeeded(self, account: str, version: str) -> None:
        """Forget earlier failures of this account."""
        del version  # any good log-on clears the account
        with self._store.begin() as connection:
            connection.execute(
                tables.logon_failures.delete().where(tables.logon_failures.c.account == self._name(account))
            )

    def _name(self, account: str) -> str:
        return f"{self._system.value}:{account.casefold()}"


def _next_try(count: int, last_at: datetime) -> datetime | None:
    return last_at + PAUSES[count - 1] if count <= len(PAUSES) else None
