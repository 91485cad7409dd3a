"""Limits how many refusals and notices are sent, to each sender and as copies to the team.

Nothing here is asked about a confirmation or the answer to one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from approvald.approval.endings import Code, Team, treatment
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.logs.events import Event, event
from approvald.core.model import Folder
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.letters import Letters, Text
from approvald.ledger.limits import HOUR, MessageCounts, MessageKind

_LOG: Final = logging.getLogger(__name__)
_DAY: Final = timedelta(days=1)
_HELD_BACK: Final = Text(
    subject="Further answers held back",
    outcome="You have received as many refusals and notices as approvald sends within one hour; "
    "further ones are held back until the hour is over. Approvals are still carried out and answered.",
    next_step="Any mail that gets no answer approved nothing: look in the CyberArk portal (PVWA).",
)
_BY_HAND: Final = Text(
    subject="Not approved: forwarded by a rule",
    outcome="A notification was forwarded from your mailbox by a rule or otherwise automatically, so nobody "
    "looked at it and it approves nothing.",
    next_step="Please forward CyberArk's notification by hand, and remove the rule. This note is sent once a day.",
)


@dataclass(frozen=True, kw_only=True)
class RateRules:
    """Numbers within one hour: refusals and notices to one sender, and copies to the team."""

    answers_an_hour: int = 20
    team_copies_an_hour: int = 60


class Rates:
    """Says what may be sent, and tells once that more is not. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, answers: MessageCounts, letters: Letters, alarms: AlarmDesk, rules: RateRules) -> None:
        self._answers = answers
        self._letters = letters
        self._alarms = alarms
        self._rules = rules

    def may_answer(self, ledger_id: str, to: str, code: Code) -> bool:
        """Whether this ending may be answered: always, when it is no refusal."""
        if treatment(code).folder is Folder.DONE or self._may_tell(ledger_id, to, MessageKind.REFUSAL):
            return True
        if treatment(code).team is not Team.NOTHING:
            self._to_digest(code)
        return False

    def may_notify(self, ledger_id: str, to: str) -> bool:
        """Whether the sender of a waiting mail may be told that it waits."""
        return self._may_tell(ledger_id, to, MessageKind.NOTICE)

    def may_copy(self, ledger_id: str, code: Code, team_address: str) -> bool:
        """Whether the team gets a copy of this answer; if not, it goes into the digest."""
        limit = self._rules.team_copies_an_hour
        may, new = self._answers.count(ledger_id, MessageKind.TEAM_COPY, team_address, an_hour=limit)
        if new and not may:
            self._to_digest(code)
        return may

    def note_rule_forward(self, to: str, message_id: str) -> None:
        """Ask a proven sender whose mailbox forwards by rule to forward by hand; once a day."""
        self._letters.add("rule_forward", to, _BY_HAND, message_id=message_id, pause=_DAY)

    def _may_tell(self, ledger_id: str, to: str, kind: MessageKind) -> bool:
        may, _ = self._answers.count(ledger_id, kind, to, an_hour=self._rules.answers_an_hour)
        if not may:
            event(_LOG, Event.REPLY_HELD_BACK, logging.WARNING, to=(to,), ledger_id=ledger_id)
            self._letters.add("held_back", to, _HELD_BACK, pause=HOUR)
        return may

    def _to_digest(self, code: Code) -> None:
        why = f"Over {self._rules.team_copies_an_hour} copies, or too many refusals to one sender, within an hour."
        self._alarms.raise_alarm(Alarm(kind=AlarmKind.COPIES_HELD_BACK, why=why, name=code.value))
