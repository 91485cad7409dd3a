"""Tells why the work of a role cannot begin, and that it can again.

In the log alone: mail would need a log-on, and none is made that the ledger cannot count.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from approvald.core.alarms import AlarmKind
from approvald.core.errors import System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.core.waiting import Patience

_LOG: Final = logging.getLogger(__name__)
_LONGEST_PATIENCE: Final = timedelta(seconds=60)


class Readiness:
    """Counts failures in a row; one alarm where they last for `patience.tell_after`, at most a minute."""

    def __init__(self, patience: Patience, clock: Clock) -> None:
        self._patience = patience
        self._clock = clock
        self._since: datetime | None = None
        self._told = False
        self.failures = 0

    def failed(self, away: Unavailable) -> float:
        """Take in why the work did not begin, or could not be ended. Returns how many seconds to wait."""
        now = self._clock.now()
        self._since = self._since or now
        severity = logging.WARNING if self.failures else logging.ERROR
        self.failures += 1
        event(_LOG, Event.SYSTEM_AWAY, severity, system=away.system.value, cause=str(away), attempt=self.failures)
        if not self._told and now - self._since >= min(self._patience.tell_after, _LONGEST_PATIENCE):
            kind = AlarmKind.LEDGER_AWAY if away.system is System.LEDGER else AlarmKind.OUTAGE
            event(_LOG, Event.ALARM, logging.ERROR, code=kind.value, why=str(away))
            self._told = True
        return self._patience.pause(self.failures - 1).total_seconds()

    def reached(self) -> None:
        """Take in that the work has begun, or that another program does it."""
        if self._told:
            event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=System.LEDGER.value)
        self._since, self._told, self.failures = None, False, 0
