"""The terms of approvald as frozen values; the glossary in CONTRIBUTING.md defines them.

Instants are aware datetimes in UTC. Nothing here does any I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final


class Level(IntEnum):
    """CyberArk's two confirmation levels."""

    FIRST = 1
    SECOND = 2


class ConfirmingAccount(IntEnum):
    """The service accounts with which we log on to PVWA, one for each confirmation level."""

    FIRST = 1
    SECOND = 2


# ------------------------------------------------------------------------------------------------------------ mail


@dataclass(frozen=True, kw_only=True)
class ListedMail:
    """A mail as a listing of the Inbox shows it. `size` in bytes as Exchange counts it; `received` by Exchange, UTC."""

    item_id: str
    item_class: str
    size: int
    received: datetime


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A fetched mail, raw as it came. Nothing in it is trusted.

    `headers`: the top-level header fields in order, as Exchange gives them; empty when Exchange gave none.
    `mime`: the whole raw item, or None where it was too large to fetch.
    `sender_address`/`from_address`: what Exchange itself resolved (MAPI 0x5D01 / 0x5D02, else the EWS mailbox), None
    where it gave none. `auto_forwarded`: MAPI 0x0005, None where unknown.
    """

    listed: ListedMail
    message_id: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    mime: bytes | None = field(repr=False)
    sender_address: str | None = None
    from_address: str | None = None
    auto_forwarded: bool | None = None


class Folder(StrEnum):
    """Where a handled mail is filed; the names of the folders are set in the configuration."""

    DONE = "done"
    REFUSED = "refused"
    IGNORED = "ignored"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A mail that approvald sends. `marker` is unique to it and is found again in Sent Items."""

    marker: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    in_reply_to: str | None = None
    important: bool = False


# ---------------------------------------------------------------------------------------------------- notification

REQUEST_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Notification:
    """The values in the forwarded notification.

    Only `safe` and `number` are used, to find PVWA's record; the rest is compared with that record. Texts are kept as
    printed, edges trimmed; None where the line is not there. `requestor` is a lower-case address. `rejection`: the
    approver's own words behind `reject`, where the mail itself begins with it; None where they mean to approve.
    """

    requestor: str
    safe: str
    number: str
    account: str | None = None
    device_user: str | None = None
    reason: str | None = field(default=None, repr=False)
    rejection: str | None = field(default=None, repr=False)

    @property
    def request_id(self) -> str:
        """PVWA's composite RequestID."""
        return f"{self.safe}_{self.number}"


@dataclass(frozen=True, kw_only=True)
class Incomplete:
    """A notification in which required values are missing or not in an allowed form.

    `missing`: of requestor, safe, number. `why` is a sentence for the sender, without the mail's own text.
    """

    missing: tuple[str, ...]
    why: str
    unreadable: bool = False
    """The mail itself could not be read: over a limit, undecodable, or its reader was ended."""
    rejects: bool = False
    """The mail's own first line begins with `reject`, or may do so."""


@dataclass(frozen=True, kw_only=True)
class Ambiguous:
    """A mail that somewhere holds a second, different value of a core field. `fields` names those fields.

    `rejects`: the mail's own first line begins with `reject`, or may do so.
    """

    fields: tuple[str, ...]
    why: str
    rejects: bool = False


@dataclass(frozen=True, kw_only=True)
class NotARequest:
    """A mail about something else. `why` is for the log."""

    why: str


Reading = Notification | Incomplete | Ambiguous | NotARequest


# ----------------------------------------------------------------------------------------------------------- people


@dataclass(frozen=True, kw_only=True)
class Person:
    """One user object in the directory, enabled or disabled.

    `guid`: objectGUID, lower-case with dashes: the identity. `addresses`: every SMTP address, case folded.
    `address`: the one we write to (primary proxy address, else mail). `link`: the value of the link attribute that
    joins two accounts of one human, None when empty. `manager_dn`: raw DN or None. `owner`: objectGUID of the human
    whose admin account this is (people.admin_accounts, by `manager`), or a UUID made of their DN where we may not read
    them; None for an ordinary account.
    """

    guid: str
    sid: str
    dn: str
    account_name: str
    display_name: str
    address: str
    addresses: frozenset[str] = frozenset()
    link: str | None = None
    manager_dn: str | None = None
    owner: str | None = None
    disabled: bool = False
    expired: bool = False
    shared_mailbox: bool = False
    linked_mailbox: bool = False

    @property
    def human(self) -> str:
        """The identity that stands for all of this person's accounts that `owner` joins."""
        return self.owner or self.guid


@dataclass(frozen=True, kw_only=True)
class NoPerson:
    """The directory's answer that nobody matches."""


@dataclass(frozen=True, kw_only=True)
class SeveralPersons:
    """The directory's answer that more than one object matches."""

    count: int


PersonLookup = Person | NoPerson | SeveralPersons


@dataclass(frozen=True, kw_only=True)
class ApproverGroup:
    """An approver group in the directory, resolved and pinned to its SID. `name` is its sAMAccountName."""

    name: str
    dn: str
    sid: str
    level: Level


@dataclass(frozen=True, kw_only=True)
class GroupProblem:
    """A configured or found group that may not be used, and why (one sentence for the operator)."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class GroupBook:
    """The approver groups that count now. The second-level group is never in `first`."""

    first: tuple[ApproverGroup, ...]
    second: ApproverGroup | None
    problems: tuple[GroupProblem, ...] = ()

    def all(self) -> tuple[ApproverGroup, ...]:
        """Every usable group."""
        return self.first + ((self.second,) if self.second else ())


# ------------------------------------------------------------------------------------------------------------- PVWA


@dataclass(frozen=True, kw_only=True)
class Confirmer:
    """A user or group that CyberArk names as confirmer of a request, and what it did.

    `acted_at` is None while it has not acted. `comment` is the API's `Reason`. `members`: user names listed for a
    group (all members or only the actor: CyberArk does not say, pvwa-rest 2.3).
    """

    name: str
    is_group: bool
    action: int = 0
    acted_at: datetime | None = None
    comment: str = ""
    full_name: str = ""
    members: tuple[tuple[str, str], ...] = ()
    """Pairs of user name and full name."""


@dataclass(frozen=True, kw_only=True)
class AccessRequest:
    """PVWA's record of a request: the truth. None means PVWA did not say. Shapes: pvwa-rest 2.3."""

    request_id: str
    safe: str
    requestor_user_name: str
    requestor_full_name: str = ""
    requestor_reason: str = ""
    user_reason: str = ""
    account: str | None = None
    account_address: str | None = None
    device_user: str | None = None
    operation: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    access_from: datetime | None = None
    access_to: datetime | None = None
    status: int | None = None
    status_title: str = ""
    invalid_reason: int = 0
    confirmations_left: int | None = None
    level: Level | None = None
    second_level_left: int | None = None
    confirmers: tuple[Confirmer, ...] = ()

    @property
    def number(self) -> str:
        """The number behind the last underscore of the request id."""
        return self.request_id.rpartition("_")[2]
