"""Compares PVWA with the ledger at intervals, for what our accounts have done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.reconcile import Known, is_shown, unexplained
from approvald.approval.request import RequestState, request_state
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import LedgerAway, Unavailable, Unreadable
from approvald.core.logs.events import Event, event
from approvald.core.model import AccessRequest, ConfirmingAccount
from approvald.core.ports import Clock, Names, ReadingPvwa
from approvald.ledger.confirmations import Confirmations

_LOG: Final = logging.getLogger(__name__)
_KIND: Final = "reconciled"
_SINCE: Final = "since"
_MOST: Final = 50
"""How many requests of each list, and of the ledger's confirmations, are read in one sweep, the newest first."""
_DIGITS: Final = 9


@dataclass(frozen=True, kw_only=True)
class ReconcileRules:
    """A sweep is made `every` so often, over what was confirmed within `span`."""

    every: timedelta
    span: timedelta


class Reconciling:
    """Sweeps. `tell` raises an alarm; each finding is reported once, even across restarts."""

    def __init__(
        self, *, pvwa: ReadingPvwa, accounts: tuple[ConfirmingAccount, ...], confirmations: Confirmations, names: Names,
        clock: Clock, rules: ReconcileRules, tell: Callable[[Alarm], None],
    ) -> None:  # fmt: skip
        self._pvwa = pvwa
        self._accounts = accounts
        self._confirmations = confirmations
        self._names = names
        self._clock = clock
        self._rules = rules
        self._tell = tell
        self._due = clock.monotonic() + rules.every.total_seconds()
        self._begun = clock.now().replace(microsecond=0)
        self._closed: set[tuple[ConfirmingAccount, str]] = set()
        self._shown: set[str] = set()
        self._missed: set[str] = set()

    def housekeep(self) -> None:
        """Sweep, if it is time. A PVWA that is away is asked again at the next time. Raises Unavailable (ledger)."""
        if self._clock.monotonic() < self._due:
            return
        self._due = self._clock.monotonic() + self._rules.every.total_seconds()
        try:
            self.sweep()
        except Unreadable as odd:
            event(_LOG, Event.RECONCILE_FAILED, logging.WARNING, cause=str(odd))
        except LedgerAway:
            raise
        except Unavailable as away:
            event(_LOG, Event.RECONCILE_FAILED, logging.WARNING, system=away.system.value, cause=str(away))

    def sweep(self) -> None:
        """Compare once. Raises Unavailable, Unreadable."""
        # PVWA first: whatever happens between the two questions is then in the ledger's answer
        records, closed = self._records()
        names = [self._pvwa.user_name(account) for account in self._accounts]
        known = self._confirmations.recent(self._clock.now() - self._rules.span)
        every = self._confirmations.about([record.request_id for record in records])
        remembered = self._names.recall(_KIND)
        told, since = set(remembered), self._since(remembered)
        for found in unexplained(records, names, every):
            if found.key not in told and found.at >= since:
                facts = (
                    ("Request", found.request_id),
                    ("Account", found.user_name),
                    ("When", f"{found.at:%Y-%m-%d %H:%M:%S} UTC"),
                    ("Its comment claims the ledger id", found.ledger_id or "none"),
                )
                why = (
                    f"{found.user_name} confirmed {found.request_id} in CyberArk, but approvald knows nothing about it."
                )
                self._say(found.key, AlarmKind.UNEXPLAINED_CONFIRMATION, why, found.request_id, facts)
                told.add(found.key)
        # Only now: what this sweep could not compare is read again by the next one
        unsettled = {each.request_id.casefold() for each in every if each.is_open}
        self._closed.update(each for each in closed if each[1].casefold() not in unsettled)
        count = self._look_up(known, told)
        event(_LOG, Event.RECONCILE_DONE, logging.INFO, count=len(records) + count)

    def _records(self) -> tuple[Sequence[AccessRequest], Sequence[tuple[ConfirmingAccount, str]]]:
        """Read what the accounts' lists name: the newest first, leaving out those that were closed when last read.

        Returns the records, and which are closed. The list alone may not say who has acted (pvwa-rest 2.1).
        """
        found: list[AccessRequest] = []
        closed: list[tuple[ConfirmingAccount, str]] = []
        for account in self._accounts:
            ids = [each for each in self._pvwa.incoming(account) if (account, each) not in self._closed]
            for request_id in sorted(ids, key=_number, reverse=True)[:_MOST]:
                record = self._pvwa.details(request_id, account)
                if isinstance(record, AccessRequest):
                    found.append(record)
                    if request_state(record, self._clock.now()) is not RequestState.WAITING:
                        closed.append((account, request_id))
        return found, closed

    def _since(self, remembered: Mapping[str, str]) -> datetime:
        """Return when this ledger was first compared: what our accounts did before was another program's business."""
        if _SINCE not in remembered:
            self._names.remember(_KIND, _SINCE, self._begun.isoformat())
            return self._begun
        return datetime.fromisoformat(remembered[_SINCE])

    def _look_up(self, known: tuple[Known, ...], told: set[str]) -> int:
        """Read what we have confirmed, by its id; report what is missing at two sweeps. Returns how many were read."""
        asked = [each for each in known if not each.is_open and each.ledger_id not in self._shown | told][:_MOST]
        for each in asked:
            records = [self._pvwa.details(each.request_id, account) for account in self._accounts]
            seen = [record for record in records if isinstance(record, AccessRequest)]
            if not seen or any(is_shown(record, each) for record in seen):
                self._shown.add(each.ledger_id)  # or PVWA keeps it no longer, and nobody can tell
            elif each.ledger_id in self._missed:
                why = f"CyberArk does not show our confirmation of {each.request_id}, which it had accepted."
                facts = (("Request", each.request_id), ("Ledger id", each.ledger_id))
                self._say(each.ledger_id, AlarmKind.CONFIRMATION_NOT_SHOWN, why, each.request_id, facts)
            else:
                self._missed.add(each.ledger_id)
        return len(asked)

    def _say(self, key: str, kind: AlarmKind, why: str, name: str, facts: tuple[tuple[str, str], ...]) -> None:
        self._tell(Alarm(kind=kind, why=why, name=name, facts=facts))
        self._names.remember(_KIND, key[:256], self._clock.now().isoformat())


def _number(request_id: str) -> int:
    digits = request_id.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS else 0
