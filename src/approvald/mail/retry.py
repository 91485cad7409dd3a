"""Handles mails that were filed and come back to the Inbox, by hand or because `approvald retry` asks for it.

What operators ask for is carried out at the beginning of a round, which then finds the mails as any other. Done twice,
after a crash, it moves nothing that has been tried again meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.endings import Code, treatment
from approvald.core.errors import LedgerAway, MustWait, Unavailable, WaitCause
from approvald.core.logs.events import Event, event
from approvald.core.model import Folder, ListedMail, Mail
from approvald.core.ports import Mailbox, Moved
from approvald.ledger.entries import Entry, State
from approvald.ledger.mails import Mails
from approvald.ledger.retries import Retries, Retry
from approvald.mail.outbox import ENDED

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 1000
"""How many mails of a folder are looked at, the newest ones; Exchange gives no more in one answer."""
_A_REQUEST: Final = 100
_COPIES: Final = 20
"""How many items with one Message-ID are looked at."""


@dataclass(frozen=True, kw_only=True)
class _Done:
    moved: int
    why: str = ""


class Retrying:
    """Carries out retries. `age`: how old a mail is by its time of receipt; from `max_age` on it can only be stale."""

    def __init__(
        self, *, mailbox: Mailbox, mails: Mails, retries: Retries, age: Callable[[datetime], timedelta],
        max_age: timedelta,
    ) -> None:  # fmt: skip
        self._mailbox = mailbox
        self._mails = mails
        self._retries = retries
        self._age = age
        self._max_age = max_age

    def carry_out(self) -> None:
        """Do what was asked for. Raises Unavailable when the ledger is away.

        Where Exchange does not do its work a retry waits for the next round, and holds up no mail.
        """
        for retry in self._retries.waiting():
            try:
                done = self._mail(retry) if retry.folder is None else self._folder(retry, retry.folder)
            except LedgerAway:
                raise
            except Unavailable as away:
                event(_LOG, Event.SYSTEM_AWAY, logging.WARNING, system=away.system.value, cause=str(away))
                return
            self._retries.done(retry, moved=done.moved, why=done.why)
            event(
                _LOG, Event.RETRY_DONE, logging.INFO, count=done.moved, cause=done.why, why=retry.reason,
                operator=retry.asked_by, ledger_id=retry.mail_id or "",
                folder=retry.folder.value if retry.folder is not None else "",
            )  # fmt: skip

    def identify(self, entry: Entry, mail: Mail) -> Entry:
        """Add what the fetched mail says of itself, and which earlier mail it tries again. Returns that entry.

        It tries a filed mail again when that one is no longer where it was filed. Raises Unavailable, also while
        another item of this mail may have confirmed its request: whether this is an attempt or a copy shows then.
        """
        message_id, sender = mail.message_id[:998], (mail.from_address or "").casefold()[:320]
        if (entry.message_id, entry.sender) == (message_id, sender):
            return entry
        entry = replace(entry, message_id=message_id, sender=sender)
        if self._mails.is_in_flight(entry):
            raise MustWait(WaitCause.SETTLE_FIRST)
        filed = self._mails.filed_before(entry)
        earlier = [each for each in filed if not _is_copy(each)] or filed
        if earlier and not self._lies_there(earlier):
            entry = replace(entry, attempt_of=earlier[0].first_attempt)
        self._mails.identified(entry)
        return entry

    def _lies_there(self, earlier: Sequence[Entry]) -> bool:
        """Whether one of these still is where it was filed, so that what is in the Inbox now is a copy of it."""
        filed = {entry.filed_item_id: _folders(entry)[0] for entry in earlier if entry.filed_item_id}
        there = {
            item.item_id
            for folder in sorted(set(filed.values()))
            for item in self._mailbox.list_folder(folder, _COPIES, message_id=earlier[0].message_id)
        }
        return not there.isdisjoint(filed)

    def _mail(self, retry: Retry) -> _Done:
        entry = self._retries.newest_attempt(retry.mail_id or "")
        if entry is None:
            return _Done(moved=0, why="the ledger has no mail with this id")
        if entry.seen_at > retry.asked_at:
            return _Done(moved=1, why="it has come back to the Inbox in the meantime")
        if entry.state in ENDED:
            return _Done(moved=0, why="it is being answered and filed right now; ask again in a minute")
        if entry.state is not State.FILED:
            self._mails.due_now(entry.id)
            return _Done(moved=1, why="it was still waiting in the Inbox")
        return self._restored(entry)

    def _restored(self, entry: Entry) -> _Done:
        """Move one mail back: by the id it was filed under, else by what its Message-ID finds, first in the Inbox."""
        if entry.filed_item_id:
            (result,) = self._mailbox.restore([entry.filed_item_id])
            if isinstance(result, Moved):
                return _Done(moved=1)
        for folder in (None, *_folders(entry)):
            items = self._found(entry, folder)
            if items and folder is None:
                return _Done(moved=1, why="it was in the Inbox already")
            if items:
                (result,) = self._mailbox.restore([items[0].item_id])
                return _Done(moved=1) if isinstance(result, Moved) else _Done(moved=0, why=result.why)
        names = ", ".join(folder.capitalize() for folder in _folders(entry))
        return _Done(moved=0, why=f"it was found neither in the Inbox nor in any of the folders {names}")

    def _found(self, entry: Entry, folder: Folder | None) -> Sequence[ListedMail]:
        if not entry.message_id:
            return ()
        listed = self._mailbox.list_folder(folder, _COPIES, message_id=entry.message_id)
        return [item for item in listed if item.received == entry.received]

    def _folder(self, retry: Retry, folder: Folder) -> _Done:
        """Move everything back that was filed there before the retry was asked for, but copies and what is too old."""
        listed = self._mailbox.list_folder(folder, _MOST)
        known = self._retries.filed_as([item.item_id for item in listed])
        there = [item for item in listed if not _stays(known.get(item.item_id), retry)]
        young = [item for item in reversed(there) if self._age(item.received) <= self._max_age]
        ids = [item.item_id for item in young]
        whys: list[str] = []
        moved = 0
        for start in range(0, len(ids), _A_REQUEST):
            for result in self._mailbox.restore(ids[start : start + _A_REQUEST]):
                if isinstance(result, Moved):
                    moved += 1
                elif not result.gone:
                    whys = [f"some could not be moved ({result.why})"]
        if len(there) > len(young):
            whys.append(f"left there as too old to be approved (mail.max_age_hours): {len(there) - len(young)}")
        if len(listed) == _MOST:
            whys.append(f"only the newest {_MOST} in the folder were looked at")
        if not there:
            whys.append("there is no mail to try again")
        return _Done(moved=moved, why="; ".join(whys))


def _folders(entry: Entry) -> Sequence[Folder]:
    """Return our folders, first the one that the mail was filed in."""
    first = treatment(entry.ending.code).folder if entry.ending is not None else Folder.REFUSED
    return (first, *(folder for folder in Folder if folder is not first))


def _stays(entry: Entry | None, retry: Retry) -> bool:
    if entry is None:
        return False
    has_been_tried = entry.filed_at is not None and entry.filed_at > retry.asked_at
    return has_been_tried or _is_copy(entry)


def _is_copy(entry: Entry) -> bool:
    return entry.ending is not None and entry.ending.code is Code.DUPLICATE
