"""When a system does not accept one of our accounts, and when it does again: told to the team at once, once each.

The log-on guard decides when an account is tried; this only watches. Mails that waited for the system are due as soon
as the account is accepted.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import AuthenticationFailed, System
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.outages import OutageBook
from approvald.ledger.refused_accounts import RefusedAccount, RefusedAccounts

_LOG: Final = logging.getLogger(__name__)
_LONGEST_QUIET: Final = timedelta(seconds=60)


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
        """Take a refusal in, or that the guard holds the account back after one. The first one is told at once."""
        refused = self._book.refused(failed.system, failed.account)
        self._known()[refused.key] = refused
        self._back_since.pop(refused.key, None)
        facts = (("System", failed.system.value),)
        alarm = Alarm(kind=AlarmKind.LOGON_REFUSED, why=str(failed), name=failed.account, facts=facts)
        self._alarms.raise_once(alarm, within=self._clock.now() - refused.since)

    def answered(self, system: System) -> None:
        """Take in that a system did its work, perhaps for another account of ours."""
        for refused in [each for each in self._known().values() if each.system is system]:
            if refused.key not in self._back_since and not self._book.is_held_back(refused):
                self._back_since[refused.key] = self._clock.now()
                count = self._outages.wake(system)
                event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=system.value, account=refused.account, count=count)

    def rest(self) -> None:
        """Tell of accounts that are accepted again. To be called after every poll."""
        for key, back in list(self._back_since.items()):
            if self._clock.now() - back >= self._quiet:
                self._end(self._known()[key], back)

    def lasts(self, system: str) -> bool:
        """Whether an account of ours is known to be refused by that system."""
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
