"""Every system times every fault: mails wait, and afterwards each is decided once and answered once. None is lost.

Figures of each cell go into build/outages.txt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from approvald_sandbox.approvald_process import ApprovaldProcess
from approvald_sandbox.approvald_toml import approvald_toml
from approvald_sandbox.client import Sandbox
from approvald_sandbox.faults import Fault, FaultKind, System
from approvald_sandbox.mails import Notice, forwarded
from approvald_sandbox.world import DEFAULT_PASSWORD
from e2e.stage import Stage, quick_to_settle, raised, restore
from e2e.waiting import NAMES, NEEDED, failures

ILKA, WEN = "ilka.brandt@corp.example", "wen.zhao@corp.example"
FIGURES: Final = Path(__file__).parents[2] / "build" / "outages.txt"
HEAD: Final = f"{'system':10} {'fault':24} {'in':>3} {'decided':>8} {'replied':>8} {'lost':>5} {'doubled':>8}"
TELL_AFTER_MINUTES: Final = 0.03


def hasty(text: str) -> str:
    """Change the configuration so that secrets are fetched when they are needed, and lost answers settle soon."""
    return quick_to_settle(text).replace("\nmount =", "\ncache_seconds = 0.01\nmount =")


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[list[str]]:
    """Collect a line of figures for each cell."""
    lines: list[str] = []
    yield lines
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    print("\n".join(["", HEAD, *lines]))  # noqa: T201 - the figures are the point


@pytest.fixture(scope="module")
def patient(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give one daemon for the cells that need no start of their own."""
    sandbox_process.reset()
    state = tmp_path_factory.mktemp("matrix") / "state"
    with raised(sandbox_process, state, edit=hasty, timeout=1.0, tell_after_minutes=TELL_AFTER_MINUTES) as made:
        yield made


@pytest.fixture
def matrix(patient: Stage) -> Iterator[Stage]:
    """Give that daemon in a world where all is well."""
    yield patient
    restore(patient.sandbox)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Three mails, two to be confirmed and one to be refused, and what was there before them."""

    stage: Stage
    confirmed: tuple[Notice, ...]
    refused: Notice
    sent: int
    filed: int

    @classmethod
    def of(cls, stage: Stage) -> Cell:
        """Make the requests; nothing is delivered yet."""
        return cls(
            stage=stage,
            confirmed=(stage.new_request(), stage.new_request()),
            refused=stage.new_request(),
            sent=len(stage.sandbox.sent()),
            filed=sum(stage.filed().values()),
        )

    def deliver(self) -> None:
        """Let the three mails arrive."""
        for notice in self.confirmed:
            self.stage.sandbox.deliver(forwarded(notice, ILKA))
        self.stage.sandbox.deliver(forwarded(self.refused, WEN))

    def end(self, system: System, fault: str, figures: list[str]) -> None:
        """Wait until all is done, and hold what the outside saw to the promise."""
        stage = self.stage
        stage.until(lambda: sum(stage.filed().values()) == self.filed + 3, seconds=40)
        votes = [len(stage.votes(notice)) for notice in (*self.confirmed, self.refused)]
        finals = [
            mail
            for mail in stage.sandbox.sent()[self.sent :]
            if mail["subject"].startswith(("Approved", "Not approved"))
        ]
        numbers = [notice.number for notice in (*self.confirmed, self.refused)]
        replied = [sum(number in mail["subject"] for mail in finals) for number in numbers]
        inbox = len(stage.sandbox.mailbox()["Inbox"])
        doubled = sum(max(vote - 1, 0) for vote in votes) + sum(max(count - 1, 0) for count in replied)
        lost = replied.count(0) + inbox
        decided = sum(votes) + (votes[2] == 0)
        figures.append(f"{system.value:10} {fault:24} {3:>3} {decided:>8} {sum(replied):>8} {lost:>5} {doubled:>8}")
        assert votes == [1, 1, 0]
        assert replied == [1, 1, 1], [mail["subject"] for mail in finals]
        assert inbox == 0
        assert stage.daemon.exit_code() is None


SHORT: Final = {
    "down mid-mail": Fault(kind=FaultKind.RESET_BEFORE, times=2),
    "reset after": Fault(kind=FaultKind.RESET_AFTER, times=2),
    "429, retry after 1 s": Fault(kind=FaultKind.STATUS, status=429, retry_after=1, times=2),
    "500": Fault(kind=FaultKind.STATUS, status=500, times=3),
    "503": Fault(kind=FaultKind.STATUS, status=503, times=3),
}
"""Faults that pass by themselves."""
LASTING: Final = {
    "down": Fault(kind=FaultKind.DOWN),
    "hanging": Fault(kind=FaultKind.HANG),
    "HTML": Fault(kind=FaultKind.HTML),
    "wrong certificate": Fault(kind=FaultKind.WRONG_CERTIFICATE),
}
"""Faults that last until they are taken out."""


@pytest.mark.parametrize("system", NEEDED, ids=str)
@pytest.mark.parametrize("fault", list(SHORT))
def test_a_fault_that_passes(matrix: Stage, system: System, fault: str, figures: list[str]) -> None:
    """In the middle of the mails' way, wherever it hits."""
    cell = Cell.of(matrix)
    matrix.sandbox.end_pvwa_sessions()  # so that a secret is needed, too
    matrix.sandbox.put_fault(system, SHORT[fault])
    cell.deliver()
    cell.end(system, fault, figures)


@pytest.mark.parametrize("system", NEEDED, ids=str)
@pytest.mark.parametrize("fault", list(LASTING))
def test_a_fault_that_lasts(matrix: Stage, system: System, fault: str, figures: list[str]) -> None:
    """Until somebody mends it."""
    cell = Cell.of(matrix)
    failed = failures(matrix, system)
    matrix.sandbox.end_pvwa_sessions()
    matrix.sandbox.put_fault(system, LASTING[fault])
    cell.deliver()
    matrix.until(lambda: failures(matrix, system) > failed + 1)
    matrix.sandbox.clear_faults()
    cell.end(system, fault, figures)


def notices(stage: Stage) -> list[str]:
    """Return the subjects of the mails that said that nothing is decided yet."""
    return [mail["subject"] for mail in stage.replies() if mail["subject"].startswith("Not decided yet")]


def of_outages(stage: Stage, system: System) -> list[str]:
    """Return the subjects of the mails to the team about this system's outages."""
    name = NAMES.get(system, system.value)
    return [mail["subject"] for mail in stage.alarms() if name in mail["text"] and "system is" in mail["subject"]]


@pytest.mark.parametrize("system", NEEDED, ids=str)
def test_an_outage_of_minutes(sandbox: Sandbox, tmp_path: Path, system: System, figures: list[str]) -> None:
    """A daemon that starts into it lives; each sender reads once that nothing is decided, the team hears twice."""
    sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))
    with raised(sandbox, tmp_path / "state", edit=hasty, timeout=1.0, tell_after_minutes=TELL_AFTER_MINUTES) as stage:
        cell = Cell.of(stage)
        cell.deliver()
        stage.until(lambda: failures(stage, system) >= 4)
        if system in {System.PVWA, System.DIRECTORY}:
            stage.until(lambda: len(of_outages(stage, system)) == 1)
        if system is System.PVWA:
            stage.until(lambda: len(notices(stage)) == 3)
        stage.sandbox.clear_faults()
        cell.end(system, "down at start, minutes", figures)
        stage.until(lambda: len(of_outages(stage, system)) == 2)

        assert of_outages(stage, system) == [
            "Alarm: a system is away, nothing is being approved", "All clear: a system is back",
        ]  # fmt: skip
        assert len(notices(stage)) <= 3


ACCOUNTS: Final = {
    "svc-mail": System.EXCHANGE, "svc-directory": System.DIRECTORY, "svc-pam-l1": System.PVWA,
}  # fmt: skip


@pytest.mark.parametrize("account", list(ACCOUNTS))
def test_a_password_is_changed(matrix: Stage, account: str, figures: list[str]) -> None:
    """First where it is used, then in the secret store: one refused log-on, and no restart."""
    system = ACCOUNTS[account]
    cell = Cell.of(matrix)
    failed = failures(matrix, system)
    matrix.sandbox.change_password(account, "Changed-Passw0rd!", ["directory"])
    matrix.sandbox.end_pvwa_sessions()
    matrix.sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))  # cuts what is logged on
    matrix.sandbox.clear_faults()
    cell.deliver()
    matrix.until(lambda: failures(matrix, system) > failed + 1)
    matrix.sandbox.change_password(account, "Changed-Passw0rd!", ["vault"])
    cell.end(system, f"401, {account} changed", figures)
    matrix.sandbox.change_password(account, DEFAULT_PASSWORD)


def forget_tokens(stage: Stage) -> None:
    """Let PVWA's nodes lose every session."""
    stage.sandbox.end_pvwa_sessions()


def upgrade(stage: Stage) -> None:
    """Let PVWA answer HTML on every route for a while, as it does while it is upgraded."""
    stage.sandbox.change_profile(upgrade_window=True)
    failed = failures(stage, System.PVWA)
    stage.until(lambda: failures(stage, System.PVWA) > failed)
    stage.sandbox.change_profile(upgrade_window=False)


def seal(stage: Stage) -> None:
    """Let the secret store be sealed for a while."""
    stage.sandbox.change_vault(sealed=True)
    stage.sandbox.end_pvwa_sessions()
    failed = failures(stage, System.VAULT)
    stage.until(lambda: failures(stage, System.VAULT) > failed)
    stage.sandbox.change_vault(sealed=False)


@pytest.mark.parametrize(
    ("system", "fault", "happen"),
    [
        (System.PVWA, "nodes forget tokens", forget_tokens),
        (System.PVWA, "upgrade window", upgrade),
        (System.VAULT, "sealed", seal),
    ],
)
def test_what_only_one_system_does(
    matrix: Stage, system: System, fault: str, happen: Callable[[Stage], None], figures: list[str]
) -> None:
    """Each system has faults of its own."""
    cell = Cell.of(matrix)
    forget_tokens(matrix)
    cell.deliver()
    happen(matrix)
    cell.end(system, fault, figures)


def test_the_ledger_cannot_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing is confirmed, the Inbox is still read, the team is mailed at once; and it goes on when it can write."""
    state = tmp_path / "state"
    text = hasty(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.2, timeout=1.0, tell_after_minutes=0.01))
    with ApprovaldProcess(state, text) as daemon:
        stage = Stage(sandbox, daemon)
        daemon.wait_for("daemon.started")
        first = stage.request()
        assert stage.forward(first) == "Done"
        with closing(sqlite3.connect(state / "ledger.db", isolation_level=None)) as hanging:
            hanging.execute("BEGIN EXCLUSIVE")  # as another program that hangs would
            cell = Cell.of(stage)
            cell.deliver()
            stage.until(lambda: any("ledger" in mail["subject"] for mail in stage.alarms()), seconds=60)
            assert [stage.attempts_at(notice) for notice in cell.confirmed] == [0, 0]
        stage.until(lambda: sum(stage.filed().values()) == 4, seconds=40)
        assert [len(stage.votes(notice)) for notice in cell.confirmed] == [1, 1]
        assert sum("ledger" in mail["subject"] for mail in stage.alarms()) == 1
