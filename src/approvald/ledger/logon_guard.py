"""The rule that keeps us from locking our own accounts, counted in the ledger across all programs that share it.

Per account and version of its secret: one try at once, one after 15 minutes, one after 60 minutes, then only a new
version. A good log-on clears everything. One log-on per account is under way at a time, so that two programs cannot
both be the first to try. Its outcome is written down even if this program has lost its lease meanwhile.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from approvald.core.errors import AuthenticationFailed, System, Unavailable
from approvald.ledger import tables
from approvald.ledger.database import upsert
from approvald.ledger.process_identity import has_ended, this_program
from approvald.ledger.store import Store

PAUSES: Final = (timedelta(minutes=15), timedelta(minutes=60))
"""How long after the first and the second refused log-on the next try is allowed."""
MARGIN: Final = timedelta(seconds=5)
"""How much longer than its longest call a silent program keeps others from trying; less than a lease's margin."""
_IN_FLIGHT: Final = (
    "another approvald ({holder}) is logging on to {system} as {account} now; this one waits for the outcome"
)


class LedgerLogonGuard:
    """The port LogonGuard for one system's accounts. `holder` names this program.

    `longest_call`: how long the longest outside call can take.
    """

    def __init__(
        self, store: Store, system: System, *, longest_call: timedelta = timedelta(seconds=35),
        holder: str | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._system = system
        self._longest = longest_call + MARGIN
        self._holder = (holder or this_program())[:256]
        self._refused: set[tuple[str, str]] = set()
        """The log-ons that the ledger reported as refused when it was last asked."""
        self._unwritten: list[tuple[str, str]] = []
        """Refused log-ons that the ledger could not take yet; nothing is tried before it has them."""

    def claim(self, account: str, version: str) -> None:
        """Claim the one log-on of this account. Raises AuthenticationFailed when this version must not be tried now.

        Raises Unavailable while another program's log-on is under way. Tell the guard the outcome: `failed`,
        `succeeded` or `not_judged`.
        """
        failures, name, now = tables.logon_failures.c, self._name(account), self._store.clock.now()
        while self._unwritten:
            self._write(*self._unwritten[0])
            self._unwritten.pop(0)
        with self._store.begin() as connection:
            self._take(connection, account)
            row = connection.execute(
                sa.select(failures.failures, failures.last_at).where(
                    failures.account == name, failures.version == version
                )
            ).first()
            last_at = row.last_at if row is not None else now
            if last_at > now:  # the clock was wrong: the pause counts from now
                last_at = now
                mine = sa.and_(failures.account == name, failures.version == version)
                connection.execute(tables.logon_failures.update().where(mine).values(last_at=now))
            next_try = _next_try(row.failures, last_at) if row is not None else now
            if next_try is not None and now >= next_try:
                return
            self._release(connection, account)
        when = f"the next try is at {next_try:%H:%M} UTC" if next_try else "it is not tried again"
        message = (
            f"{self._system.value} has refused the password of {account} {row.failures if row else 0} times; {when}, "
            "so that the account is not locked. Set the right password in the secret store: approvald notices it."
        )
        raise AuthenticationFailed(self._system, message, account=account, next_try=next_try)

    def failed(self, account: str, version: str) -> datetime | None:
        """Write a refused log-on down. Returns when the next try is allowed (UTC), or None: never."""
        try:
            return self._write(account, version)
        except Unavailable:
            self._unwritten.append((account, version))
            raise

    def has_failed(self, account: str, version: str) -> bool:
        """Look whether this version was refused, and the account not taken since. Claims nothing.

        While the ledger is away, without which no program can try again, the last answer stands; at first, no.
        """
        failures = tables.logon_failures.c
        mine = sa.and_(failures.account == self._name(account), failures.version == version)
        try:
            with self._store.look() as connection:
                was_refused = connection.execute(sa.select(failures.failures).where(mine)).first() is not None
        except Unavailable:
            return (account, version) in self._refused
        if was_refused:
            self._refused.add((account, version))
        else:
            self._refused.discard((account, version))
        return was_refused

    def _write(self, account: str, version: str) -> datetime | None:
        """Count one refused log-on. Returns when the next try is allowed."""
        now, table = self._store.clock.now(), tables.logon_failures
        with self._store.note() as connection:
            statement = upsert(connection, table).values(
                account=self._name(account), version=version, failures=1, last_at=now
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["account", "version"], set_={"failures": table.c.failures + 1, "last_at": now}
                )
            )
            count = connection.scalar(
                sa.select(table.c.failures).where(table.c.account == self._name(account), table.c.version == version)
            )
            self._release(connection, account)
        return _next_try(int(count or 1), now)

    def succeeded(self, account: str, version: str) -> None:
        """Forget earlier failures of this account."""
        del version  # any good log-on clears the account
        failures = tables.logon_failures
        with self._store.note() as connection:
            connection.execute(failures.delete().where(failures.c.account == self._name(account)))
            self._release(connection, account)

    def not_judged(self, account: str) -> None:
        """Say that the system did not answer whether it takes the password: others may try.

        After a refusal it may have been another refusal, so the pause starts again; it never becomes the last try.
        """
        failures = tables.logon_failures
        count = sa.case((failures.c.failures < len(PAUSES), failures.c.failures + 1), else_=failures.c.failures)
        with self._store.note() as connection:
            connection.execute(
                failures.update()
                .where(failures.c.account == self._name(account))
                .values(failures=count, last_at=self._store.clock.now())
            )
            self._release(connection, account)

    def _take(self, connection: sa.Connection, account: str) -> None:
        claims, name, now = tables.logon_claims, self._name(account), self._store.clock.now()
        statement = upsert(connection, claims).values(account=name, holder=self._holder, until=now)
        # The update changes nothing: it locks a row that is there already, which another program may be taking away
        statement = statement.on_conflict_do_update(index_elements=["account"], set_={"account": name})
        connection.execute(statement)
        row = connection.execute(sa.select(claims).where(claims.c.account == name)).one()
        if row.holder != self._holder and row.until > now and not has_ended(row.holder):
            message = _IN_FLIGHT.format(holder=row.holder, system=self._system.value, account=account)
            raise Unavailable(self._system, message, retry_after_seconds=1.0)
        connection.execute(
            claims.update().where(claims.c.account == name).values(holder=self._holder, until=now + self._longest)
        )

    def _release(self, connection: sa.Connection, account: str) -> None:
        claims = tables.logon_claims
        mine = sa.and_(claims.c.account == self._name(account), claims.c.holder == self._holder)
        connection.execute(claims.delete().where(mine))

    def _name(self, account: str) -> str:
        return guarded_name(self._system, account)


def guarded_name(system: System, account: str) -> str:
    """Return the name by which the ledger counts the refused log-ons of an account."""
    return f"{system.value}:{account.casefold()}"


def _next_try(count: int, last_at: datetime) -> datetime | None:
    return last_at + PAUSES[count - 1] if count <= len(PAUSES) else None
