"""What leaves the house: replies are sent and mails filed, each step in the ledger before the next begins.

A reply whose sending was not answered is looked for in Sent Items before it is sent again; a mail moves last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from approvald.endings import Code, Ending, treatment
from approvald.errors import OutcomeUnknown
from approvald.ledger.mails import Entry, Mails, State
from approvald.logs import Event, event
from approvald.model import Folder, ListedMail, Reply
from approvald.ports import Clock, Mailbox
from approvald.reply import ReplyRules, compose, compose_waiting, final_marker
from approvald.waiting import Patience

_LOG: Final = logging.getLogger(__name__)
ENDED: Final = frozenset({State.OUTCOME, State.REPLYING, State.REPLIED})
"""States of a mail that has its outcome and only needs its reply sent or its folder."""


class Outbox:
    """Sends and files. `settle`: how long Exchange may still be working on a sending whose answer was lost."""

    def __init__(
        self, *, mailbox: Mailbox, mails: Mails, clock: Clock, patience: Patience, rules: ReplyRules, settle: timedelta
    ) -> None:
        self._mailbox = mailbox
        self._mails = mails
        self._clock = clock
        self._patience = patience
        self._rules = rules
        self._settle = settle

    def dispatch(self, items: Iterable[ListedMail]) -> None:
        """Send what is to be said, then move what was said. Each step is in the ledger before the next begins."""
        ids = [item.item_id for item in items]
        if not ids:
            return
        entries = list(self._mails.entries(ids).values())
        self._send(entries)
        self._file([entry for entry in self._mails.entries(ids).values() if entry.state is State.REPLIED])

    def _send(self, entries: Sequence[Entry]) -> None:
        silent = [entry.id for entry in entries if entry.state is State.OUTCOME and not entry.reply_to]
        if silent:
            self._mails.replied(silent)
        due = [entry for entry in entries if entry.state is State.OUTCOME and entry.reply_to]
        doubtful = [entry for entry in entries if entry.state is State.REPLYING and self._is_settled(entry)]
        if doubtful:
            there = self._mailbox.sent_markers([final_marker(entry.id) for entry in doubtful])
            self._mails.replied([entry.id for entry in doubtful if final_marker(entry.id) in there])
            due += [entry for entry in doubtful if final_marker(entry.id) not in there]
        notices = [entry for entry in entries if self._is_to_be_told(entry)]
        replies = [self._reply(entry) for entry in due] + [self._notice(entry) for entry in notices]
        if not replies:
            return
        self._mails.replying([entry.id for entry in due])
        for entry in notices:
            self._mails.told_waiting(entry.id)
        self._sent(due, replies)

    def _sent(self, due: Sequence[Entry], replies: Sequence[Reply]) -> None:
        try:
            results = self._mailbox.send(replies)
        except OutcomeUnknown as lost:
            # They stay in state replying, and are looked for in Sent Items before anything is sent again.
            event(_LOG, Event.REPLY_FAILED, logging.WARNING, count=len(replies), cause=str(lost))
            return
        done = [entry for entry, result in zip(due, results, strict=False) if result is None]
        self._mails.replied([entry.id for entry in done])
        for reply, result in zip(replies, results, strict=True):
            if result is None:
                event(_LOG, Event.REPLY_SENT, logging.INFO, marker=reply.marker, to=reply.to, cc=reply.cc)
            else:
                event(_LOG, Event.REPLY_FAILED, logging.ERROR, marker=reply.marker, to=reply.to, cause=result.why)

    def _is_settled(self, entry: Entry) -> bool:
        return entry.replying_since is None or self._clock.now() - entry.replying_since >= self._settle

    def _is_to_be_told(self, entry: Entry) -> bool:
        waits = entry.state not in ENDED and entry.waiting_since is not None and not entry.told_waiting
        return bool(waits and entry.reply_to and self._patience.is_over(entry.waiting_since, self._clock.now()))

    def _reply(self, entry: Entry) -> Reply:
        ending = entry.ending or Ending(code=Code.UNREADABLE)
        return compose(ending, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules)

    def _notice(self, entry: Entry) -> Reply:
        return compose_waiting(
            None, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules
        )

    def _file(self, entries: Sequence[Entry]) -> None:
        by_folder: dict[Folder, list[Entry]] = {}
        for entry in entries:
            code = entry.ending.code if entry.ending else Code.UNREADABLE
            by_folder.setdefault(treatment(code).folder, []).append(entry)
        for folder, group in by_folder.items():
            results = self._mailbox.file([entry.item_id for entry in group], folder)
            moved = [entry for entry, result in zip(group, results, strict=True) if result is None or result.gone]
            self._mails.filed([entry.id for entry in moved])
            for entry, result in zip(group, results, strict=True):
                if result is not None:
                    event(_LOG, Event.MAIL_NOT_FILED, logging.WARNING, mail_id=entry.id, cause=result.why)
