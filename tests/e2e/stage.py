"""A stage for whole stories: the sandbox, the daemon as a process, and what the outside saw."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.control.server import DEMO_WORLD
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.quick_daemon import daemon_server, quick_daemon

SECONDS = 20.0
HANDLED = ("Done", "Refused", "Ignored", "Quarantine")
WORLD: Final = json.loads(DEMO_WORLD.read_text(encoding="utf-8"))
TEAM: Final = "cyberark-team@corp.example"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the outside saw of one mail: where it was filed, how its summary line says it ended, and what was sent.

    `replies` are without what went to the team alone; that is `Stage.alarms`.
    """

    folder: str
    code: str
    replies: Sequence[Mapping[str, Any]]


@dataclass
class Stage:
    """One world, one daemon. Every question is asked of the pretend systems, never of approvald itself."""

    sandbox: Sandbox
    daemon: ApprovaldProcess
    numbers: Iterator[int] = field(default_factory=lambda: count(2001))

    def request(self, safe: str = "DB-PROD-01", number: str = "1101", **fields: Any) -> Notice:
        """Make a waiting request in PVWA and return the notification that CyberArk sends about it."""
        fields.setdefault("requestor", "jonas.keil@corp.example")
        self.sandbox.change_request(safe, number, **fields)
        return Notice(requestor=fields["requestor"], safe=safe, number=number)

    def new_request(self, safe: str = "DB-PROD-01", **fields: Any) -> Notice:
        """Make a waiting request under a number of its own, for tests that share one daemon."""
        return self.request(safe, str(next(self.numbers)), **fields)

    def forward(self, notice: Notice, sender: str = "ilka.brandt@corp.example", **how: Any) -> str:
        """Deliver the notification as forwarded by `sender`, and wait until it is filed. Returns the folder."""
        return self.deliver(forwarded(notice, sender, **how))

    def deliver(self, raw: bytes, **how: Any) -> str:
        """Deliver a mail and wait until it is in a folder. Returns that folder's name."""
        before = self.filed()
        self.sandbox.deliver(raw, **how)
        return self.wait_until_filed(before)

    def see(self, raw: bytes, **how: Any) -> Seen:
        """Deliver a mail and tell what the outside saw of it. For one mail at a time."""
        sent, ended = len(self.sandbox.sent()), len(self.codes())
        folder = self.deliver(raw, **how)
        self.until(lambda: len(self.codes()) > ended)  # the summary line follows the filing
        assert len(self.codes()) == ended + 1
        return Seen(
            folder=folder,
            code=self.codes()[-1],
            replies=[each for each in self.sandbox.sent()[sent:] if not alone_to_team(each)],
        )

    def replies(self) -> list[Mapping[str, Any]]:
        """Return the mails that did not go to the CyberArk team alone."""
        return [each for each in self.sandbox.sent() if not alone_to_team(each)]

    def alarms(self) -> list[Mapping[str, Any]]:
        """Return the mails that went to the CyberArk team alone."""
        return [each for each in self.sandbox.sent() if alone_to_team(each)]

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
                raise AssertionError(self.story())
            time.sleep(0.03)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of approvald beside the daemon, with its configuration."""
        return daemon_server().run(self.daemon.arguments(*arguments))

    def waits(self) -> int:
        """Return how often a mail was put off, by the log."""
        return sum(1 for _ in self.daemon.events("mail.waiting"))

    def until(self, happened: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until something has happened. Raises AssertionError with the end of the log."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(self.story())
            time.sleep(0.03)

    def story(self) -> str:
        """Return what the daemon said last, for a test that fails."""
        return f"{self.daemon.output()[-1500:]} {list(self.daemon.events())[-5:]}"

    def confirmations(self) -> list[tuple[str, str, int]]:
        """Return what PVWA took, as (request id, user, level)."""
        return [(each["key"], each["user"], each["level"]) for each in self.sandbox.confirmations()]

    def votes(self, notice: Notice) -> list[tuple[str, int]]:
        """Return what PVWA took for one request, as (user, level)."""
        return [(user, level) for key, user, level in self.confirmations() if key == f"{notice.safe}_{notice.number}"]

    def attempts_at(self, notice: Notice) -> int:
        """Return how many Confirm calls arrived for one request."""
        key = f"{notice.safe}_{notice.number}"
        return sum(each["key"] == key for each in self.sandbox.confirm_attempts())

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


def alone_to_team(mail: Mapping[str, Any]) -> bool:
    """Whether a mail went to the CyberArk team and nobody else."""
    return (mail["to"], mail["cc"]) == ([TEAM], [])


def restore(sandbox: Sandbox) -> None:
    """Undo what a test did to the demo's people, groups, PVWA and wires, under a daemon that goes on running."""
    sandbox.clear_faults()
    sandbox.change_profile(**asdict(Profile()))
    for sam in WORLD["people"]:
        sandbox.change_person(sam, delete=True)
        sandbox.change_person(sam)
    for name, members in WORLD["groups"].items():
        sandbox.change_group(name, members=members, kind="security")


def quick_to_settle(text: str) -> str:
    """Change the configuration so that a confirmation whose answer was lost is certain to be over soon."""
    return text.replace("\n[pvwa]\n", "\n[pvwa]\nconnect_timeout_seconds = 0.5\n")


@contextmanager
def raised(sandbox: Sandbox, state: Path, *, edit: Callable[[str], str] = str, **configuration: Any) -> Iterator[Stage]:
    """Start the daemon on a sandbox that has just been reset, polling five times a second.

    `edit` changes the text of the configuration.
    """
    options: dict[str, Any] = {"poll_seconds": 0.2} | configuration
    text = edit(approvald_toml(sandbox.endpoints(), state, **options))
    with quick_daemon(state, text) as daemon:
        stage = Stage(sandbox, daemon)
        daemon.wait_for("daemon.started")
        yield stage
        assert daemon.exit_code() is None, daemon.output()
        assert daemon.stop() == 0, daemon.output()
