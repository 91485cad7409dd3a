"""Brings a ledger to the tables of this version, and refuses one that is damaged or newer.

Alembic is loaded only where there is something to migrate.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from approvald.core.errors import LedgerUnusable
from approvald.core.logs.events import Event, event
from approvald.ledger import tables
from approvald.ledger.database import READ_ONLY

_LOG: Final = logging.getLogger(__name__)
NEWEST: Final = "1a"
"""The revision that `tables.py` describes; a test keeps the two in step."""
KNOWN: Final = (NEWEST,)
"""Revisions that can be brought to the newest one, and read as they are."""
_UNRELEASED: Final = ("0001", "0002", "0003", "0004")
"""Revisions from before the first release, which cannot be migrated."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x617070726F76616C
"""PostgreSQL's advisory lock under which one program migrates at a time."""
_NEWER: Final = (
    "The ledger was written by a newer approvald (its revision {found} is not known to this one). "
    "Nothing was changed. Install that version again, or restore the ledger from before it."
)
_DAMAGED: Final = (
    "The ledger is damaged ({what}), so it is unknown what was confirmed. Nothing was changed. Stop approvald, keep "
    "this file for the investigation, and restore the ledger from a backup; docs/operate.md says how."
)
_FOREIGN: Final = (
    "{name} is not a ledger of approvald: it holds other tables, or none. Nothing was changed. Let ledger.file or "
    "ledger.url name approvald's own; the daemon makes one where there is none."
)
_UNRELEASED_LEDGER: Final = (
    "The ledger was written by an approvald from before the first release (revision {found}), which this one cannot "
    "read. Nothing was changed. Let the old version finish its mails, stop it, move the ledger away, and start this "
    "version: it makes a new one."
)


def migrate(
    engine: sa.Engine, *, newest: str = NEWEST, known: tuple[str, ...] = KNOWN, scripts: Path = _MIGRATIONS
) -> None:
    """Bring the tables to the newest revision in one transaction. Raises LedgerUnusable."""
    with _whole(), engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        found = _revision(connection)
        if found == newest:
            return
        if found is None and engine.dialect.name == "sqlite" and sa.inspect(connection).get_table_names():
            raise LedgerUnusable(_FOREIGN.format(name=engine.url.database))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)
        if found == newest:
            return
        if found is not None:
            _refuse_unknown(found, known)
        _upgrade(connection, newest, scripts)
    event(_LOG, Event.LEDGER_MIGRATED, logging.INFO, version=newest)


def refuse_other(engine: sa.Engine) -> None:
    """See that this version can read the tables as they are. Raises LedgerUnusable."""
    with _whole(), engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        found = _revision(connection)
    if found is None:
        raise LedgerUnusable(_FOREIGN.format(name=engine.url.database))
    _refuse_unknown(found, KNOWN)


def _refuse_unknown(found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise LedgerUnusable((_UNRELEASED_LEDGER if found in _UNRELEASED else _NEWER).format(found=found))


def check(engine: sa.Engine) -> None:
    """See that an SQLite file is whole; PostgreSQL looks after its own files. Raises LedgerUnusable."""
    if engine.dialect.name != "sqlite":
        return
    with _whole(), engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        found = connection.scalar(sa.text("PRAGMA integrity_check(1)"))
    if found != "ok":
        raise LedgerUnusable(_DAMAGED.format(what="its integrity check failed"))


@contextmanager
def _whole() -> Iterator[None]:
    """Tell a file that is not, or is no longer, an SQLite database from one that cannot be read now."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        name = getattr(error.orig, "sqlite_errorname", "")
        if name not in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
            raise
        raise LedgerUnusable(_DAMAGED.format(what=name)) from error


def _revision(connection: sa.Connection) -> str | None:
    """Return the revision of this ledger, None of an empty one."""
    names = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in names:
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return str(found) if found is not None else None
    return _UNRELEASED[0] if tables.mails.name in names else None


def _upgrade(connection: sa.Connection, newest: str, scripts: Path) -> None:
    from alembic import command  # noqa: PLC0415 - loaded only where there is something to migrate
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, newest)
