"""What the doctor asks, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from approvald.core.errors import ApprovaldError, Unreadable
from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    ConfirmingAccount,
    Folder,
    GroupBook,
    ListedMail,
    Mail,
)
from approvald.core.ports import Absent, Forbidden, Secret, ServerSeen, Unfetchable
from approvald.doctor.questions import Systems
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory
from fakes.facts import BOOK, waits_for
from fakes.secrets import FakeSecretStore

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def date(moment: datetime = NOON) -> str:
    """Write a Date header."""
    return format_datetime(moment, usegmt=True)


@dataclass
class SurveyedMailbox:
    """The port SurveyedMailbox. `error` is raised by every question."""

    mails: list[Mail] = field(default_factory=list)
    folders: frozenset[Folder] = frozenset()
    said: str = date()
    error: Exception | None = None

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return what is there."""
        self._meet()
        return [mail.listed for mail in self.mails][:limit]

    def present_folders(self) -> frozenset[Folder]:
        """Return `folders`."""
        self._meet()
        return self.folders

    def date(self) -> str:
        """Return `said`."""
        return self.said

    def newest(self, limit: int) -> Sequence[ListedMail]:
        """Return what is there, newest first."""
        self._meet()
        return sorted((mail.listed for mail in self.mails), key=lambda each: each.received, reverse=True)[:limit]

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Return the mails."""
        self._meet()
        by_id = {mail.listed.item_id: mail for mail in self.mails}
        return [by_id[each.item_id] if with_mime else replace(by_id[each.item_id], mime=None) for each in listed]

    def sent_markers(self, markers: Sequence[str]) -> frozenset[str]:
        """Return none of them."""
        del markers
        self._meet()
        return frozenset()

    def list_folder(self, folder: Folder | None, limit: int, *, message_id: str = "") -> Sequence[ListedMail]:
        """Return what is there, in whatever folder."""
        del folder, message_id
        return self.newest(limit)

    def _meet(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass
class SurveyedDirectory(FakeDirectory):
    """The port SurveyedDirectory."""

    book: GroupBook = BOOK
    seen: list[ServerSeen] = field(default_factory=lambda: [ServerSeen(server="ldaps://dc1.corp.example:636")])
    members: dict[str, int | None] = field(default_factory=dict)
    error: Exception | None = None

    def servers(self) -> Sequence[ServerSeen]:
        """Return `seen`."""
        return self.seen

    def approver_groups(self) -> GroupBook:
        """Return `book`, or raise `error`."""
        if self.error is not None:
            raise self.error
        return self.book

    def direct_members(self, group: ApproverGroup) -> int | None:
        """Return what `members` says, two by default."""
        return self.members.get(group.name, 2)


@dataclass
class SurveyedPvwa:
    """The port SurveyedPvwa. `hidden` holds accounts that see no account details; `errors` what an account meets."""

    requests: list[AccessRequest] = field(default_factory=lambda: [waits_for("DB_PAMapprover")])
    said: str = date()
    hidden: set[ConfirmingAccount] = field(default_factory=set)
    errors: dict[ConfirmingAccount, ApprovaldError] = field(default_factory=dict)
    answers: dict[str, Absent | Forbidden | Unreadable] = field(default_factory=dict)
    """What `details` says of some requests instead."""
    read: list[tuple[str, ConfirmingAccount]] = field(default_factory=list)

    def lists(self, request_id: str, account: ConfirmingAccount) -> bool:
        """Whether it is one of `requests`."""
        return request_id in self.incoming(account)

    def log_off_idle(self) -> None:
        """Nobody is logged on."""

    def incoming(self, account: ConfirmingAccount) -> Sequence[str]:
        """Return the ids."""
        if account in self.errors:
            raise self.errors[account]
        return [request.request_id for request in self.requests]

    def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
        """Return the record."""
        self.read.append((request_id, account))
        if request_id in self.answers:
            answer = self.answers[request_id]
            if isinstance(answer, Exception):
                raise answer
            return answer
        found = next((each for each in self.requests if each.request_id == request_id), None)
        if found is None:
            return Absent()
        return replace(found, account=None) if account in self.hidden else found

    def user_name(self, account: ConfirmingAccount) -> str:
        """Return the account's name."""
        return f"svc-pam-l{account.value}"

    def date(self, account: ConfirmingAccount) -> str:
        """Return `said`, to an account that was answered."""
        return "" if account in self.errors else self.said


def secret_store(**changes: Secret) -> FakeSecretStore:
    """Return the secrets of all four accounts, under the names of the shipped configuration."""
    users = {"mailbox": "svc-mail", "directory": "svc-directory", "level1": "svc-pam-l1", "level2": "svc-pam-l2"}
    secrets = {name: Secret(username=user, password=f"pw-of-{user}", version="1") for name, user in users.items()}
    return FakeSecretStore(secrets | changes)


@dataclass
class House:
    """Everything that the doctor asks, all well until a test changes it."""

    secrets: FakeSecretStore = field(default_factory=secret_store)
    mailbox: SurveyedMailbox = field(default_factory=SurveyedMailbox)
    directory: SurveyedDirectory = field(default_factory=SurveyedDirectory)
    pvwa: SurveyedPvwa = field(default_factory=SurveyedPvwa)

    def systems(self) -> Systems:
        """Return them as the doctor takes them, at noon."""
        return Systems(
            clock=FakeClock(NOON),
            secrets=self.secrets,
            mailbox=self.mailbox,
            directory=self.directory,
            pvwa=self.pvwa,
        )
