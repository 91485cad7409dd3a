"""Daemons that start into an outage, and one that has to tell of a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from e2e.outage_cells import hasty
from e2e.quick_daemon import quick_daemon
from e2e.stage import Stage, raised
from e2e.waiting import KINDS, NEEDED, assert_confirmed_once, failures

ILKA = "ilka.brandt@corp.example"


def told_away(stage: Stage, system: System) -> None:
    """Wait until the daemon has met this system and said that it is away."""
    stage.until(lambda: failures(stage, system) > 0)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_everything_is_away_at_the_start(sandbox: Sandbox, kind: FaultKind, tmp_path: Path) -> None:
    """A daemon that starts into an outage lives, and works as its systems come back one after the other."""
    for system in NEEDED:
        sandbox.put_fault(system, Fault(kind=kind))
    with raised(sandbox, tmp_path / "state", timeout=1.0) as stage:
        notice = stage.new_request()
        stage.sandbox.deliver(forwarded(notice, ILKA))

        for system in NEEDED:
            told_away(stage, system)
            assert stage.sandbox.sent() == []
            stage.sandbox.clear_faults(system)

        assert stage.wait_until_filed(dict.fromkeys(stage.filed(), 0)) == "Done"
        assert_confirmed_once(stage, notice, 0)


def test_a_long_wait_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """After `tell_after` the sender reads once that nothing is decided; the team hears of beginning and end."""
    with raised(sandbox, tmp_path / "state", timeout=1.0, tell_after_minutes=0.01) as stage:
        notice = stage.new_request()
        stage.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.DOWN))
        stage.sandbox.deliver(forwarded(notice, ILKA))
        stage.until(lambda: len(stage.replies()) == 1 and stage.waits() >= 3)

        [told] = stage.replies()
        assert (told["to"], told["subject"].partition(":")[0]) == ([ILKA], "Not decided yet")
        stage.sandbox.clear_faults()
        stage.wait_until_filed(dict.fromkeys(stage.filed(), 0))

        assert_confirmed_once(stage, notice, 1)
        stage.until(lambda: len(stage.alarms()) == 2)
        assert [mail["subject"] for mail in stage.alarms()] == [
            "Alarm: a system is away, and mails are waiting",
            "All clear: a system is back",
        ]


def test_a_ledger_that_cannot_be_written_at_the_start_is_waited_for(sandbox: Sandbox, tmp_path: Path) -> None:
    """As on a full or read-only disk: the daemon lives, says so in an alarm line, logs on nowhere, and goes on."""
    state = tmp_path / "state"
    block = state / "ledger.db.mail.lock"
    block.mkdir(parents=True)
    text = hasty(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.2, timeout=1.0, tell_after_minutes=0.01))
    with quick_daemon(state, text) as daemon:
        stage = Stage(sandbox, daemon)
        daemon.wait_for("alarm")
        [told] = daemon.events("alarm")
        assert (told["code"], "cannot be written" in told["why"]) == ("ledger_away", True)
        assert daemon.exit_code() is None
        assert not sandbox.stats()["operations"]["exchange"]
        block.rmdir()
        daemon.wait_for("daemon.started")
        assert stage.forward(stage.request()) == "Done"
