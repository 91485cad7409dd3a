"""The ledger's file: opened durably, one transaction at a time, and small facts kept by name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite import insert

from approvald.errors import System, Unavailable
from approvald.ledger import tables
from approvald.ports import Clock


class Store:
    """One database. Thread safe. Implements the port Names."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self._engine = _engine(url)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Run one transaction. Raises Unavailable (System.LEDGER) when the database does not do its work."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            cause = type(getattr(error, "orig", None) or error).__name__
            message = f"the ledger could not be written or read ({cause}); nothing is confirmed until it can"
            raise Unavailable(System.LEDGER, message) from error

    def open(self) -> None:
        """Make the tables that are missing."""
        with self.begin() as connection:
            tables.metadata.create_all(connection)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def recall(self, kind: str) -> Mapping[str, str]:
        """Return everything remembered of that kind (port Names)."""
        names = tables.names.c
        with self.begin() as connection:
            found = connection.execute(sa.select(names.name, names.value).where(names.kind == kind)).all()
        return {row.name: row.value for row in found}

    def remember(self, kind: str, name: str, value: str) -> None:
        """Keep one fact durably (port Names)."""
        statement = insert(tables.names).values(kind=kind, name=name, value=value)
        with self.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["kind", "name"], set_={"value": statement.excluded.value}
                )
            )

    def version_key(self) -> bytes:
        """Return this ledger's own key, made once: programs that share the ledger tell versions of secrets apart."""
        with self.begin() as connection:
            connection.execute(
                insert(tables.names)
                .values(kind="install", name="version_key", value=secrets.token_hex(32))
                .on_conflict_do_nothing(index_elements=["kind", "name"])
            )
        return bytes.fromhex(self.recall("install")["version_key"])


def _engine(url: str) -> sa.Engine:
    """Return an engine whose SQLite files survive a power cut: WAL, and every commit on the disk."""
    made = sa.create_engine(url, connect_args={"timeout": 10} if url.startswith("sqlite") else {})
    if made.dialect.name == "sqlite":

        @event.listens_for(made, "connect")
        def _durable(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    return made
