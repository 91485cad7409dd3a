"""Did a person look at it? Counts approvers who forward faster than people do, and bars them where a site wants that.

It never lets a mail through that would be refused without it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.endings import Code, Ending
from approvald.approval.people import VerifiedSender
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.logs.events import Event, event
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.limits import Haste

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PlausibilityRules:
    """`least`: a person needs that long. `alarm_after`, `bar_after`: fast mails in a row; `bar_after` 0 bars nobody."""

    least: timedelta = timedelta(seconds=10)
    alarm_after: int = 3
    bar_after: int = 0


class Plausibility:
    """Watches how fast approvers forward. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, haste: Haste, alarms: AlarmDesk, rules: PlausibilityRules) -> None:
        self._haste = haste
        self._alarms = alarms
        self._rules = rules

    def judge(
        self, ledger_id: str, sender: VerifiedSender, *, request_id: str, created: datetime | None, received: datetime
    ) -> Ending | None:
        """Count this mail, and refuse it where its approver is barred.

        `created`: when PVWA made the request, by PVWA's clock; `received`: by Exchange's.
        """
        if created is not None and received < created:
            self._clocks_differ(request_id, created, received)
        elif created is not None:
            self._count(ledger_id, sender, request_id, received - created)
        if self._haste.is_barred(sender.person.guid):
            return Ending(code=Code.APPROVER_BARRED, request_id=request_id)
        return None

    def _count(self, ledger_id: str, sender: VerifiedSender, request_id: str, took: timedelta) -> None:
        run, is_new = self._haste.count(ledger_id, sender.person.guid, fast=took < self._rules.least)
        seconds = f"{took.total_seconds():.0f} s after CyberArk made the request"
        facts = (("Request", request_id), ("Received", seconds), ("In a row", str(run)))
        if is_new and run >= self._rules.alarm_after:
            why = f"{run} mails in a row were received less than {self._rules.least.total_seconds():g} s after CyberArk"
            self._alarms.raise_alarm(
                Alarm(kind=AlarmKind.TOO_FAST, why=f"{why} made the request.", name=sender.address, facts=facts)
            )
        if 0 < self._rules.bar_after <= run and self._haste.bar(sender.person.guid, sender.address):
            event(_LOG, Event.APPROVER_BARRED, logging.WARNING, sender=sender.address, count=run)
            why = "The approver forwards faster than people do, and plausibility.bar_after is set."
            self._alarms.raise_alarm(Alarm(kind=AlarmKind.APPROVER_BARRED, why=why, name=sender.address, facts=facts))

    def _clocks_differ(self, request_id: str, created: datetime, received: datetime) -> None:
        facts = (
            ("Request", request_id),
            ("Made, by CyberArk", f"{created:%Y-%m-%d %H:%M:%S} UTC"),
            ("Received, by Exchange", f"{received:%Y-%m-%d %H:%M:%S} UTC"),
        )
        why = "A mail was received before the request it is about was made."
        self._alarms.raise_alarm(Alarm(kind=AlarmKind.CLOCKS_DIFFER, why=why, facts=facts))
