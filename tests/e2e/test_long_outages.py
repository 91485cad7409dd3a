"""Outages that last: whoever starts into one lives, senders and team are told once, and nothing is lost."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from e2e.outage_cells import TELL_AFTER_MINUTES, Cell, hasty, table
from e2e.quick_daemon import quick_daemon
from e2e.stage import Stage, raised
from e2e.waiting import NAMES, NEEDED, failures

pytestmark = pytest.mark.long(minutes=2)

CAN_TELL = {System.PVWA, System.DIRECTORY}
"""Systems without which mails can be read and sent. The mailbox's password is in the Vault."""


@pytest.fixture(scope="module")
def figures() -> Iterator[list[str]]:
    """Collect a line of figures for each cell."""
    with table("long_outages.txt") as lines:
        yield lines


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
        if system in CAN_TELL:
            stage.until(lambda: len(of_outages(stage, system)) == 1 and len(notices(stage)) == 3)
        stage.sandbox.clear_faults()
        cell.end(system, "down at start, minutes", figures)
        stage.until(lambda: len(of_outages(stage, system)) == 2)

        assert of_outages(stage, system) == [
            "Alarm: a system is away, and mails are waiting", "All clear: a system is back",
        ]  # fmt: skip
        assert len(notices(stage)) == (3 if system in CAN_TELL else 0)


def told_of_ledger(stage: Stage) -> None:
    """Hold the team's mails to one about the beginning and one about the end, which is waited for."""
    stage.until(lambda: any(mail["subject"].startswith("All clear") for mail in stage.alarms()))
    assert [mail["subject"] for mail in stage.alarms()] == [
        "Alarm: the ledger cannot be written, so nothing is being approved", "All clear: a system is back",
    ]  # fmt: skip


def test_the_ledger_cannot_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing is confirmed, the Inbox is still read, the team is mailed at once; and it goes on when it can write."""
    state = tmp_path / "state"
    text = hasty(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.2, timeout=1.0, tell_after_minutes=0.01))
    with quick_daemon(state, text) as daemon:
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
        told_of_ledger(stage)


def test_a_full_disk_stops_confirming_and_not_reading(sandbox: Sandbox, tmp_path: Path) -> None:
    """No file of the daemon's can grow: nothing is confirmed, the Inbox is read, the team hears; then it goes on."""
    state = tmp_path / "state"
    text = hasty(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.2, timeout=1.0, tell_after_minutes=0.01))
    with quick_daemon(state, text) as daemon:
        stage = Stage(sandbox, daemon)
        daemon.wait_for("daemon.started")
        assert stage.forward(stage.request()) == "Done"
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        cell = Cell.of(stage)
        cell.deliver()
        asked = len(sandbox.stats()["operations"]["exchange"])
        stage.until(lambda: any("ledger" in mail["subject"] for mail in stage.alarms()), seconds=60)
        stage.until(lambda: len(sandbox.stats()["operations"]["exchange"]) > asked, seconds=60)
        assert [stage.attempts_at(notice) for notice in cell.confirmed] == [0, 0]
        assert daemon.exit_code() is None
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        stage.until(lambda: sum(stage.filed().values()) == 4, seconds=40)
        assert [len(stage.votes(notice)) for notice in cell.confirmed] == [1, 1]
        told_of_ledger(stage)
