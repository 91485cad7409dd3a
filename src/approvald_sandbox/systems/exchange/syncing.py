"""The operation SyncFolderItems: what changed in a folder since a state, which is a place in the mailbox's journal."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from approvald_sandbox.systems.exchange import shapes
from approvald_sandbox.systems.exchange.content import Event, EventKind, StoredItem
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.shapes import Shape
from approvald_sandbox.systems.exchange.soap import Code, Element, EwsError, failure, found, m, success, t, text_of

MOST_CHANGES: Final = 512
APPEARED: Final = {EventKind.NEW_MAIL, EventKind.CREATED, EventKind.MOVED}


@dataclass(kw_only=True)
class _Changes:
    """Changes of one folder by item id, in the order of their first appearance; `end` is the new state."""

    kinds: dict[str, str] = field(default_factory=dict)
    end: int = 0
    is_last: bool = True


def sync_folder_items(exchange: Exchange, request: Element) -> list[Element]:
    """Answer SyncFolderItems. A state of another folder or none of ours gives ErrorInvalidSyncStateData."""
    given = text_of(request, "m:SyncState")
    wanted = shapes.shape(found(request, "m:ItemShape"))
    try:
        folder = exchange.folder_in(request, "m:SyncFolderId")
        most = min(int(text_of(request, "m:MaxChangesReturned", "100")), MOST_CHANGES)
        start = _position(given, folder.id, len(exchange.store.journal))
    except EwsError as error:
        return [failure("SyncFolderItems", error, *_state(given, is_last=True), m("Changes"))]
    changes = _since(exchange, folder.id, start, most)
    state = base64.b64encode(f"{changes.end}:{folder.id}".encode()).decode()
    answers = [_change(exchange, kind, item_id, wanted) for item_id, kind in changes.kinds.items()]
    return [success("SyncFolderItems", *_state(state, is_last=changes.is_last), m("Changes", *answers))]


def _state(state: str, *, is_last: bool) -> tuple[Element, Element]:
    return m("SyncState", text=state), m("IncludesLastItemInRange", text=is_last)


def _position(state: str, folder_id: str, end: int) -> int:
    if not state:
        return 0
    try:
        position, _, folder = base64.b64decode(state, validate=True).decode().partition(":")
        number = int(position)
    except (binascii.Error, ValueError):
        number, folder = -1, ""
    if folder != folder_id or not 0 <= number <= end:
        raise EwsError(Code.INVALID_SYNC_STATE, "The synchronization state data is corrupt or otherwise invalid.")
    return number


def _since(exchange: Exchange, folder_id: str, start: int, most: int) -> _Changes:
    changes = _Changes(end=start)
    for event in exchange.store.journal[start:]:
        if len(changes.kinds) >= most:
            changes.is_last = False
            break
        changes.end += 1
        _note(exchange, changes.kinds, event, folder_id)
    return changes


def _note(exchange: Exchange, kinds: dict[str, str], event: Event, folder_id: str) -> None:
    """Add one event of the journal; what came and went since is left out."""
    gone = {event.old_item_id} if event.old_folder_id == folder_id else set()
    if event.folder_id == folder_id and event.kind is EventKind.DELETED:
        gone.add(event.item_id)
    for item_id in gone - {""}:
        if kinds.pop(item_id, None) != "Create":
            kinds[item_id] = "Delete"
    if event.folder_id != folder_id or event.item_id not in exchange.store.items:
        return
    if event.kind in APPEARED:
        kinds[event.item_id] = "Create"
    elif event.kind is EventKind.READ_FLAG:
        kinds.setdefault(event.item_id, "ReadFlagChange")
    elif kinds.get(event.item_id) != "Create":
        kinds[event.item_id] = "Update"


def _change(exchange: Exchange, kind: str, item_id: str, wanted: Shape) -> Element:
    item: StoredItem | None = exchange.store.items.get(item_id)
    if kind == "Delete" or item is None:
        return t("Delete", t("ItemId", Id=item_id))
    if kind == "ReadFlagChange":
        return t("ReadFlagChange", shapes.item_id(item), t("IsRead", text=item.is_read))
    return t(kind, shapes.listed(item, wanted))
