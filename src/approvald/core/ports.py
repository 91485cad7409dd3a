"""The outside world as approvald needs it: one Protocol per system, in our own terms.

The mailbox and PVWA have a reading half: whoever is given that one cannot act, by type and at run time (`only`).
No library's object crosses a port. Every method raises `Unavailable` (with its `System`) when the system did not do its
work, `AuthenticationFailed` when it does not accept our account, `Unreadable` when its answer has an unknown form.
An adapter is one file (or folder) in `adapters/` and one line in `service/wiring.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, Protocol, TypeVar, cast

from approvald.core.errors import ApprovaldError
from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    ConfirmingAccount,
    Folder,
    GroupBook,
    ListedMail,
    Mail,
    Person,
    PersonLookup,
    Reading,
    Reply,
)

_Method = TypeVar("_Method", bound=Callable[..., Any])
_Port = TypeVar("_Port")
_LOCAL: Final = "__asks_no_system__"


def local(method: _Method) -> _Method:
    """Mark a method of a port that asks no system, so that nothing has to stand between it and its caller."""
    setattr(method, _LOCAL, True)
    return method


def only(port: type[_Port], adapter: _Port, around: Callable[[], AbstractContextManager[None]] = nullcontext) -> _Port:
    """Return the port's methods and nothing else of the adapter. Each question is asked inside `around()`."""
    methods = {
        name: _asking(adapter, name, nullcontext if hasattr(method, _LOCAL) else around)
        for part in reversed(port.__mro__)
        for name, method in vars(part).items()
        if callable(method) and not name.startswith("_")
    }
    return cast("_Port", SimpleNamespace(**methods))


def _asking(adapter: Any, name: str, around: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    def ask(*arguments: Any, **named: Any) -> Any:
        with around():
            return getattr(adapter, name)(*arguments, **named)

    return ask


# ------------------------------------------------------------------------------------------------------------ mailbox


@dataclass(frozen=True, kw_only=True)
class Unfetchable:
    """One item that could not be fetched while the others could: it is `gone`, or it spoils every fetch."""

    listed: ListedMail
    why: str
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class NotDone:
    """One item of a bulk act that failed while others may have succeeded. `gone`: the item is no longer there."""

    why: str
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One item that was moved. `item_id`: its new id, by which it is found from now on; empty where none was told."""

    item_id: str


class ReadingMailbox(Protocol):
    """The mailbox that approvers forward to, for reading only. Called from one thread only."""

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return the oldest `limit` items of the Inbox, oldest first. One request."""

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Fetch these items, in order, in one request where nothing is wrong with them.

        `with_mime` False asks for headers and sender only (for items that are too large).
        """

    def sent_markers(self, markers: Sequence[str]) -> frozenset[str]:
        """Return the markers that are found on a mail in Sent Items."""

    def list_folder(self, folder: Folder | None, limit: int, *, message_id: str = "") -> Sequence[ListedMail]:
        """Return the newest `limit` items of a folder, newest first; with `message_id` only those that have it.

        None is the Inbox. A folder that is missing is empty, and is not made. One request.
        """


class Mailbox(ReadingMailbox, Protocol):
    """The mailbox, including what sends and moves."""

    def send(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        """Send and keep copies in Sent Items: None where sent, in order. One request.

        Raises OutcomeUnknown when the answer was lost: mails may have been sent; look with `sent_markers`.
        """

    def send_unasked(self, alarm: Reply) -> None:
        """Send one alarm without asking whether this program may still act: the ledger that would say so is away.

        Nothing is decided by it, and a second one does no harm.
        """

    def file(self, item_ids: Sequence[str], folder: Folder) -> Sequence[Moved | NotDone]:
        """Move items out of the Inbox, in order. One request; makes the folder when it is missing."""

    def restore(self, item_ids: Sequence[str]) -> Sequence[Moved | NotDone]:
        """Move items back into the Inbox, in order; they keep the time at which they were received. One request."""


# ---------------------------------------------------------------------------------------------------------- directory


@dataclass(frozen=True, kw_only=True)
class ServerSeen:
    """One address of a configured directory server; `failure` says why it could not be used."""

    server: str
    failure: ApprovaldError | None = None


class Directory(Protocol):
    """Active Directory, asked again for every mail; no answer is kept."""

    def find_by_address(self, address: str) -> PersonLookup:
        """Return the one user object that has exactly this SMTP address, as mail or proxy address."""

    def find_by_user_name(self, user_name: str) -> PersonLookup:
        """Return the person behind a CyberArk user name: [people.map], then sAMAccountName, then userPrincipalName."""

    def people_with_link(self, link: str) -> Sequence[Person]:
        """Return the people whose accounts have this link value: all of them, or ten if there are more."""

    def admin_accounts_of(self, person: Person) -> Sequence[Person]:
        """Return the admin accounts (people.admin_accounts) whose manager this person is."""

    def memberships(self, person: Person, groups: Sequence[ApproverGroup]) -> frozenset[str]:
        """Return the SIDs of those groups the person is in, nested groups included."""

    def approver_groups(self) -> GroupBook:
        """Resolve the configured approver groups now. A bad group is in `problems` and nowhere else."""


# --------------------------------------------------------------------------------------------------------------- PVWA


@dataclass(frozen=True, kw_only=True)
class Absent:
    """PVWA's own statement, in JSON, that there is no such request (for this account)."""

    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """PVWA's own statement, in JSON, that this account may not see or do this."""

    code: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """PVWA took the confirmation or rejection."""


@dataclass(frozen=True, kw_only=True)
class Declined:
    """PVWA's own error in answer to a confirmation. Its meaning is found by reading the record back.

    `words`: PVWA's ErrorMessage, at most 300 characters, control characters removed.
    """

    status: int
    code: str
    words: str


class ReadingPvwa(Protocol):
    """CyberArk's web application, for reading only, logged on with one confirming account per level. Thread safe."""

    def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
        """Read one request as that account sees it."""

    def lists(self, request_id: str, account: ConfirmingAccount) -> bool:
        """Whether the account's list of incoming requests, handled and expired ones included, holds the request."""

    def incoming(self, account: ConfirmingAccount) -> Sequence[str]:
        """Return the ids of the account's list of incoming requests, handled and expired ones included.

        Whether PVWA lists handled requests is PVWA's business. One request.
        """

    @local
    def user_name(self, account: ConfirmingAccount) -> str:
        """Return the user name that PVWA knows the confirming account by."""

    @local
    def log_off_idle(self) -> None:
        """Log off accounts that have been idle. Never raises."""


class Pvwa(ReadingPvwa, Protocol):
    """PVWA, including what confirms and rejects."""

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Confirm once. Raises OutcomeUnknown when the answer was lost: it may have happened.

        A dead token is renewed and the call repeated once, because PVWA refuses it before it acts (pvwa-rest 1).
        `permit` is called right before each sending, after any log-on; what it raises is raised, and nothing was sent.
        Unavailable is raised only when it is certain that nothing was done: also where this program may not act any
        more, which an adapter asks about at the last moment, too (`permit` of its constructor).
        """

    def reject(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Reject once, which closes the request for good. Raises like `confirm`."""


# ------------------------------------------------------------------------------------------------------------ secrets


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A user name and password. `version` changes whenever the password does, and reveals nothing of it."""

    username: str
    password: str = field(repr=False)
    version: str

    def __str__(self) -> str:
        return f"Secret({self.username}, ****)"


class SecretStore(Protocol):
    """The place where our passwords are kept. Thread safe."""

    def get(self, name: str, *, fresh: bool = False) -> Secret:
        """Return the secret of that name: mailbox, directory, level1, level2. `fresh` bypasses any cache."""


class LogonGuard(Protocol):
    """Keeps us from locking our own accounts with wrong passwords, across all programs that share a ledger."""

    def claim(self, account: str, version: str) -> None:
        """Claim the one log-on of this account; its outcome must be reported by one of the methods below.

        Raises AuthenticationFailed when it must not be tried with this version of its secret now, Unavailable while
        another program's log-on is under way.
        """

    def has_failed(self, account: str, version: str) -> bool:
        """Whether a log-on with this version was refused, by any program, and none was good since.

        Claims nothing, and says no if that cannot be known.
        """

    def failed(self, account: str, version: str) -> datetime | None:
        """Write down a refused log-on; return when the next try with this version is allowed (UTC), or None: never."""

    def succeeded(self, account: str, version: str) -> None:
        """Forget earlier failures of this account."""

    def not_judged(self, account: str) -> None:
        """Report that the system did not answer whether it accepts the password."""


class Clock(Protocol):
    """The time, passed in as an argument."""

    def now(self) -> datetime:
        """Return the aware UTC instant."""

    def monotonic(self) -> float:
        """Return seconds for measuring durations."""


class Names(Protocol):
    """Small durable facts, such as the ids of mail folders."""

    def recall(self, kind: str) -> Mapping[str, str]:
        """Return everything remembered of that kind."""

    def remember(self, kind: str, name: str, value: str) -> None:
        """Keep one fact durably."""


# ------------------------------------------------------------------------------------------------------------ the whole


class MailReader(Protocol):
    """Reads the MIME content of mails where no mail can do harm."""

    def read(self, mime: bytes) -> Reading:
        """Return what a mail says. Raises Unreadable where that cannot be found out now."""

    def end_if_idle(self) -> None:
        """Take a pause between two mails to renew what has been used up. Never raises."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Everything outside of approvald: real systems, or fakes of them."""

    mailbox: Mailbox
    directory: Directory
    pvwa: Pvwa
    secrets: SecretStore
    clock: Clock
    reader: MailReader
