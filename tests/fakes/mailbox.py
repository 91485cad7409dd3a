"""A mailbox in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import parseaddr
from typing import Final

from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder, ListedMail, Mail, Reply
from approvald.core.ports import Moved, NotDone, Unfetchable

FIRST_RECEIPT: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SENDER_TAG: Final = "0x5D01"
FROM_TAG: Final = "0x5D02"
AUTO_FORWARDED_TAG: Final = "0x0005"


@dataclass
class _Item:
    listed: ListedMail
    raw: bytes
    properties: Mapping[str, str]
    folder: Folder | None = None
    """None: the Inbox."""


class FakeMailbox:
    """The port Mailbox. `requests` names every request that Exchange would have got, in order; `sent` what was sent.

    `away` makes it unavailable; `lose_answers` loses the answers of so many sends after the mails have gone out.
    `poison` holds the item ids that cannot be fetched. Items larger than `fetch_bytes` are fetched without their MIME.
    """

    def __init__(self, *, fetch_bytes: int = 5_000_000) -> None:
        self._fetch_bytes = fetch_bytes
        self._items: dict[str, _Item] = {}
        self._made = 0
        self.requests: list[str] = []
        self.sent: list[Reply] = []
        self.poison: set[str] = set()
        self.stuck: set[str] = set()
        """Item ids that cannot be moved."""
        self.refuse_to: set[str] = set()
        """Addresses to which Exchange does not take mails."""
        self.away = False
        self.away_after = ""
        """The act after which it goes away, by its name in `requests`."""
        self.fail: set[str] = set()
        """Acts, by their names in `requests`, that Exchange does not carry out."""
        self.lose_moves = False
        """It moves mails back to the Inbox, and the answers are lost."""
        self.lose_answers = 0
        self.permit: Callable[[], None] = lambda: None
        """Is asked right before anything is sent."""

    def deliver(
        self,
        raw: bytes,
        *,
        item_class: str = "IPM.Note",
        received: datetime | None = None,
        size: int | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> str:
        """Put a mail into the Inbox and return its item id. `properties`: MAPI properties by tag, such as 0x5D01."""
        self._made += 1
        item_id = f"item-{self._made}"
        listed = ListedMail(
            item_id=item_id,
            item_class=item_class,
            size=len(raw) if size is None else size,
            received=received or FIRST_RECEIPT + timedelta(seconds=self._made),
        )
        self._items[item_id] = _Item(listed=listed, raw=raw, properties=dict(properties or {}))
        return item_id

    def folder(self, folder: Folder | None) -> list[bytes]:
        """Return the mails of a folder as they were delivered, oldest first; None is the Inbox."""
        there = [item for item in self._items.values() if item.folder is folder]
        return [item.raw for item in sorted(there, key=lambda item: item.listed.received)]

    def take_inbox(self) -> list[bytes]:
        """Take every mail out of the Inbox, and return them as they were delivered."""
        there = self.folder(None)
        self._items = {item_id: item for item_id, item in self._items.items() if item.folder is not None}
        return there

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return the oldest items."""
        if limit < 1:
            return ()
        self._ask("list_inbox")
        inbox = [item.listed for item in self._items.values() if item.folder is None]
        return sorted(inbox, key=lambda listed: listed.received)[:limit]

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Fetch items."""
        if not listed:
            return ()
        self._ask("fetch")
        return [self._fetched(each, with_mime=with_mime) for each in listed]

    def send(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        """Send replies."""
        if not replies:
            return ()
        self.permit()
        return self._send(replies)

    def _send(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        self._ask("send")
        taken = [reply for reply in replies if not self.refuse_to.intersection(reply.to)]
        self.sent += taken
        if self.lose_answers:
            self.lose_answers -= 1
            message = "the answer was lost"
            raise OutcomeUnknown(message)
        return [None if reply in taken else NotDone(why="ErrorInvalidRecipients") for reply in replies]

    def send_unasked(self, alarm: Reply) -> None:
        """Send an alarm."""
        self._send([alarm])

    def sent_markers(self, markers: Sequence[str]) -> frozenset[str]:
        """Look into Sent Items."""
        if not markers:
            return frozenset()
        self._ask("sent_markers")
        return frozenset(markers) & {reply.marker for reply in self.sent}

    def file(self, item_ids: Sequence[str], folder: Folder) -> Sequence[Moved | NotDone]:
        """Move items; their ids change."""
        if not item_ids:
            return ()
        self._ask("file")
        return [self._moved(item_id, folder) for item_id in item_ids]

    def restore(self, item_ids: Sequence[str]) -> Sequence[Moved | NotDone]:
        """Move items back."""
        if not item_ids:
            return ()
        self._ask("restore")
        moved = [self._moved(item_id, None) for item_id in item_ids]
        if self.lose_moves:
            raise Unavailable(System.EXCHANGE, "the answer was lost")
        return moved

    def list_folder(self, folder: Folder | None, limit: int, *, message_id: str = "") -> Sequence[ListedMail]:
        """Return the newest items."""
        if limit < 1:
            return ()
        self._ask("list_folder")
        there = [item.listed for item in self._items.values() if item.folder is folder and _bears(item, message_id)]
        return sorted(there, key=lambda listed: listed.received, reverse=True)[:limit]

    def move(self, item_id: str, folder: Folder | None) -> str:
        """Move an item as somebody by hand; returns its new id. None is the Inbox."""
        moved = self._moved(item_id, folder)
        assert isinstance(moved, Moved)
        return moved.item_id

    def delete(self, item_id: str) -> None:
        """Delete an item as somebody by hand."""
        del self._items[item_id]

    def copy(self, item_id: str) -> str:
        """Copy an item as somebody by hand; returns the id of the copy, which is in the same folder."""
        item = self._items[item_id]
        self._made += 1
        made = f"item-{self._made}"
        self._items[made] = replace(item, listed=replace(item.listed, item_id=made))
        return made

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _ask(self, act: str) -> None:
        if self.away or act in self.fail or (self.away_after and self.away_after in self.requests):
            raise Unavailable(System.EXCHANGE, "Exchange does not answer")
        self.requests.append(act)

    def _moved(self, item_id: str, folder: Folder | None) -> Moved | NotDone:
        if item_id in self.stuck:
            return NotDone(why="ErrorMoveCopyFailed")
        item = self._items.pop(item_id, None)
        if item is None:
            return NotDone(why="ErrorItemNotFound", gone=True)
        self._made += 1
        made = f"item-{self._made}"
        self._items[made] = replace(item, folder=folder, listed=replace(item.listed, item_id=made))
        return Moved(item_id=made)

    def _fetched(self, listed: ListedMail, *, with_mime: bool) -> Mail | Unfetchable:
        item = self._items.get(listed.item_id)
        if item is None:
            return Unfetchable(listed=listed, why="ErrorItemNotFound", gone=True)
        if listed.item_id in self.poison:
            return Unfetchable(listed=listed, why="ErrorCorruptData")
        head = message_from_bytes(item.raw)
        author = parseaddr(head.get("From", ""))[1] or None
        sender = parseaddr(head.get("Sender", ""))[1] or author
        forwarded = item.properties.get(AUTO_FORWARDED_TAG)
        return Mail(
            listed=listed,
            message_id=head.get("Message-ID", ""),
            headers=tuple((name, str(value)) for name, value in head.items()),
            mime=item.raw if with_mime and listed.size <= self._fetch_bytes else None,
            sender_address=item.properties.get(SENDER_TAG, sender),
            from_address=item.properties.get(FROM_TAG, author),
            auto_forwarded=None if forwarded is None else forwarded == "true",
        )


def _bears(item: _Item, message_id: str) -> bool:
    return not message_id or message_from_bytes(item.raw).get("Message-ID", "") == message_id
