"""The vocabulary of the log, and the one function that logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Final, TypedDict, Unpack

FIELDS_ATTRIBUTE: Final = "approvald_fields"
_mail_id: ContextVar[str | None] = ContextVar("mail_id", default=None)


class Event(StrEnum):
    """The values of `event`. The first word says what it is about."""

    DAEMON_STARTED = "daemon.started"
    DAEMON_RELOADED = "daemon.reloaded"
    DAEMON_STOPPING = "daemon.stopping"
    DAEMON_STOPPED = "daemon.stopped"
    DAEMON_CRASHED = "daemon.crashed"
    """An unexpected error; `trace` holds it."""
    POLL_FAILED = "poll.failed"
    POLL_RECOVERED = "poll.recovered"
    MAIL_SEEN = "mail.seen"
    MAIL_DECIDED = "mail.decided"
    MAIL_WAITING = "mail.waiting"
    MAIL_NOT_FILED = "mail.not_filed"
    MAIL_TAKEN_AWAY = "mail.taken_away"
    """Somebody took it out of the Inbox before it was decided; `state` is how far it had come."""
    MAIL_FAILED = "mail.failed"
    """Handling it raised an error; it stays in the Inbox."""
    MAIL_DONE = "mail.done"
    """The summary, exactly one for each mail that has ended."""
    CONFIRM_INTENDED = "confirm.intended"
    CONFIRM_OUTCOME = "confirm.outcome"
    REPLY_SENT = "reply.sent"
    REPLY_FAILED = "reply.failed"
    REPLY_HELD_BACK = "reply.held_back"
    ALARM = "alarm"
    """The CyberArk team is told, or would be without the throttling."""
    HALT_SET = "halt.set"
    """`state` is hold or pause; `operator` has set it, for the reason `why`."""
    HALT_IN_FORCE = "halt.in_force"
    """At the start of the daemon."""
    HALT_ENDED = "halt.ended"
    RETRY_ASKED = "retry.asked"
    """`operator` wants a mail, or a whole folder, to be tried again, for the reason `why`."""
    RETRY_DONE = "retry.done"
    """`count` mails are tried again by that; `cause` says why not more."""
    GROUPS_READ = "groups.read"
    GROUP_DISABLED = "group.disabled"
    GROUP_PINNED = "group.pinned"
    """An approver group was read for the first time; its SID is remembered."""
    GROUP_ACCEPTED = "group.accepted"
    LOGON_DONE = "logon.done"
    LOGON_FAILED = "logon.failed"
    LOGON_HELD_BACK = "logon.held_back"
    """Not tried, so that we do not lock the account."""
    LOGOFF_FAILED = "logoff.failed"
    SYSTEM_AWAY = "system.away"
    SYSTEM_BACK = "system.back"
    EXCHANGE_ITEM_UNFETCHABLE = "exchange.item_unfetchable"
    PVWA_SESSION_RENEWED = "pvwa.session_renewed"
    SHADOW_MODE = "shadow.mode"
    """At the start: nothing will be confirmed, sent or moved."""
    SHADOW_DECIDED = "shadow.decided"
    RECONCILE_DONE = "reconcile.done"
    """PVWA and the ledger were compared; `count` records were looked at."""
    RECONCILE_FAILED = "reconcile.failed"
    STANDING_BY = "lease.standing_by"
    """`holder` works; this program takes over when it ends."""
    LEASE_TAKEN = "lease.taken"
    """This program works from now on; `count` is the fencing token."""
    LEASE_NOT_RENEWED = "lease.not_renewed"
    LEASE_LOST = "lease.lost"
    """Another program works; this one stands by again."""
    LEDGER_MIGRATED = "ledger.migrated"
    AUDIT_HEALED = "audit.healed"
    """A torn last line of the audit file was removed; `size` bytes."""
    AUDIT_ANCHORED = "audit.anchored"
    AUDIT_ANCHOR_FAILED = "audit.anchor_failed"
    LIBRARY = "library"
    """A line of a library; `message` holds its text."""


class Fields(TypedDict, total=False):
    """The fields an event may carry; mypy refuses any other name. `ms` and `steps` are milliseconds."""

    account: str
    attempt: int
    cause: str
    cc: Sequence[str]
    code: str
    confirmer: str | None
    count: int
    folder: str
    group: str
    holder: str
    groups: Sequence[str]
    item_class: str
    ledger_id: str
    level: int | None
    mail_id: str
    marker: str
    ms: float
    operator: str
    request_id: str | None
    proof: str | None
    rules: Sequence[str]
    seconds: float
    sender: str | None
    sid: str
    size: int
    state: str
    steps: Mapping[str, float]
    system: str
    to: Sequence[str]
    version: str
    why: str


def event(
    logger: logging.Logger,
    what: Event,
    severity: int,
    /,
    *,
    trace: BaseException | None = None,
    **fields: Unpack[Fields],
) -> None:
    """Log one event. `severity` is a level of logging; a field that is not in `Fields` is named but not written."""
    known = {name: value for name, value in fields.items() if name in Fields.__annotations__}
    extra = {FIELDS_ATTRIBUTE: {"event": what, **known}}
    unlisted = sorted(set(fields) - set(known))
    if unlisted:
        extra[FIELDS_ATTRIBUTE]["unlisted"] = unlisted
    logger.log(severity, "%s", what.value, extra=extra, exc_info=trace)


@contextmanager
def mail(mail_id: str) -> Iterator[None]:
    """Put this id on every line logged inside, by us and by libraries, in this thread."""
    token = _mail_id.set(mail_id)
    try:
        yield
    finally:
        _mail_id.reset(token)


def current_mail() -> str | None:
    """Return the id that `mail` has put on this thread's lines."""
    return _mail_id.get()
