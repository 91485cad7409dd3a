"""A stage for whole stories: the sandbox, the daemon as a process, and what the outside saw."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvald_sandbox.approvald_process import ApprovaldProcess
from approvald_sandbox.approvald_toml import approvald_toml
from approvald_sandbox.client import Sandbox
from approvald_sandbox.mails import Notice, forwarded

SECONDS = 20.0
HANDLED = ("Done", "Refused", "Ignored", "Quarantine")


@dataclass
class Stage:
    """One world, one daemon. Every question is asked of the pretend systems, never of approvald itself."""

    sandbox: Sandbox
    daemon: ApprovaldProcess

    def request(self, safe: str = "DB-PROD-01", number: str = "1101", **fields: Any) -> Notice:
        """Make a waiting request in PVWA and return the notification that CyberArk sends about it."""
        fields.setdefault("requestor", "jonas.keil@corp.example")
        self.sandbox.change_request(safe, number, **fields)
        return Notice(requestor=fields["requestor"], safe=safe, number=number)

    def forward(self, notice: Notice, sender: str = "ilka.brandt@corp.example", **how: Any) -> str:
        """Deliver the notification as forwarded by `sender`, and wait until it is filed. Returns the folder."""
        return self.deliver(forwarded(notice, sender, **how))

    def deliver(self, raw: bytes, **how: Any) -> str:
        """Deliver a mail and wait until it is in a folder. Returns that folder's name."""
        before = self.filed()
        self.sandbox.deliver(raw, **how)
        return self.wait_until_filed(before)

    def filed(self) -> dict[str, int]:
        """Return how many mails each of our folders holds."""
        mailbox = self.sandbox.mailbox()
        return {name: len(mailbox.get(f"Inbox/{name}", [])) for name in HANDLED}

    def wait_until_filed(self, before: Mapping[str, int], count: int = 1) -> str:
        """Wait until so many more mails are filed. Returns the folder of the (only) one."""
        deadline = time.monotonic() + SECONDS
        while True:
            now = self.filed()
            grown = [name for name in HANDLED if now[name] > before[name]]
            if sum(now.values()) - sum(before.values()) >= count:
                return grown[0]
            if time.monotonic() > deadline:
                message = f"not filed; {self.daemon.output()[-1500:]} {list(self.daemon.events())[-5:]}"
                raise AssertionError(message)
            time.sleep(0.03)

    def confirmations(self) -> list[tuple[str, str, int]]:
        """Return what PVWA took, as (request id, user, level)."""
        return [(each["key"], each["user"], each["level"]) for each in self.sandbox.confirmations()]

    def comments(self) -> list[str]:
        """Return the comments of what PVWA took."""
        return [each["reason"] for each in self.sandbox.confirmations()]

    def attempts(self) -> int:
        """Return how many Confirm calls arrived at PVWA."""
        return len(self.sandbox.confirm_attempts())

    def last_reply(self) -> Mapping[str, Any]:
        """Return the last mail sent."""
        return self.sandbox.sent()[-1]

    def codes(self) -> list[str]:
        """Return the codes of the summary lines in the log."""
        return [str(line["code"]) for line in self.daemon.events("mail.done")]


@contextmanager
def raised(sandbox: Sandbox, state: Path, **configuration: Any) -> Iterator[Stage]:
    """Start the daemon on a sandbox that has just been reset, polling five times a second."""
    options: dict[str, Any] = {"poll_seconds": 0.2} | configuration
    with ApprovaldProcess(state, approvald_toml(sandbox.endpoints(), state, **options)) as daemon:
        stage = Stage(sandbox, daemon)
        daemon.wait_for("daemon.started")
        yield stage
        assert daemon.exit_code() is None, daemon.output()
        assert daemon.stop() == 0, daemon.output()
