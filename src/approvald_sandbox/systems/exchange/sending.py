"""Operations that make and send mails: CreateItem and SendItem. Nothing is recognised as sent before."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from approvald_sandbox.systems.exchange import drafts, mime, shapes
from approvald_sandbox.systems.exchange.content import Draft, SentMail, StoredItem, WellKnown
from approvald_sandbox.systems.exchange.items import each_item
from approvald_sandbox.systems.exchange.mime import Mailbox
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import (
    Code,
    Element,
    EwsError,
    elements,
    failure,
    found,
    is_true,
    local,
    m,
    success,
)
from approvald_sandbox.systems.exchange.store import new_id

REPLIES: Final = {"ReplyToItem", "ReplyAllToItem", "ForwardItem"}


def create_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer CreateItem: SaveOnly gives ids, SendOnly and SendAndSaveCopy give an empty list of items each."""
    disposition = str(request.get("MessageDisposition", "SaveOnly"))
    default = WellKnown.DRAFTS if disposition == "SaveOnly" else WellKnown.SENT_ITEMS
    target = exchange.store.known_folder(default)
    if found(request, "m:SavedItemFolderId") is not None:
        target = exchange.folder_in(request, "m:SavedItemFolderId")
    messages = []
    for described in elements(found(request, "m:Items")):
        try:
            item = _make(exchange, described, target.id)
            messages.append(success("CreateItem", m("Items", _dispose(exchange, item, disposition))))
        except EwsError as error:
            messages.append(failure("CreateItem", error, m("Items")))
    return messages


def _dispose(exchange: Exchange, item: StoredItem, disposition: str) -> Element | None:
    if disposition == "SaveOnly":
        item.is_draft = True
        return shapes.bare(exchange.store.add(item))
    _submit(exchange, item)
    if disposition == "SendAndSaveCopy":
        exchange.store.add(item)
    return None


def _make(exchange: Exchange, described: Element, folder_id: str) -> StoredItem:
    new = Draft(message_id=drafts.new_message_id(exchange.world.domain))
    draft = _answer(exchange, new, described) if local(described) in REPLIES else drafts.apply(new, described)
    item = StoredItem(
        id=new_id(),
        folder_id=folder_id,
        raw=b"",
        facts=mime.MailFacts(),
        item_class=draft.item_class,
        received=exchange.store.now(),
        created=exchange.store.now(),
    )
    write(exchange, item, draft)
    return item


def _answer(exchange: Exchange, draft: Draft, described: Element) -> Draft:
    reference = found(described, "t:ReferenceItemId")
    original = exchange.store.item("" if reference is None else str(reference.get("Id", "")))
    facts = original.facts
    is_forward = local(described) == "ForwardItem"
    start = replace(
        draft,
        subject=f"{'FW' if is_forward else 'RE'}: {facts.subject or ''}",
        to=[] if is_forward or facts.author is None else [facts.author],
    )
    answer = drafts.reply(start, described, facts.references or "", facts.message_id or "")
    original_text = facts.html if answer.body_type == "HTML" else facts.text
    return drafts.quoted(answer, described, original_text or facts.text or "")


def write(exchange: Exchange, item: StoredItem, draft: Draft) -> None:
    """Make a draft the content of an item."""
    if not draft.message_id:
        draft = replace(draft, message_id=drafts.new_message_id(exchange.world.domain))
    sender = Mailbox(name="", address=exchange.world.mailbox)
    try:
        item.raw = drafts.compose(draft, sender=sender, now=exchange.store.now())
    except (ValueError, IndexError, LookupError) as error:
        raise EwsError(Code.CANNOT_SAVE, "The mail cannot be written: a header or address is not valid.") from error
    item.facts = mime.read(item.raw)
    item.draft = draft
    item.item_class = draft.item_class
    item.properties = dict(draft.properties)
    item.categories, item.is_read = list(draft.categories), True


def _submit(exchange: Exchange, item: StoredItem) -> None:
    draft = item.draft
    if draft is None or not (draft.to or draft.cc or draft.bcc):
        raise EwsError(Code.INVALID_RECIPIENTS, "At least one recipient is not valid or there is none.")
    is_html = draft.body_type == "HTML"
    mail = SentMail(
        to=[each.address for each in draft.to],
        cc=[each.address for each in draft.cc],
        bcc=[each.address for each in draft.bcc],
        subject=draft.subject,
        html=draft.body if is_html else "",
        text=mime.text_of_html(draft.body) if is_html else draft.body,
        body_type=draft.body_type,
        in_reply_to=draft.in_reply_to,
        references=draft.references,
        headers=dict(draft.headers),
        properties=dict(draft.properties),
        message_id=draft.message_id,
        importance=draft.importance,
        attachments=[part.name for part in draft.attachments],
        item_class=draft.item_class,
        at=exchange.store.now().isoformat(),
    )
    item.is_draft = False
    exchange.store.send(mail, item.raw)


def send_item(exchange: Exchange, request: Element) -> list[Element]:
    """Answer SendItem for drafts. A draft sent already has another id, so that a second try finds nothing."""
    target = exchange.store.known_folder(WellKnown.SENT_ITEMS)
    if found(request, "m:SavedItemFolderId") is not None:
        target = exchange.folder_in(request, "m:SavedItemFolderId")

    def act(item: StoredItem) -> None:
        if not item.is_draft:
            raise EwsError(Code.INVALID_OPERATION, "The item is not a draft.")
        _submit(exchange, item)
        if is_true(str(request.get("SaveItemToFolder", "true"))):
            exchange.store.relocate(item.id, target.id)
        else:
            exchange.store.delete(item.id)

    return each_item(exchange, "SendItem", found(request, "m:ItemIds"), act)
