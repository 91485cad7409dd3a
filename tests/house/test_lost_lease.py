"""A program that has lost its lease sends nothing more: no confirmation, no reply; another one does it instead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import LeaseLost
from approvald.ledger.lease import Lease
from approvald.ledger.store import Store
from approvald.service.instance import MAIL
from fakes.house import House
from places import SHIPPED


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def lose_lease(house: House) -> None:
    """Let another program take the lease."""
    other = Lease(Store(house.url, house.clock), MAIL, "another program", longest_call=timedelta(seconds=35))
    assert other.take(alone=True) is None


def test_a_confirmation_is_not_sent(house: House) -> None:
    """Although it was decided and intended while the lease was held; the next program sends it, once."""
    house.forward(house.ask())
    house.pvwa.before_confirming = lambda _permit: lose_lease(house)
    with pytest.raises(LeaseLost):
        house.round()
    assert house.pvwa.attempts == []
    assert house.mailbox.sent == []

    house.pvwa.before_confirming = lambda _permit: None
    house.crash()
    house.clock.turn(120)
    house.round()
    assert len(house.pvwa.confirmations) == 1
    assert len(house.mailbox.sent) == 1


def test_a_reply_is_not_sent(house: House) -> None:
    """The lease is lost between decision and sending; the next program answers, once."""
    house.forward(house.ask())

    def lost_meanwhile() -> None:
        lose_lease(house)
        house.lease.make_certain()

    house.mailbox.permit = lost_meanwhile
    with pytest.raises(LeaseLost):
        house.round()
    assert house.mailbox.sent == []

    house.crash()
    house.clock.turn(120)
    house.round()
    assert len(house.mailbox.sent) == 1
    assert len(house.pvwa.confirmations) == 1
