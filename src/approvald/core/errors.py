"""The errors of approvald. A refusal or an expired request is not an error: it is an outcome (`endings.Code`).

    ApprovaldError
    ├── ConfigurationInvalid    the operator must act; raised only before start     exit 78
    ├── LedgerUnusable          damaged, or of a newer version; raised at start     exit 78
    ├── Unavailable             wait and try again: no answer, 5xx, 429             the mail stays in the Inbox
    │   ├── AuthenticationFailed    our own account or certificate is not accepted  as above, and the team is told
    │   └── LeaseLost               another program has the ledger's role now       this one stops acting
    ├── MustWait                approvald itself does not act now: cap, pause       the mail stays in the Inbox
    ├── Unreadable              the outside sent something we do not understand     never guessed
    └── OutcomeUnknown          a confirmation was sent and its answer lost         read PVWA back, never send blindly

Every message is written for a person: what happened, what it means, what to do. None holds a secret or a mail's text.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class System(StrEnum):
    """The outside systems, as logs, alarms and messages name them."""

    EXCHANGE = "exchange"
    DIRECTORY = "directory"
    PVWA = "pvwa"
    SECRET_STORE = "secret_store"  # noqa: S105 - the name of a system
    LEDGER = "ledger"
    AUDIT = "audit"


class ApprovaldError(Exception):
    """The root of all errors of approvald."""


class ConfigurationInvalid(ApprovaldError):
    """The configuration cannot be used; nothing was started. `problems` holds one sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class LedgerUnusable(ApprovaldError):
    """The ledger is damaged, or from a newer approvald; the operator must act. Nothing was changed."""


class Unavailable(ApprovaldError):
    """A system did not do its work; the mail waits. `retry_after_seconds` is the system's own wish, if it had one."""

    def __init__(self, system: System, message: str, *, retry_after_seconds: float | None = None) -> None:
        self.system = system
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class AuthenticationFailed(Unavailable):
    """Our own account is not accepted.

    `next_try` (UTC) is when the lock-out guard allows another try; None: only with a new password.
    """

    def __init__(self, system: System, message: str, *, account: str, next_try: datetime | None = None) -> None:
        self.account = account
        self.next_try = next_try
        super().__init__(system, message)


class LedgerAway(Unavailable):
    """The ledger cannot be read or written: nothing may be decided or done."""

    def __init__(self, message: str) -> None:
        super().__init__(System.LEDGER, message)


class LeaseLost(LedgerAway):
    """Another program may act in this one's place: nothing more may be sent or written."""


class WaitCause(StrEnum):
    """The reasons for which approvald itself makes a mail wait."""

    CAP = "the approver's hourly cap is reached"
    PAUSE = "approvald is paused"
    ANSWER_LOST = "a confirmation was sent and its answer lost; PVWA is read before anything is sent again"
    AT_WORK = (
        "a confirmation of this request was sent and its answer lost, and PVWA may still be working on it; "
        "the mail waits until that is certain"
    )
    NOT_SHOWN = (
        "PVWA, or something in front of it, accepted the confirmation, but the request does not show it; it is not "
        "sent again, and the mail waits until PVWA shows what became of it"
    )
    OUT_OF_SIGHT = (
        "a confirmation of this request was sent, but PVWA lets none of the confirming accounts see the request now, "
        "so its outcome is unknown; the mail waits until one of them may see it again"
    )
    DECIDE_AFRESH = "another confirmation of this request has just become known, so the mail is decided afresh"
    SETTLE_FIRST = "another item of this mail may have confirmed its request already; that is settled first"

    @property
    def is_silent(self) -> bool:
        """Whether the team need not hear of a long wait: an operator or a rule wants it."""
        return self in {WaitCause.CAP, WaitCause.PAUSE}


class MustWait(ApprovaldError):
    """Every system works, and the mail waits all the same. `retry_after_seconds`: when it may go on, if known."""

    def __init__(self, cause: WaitCause, *, retry_after_seconds: float | None = None) -> None:
        self.cause = cause
        self.retry_after_seconds = retry_after_seconds
        super().__init__(cause.value)


class Unreadable(ApprovaldError):
    """Something from outside has a form that we do not understand. It is never guessed at."""


class OutcomeUnknown(ApprovaldError):
    """A confirmation may have happened: it was sent and no answer came."""
