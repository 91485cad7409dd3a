"""The clock of the running program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from approvald.core.ports import Clock

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 60.0
_LONGEST_WISH_SECONDS: Final = 900.0
_DOUBLINGS: Final = 6


class SystemClock:
    """The port Clock, on the system's own clocks."""

    def now(self) -> datetime:
        """Return the aware UTC instant."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds for measuring durations; they never jump."""
        return time.monotonic()


class Stopwatch:
    """Measures named steps in milliseconds; a step taken twice is added up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self.steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside, even when it raises."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            spent = (self._clock.monotonic() - start) * 1000
            self.steps[name] = round(self.steps.get(name, 0.0) + spent, 1)

    def total_ms(self) -> float:
        """Return milliseconds since the watch was made."""
        return round((self._clock.monotonic() - self._started) * 1000, 1)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Doubles the pause from 1 s to 60 s, with up to a quarter of jitter. `chance` returns a number from 0 to 1."""

    tell_after: timedelta
    chance: Callable[[], float]

    def pause(self, tries: int, wished_seconds: float | None = None) -> timedelta:
        """Return how long to wait after the `tries`th failure; not shorter than the system asked for, up to 15 min."""
        seconds = min(_FIRST_SECONDS * 2 ** min(tries, _DOUBLINGS), _LONGEST_SECONDS)
        seconds *= 1 + self.chance() / 4
        # A broken load balancer can ask for years: then every mail would wait for ever.
        return timedelta(seconds=max(seconds, min(wished_seconds or 0.0, _LONGEST_WISH_SECONDS)))

    def is_due(self, at: datetime | None, now: datetime) -> bool:
        """Whether what waits until then is due. A time further ahead than any pause comes from a wrong clock: due."""
        return at is None or not now < at <= now + timedelta(seconds=_LONGEST_WISH_SECONDS)

    def is_over(self, since: datetime, now: datetime) -> bool:
        """Whether a mail has waited so long that its sender is told."""
        return now - since >= self.tell_after
