"""What the tests of outages hold each cell to: mails wait, each is decided once and answered once, none is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from approvald_sandbox.systems.faults import System
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import Stage, quick_to_settle
from places import ROOT

ILKA, RHEA, WEN = (f"{name}@corp.example" for name in ("ilka.brandt", "rhea.malik", "wen.zhao"))
BUILD: Final = ROOT / "build"
HEAD: Final = f"{'system':10} {'fault':32} {'in':>3} {'decided':>8} {'replied':>8} {'lost':>5} {'doubled':>8}"
TELL_AFTER_MINUTES: Final = 0.03


def hasty(text: str) -> str:
    """Change the configuration so that secrets are fetched when they are needed, and lost answers settle soon."""
    return quick_to_settle(text).replace("\nmount =", "\ncache_seconds = 0.01\nmount =")


@contextmanager
def table(name: str) -> Iterator[list[str]]:
    """Collect a line of figures for each cell; at the end they stand in the build folder, and in the test's output."""
    lines: list[str] = []
    yield lines
    BUILD.mkdir(exist_ok=True)
    (BUILD / name).write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    print("\n".join(["", HEAD, *lines]))  # noqa: T201 - the figures are the point


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Three mails, two to be confirmed and one to be refused, and what was there before them.

    `approver` forwards the two.
    """

    stage: Stage
    confirmed: tuple[Notice, ...]
    refused: Notice
    sent: int
    filed: int
    approver: str = ILKA

    @classmethod
    def of(cls, stage: Stage, *, level: int = 1) -> Cell:
        """Make the requests, which wait for that level; nothing is delivered yet."""
        return cls(
            stage=stage,
            approver=ILKA if level == 1 else RHEA,
            confirmed=(stage.new_request(waits_for_level=level), stage.new_request(waits_for_level=level)),
            refused=stage.new_request(),
            sent=len(stage.sandbox.sent()),
            filed=sum(stage.filed().values()),
        )

    def deliver(self) -> None:
        """Let the three mails arrive."""
        for notice in self.confirmed:
            self.stage.sandbox.deliver(forwarded(notice, self.approver))
        self.stage.sandbox.deliver(forwarded(self.refused, WEN))

    def sent_since(self) -> list[Mapping[str, Any]]:
        """Return the mails that were sent since the cell was made."""
        return list(self.stage.sandbox.sent()[self.sent :])

    def bothered_nobody(self) -> None:
        """Hold a short outage to its promise: neither senders nor team hear of it."""
        about_it = ("Not decided yet", "Alarm", "All clear: a system")
        told = [mail["subject"] for mail in self.sent_since()]
        assert not [subject for subject in told if subject.startswith(about_it)], told

    def end(self, system: System, fault: str, figures: list[str]) -> None:
        """Wait until all is done, and hold what the outside saw to the promise."""
        stage = self.stage
        stage.until(lambda: sum(stage.filed().values()) == self.filed + 3, seconds=40)
        votes = [len(stage.votes(notice)) for notice in (*self.confirmed, self.refused)]
        finals = [mail for mail in self.sent_since() if mail["subject"].startswith(("Approved", "Not approved"))]
        numbers = [notice.number for notice in (*self.confirmed, self.refused)]
        replied = [sum(number in mail["subject"] for mail in finals) for number in numbers]
        inbox = len(stage.sandbox.mailbox()["Inbox"])
        doubled = sum(max(vote - 1, 0) for vote in votes) + sum(max(count - 1, 0) for count in replied)
        lost = replied.count(0) + inbox
        decided = sum(votes) + (votes[2] == 0)
        figures.append(f"{system.value:10} {fault:32} {3:>3} {decided:>8} {sum(replied):>8} {lost:>5} {doubled:>8}")
        assert votes == [1, 1, 0]
        assert replied == [1, 1, 1], [mail["subject"] for mail in finals]
        assert inbox == 0
        assert stage.daemon.exit_code() is None
