"""The daemon as a process: stopped, killed, doubled, reloaded, run once. What the outside took stays right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from approvald_sandbox.demo.approvald_process import execute
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from e2e.stage import Stage

ILKA, MARA, WEN = "ilka.brandt@corp.example", "mara.voss@corp.example", "wen.zhao@corp.example"
FIRST = ("svc-pam-l1", 1)
CONFIRM = "IncomingRequests.Confirm "
NOBODY_FILED = {"Done": 0, "Refused": 0, "Ignored": 0, "Quarantine": 0}


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # noqa: S603 - the program under test
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.fixture
def stage(stopped: Stage) -> Stage:
    """Give a daemon that was started as systemd starts it, not forked from one that has loaded everything."""
    stopped.daemon.start(launch=execute)
    stopped.daemon.wait_for("daemon.started")
    return stopped


def test_sigterm_finishes_the_mail_in_hand(stopped: Stage) -> None:
    """The mail under way is confirmed, answered and filed; the next one is not begun; sessions are logged off."""
    first, second = stopped.new_request(), stopped.new_request()
    stopped.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.SLOW, seconds=1.0, operation=CONFIRM))
    for notice in (first, second):
        stopped.sandbox.deliver(forwarded(notice, ILKA))
    stopped.daemon.start(launch=execute)
    stopped.until(lambda: stopped.attempts() == 1)

    assert stopped.daemon.stop() == 0

    assert stopped.filed() == NOBODY_FILED | {"Done": 1}
    assert len(stopped.sandbox.mailbox()["Inbox"]) == len(stopped.confirmations()) == len(stopped.sandbox.sent()) == 1
    assert [entry["user"] for entry in stopped.sandbox.journal("Logoff")] == ["svc-pam-l1"]
    stopped.daemon.start()
    stopped.until(lambda: stopped.filed()["Done"] == 2)
    assert (stopped.votes(first), stopped.votes(second), stopped.attempts()) == ([FIRST], [FIRST], 2)
    assert len(stopped.sandbox.sent()) == 2


def in_confirm(stage: Stage) -> bool:
    """Whether a Confirm is under way at PVWA."""
    return stage.attempts() == 1


def in_confirm_taken(stage: Stage) -> bool:
    """Whether PVWA has taken the Confirm."""
    return len(stage.confirmations()) == 1


def in_operation(name: str) -> Callable[[Stage], bool]:
    """Return whether Exchange has been asked to do this."""
    return lambda stage: name in stage.sandbox.stats()["operations"]["exchange"]


@pytest.mark.parametrize(
    ("system", "operation", "reached", "restart_after"),
    [
        (System.PVWA, CONFIRM, in_confirm, lambda _: True),
        (System.PVWA, CONFIRM, in_confirm, in_confirm_taken),
        (System.PVWA, CONFIRM, in_confirm_taken, lambda _: True),
        (System.EXCHANGE, "CreateItem", in_operation("CreateItem"), lambda stage: len(stage.sandbox.sent()) == 1),
        (System.EXCHANGE, "MoveItem", in_operation("MoveItem"), lambda stage: stage.filed()["Done"] == 1),
    ],
    ids=["before the confirm is taken", "before its answer", "after it was taken", "in the reply", "in the filing"],
)
def test_a_daemon_that_is_killed_loses_and_doubles_nothing(
    stopped: Stage,
    system: System,
    operation: str,
    reached: Callable[[Stage], bool],
    restart_after: Callable[[Stage], bool],
) -> None:
    """Killed in the middle of a slow act and started again: one vote, one final answer, one filed mail."""
    notice = stopped.new_request()
    stopped.sandbox.put_fault(system, Fault(kind=FaultKind.SLOW, seconds=1.0, operation=operation, times=1))
    stopped.sandbox.deliver(forwarded(notice, ILKA))
    stopped.daemon.start()
    stopped.until(lambda: reached(stopped))
    stopped.daemon.kill()
    stopped.until(lambda: restart_after(stopped))

    stopped.daemon.start()
    stopped.daemon.wait_for("daemon.started", 2)
    stopped.until(lambda: stopped.filed()["Done"] == 1 and len(stopped.sandbox.sent()) == 1)
    stopped.until(lambda: stopped.sandbox.mailbox()["Inbox"] == [])
    assert stopped.daemon.stop() == 0

    assert stopped.votes(notice) == [FIRST]
    [reply] = stopped.sandbox.sent()
    assert reply["subject"].startswith("Approved: ")
    assert stopped.filed() == NOBODY_FILED | {"Done": 1}


def test_one_ledger_has_one_daemon(stage: Stage) -> None:
    """A second daemon on the same ledger says who holds it, and ends with 75."""
    second = run(*stage.daemon.command("run"))

    assert second.returncode == 75
    assert not list(stage.daemon.events("daemon.stopped"))  # its log is the first one's
    assert f"another approvald (process {stage.daemon.pid}) is working with ledger" in second.stderr
    assert stage.forward(stage.request()) == "Done"


def test_sighup_reads_the_groups_again(stage: Stage) -> None:
    """A group that was made while the daemon ran counts after a reload."""
    stage.sandbox.change_group("Ops_PAMapprover", members=[WEN])
    stage.sandbox.change_safe("OPS-TOOLS", level1=["Ops_PAMapprover"])
    assert stage.forward(stage.request(), ILKA) == "Done"
    notice = stage.new_request("OPS-TOOLS")

    stage.daemon.kill(signal.SIGHUP)
    stage.daemon.wait_for("daemon.reloaded")

    assert stage.forward(notice, WEN) == "Done"
    assert stage.votes(notice) == [FIRST]


def test_run_once_handles_what_is_there(stopped: Stage) -> None:
    """`run --once` ends with 0 when all was handled, and with 69 when mails have to wait."""
    done, waits = stopped.new_request(), stopped.new_request()
    stopped.sandbox.deliver(forwarded(done, ILKA))
    assert run(*stopped.daemon.command("run", "--once")).returncode == 0
    assert (stopped.votes(done), stopped.filed()["Done"], len(stopped.sandbox.sent())) == ([FIRST], 1, 1)

    stopped.sandbox.deliver(forwarded(waits, ILKA))
    for system in (System.PVWA, System.EXCHANGE):
        stopped.sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))
        away = run(*stopped.daemon.command("run", "--once"))
        assert away.returncode == 69
        assert "Traceback" not in away.stderr
        stopped.sandbox.clear_faults()
    stopped.until(lambda: run(*stopped.daemon.command("run", "--once")).returncode == 0)
    assert stopped.votes(waits) == [FIRST]


def test_restarts_do_not_lock_an_account(stopped: Stage) -> None:
    """A refused password is remembered over restarts: a service manager that restarts us locks nobody out."""
    notice = stopped.new_request()
    stopped.sandbox.change_password("svc-pam-l1", "Another-Passw0rd!", ["vault"])
    stopped.sandbox.deliver(forwarded(notice, ILKA))
    for times in (1, 2):
        stopped.daemon.start()
        stopped.daemon.wait_for("mail.waiting", times)
        stopped.daemon.kill()

    assert stopped.sandbox.stats()["failed_logons"]["pvwa"] == {"svc-pam-l1": 1}
    stopped.sandbox.change_password("svc-pam-l1", DEFAULT_PASSWORD, ["vault"])
    stopped.daemon.start()
    stopped.until(lambda: stopped.filed()["Done"] == 1)
    assert stopped.votes(notice) == [FIRST]
    assert stopped.sandbox.stats()["failed_logons"]["pvwa"] == {"svc-pam-l1": 1}


def test_the_console_script_and_the_module_are_one_program(stopped: Stage, tmp_path: Path) -> None:
    """`approvald` and `python -m approvald` answer alike, word for word."""
    script, module = (str(Path(sys.executable).with_name("approvald")),), (sys.executable, "-m", "approvald")
    configuration = str(stopped.daemon.configuration)

    for arguments, code in (
        (["--version"], 0),
        (["--help"], 0),
        (["run", "--help"], 0),
        (["check-config", "--config", configuration], 0),
        (["run", "--config", str(tmp_path / "nowhere.toml")], 78),
        (["walk"], 64),
        (["run", "--twice"], 64),
    ):
        one, other = run(*script, *arguments, cwd=tmp_path), run(*module, *arguments, cwd=tmp_path)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)
        assert one.returncode == code
        assert bool(one.stderr) == bool(code)


def without_root(*command: str) -> tuple[str, ...]:
    """Return a command that runs under file permissions, also where root runs the tests."""
    caps = "-dac_override,-dac_read_search"
    return command if os.geteuid() else ("setpriv", "--bounding-set", caps, "--inh-caps", caps, "--", *command)


@pytest.mark.parametrize("what", ["configuration", "ledger", "log"])
def test_what_may_not_be_opened_is_exit_77(stopped: Stage, what: str) -> None:
    """A file of another user is told from a wrong configuration; nothing is asked of any system."""
    state = stopped.daemon.state
    configuration = stopped.daemon.configuration
    file = {"configuration": configuration, "ledger": state / "ledger.db", "log": state / "approvald.log"}
    file[what].touch()
    file[what].chmod(0)

    ended = run(*without_root(*stopped.daemon.command("run")))

    assert ended.returncode == 77
    assert str(file[what]) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert stopped.sandbox.stats()["operations"]["vault"] == []
