"""The doctor's questions: the reading halves of the ports and some more, answered by the same adapters.

Errors are those of the ports. `date` is always the Date header of the system's last answer as it came, empty where
there was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from approvald.core.model import ApproverGroup, ConfirmingAccount, Folder, ListedMail
from approvald.core.ports import Clock, Directory, ReadingMailbox, ReadingPvwa, SecretStore, ServerSeen, local, only


class SurveyedMailbox(ReadingMailbox, Protocol):
    """The mailbox, read only."""

    def present_folders(self) -> frozenset[Folder]:
        """Return which of our folders exist. Makes none."""

    def newest(self, limit: int) -> Sequence[ListedMail]:
        """Return the newest `limit` items of the Inbox and our folders together, newest first."""

    @local
    def date(self) -> str:
        """Return the Date header of Exchange's last answer."""


class SurveyedDirectory(Directory, Protocol):
    """The directory, server by server."""

    def servers(self) -> Sequence[ServerSeen]:
        """Connect to every configured server, verify its certificate, log on, and ask whether it is Active Directory.

        After a refused log-on the guard holds the others back: they are still connected to.
        """

    def direct_members(self, group: ApproverGroup) -> int | None:
        """Count the people and groups that are members of the group itself; None where that cannot be read."""


class SurveyedPvwa(ReadingPvwa, Protocol):
    """PVWA as the confirming accounts see it."""

    @local
    def date(self, account: ConfirmingAccount) -> str:
        """Return the Date header of PVWA's last answer to this account."""


@dataclass(frozen=True, kw_only=True)
class Systems:
    """All the systems that the doctor asks. None of them can confirm, send or move."""

    clock: Clock
    secrets: SecretStore
    mailbox: SurveyedMailbox
    directory: SurveyedDirectory
    pvwa: SurveyedPvwa

    @classmethod
    def looked_at(
        cls, *, clock: Clock, secrets: SecretStore, mailbox: SurveyedMailbox, directory: SurveyedDirectory,
        pvwa: SurveyedPvwa,
    ) -> Systems:  # fmt: skip
        """Take adapters that can do more, and keep only what reads."""
        return cls(
            clock=clock,
            secrets=secrets,
            mailbox=only(SurveyedMailbox, mailbox),
            directory=only(SurveyedDirectory, directory),
            pvwa=only(SurveyedPvwa, pvwa),
        )
