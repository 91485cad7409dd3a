"""Records how far each mail has come. A row is written before the act that it records."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from approvald.approval.endings import Code, Ending, treatment
from approvald.core.model import Folder, ListedMail
from approvald.core.ports import Clock
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.chain import canonical
from approvald.ledger.database import Instant, upsert
from approvald.ledger.entries import Entry, State, read_entry
from approvald.ledger.store import Store

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH: Final = 12


class Mails:
    """The mails of the ledger; every method is one transaction."""

    @property
    def clock(self) -> Clock:
        """The ledger's clock."""
        return self._store.clock

    def __init__(self, store: Store) -> None:
        self._store = store

    def seen(self, listed: ListedMail) -> Entry:
        """Return the entry of this item, made now if it is new."""
        with self._store.begin() as connection:
            connection.execute(
                upsert(connection, tables.mails)
                .values(
                    id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
                    item_id=listed.item_id,
                    received=listed.received,
                    seen_at=self._store.clock.now(),
                    state=State.SEEN,
                )
                .on_conflict_do_nothing(index_elements=["item_id"])
            )
            row = connection.execute(sa.select(tables.mails).where(tables.mails.c.item_id == listed.item_id)).one()
        return read_entry(row)

    def entries(self, item_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries there are, by item id."""
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.mails).where(tables.mails.c.item_id.in_(item_ids))).all()
        return {row.item_id: read_entry(row) for row in rows}

    def filed_before(self, entry: Entry) -> Sequence[Entry]:
        """Return the filed mails of which this item may be a further attempt, the earliest first."""
        mails = tables.mails.c
        statement = (
            sa.select(tables.mails)
            .where(*_of_same_message(entry), mails.received == entry.received, mails.filed_at.is_not(None))
            .order_by(mails.seen_at, mails.id)
        )
        with self._store.look() as connection:
            return [read_entry(row) for row in connection.execute(statement)]

    def identified(self, entry: Entry) -> None:
        """Write down what the fetched mail says about itself, and of which mail it is a further attempt."""
        self._update(entry.id, message_id=entry.message_id, sender=entry.sender, attempt_of=entry.attempt_of)

    def sender_proven(self, ledger_id: str, address: str, proof: str) -> None:
        """Write down the address of a proven sender, who is told when the mail has to wait."""
        self._update(ledger_id, reply_to=address, proof=proof)

    def is_copy(self, entry: Entry) -> bool:
        """Whether this item is a copy of a mail that is under way or was answered, and no further attempt at it.

        It is one beside another item of the same mail that had not left the Inbox when this one was first seen there
        and, unless this is a further attempt, beside any answered mail. An item that was taken out of the Inbox
        undecided does not count, and is filed when that is certain. Only mails of proven senders count, so that nobody
        silences another person's mail.
        """
        mails = tables.mails.c
        left_later = sa.and_(mails.filed_at > entry.seen_at, mails.ended_at.is_not(None))
        not_left = sa.or_(mails.filed_at.is_(None), left_later)
        beside = sa.and_(mails.received == entry.received, not_left)
        which = beside if entry.attempt_of else sa.or_(beside, mails.ended_at.is_not(None))
        return self._is_any(*_of_same_message(entry), mails.reply_to != "", which)

    def is_in_flight(self, entry: Entry) -> bool:
        """Whether another item of this mail has sent a confirmation, and what became of it is not settled."""
        mails = tables.mails.c
        return self._is_any(*_of_same_message(entry), mails.received == entry.received, mails.state == State.CONFIRMING)

    def ended_by(self, sender: str, codes: Collection[Code], *, within: timedelta, besides: str) -> int:
        """Return how many mails of this sender ended with one of the codes within that span.

        `besides`: ledger id of the first attempt at the mail that is left out. Further attempts are not counted.
        """
        mails, since = tables.mails.c, self._store.clock.now() - within
        mail = sa.func.coalesce(mails.attempt_of, mails.id)
        with self._store.look() as connection:
            statement = (
                sa.select(sa.func.count(mail.distinct()))
                .where(mails.sender == sender[:320], mails.code.in_([code.value for code in codes]))
                .where(mails.ended_at > since, mail != besides)
            )
            return int(connection.scalar(statement) or 0)

    def decided(self, ledger_id: str, decision: Mapping[str, object], *, request_id: str) -> None:
        """Write a decision down, with its facts. The same one again, of a mail that waits, is not written twice.

        A mail whose confirmation may have been sent stays one.
        """
        mails = tables.mails
        digest = hashlib.sha256(canonical(decision)).hexdigest()
        with self._store.begin() as connection:
            changed = connection.execute(
                mails.update()
                .where(mails.c.id == ledger_id, sa.func.coalesce(mails.c.decision, "") != digest)
                .values(
                    state=sa.case((mails.c.state == State.SEEN, State.DECIDED), else_=mails.c.state), decision=digest
                )
            )
            if changed.rowcount:
                record(connection, self._store, AuditKind.DECISION, decision, mail_id=ledger_id, request_id=request_id)

    def ended(self, ledger_id: str, ending: Ending, *, reply_to: str, told: Mapping[str, object] | None = None) -> None:
        """Write the outcome down. `reply_to` is empty where nobody is answered.

        `told`: what else the audit trail says, about the mail and its sender.
        """
        values = {"state": State.OUTCOME, "ending": ending.to_json(), "code": ending.code.value, "reply_to": reply_to}
        with self._store.begin() as connection:
            connection.execute(
                tables.mails.update()
                .where(tables.mails.c.id == ledger_id)
                .values(**values, request_id=ending.request_id, ended_at=self._store.clock.now())
            )
            content = {**_said(ending), "reply_to": reply_to, **(told or {})}
            record(
                connection, self._store, _kind(ending.code), content, mail_id=ledger_id, request_id=ending.request_id
            )

    def replying(self, ledger_ids: Sequence[str]) -> None:
        """Write down that replies are about to be sent."""
        self._update(*ledger_ids, state=State.REPLYING, replying_since=self._store.clock.now())

    def replied(self, ledger_ids: Sequence[str]) -> None:
        """Write down that replies were sent, or that there was none to send."""
        mails = tables.mails
        which = mails.c.id.in_(ledger_ids)
        with self._store.begin() as connection:
            rows = connection.execute(
                sa.select(mails.c.id, mails.c.reply_to, mails.c.request_id, mails.c.code).where(
                    which, mails.c.reply_to != "", mails.c.state != State.REPLIED
                )
            ).all()
            connection.execute(mails.update().where(which).values(state=State.REPLIED))
            for row in rows:
                content = {"to": row.reply_to, "code": row.code, "marker": f"{row.id}.final"}
                record(connection, self._store, AuditKind.REPLY, content, mail_id=row.id, request_id=row.request_id)

    def filed(self, new_ids: Mapping[str, str]) -> None:
        """Write down that mails left the Inbox, with their new item ids by ledger id; empty where there is none."""
        mails, now = tables.mails, self._store.clock.now()
        with self._store.begin() as connection:
            for ledger_id, item_id in new_ids.items():
                values = {"state": State.FILED, "filed_at": now, "filed_item_id": item_id}
                connection.execute(mails.update().where(mails.c.id == ledger_id).values(**values))

    def unfiled(self) -> Sequence[Entry]:
        """Return every entry that is not filed."""
        with self._store.look() as connection:
            rows = connection.execute(sa.select(tables.mails).where(tables.mails.c.state != State.FILED)).all()
        return [read_entry(row) for row in rows]

    def due_now(self, ledger_id: str) -> None:
        """Make a waiting mail due at once."""
        self._update(ledger_id, retry_at=self._store.clock.now())

    def waits(self, ledger_id: str, *, cause: str, system: str, retry_at: datetime) -> Entry:
        """Write down that the mail waits, why and for which system, and when it will be tried again.

        `system` is empty where it waits for none. Returns the entry as it is now.
        """
        mails = tables.mails
        with self._store.begin() as connection:
            connection.execute(
                mails.update()
                .where(mails.c.id == ledger_id)
                .values(
                    waiting_since=sa.func.coalesce(
                        mails.c.waiting_since, sa.literal(self._store.clock.now(), Instant())
                    ),
                    retry_at=retry_at,
                    waits_for=system or None,
                    cause=cause[:256],
                    tries=mails.c.tries + 1,
                )
            )
            return read_entry(connection.execute(sa.select(mails).where(mails.c.id == ledger_id)).one())

    def told_waiting(self, ledger_id: str) -> None:
        """Write down that the sender is being told that nothing is decided yet."""
        self._update(ledger_id, told_waiting=True)

    def not_told(self, ledger_ids: Sequence[str]) -> None:
        """Write down that these senders were not told after all."""
        self._update(*ledger_ids, told_waiting=False)

    def _is_any(self, *where: sa.ColumnElement[bool]) -> bool:
        with self._store.look() as connection:
            return connection.execute(sa.select(tables.mails.c.id).where(*where).limit(1)).first() is not None

    def _update(self, *ledger_ids: str, **values: object) -> None:
        with self._store.begin() as connection:
            connection.execute(tables.mails.update().where(tables.mails.c.id.in_(ledger_ids)).values(**values))


def _kind(code: Code) -> AuditKind:
    if code is Code.SENDER_UNPROVEN:
        return AuditKind.FORGED
    return AuditKind.REFUSAL if treatment(code).folder is Folder.REFUSED else AuditKind.ENDING


def _said(ending: Ending) -> dict[str, object]:
    """Return what the audit trail says about an ending; PVWA's facts are in the decision."""
    return {
        "code": ending.code.value,
        "checks": list(ending.checks),
        "why": ending.why,
        "names": list(ending.names),
        "words": ending.words,
        "who": ending.who,
        "when": ending.when,
        "level": ending.level.value if ending.level else None,
        "confirmer": ending.confirmer,
    }


def _of_same_message(entry: Entry) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what holds for other entries with its Message-ID and From; for none where it has no Message-ID."""
    mails = tables.mails.c
    return (
        mails.message_id == entry.message_id,
        mails.message_id != "",
        mails.sender == entry.sender,
        mails.id != entry.id,
    )
