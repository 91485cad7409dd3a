"""How long a mail waits before it is tried again, and when its sender is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvald.core.clock import Patience
from fakes.facts import NOW

PATIENCE = Patience(tell_after=timedelta(minutes=5), chance=lambda: 0.0)


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (7, 60), (10_000, 60)])
def test_the_pause_doubles_from_a_second_to_a_minute(tries: int, seconds: int) -> None:
    """A short outage costs seconds, a long one does not hammer the system."""
    assert PATIENCE.pause(tries) == timedelta(seconds=seconds)


def test_the_pause_is_spread_by_a_quarter() -> None:
    """Mails that began to wait together do not come back together."""
    assert Patience(tell_after=timedelta(), chance=lambda: 1.0).pause(2) == timedelta(seconds=5)


def test_a_system_that_asks_for_time_gets_it() -> None:
    """Retry-After counts where it is longer than our own pause."""
    assert PATIENCE.pause(0, 40) == timedelta(seconds=40)
    assert PATIENCE.pause(3, 2) == timedelta(seconds=8)
    assert PATIENCE.pause(0, -5) == timedelta(seconds=1)


@pytest.mark.parametrize("wish", [10.0**9, 10.0**300, float("inf"), float("nan")])
def test_no_answer_can_make_a_mail_wait_for_ever(wish: float) -> None:
    """A broken load balancer may ask for years, or for no number at all."""
    assert PATIENCE.pause(0, wish) <= timedelta(hours=1)


def test_the_sender_is_told_after_the_configured_time() -> None:
    """Not earlier, so that a short outage bothers nobody."""
    assert not PATIENCE.is_over(NOW, NOW + timedelta(minutes=4, seconds=59))
    assert PATIENCE.is_over(NOW, NOW + timedelta(minutes=5))
