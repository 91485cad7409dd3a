"""The mailbox on Exchange: `ports.Mailbox`, one request per act, and the doctor's questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from exchangelib.errors import EWSError

from approvald.adapters.exchange import calls, folders
from approvald.adapters.exchange.calls import Row
from approvald.adapters.exchange.connection import Connection
from approvald.adapters.exchange.failures import AWAY, BUSY, GONE, NOT_SENT, NotProcessed, code_of
from approvald.adapters.exchange.fetch import Fetch
from approvald.adapters.exchange.messages import read_listed, read_markers, read_moved, write_message
from approvald.adapters.exchange.properties import register_properties
from approvald.config.settings import MailboxSettings
from approvald.core.errors import AuthenticationFailed, OutcomeUnknown, Unavailable
from approvald.core.model import Folder, ListedMail, Mail, Reply
from approvald.core.ports import LogonGuard, Moved, Names, NotDone, SecretStore, Unfetchable

MARKERS_A_REQUEST: Final = 20


class ExchangeMailbox:
    """The mailbox of `settings`. Making one sends nothing; it keeps one connection until `close`.

    `limits_fetch_bytes`: items that are listed larger are fetched without their MIME. Raises ConfigurationInvalid when
    Kerberos is wanted and its package is not installed. `permit` is asked right before mails are sent; what it raises
    is raised, and nothing was sent.
    """

    def __init__(
        self,
        settings: MailboxSettings,
        limits_fetch_bytes: int,
        secrets: SecretStore,
        guard: LogonGuard,
        names: Names,
        *,
        permit: Callable[[], None] | None = None,
    ) -> None:
        self._permit = permit
        register_properties()
        self._largest_bytes = limits_fetch_bytes
        self._connection = Connection(settings, secrets, guard)
        self._folders = folders.FolderIds(settings, self._connection, names)

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return the oldest `limit` items of the Inbox, oldest first. One request, and one more the first time."""
        if limit < 1:
            return ()
        listed = self._connection.ask(
            "FindItem", lambda account: tuple(map(read_listed, calls.good(calls.find_items(account, limit))))
        )
        if not listed:
            self._folders.look_once()
        return listed

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Fetch these items, in order, in one request, and one more for too large ones. The caller cuts batches."""
        return Fetch(self._connection, largest_bytes=self._largest_bytes, with_mime=with_mime).carry_out(listed)

    def send(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        """Send and keep copies in Sent Items, in one request.

        Raises OutcomeUnknown unless it is certain that nothing was sent, or known what was.
        """
        if not replies:
            return ()
        if self._permit is not None:
            self._permit()
        return self._sent(replies)

    def send_unasked(self, alarm: Reply) -> None:
        """Send one alarm, without asking `permit`. Raises as `send` does."""
        self._sent([alarm])

    def _sent(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        try:
            rows = self._connection.ask("CreateItem", _sending(replies))
        except (NotProcessed, AuthenticationFailed):
            raise
        except Unavailable as error:
            raise _perhaps_sent() from error
        if any(isinstance(row, EWSError) and not isinstance(row, NOT_SENT) for row in rows):
            raise _perhaps_sent()
        return [_refusal(row) for row in rows]

    def sent_markers(self, markers: Sequence[str]) -> frozenset[str]:
        """Return the markers that are found on a mail in Sent Items. One request per 20 markers."""
        found: set[str] = set()
        for start in range(0, len(markers), MARKERS_A_REQUEST):
            some = markers[start : start + MARKERS_A_REQUEST]
            found |= self._connection.ask("FindItem", _looking_for(some))
        return frozenset(found & set(markers))

    def file(self, item_ids: Sequence[str], folder: Folder) -> Sequence[Moved | NotDone]:
        """Move items out of the Inbox. One request, and one or two more if the folder's id is not known."""
        if not item_ids:
            return ()
        folder_id = self._folders.recalled(folder)
        if folder_id is None:
            return [_moved(row) for row in self._move(item_ids, self._folders.resolved(folder))]
        rows = self._move(item_ids, folder_id)
        if any(isinstance(row, folders.GONE) for row in rows) or all(
            isinstance(row, folders.MALFORMED) for row in rows
        ):
            newer = self._folders.resolved(folder)
            if newer != folder_id:
                rows = self._move(item_ids, newer)
        return [_moved(row) for row in rows]

    def restore(self, item_ids: Sequence[str]) -> Sequence[Moved | NotDone]:
        """Move items back into the Inbox. One request."""
        return [_moved(row) for row in self._move(item_ids, None)] if item_ids else ()

    def list_folder(self, folder: Folder | None, limit: int, *, message_id: str = "") -> Sequence[ListedMail]:
        """Return the newest items of a folder. One request, and one or two more if the folder's id is not known."""
        if limit < 1 or not message_id.isprintable():  # XML holds no control characters, and so no question with them
            return ()
        folder_id = self._folders.recalled(folder) if folder is not None else None
        if folder is None or folder_id is not None:
            found = self._connection.ask("FindItem", _newest_of(folder_id, limit, message_id))
            if found is not None:
                return found
        newer = self._folders.present().get(folder) if folder is not None else None
        if newer is None or newer == folder_id:
            return ()
        return self._connection.ask("FindItem", _newest_of(newer, limit, message_id)) or ()

    def present_folders(self) -> frozenset[Folder]:
        """Return which of our folders exist. One request; makes none."""
        return frozenset(self._folders.present())

    def newest(self, limit: int) -> Sequence[ListedMail]:
        """Return the newest `limit` items of the Inbox and our folders, newest first. One request a folder, one more.

        A folder that goes away meanwhile is passed over.
        """
        found: list[ListedMail] = []
        for folder_id in (None, *self._folders.present().values()):
            there = self._connection.ask("FindItem", _newest_of(folder_id, limit))
            found += there or ()
        return sorted(found, key=lambda listed: listed.received, reverse=True)[:limit]

    def date(self) -> str:
        """Return the Date header of Exchange's last answer; empty where there was none."""
        return self._connection.date()

    def close(self) -> None:
        """End every connection."""
        self._connection.close()

    def _move(self, item_ids: Sequence[str], folder_id: str | None) -> list[Row]:
        def request(account: Any) -> list[Row]:
            try:
                rows = calls.move_items(account, item_ids, folder_id)
            except folders.GONE as error:
                return [error] * len(item_ids)
            if rows and all(isinstance(row, folders.GONE) for row in rows):
                return [rows[0]] * len(item_ids)
            away = next((row for row in rows if isinstance(row, (*AWAY, *BUSY))), None)
            if away is not None and all(isinstance(row, EWSError) for row in rows):
                raise away
            return _counted(rows, len(item_ids))

        return self._connection.ask("MoveItem", request)


def _sending(replies: Sequence[Reply]) -> Callable[[Any], list[Row]]:
    def request(account: Any) -> list[Row]:
        messages = [write_message(account, reply) for reply in replies]
        return _counted(calls.create_items(account, messages), len(replies))

    return request


def _newest_of(folder_id: str | None, limit: int, message_id: str = "") -> Callable[[Any], list[ListedMail] | None]:
    """Return the request for the newest items of a folder; its answer is None where there is no such folder."""

    def request(account: Any) -> list[ListedMail] | None:
        try:
            rows = calls.find_newest(account, limit, folder_id, message_id=message_id)
        except folders.GONE:
            return None
        if any(isinstance(row, folders.GONE) for row in rows):
            return None
        return [read_listed(row) for row in calls.good(rows)]

    return request


def _looking_for(markers: Sequence[str]) -> Callable[[Any], frozenset[str]]:
    def request(account: Any) -> frozenset[str]:
        return frozenset().union(*map(read_markers, calls.good(calls.find_sent(account, markers))))

    return request


def _counted(rows: list[Row], count: int) -> list[Row]:
    """Return the rows if there is one for each item. Raises ValueError."""
    if len(rows) != count:
        message = f"{len(rows)} answers for {count} items"
        raise ValueError(message)
    return rows


def _refusal(row: Row) -> NotDone | None:
    """Return the reason why one item was not done."""
    if isinstance(row, EWSError):
        return NotDone(why=f"Exchange says {code_of(row)}", gone=isinstance(row, GONE))
    return None


def _moved(row: Row) -> Moved | NotDone:
    return _refusal(row) or Moved(item_id=read_moved(row))


def _perhaps_sent() -> OutcomeUnknown:
    return OutcomeUnknown(
        "Exchange was asked to send replies and its answer was lost: they may have been sent. Look for their markers "
        "in Sent Items before sending anything again."
    )
