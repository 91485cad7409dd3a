"""Shadow mode moves nothing: what is known stays in front of what is new, and one odd mail stops no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.ledger.shadow import Shadow
from approvald.mail.inbox import Round
from fakes.house import House
from places import SHIPPED

NO_REQUEST = b"From: ilka.brandt@corp.example\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED), shadow=True)


def rounds(house: House, count: int) -> list[Round]:
    """Do so many rounds."""
    return [house.round() for _ in range(count)]


def test_more_mails_than_a_page_are_all_decided(house: House) -> None:
    """Over restarts, too: those that are known stay where they are."""
    for number in range(1, 1102):
        house.mailbox.deliver(NO_REQUEST.replace(b"noon", str(number).encode()))
    rounds(house, 2)
    house.crash()
    handled = rounds(house, 6)
    assert (handled[-1].listed, handled[-1].waiting) == (1101, 0)
    items = [item.item_id for item in house.mailbox.list_inbox(2000)]
    assert len(Shadow(house.store).known(items)) == 1101


def test_one_odd_mail_stops_no_other(house: House) -> None:
    """An error that nobody expected holds that mail alone; it is tried again."""
    for number in (17, 18):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.pvwa.fail("details", RuntimeError("some error"))
    first, *_ = rounds(house, 1)
    assert (first.handled, first.waiting) == (1, 1)
    house.clock.turn(60)
    assert rounds(house, 1)[0].handled == 1
