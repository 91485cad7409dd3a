"""Reports when a system is away and when it is back: in the log at once, and to the team once if it lasts.

An account of ours that a system does not accept is an outage of its own, which the team is told of at once: people must
end it. An outage ends when the system has worked for a while without a failure, so that one that comes and goes has one
outage. Mails that waited for it are due as soon as it answers, unless one question alone had failed: that may be about
one mail only, which would be tried again with every answer to the others.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import AuthenticationFailed, System
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.outages import Outage, OutageBook
from approvald.ledger.store import Store

_LOG: Final = logging.getLogger(__name__)
_LONGEST_QUIET: Final = timedelta(seconds=60)


class Outages:
    """Keeps the outages of all systems. Implements `breaker.Observer`; its methods may raise Unavailable (ledger).

    `tell_after`: how long a system is away before the team is told. An outage is over when its system has worked
    for as long without a failure, at most a minute.
    """

    def __init__(self, book: OutageBook, *, alarms: AlarmDesk, clock: Clock, tell_after: timedelta) -> None:
        self._book = book
        self._alarms = alarms
        self._clock = clock
        self._tell_after = tell_after
        self._quiet = min(tell_after, _LONGEST_QUIET)
        self._lasting: dict[tuple[System, str], Outage] | None = None
        self._back_since: dict[tuple[System, str], datetime] = {}
        self._in_a_row: Counter[System] = Counter()

    @classmethod
    def in_ledger(cls, store: Store, *, alarms: AlarmDesk, tell_after: timedelta) -> Outages:
        """Build it on the book in this ledger."""
        return cls(OutageBook(store), alarms=alarms, clock=store.clock, tell_after=tell_after)

    def failed(self, system: System, cause: str) -> None:
        """Take note of a failure. The first one begins an outage."""
        if (system, "") not in self._known():
            event(_LOG, Event.SYSTEM_AWAY, logging.WARNING, system=system.value, cause=cause)
        outage = self._book.failed(system, cause)
        self._in_a_row[system] += 1
        self._goes_on(outage)

    def refused(self, failed: AuthenticationFailed) -> None:
        """Take note that a system does not accept one of our accounts. It is not away: others may be accepted."""
        self._goes_on(self._book.failed(failed.system, str(failed), account=failed.account))

    def answered(self, system: System) -> None:
        """Take note that a system did its work. After an outage every mail that waited for it is due.

        It may have been for another account than the one that it refuses: the log-on guard tells.
        """
        for key, outage in list(self._known().items()):
            if outage.system is not system or key in self._back_since:
                continue
            if outage.account and self._book.is_held_back(outage):
                continue
            self._back_since[key] = self._clock.now()
            # An outage from before a restart has no failures here.
            was_one_alone = not outage.account and self._in_a_row.pop(system, 0) == 1
            count = 0 if was_one_alone else self._book.wake(system)
            event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=system.value, account=outage.account, count=count)

    def housekeep(self) -> None:
        """Report outages that have lasted, and end those that are over. To be called after every poll."""
        now = self._clock.now()
        for key, outage in list(self._known().items()):
            back = self._back_since.get(key)
            if back is None:
                self._tell_if_long(outage)
            elif now - back >= self._quiet:
                self._end(outage, back)

    def lasts(self, system: str) -> bool:
        """Whether an outage of that system, or its refusal of one of our accounts, is known to last."""
        return any(known.value == system for known, _ in self._known())

    def _known(self) -> dict[tuple[System, str], Outage]:
        """Return the outages that last, as the ledger knows them from before a restart."""
        if self._lasting is None:
            self._lasting = dict(self._book.lasting())
        return self._lasting

    def _goes_on(self, outage: Outage) -> None:
        self._known()[outage.key] = outage
        self._back_since.pop(outage.key, None)
        self._tell_if_long(outage)

    def _tell_if_long(self, outage: Outage) -> None:
        if outage.is_told or (not outage.account and self._clock.now() - outage.since < self._tell_after):
            return
        if outage.account:
            self._raise(outage, AlarmKind.LOGON_REFUSED, outage.cause)
        else:
            facts = (("Away since", _shown(outage.since)), ("Failures", str(outage.failures)))
            self._raise(outage, AlarmKind.OUTAGE, outage.cause, *facts)
        self._book.told(outage)
        self._known()[outage.key] = replace(outage, is_told=True)

    def _end(self, outage: Outage, back: datetime) -> None:
        if outage.is_told:
            self._tell_end(outage, back)
        self._book.over(outage)
        self._known().pop(outage.key)
        self._back_since.pop(outage.key)

    def _tell_end(self, outage: Outage, back: datetime) -> None:
        since, until = _shown(outage.since), _shown(back)
        if outage.account:
            why = f"{outage.system.value} accepts {outage.account} again."
            self._raise(outage, AlarmKind.LOGON_ACCEPTED, why, ("Refused since", since), ("Accepted since", until))
            return
        facts = (
            ("Away since", since),
            ("Back since", until),
            ("Failures", str(outage.failures)),
            ("Mails that began to wait in the meantime", str(self._book.began_to_wait(outage.since, back))),
        )
        why = f"{outage.system.value} is working again; mails that waited for it are being decided."
        self._raise(outage, AlarmKind.OUTAGE_OVER, why, *facts)

    def _raise(self, outage: Outage, kind: AlarmKind, why: str, *facts: tuple[str, str]) -> None:
        """Raise an alarm of this outage, unless a crash has come between the alarm and the outage's own row."""
        if outage.account:
            facts = (("System", outage.system.value), *facts)
        alarm = Alarm(kind=kind, why=why, name=outage.account or outage.system.value, facts=facts)
        self._alarms.raise_once(alarm, within=self._clock.now() - outage.since)


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
