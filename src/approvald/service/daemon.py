"""Polls every 15 s until told to stop. Knows nothing of mail contents.

A stop is noticed at once while waiting, and after the mail in hand otherwise. A system that is away never ends the
daemon; another program that has taken its role does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from approvald.core.clock import Patience
from approvald.core.errors import LeaseLost, Unavailable
from approvald.core.logs.events import Event, event
from approvald.mail.inbox import Round
from approvald.service.signals import Signals

_LOG: Final = logging.getLogger(__name__)


class Service(Protocol):
    """The work done for a mailbox. `round`, `housekeep` and `reload` may raise Unavailable; the others never raise."""

    def round(self, stopping: Callable[[], bool]) -> Round:
        """Do one round. Once `stopping` is true, no other mail is begun."""

    def housekeep(self) -> None:
        """Do what is done between two polls."""

    def reload(self) -> None:
        """Do what SIGHUP asks for."""

    def failed(self, away: Unavailable) -> None:
        """Take note why a poll did not do all its work."""

    def recovered(self) -> None:
        """Take note that a poll did all its work."""


class Daemon:
    """The loop. `pause` waits so many seconds, or until it is woken."""

    def __init__(
        self, service: Service, *, signals: Signals, patience: Patience, poll_seconds: float,
        pause: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._service = service
        self._signals = signals
        self._patience = patience
        self._poll_seconds = poll_seconds
        self._pause = pause
        self._failures = 0
        self._is_lost = False

    def run(self) -> None:
        """Poll until told to stop, or until another program has taken the role."""
        while not self._signals.is_stopping() and not self._is_lost:
            self._pause(self._poll())
        event(_LOG, Event.LEASE_LOST if self._is_lost else Event.DAEMON_STOPPING, logging.INFO)

    def run_once(self) -> Round:
        """Poll once. Raises Unavailable where Exchange or the ledger is away."""
        return self._service.round(self._signals.is_stopping)

    def _poll(self) -> float:
        """Poll, and return the seconds until the next one."""
        try:
            self._reload_if_wanted()
            done = self.run_once()
            self._service.housekeep()
        except LeaseLost:
            self._is_lost = True
            return 0.0
        except Unavailable as away:
            self._service.failed(away)
            return self._failed(away.system.value, str(away), away.retry_after_seconds)
        except Exception as error:  # noqa: BLE001 - the loop lives; what happened is told in full
            event(_LOG, Event.DAEMON_CRASHED, logging.ERROR, trace=error)
            return self._failed("", f"unexpected error ({type(error).__name__})", None)
        self._service.recovered()
        if self._failures:
            event(_LOG, Event.POLL_RECOVERED, logging.INFO, attempt=self._failures)
            self._failures = 0
        # Waiting mails come due within a minute and are looked at again sooner than the next poll.
        return min(self._poll_seconds, 1.0) if done.waiting else self._poll_seconds

    def _reload_if_wanted(self) -> None:
        """Reload after SIGHUP. A system that is away puts it off and stops no mail."""
        if not self._signals.take_reload():
            return
        try:
            self._service.reload()
        except Unavailable as away:
            self._signals.put_off_reload()
            event(_LOG, Event.SYSTEM_AWAY, logging.WARNING, system=away.system.value, cause=str(away))
        else:
            event(_LOG, Event.DAEMON_RELOADED, logging.INFO)

    def _failed(self, system: str, cause: str, wished_seconds: float | None) -> float:
        severity = logging.ERROR if self._failures == 0 else logging.WARNING
        self._failures += 1
        pause = self._patience.pause(self._failures - 1, wished_seconds).total_seconds()
        event(
            _LOG, Event.POLL_FAILED, severity, system=system, cause=cause, attempt=self._failures,
            seconds=round(pause, 1),
        )  # fmt: skip
        return pause
