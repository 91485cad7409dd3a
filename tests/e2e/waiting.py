"""What the tests of outages have in common: the faults, the order of the systems, and how a wait must end."""

from __future__ import annotations

from typing import Final

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice
from e2e.stage import Stage

NEEDED: Final = (System.VAULT, System.EXCHANGE, System.DIRECTORY, System.PVWA)
"""In the order in which a mail's way needs them."""
KINDS: Final = (FaultKind.DOWN, FaultKind.HANG, FaultKind.STATUS, FaultKind.HTML)
NAMES: Final = {System.VAULT: "secret_store"}
"""What approvald calls a system, where that differs."""

ACCOUNTS: Final = {
    "svc-mail": System.EXCHANGE,
    "svc-directory": System.DIRECTORY,
    "svc-pam-l1": System.PVWA,
    "svc-pam-l2": System.PVWA,
}
"""Where each of the accounts logs on."""


def failures(stage: Stage, system: System) -> int:
    """Count how often the daemon said that this system is away."""
    lines = [*stage.daemon.events("poll.failed"), *stage.daemon.events("mail.waiting")]
    return sum(line["system"] == NAMES.get(system, system.value) for line in lines)


def refused_logons(stage: Stage, account: str) -> int:
    """Return how many log-ons of this account were refused, by whichever system."""
    return sum(int(by.get(account, 0)) for by in stage.sandbox.stats()["failed_logons"].values())


def cut(stage: Stage, system: System) -> None:
    """Cut every connection and session at this system, so that the next question logs on."""
    stage.sandbox.end_pvwa_sessions()
    stage.sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))
    stage.sandbox.clear_faults(system)


def assert_confirmed_once(stage: Stage, notice: Notice, sent: int, attempts: int = 1) -> None:
    """Hold a mail that waited to its end: one vote, one answer, an empty Inbox, a daemon that lives.

    `sent`: how many mails had been sent before the answer, those to the team alone not counted.
    """
    assert stage.votes(notice) == [("svc-pam-l1", 1)]
    assert stage.attempts_at(notice) == attempts
    assert [reply["subject"].partition(":")[0] for reply in stage.replies()[sent:]] == ["Approved"]
    assert stage.sandbox.mailbox()["Inbox"] == []
    assert stage.daemon.exit_code() is None
