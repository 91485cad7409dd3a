"""Tells the CyberArk team that the ledger cannot be used, and does so without the ledger."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.sentences import Sentences
from approvald.core.alarms import Alarm, AlarmKind, FactRows, alarm_words
from approvald.core.errors import ApprovaldError, LedgerAway, OutcomeUnknown, System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.model import Reply
from approvald.core.ports import Clock, Mailbox
from approvald.mail.reply import ReplyRules, compose_letter

_LOG: Final = logging.getLogger(__name__)
_LONGEST_PATIENCE: Final = timedelta(seconds=60)


class LedgerAlarm:
    """Sends one mail when the ledger has been away for `tell_after`, at most a minute, and one when that is over.

    It remembers in memory only: after a restart during an outage it may tell of it again, or not tell of its end.
    """

    def __init__(self, *, mailbox: Mailbox, rules: ReplyRules, clock: Clock, tell_after: timedelta) -> None:
        self._mailbox = mailbox
        self._rules = rules
        self._clock = clock
        self._patience = min(tell_after, _LONGEST_PATIENCE)
        self._since: datetime | None = None
        self._told = False
        self._letter: Reply | None = None
        self._is_doubtful = False

    def failed(self, away: Unavailable) -> None:
        """Take in why a poll failed. Never raises."""
        if not isinstance(away, LedgerAway):
            return
        now = self._clock.now()
        if self._since is None:
            self._since = now
            event(_LOG, Event.SYSTEM_AWAY, logging.ERROR, system=away.system.value, cause=str(away))
        if not self._told and now - self._since >= self._patience:
            self._told = self._tell(AlarmKind.LEDGER_AWAY, str(away), (_fact("Away since", self._since),))

    def recovered(self) -> None:
        """Take in that a poll did all its work. Never raises. An end that cannot be told is told after a later poll."""
        if self._since is None:
            return
        if self._is_doubtful and not self._told:  # the team may have read of the beginning
            self._told, self._letter, self._is_doubtful = True, None, False
        facts = (_fact("Away since", self._since), _fact("Back at", self._clock.now()))
        if self._told and not self._tell(AlarmKind.OUTAGE_OVER, "The ledger can be written again.", facts):
            return
        event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=System.LEDGER.value)
        self._since, self._told, self._letter = None, False, None

    def _tell(self, kind: AlarmKind, why: str, facts: FactRows) -> bool:
        """Send one mail, the same one until it is sent. Returns whether it is; looks for one that may be."""
        if self._letter is None:
            event(_LOG, Event.ALARM, logging.ERROR, code=kind.value, why=why)
            self._letter = self._compose(Alarm(kind=kind, why=why, name=System.LEDGER.value, facts=facts))
        letter = self._letter
        try:
            if not (self._is_doubtful and self._mailbox.sent_markers([letter.marker])):
                self._mailbox.send_unasked(letter)
        except ApprovaldError as error:
            self._is_doubtful = self._is_doubtful or isinstance(error, OutcomeUnknown)
            event(_LOG, Event.REPLY_FAILED, logging.ERROR, marker=letter.marker, to=letter.to, cause=str(error))
            return False
        self._letter, self._is_doubtful = None, False
        return True

    def _compose(self, alarm: Alarm) -> Reply:
        words = alarm_words(alarm, [self._clock.now()], [alarm.name], [])
        return compose_letter(
            Sentences(words.subject, words.outcome, words.next_step), words.facts,
            marker=f"{secrets.token_hex(6)}.alarm", to=self._rules.team_address, message_id="", rules=self._rules,
        )  # fmt: skip


def _fact(label: str, instant: datetime) -> tuple[str, str]:
    return label, f"{instant:%Y-%m-%d %H:%M:%S} UTC"
