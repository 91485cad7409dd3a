"""Alarm mails as they are sent: one a kind and hour, none twice, none lost, with the answers of their round."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import Unavailable
from approvald.core.model import Level
from fakes.house import ILKA, House, forged
from places import SHIPPED

TEAM = ("cyberark-team@corp.example",)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def test_an_alarm_leaves_with_the_answers_of_its_round(house: House) -> None:
    """A forged mail among honest ones costs no request of its own."""
    house.mailbox.deliver(forged(), received=house.clock.now())
    house.forward(house.ask())

    house.round()

    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file", "file"]
    assert {mail.to for mail in house.mailbox.sent} == {TEAM, (ILKA,)}


@pytest.mark.parametrize("restart", [True, False])
def test_one_mail_an_hour_and_the_next_counts_what_was_held_back(house: House, *, restart: bool) -> None:
    """Ten forgeries within the hour make one mail at once and one an hour later, over a restart too."""
    for _ in range(10):
        house.mailbox.deliver(forged("nobody@evil.example"), received=house.clock.now())
        house.round()
        house.clock.turn(60)
        if restart:
            house.crash()
    assert len(house.alarms()) == 1
    assert "Held back" not in house.alarms()[0].text

    house.clock.turn(3000)
    house.round()

    assert len(house.alarms()) == 2
    assert "Held back: 8 more of this kind since 2026-11-20 12:01 UTC" in house.alarms()[1].text


def test_kinds_are_throttled_apart(house: House) -> None:
    """A flood of one kind hides no other."""
    for _ in range(3):
        house.mailbox.deliver(forged("nobody@evil.example"))
        house.round()
    house.ask()
    house.pvwa.requests["DB-PROD-01_17"].forbidden_to = frozenset(Level)
    house.forward(house.pvwa.requests["DB-PROD-01_17"])
    house.round()

    assert [mail.subject for mail in house.alarms()] == [
        "Alarm: a mail with an unproven sender was quarantined",
        "Alarm: CyberArk does not show a request to approvald",
    ]


def test_an_alarm_whose_sending_was_not_answered_is_not_sent_twice(house: House) -> None:
    """It is looked for in Sent Items, after a restart too."""
    house.mailbox.deliver(forged())
    house.mailbox.lose_answers = 1

    house.round()
    house.crash()
    house.clock.turn(40)
    house.round()
    house.round()

    assert len(house.mailbox.sent) == 1
    assert house.mailbox.requests.count("sent_markers") == 1


def test_an_alarm_that_was_raised_before_a_crash_is_sent_after_it(house: House) -> None:
    """Exchange goes away after the fetch: the alarm stands in the ledger."""
    house.mailbox.deliver(forged())
    house.mailbox.away_after = "fetch"
    with pytest.raises(Unavailable):
        house.round()
    house.crash()
    house.mailbox.away_after = ""

    house.clock.turn(40)
    house.round()

    assert len(house.alarms()) == 1


def test_a_field_of_the_mail_becomes_neither_a_link_nor_markup(house: House) -> None:
    """The From of a stranger stands in the mail to the team: escaped, cut, and not to be clicked."""
    mail = forged().replace(
        b'"Ilka Brandt" <ilka.brandt@corp.example>',
        b'"<a href=x>https://evil.example www.evil.example" <e@evil.example>',
    )
    assert b"https" in mail
    house.mailbox.deliver(mail)

    house.round()

    (alarm,) = house.mailbox.sent
    assert "://evil" not in alarm.text + alarm.html
    assert "www.evil" not in alarm.text + alarm.html
    assert "<a href=x>" not in alarm.html
