"""The stages on which every mailbox is tested: the fake, and the adapter in front of the pretend Exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.config.settings import MailboxSettings
from approvald.core.model import Folder
from approvald.core.ports import Mailbox, Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.mailbox import FakeMailbox
from fakes.names import FakeNames
from fakes.secrets import FakeGuard, FakeSecretStore


class Stage(Protocol):
    """A mailbox, and what stands behind it."""

    @property
    def mailbox(self) -> Mailbox:
        """Return the mailbox under test."""

    def deliver(self, raw: bytes, *, received: datetime, properties: Mapping[str, str] | None = None) -> str:
        """Deliver a mail."""

    def sent(self) -> list[tuple[str, str, tuple[str, ...], str | None]]:
        """Return marker, subject, recipients and In-Reply-To of every mail sent."""

    def filed(self, folder: Folder) -> int:
        """Return how many mails are in a folder."""

    def go_away(self) -> None:
        """Stop answering."""

    def come_back(self) -> None:
        """Answer again."""

    def lose_next_answer(self) -> None:
        """Send the next replies, and lose the answer."""


@dataclass
class FakeStage:
    """The fake."""

    mailbox: FakeMailbox

    def deliver(self, raw: bytes, *, received: datetime, properties: Mapping[str, str] | None = None) -> str:
        """Deliver a mail."""
        return self.mailbox.deliver(raw, received=received, properties=properties)

    def sent(self) -> list[tuple[str, str, tuple[str, ...], str | None]]:
        """Return what was sent."""
        return [(each.marker, each.subject, each.to + each.cc, each.in_reply_to) for each in self.mailbox.sent]

    def filed(self, folder: Folder) -> int:
        """Count."""
        return len(self.mailbox.folder(folder))

    def go_away(self) -> None:
        """Stop answering."""
        self.mailbox.away = True

    def come_back(self) -> None:
        """Answer again."""
        self.mailbox.away = False

    def lose_next_answer(self) -> None:
        """Lose one."""
        self.mailbox.lose_answers = 1


@dataclass
class SandboxStage:
    """The adapter in front of the pretend Exchange."""

    mailbox: ExchangeMailbox
    sandbox: Sandbox

    def deliver(self, raw: bytes, *, received: datetime, properties: Mapping[str, str] | None = None) -> str:
        """Deliver a mail."""
        return self.sandbox.deliver(raw, received=received, properties=properties)

    def sent(self) -> list[tuple[str, str, tuple[str, ...], str | None]]:
        """Return what was sent."""
        return [
            (mail["headers"]["X-Approvald"], mail["subject"], (*mail["to"], *mail["cc"]), mail["in_reply_to"])
            for mail in self.sandbox.sent()
        ]

    def filed(self, folder: Folder) -> int:
        """Count."""
        return len(self.sandbox.mailbox().get(f"Inbox/{folder.capitalize()}", []))

    def go_away(self) -> None:
        """Close the port."""
        self.sandbox.put_fault(System.EXCHANGE, Fault(kind=FaultKind.DOWN))

    def come_back(self) -> None:
        """Open it again."""
        self.sandbox.clear_faults(System.EXCHANGE)

    def lose_next_answer(self) -> None:
        """Cut the connection behind CreateItem."""
        fault = Fault(kind=FaultKind.RESET_AFTER, times=1, operation="CreateItem")
        self.sandbox.put_fault(System.EXCHANGE, fault)


def adapter_in_front_of(sandbox: Sandbox, *, fetch_bytes: int) -> ExchangeMailbox:
    """Return the adapter, logged on to nothing yet."""
    where = sandbox.endpoints()
    settings = MailboxSettings(
        address=where["mailbox"], url=where["exchange"], authentication="basic", ca_file=Path(where["ca_file"])
    )
    secrets = FakeSecretStore({"mailbox": Secret(username="svc-mail", password=DEFAULT_PASSWORD, version="1")})
    return ExchangeMailbox(settings, fetch_bytes, secrets, FakeGuard(), FakeNames())
