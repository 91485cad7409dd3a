"""Did a person look at it? Counts approvers who forward faster than people do, and tells the team. Refuses nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from approvald.approval.people import VerifiedApprover
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.model import AccessRequest
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.limits import Haste


@dataclass(frozen=True, kw_only=True)
class PlausibilityRules:
    """`least`: how long a person needs. `alarm_after`: how many faster mails in a row raise an alarm."""

    least: timedelta = timedelta(seconds=10)
    alarm_after: int = 3


class Plausibility:
    """Watches how fast approvers forward. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, haste: Haste, alarms: AlarmDesk, rules: PlausibilityRules) -> None:
        self._haste = haste
        self._alarms = alarms
        self._rules = rules

    def count(self, ledger_id: str, sender: VerifiedApprover, request: AccessRequest, received: datetime) -> None:
        """Count how long after its request a mail came. PVWA dates the request, Exchange dates `received`."""
        if request.created is None:
            return
        took = received - request.created
        if took < timedelta():
            self._clocks_differ(request.request_id, request.created, received)
            return
        run, is_new = self._haste.count(ledger_id, sender.person.guid, fast=took < self._rules.least)
        if is_new and run >= self._rules.alarm_after:
            seconds = f"{took.total_seconds():.0f} s after CyberArk made the request"
            facts = (("Request", request.request_id), ("Received", seconds), ("In a row", str(run)))
            why = f"{run} mails in a row were received less than {self._rules.least.total_seconds():g} s after CyberArk"
            self._alarms.raise_alarm(
                Alarm(kind=AlarmKind.TOO_FAST, why=f"{why} made their requests.", name=sender.address, facts=facts)
            )

    def _clocks_differ(self, request_id: str, created: datetime, received: datetime) -> None:
        facts = (
            ("Request", request_id),
            ("Made, by CyberArk", f"{created:%Y-%m-%d %H:%M:%S} UTC"),
            ("Received, by Exchange", f"{received:%Y-%m-%d %H:%M:%S} UTC"),
        )
        why = "A mail was received before the request it is about was made."
        self._alarms.raise_alarm(Alarm(kind=AlarmKind.CLOCKS_DIFFER, why=why, facts=facts))
