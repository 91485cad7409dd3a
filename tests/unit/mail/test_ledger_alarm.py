"""A ledger that is away cannot remember whom to tell: the team is mailed past it, once, and once when it is back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvald.config.load import load
from approvald.core.errors import LedgerAway, System, Unavailable
from approvald.mail.ledger_away import LedgerAlarm
from approvald.mail.rules import reply_rules
from fakes.clock import FakeClock
from fakes.mailbox import FakeMailbox
from places import SHIPPED

AWAY = LedgerAway("the ledger has no room left on its disk (SQLITE_FULL); nothing is confirmed")
TOLD = "Alarm: the ledger cannot be written, so nothing is being approved"
OVER = "All clear: a system is back"


class Site:
    """A mailbox, and the alarm that is told of every poll."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.mailbox = FakeMailbox()
        self.alarm = LedgerAlarm(
            mailbox=self.mailbox, rules=reply_rules(load(SHIPPED)), clock=self.clock,
            tell_after=timedelta(minutes=5),
        )  # fmt: skip

    def fail(self, times: int, error: Unavailable = AWAY) -> None:
        """Let polls fail, one every 30 s."""
        for _ in range(times):
            self.alarm.failed(error)
            self.clock.turn(30)

    def sent(self) -> list[str]:
        """Return the subjects of what the team was sent."""
        assert {mail.to for mail in self.mailbox.sent} <= {("cyberark-team@corp.example",)}
        return [mail.subject for mail in self.mailbox.sent]


@pytest.fixture
def site() -> Site:
    """Give a site where all is well."""
    return Site()


def test_beginning_and_end_are_told_once(site: Site) -> None:
    """After a minute, however many polls fail, and when one does all its work."""
    site.fail(2)
    assert site.sent() == []
    site.fail(20)
    assert site.sent() == [TOLD]
    assert "no room left on its disk" in site.mailbox.sent[0].text
    for _ in range(3):
        site.alarm.recovered()
    assert site.sent() == [TOLD, OVER]
    assert "Away since: 2026-11-20 12:00:00 UTC" in site.mailbox.sent[1].text


def test_a_short_outage_is_told_to_nobody(site: Site) -> None:
    """A lock of some seconds needs no person."""
    for _ in range(10):
        site.fail(1)
        site.alarm.recovered()
    assert site.sent() == []


def test_another_systems_outage_is_not_the_ledgers(site: Site) -> None:
    """Those are told of by way of the ledger."""
    site.fail(10, Unavailable(System.EXCHANGE, "away"))
    site.alarm.recovered()
    assert site.sent() == []


def test_a_mail_whose_sending_was_not_answered_is_not_sent_twice(site: Site) -> None:
    """It is looked for in Sent Items, at the beginning and at the end."""
    site.mailbox.lose_answers = 1
    site.fail(6)
    assert site.sent() == [TOLD]
    site.mailbox.lose_answers = 1
    for _ in range(3):
        site.alarm.recovered()
    assert site.sent() == [TOLD, OVER]


def test_an_end_is_told_though_nobody_knows_whether_the_beginning_was(site: Site) -> None:
    """The ledger is back before anybody could look into Sent Items."""
    site.fail(2)
    site.mailbox.lose_answers = 1
    site.fail(1)
    site.alarm.recovered()
    assert site.sent() == [TOLD, OVER]


def test_what_exchange_does_not_take_is_sent_when_it_does(site: Site) -> None:
    """Both may be away; each of the two mails leaves once."""
    site.mailbox.away = True
    site.fail(5)
    site.mailbox.away = False
    site.fail(2)
    site.mailbox.away = True
    site.alarm.recovered()
    site.mailbox.away = False
    site.alarm.recovered()
    assert site.sent() == [TOLD, OVER]
