"""Raises alarms: in the log and the ledger at once, and to the CyberArk team as one mail per kind and pause."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from approvald.approval.endings import Code, Ended, Ending
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.logs.events import Event, current_mail, event
from approvald.core.model import GroupProblem
from approvald.ledger.letters import AlarmBook
from approvald.ledger.mails import Mails

_LOG: Final = logging.getLogger(__name__)
_HOUR: Final = timedelta(hours=1)
_OF_CODE: Final = {
    Code.NOT_VISIBLE: AlarmKind.NOT_VISIBLE,
    Code.CONFIRMERS_UNMAPPED: AlarmKind.CONFIRMERS_UNMAPPED,
}
PROBES: Final = frozenset({Code.ALTERED, Code.REQUEST_GONE, Code.OTHER_TEAM})
"""Endings that pile up for somebody who tries out what they can see or approve."""


@dataclass(frozen=True, kw_only=True)
class AlarmRules:
    """The limits of alarms. `pause`: between two mails of a kind; the others: numbers within an hour."""

    team_address: str
    pause: timedelta = _HOUR
    unproven_an_hour: int = 3
    probes_an_hour: int = 3


class AlarmDesk:
    """Takes alarms in. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, book: AlarmBook, mails: Mails, rules: AlarmRules) -> None:
        self._book = book
        self._mails = mails
        self._rules = rules

    def raise_alarm(self, alarm: Alarm) -> None:
        """Log the alarm and write it down; the mail about it leaves with the next sending, or is held back."""
        cause = " ".join(f"{label}={value}" for label, value in alarm.facts)
        event(_LOG, Event.ALARM, logging.ERROR, code=alarm.kind.value, why=alarm.why, cause=cause)
        self._book.add(alarm, current_mail() or "")

    def mail_waits(self, cause: str) -> None:
        """Raise the alarm that a mail has waited long although no system is away, once per pause."""
        self.raise_once(Alarm(kind=AlarmKind.MAIL_WAITS, why=cause, name="approvald"), within=self._rules.pause)

    def raise_once(self, alarm: Alarm, *, within: timedelta) -> None:
        """Raise the alarm unless one of its kind and name was raised within this time, perhaps before a crash."""
        if self._book.is_news(alarm, within):
            self.raise_alarm(alarm)

    def mail_ends(self, ended: Ended, ledger_id: str) -> None:
        """Raise the alarms that the ending of a mail calls for. Call it before the ending is written down."""
        ending = ended.ending
        for alarm in ended.alarms:
            self.raise_alarm(alarm)
        if ending.code is Code.SENDER_UNPROVEN:
            self._judge_rules(ended)
        if ending.code in _OF_CODE:
            self.raise_alarm(_of_ending(_OF_CODE[ending.code], ending, ended.sender))
        if ending.code in PROBES and ended.sender:
            self._judge_probes(ended, ledger_id)

    def link_shared(self, link: str, count: int) -> None:
        """Tell the team that a link value joins nobody, because so many people (at most ten are counted) have it."""
        facts = (("People with this value", f"{count} or more"),)
        why = f"{count} or more people have this value in people.link_attribute, and no one has that many accounts."
        self.raise_alarm(Alarm(kind=AlarmKind.LINK_SHARED, why=why, name=link, facts=facts))

    def audit_cut(self, what: str) -> None:
        """Tell the team that somebody has changed the audit file."""
        self.raise_alarm(Alarm(kind=AlarmKind.AUDIT_CUT, why=f"The audit trail was changed: {what}."))

    def anchor_failed(self, why: str) -> None:
        """Tell the team that the audit trail could not be anchored."""
        self.raise_alarm(Alarm(kind=AlarmKind.ANCHOR_FAILED, why=f"The audit trail could not be anchored: {why}."))

    def group_disabled(self, problem: GroupProblem) -> None:
        """Tell the team that an approver group cannot be used."""
        self.raise_alarm(Alarm(kind=AlarmKind.GROUP_DISABLED, why=problem.why, name=problem.name))

    def write_letters(self) -> None:
        """Turn what was raised into mails to the team, as far as they are not held back."""
        self._book.to_letters(self._rules.team_address, pause=self._rules.pause)

    def _judge_rules(self, ended: Ended) -> None:
        """Raise the alarm that the rules for senders match none of the site's own mails."""
        count = self._book.named_since(AlarmKind.SENDER_UNPROVEN, _HOUR)
        claimed = next((alarm for alarm in ended.alarms if alarm.name), None)
        if claimed is not None and count > self._rules.unproven_an_hour:
            why = f"{count} mails within an hour named an approver in From and were not proven to be theirs."
            facts = (("The latest", claimed.why), *claimed.facts)
            self.raise_alarm(Alarm(kind=AlarmKind.SENDER_RULES_WRONG, why=why, name=claimed.name, facts=facts))

    def _judge_probes(self, ended: Ended, ledger_id: str) -> None:
        count = 1 + self._mails.ended_by(ended.sender, PROBES, within=_HOUR, besides=ledger_id)
        if count >= self._rules.probes_an_hour:
            why = f"{count} mails from one sender within an hour ended as altered, request_gone or other_team."
            # The number in the mail is the sender's own text; the ledger id leads to it.
            facts = (("The latest ended as", ended.ending.code.value),)
            self.raise_alarm(Alarm(kind=AlarmKind.PROBING, why=why, name=ended.sender, facts=facts))


def _of_ending(kind: AlarmKind, ending: Ending, sender: str) -> Alarm:
    facts = (("Request", ending.request_id or ""), ("Confirmers", ", ".join(ending.names)), ("Sender", sender))
    why = {
        AlarmKind.NOT_VISIBLE: "None of approvald's accounts may see a request that an approver forwarded.",
        AlarmKind.CONFIRMERS_UNMAPPED: "CyberArk names confirmers that match no approver group.",
    }[kind]
    return Alarm(kind=kind, why=why, facts=tuple(fact for fact in facts if fact[1]))
