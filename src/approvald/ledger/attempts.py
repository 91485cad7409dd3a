"""Which items of the Inbox are one mail: what was moved back is a further attempt at it, anything else is a copy.

An item that is moved gets a new id; Message-ID, From and the time of receipt, which Exchange has set, stay. A mail that
was sent again, or replayed, was received at another time, or while the first one lay where it was filed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from approvald.ledger import tables
from approvald.ledger.entries import Entry, State


def filed_before(entry: Entry) -> sa.Select[Any]:
    """Select the filed entries that this item may be a further attempt at, the earliest first."""
    mails = tables.mails.c
    return (
        sa.select(tables.mails)
        .where(*_of_same_message(entry), mails.received == entry.received, mails.filed_at.is_not(None))
        .order_by(mails.seen_at, mails.id)
    )


def in_flight(entry: Entry) -> sa.Select[tuple[int]]:
    """Count the other items of the same mail whose confirmation may have been sent and is not settled."""
    mails = tables.mails.c
    here = sa.and_(mails.received == entry.received, mails.state == State.CONFIRMING)
    return sa.select(sa.func.count()).where(*_of_same_message(entry), here)


def that_make_it_a_copy(entry: Entry) -> sa.Select[tuple[int]]:
    """Count the entries beside which this item is a copy.

    Those are: another item of the same mail which had not left the Inbox when this one was first seen there; and,
    unless this is a further attempt, any answered mail. One that was taken out of the Inbox undecided is none: it is
    filed when that is certain. Only mails of proven senders count, so that nobody silences another one's mail.
    """
    mails = tables.mails.c
    left_later = sa.and_(mails.filed_at > entry.seen_at, mails.ended_at.is_not(None))
    not_left = sa.or_(mails.filed_at.is_(None), left_later)
    beside = sa.and_(mails.received == entry.received, not_left)
    return (
        sa.select(sa.func.count())
        .where(*_of_same_message(entry), mails.reply_to != "")
        .where(beside if entry.attempt_of else sa.or_(beside, mails.ended_at.is_not(None)))
    )


def _of_same_message(entry: Entry) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what holds for other entries with its Message-ID and From; for none where it has no Message-ID."""
    mails = tables.mails.c
    return (
        mails.message_id == entry.message_id,
        mails.message_id != "",
        mails.sender == entry.sender,
        mails.id != entry.id,
    )
