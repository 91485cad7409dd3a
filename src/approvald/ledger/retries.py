"""The retries that operators ask for by a command, and that the daemon carries out at its next poll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from approvald.approval.endings import Code
from approvald.core.model import Folder
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.cases import is_called
from approvald.ledger.entries import Entry, read_entry
from approvald.ledger.store import Store

_WORDS: Final = 256


@dataclass(frozen=True, kw_only=True)
class Retry:
    """One retry: of `mail_id`, the ledger id of any attempt at a mail, or of a whole `folder`. Instants are UTC.

    `asked_by`: the operating system's user. `done_at`: None until the daemon has done it, or found that it cannot;
    `moved`: how many mails are tried again by that, and `why` not more, or what else is to be said.
    """

    id: int
    asked_by: str
    reason: str
    asked_at: datetime
    mail_id: str | None = None
    folder: Folder | None = None
    done_at: datetime | None = None
    moved: int = 0
    why: str = ""


class Retries:
    """The retries of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(self, what: str | Folder, *, by: str, reason: str) -> Retry:
        """Write down that a mail, named by its ledger id, or a folder is to be tried again."""
        wish = {"folder": what.value} if isinstance(what, Folder) else {"mail_id": what}
        values = {"asked_by": by[:_WORDS], "reason": reason[:_WORDS], "asked_at": self._store.clock.now()} | wish
        with self._store.begin() as connection:
            key = connection.execute(tables.retries.insert().values(**values)).inserted_primary_key
            content = {"asked_by": by[:_WORDS], "reason": reason[:_WORDS], "folder": wish.get("folder")}
            record(connection, self._store, AuditKind.RETRY, content, mail_id=wish.get("mail_id"))
        return self.get(int(key[0]) if key else 0)

    def get(self, retry_id: int) -> Retry:
        """Return a retry in its present state."""
        with self._store.look() as connection:
            return _retry(connection.execute(sa.select(tables.retries).where(tables.retries.c.id == retry_id)).one())

    def waiting(self) -> Sequence[Retry]:
        """Return the retries that are not done yet, oldest first."""
        rows = tables.retries
        with self._store.look() as connection:
            found = connection.execute(sa.select(rows).where(rows.c.done_at.is_(None)).order_by(rows.c.id)).all()
        return [_retry(row) for row in found]

    def done(self, retry: Retry, *, moved: int, why: str) -> None:
        """Write down what became of it."""
        rows, now = tables.retries, self._store.clock.now()
        with self._store.begin() as connection:
            connection.execute(
                rows.update().where(rows.c.id == retry.id).values(done_at=now, moved=moved, why=why[:_WORDS])
            )
            folder = retry.folder.value if retry.folder is not None else None
            content = {"moved": moved, "why": why[:_WORDS], "folder": folder}
            record(connection, self._store, AuditKind.RETRY, content, mail_id=retry.mail_id)

    def mails_called(self, name: str) -> Sequence[Entry]:
        """Return the mails that `name` may mean, each by its newest attempt, the latest mail last.

        `name`: a ledger id, a Message-ID, with or without its brackets, or PVWA's request id or its number. Copies of
        answered mails are meant by their ledger ids only.
        """
        mails = tables.mails.c
        with self._store.look() as connection:
            found = connection.execute(sa.select(tables.mails).where(mails.id == name)).all()
            if not found:
                called = sa.or_(
                    mails.message_id.in_([name, f"<{name}>"]),
                    mails.request_id.is_not(None) & is_called(mails.request_id, name),
                )
                no_copy = sa.or_(mails.code.is_(None), mails.code != Code.DUPLICATE.value)
                found = connection.execute(sa.select(tables.mails).where(called, no_copy)).all()
            firsts = {row.attempt_of or row.id for row in found}
            newest = [_newest_attempt(connection, first) for first in firsts]
        return sorted((entry for entry in newest if entry is not None), key=lambda entry: entry.seen_at)

    def newest_attempt(self, ledger_id: str) -> Entry | None:
        """Return the newest attempt at this entry's mail; None where there is no such entry."""
        mails = tables.mails.c
        with self._store.look() as connection:
            first = connection.scalar(
                sa.select(sa.func.coalesce(mails.attempt_of, mails.id)).where(mails.id == ledger_id)
            )
            return _newest_attempt(connection, first) if first is not None else None

    def filed_as(self, item_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the filed mails whose items these are, by their item ids."""
        mails = tables.mails.c
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.mails).where(mails.filed_item_id.in_(item_ids))).all()
        return {row.filed_item_id: read_entry(row) for row in rows}


def _newest_attempt(connection: sa.Connection, first: str) -> Entry | None:
    mails = tables.mails.c
    row = connection.execute(
        sa.select(tables.mails)
        .where(sa.or_(mails.id == first, mails.attempt_of == first))
        .where(sa.or_(mails.id == first, mails.code.is_(None), mails.code != Code.DUPLICATE.value))
        .order_by(mails.seen_at.desc(), mails.attempt_of.is_(None), mails.id)
        .limit(1)
    ).first()
    return read_entry(row) if row is not None else None


def _retry(row: sa.Row[Any]) -> Retry:
    return Retry(
        id=row.id,
        mail_id=row.mail_id,
        folder=Folder(row.folder) if row.folder else None,
        asked_by=row.asked_by,
        reason=row.reason,
        asked_at=row.asked_at,
        done_at=row.done_at,
        moved=row.moved or 0,
        why=row.why or "",
    )
