"""Who forwards faster than people do, mail by mail, and who is barred for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.dialect import upsert
from approvald.ledger.store import Store

_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Barred:
    """An approver who may not approve by mail. `guid` is the person's objectGUID; instants are UTC."""

    guid: str
    address: str
    barred_at: datetime


class Haste:
    """The approvers' haste in the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, ledger_id: str, guid: str, *, fast: bool) -> tuple[int, bool]:
        """Write down how one mail came; return how many fast ones in a row there are now, and whether it is new.

        A mail that waits is handled many times and counted once.
        """
        table, now = tables.haste, self._store.clock.now()
        with self._store.begin() as connection:
            connection.execute(table.delete().where(table.c.at < now - _KEPT))
            made = connection.execute(
                upsert(connection, table)
                .values(ledger_id=ledger_id, guid=guid, at=now, fast=fast)
                .on_conflict_do_nothing(index_elements=["ledger_id"])
                .returning(table.c.id)
            ).first()
            slow = sa.select(sa.func.max(table.c.id)).where(table.c.guid == guid, table.c.fast.is_(False))
            last_slow = int(connection.scalar(slow) or 0)
            run = sa.select(sa.func.count()).where(table.c.guid == guid, table.c.fast.is_(True), table.c.id > last_slow)
            return int(connection.scalar(run) or 0), made is not None

    def bar(self, guid: str, address: str) -> bool:
        """Bar an approver. Returns False where they are barred already."""
        if self.is_barred(guid):
            return False
        with self._store.begin() as connection:
            row = {"guid": guid, "address": address.casefold()[:320], "barred_at": self._store.clock.now()}
            connection.execute(tables.barred.insert().values(**row))
            record(connection, self._store, AuditKind.APPROVER, {"barred": row["address"], "guid": guid})
        return True

    def is_barred(self, guid: str) -> bool:
        """Whether this person is barred now."""
        return any(each.guid == guid for each in self.barred())

    def barred(self) -> Sequence[Barred]:
        """Return everybody who is barred now, the longest first."""
        table = tables.barred
        with self._store.look() as connection:
            rows = connection.execute(
                sa.select(table).where(table.c.released_at.is_(None)).order_by(table.c.barred_at)
            ).all()
        return [Barred(guid=row.guid, address=row.address, barred_at=row.barred_at) for row in rows]

    def release(self, approver: Barred, reason: str, by: str) -> None:
        """Let an approver approve again, and forget how fast they were. The bar itself stays on record."""
        now, table = self._store.clock.now(), tables.barred
        with self._store.begin() as connection:
            connection.execute(
                table.update()
                .where(table.c.guid == approver.guid, table.c.released_at.is_(None))
                .values(released_at=now, reason=reason[:256])
            )
            connection.execute(tables.haste.update().where(tables.haste.c.guid == approver.guid).values(fast=False))
            content = {"released": approver.address, "guid": approver.guid, "reason": reason[:256], "by": by[:256]}
            record(connection, self._store, AuditKind.APPROVER, content)
