"""`approvald hold`, `pause` and `resume` beside the daemon: before the next confirmation, and over a restart."""

from __future__ import annotations

from pathlib import Path

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from e2e.stage import Stage, raised

ILKA = "ilka.brandt@corp.example"
WHY = "a strange mail"


def test_on_hold_every_approval_is_refused_until_resumed(stage: Stage) -> None:
    """While the daemon runs, after it was killed, and shown in its log; who set it and when is said."""
    held = stage.run("hold", "--reason", WHY)
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout.startswith("approvald is on hold: mails are refused; set by ")
    assert held.stdout.rstrip().endswith(f"reason: {WHY}.")

    first, second = stage.new_request(), stage.new_request()
    seen = stage.see(forwarded(first, ILKA))
    assert (seen.folder, seen.code) == ("Refused", "on_hold")
    assert WHY not in seen.replies[0]["text"]
    stage.daemon.kill()
    stage.daemon.start()
    assert stage.forward(second, ILKA) == "Refused"
    assert stage.attempts() == 0
    assert [line["state"] for line in stage.daemon.events("halt.in_force")] == ["hold"]

    resumed = stage.run("resume")
    assert resumed.returncode == 0
    assert resumed.stdout.splitlines()[-1] == "approvald accepts approvals."
    assert stage.forward(second, ILKA) == "Done"
    assert (stage.votes(first), len(stage.votes(second))) == ([], 1)
    events = [(line["event"], line["why"], bool(line["operator"])) for line in stage.daemon.events()
              if str(line["event"]) in {"halt.set", "halt.ended"}]  # fmt: skip
    assert events == [("halt.set", WHY, True), ("halt.ended", WHY, True)]


def test_a_hold_stops_the_mail_in_hand(stage: Stage) -> None:
    """It was being looked up at PVWA when the command returned: no confirmation follows."""
    notice = stage.new_request()
    stage.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.SLOW, seconds=4.0, operation="IncomingRequests.Details "))
    before = stage.filed()
    stage.sandbox.deliver(forwarded(notice, ILKA))
    stage.until(lambda: bool(stage.sandbox.journal("IncomingRequests.Details")))
    assert stage.run("hold", "--reason", WHY).returncode == 0
    assert stage.wait_until_filed(before) == "Refused"
    assert (stage.codes(), stage.attempts()) == (["on_hold"], 0)


def test_in_a_pause_mails_wait_and_are_confirmed_afterwards(sandbox: Sandbox, tmp_path: Path) -> None:
    """Their senders are told once; the team need not be."""
    with raised(sandbox, tmp_path / "state", tell_after_minutes=0.01) as stage:
        assert "approvald is paused: mails wait; set by " in stage.run("pause", "--reason", WHY).stdout
        notice = stage.new_request()
        before = stage.filed()
        stage.sandbox.deliver(forwarded(notice, ILKA))
        stage.until(lambda: len(sandbox.sent()) == 1)
        stage.until(lambda: stage.waits() >= 3)
        (told,) = sandbox.sent()
        assert (told["to"], told["cc"], told["subject"]) == ([ILKA], [], "Not decided yet")
        assert "maintenance" in told["text"]
        assert stage.attempts() == 0

        assert stage.run("resume").returncode == 0
        assert stage.wait_until_filed(before) == "Done"
        assert len(stage.votes(notice)) == 1
        assert len(sandbox.sent()) == 2


def test_commands_that_change_nothing_say_so(stage: Stage) -> None:
    """A pause never weakens a hold, and nothing is halted without a reason."""
    assert stage.run("resume").stdout == "approvald was neither on hold nor paused.\n"
    assert stage.run("hold").returncode == 64
    assert stage.run("hold", "--reason", "  ").returncode == 64
    stage.run("hold", "--reason", WHY)
    again = stage.run("hold", "--reason", "something else")
    assert (again.returncode, again.stdout.rstrip().endswith(f"reason: {WHY}.")) == (0, True)
    paused = stage.run("pause", "--reason", "maintenance")
    assert paused.returncode == 1
    assert "nothing was changed: approvald is on hold" in paused.stderr
    assert stage.forward(stage.new_request(), ILKA) == "Refused"
