"""Who waits because a system is away is told so once, in time, whichever system it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import System, Unavailable
from fakes.house import ILKA, TEAM, House, forged
from places import SHIPPED


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def told(house: House) -> list[str]:
    """Return what Ilka was sent, by the beginning of its subject."""
    return [reply.subject.split(":")[0] for reply in house.mailbox.sent if reply.to == (ILKA,)]


def test_a_system_that_is_away_makes_the_mail_wait_and_tells_once(house: House) -> None:
    """Nobody hears "no" because a server was away: one notice after five minutes, one answer in the end."""
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)

    for _ in range(20):
        house.round()
        house.clock.turn(61)
    told = [reply.subject for reply in house.mailbox.sent if reply.to == (ILKA,)]
    assert told == ["Not decided yet"]
    house.pvwa.recover()
    house.clock.turn(61)
    house.round()

    told = [reply.subject.split(":")[0] for reply in house.mailbox.sent if reply.to == (ILKA,)]
    assert told == ["Not decided yet", "Approved"]
    assert len(house.pvwa.attempts) == 1


def test_a_system_that_asks_for_long_keeps_nobody_from_being_told(house: House) -> None:
    """429 with a quarter of an hour: the mail is not tried before, and its sender is told after five minutes."""
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "busy", retry_after_seconds=900), times=None)
    house.round()
    calls = list(house.pvwa.calls)

    house.clock.turn(299)
    house.round()
    assert told(house) == []
    for _ in range(3):
        house.clock.turn(2)
        house.round()

    assert told(house) == ["Not decided yet"]
    assert house.pvwa.calls == calls
    house.pvwa.recover()
    house.clock.turn(600)
    house.round()
    assert told(house) == ["Not decided yet", "Approved"]


def test_a_sender_is_told_though_the_directory_knows_nobody_now(house: House) -> None:
    """Exchange vouches for the mailbox; a restart in between tells nobody twice."""
    house.forward(house.ask())
    house.mailbox.deliver(forged(), received=house.clock.now())
    house.directory.go_away()
    for _ in range(8):
        house.round()
        house.crash()
        house.clock.turn(61)

    assert [(reply.to, reply.subject) for reply in house.mailbox.sent if reply.to != (TEAM,)] == [
        ((ILKA,), "Not decided yet")
    ]
    house.directory.error = None
    house.round()
    assert told(house) == ["Not decided yet", "Approved"]


def test_a_notice_that_exchange_did_not_take_is_sent_when_it_does(house: House) -> None:
    """Once, when Exchange is the one that is away."""
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)
    house.round()
    house.mailbox.fail.add("send")
    house.clock.turn(301)
    house.round_that_fails()
    house.mailbox.fail.clear()
    for _ in range(3):
        house.round()
        house.clock.turn(61)

    assert told(house) == ["Not decided yet"]
