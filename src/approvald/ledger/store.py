"""The ledger's database: opened durably, one transaction at a time, with small facts kept by name."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from approvald.config.files import SecretFileRefused
from approvald.config.settings import LedgerSettings
from approvald.core.errors import LedgerAway
from approvald.core.ports import Clock
from approvald.ledger import schema, tables
from approvald.ledger.database import READ_ONLY, engine_for, upsert

_CAUSES: Final = {
    "SQLITE_FULL": ("has no room left on its disk", "Make room there."),
    "SQLITE_READONLY": (
        "may not be written",
        "Let approvald write its file and folder, and check that its disk can be written.",
    ),
    "SQLITE_BUSY": ("is held by another program", "If this lasts, end whatever else has it open."),
    "SQLITE_LOCKED": ("is held by another program", "If this lasts, end whatever else has it open."),
    "SQLITE_CORRUPT": ("is damaged", "Stop approvald and restore it; docs/operate.md says how."),
    "SQLITE_NOTADB": ("is damaged", "Stop approvald and restore it; docs/operate.md says how."),
    "SQLITE_CANTOPEN": (
        "cannot be opened",
        "Check ledger.file, its folder, their rights, and whether its disk can be written.",
    ),
    "SQLITE_IOERR": ("cannot be read or written on its disk", "Check whether that is full or failing."),
    "DiskFull": ("has no room left on its server's disk", "Make room there."),
    "ReadOnlySqlTransaction": (
        "may not be written",
        "Let ledger.url name the server that accepts writes.",
    ),
    "OperationalError": ("has a database that does not answer", "Check the server in ledger.url."),
}
"""What is wrong and what helps, by the beginning of the cause's name: SQLite's, or psycopg's class."""
_OTHERWISE: Final = ("could not be written or read", "Check its database.")
Fence = Callable[[sa.Connection], None]


class Store:
    """One database. Thread safe. Implements the port Names.

    `url`: SQLAlchemy's, of SQLite or PostgreSQL (psycopg), without a password, which is in `password_file`.
    """

    def __init__(self, url: str, clock: Clock, *, password_file: Path | None = None) -> None:
        self.clock = clock
        self._engine = engine_for(url, password_file)
        self._fence: Fence | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other hosts can use this ledger."""
        return self._engine.dialect.name == "postgresql"

    def fence(self, check: Fence | None) -> None:
        """Begin every transaction from now on with `check`, which raises where this program may write no more."""
        self._fence = check

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Run one transaction. Raises LedgerAway when the database does not do its work.

        Where there is a fence, it is asked first, and raises LeaseLost.
        """
        with self.note() as connection:
            if self._fence is not None:
                self._fence(connection)
            yield connection

    @contextmanager
    def note(self) -> Iterator[sa.Connection]:
        """Run one transaction without asking the fence, to record what has happened outside and others must know.

        It never changes how far a mail or a confirmation has come. Raises as `begin` does.
        """
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """Read. Works beside a writer, and where the file cannot be written. Raises LedgerAway."""
        with _translated(), self._engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            yield connection

    def open(self) -> None:
        """Bring the tables to this version of approvald, and check that the database is whole.

        Raises Unavailable when it cannot be used now, LedgerUnusable when it never can.
        """
        with _translated():
            schema.check(self._engine)
            schema.migrate(self._engine)

    def join(self) -> None:
        """Bring the tables to this version, beside a daemon that has checked the database at its start.

        Raises as `open` does.
        """
        with _translated():
            schema.migrate(self._engine)

    def peek(self) -> None:
        """See that the ledger can be read by this version. Writes nothing. Raises as `open` does."""
        with _translated():
            schema.refuse_other(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def recall(self, kind: str) -> Mapping[str, str]:
        """Return everything remembered of that kind (port Names)."""
        names = tables.names.c
        with self.look() as connection:
            found = connection.execute(sa.select(names.name, names.value).where(names.kind == kind)).all()
        return {row.name: row.value for row in found}

    def remember(self, kind: str, name: str, value: str) -> None:
        """Keep one fact durably (port Names)."""
        with self.begin() as connection:
            statement = upsert(connection, tables.names).values(kind=kind, name=name, value=value)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["kind", "name"], set_={"value": statement.excluded.value}
                )
            )

    def version_key(self) -> bytes:
        """Return this ledger's own key, made once: programs that share the ledger tell versions of secrets apart."""
        known = self.recall("install").get("version_key")
        if known is None:
            with self.begin() as connection:
                connection.execute(
                    upsert(connection, tables.names)
                    .values(kind="install", name="version_key", value=secrets.token_hex(32))
                    .on_conflict_do_nothing(index_elements=["kind", "name"])
                )
            known = self.recall("install")["version_key"]
        return bytes.fromhex(known)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise LedgerAway(_words(error)) from error
    except SecretFileRefused as refused:
        message = f"the ledger's password cannot be read, and nothing is confirmed until it can: {refused}"
        raise LedgerAway(message) from refused


def _words(error: sa.exc.SQLAlchemyError) -> str:
    """Return what is wrong with the ledger, and what to do about it."""
    original = getattr(error, "orig", None) or error
    cause = getattr(original, "sqlite_errorname", None) or type(original).__name__
    what, remedy = next((said for name, said in _CAUSES.items() if cause.startswith(name)), _OTHERWISE)
    return f"the ledger {what} ({cause}); nothing is confirmed until it can be written. {remedy}"


def store_for(settings: LedgerSettings, clock: Clock) -> Store:
    """Return the ledger of these settings, not opened yet: the shared one of `url`, else the file."""
    url = settings.url or f"sqlite:///{settings.file}"
    return Store(url, clock, password_file=settings.password_file if settings.url else None)


def where(settings: LedgerSettings) -> str:
    """Name the ledger in a sentence for people."""
    return settings.url or str(settings.file)
