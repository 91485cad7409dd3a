"""The main job on real processes and real protocols: what PVWA took, what approvers were told, where mails went."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from approvald_sandbox.mails import forwarded_as_attachment, out_of_office
from e2e.stage import Stage

ILKA, MARA, DARIO = "ilka.brandt@corp.example", "mara.voss@corp.example", "dario.conti@corp.example"
RHEA, TIMO, JONAS = "rhea.malik@corp.example", "timo.gast@corp.example", "jonas.keil@corp.example"
TEAM = "cyberark-team@corp.example"


def test_a_first_level_mail_becomes_one_confirmation(stage: Stage) -> None:
    """A team approver's mail is confirmed once, by the level-1 account, with the sender in the comment."""
    assert stage.forward(stage.request()) == "Done"

    assert stage.confirmations() == [("DB-PROD-01_1101", "svc-pam-l1", 1)]
    assert re.fullmatch(rf"Approved on behalf of {ILKA} \(approvald [a-z0-9]{{12}}\)", stage.comments()[0])
    assert stage.attempts() == 1
    reply = stage.last_reply()
    assert reply["to"] == [ILKA]
    assert reply["cc"] == []
    assert reply["subject"].startswith("Approved")


def test_a_second_level_mail_follows_the_first(stage: Stage) -> None:
    """A request that needs two levels is confirmed by two people through two accounts."""
    notice = stage.request(levels=2)

    assert stage.forward(notice) == "Done"
    assert stage.last_reply()["subject"].startswith("Approved (first level)")
    assert stage.forward(notice, RHEA) == "Done"

    assert stage.confirmations() == [("DB-PROD-01_1101", "svc-pam-l1", 1), ("DB-PROD-01_1101", "svc-pam-l2", 2)]
    assert f"on behalf of {RHEA}" in stage.comments()[1]


def test_a_forward_as_attachment_counts_like_one_inline(stage: Stage) -> None:
    """The notification may be attached to the approver's mail."""
    assert stage.deliver(forwarded_as_attachment(stage.request(), ILKA)) == "Done"

    assert stage.confirmations() == [("DB-PROD-01_1101", "svc-pam-l1", 1)]


@pytest.mark.parametrize(
    ("code", "sender", "fields"),
    [
        ("own_request", ILKA, {"requestor": ILKA}),
        ("not_an_approver", TIMO, {}),
        ("other_team", DARIO, {}),
        ("expired", ILKA, {"status": "expired"}),
        ("wrong_level", RHEA, {"levels": 2}),
        ("already_rejected", ILKA, {"status": "rejected"}),
        ("window_over", ILKA, {"access_from": -7200, "access_to": -3600}),
    ],
)
def test_a_refusal_confirms_nothing_and_names_its_check(
    stage: Stage, code: str, sender: str, fields: dict[str, Any]
) -> None:
    """A refused mail never reaches Confirm; the sender reads the check, and the CyberArk team is in copy."""
    assert stage.forward(stage.request(**fields), sender) == "Refused"

    assert stage.codes() == [code]
    assert stage.attempts() == 0
    reply = stage.last_reply()
    assert reply["to"] == [sender]
    assert reply["cc"] == [TEAM]
    assert code in reply["html"]


def test_a_request_that_is_gone_is_refused(stage: Stage) -> None:
    """What PVWA does not know, and lists for neither account, has been deleted."""
    notice = stage.request()
    stage.sandbox.change_request("DB-PROD-01", "1101", delete=True)

    assert stage.forward(notice) == "Refused"
    assert stage.codes() == ["request_gone"]


def test_the_late_approver_reads_who_approved_and_when(stage: Stage) -> None:
    """The human in our own comment is named, with the time in the configured zone."""
    notice = stage.request()
    stage.forward(notice)

    assert stage.forward(notice, MARA) == "Refused"

    assert stage.codes() == ["confirmed", "already_confirmed"]
    assert re.search(rf"already approved by {ILKA} on \w+ \d+ \w+ \d{{4}} \d\d:\d\d CES?T", stage.last_reply()["html"])
    assert stage.attempts() == 1


def test_an_edited_requestor_is_refused_as_altered(stage: Stage) -> None:
    """Nothing typed into the mail weakens a check: PVWA's record says who asked."""
    notice = stage.request(requestor=ILKA)

    assert stage.forward(replace(notice, requestor=JONAS)) == "Refused"

    assert stage.codes() == ["altered"]
    assert stage.attempts() == 0


def test_a_missing_detail_is_named(stage: Stage) -> None:
    """The sender of an incomplete mail reads which line is missing."""
    notice = replace(stage.request(), changes={"Request Id": None})

    assert stage.forward(notice) == "Refused"

    assert stage.codes() == ["incomplete"]
    assert "the request id" in stage.last_reply()["html"]


def test_automatic_mail_and_chatter_are_ignored_silently(stage: Stage) -> None:
    """Nobody answers a machine, and mails about something else are filed without a word."""
    assert stage.deliver(out_of_office(ILKA)) == "Ignored"
    assert stage.forward(stage.request(), subject="Lunch?") == "Ignored"

    assert stage.sandbox.sent() == []
    assert stage.attempts() == 0


def test_the_same_mail_twice_is_handled_once(stage: Stage) -> None:
    """A second copy of an answered mail is put away."""
    notice = stage.request()

    assert stage.forward(notice, message_id="<same@corp.example>") == "Done"
    assert stage.forward(notice, message_id="<same@corp.example>") == "Ignored"

    assert stage.attempts() == 1
    assert len(stage.sandbox.sent()) == 1
