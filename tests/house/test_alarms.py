"""Alarms: who is told of what, how often, and what an alarm mail never holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import System, Unavailable
from approvald.core.model import Folder, Level
from fakes.house import ILKA, MARA, House, forged
from places import SHIPPED

TEAM = ("cyberark-team@corp.example",)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def test_a_forged_mail_is_told_to_the_team_and_to_nobody_else(house: House) -> None:
    """One alarm that names the fields seen and the options, one request to Exchange more than silence."""
    house.mailbox.deliver(forged(note="Planted words of the body"))

    house.round()

    (alarm,) = house.mailbox.sent
    assert (alarm.to, alarm.cc) == (TEAM, ())
    assert "X-MS-Exchange-Organization-AuthAs: Anonymous" in alarm.text
    assert "sender.auth_sources" in alarm.text
    assert "Planted" not in alarm.text + alarm.html
    assert len(house.mailbox.folder(Folder.QUARANTINE)) == 1
    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file"]


def test_more_than_three_forgeries_of_approvers_say_that_the_rules_may_be_wrong(house: House) -> None:
    """Three may be a forger's; the fourth within the hour says that a site's own mails may fit no rule."""
    for sender in (ILKA, MARA, ILKA):
        house.mailbox.deliver(forged(sender))
    house.round()
    assert house.alarms("rules for senders") == []

    house.mailbox.deliver(forged(MARA))
    house.round()

    (alarm,) = house.alarms("rules for senders")
    assert "4 mails within an hour" in alarm.text
    assert "sender.auth_mechanisms" in alarm.text


def test_forgeries_of_others_do_not_doubt_the_rules(house: House) -> None:
    """Only an address that is an approver's in the directory counts; so do only those of the last hour."""
    for sender in ("nobody@evil.example", "jonas.keil@corp.example", *["ghost@corp.example"] * 4):
        house.mailbox.deliver(forged(sender))
    for _ in range(5):
        house.mailbox.deliver(forged(ILKA), received=house.clock.now())
        house.round()
        house.clock.turn(1201)

    assert house.alarms("rules for senders") == []


def test_a_directory_that_is_away_does_not_hold_a_forged_mail(house: House) -> None:
    """Who is imitated is a courtesy to the team; the mail is put away at once."""
    house.directory.error = Unavailable(System.DIRECTORY, "away")
    house.mailbox.deliver(forged())

    house.round()

    assert len(house.mailbox.folder(Folder.QUARANTINE)) == 1
    assert len(house.alarms()) == 1


def _hidden(house: House) -> str:
    house.forward(house.ask(forbidden_to=frozenset(Level)))
    return "DB-PROD-01_17"


def _unmapped(house: House) -> str:
    house.forward(house.ask(level1=("Oracle owners",)))
    return "Oracle owners"


def _bad_group(house: House) -> str:
    house.directory.add_group("XX_PAMapprover", security=False)
    house.forward(house.ask())
    return "XX_PAMapprover"


def _unsent(house: House) -> str:
    house.mailbox.refuse_to.add(ILKA)
    house.forward(house.ask())
    house.round()
    return ILKA


@pytest.mark.parametrize(
    ("arrange", "subject"),
    [
        (_hidden, "does not show"),
        (_unmapped, "not known as approver groups"),
        (_bad_group, "cannot be used"),
        (_unsent, "could not be sent"),
    ],
)
def test_what_the_team_must_set_right_is_named(house: House, arrange: Callable[[House], str], subject: str) -> None:
    """Each alarm says what it is about, and comes once."""
    named = arrange(house)

    house.round()
    house.round()

    (alarm,) = house.alarms(subject)
    assert named in alarm.text


def test_three_tries_at_foreign_requests_are_probing(house: House) -> None:
    """Two mistakes are human; the third within an hour is told, with the sender and without their text."""
    for number in (1, 2):
        house.forward(house.ask(f"SECRET-SAFE_{number}"))
        house.pvwa.delete(f"SECRET-SAFE_{number}")
        house.round()
    assert house.alarms() == []

    house.forward(house.ask("DB-PROD-01_3", level1=("L2_PAMapprover",)), MARA)
    house.forward(house.ask("DB-PROD-01_4", level1=("L2_PAMapprover",)), ILKA)
    house.round()

    (alarm,) = house.alarms("not theirs")
    assert ILKA in alarm.text
    assert "3 mails" in alarm.text
    assert "SECRET-SAFE" not in alarm.text


def test_tries_on_three_days_are_no_probing(house: House) -> None:
    """The count looks back one hour."""
    for number in range(4):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
        house.pvwa.delete(f"DB-PROD-01_{number}")
        house.round()
        house.clock.turn(1801)

    assert house.alarms() == []


def test_the_team_hears_once_an_hour_that_mails_wait_for_nothing_outside(house: House) -> None:
    """Not at once, because most waits are short; after `tell_after`. Outages are told of by test_outages.py."""
    for number in range(3):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.pvwa.fail("details", RuntimeError("a bug"), times=None)
    for _ in range(4):
        house.round()
        house.clock.turn(61)
    assert house.alarms() == []

    for _ in range(10):
        house.round()
        house.clock.turn(61)
        house.crash()

    assert len(house.alarms("a mail is waiting")) == 1


def test_a_mail_that_is_meant_to_wait_alarms_nobody(tmp_path: Path) -> None:
    """At the hourly cap no system fails: the approver is told, the team need not be."""
    values = load(SHIPPED).model_dump()
    values["policy"]["hourly_cap"] = 1
    house = House(tmp_path, Settings.model_validate(values))
    for number in (1, 2):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    for _ in range(15):
        house.round()
        house.clock.turn(61)

    assert len(house.mailbox.folder(None)) == 1
    assert house.alarms() == []
