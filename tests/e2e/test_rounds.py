"""Rounds over the Inbox: bursts, what others do to mails and folders, reloads, and mails that wait too long."""

from __future__ import annotations

import signal
from pathlib import Path

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from e2e.stage import TEAM, Stage, raised

ILKA, MARA, WEN = "ilka.brandt@corp.example", "mara.voss@corp.example", "wen.zhao@corp.example"
FIRST = ("svc-pam-l1", 1)


def test_a_burst_is_answered_mail_by_mail(stopped: Stage) -> None:
    """Twenty mails at once, some about the same request: one vote a request, one answer a mail."""
    notices = [stopped.new_request() for _ in range(12)]
    for notice in notices:
        stopped.sandbox.deliver(forwarded(notice, ILKA))
    for notice in notices[:8]:
        stopped.sandbox.deliver(forwarded(notice, MARA))

    stopped.daemon.start()
    stopped.until(lambda: sum(stopped.filed().values()) == 20)

    assert all(stopped.votes(notice) == [FIRST] and stopped.attempts_at(notice) == 1 for notice in notices)
    assert sorted(stopped.codes()) == ["already_confirmed"] * 8 + ["confirmed"] * 12
    assert len(stopped.sandbox.sent()) == 20


def test_folders_that_were_deleted_are_made_again(stage: Stage) -> None:
    """An administrator who tidies up the mailbox stops nothing."""
    stage.see(forwarded(stage.new_request(), ILKA))
    stage.sandbox.reset()  # takes the folders out, too
    notice = stage.new_request()

    assert stage.deliver(forwarded(notice, ILKA)) == "Done"

    assert stage.votes(notice) == [FIRST]
    assert len(stage.sandbox.sent()) == 1


def test_a_waiting_mail_that_somebody_takes_away_is_forgotten(stopped: Stage) -> None:
    """A mail moved by hand waits no longer: nothing is confirmed for it, and `run --once` ends well."""
    notice, other = stopped.new_request(), stopped.new_request()
    stopped.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.DOWN))
    stopped.sandbox.deliver(forwarded(notice, ILKA))
    stopped.daemon.start("--once")
    stopped.until(lambda: stopped.daemon.exit_code() == 69)

    [waiting] = stopped.sandbox.mailbox()["Inbox"]
    stopped.sandbox.move(waiting["id"], "deleteditems")
    stopped.sandbox.clear_faults()
    stopped.sandbox.deliver(forwarded(other, ILKA))
    stopped.daemon.start("--once")
    stopped.until(lambda: stopped.daemon.exit_code() is not None)

    assert stopped.daemon.exit_code() == 0
    assert (stopped.votes(notice), stopped.votes(other)) == ([], [FIRST])


def test_a_reload_that_meets_an_outage_is_made_good(stage: Stage) -> None:
    """SIGHUP while the directory is away: the groups are read as soon as it is back, and mails go on meanwhile."""
    assert stage.see(forwarded(stage.new_request(), ILKA)).code == "confirmed"
    stage.sandbox.change_group("Ops_PAMapprover", members=[WEN])
    stage.sandbox.change_safe("OPS-TOOLS", level1=["Ops_PAMapprover"])
    stage.sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.DOWN))

    stage.daemon.kill(signal.SIGHUP)
    stage.until(lambda: any(line.get("system") == "directory" for line in stage.daemon.events()))
    stage.sandbox.clear_faults()
    stage.daemon.wait_for("daemon.reloaded")

    notice = stage.new_request("OPS-TOOLS")
    assert stage.see(forwarded(notice, WEN)).code == "confirmed"
    assert stage.votes(notice) == [FIRST]


def test_a_mail_that_waited_too_long_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    """A mail older than `max_age` is not acted on any more; its sender is told, once, and may forward it again."""

    def hasty(text: str) -> str:
        return text.replace("\n[mail]\n", "\n[mail]\nmax_age_hours = 0.001\n")

    with raised(sandbox, tmp_path / "state", edit=hasty, timeout=1.0) as stage:
        notice = stage.new_request()
        stage.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.DOWN))
        seen = stage.see(forwarded(notice, ILKA))

        assert (seen.folder, seen.code) == ("Refused", "expired_waiting")
        assert [(reply["to"], reply["cc"]) for reply in seen.replies] == [([ILKA], [TEAM])]
        assert stage.attempts_at(notice) == 0
