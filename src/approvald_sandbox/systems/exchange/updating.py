"""The operation UpdateItem: everything of a draft; read flag, categories and properties of any other item."""

from __future__ import annotations

from typing import Final

from approvald_sandbox.systems.exchange import drafts, shapes
from approvald_sandbox.systems.exchange.content import Draft, EventKind, StoredItem
from approvald_sandbox.systems.exchange.fields import FieldPath, field_path
from approvald_sandbox.systems.exchange.sending import write
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import (
    Code,
    Element,
    EwsError,
    elements,
    failure,
    found,
    local,
    m,
    success,
    t,
)

IS_READ: Final = "message:IsRead"
CATEGORIES: Final = "item:Categories"


def update_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer UpdateItem. NeverOverwrite refuses a stale change key with ErrorIrresolvableConflict."""
    is_strict = request.get("ConflictResolution") == "NeverOverwrite"
    messages = []
    for change in elements(found(request, "m:ItemChanges")):
        try:
            item = _update(exchange, change, is_strict=is_strict)
            conflicts = m("ConflictResults", t("Count", text=0))
            messages.append(success("UpdateItem", m("Items", shapes.bare(item)), conflicts))
        except EwsError as error:
            messages.append(failure("UpdateItem", error, m("Items")))
    return messages


def _update(exchange: Exchange, change: Element, *, is_strict: bool) -> StoredItem:
    reference = found(change, "t:ItemId")
    item = exchange.store.item("" if reference is None else str(reference.get("Id", "")))
    if is_strict and reference is not None and reference.get("ChangeKey") != item.change_key:
        raise EwsError(Code.IRRESOLVABLE_CONFLICT, "The send or update operation could not be performed.")
    changed = set()
    for each in elements(found(change, "t:Updates")):
        path, *described = elements(each)
        if local(each) == "DeleteItemField":
            _delete(item, field_path(path))
        elif item.is_draft and item.draft is not None:
            write(exchange, item, drafts.apply(item.draft, described[0]))
        else:
            _set(item, field_path(path), drafts.apply(Draft(), described[0]))
        changed.add(field_path(path).key)
    exchange.store.changed(item, EventKind.READ_FLAG if changed == {IS_READ} else EventKind.MODIFIED)
    return item


def _set(item: StoredItem, path: FieldPath, given: Draft) -> None:
    if path.attributes is not None:
        item.properties |= given.properties
    elif path.key == IS_READ:
        item.is_read = given.is_read
    elif path.key == CATEGORIES:
        item.categories = given.categories
    else:
        raise EwsError(Code.INVALID_OPERATION, f"This server does not change {path.key} of a mail that is no draft.")


def _delete(item: StoredItem, path: FieldPath) -> None:
    if path.attributes is not None:
        item.properties.pop(path.key, None)
    elif path.key == CATEGORIES:
        item.categories = []
    else:
        raise EwsError(Code.INVALID_OPERATION, f"This server does not delete {path.key}.")
