"""The summary line of a mail says how long each step took."""

from __future__ import annotations

import pytest

from approvald.core.clock import Stopwatch
from fakes.clock import FakeClock


def test_steps_are_measured_in_milliseconds_and_added_up() -> None:
    """A step taken twice shows the sum of both; the total runs from the making of the watch."""
    clock = FakeClock()
    watch = Stopwatch(clock)
    for seconds in (0.25, 1.0):
        with watch.step("pvwa"):
            clock.turn(seconds)
    with watch.step("parse"):
        clock.turn(0.0304)
    clock.turn(1)
    assert watch.steps == {"pvwa": 1250.0, "parse": 30.4}
    assert watch.total_ms() == 2280.4


def test_a_step_that_fails_is_measured_too() -> None:
    """The line of a waiting mail shows where the time went."""
    clock = FakeClock()
    watch = Stopwatch(clock)

    def fail() -> None:
        with watch.step("pvwa"):
            clock.turn(30)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert watch.steps == {"pvwa": 30000.0}
