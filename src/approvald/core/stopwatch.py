"""How long each step of a mail's way took, for its one summary line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from approvald.core.ports import Clock


class Stopwatch:
    """Measures named steps in milliseconds; a step taken twice is added up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self.steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done inside, also when it raises."""
        start = self._clock.monotonic()
        try:
            yield
        finally:
            spent = (self._clock.monotonic() - start) * 1000
            self.steps[name] = round(self.steps.get(name, 0.0) + spent, 1)

    def total_ms(self) -> float:
        """Return milliseconds since the watch was made."""
        return round((self._clock.monotonic() - self._started) * 1000, 1)
