"""Stands by until this program has the lease of its role, works while it holds, and stands by again when it is lost.

The lease is renewed by a thread of its own, so that no slow call outside costs it. A program that was stopped and
goes on later finds its lease gone at its next transaction, and at the latest right before it would send something.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Final

from approvald.core.alarms import AlarmKind
from approvald.core.clock import Patience
from approvald.core.errors import LeaseLost, System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.health.uptime import Pulse
from approvald.ledger.lease import HeldLease, Lease
from approvald.ledger.store import Store
from approvald.service.daemon import Daemon
from approvald.service.instance import AlreadyRunning, OnlyInstance
from approvald.service.signals import Signals

_LOG: Final = logging.getLogger(__name__)
_STAND_BY_SECONDS: Final = 2.0
"""How often a standby asks for the lease."""
_RENEWALS: Final = 8
"""How often a lease is renewed in its length."""
_LONGEST_PAUSE_SECONDS: Final = 5.0
_HANGS: Final = (
    "no call outside has begun or ended for {}: the work hangs, its lease runs out, and a standby takes over; look "
    "what this process waits for (a disk, a name server), and restart it"
)
_LONGEST_PATIENCE: Final = timedelta(seconds=60)


class Standby:
    """The work of one role. `prepare` makes the ledger usable; `work` builds the daemon, and closes it at its end."""

    def __init__(
        self, *, lease: Lease, signals: Signals, patience: Patience, pulse: Pulse,
        prepare: Callable[[], None], work: Callable[[], AbstractContextManager[Daemon]], alone: bool,
    ) -> None:  # fmt: skip
        self._pulse = pulse
        self._lease = lease
        self._signals = signals
        self._readiness = Readiness(patience, pulse.clock)
        self._prepare = prepare
        self._work = work
        self._alone = alone

    def run(self) -> None:
        """Work until told to stop. Raises LedgerUnusable."""
        while self._get_ready():
            try:
                with self._on_duty() as daemon:
                    self._readiness.reached()
                    daemon.run()
            except Unavailable as away:  # the work could not begin, or its end not be written down
                self._signals.wait(self._readiness.failed(away))

    @contextmanager
    def once(self) -> Iterator[Daemon]:
        """Give the daemon for a single poll. Raises Unavailable (ledger), AlreadyRunning where another one works."""
        self._prepare()
        held = self._lease.take(alone=self._alone)
        if held is not None:
            message = f"another approvald ({held.holder}) is working with this ledger; wait until it ends, or stop it"
            raise AlreadyRunning(message)
        with self._on_duty() as daemon:
            yield daemon

    def _get_ready(self) -> bool:
        """Wait for the ledger and the lease. Returns False when told to stop."""
        told = ""
        while not self._signals.is_stopping():
            try:
                if self._readiness.failures or not told:
                    self._prepare()
                held = self._lease.take(alone=self._alone)
            except Unavailable as away:
                self._signals.wait(self._readiness.failed(away))
                continue
            if held is None:
                event(_LOG, Event.LEASE_TAKEN, logging.INFO, count=self._lease.token or 0)
                return True
            self._readiness.reached()
            told = _tell_standby(held, told)
            self._signals.wait(_STAND_BY_SECONDS)
        return False

    @contextmanager
    def _on_duty(self) -> Iterator[Daemon]:
        ended = threading.Event()
        self._pulse.beat()
        renewing = threading.Thread(target=self._renew, args=(ended,), name="lease", daemon=True)
        renewing.start()
        try:
            with self._work() as daemon:
                yield daemon
        finally:
            ended.set()
            renewing.join()
            self._give_back()

    def _renew(self, ended: threading.Event) -> None:
        """Renew the lease until the work has ended; one that is lost wakes the daemon, which then finds out.

        Work that hangs for good is not renewed for: its lease runs out, and a standby takes over.
        """
        pause = min(self._lease.length.total_seconds() / _RENEWALS, _LONGEST_PAUSE_SECONDS)
        failed = False
        while not ended.wait(pause):
            if self._pulse.is_gone():
                if not failed:
                    event(_LOG, Event.LEASE_NOT_RENEWED, logging.ERROR, cause=_HANGS.format(self._pulse.silence()))
                failed = True
                continue
            try:
                self._lease.renew()
                failed = False
            except LeaseLost:
                self._signals.wake()
                return
            except Unavailable as away:
                if not failed:
                    event(_LOG, Event.LEASE_NOT_RENEWED, logging.WARNING, cause=str(away))
                failed = True

    def _give_back(self) -> None:
        try:
            self._lease.release()
        except Unavailable as away:
            event(_LOG, Event.LEASE_NOT_RENEWED, logging.WARNING, cause=str(away))


def _tell_standby(held: HeldLease, told: str) -> str:
    """Log whom this program stands by for, when that has changed."""
    if held.holder != told:
        event(_LOG, Event.STANDING_BY, logging.INFO, holder=held.holder)
    return held.holder


def make_usable(store: Store, lock: OnlyInstance) -> None:
    """Lock the ledger where it is a file, and open it. Raises what either step does."""
    if not store.is_shared:
        lock.hold()
    store.open()


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
