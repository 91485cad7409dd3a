"""Every system times every fault: mails wait, and afterwards each is decided once and answered once. None is lost.

Figures of each cell go into build/outages.txt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from approvald_sandbox.client import Sandbox
from approvald_sandbox.faults import Fault, FaultKind, System
from approvald_sandbox.world import DEFAULT_PASSWORD
from e2e.outage_cells import TELL_AFTER_MINUTES, Cell, hasty, table
from e2e.stage import Stage, raised, restore
from e2e.waiting import NEEDED, failures


@pytest.fixture(scope="module")
def figures() -> Iterator[list[str]]:
    """Collect a line of figures for each cell."""
    with table("outages.txt") as lines:
        yield lines


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
