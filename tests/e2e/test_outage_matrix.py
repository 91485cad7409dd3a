"""Every system times every fault: mails wait, and afterwards each is decided once and answered once. None is lost.

These outages are short: neither senders nor team hear of them. Figures of each cell go into build/outages.txt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from e2e.outage_cells import Cell, hasty, table
from e2e.stage import Stage, alone_to_team, raised, restore
from e2e.waiting import ACCOUNTS, NEEDED, cut, failures, refused_logons

pytestmark = pytest.mark.long(minutes=3)

TOKEN_SECONDS: Final = 1


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
    sandbox_process.change_vault(token_seconds=TOKEN_SECONDS)  # so that logging on to it is needed, too
    # A system that fails in cell after cell has one outage over all of them, and none of these is to be a long one
    with raised(sandbox_process, state, edit=hasty, timeout=1.0, tell_after_minutes=60.0) as made:
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
    cell.bothered_nobody()


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
    cell.bothered_nobody()


def refusals_told(cell: Cell, account: str) -> int:
    """Count the mails that told the team, and nobody else, that this account is not accepted."""
    told = [mail for mail in cell.sent_since() if "one of approvald's passwords" in mail["subject"]]
    return sum(account in mail["text"] for mail in told if alone_to_team(mail))


@pytest.mark.parametrize("account", list(ACCOUNTS))
def test_a_password_is_changed(matrix: Stage, account: str, figures: list[str]) -> None:
    """First where it is used, then in the secret store: at most one refused log-on, told once, and no restart."""
    system, refused = ACCOUNTS[account], refused_logons(matrix, account)
    cell = Cell.of(matrix, level=2 if account == "svc-pam-l2" else 1)
    failed = failures(matrix, system)
    matrix.sandbox.change_password(account, "Changed-Passw0rd!", ["directory"])
    cut(matrix, system)
    cell.deliver()
    matrix.until(lambda: failures(matrix, system) > failed + 1)
    matrix.sandbox.change_password(account, "Changed-Passw0rd!", ["vault"])
    cell.end(system, f"401, {account} changed", figures)
    assert refused_logons(matrix, account) <= refused + 1
    assert refusals_told(cell, account) == 1
    matrix.sandbox.change_password(account, DEFAULT_PASSWORD)


def test_approles_secret_id_is_changed(matrix: Stage, figures: list[str]) -> None:
    """First in the secret store, then in its file: at most one refused log-on, told once, and no restart."""
    file = Path(matrix.sandbox.endpoints()["vault_secret_id_file"])
    before, refused = file.read_text(encoding="utf-8"), refused_logons(matrix, "approle")
    cell = Cell.of(matrix)
    failed = failures(matrix, System.VAULT)
    try:
        matrix.sandbox.change_vault(secret_id="a-new-secret-id")
        time.sleep(TOKEN_SECONDS)  # until the token that was given for the old one is over
        forget_tokens(matrix)
        cell.deliver()
        matrix.until(lambda: failures(matrix, System.VAULT) > failed + 1)
        file.write_text("a-new-secret-id\n", encoding="utf-8")
        cell.end(System.VAULT, "401, secret-id changed", figures)
    finally:
        file.write_text(before, encoding="utf-8")
        matrix.sandbox.change_vault(secret_id=before.strip())
    assert refused_logons(matrix, "approle") <= refused + 1
    assert refusals_told(cell, "approle") == 1


def forget_tokens(stage: Stage) -> None:
    """Let PVWA's nodes lose every session."""
    stage.sandbox.end_pvwa_sessions()


def upgrade(stage: Stage) -> None:
    """Let PVWA answer HTML on every route for a while, as it does while it is upgraded."""
    stage.sandbox.change_profile(upgrade_window=True)
    failed = failures(stage, System.PVWA)
    stage.until(lambda: failures(stage, System.PVWA) > failed)
    stage.sandbox.change_profile(upgrade_window=False)


def fail_over(stage: Stage) -> None:
    """Let the Vault behind PVWA fail over: every session ends, and every call answers 500 with its words."""
    stage.sandbox.change_profile(vault_away=True)
    failed = failures(stage, System.PVWA)
    stage.until(lambda: failures(stage, System.PVWA) > failed + 1)
    stage.sandbox.change_profile(vault_away=False)


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
        (System.PVWA, "fail-over of its vault", fail_over),
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
    cell.bothered_nobody()


def test_one_request_that_always_fails_holds_up_no_other(matrix: Stage, figures: list[str]) -> None:
    """PVWA answers 500 for one number only: the other mails are decided meanwhile, and that one afterwards."""
    cell = Cell.of(matrix)
    failed = failures(matrix, System.PVWA)
    poisoned = Fault(kind=FaultKind.STATUS, status=500, operation=f"_{cell.confirmed[0].number}")
    matrix.sandbox.put_fault(System.PVWA, poisoned)
    cell.deliver()
    matrix.until(lambda: failures(matrix, System.PVWA) > failed + 1)
    matrix.until(lambda: sum(matrix.filed().values()) == cell.filed + 2)
    assert matrix.attempts_at(cell.confirmed[0]) == 0
    matrix.sandbox.clear_faults()
    cell.end(System.PVWA, "500 for one request", figures)
    cell.bothered_nobody()
