"""One round over the Inbox: fetch what is new, hand each mail to the pipeline, send the replies, file the mails.

Knows mails only as things with a place in the ledger. A round asks Exchange as little as it can: one listing, one
fetch, one sending and one move a folder, however many mails there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from approvald.approval.endings import Code, Ended, Ending
from approvald.core.clock import Patience, Stopwatch
from approvald.core.errors import MustWait, Unavailable, Unreadable
from approvald.core.logs.events import Event, event
from approvald.core.logs.events import mail as on_every_line
from approvald.core.model import ListedMail, Mail
from approvald.core.ports import Mailbox, Unfetchable
from approvald.ledger.entries import Entry, State
from approvald.ledger.mails import Mails
from approvald.mail.outbox import ENDED, Outbox
from approvald.mail.pipeline import Pipeline, is_resumed
from approvald.mail.provenance import mail_facts
from approvald.mail.retry import Retrying

_LOG: Final = logging.getLogger(__name__)
_PAGE: Final = 500
_BATCH_MAILS: Final = 50
_BATCH_BYTES: Final = 4_000_000
_BATCH_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round did."""

    listed: int
    handled: int
    waiting: int


class Inbox:
    """Works through the Inbox."""

    def __init__(
        self, *, mailbox: Mailbox, pipeline: Pipeline, mails: Mails, outbox: Outbox, retrying: Retrying,
        patience: Patience, fetch_bytes: int,
    ) -> None:  # fmt: skip
        self._mailbox = mailbox
        self._pipeline = pipeline
        self._mails = mails
        self._outbox = outbox
        self._retrying = retrying
        self._patience = patience
        self._clock = mails.clock
        self._fetch_bytes = fetch_bytes

    def round(self, stopping: Callable[[], bool]) -> Round:
        """Do one round. Raises Unavailable when Exchange or the ledger is away; then nothing is lost.

        Once `stopping` is true, the mail in hand is brought to its end and no other is begun.
        """
        self._retrying.carry_out()
        unfiled = self._mails.unfiled()
        limit = _PAGE + len(unfiled)
        listed = self._mailbox.list_inbox(limit)
        known = self._mails.entries([item.item_id for item in listed]) if listed else {}
        there = {item.item_id for item in listed}
        # A listing that is cut says nothing of mails younger than its last one
        gone = [entry for entry in unfiled if entry.item_id not in there
                and (len(listed) < limit or entry.received < listed[-1].received)]  # fmt: skip
        ended = [item for item in listed if item.item_id in known and known[item.item_id].state in ENDED]
        due = [item for item in listed if item not in ended and self._is_due(known.get(item.item_id))]
        # A system that asked for a quarter of an hour keeps no sender from being told after five minutes.
        overdue = [entry for entry in known.values() if not self._is_due(entry) and self._outbox.is_to_be_told(entry)]
        self._outbox.dispatch([*ended, *self._let_go(gone), *overdue])
        handled = 0
        for batch in batches(due, self._fetch_bytes):
            if stopping():
                break
            handled += self._handle(batch, known, stopping)
        return Round(listed=len(listed), handled=handled, waiting=self._waiting(listed) if listed else 0)

    def _let_go(self, gone: Sequence[Entry]) -> Sequence[Entry]:
        """Give up mails that somebody has taken out of the Inbox; return those that have an answer to be sent."""
        given_up = [entry for entry in gone if entry.state not in ENDED and self._give_up(entry)]
        for entry in given_up:
            event(_LOG, Event.MAIL_TAKEN_AWAY, logging.WARNING, mail_id=entry.id, state=entry.state.value)
        if given_up:
            self._mails.filed({entry.id: "" for entry in given_up})
        now = self._mails.entries([entry.item_id for entry in gone]) if gone else {}
        return [entry for entry in now.values()
                if entry.state in ENDED or (is_resumed(entry) and self._outbox.is_to_be_told(entry))]  # fmt: skip

    def _give_up(self, entry: Entry) -> bool:
        """Return whether an undecided mail confirmed nothing, so that it can be given up; PVWA is read first."""
        if is_resumed(entry) and not self._is_due(entry):
            return False
        with on_every_line(entry.id):
            return self._settle(entry)

    def _settle(self, entry: Entry) -> bool:
        """Return whether nothing was confirmed for a mail that is gone. A confirmation ends it; in doubt it waits."""
        done, is_known = None, False
        with self._held_up(entry):
            done, is_known = self._pipeline.settle(entry), True
        if done is not None:
            self._outbox.take_ended(entry, done, Stopwatch(self._clock))
        return is_known and done is None

    def _waiting(self, listed: Sequence[ListedMail]) -> int:
        """Count the mails of this round that are not answered yet; what somebody took away waits no longer."""
        entries = self._mails.entries([item.item_id for item in listed]).values()
        return sum(entry.state not in {State.REPLIED, State.FILED} for entry in entries)

    def _is_due(self, entry: Entry | None) -> bool:
        return entry is None or self._patience.is_due(entry.retry_at, self._clock.now())

    def _handle(self, batch: Sequence[ListedMail], known: Container[str], stopping: Callable[[], bool]) -> int:
        """Handle the mails of one fetch, sending and filing as they end, at the latest a second later."""
        entries = {item.item_id: self._seen(item, known) for item in batch}
        with_mime = all(item.size <= self._fetch_bytes for item in batch)
        fetched = self._mailbox.fetch(batch, with_mime=with_mime)
        ended: list[ListedMail] = []
        since = self._clock.monotonic()
        count = 0
        for mail in fetched:
            if stopping():
                break
            count += 1
            self._one(mail, entries[mail.listed.item_id])
            ended.append(mail.listed)
            if self._clock.monotonic() - since >= _BATCH_SECONDS:
                self._outbox.dispatch(ended)
                ended, since = [], self._clock.monotonic()
        self._outbox.dispatch(ended)
        return count

    def _seen(self, item: ListedMail, known: Container[str]) -> Entry:
        entry = self._mails.seen(item)
        if item.item_id not in known:
            with on_every_line(entry.id):
                event(_LOG, Event.MAIL_SEEN, logging.INFO, item_class=item.item_class, size=item.size)
        return entry

    def _one(self, mail: Mail | Unfetchable, entry: Entry) -> None:
        with on_every_line(entry.id):
            if isinstance(mail, Unfetchable):
                self._unfetchable(mail, entry)
                return
            watch, ended = Stopwatch(self._clock), None
            with self._held_up(entry):
                entry = self._retrying.identify(entry, mail)
                ended = self._pipeline.handle(mail, entry, watch)
            if ended is not None:
                self._outbox.take_ended(entry, ended, watch, mail_facts(mail))

    @contextmanager
    def _held_up(self, entry: Entry) -> Iterator[None]:
        """Let the mail wait where the block cannot be done. One mail never stops the others; it is held, not lost."""
        try:
            yield
        except Unavailable as away:
            self._outbox.take_waiting(entry, away.system.value, str(away), away.retry_after_seconds)
        except MustWait as held:
            self._outbox.take_waiting(
                entry, "", held.cause.value, held.retry_after_seconds, is_meant=held.cause.is_silent
            )
        except Unreadable as odd:
            self._outbox.take_waiting(entry, "", str(odd), None)
        except Exception as error:  # noqa: BLE001 - whatever it is, this mail waits for somebody to look at it
            event(_LOG, Event.MAIL_FAILED, logging.ERROR, trace=error)
            self._outbox.take_waiting(entry, "", f"unexpected error ({type(error).__name__})", None)

    def _unfetchable(self, mail: Unfetchable, entry: Entry) -> None:
        if mail.gone:
            return
        event(_LOG, Event.EXCHANGE_ITEM_UNFETCHABLE, logging.ERROR, why=mail.why)
        if self._settle(entry):
            unread = Ending(code=Code.UNREADABLE, why=mail.why)
            told = Ended(ending=unread, reply_to=entry.reply_to, sender=entry.sender, proof=entry.proof)
            self._outbox.take_ended(entry, told, Stopwatch(self._clock))


def batches(items: Sequence[ListedMail], fetch_bytes: int) -> Iterable[Sequence[ListedMail]]:
    """Cut a listing into fetches of at most 50 mails and 4 MB; a mail that is too large is fetched alone."""
    batch: list[ListedMail] = []
    size = 0
    for item in items:
        alone = item.size > fetch_bytes
        if batch and (alone or len(batch) >= _BATCH_MAILS or size + item.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
        if alone:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
