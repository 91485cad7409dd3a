"""Whether the program still gets on: a call outside that never ends must not keep a standby waiting for ever.

Limits in seconds of every adapter end a call long before; this is for what has none, such as a disk or a name server
that hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from approvald.core.ports import Clock

LONGEST_SILENCE: Final = timedelta(minutes=10)
"""Longer than any call outside."""


class Pulse:
    """Is told of every call outside, when it begins and when it ends. Thread safe."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._last = clock.monotonic()
        self._rests = False

    def beat(self) -> None:
        """Say that the program gets on."""
        self._last = self.clock.monotonic()

    def rest(self, wait: Callable[[float], None], seconds: float) -> None:
        """Call `wait`: a pause that is meant is no silence, however long a system asked for it."""
        self._rests = True
        try:
            wait(seconds)
        finally:
            self.beat()
            self._rests = False

    def silence(self) -> timedelta:
        """Return how long nothing has begun or ended."""
        return timedelta(seconds=self.clock.monotonic() - self._last)

    def is_gone(self) -> bool:
        """Whether the silence is longer than anything that is meant to be."""
        return not self._rests and self.silence() > LONGEST_SILENCE
