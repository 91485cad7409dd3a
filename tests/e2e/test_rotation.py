"""Passwords are changed while the daemon runs: no restart, and the team hears of a refusal and of its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvald_sandbox.control.client import Sandbox
from e2e.outage_cells import TELL_AFTER_MINUTES, Cell, hasty, table
from e2e.stage import Stage, raised
from e2e.waiting import ACCOUNTS, cut, failures, refused_logons


@pytest.fixture(scope="module")
def figures() -> Iterator[list[str]]:
    """Collect a line of figures for each cell."""
    with table("rotation.txt") as lines:
        yield lines


@pytest.fixture(scope="module")
def running(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give one daemon for all tests."""
    sandbox_process.reset()
    state = tmp_path_factory.mktemp("rotation") / "state"
    with raised(sandbox_process, state, edit=hasty, timeout=1.0, tell_after_minutes=TELL_AFTER_MINUTES) as made:
        yield made


def of_account(cell: Cell, account: str) -> list[str]:
    """Return the subjects of the mails about this account."""
    told = [mail for mail in cell.sent_since() if mail["subject"].startswith(("Alarm", "All clear"))]
    return [mail["subject"] for mail in told if account in mail["text"]]


def a_cell(stage: Stage, account: str) -> Cell:
    """Make requests that this account has to confirm."""
    return Cell.of(stage, level=2 if account == "svc-pam-l2" else 1)


@pytest.mark.parametrize("account", list(ACCOUNTS))
def test_the_secret_store_first(running: Stage, account: str, figures: list[str]) -> None:
    """What is logged on goes on; nobody hears anything, and at most what was remembered is refused, once."""
    first = a_cell(running, account)
    first.deliver()
    first.end(ACCOUNTS[account], f"{account}, logged on", figures)
    refused, failed = refused_logons(running, account), failures(running, ACCOUNTS[account])
    running.sandbox.change_password(account, "Changed-Passw0rd!", ["vault"])
    before = a_cell(running, account)
    before.deliver()
    before.end(ACCOUNTS[account], f"{account}, store first", figures)
    running.sandbox.change_password(account, "Changed-Passw0rd!", ["directory"])
    cut(running, ACCOUNTS[account])
    cell = a_cell(running, account)
    cell.deliver()
    cell.end(ACCOUNTS[account], f"{account}, then the account", figures)
    assert refused_logons(running, account) <= refused + 1
    assert failures(running, ACCOUNTS[account]) == failed
    assert of_account(before, account) == []


@pytest.mark.parametrize("account", list(ACCOUNTS))
def test_the_account_first(running: Stage, account: str, figures: list[str]) -> None:
    """It is told that it is refused, and that it is accepted again; it is tried once in between."""
    refused, failed = refused_logons(running, account), failures(running, ACCOUNTS[account])
    cell = a_cell(running, account)
    running.sandbox.change_password(account, "Changed-Again-Passw0rd!", ["directory"])
    cut(running, ACCOUNTS[account])
    cell.deliver()
    running.until(lambda: failures(running, ACCOUNTS[account]) > failed + 1)
    running.sandbox.change_password(account, "Changed-Again-Passw0rd!", ["vault"])
    cell.end(ACCOUNTS[account], f"{account}, account first", figures)
    running.until(lambda: len(of_account(cell, account)) == 2)
    assert of_account(cell, account) == [
        "Alarm: one of approvald's passwords is not accepted",
        "All clear: one of approvald's passwords is accepted again",
    ]
    assert refused_logons(running, account) <= refused + 1
