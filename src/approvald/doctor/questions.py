"""The doctor's questions beyond the daemon's ports, answered by the same adapters. None of them acts.

Errors are those of the ports. `date` is always the Date header of the system's last answer as it came, empty where
there was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from approvald.core.model import AccessRequest, ApproverGroup, Folder, GroupBook, Level, ListedMail, Mail
from approvald.core.ports import Absent, Clock, Forbidden, SecretStore, ServerSeen, Unfetchable


class MailboxSurvey(Protocol):
    """The mailbox, read only."""

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return the oldest `limit` items of the Inbox."""

    def present_folders(self) -> frozenset[Folder]:
        """Return which of our folders exist. Makes none."""

    def date(self) -> str:
        """Return the Date header of Exchange's last answer."""


class SenderSurvey(Protocol):
    """The headers of the mailbox's mails, read only."""

    def newest(self, limit: int) -> Sequence[ListedMail]:
        """Return the newest `limit` items of the Inbox and our folders together, newest first."""

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Fetch these items, in order; without MIME only headers and sender."""


class SurveyedMailbox(MailboxSurvey, SenderSurvey, Protocol):
    """The mailbox and the headers of its mails."""


class DirectorySurvey(Protocol):
    """The directory, server by server."""

    def servers(self) -> Sequence[ServerSeen]:
        """Connect to every configured server, verify its certificate, log on, and ask whether it is Active Directory.

        After a refused log-on the guard holds the others back: they are still connected to.
        """

    def approver_groups(self) -> GroupBook:
        """Resolve the configured approver groups now."""

    def direct_members(self, group: ApproverGroup) -> int | None:
        """Count the people and groups that are members of the group itself; None where that cannot be read."""


class PvwaSurvey(Protocol):
    """PVWA as the confirming accounts see it."""

    def incoming(self, account: Level) -> Sequence[str]:
        """Return the ids of the requests that the account may confirm, handled and expired ones included."""

    def details(self, request_id: str, account: Level) -> AccessRequest | Absent | Forbidden:
        """Read one request as that account sees it."""

    def user_name(self, account: Level) -> str:
        """Return the user name that PVWA knows the confirming account by."""

    def date(self, account: Level) -> str:
        """Return the Date header of PVWA's last answer to this account."""


@dataclass(frozen=True, kw_only=True)
class Systems:
    """All the systems that the doctor asks."""

    clock: Clock
    secrets: SecretStore
    mailbox: SurveyedMailbox
    directory: DirectorySurvey
    pvwa: PvwaSurvey
