"""Approvers who forward faster than people do: counted over restarts, told to the team, and refused nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.config.settings import PlausibilitySettings, Settings
from approvald.core.errors import System, Unavailable
from approvald.ledger.limits import Haste
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA, House
from places import SHIPPED

TEAM = ("cyberark-team@corp.example",)


def opened(folder: Path, **plausibility: Any) -> House:
    """Give approvald on fakes with the shipped configuration, and these settings of [plausibility]."""
    settings: Settings = load(SHIPPED)
    return House(folder, settings.model_copy(update={"plausibility": PlausibilitySettings(**plausibility)}))


def forward(house: House, number: int, seconds: float, sender: str = ILKA) -> None:
    """Let a request be made and forwarded so many seconds later, and handle the mail."""
    house.forward(house.ask(f"DB-PROD-01_{number}", created=house.clock.now() - timedelta(seconds=seconds)), sender)
    house.round()
    house.clock.turn(1)


def subjects(house: House) -> list[str]:
    """Return the subjects of the mails to the team alone."""
    return [mail.subject for mail in house.mailbox.sent if mail.to == TEAM]


def test_three_fast_ones_in_a_row_are_told_and_still_confirmed(tmp_path: Path) -> None:
    """Speed alone refuses nobody; the team hears of it, with the approver's address."""
    house = opened(tmp_path)
    for number in range(2):
        forward(house, number, 2)
    assert subjects(house) == []

    forward(house, 3, 2)

    assert subjects(house) == ["Alarm: an approver forwards faster than people do"]
    assert ILKA in next(mail.text for mail in house.mailbox.sent if mail.to == TEAM)
    assert len(house.pvwa.confirmations) == 3


def test_a_slow_one_between_begins_the_count_anew(tmp_path: Path) -> None:
    """In a row means in a row, for each approver apart; ten seconds are slow enough."""
    house = opened(tmp_path)
    for number, seconds in enumerate((2, 2, 10, 2, 2)):
        forward(house, number, seconds)
    for number in range(10, 12):
        forward(house, number, 2, MARA)

    assert subjects(house) == []


def test_a_mail_received_before_its_request_is_a_matter_of_clocks(tmp_path: Path) -> None:
    """It counts for nobody's haste, and the team is told once that two clocks differ."""
    house = opened(tmp_path)
    for number in range(4):
        forward(house, number, -30)

    assert subjects(house) == ["Alarm: the clocks of Exchange and CyberArk differ"]
    assert len(house.pvwa.confirmations) == 4


def test_switched_off_it_counts_nothing(tmp_path: Path) -> None:
    """min_seconds 0 means that no mail is fast."""
    house = opened(tmp_path, min_seconds=0.0)
    for number in range(5):
        forward(house, number, 0)

    assert subjects(house) == []


def test_a_mail_that_waits_counts_once(tmp_path: Path) -> None:
    """Handled many times while a system is away, a fast mail is one fast mail."""
    house = opened(tmp_path, alarm_after=2)
    house.pvwa.fail("confirm", Unavailable(System.PVWA, "away"), times=5)
    forward(house, 1, 2)
    for _ in range(8):
        house.clock.turn(61)
        house.round()

    assert subjects(house) == []
    assert len(house.pvwa.confirmations) == 1


@given(st.lists(st.booleans(), max_size=12))
def test_the_run_is_that_of_the_last_mails(fast: list[bool]) -> None:
    """Whatever came before, the count is the number of fast mails since the last slow one."""
    store = Store("sqlite://", FakeClock())
    store.open()
    haste = Haste(store)

    counts = [haste.count(f"mail-{number}", "guid", fast=each) for number, each in enumerate(fast)]
    again = [haste.count(f"mail-{number}", "guid", fast=not each)[1] for number, each in enumerate(fast)]
    store.close()

    run, expected = 0, []
    for each in fast:
        run = run + 1 if each else 0
        expected.append((run, True))
    assert counts == expected
    assert not any(again)
