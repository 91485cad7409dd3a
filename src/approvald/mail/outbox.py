"""What leaves the house: replies are sent and mails filed, each step in the ledger before the next begins.

A reply whose sending was not answered is looked for in Sent Items before it is sent again; a mail moves last.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Sequence
from datetime import timedelta
from typing import Final

from approvald.approval.endings import Code, Ending, Team, treatment
from approvald.approval.sentences import Sentences
from approvald.confirmation.challenge import Challenging
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.clock import Patience
from approvald.core.errors import OutcomeUnknown, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.model import Folder, ListedMail, Reply
from approvald.core.ports import Clock, Mailbox, Moved, NotDone
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.entries import Entry, State
from approvald.ledger.letters import Letter, Letters
from approvald.ledger.mails import Mails
from approvald.mail.rates import Rates
from approvald.mail.reply import ReplyRules, compose, compose_challenge, compose_letter, compose_waiting, final_marker

_LOG: Final = logging.getLogger(__name__)
ENDED: Final = frozenset({State.OUTCOME, State.REPLYING, State.REPLIED})
"""States of a mail that has its outcome and only needs its reply sent or its folder."""


class Outbox:
    """Sends and files. `settle`: how long Exchange may still be working on a sending whose answer was lost."""

    def __init__(
        self, *, mailbox: Mailbox, mails: Mails, letters: Letters, alarms: AlarmDesk, rates: Rates, clock: Clock,
        patience: Patience, rules: ReplyRules, settle: timedelta, challenging: Challenging,
    ) -> None:  # fmt: skip
        self._mailbox = mailbox
        self._mails = mails
        self._letters = letters
        self._alarms = alarms
        self._rates = rates
        self._clock = clock
        self._patience = patience
        self._rules = rules
        self._settle = settle
        self._challenging = challenging

    def dispatch(self, items: Iterable[ListedMail | Entry]) -> None:
        """Send what is to be said, then move what was said. Each step is in the ledger before the next begins.

        Letters of our own (alarms, notes) that are due leave with the same request, or alone where there is no item.
        """
        items = list(items)
        ids = [item.item_id for item in items]
        # Decided and not in the Inbox any more: it may have been answered before the ledger was set back
        gone = {item.id for item in items if isinstance(item, Entry) and item.state is State.OUTCOME}
        self._alarms.write_letters()
        self._send(list(self._mails.entries(ids).values()) if ids else [], gone)
        if ids:
            self._file([entry for entry in self._mails.entries(ids).values() if entry.state is State.REPLIED])

    def _send(self, entries: Sequence[Entry], gone: Container[str]) -> None:
        silent = [entry.id for entry in entries if entry.state is State.OUTCOME and not entry.reply_to]
        if silent:
            self._mails.replied(silent)
        notices = self._notices(entries)
        letters = self._letters.due()
        doubtful = [
            entry for entry in entries
            if (entry.state is State.REPLYING and self._is_settled(entry))
            or (entry.state is State.OUTCOME and entry.reply_to and entry.id in gone)
        ]  # fmt: skip
        there = self._found_sent(doubtful, letters)
        due = [entry for entry in entries if entry.state is State.OUTCOME and entry.reply_to and entry.id not in gone]
        due += [entry for entry in doubtful if final_marker(entry.id) not in there]
        letters = [letter for letter in letters if letter.id not in there]
        replies = [*map(self._reply, due), *map(self._notice, notices), *map(self._letter, letters)]
        if not replies:
            return
        if due:
            self._mails.replying([entry.id for entry in due])
        self._letters.sending([letter.id for letter in letters])
        self._sent(due, letters, notices, replies)

    def _notices(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the waiting mails whose senders are told now. Whether they were is not looked up: at most once."""
        waiting = [entry for entry in entries if self.is_to_be_told(entry)]
        told = [entry for entry in waiting if self._rates.may_notify(entry.id, entry.reply_to)]
        for entry in waiting:
            self._mails.told_waiting(entry.id)
        return told

    def _found_sent(self, doubtful: Sequence[Entry], letters: Sequence[Letter]) -> frozenset[str]:
        """Look for what may have been sent already, write down what was, and return its markers."""
        markers = [final_marker(entry.id) for entry in doubtful]
        markers += [letter.id for letter in letters if letter.is_doubtful]
        there = self._mailbox.sent_markers(markers) if markers else frozenset()
        if there:
            self._mails.replied([entry.id for entry in doubtful if final_marker(entry.id) in there])
            self._letters.sent([letter.id for letter in letters if letter.id in there])
        return there

    def _sent(
        self, due: Sequence[Entry], letters: Sequence[Letter], notices: Sequence[Entry], replies: Sequence[Reply]
    ) -> None:
        try:
            results = self._mailbox.send(replies)
        except Unavailable:  # nothing was sent
            self._mails.not_told([entry.id for entry in notices])
            raise
        except OutcomeUnknown as lost:
            # They stay as being sent, and are looked for in Sent Items before anything is sent again.
            event(_LOG, Event.REPLY_FAILED, logging.WARNING, count=len(replies), cause=str(lost))
            self._mails.replying([entry.id for entry in due])  # Exchange may have begun no earlier than just now
            return
        sent = {reply.marker for reply, result in zip(replies, results, strict=True) if result is None}
        self._mails.replied([entry.id for entry in due if final_marker(entry.id) in sent])
        self._letters.sent([letter.id for letter in letters if letter.id in sent])
        own = {letter.id for letter in letters}
        for reply, result in zip(replies, results, strict=True):
            if result is None:
                event(_LOG, Event.REPLY_SENT, logging.INFO, marker=reply.marker, to=reply.to, cc=reply.cc)
                continue
            event(_LOG, Event.REPLY_FAILED, logging.ERROR, marker=reply.marker, to=reply.to, cause=result.why)
            if reply.marker not in own:
                self._alarms.raise_alarm(_not_sent(reply, result.why))

    def _is_settled(self, entry: Entry) -> bool:
        if entry.replying_since is None:
            return True
        elapsed = self._clock.now() - entry.replying_since
        if elapsed < timedelta():  # the clock was wrong: it counts from now
            self._mails.replying([entry.id])
        return elapsed >= self._settle

    def is_to_be_told(self, entry: Entry) -> bool:
        """Whether a mail has waited so long that its sender, who is known, is to be told once."""
        if entry.state in ENDED or entry.waiting_since is None or entry.told_waiting or not entry.reply_to:
            return False
        return self._patience.is_over(entry.waiting_since, self._clock.now())

    def _reply(self, entry: Entry) -> Reply:
        ending = entry.ending or Ending(code=Code.UNREADABLE)
        if ending.code is Code.CHALLENGE_SENT:
            code, until = self._challenging.issue(entry.id)
            return compose_challenge(
                ending, code=code, until=until, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id,
                rules=self._rules,
            )  # fmt: skip
        copied = treatment(ending.code).team is not Team.NOTHING
        return compose(
            ending, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules,
            copy_team=copied and self._rates.may_copy(entry.id, ending.code, self._rules.team_address),
        )  # fmt: skip

    def _notice(self, entry: Entry) -> Reply:
        return compose_waiting(
            entry.cause, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules
        )

    def _letter(self, letter: Letter) -> Reply:
        return compose_letter(
            Sentences(letter.text.subject, letter.text.outcome, letter.text.next_step), letter.text.facts,
            marker=letter.id, to=letter.to, message_id=letter.message_id, rules=self._rules,
        )  # fmt: skip

    def _file(self, entries: Sequence[Entry]) -> None:
        by_folder: dict[Folder, list[Entry]] = {}
        for entry in entries:
            code = entry.ending.code if entry.ending else Code.UNREADABLE
            by_folder.setdefault(treatment(code).folder, []).append(entry)
        for folder, group in by_folder.items():
            answers = self._mailbox.file([entry.item_id for entry in group], folder)
            results = list(zip(group, answers, strict=True))
            left = [(entry, result) for entry, result in results if isinstance(result, Moved) or result.gone]
            self._mails.filed({entry.id: result.item_id if isinstance(result, Moved) else "" for entry, result in left})
            for entry, result in results:
                if isinstance(result, NotDone):
                    event(_LOG, Event.MAIL_NOT_FILED, logging.WARNING, mail_id=entry.id, cause=result.why)


def _not_sent(reply: Reply, why: str) -> Alarm:
    facts = (("To", ", ".join(reply.to)), ("Mail", reply.marker), ("Cause", why))
    return Alarm(kind=AlarmKind.REPLY_FAILED, why="Exchange did not accept an answer.", name=reply.to[0], facts=facts)
