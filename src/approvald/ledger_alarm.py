"""Tells the CyberArk team that the ledger cannot be used, which the ledger itself cannot remember to tell."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from approvald.alarms import Alarm, AlarmKind, alarm_words
from approvald.errors import ApprovaldError, System, Unavailable
from approvald.logs import Event, event
from approvald.ports import Clock, Mailbox
from approvald.reply import ReplyRules, compose_letter
from approvald.sentences import Sentences

_LOG: Final = logging.getLogger(__name__)
_LONGEST_PATIENCE: Final = timedelta(seconds=60)


class LedgerAlarm:
    """Sends one mail when the ledger has been away for `tell_after`, at most a minute; its end is told by the log.

    It remembers in memory only: a restart in the middle of an outage may tell once more.
    """

    def __init__(self, *, mailbox: Mailbox, rules: ReplyRules, clock: Clock, tell_after: timedelta) -> None:
        self._mailbox = mailbox
        self._rules = rules
        self._clock = clock
        self._patience = min(tell_after, _LONGEST_PATIENCE)
        self._since: datetime | None = None
        self._told = False

    def failed(self, away: Unavailable) -> None:
        """Take in why a poll failed. Never raises."""
        if away.system is not System.LEDGER:
            return
        now = self._clock.now()
        if self._since is None:
            self._since = now
            event(_LOG, Event.SYSTEM_AWAY, logging.ERROR, system=away.system.value, cause=str(away))
        if not self._told and now - self._since >= self._patience:
            self._tell(str(away), self._since)

    def recovered(self) -> None:
        """Take in that a poll did all its work. Never raises."""
        if self._since is not None:
            event(_LOG, Event.SYSTEM_BACK, logging.INFO, system=System.LEDGER.value)
        self._since, self._told = None, False

    def _tell(self, cause: str, since: datetime) -> None:
        facts = (("Away since", f"{since:%Y-%m-%d %H:%M:%S} UTC"),)
        alarm = Alarm(kind=AlarmKind.LEDGER_AWAY, why=cause, name=System.LEDGER.value, facts=facts)
        event(_LOG, Event.ALARM, logging.ERROR, code=alarm.kind.value, why=cause)
        words = alarm_words(alarm, [since], [alarm.name], [])
        marker = f"{secrets.token_hex(6)}.alarm"
        letter = compose_letter(
            Sentences(words.subject, words.outcome, words.next_step), words.facts, marker=marker,
            to=self._rules.team_address, message_id="", rules=self._rules,
        )  # fmt: skip
        try:
            self._mailbox.send_unasked(letter)
        except ApprovaldError as error:
            event(_LOG, Event.REPLY_FAILED, logging.ERROR, marker=letter.marker, to=letter.to, cause=str(error))
            return
        self._told = True
