"""Alarms and rates on real processes, with the numbers that a site has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import TEAM, Stage, raised

ILKA, MARA = "ilka.brandt@corp.example", "mara.voss@corp.example"
UNPROVEN = "Alarm: a mail with an unproven sender was quarantined"
RULES_WRONG = "Alarm: approvers' mails cannot be proven; the rules for senders are probably wrong"


@pytest.fixture
def strict(sandbox: Sandbox, tmp_path: Path) -> Iterator[Stage]:
    """Give a daemon whose rates and plausibility are the defaults."""
    with raised(sandbox, tmp_path / "state", raised=False) as made:
        yield made


def forged(notice: Notice, sender: str) -> bytes:
    """Return a forwarded notification that Exchange does not vouch for."""
    return forwarded(notice, sender).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")


def to(stage: Stage, address: str, beginning: str = "") -> list[Mapping[str, Any]]:
    """Return the mails that somebody was sent, by the beginning of their subjects."""
    sent = stage.sandbox.sent()
    return [mail for mail in sent if mail["to"] == [address] and str(mail["subject"]).startswith(beginning)]


def test_a_forged_mail_raises_one_alarm_and_no_answer(strict: Stage) -> None:
    """The team reads the fields that Exchange wrote and the options; the claimed sender hears nothing."""
    notice = strict.request()

    assert strict.deliver(forged(notice, ILKA)) == "Quarantine"
    assert strict.deliver(forged(notice, ILKA)) == "Quarantine"

    (alarm,) = strict.sandbox.sent()
    assert (alarm["to"], alarm["cc"], alarm["subject"]) == ([TEAM], [], UNPROVEN)
    assert "Anonymous" in alarm["html"]
    assert "sender.auth_as" in alarm["html"]
    assert notice.reason not in alarm["html"]
    assert len(list(strict.daemon.events("alarm"))) == 2


def test_four_forged_mails_of_approvers_doubt_the_rules(strict: Stage) -> None:
    """A site whose servers' names are missing in the configuration is told so by its own mails."""
    notice = strict.request()
    for sender in (ILKA, MARA, ILKA):
        strict.deliver(forged(notice, sender))
    assert to(strict, TEAM, RULES_WRONG) == []

    strict.deliver(forged(notice, MARA))

    assert len(to(strict, TEAM, RULES_WRONG)) == 1
    assert to(strict, ILKA) == to(strict, MARA) == []


def test_a_restart_keeps_the_throttle(sandbox: Sandbox, tmp_path: Path) -> None:
    """A daemon started anew on the same ledger does not tell again what was told within the hour."""
    for _ in range(2):
        with raised(sandbox, tmp_path / "state", raised=False) as stage:
            stage.deliver(forged(stage.request(), ILKA))
            stage.deliver(forged(stage.request(), ILKA))

    assert [mail["subject"] for mail in sandbox.sent()][0:1] == [UNPROVEN]
    assert len([mail for mail in sandbox.sent() if mail["subject"] == UNPROVEN]) == 1


def test_refusals_are_bounded_and_an_approval_is_not(strict: Stage) -> None:
    """25 refusals: 20 answers, one note, silence; then an honest approval is confirmed and answered."""
    honest = strict.new_request()
    before = strict.filed()
    for _ in range(25):
        strict.sandbox.deliver(
            forwarded(Notice(requestor="jonas.keil@corp.example", safe="DB-PROD-01", number="7"), ILKA)
        )
    strict.wait_until_filed(before, 25)
    strict.until(lambda: len(to(strict, ILKA, "Further answers held back")) == 1)

    assert strict.forward(honest, ILKA) == "Done"

    assert len(to(strict, ILKA, "Not approved")) == 20
    assert len(to(strict, ILKA, "Approved")) == 1
    assert len(to(strict, ILKA)) == 22
    assert strict.votes(honest) == [("svc-pam-l1", 1)]
    assert [mail["subject"] for mail in strict.alarms()][:1] == [
        "Alarm: one sender keeps naming requests that are not theirs"
    ]


def test_a_rule_and_its_owner(strict: Stage) -> None:
    """Mails forwarded by a rule approve nothing; their owner is asked once to forward by hand."""
    notice = strict.request()
    by_rule = forwarded(notice, ILKA).replace(b"\nTo: pam", b"\nX-MS-Exchange-Inbox-Rules-Loop: x\nTo: pam", 1)

    folders = {strict.deliver(by_rule) for _ in range(3)}

    assert folders == {"Ignored"}
    assert [mail["to"] for mail in strict.sandbox.sent()] == [[ILKA]]
    assert strict.attempts() == 0


def test_an_approver_faster_than_people_is_told_of_and_confirmed(strict: Stage) -> None:
    """Three mails within seconds of their requests: one alarm, three confirmations."""
    for _ in range(3):
        notice = strict.new_request(created=0)
        assert strict.forward(notice, ILKA) == "Done"

    strict.until(lambda: len(strict.alarms()) == 1)
    assert [mail["subject"] for mail in strict.alarms()] == ["Alarm: an approver forwards faster than people do"]
    assert strict.attempts() == 3
