"""Computes a mail's age, leaving out the time during which approvald could not look."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from approvald.core.ports import Clock, Names

_KIND: Final = "uptime"
_Spans = Sequence[tuple[datetime, datetime]]
LONGEST_SILENCE: Final = timedelta(minutes=10)
"""Longer than any call outside."""


class Uptime:
    """Keeps the pauses in which approvald was down, durably. Call `mark_alive` at every poll.

    `paused`: returns the spans in which it was up and paused by an operator.
    """

    def __init__(
        self, names: Names, clock: Clock, *, poll_seconds: float, keep: timedelta, paused: Callable[[], _Spans] = tuple
    ) -> None:
        self._names = names
        self._clock = clock
        self._tolerated = timedelta(seconds=max(4 * poll_seconds, 60))
        self._keep = keep
        self._paused = paused
        self._pauses: list[tuple[datetime, datetime]] | None = None

    def mark_alive(self) -> None:
        """Write down that approvald is alive now; a long silence since the last beat was a pause."""
        now = self._clock.now()
        known = self._names.recall(_KIND)
        if self._pauses is None:
            read = json.loads(known.get("pauses", "[]"))
            self._pauses = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in read]
        last = datetime.fromisoformat(known["last"]) if "last" in known else now
        if now < last:  # the clock was ahead: nobody was down in the time to come
            self._pauses = [(start, min(end, now)) for start, end in self._pauses if start < now]
            self._keep_pauses()
        if now - last > self._tolerated:
            self._pauses = [pause for pause in self._pauses if now - pause[1] < self._keep] + [(last, now)]
            self._keep_pauses()
        self._names.remember(_KIND, "last", now.isoformat())

    def _keep_pauses(self) -> None:
        text = json.dumps([[start.isoformat(), end.isoformat()] for start, end in self._pauses or []])
        self._names.remember(_KIND, "pauses", text)

    def age(self, received: datetime) -> timedelta:
        """Return how long a mail received then has waited while approvald was up and not paused."""
        now = self._clock.now()
        down, counted_to = timedelta(), received
        # Pauses overlap when the clock was set back; no hour may be taken off twice.
        for start, end in sorted([*(self._pauses or []), *self._paused()]):
            begin, stop = max(start, counted_to), min(end, now)
            if stop > begin:
                down += stop - begin
                counted_to = stop
        return now - received - down


class Pulse:
    """Notes the beginning and the end of every outside call. Thread safe."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._last = clock.monotonic()
        self._rests = False

    def beat(self) -> None:
        """Note that the program is making progress."""
        self._last = self.clock.monotonic()

    def pause(self, wait: Callable[[float], None], seconds: float) -> None:
        """Call `wait`: an intended pause is not silence, however long a system asked for it."""
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
        """Whether the silence is longer than any that is intended."""
        return not self._rests and self.silence() > LONGEST_SILENCE
