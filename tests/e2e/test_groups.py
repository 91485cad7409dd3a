"""`approvald groups` beside the daemon, and groups whose SID changes while it runs."""

from __future__ import annotations

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from e2e.stage import Stage

WHY = "made again after the migration"


def test_a_group_made_again_is_disabled_until_an_operator_accepts_it(stage: Stage) -> None:
    """Its members are refused, the team is told; listing says why, accepting needs a reason and works at once."""
    assert stage.forward(stage.new_request()) == "Done"
    listed = stage.run("groups")
    assert (listed.returncode, listed.stderr) == (0, "")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("DB_PAMapprover ")]
    assert line.endswith("pinned")

    stage.sandbox.change_group("DB_PAMapprover", recreate=True)
    assert stage.see(forwarded(stage.new_request(), "ilka.brandt@corp.example")).code == "not_an_approver"
    stage.until(lambda: any("an approver group cannot be used" in alarm["subject"] for alarm in stage.alarms()))
    listed = stage.run("groups")
    assert listed.returncode == 1
    assert "DB_PAMapprover: cannot be used. Its SID was S-1-5-21-" in listed.stdout

    assert stage.run("groups", "accept", "db_pamapprover").returncode == 64
    assert stage.forward(stage.new_request()) == "Refused"
    accepted = stage.run("groups", "accept", "db_pamapprover", "--reason", WHY)
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert accepted.stdout.startswith("DB_PAMapprover now counts with S-1-5-21-")
    assert stage.forward(stage.new_request()) == "Done"
    assert [line["why"] for line in stage.daemon.events("group.accepted")] == [WHY]
    assert "nothing was changed" in stage.run("groups", "accept", "DB_PAMapprover", "--reason", WHY).stdout
    assert stage.run("groups").returncode == 0


def test_what_is_no_approver_group_cannot_be_accepted(stage: Stage) -> None:
    """Nor one with a problem of its own; the groups that there are are named."""
    stage.daemon.wait_for("groups.read")  # one log-on at a time is under way
    refused = stage.run("groups", "accept", "Domain Admins", "--reason", WHY)
    assert refused.returncode == 1
    assert "it is not an approver group now; the groups are: DB_PAMapprover, " in refused.stderr
    stage.sandbox.change_group("Net_PAMapprover", kind="distribution")
    refused = stage.run("groups", "accept", "Net_PAMapprover", "--reason", WHY)
    assert "It is a distribution group" in refused.stderr


def test_a_bad_group_is_told_before_the_first_mail_comes(stage: Stage) -> None:
    """The groups are read when the daemon starts."""
    stage.daemon.wait_for("groups.read")
    stage.daemon.kill()
    stage.sandbox.change_group("Net_PAMapprover", kind="distribution")
    stage.daemon.start()
    stage.daemon.wait_for("group.disabled")
    stage.until(lambda: any("cannot be used" in alarm["subject"] for alarm in stage.alarms()))
    assert sum(stage.filed().values()) == 0


def test_a_directory_that_is_away_stops_no_poll(stage: Stage) -> None:
    """Groups cannot be read at the start: that is logged once, and mails that need no directory are handled."""
    stage.daemon.kill()
    stage.sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.DOWN))
    stage.daemon.start()
    stage.daemon.wait_for("system.away")
    assert stage.deliver(b"From: ilka.brandt@corp.example\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n") == "Ignored"
    assert stage.deliver(b"From: ilka.brandt@corp.example\r\nSubject: Dinner?\r\n\r\nAt six.\r\n") == "Ignored"
    assert len(list(stage.daemon.events("system.away"))) == 1
    assert list(stage.daemon.events("poll.failed")) == []
    listed = stage.run("groups")
    assert listed.returncode == 69
    assert "No directory server answered" in listed.stderr
