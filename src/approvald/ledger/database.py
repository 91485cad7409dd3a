"""The differences between SQLite and PostgreSQL: engine, beginning of a transaction, INSERT ... ON CONFLICT."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from approvald.config.files import read_secret

BUSY_SECONDS: Final = 10
"""How long a transaction waits for another one, of any program that shares the ledger."""
_POSTGRESQL: Final = {
    "connect_timeout": 5,
    # A host that is cut off, or a server that hangs, is noticed; a program that is stopped in the middle of a
    # transaction loses it, so that it cannot keep a successor from taking the lease.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    "application_name": "approvald",
    "options": (
        f"-c statement_timeout={BUSY_SECONDS}s -c lock_timeout={BUSY_SECONDS}s "
        f"-c idle_in_transaction_session_timeout={BUSY_SECONDS}s -c synchronous_commit=on -c timezone=UTC"
    ),
}
READ_ONLY: Final = "approvald_read_only"
"""The execution option of a connection that only reads."""


def engine_for(url: str, password_file: Path | None = None) -> sa.Engine:
    """Return an engine whose commits are on the disk when they return.

    `password_file` is read at each connection to PostgreSQL, so that a new password needs no restart.
    """
    if sa.make_url(url).get_backend_name() == "sqlite":
        made = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
        event.listen(made, "connect", _durable)
        event.listen(made, "begin", _begin)
        return made
    made = sa.create_engine(
        url, connect_args=dict(_POSTGRESQL), pool_pre_ping=True, isolation_level="READ COMMITTED", hide_parameters=True
    )
    if password_file is not None:

        @event.listens_for(made, "do_connect")
        def _with_password(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
            parameters["password"] = read_secret(password_file)

    return made


def _durable(connection: Any, _record: object) -> None:
    """Set a new SQLite connection: a write-ahead log, every commit on the disk, and no transaction of its own."""
    connection.isolation_level = None  # `_begin` begins them: the driver would do so at the first write only
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """Take SQLite's write lock at once, so that what a transaction has read is still so when it writes."""
    reads = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert:
    """Return an INSERT into the table that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "postgresql":
        # Both dialects' statements have these methods, with the same arguments and meaning.
        return postgresql.insert(table)  # type: ignore[return-value]
    return sqlite.insert(table)


def instant_now(connection: sa.Connection) -> int | None:
    """Return the database server's clock in microseconds since 1970 (UTC); None where it is this host's own."""
    if connection.dialect.name != "postgresql":
        return None
    return int(connection.scalar(sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")) or 0)


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC instant, kept as epoch microseconds so that every database orders it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - its form
        """Turn an aware instant into a number."""
        return None if value is None else int(value.timestamp() * 1_000_000)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - its form
        """Turn the number back into an aware UTC instant."""
        return None if value is None else datetime.fromtimestamp(int(value) / 1_000_000, UTC)
