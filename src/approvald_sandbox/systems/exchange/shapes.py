"""Items as answers: which fields a request wants, and the item with just those."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from approvald_sandbox.systems.exchange import fields, mime
from approvald_sandbox.systems.exchange.content import StoredItem
from approvald_sandbox.systems.exchange.fields import FieldPath, element_name, mailbox
from approvald_sandbox.systems.exchange.mime import Mailbox, Part
from approvald_sandbox.systems.exchange.soap import Element, elements, found, is_true, t, text_of

MIME: Final = FieldPath(key="item:MimeContent")
DEFAULT_FIELDS: Final = tuple(
    FieldPath(key=key)
    for key in (
        "item:Subject",
        "item:DateTimeReceived",
        "item:Size",
        "item:HasAttachments",
        "item:Importance",
        "item:ItemClass",
        "item:Attachments",
        "item:Body",
        "message:From",
        "message:Sender",
        "message:ToRecipients",
        "message:CcRecipients",
        "message:InternetMessageId",
        "message:IsRead",
    )
)
ATTACHMENT_DIGITS: Final = 4
ALSO_LISTED: Final = {"item:Categories", "item:ParentFolderId", "item:ConversationId"}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a request wants of each item. `body_type`: Best, HTML or Text."""

    paths: tuple[FieldPath, ...]
    body_type: str = "Best"


def shape(node: Element | None) -> Shape:
    """Read an ItemShape or AttachmentShape."""
    if node is None:
        return Shape(paths=())
    paths = [fields.field_path(each) for each in elements(found(node, "t:AdditionalProperties"))]
    if text_of(node, "t:BaseShape") in {"Default", "AllProperties"}:
        everything = tuple(FieldPath(key=key) for key in (*fields.FIELDS, *COMPLEX) if key != MIME.key)
        paths += everything if text_of(node, "t:BaseShape") == "AllProperties" else DEFAULT_FIELDS
    if is_true(text_of(node, "t:IncludeMimeContent")):
        paths.append(MIME)
    return Shape(paths=tuple(dict.fromkeys(paths)), body_type=text_of(node, "t:BodyType", "Best"))


def item_id(item: StoredItem) -> Element:
    """Return an item's id with its change key."""
    return t("ItemId", Id=item.id, ChangeKey=item.change_key)


def bare(item: StoredItem) -> Element:
    """Return an item with nothing but its id."""
    return t(element_name(item.item_class), item_id(item))


def listed(item: StoredItem, wanted: Shape) -> Element:
    """Return an item as FindItem does: no bodies, headers or recipients, only names of people."""
    return t(
        element_name(item.item_class),
        item_id(item),
        *(_listed_field(item, path, wanted) for path in wanted.paths),
    )


def _listed_field(item: StoredItem, path: FieldPath, wanted: Shape) -> Element | None:
    if path.key in fields.PEOPLE:
        return fields.person(item, path, listed=True)
    if path.attributes is None and path.key in COMPLEX:
        return COMPLEX[path.key](item, wanted) if path.key in ALSO_LISTED else None
    return fields.simple(item, path, cut=fields.SUMMARY_LENGTH)


def whole(item: StoredItem, wanted: Shape, *, with_id: bool = True) -> Element:
    """Return an item as GetItem does; one inside another mail has no id."""
    return t(
        element_name(item.item_class),
        item_id(item) if with_id else None,
        *(_field(item, path, wanted) for path in wanted.paths),
    )


def _field(item: StoredItem, path: FieldPath, wanted: Shape) -> Element | None:
    if path.key in fields.PEOPLE:
        return fields.person(item, path, listed=False)
    if path.attributes is None and path.key in COMPLEX:
        return COMPLEX[path.key](item, wanted)
    return fields.simple(item, path)


def _mime(item: StoredItem, _: Shape) -> Element:
    return t("MimeContent", text=base64.b64encode(item.raw).decode(), CharacterSet="UTF-8")


def _parent(item: StoredItem, _: Shape) -> Element:
    return t("ParentFolderId", Id=item.folder_id, ChangeKey="AQAAAA==")


def _text(item: StoredItem) -> str:
    facts = item.facts
    return facts.text if facts.text is not None else mime.text_of_html(facts.html or "")


def _text_body(item: StoredItem, _: Shape) -> Element:
    return t("TextBody", text=_text(item), BodyType="Text", IsTruncated="false")


def _body(item: StoredItem, wanted: Shape) -> Element:
    html = item.facts.html
    if html is None or wanted.body_type == "Text":
        return t("Body", text=_text(item), BodyType="Text", IsTruncated="false")
    return t("Body", text=html, BodyType="HTML", IsTruncated="false")


def _unique_body(item: StoredItem, wanted: Shape) -> Element:
    body = _body(item, wanted)
    return t("UniqueBody", text=body.text or "", BodyType=str(body.get("BodyType")), IsTruncated="false")


def _headers(item: StoredItem, _: Shape) -> Element | None:
    """Received mails have their internet headers, mails of our own and drafts have not."""
    if item.draft is not None or not item.facts.headers:
        return None
    lines = [t("InternetMessageHeader", text=text, HeaderName=name) for name, text in item.facts.headers]
    return t("InternetMessageHeaders", *lines)


def _recipients(
    tag: str, of: Callable[[StoredItem], tuple[Mailbox, ...]]
) -> Callable[[StoredItem, Shape], Element | None]:
    def build(item: StoredItem, _: Shape) -> Element | None:
        people = of(item)
        return t(tag, *(mailbox(each) for each in people)) if people else None

    return build


def _categories(item: StoredItem, _: Shape) -> Element | None:
    return t("Categories", *(t("String", text=each) for each in item.categories)) if item.categories else None


def _conversation(item: StoredItem, _: Shape) -> Element:
    thread = (item.facts.references or item.facts.message_id or item.id).split()
    return t("ConversationId", Id=base64.b64encode(thread[0].encode("utf-8", "replace")).decode())


def _attachments(item: StoredItem, _: Shape) -> Element | None:
    parts = item.facts.attachments
    return t("Attachments", *(attachment(item, i, part) for i, part in enumerate(parts))) if parts else None


def attachment(item: StoredItem, index: int, part: Part, *content: Element) -> Element:
    """Return an attachment, with its content where that is asked for."""
    return t(
        "ItemAttachment" if part.is_message else "FileAttachment",
        t("AttachmentId", Id=f"{item.id}{index:0{ATTACHMENT_DIGITS}d}"),
        t("Name", text=part.name),
        t("ContentType", text=part.content_type),
        t("ContentId", text=part.content_id) if part.content_id else None,
        t("Size", text=len(part.content)),
        t("LastModifiedTime", text=item.received),
        t("IsInline", text=part.is_inline),
        *content,
    )


COMPLEX: Final[dict[str, Callable[[StoredItem, Shape], Element | None]]] = {
    MIME.key: _mime,
    "item:ParentFolderId": _parent,
    "item:Body": _body,
    "item:TextBody": _text_body,
    "item:UniqueBody": _unique_body,
    "item:InternetMessageHeaders": _headers,
    "item:Attachments": _attachments,
    "item:Categories": _categories,
    "item:ConversationId": _conversation,
    "message:ToRecipients": _recipients("ToRecipients", lambda item: item.facts.to),
    "message:CcRecipients": _recipients("CcRecipients", lambda item: item.facts.cc),
    "message:BccRecipients": _recipients("BccRecipients", lambda item: tuple(item.draft.bcc if item.draft else ())),
    "message:ReplyTo": _recipients("ReplyTo", lambda item: item.facts.reply_to),
}
