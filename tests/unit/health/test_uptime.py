"""A mail is as old as the time in which approvald could have looked at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.health.uptime import Uptime
from approvald.ledger.store import Store
from fakes.clock import FakeClock

HOUR = 3600
POLL = 15


class Running:
    """A daemon that polls and stops, on one clock and one ledger."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.path = path
        self.start()

    def start(self) -> None:
        """Start, with nothing but the ledger's file."""
        self.store = Store(f"sqlite:///{self.path}", self.clock)
        self.store.open()
        self.uptime = Uptime(self.store, self.clock, poll_seconds=POLL, keep=timedelta(hours=72))
        self.uptime.mark_alive()

    def poll_for(self, seconds: int) -> None:
        """Poll that long, once a minute."""
        for _ in range(seconds // 60):
            self.clock.turn(60)
            self.uptime.mark_alive()

    def stop_for(self, seconds: int) -> None:
        """Be down that long, and start again."""
        self.store.close()
        self.clock.turn(seconds)
        self.start()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Return a daemon that has just polled."""
    made = Running(tmp_path / "ledger.db")
    yield made
    made.store.close()


def test_a_mail_ages_while_approvald_polls(running: Running) -> None:
    """Without a pause the age is the time since it was received."""
    received = running.clock.now()
    running.poll_for(2 * HOUR)
    assert running.uptime.age(received) == timedelta(hours=2)


def test_time_in_which_approvald_was_down_does_not_count(running: Running) -> None:
    """A weekend without approvald refuses nobody's mail; several pauses add up, over several starts."""
    received = running.clock.now()
    running.poll_for(HOUR)
    running.stop_for(60 * HOUR)
    running.poll_for(HOUR)
    running.stop_for(40 * HOUR)
    assert running.uptime.age(received) == timedelta(hours=2)


def test_only_the_part_of_a_pause_after_the_mail_came_counts(running: Running) -> None:
    """The mail arrived in the middle of it, or after it."""
    running.stop_for(10 * HOUR)
    now = running.clock.now()
    assert running.uptime.age(now - timedelta(hours=4)) == timedelta()
    running.poll_for(HOUR)
    assert running.uptime.age(now) == timedelta(hours=1)


def test_a_slow_round_is_no_pause(running: Running) -> None:
    """Four polls, or a minute."""
    received = running.clock.now()
    running.clock.turn(60)
    running.uptime.mark_alive()
    assert running.uptime.age(received) == timedelta(seconds=60)
    running.clock.turn(61)
    running.uptime.mark_alive()
    assert running.uptime.age(received) == timedelta(seconds=60)


def test_pauses_older_than_any_mail_are_forgotten(running: Running) -> None:
    """The ledger does not grow with every restart for ever."""
    for _ in range(3):
        running.stop_for(100 * HOUR)
    assert len(running.store.recall("uptime")["pauses"]) < 150


def test_a_clock_that_was_set_back_makes_no_mail_younger(running: Running) -> None:
    """The same hour is not taken off twice."""
    received = running.clock.now()
    running.stop_for(2 * HOUR)
    running.clock.turn(-2 * HOUR)
    running.uptime.mark_alive()
    running.stop_for(2 * HOUR)
    running.poll_for(HOUR)
    assert running.uptime.age(received) == timedelta(hours=1)


def test_before_the_first_beat_nothing_is_known(running: Running) -> None:
    """A mail is then as old as it looks, which refuses rather than confirms."""
    uptime = Uptime(running.store, running.clock, poll_seconds=POLL, keep=timedelta(hours=72))
    assert uptime.age(running.clock.now() - timedelta(hours=3)) == timedelta(hours=3)


def test_a_clock_that_was_ahead_makes_no_mail_younger(running: Running) -> None:
    """A pause that reaches into the time to come is none: nobody has been down then."""
    running.poll_for(HOUR)
    running.clock.turn(7 * 24 * HOUR)
    running.uptime.mark_alive()
    running.clock.turn(-7 * 24 * HOUR)
    received = running.clock.now()
    running.uptime.mark_alive()
    running.poll_for(24 * HOUR)
    assert running.uptime.age(received) >= timedelta(hours=24)
