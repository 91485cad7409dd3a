"""Confirmations and rejections: an intent before they are sent, settled when PVWA has shown what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from approvald.approval.people import ApprovedBy
from approvald.approval.read_back import Before
from approvald.approval.reconcile import Known
from approvald.core.model import ConfirmingAccount, Level
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, record
from approvald.ledger.database import Instant
from approvald.ledger.entries import State
from approvald.ledger.halts import refuse_while_halted
from approvald.ledger.store import Store

_UNKNOWN: Final = 0


class Confirmations:
    """The confirmations of the ledger; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def intend(self, intent: Intent, *, comment: str) -> None:
        """Write the intent down before the confirmation is sent.

        At most one row per request and level is open or confirmed. The same mail may come back to its own open
        intent, which is dated again; for any other IntentOpen is raised. PVWA's creation time is part of what a request
        is, because its number may be used again. While a halt is in force, Halted is raised and nothing written.
        """
        rows = tables.confirmations
        with self._store.begin() as connection:
            found = connection.execute(
                sa.select(rows).where(
                    *_same(intent), rows.c.outcome.in_([tables.OPEN, tables.CONFIRMED, tables.REJECTED])
                )
            ).first()
            if found is None:
                connection.execute(
                    rows.insert().values(
                        ledger_id=intent.ledger_id, request_id=intent.request_id.casefold(),
                        created=_key(intent.created), level=intent.level, act=intent.act, account=intent.account,
                        approver_guid=intent.approver_guid, approver_link=intent.approver_link,
                        intended_at=intent.intended_at, outcome=tables.OPEN,
                        shown_before=_shown(intent),
                    )
                )  # fmt: skip
            elif (found.ledger_id, found.act, found.outcome) == (intent.ledger_id, intent.act, tables.OPEN):
                connection.execute(
                    rows.update()
                    .where(*_open(intent))
                    .values(intended_at=intent.intended_at, account=intent.account, shown_before=_shown(intent))
                )
            else:
                raise IntentOpen(read_intent(found))
            connection.execute(
                tables.mails.update().where(tables.mails.c.id == intent.ledger_id).values(state=State.CONFIRMING)
            )
            refuse_while_halted(connection)
            record(
                connection, self._store, AuditKind.INTENT, {**_told(intent), "comment": comment},
                mail_id=intent.ledger_id, request_id=intent.request_id,
            )  # fmt: skip

    def about_to_send(self, intent: Intent) -> None:
        """Date the intent at this moment, from which on PVWA may be at work on it; call it right before each sending.

        Raises Halted while a halt is in force, IntentOpen where the intent is settled, or was taken already.
        """
        rows = tables.confirmations
        with self._store.begin() as connection:
            now = self._now()
            untaken = (*_open(intent), rows.c.taken_at.is_(None))
            dated = connection.execute(rows.update().where(*untaken).values(intended_at=now, sent_at=now))
            if not dated.rowcount:
                raise IntentOpen(intent)
            refuse_while_halted(connection)

    def answer_lost(self, intent: Intent) -> None:
        """Date the intent at the moment when its answer was given up: PVWA may have begun no earlier than just now."""
        rows = tables.confirmations
        with self._store.begin() as connection:
            now = self._now()
            sent = sa.func.coalesce(rows.c.sent_at, sa.literal(now, Instant()))
            connection.execute(rows.update().where(*_open(intent)).values(intended_at=now, sent_at=sent))

    def taken(self, intent: Intent) -> None:
        """Write down that it was taken, and that PVWA does not show it yet: it is never sent again."""
        rows = tables.confirmations
        with self._store.begin() as connection:
            now = self._now()
            sent = sa.func.coalesce(rows.c.sent_at, sa.literal(now, Instant()))
            connection.execute(rows.update().where(*_open(intent)).values(taken_at=now, sent_at=sent))

    def _now(self) -> datetime:
        return self._store.clock.now()

    def open_of_mail(self, ledger_id: str) -> Sequence[Intent]:
        """Return this mail's unsettled intents, oldest first."""
        return self._read(tables.confirmations.c.ledger_id == ledger_id, outcome=tables.OPEN)

    def open_beside(self, intent: Intent) -> Sequence[Intent]:
        """Return every unsettled intent of this one's request, at either level, or of its mail, oldest first.

        Where PVWA did not say when a request was created, at one of the two, it may be the same.
        """
        of_mail = tables.confirmations.c.ledger_id == intent.ledger_id
        return self._read(sa.or_(_may_be_about(intent.request_id, intent.created), of_mail), outcome=tables.OPEN)

    def done_by_mail(self, ledger_id: str) -> Intent | None:
        """Return what this mail has confirmed or rejected, if it has."""
        ours = tables.confirmations.c.ledger_id == ledger_id
        found = self._read(ours, outcome=tables.CONFIRMED) or self._read(ours, outcome=tables.REJECTED)
        return found[-1] if found else None

    def settle(self, intent: Intent, *, done: bool, how: str, after: Mapping[str, object] | None = None) -> None:
        """Write the outcome down: PVWA has it, or PVWA has shown that it does not.

        `how` that became known, and PVWA's record `after` it, go into the audit trail.
        """
        outcome = {Act.CONFIRM: tables.CONFIRMED, Act.REJECT: tables.REJECTED}[intent.act] if done else tables.NOT_DONE
        with self._store.begin() as connection:
            settled = connection.execute(tables.confirmations.update().where(*_open(intent)).values(outcome=outcome))
            if settled.rowcount:
                record(
                    connection, self._store, AuditKind.OUTCOME,
                    {**_told(intent), "outcome": outcome, "how": how, "pvwa_after": after},
                    mail_id=intent.ledger_id, request_id=intent.request_id,
                )  # fmt: skip

    def approved_before(self, request_id: str, created: datetime | None) -> Mapping[Level, ApprovedBy]:
        """Return the humans on whose behalf we confirmed this request, by level."""
        found = self._read(_may_be_about(request_id, created), outcome=tables.CONFIRMED)
        return {
            each.level: ApprovedBy(guid=each.approver_guid, link=each.approver_link, ledger_id=each.ledger_id)
            for each in found
        }

    def recent(self, since: datetime) -> tuple[Known, ...]:
        """Return what was confirmed, or may have been, since then, the newest first."""
        rows = tables.confirmations.c
        confirmed = rows.outcome.in_([tables.OPEN, tables.CONFIRMED])
        return self._known(sa.and_(rows.intended_at > since, confirmed, rows.act == Act.CONFIRM))

    def about(self, request_ids: Sequence[str]) -> tuple[Known, ...]:
        """Return everything that was sent, or may have been, about these requests, the newest first."""
        rows = tables.confirmations.c
        folded = [request_id.casefold() for request_id in request_ids]
        return self._known(sa.and_(rows.request_id.in_(folded), rows.outcome != tables.NOT_DONE))

    def _known(self, where: sa.ColumnElement[bool]) -> tuple[Known, ...]:
        rows = tables.confirmations
        with self._store.look() as connection:
            found = connection.execute(sa.select(rows).where(where).order_by(rows.c.intended_at.desc())).all()
        return tuple(
            Known(
                ledger_id=row.ledger_id, level=Level(row.level), request_id=row.request_id,
                created=read_intent(row).created, is_open=row.outcome == tables.OPEN,
            )
            for row in found
        )  # fmt: skip

    def given_since(self, approver_guid: str, since: datetime, *, besides: str) -> Sequence[datetime]:
        """Return when this person's confirmations were sent since then, earliest first, those of one mail left out.

        One whose answer was lost counts: it may have been given.
        """
        rows = tables.confirmations.c
        statement = (
            sa.select(rows.intended_at)
            .where(rows.approver_guid == approver_guid, rows.intended_at > since, rows.ledger_id != besides)
            .where(rows.act == Act.CONFIRM)
            .where(rows.outcome.in_([tables.OPEN, tables.CONFIRMED]))
            .order_by(rows.intended_at)
        )
        with self._store.look() as connection:
            return list(connection.scalars(statement))

    def _read(self, *where: sa.ColumnElement[bool], outcome: str) -> Sequence[Intent]:
        rows = tables.confirmations
        statement = sa.select(rows).where(rows.c.outcome == outcome, *where).order_by(rows.c.intended_at)
        with self._store.look() as connection:
            return [read_intent(row) for row in connection.execute(statement)]


def _told(intent: Intent) -> dict[str, object]:
    """Return what the audit trail says of an intent: the submitter apart from the approver."""
    return {
        "act": intent.act.value,
        "level": intent.level.value,
        "submitter": {"account": intent.account.value, "user_name": intent.submitter or None},
        "approver": {"guid": intent.approver_guid, "link": intent.approver_link},
    }


def _may_be_about(request_id: str, created: datetime | None) -> sa.ColumnElement[bool]:
    """Select what is about this request, or may be: where PVWA did not say when it was created, at one of the two."""
    rows, key = tables.confirmations.c, _key(created)
    may_be_same = rows.created.in_([key, _UNKNOWN]) if key else sa.true()
    return sa.and_(rows.request_id == request_id.casefold(), may_be_same)


def _shown(intent: Intent) -> str | None:
    return intent.before.to_json() if intent.before is not None else None


def _same(intent: Intent) -> tuple[sa.ColumnElement[bool], ...]:
    rows = tables.confirmations.c
    return (
        rows.request_id == intent.request_id.casefold(),
        rows.created == _key(intent.created),
        rows.level == intent.level,
    )


def _open(intent: Intent) -> tuple[sa.ColumnElement[bool], ...]:
    rows = tables.confirmations.c
    return (*_same(intent), rows.ledger_id == intent.ledger_id, rows.outcome == tables.OPEN)


def _key(created: datetime | None) -> int:
    return int(created.timestamp()) if created else _UNKNOWN


class Act(StrEnum):
    """The two acts that are sent to PVWA."""

    CONFIRM = "confirm"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True)
class Intent:
    """An act that is about to be sent to PVWA, or was. `request_id` comes back case folded; `created` is PVWA's.

    `submitter`: PVWA's user name of the confirming account, for the audit trail only; it does not come back.
    `sent_at`: right before it was sent (UTC), None while it certainly was not; `before`: what the record showed then.
    `taken_at`: when PVWA, or something in front of it, took an act that the request did not show yet (UTC).
    """

    ledger_id: str
    request_id: str
    created: datetime | None
    level: Level
    account: ConfirmingAccount
    approver_guid: str
    approver_link: str | None
    intended_at: datetime
    act: Act = Act.CONFIRM
    submitter: str = ""
    before: Before | None = None
    sent_at: datetime | None = None
    taken_at: datetime | None = None


class IntentOpen(Exception):
    """Another mail's confirmation of the same request and level is open or done. `intent` is that one."""

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        super().__init__(f"a confirmation of {intent.request_id} at level {intent.level} is not settled, or done")


def read_intent(row: sa.Row[Any]) -> Intent:
    """Read a row of `confirmations`."""
    return Intent(
        ledger_id=row.ledger_id,
        request_id=row.request_id,
        created=datetime.fromtimestamp(row.created, UTC) if row.created else None,
        level=Level(row.level),
        account=ConfirmingAccount(row.account),
        act=Act(row.act),
        approver_guid=row.approver_guid,
        approver_link=row.approver_link,
        intended_at=row.intended_at,
        before=Before.from_json(row.shown_before) if row.shown_before else None,
        sent_at=row.sent_at,
        taken_at=row.taken_at,
    )
