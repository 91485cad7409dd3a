"""`approvald retry` beside the daemon, and mails that somebody moves back to the Inbox by hand."""

from __future__ import annotations

import pytest

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from e2e.stage import WORLD, Stage

ILKA = "ilka.brandt@corp.example"
TEAM_GROUP = "DB_PAMapprover"
WHY = "the group was wrong"
REFUSED, APPROVED = "Not approved: you are not an approver", "Approved"


def wrong_group(stage: Stage) -> None:
    """Take Ilka out of her approver group."""
    stage.sandbox.change_group(TEAM_GROUP, members=[each for each in WORLD["groups"][TEAM_GROUP] if each != ILKA])


def right_group(stage: Stage) -> None:
    """Put her back."""
    stage.sandbox.change_group(TEAM_GROUP, members=WORLD["groups"][TEAM_GROUP])


def mail_id(stage: Stage) -> str:
    """Return the ledger id of the mail that ended last."""
    return str([*stage.daemon.events("mail.done")][-1]["mail_id"])


def subjects(stage: Stage) -> list[str]:
    """Return the subjects of what was sent, without what the request is."""
    return [str(mail["subject"]).partition(": request")[0] for mail in stage.sandbox.sent()]


def in_folder(stage: Stage, name: str) -> list[str]:
    """Return the item ids in one of our folders."""
    return [each["id"] for each in stage.sandbox.mailbox().get(f"Inbox/{name}", [])]


def test_a_refused_mail_is_confirmed_after_its_group_was_put_right(stage: Stage) -> None:
    """One vote, a second answer; a third try is told that it is done, and does nothing."""
    wrong_group(stage)
    notice = stage.new_request()
    assert stage.see(forwarded(notice, ILKA)).code == "not_an_approver"
    first = mail_id(stage)
    right_group(stage)

    before = stage.filed()
    done = stage.run("retry", first, "--reason", WHY)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Mail {first} was moved back to the Inbox.\n", "")
    assert stage.wait_until_filed(before | {"Refused": 0}) == "Done"
    assert (len(stage.votes(notice)), subjects(stage)) == (1, [REFUSED, APPROVED])
    assert stage.filed() == before | {"Refused": 0, "Done": 1}
    stage.until(lambda: stage.codes() == ["not_an_approver", "confirmed"])
    second = mail_id(stage)
    assert second != first
    assert second in stage.comments()[0]

    again = stage.run("retry", f"{notice.safe}_{notice.number}".lower(), "--reason", WHY)
    assert again.stdout == f"Mail {second} was moved back to the Inbox.\n"
    stage.until(lambda: len(stage.codes()) == 3)
    assert stage.codes()[2] == "already_confirmed"
    assert stage.attempts_at(notice) == 1
    asked = [(line["ledger_id"], line["why"], bool(line["operator"])) for line in stage.daemon.events("retry.asked")]
    assert asked == [(first, WHY, True), (second, WHY, True)]
    assert [line["count"] for line in stage.daemon.events("retry.done")] == [1, 1]


def test_a_mail_moved_back_by_hand_is_tried_again(stage: Stage) -> None:
    """Also by a daemon that was started meanwhile; what is delivered a second time is not."""
    wrong_group(stage)
    notice = stage.new_request()
    raw = forwarded(notice, ILKA)
    assert stage.see(raw).code == "not_an_approver"
    assert stage.see(raw).code == "duplicate"
    right_group(stage)
    stage.daemon.kill()
    stage.daemon.start()

    (refused,) = in_folder(stage, "Refused")
    stage.sandbox.move(refused, "inbox")
    stage.until(lambda: stage.filed()["Done"] == 1)

    assert (len(stage.votes(notice)), subjects(stage)) == (1, [REFUSED, APPROVED])
    assert stage.filed() == {"Done": 1, "Refused": 0, "Ignored": 1, "Quarantine": 0}


def test_a_folder_is_tried_again(stage: Stage) -> None:
    """Every mail in it, once."""
    wrong_group(stage)
    notices = [stage.new_request() for _ in range(4)]
    for notice in notices:
        assert stage.forward(notice, ILKA) == "Refused"
    right_group(stage)

    done = stage.run("retry", "--folder", "refused", "--reason", WHY)
    assert (done.returncode, done.stdout) == (0, "4 mails were moved from Refused back to the Inbox.\n")
    stage.until(lambda: stage.filed()["Done"] == 4)
    assert [len(stage.votes(notice)) for notice in notices] == [1] * 4
    assert subjects(stage) == [REFUSED] * 4 + [APPROVED] * 4

    nothing = stage.run("retry", "--folder", "Refused", "--reason", WHY)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr == "approvald: nothing was moved: there is no mail to try again\n"


def test_a_mail_that_waits_is_tried_at_once(stage: Stage) -> None:
    """PVWA has asked for ten minutes of patience, which are over sooner."""
    patience = Fault(kind=FaultKind.STATUS, status=429, retry_after=600, operation="IncomingRequests.Details ")
    stage.sandbox.put_fault(System.PVWA, patience)
    notice = stage.new_request()
    before = stage.filed()
    stage.sandbox.deliver(forwarded(notice, ILKA))
    stage.daemon.wait_for("mail.waiting")
    (waits,) = stage.daemon.events("mail.waiting")
    assert waits["seconds"] == 600
    stage.sandbox.clear_faults()

    done = stage.run("retry", str(waits["mail_id"]), "--reason", "PVWA is back")
    assert done.stdout == f"Mail {waits['mail_id']} is tried again: it was still waiting in the Inbox.\n"
    assert stage.wait_until_filed(before) == "Done"
    assert (len(stage.votes(notice)), subjects(stage)) == (1, [APPROVED])


def test_a_mail_that_is_just_being_answered_is_left_alone(stage: Stage) -> None:
    """Whether its answer was sent is not known yet, so nobody may begin anew."""
    stage.sandbox.put_fault(System.EXCHANGE, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="CreateItem"))
    notice = stage.new_request()
    stage.sandbox.deliver(forwarded(notice, ILKA))
    stage.daemon.wait_for("reply.failed")

    done = stage.run("retry", mail_id(stage), "--reason", WHY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was moved: it is being answered and filed right now" in done.stderr
    assert (len(stage.votes(notice)), subjects(stage)) == (1, [APPROVED])


def test_a_retry_waits_for_a_daemon_that_is_not_there(stage: Stage) -> None:
    """It is written down, and done by the next daemon; the command says so and ends with 75."""
    wrong_group(stage)
    notice = stage.new_request()
    assert stage.forward(notice, ILKA) == "Refused"
    first = mail_id(stage)
    right_group(stage)
    stage.daemon.stop()

    asked = stage.run("retry", first, "--reason", WHY, "--wait", "0.5")
    assert asked.returncode == 75
    assert asked.stdout.startswith("The daemon has not done it yet: it will at its next poll")
    stage.daemon.start()
    stage.until(lambda: stage.filed()["Done"] == 1)
    assert len(stage.votes(notice)) == 1


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.RESET_AFTER], ids=["killed", "answer lost"])
def test_a_retry_that_is_cut_off_moves_each_mail_once(stage: Stage, kind: FaultKind) -> None:
    """The daemon is killed while Exchange moves the mail, or the answer is lost: one more attempt, one vote."""
    wrong_group(stage)
    notice = stage.new_request()
    assert stage.forward(notice, ILKA) == "Refused"
    first = mail_id(stage)
    right_group(stage)
    stage.sandbox.put_fault(System.EXCHANGE, Fault(kind=kind, seconds=1.0, times=1, operation="MoveItem"))
    moves = stage.sandbox.stats()["operations"]["exchange"].count("MoveItem")
    assert stage.run("retry", first, "--reason", WHY, "--wait", "0").returncode == 75
    stage.until(lambda: stage.sandbox.stats()["operations"]["exchange"].count("MoveItem") > moves)
    if kind is FaultKind.SLOW:
        stage.daemon.kill()
        stage.daemon.start()

    stage.until(lambda: stage.filed()["Done"] == 1)
    stage.until(lambda: any(stage.daemon.events("retry.done")))
    assert [line["count"] for line in stage.daemon.events("retry.done")] == [1]
    assert (len(stage.votes(notice)), subjects(stage)) == (1, [REFUSED, APPROVED])
    assert stage.sandbox.mailbox()["Inbox"] == []


def test_a_retry_of_nothing_or_of_several_is_refused(stage: Stage) -> None:
    """The command says what can be named, and which mails are meant."""
    notice = stage.new_request()
    for sender in (ILKA, "mara.voss@corp.example"):
        stage.see(forwarded(notice, sender))
    unknown = stage.run("retry", "nothing", "--reason", WHY)
    assert unknown.returncode == 1
    assert "the ledger knows no mail nothing" in unknown.stderr
    several = stage.run("retry", f"{notice.safe}_{notice.number}", "--reason", WHY)
    assert several.returncode == 1
    assert "2 mails match " in several.stderr
    assert mail_id(stage) in several.stderr
    assert "mara.voss@corp.example" in several.stderr
    for arguments in ([], ["x", "--folder", "Refused"], ["--folder", "Done"]):
        assert stage.run("retry", *arguments, "--reason", WHY).returncode == 64
    assert stage.run("retry", "x").returncode == stage.run("retry", "x", "--reason", " ").returncode == 64
    assert stage.attempts_at(notice) == 1
