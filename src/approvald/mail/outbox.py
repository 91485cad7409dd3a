"""Sends replies and files mails, each step in the ledger before the next begins.

A reply whose sending was not answered is looked for in Sent Items before it is sent again; a mail moves last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from approvald.approval.endings import Code, Ended, treatment
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.clock import Patience, Stopwatch
from approvald.core.errors import OutcomeUnknown, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.model import Folder, ListedMail, Reply
from approvald.core.ports import Mailbox, Moved, NotDone
from approvald.health.alarm_desk import AlarmDesk
from approvald.ledger.entries import Entry, State
from approvald.ledger.letters import Letter, Letters
from approvald.ledger.mails import Mails
from approvald.mail.correspondence import Correspondence
from approvald.mail.reply import final_marker

_LOG: Final = logging.getLogger(__name__)
ENDED: Final = frozenset({State.OUTCOME, State.REPLYING, State.REPLIED})
"""States of a mail that has its outcome and only needs its reply sent or its folder."""


class _Kind(Enum):
    ANSWER = auto()
    NOTICE = auto()
    LETTER = auto()


@dataclass(frozen=True, kw_only=True)
class _Outgoing:
    """A mail to be sent. `id`: of its entry or letter in the ledger."""

    kind: _Kind
    id: str
    reply: Reply


class Outbox:
    """Takes in how mails end or why they wait, sends, and files.

    `is_known_away`: whether an outage of that system lasts, which has its own alarm.
    """

    def __init__(
        self, *, mailbox: Mailbox, mails: Mails, letters: Letters, alarms: AlarmDesk, correspondence: Correspondence,
        patience: Patience, is_known_away: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self._mailbox = mailbox
        self._mails = mails
        self._letters = letters
        self._alarms = alarms
        self._correspondence = correspondence
        self._patience = patience
        self._is_known_away = is_known_away

    def take_ended(
        self, entry: Entry, ended: Ended, watch: Stopwatch, facts: Mapping[str, object] | None = None
    ) -> None:
        """Write down how a mail ended and who is to be told. `facts`: what the audit trail keeps of the mail."""
        ending = ended.ending
        self._alarms.mail_ends(ended, entry.first_attempt)
        told = self._correspondence.answered_at(entry, ending, ended.reply_to, ended.note_to)
        about = {"sender": ended.sender, "proof": ended.proof, "attempt_of": entry.attempt_of, "mail": facts}
        self._mails.ended(entry.id, ending, reply_to=told, told=about)
        event(
            _LOG, Event.MAIL_DONE, logging.INFO, code=ending.code.value, sender=ended.sender or None,
            proof=ended.proof or None,
            request_id=ending.request_id, level=ending.level.value if ending.level else None,
            confirmer=ending.confirmer, ms=watch.total_ms(), steps=watch.steps, why=ending.why,
        )  # fmt: skip

    def take_waiting(
        self, entry: Entry, system: str, cause: str, wished_seconds: float | None, *, is_meant: bool = False
    ) -> None:
        """Let the mail wait in the Inbox; its sender is told once when that takes long.

        `is_meant`: a rule lets it wait and nothing fails, so that the team need not be told. `system`: the one it waits
        for, empty where none is to blame; an outage of it is told of by `outages`.
        """
        now = self._mails.clock.now()
        pause = self._patience.pause(entry.tries, wished_seconds)
        waits = self._mails.waits(entry.id, cause=cause, system=system, retry_at=now + pause)
        event(
            _LOG, Event.MAIL_WAITING, logging.WARNING, system=system, cause=cause, attempt=waits.tries,
            seconds=round(pause.total_seconds(), 1),
        )  # fmt: skip
        is_long = waits.waiting_since is not None and self._patience.is_over(waits.waiting_since, now)
        if is_long and not is_meant and not self._is_known_away(system):
            self._alarms.mail_waits(cause)

    def dispatch(self, items: Iterable[ListedMail | Entry]) -> None:
        """Send what is to be said, then move what was said. Each step is in the ledger before the next begins.

        Letters of our own (alarms, notes) that are due are sent with the same request, or alone if there is no mail.
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
        say = self._correspondence
        outgoing = [
            *(_Outgoing(kind=_Kind.ANSWER, id=entry.id, reply=say.answer(entry)) for entry in due),
            *(_Outgoing(kind=_Kind.NOTICE, id=entry.id, reply=say.notice(entry)) for entry in notices),
            *(
                _Outgoing(kind=_Kind.LETTER, id=each.id, reply=say.letter(each))
                for each in letters
                if each.id not in there
            ),
        ]
        if outgoing:
            self._send_all(outgoing)

    def _send_all(self, outgoing: Sequence[_Outgoing]) -> None:
        """Write down what is being sent, send it, and write down what was."""
        answers = _ids(outgoing, _Kind.ANSWER)
        if answers:
            self._mails.replying(answers)
        self._letters.sending(_ids(outgoing, _Kind.LETTER))
        try:
            results = self._mailbox.send([each.reply for each in outgoing])
        except Unavailable:  # nothing was sent
            self._mails.not_told(_ids(outgoing, _Kind.NOTICE))
            raise
        except OutcomeUnknown as lost:
            # They stay as being sent, and are looked for in Sent Items before anything is sent again.
            event(_LOG, Event.REPLY_FAILED, logging.WARNING, count=len(outgoing), cause=str(lost))
            self._mails.replying(answers)  # Exchange may have begun no earlier than just now
            return
        sent = [each for each, result in zip(outgoing, results, strict=True) if result is None]
        self._mails.replied(_ids(sent, _Kind.ANSWER))
        self._letters.sent(_ids(sent, _Kind.LETTER))
        for each, result in zip(outgoing, results, strict=True):
            self._tell(each, result)

    def _tell(self, outgoing: _Outgoing, result: NotDone | None) -> None:
        reply = outgoing.reply
        if result is None:
            event(_LOG, Event.REPLY_SENT, logging.INFO, marker=reply.marker, to=reply.to, cc=reply.cc)
            return
        event(_LOG, Event.REPLY_FAILED, logging.ERROR, marker=reply.marker, to=reply.to, cause=result.why)
        if outgoing.kind is not _Kind.LETTER:
            self._alarms.raise_alarm(_not_sent(reply, result.why))

    def _notices(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the waiting mails whose senders are told now. Whether they were is not looked up: at most once."""
        waiting = [entry for entry in entries if self.is_to_be_told(entry)]
        told = [entry for entry in waiting if self._correspondence.may_notify(entry)]
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

    def _is_settled(self, entry: Entry) -> bool:
        if entry.replying_since is None:
            return True
        elapsed = self._mails.clock.now() - entry.replying_since
        if elapsed < timedelta():  # the clock was wrong: it counts from now
            self._mails.replying([entry.id])
        return elapsed >= self._letters.longest_work

    def is_to_be_told(self, entry: Entry) -> bool:
        """Whether a mail has waited so long that its sender, who is known, is to be told once."""
        if entry.state in ENDED or entry.waiting_since is None or entry.told_waiting or not entry.reply_to:
            return False
        return self._patience.is_over(entry.waiting_since, self._mails.clock.now())

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


def _ids(outgoing: Iterable[_Outgoing], kind: _Kind) -> Sequence[str]:
    return [each.id for each in outgoing if each.kind is kind]


def _not_sent(reply: Reply, why: str) -> Alarm:
    facts = (("To", ", ".join(reply.to)), ("Mail", reply.marker), ("Cause", why))
    return Alarm(kind=AlarmKind.REPLY_FAILED, why="Exchange did not accept an answer.", name=reply.to[0], facts=facts)
