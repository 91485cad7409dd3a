"""Leaves a failing system alone: after two failures in a row it is asked again only after a pause.

The pause doubles from 1 s to 60 s, with jitter, and is not shorter than the system itself asks for. One failure alone
stops nothing: it may be about one request only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol, TypeVar

from approvald.core.clock import Patience
from approvald.core.errors import AuthenticationFailed, OutcomeUnknown, System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock, only

_LOG: Final = logging.getLogger(__name__)
_LET_PASS: Final = 1
"""How many failures in a row open nothing."""

_Port = TypeVar("_Port")


class Observer(Protocol):
    """Takes reports on how a system is doing. Its methods may raise Unavailable (ledger)."""

    def failed(self, system: System, cause: str) -> None:
        """Report that the system did not do its work."""

    def refused(self, failed: AuthenticationFailed) -> None:
        """Report that the system does not accept one of our accounts."""

    def answered(self, system: System) -> None:
        """Report that the system did its work."""


def _nothing() -> None:
    """Tell nobody of the call."""


class Breaker:
    """The breaker of one system. `call` wraps every question to it; `beat` is called when one begins and ends."""

    def __init__(
        self, system: System, *, clock: Clock, patience: Patience, health: Observer, beat: Callable[[], None] = _nothing
    ) -> None:
        self._beat = beat
        self._system = system
        self._clock = clock
        self._patience = patience
        self._health = health
        self._failures = 0
        self._open_until = 0.0
        self._cause = ""

    @contextmanager
    def call(self) -> Iterator[None]:
        """Run the call and report how it went; while the system is to be left alone, raise Unavailable instead."""
        left = self._open_until - self._clock.monotonic()
        if left > 0:
            message = f"{self._cause} (It is not asked again for another {left:.0f} s.)"
            raise Unavailable(self._system, message, retry_after_seconds=left)
        self._beat()
        try:
            yield
        except AuthenticationFailed as refused:
            if refused.system is self._system:  # of one account only: the log-on guard says when that is tried again
                self._tell(partial(self._health.refused, refused))
            raise
        except Unavailable as away:
            if away.system is self._system:
                self._failed(str(away), away.retry_after_seconds)
            raise
        except OutcomeUnknown as lost:
            self._failed(str(lost), None)
            raise
        except Exception:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            self._beat()

    def _failed(self, cause: str, wished_seconds: float | None) -> None:
        self._failures += 1
        self._cause = cause
        if self._failures > _LET_PASS:
            pause = self._patience.pause(self._failures - _LET_PASS - 1, wished_seconds)
            self._open_until = self._clock.monotonic() + pause.total_seconds()
        self._tell(partial(self._health.failed, self._system, cause))

    def _answered(self) -> None:
        self._failures = 0
        self._tell(partial(self._health.answered, self._system))

    def _tell(self, what: Callable[[], None]) -> None:
        """Report how the system is doing. If the ledger cannot take it, a finished act must not become an error.

        A confirmation that PVWA has taken would look like one that was never sent.
        """
        try:
            what()
        except Unavailable as away:
            event(_LOG, Event.SYSTEM_AWAY, logging.WARNING, system=away.system.value, cause=str(away))


class Breakers:
    """The breakers: one per system, however many ports lead to it."""

    def __init__(
        self, *, clock: Clock, patience: Patience, health: Observer, beat: Callable[[], None] = _nothing
    ) -> None:
        self._make = partial(Breaker, clock=clock, patience=patience, health=health, beat=beat)
        self._made: dict[System, Breaker] = {}

    def breaker(self, system: System) -> Breaker:
        """Return the system's breaker."""
        if system not in self._made:
            self._made[system] = self._make(system)
        return self._made[system]

    def behind(self, system: System, port: type[_Port], adapter: _Port) -> _Port:
        """Return the port with a breaker around each question, and nothing else of the adapter."""
        return only(port, adapter, self.breaker(system).call)
