"""The clock of the running program."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The port Clock by the system's own clocks."""

    def now(self) -> datetime:
        """Return the aware UTC instant."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds for measuring durations; they never jump."""
        return time.monotonic()
