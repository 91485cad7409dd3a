"""Operations on items that are there: FindItem, GetItem, MoveItem, DeleteItem, GetAttachment, ConvertId."""

from __future__ import annotations

import base64
from collections.abc import Callable

from approvald_sandbox.systems.exchange import fields, mime, shapes
from approvald_sandbox.systems.exchange.content import StoredItem, WellKnown
from approvald_sandbox.systems.exchange.restriction import Lookup, in_order, matches, page
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.shapes import ATTACHMENT_DIGITS, Shape, attachment
from approvald_sandbox.systems.exchange.soap import (
    Code,
    Element,
    EwsError,
    elements,
    failure,
    found,
    m,
    not_found,
    success,
    t,
)


def lookup(item: StoredItem) -> Lookup:
    """Return how a restriction reads an item."""
    return lambda path: fields.value(item, path)


def find_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer FindItem: one page per parent folder."""
    wanted = shapes.shape(found(request, "m:ItemShape"))
    messages = []
    for reference in elements(found(request, "m:ParentFolderIds")):
        try:
            there = exchange.store.items_in(exchange.folder(reference).id)
            there.reverse()  # without a SortOrder the newest comes first
            hits = [item for item in there if matches(found(request, "m:Restriction"), lookup(item))]
            ordered = in_order(found(request, "m:SortOrder"), hits, lookup)
            view = found(request, "m:IndexedPageItemView")
            root = page(view, ordered, "Items", lambda item: shapes.listed(item, wanted))
            messages.append(success("FindItem", root))
        except EwsError as error:
            messages.append(failure("FindItem", error))
    return messages


def each_item(
    exchange: Exchange, operation: str, references: Element | None, act: Callable[[StoredItem], Element | None]
) -> list[Element]:
    """Act on each item whose id stands in the request; each has its own answer, ErrorItemNotFound among them."""
    messages = []
    for reference in elements(references):
        try:
            item = exchange.store.item(str(reference.get("Id", "")))
            messages.append(success(operation, act(item)))
        except EwsError as error:
            messages.append(failure(operation, error, m("Items")))
    return messages


def get_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer GetItem."""
    wanted = shapes.shape(found(request, "m:ItemShape"))
    return each_item(
        exchange, "GetItem", found(request, "m:ItemIds"), lambda item: m("Items", shapes.whole(item, wanted))
    )


def move_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer MoveItem: who comes second finds nothing, because the id has changed."""
    target = exchange.folder_in(request, "m:ToFolderId")

    def act(item: StoredItem) -> Element:
        return m("Items", shapes.bare(exchange.store.relocate(item.id, target.id)))

    return each_item(exchange, "MoveItem", found(request, "m:ItemIds"), act)


def delete_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer DeleteItem: MoveToDeletedItems moves, the other types delete for good."""

    def act(item: StoredItem) -> None:
        if request.get("DeleteType") == "MoveToDeletedItems":
            exchange.store.relocate(item.id, exchange.store.known_folder(WellKnown.DELETED_ITEMS).id)
        else:
            exchange.store.delete(item.id)

    return each_item(exchange, "DeleteItem", found(request, "m:ItemIds"), act)


def get_attachment(exchange: Exchange, request: Element) -> list[Element]:
    """Answer GetAttachment for files and for mails attached as items."""
    wanted = shapes.shape(found(request, "m:AttachmentShape"))
    messages = []
    for reference in elements(found(request, "m:AttachmentIds")):
        try:
            messages.append(success("GetAttachment", m("Attachments", _content(exchange, reference, wanted))))
        except EwsError as error:
            messages.append(failure("GetAttachment", error, m("Attachments")))
    return messages


def _content(exchange: Exchange, reference: Element, wanted: Shape) -> Element:
    identity = str(reference.get("Id", ""))
    item = exchange.store.item(identity[:-ATTACHMENT_DIGITS])
    index = int(identity[-ATTACHMENT_DIGITS:])
    if index >= len(item.facts.attachments):
        raise not_found()
    part = item.facts.attachments[index]
    if not part.is_message:
        return attachment(item, index, part, t("Content", text=base64.b64encode(part.content).decode()))
    inner = StoredItem(
        id=identity,
        folder_id=item.folder_id,
        raw=part.content,
        facts=mime.read(part.content),
        item_class="IPM.Note",
        received=item.received,
        created=item.created,
    )
    everything = wanted.paths or shapes.DEFAULT_FIELDS
    whole = shapes.whole(inner, Shape(paths=everything, body_type=wanted.body_type), with_id=False)
    return attachment(item, index, part, whole)


def convert_id(exchange: Exchange, request: Element) -> list[Element]:
    """Answer ConvertId: an id of ours stays as it is, any other is malformed. Clients use it to read the version."""
    messages = []
    for given in elements(found(request, "m:SourceIds")):
        identity = str(given.get("Id", ""))
        if identity in exchange.store.items or identity in exchange.store.tree:
            converted = m("AlternateId", Format="EwsId", Id=identity, Mailbox=exchange.world.mailbox)
            messages.append(success("ConvertId", converted))
        else:
            messages.append(failure("ConvertId", EwsError(Code.ID_MALFORMED, "Id is malformed.")))
    return messages
