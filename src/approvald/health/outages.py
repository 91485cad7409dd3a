"""Reports when a system is away and when it is back: in the log at once, and to the team once if it lasts.

An outage ends when the system has worked for a while without a failure, so that a system that comes and goes has one
outage. Mails that waited for it are due as soon as it answers, unless one question alone had failed: that may be about
one mail only, which would be tried again with every answer to the others.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import AuthenticationFailed, System
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.outages import Outage, OutageBook, RefusedAccount, RefusedAccounts
from approvald.ledger.store import Store

_LOG: Final = logging.getLogger(__name__)
_LONGEST_QUIET: Final = timedelta(seconds=60)


class Outages:
    """Keeps the outages of all systems. Implements `breaker.Observer`; its methods may raise Unavailable (ledger).

    `tell_after`: how long an outage lasts before the team is told. An outage is over when its system has worked
    for as long without a failure, at most a minute.
    """

    def __init__(
        self, *, book: OutageBook, refusals: Refusals, alarms: AlarmDesk, clock: Clock, tell_after: timedelta
    ) -> None:
        self._book = book
        self._refusals = refusals
        self._alarms = alarms
        self._clock = clock
        self._tell_after = tell_after
        self._quiet = min(tell_after, _LONGEST_QUIET)
        self._lasting: dict[System, Outage] | None = None
        self._back_since: dict[System, datetime] = {}
        self._in_a_row: Counter[System] = Counter()

    @classmethod
    def kept_in(cls, store: Store, *, alarms: AlarmDesk, tell_after: timedelta) -> Outages:
        """Build it on the books in this ledger."""
        clock, book = store.clock, OutageBook(store)
        refusals = Refusals(book=RefusedAccounts(store), outages=book, alarms=alarms, clock=clock, quiet=tell_after)
        return cls(book=book, refusals=refusals, alarms=alarms, clock=clock, tell_after=tell_after)

    def failed(self, system: System, cause: str) -> None:
        """Take note of a failure. The first one begins an outage."""
        lasting = self._known()
        if system not in lasting:
            event(_LOG, Event.SYSTEM_AWAY, logging.WARNING, system=system.value, cause=cause)
        lasting[system] = self._book.failed(system, cause)
        self._in_a_row[system] += 1
        self._back_since.pop(system, None)
        self._tell_if_long(lasting[system])

    def refused(self, failed: AuthenticationFailed) -> None:
        """Take note that a system does not accept one of our accounts: not an outage, as others may be accepted."""
        self._refusals.refused(failed)

    def answered(self, system: System) -> None:
        """Take note that a system did its work. After an outage every mail that waited for it is due."""
        self._refusals.answered(system)
        if system not in self._known() or system in self._back_since:
            return
        self._back_since[system] = self._clock.now()
        # An outage from before a restart has no failures here.
        count = 0 if self._in_a_row.pop(system, 0) == 1 else self._book.wake(system)
        event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=system.value, count=count)

    def housekeep(self) -> None:
        """Report outages that have lasted, and end those that are over. To be called after every poll."""
        self._refusals.housekeep()
        now = self._clock.now()
        for system, outage in list(self._known().items()):
            back = self._back_since.get(system)
            if back is None:
                self._tell_if_long(outage)
            elif now - back >= self._quiet:
                self._end(outage, back)

    def lasts(self, system: str) -> bool:
        """Whether an outage of that system, or its refusal of one of our accounts, is known to last."""
        return any(known.value == system for known in self._known()) or self._refusals.lasts(system)

    def _known(self) -> dict[System, Outage]:
        """Return the outages that last, as the ledger knows them from before a restart."""
        if self._lasting is None:
            self._lasting = dict(self._book.lasting())
        return self._lasting

    def _tell_if_long(self, outage: Outage) -> None:
        if outage.told_at is not None or self._clock.now() - outage.since < self._tell_after:
            return
        facts = (("Away since", f"{outage.since:%Y-%m-%d %H:%M:%S} UTC"), ("Failures", str(outage.failures)))
        self._raise(Alarm(kind=AlarmKind.OUTAGE, why=outage.cause, name=outage.system.value, facts=facts), outage)
        self._book.told(outage.system)
        self._lasting = dict(self._book.lasting())

    def _end(self, outage: Outage, back: datetime) -> None:
        if outage.told_at is not None:
            facts = (
                ("Away since", f"{outage.since:%Y-%m-%d %H:%M:%S} UTC"),
                ("Back since", f"{back:%Y-%m-%d %H:%M:%S} UTC"),
                ("Failures", str(outage.failures)),
                ("Mails that began to wait in the meantime", str(self._book.began_to_wait(outage.since, back))),
            )
            why = f"{outage.system.value} is working again; mails that waited for it are being decided."
            self._raise(Alarm(kind=AlarmKind.OUTAGE_OVER, why=why, name=outage.system.value, facts=facts), outage)
        self._book.over(outage)
        self._known().pop(outage.system, None)
        self._back_since.pop(outage.system, None)

    def _raise(self, alarm: Alarm, outage: Outage) -> None:
        """Raise an alarm of this outage, unless a crash has come between the alarm and the outage's own row."""
        self._alarms.raise_once(alarm, within=self._clock.now() - outage.since)


class Refusals:
    """Keeps the refused accounts of all systems; its methods may raise Unavailable (ledger).

    `quiet`: for how long an account must not have been refused again before its end is told, at most a minute.
    """

    def __init__(
        self, *, book: RefusedAccounts, outages: OutageBook, alarms: AlarmDesk, clock: Clock, quiet: timedelta
    ) -> None:
        self._book = book
        self._outages = outages
        self._alarms = alarms
        self._clock = clock
        self._quiet = min(quiet, _LONGEST_QUIET)
        self._lasting: dict[tuple[System, str], RefusedAccount] | None = None
        self._back_since: dict[tuple[System, str], datetime] = {}

    def refused(self, failed: AuthenticationFailed) -> None:
        """Take note that an account was refused, or is held back after that. The first time is reported at once."""
        refused = self._book.refused(failed.system, failed.account)
        self._known()[refused.key] = refused
        self._back_since.pop(refused.key, None)
        facts = (("System", failed.system.value),)
        alarm = Alarm(kind=AlarmKind.LOGON_REFUSED, why=str(failed), name=failed.account, facts=facts)
        self._alarms.raise_once(alarm, within=self._clock.now() - refused.since)

    def answered(self, system: System) -> None:
        """Take note that a system did its work, perhaps for another of our accounts."""
        for refused in [each for each in self._known().values() if each.system is system]:
            if refused.key not in self._back_since and not self._book.is_held_back(refused):
                self._back_since[refused.key] = self._clock.now()
                count = self._outages.wake(system)
                event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=system.value, account=refused.account, count=count)

    def housekeep(self) -> None:
        """Report accounts that are accepted again. To be called after every poll."""
        for key, back in list(self._back_since.items()):
            if self._clock.now() - back >= self._quiet:
                self._end(self._known()[key], back)

    def lasts(self, system: str) -> bool:
        """Whether one of our accounts is known to be refused by that system."""
        return any(refused.system.value == system for refused in self._known().values())

    def _known(self) -> dict[tuple[System, str], RefusedAccount]:
        """Return the accounts that are refused, as the ledger knows them from before a restart."""
        if self._lasting is None:
            self._lasting = {each.key: each for each in self._book.lasting()}
        return self._lasting

    def _end(self, refused: RefusedAccount, back: datetime) -> None:
        facts = (
            ("System", refused.system.value),
            ("Refused since", f"{refused.since:%Y-%m-%d %H:%M:%S} UTC"),
            ("Accepted since", f"{back:%Y-%m-%d %H:%M:%S} UTC"),
        )
        why = f"{refused.system.value} accepts {refused.account} again."
        alarm = Alarm(kind=AlarmKind.LOGON_ACCEPTED, why=why, name=refused.account, facts=facts)
        self._alarms.raise_once(alarm, within=self._clock.now() - refused.since)
        self._book.over(refused)
        self._known().pop(refused.key)
        self._back_since.pop(refused.key)
