"""The pretend mailbox: its folders, its items and the mails that were sent from it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from approvald_sandbox.systems.exchange import mime
from approvald_sandbox.systems.exchange.content import (
    Event,
    EventKind,
    Folder,
    SentMail,
    StoredItem,
    WellKnown,
    property_key,
)
from approvald_sandbox.systems.exchange.soap import Code, EwsError, not_found
from approvald_sandbox.world.world import World

AUTO_FORWARDED = "0x0005"
AUTO_FORWARD_HEADER = "X-MS-Exchange-Organization-AutoForwarded"
Listener = Callable[[Event], None]


def new_id() -> str:
    """Return an id of the shape that Exchange uses: base64, case-sensitive."""
    return "AAMkA" + base64.b64encode(secrets.token_bytes(57)).decode()


class MailStore:
    """One mailbox. Every change takes the world's lock, so that any thread may deliver and look."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items: dict[str, StoredItem] = {}
        self.tree: dict[str, Folder] = {}
        self._outbox: list[SentMail] = []
        self._listeners: list[Listener] = []
        for known in WellKnown:
            folder = Folder(id=new_id(), name=known.display_name, parent_id="", known=known)
            self.tree[folder.id] = folder
        for folder in self.tree.values():
            folder.parent_id = self._parent_of(folder)

    def _parent_of(self, folder: Folder) -> str:
        if folder.known is WellKnown.ROOT:
            return folder.id
        top = WellKnown.ROOT if folder.known is WellKnown.MSGFOLDERROOT else WellKnown.MSGFOLDERROOT
        return self.known_folder(top).id

    def now(self) -> datetime:
        """Return the world's time, aware UTC."""
        return datetime.fromtimestamp(self.world.now(), UTC)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called at every change, in the thread that changes. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # What happens to mails

    def deliver(
        self,
        raw: bytes,
        *,
        item_class: str = "IPM.Note",
        received: datetime | None = None,
        folder: str = "inbox",
        properties: dict[str, str] | None = None,
    ) -> str:
        """Put a mail into a folder (distinguished id or path) as the transport would. Returns its item id.

        `received` is aware UTC, the world's now by default. `properties` are MAPI properties by tag (`0x5D01`) with
        their values as EWS writes them; `ExchangeAddress` makes From and Sender EX addresses with that value.
        """
        facts = mime.read(raw)
        known = {property_key(name): value for name, value in (properties or {}).items()}
        if (facts.header(AUTO_FORWARD_HEADER) or "").strip().casefold() == "true":
            known.setdefault(AUTO_FORWARDED, "true")
        item = StoredItem(
            id=new_id(),
            folder_id=self.folder_at(folder).id,
            raw=raw,
            facts=facts,
            item_class=item_class,
            received=received or self.now(),
            created=self.now(),
            properties=known,
        )
        return self.add(item, EventKind.NEW_MAIL).id

    def add(self, item: StoredItem, kind: EventKind = EventKind.CREATED) -> StoredItem:
        """Put an item into its folder."""
        with self.world.lock:
            self.items[item.id] = item
            self._tell(Event(kind=kind, item_id=item.id, folder_id=item.folder_id, at=self.now()))
        return item

    def item(self, item_id: str) -> StoredItem:
        """Return an item. Raises EwsError ErrorItemNotFound, also for an id from before a move."""
        item = self.items.get(item_id)
        if item is None:
            raise not_found()
        return item

    def relocate(self, item_id: str, folder_id: str) -> StoredItem:
        """Move an item; it gets a new id, the old one is not found any more."""
        with self.world.lock:
            item = self.item(item_id)
            old_folder = item.folder_id
            del self.items[item_id]
            item.id, item.folder_id = new_id(), folder_id
            item.touch()
            self.items[item.id] = item
            self._tell(
                Event(
                    kind=EventKind.MOVED,
                    item_id=item.id,
                    folder_id=folder_id,
                    at=self.now(),
                    old_item_id=item_id,
                    old_folder_id=old_folder,
                )
            )
        return item

    def delete(self, item_id: str) -> None:
        """Delete an item for good. Raises EwsError ErrorItemNotFound."""
        with self.world.lock:
            item = self.item(item_id)
            del self.items[item_id]
            self._tell(Event(kind=EventKind.DELETED, item_id=item_id, folder_id=item.folder_id, at=self.now()))

    def send(self, mail: SentMail, raw: bytes) -> None:
        """Send a mail: it is listed as sent, every time, and delivered here when it is addressed to this mailbox."""
        with self.world.lock:
            self._outbox.append(mail)
        if self.world.mailbox.casefold() in {address.casefold() for address in (*mail.to, *mail.cc, *mail.bcc)}:
            self.deliver(b"X-MS-Exchange-Organization-AuthAs: Internal\r\n" + raw, item_class=mail.item_class)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    # Folders

    def known_folder(self, known: WellKnown) -> Folder:
        """Return a well-known folder."""
        return next(folder for folder in tuple(self.tree.values()) if folder.known is known)

    def folder(self, folder_id: str) -> Folder:
        """Return a folder by its id. Raises EwsError ErrorFolderNotFound."""
        found = self.tree.get(folder_id)
        if found is None:
            raise EwsError(Code.FOLDER_NOT_FOUND, "The specified folder could not be found in the store.")
        return found

    def distinguished(self, name: str) -> Folder:
        """Return a folder by its distinguished id such as `inbox`. Raises EwsError ErrorFolderNotFound."""
        if name.casefold() not in set(WellKnown):
            raise EwsError(Code.FOLDER_NOT_FOUND, "The specified folder could not be found in the store.")
        return self.known_folder(WellKnown(name.casefold()))

    def folder_at(self, path: str) -> Folder:
        """Return the folder with this distinguished id or path (`Inbox/Done`). Raises EwsError ErrorFolderNotFound."""
        for folder in tuple(self.tree.values()):
            if path.casefold() in {self.path(folder).casefold(), str(folder.known or "")}:
                return folder
        raise EwsError(Code.FOLDER_NOT_FOUND, f"There is no folder {path!r} in the mailbox.")

    def path(self, folder: Folder) -> str:
        """Return a folder's path below the top of the mailbox, such as `Inbox/Done`; empty for the top itself."""
        if folder.known in {WellKnown.ROOT, WellKnown.MSGFOLDERROOT}:
            return ""
        above = self.path(self.tree[folder.parent_id])
        return f"{above}/{folder.name}" if above else folder.name

    def children(self, folder: Folder) -> list[Folder]:
        """Return the folders right below one."""
        return [each for each in tuple(self.tree.values()) if each.parent_id == folder.id and each is not folder]

    def create_folder(self, parent: Folder, name: str, folder_class: str = "IPF.Note") -> Folder:
        """Make a folder. Raises EwsError ErrorFolderExists; names differ by more than case."""
        with self.world.lock:
            if any(each.name.casefold() == name.casefold() for each in self.children(parent)):
                raise EwsError(Code.FOLDER_EXISTS, "A folder with the specified name already exists.")
            folder = Folder(id=new_id(), name=name, parent_id=parent.id, folder_class=folder_class)
            self.tree[folder.id] = folder
        return folder

    def items_in(self, folder_id: str) -> list[StoredItem]:
        """Return the items of a folder, oldest first."""
        with self.world.lock:
            return sorted((i for i in self.items.values() if i.folder_id == folder_id), key=lambda i: i.received)

    # For the control API and tests

    def folders(self, only: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return what is in each folder, or in one: id, subject, message_id, item_class, received (ISO), from, size.

        Folders go by their paths; one that is not there is not in the answer.
        """
        return {
            path: [item.summary() for item in self.items_in(folder.id)]
            for folder in tuple(self.tree.values())
            if (path := self.path(folder)) and only in {None, path}
        }

    def sent(self, after: int = 0) -> list[dict[str, Any]]:
        """Return every mail sent, in order, but for the first `after`; copies as often as they were sent (SentMail)."""
        with self.world.lock:
            return [asdict(mail) for mail in self._outbox[after:]]

    def raw(self, item_id: str) -> bytes:
        """Return an item's MIME. Raises EwsError ErrorItemNotFound."""
        return self.item(item_id).raw

    def move(self, item_id: str, path: str) -> str:
        """Move an item as an administrator by hand would. Returns its new id."""
        return self.relocate(item_id, self.folder_at(path).id).id

    def clear(self) -> None:
        """Take out all items and all sent mails; folders and their ids stay."""
        with self.world.lock:
            for item_id in list(self.items):
                self.delete(item_id)
            self._outbox.clear()
