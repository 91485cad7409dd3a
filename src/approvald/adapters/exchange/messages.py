"""Reads mails from EWS elements, and writes replies for EWS."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any, Final

from exchangelib import HTMLBody, Mailbox, Message

from approvald.adapters.exchange.calls import Element
from approvald.adapters.exchange.properties import (
    AutoForwarded,
    AutoResponseSuppress,
    AutoResponseSuppressTag,
    AutoSubmitted,
    FromAddress,
    Marker,
    SenderAddress,
)
from approvald.core.model import ListedMail, Mail, Reply

NAMESPACES: Final = {
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
}
UNKNOWN_SIZE: Final = 2**31 - 1
"""An item whose size is not told counts as too large to fetch."""
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""An item without a time of receipt was put into the Inbox by no delivery: it counts as stale."""
NO_SUPPRESSION_LEFT: Final = -1
MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,900}>", re.ASCII)


def read_listed(item: Element) -> ListedMail:
    """Read one item of a FindItem answer. Raises ValueError."""
    received = _text(item, "t:DateTimeReceived")
    size = _text(item, "t:Size")
    return ListedMail(
        item_id=read_id(item, "t:ItemId"),
        item_class=_text(item, "t:ItemClass"),
        size=int(size) if size else UNKNOWN_SIZE,
        received=_instant(received) if received else LONG_AGO,
    )


def read_mail(answer: Element, listed: ListedMail, *, with_mime: bool) -> Mail:
    """Read one response message of a GetItem answer. Raises ValueError."""
    item = answer.find("m:Items/*", NAMESPACES)
    if item is None:
        message = "no item"
        raise ValueError(message)
    properties = _properties(item)
    forwarded = properties.get(AutoForwarded.property_tag)
    return Mail(
        listed=listed,
        message_id=_text(item, "t:InternetMessageId"),
        headers=tuple(
            (header.get("HeaderName", ""), header.text or "")
            for header in item.iterfind("t:InternetMessageHeaders/t:InternetMessageHeader", NAMESPACES)
        ),
        mime=_mime(item) if with_mime else None,
        sender_address=_smtp(properties.get(SenderAddress.property_tag, "")) or _address(item, "t:Sender"),
        from_address=_smtp(properties.get(FromAddress.property_tag, "")) or _address(item, "t:From"),
        auto_forwarded=None if forwarded is None else forwarded.strip().casefold() in {"true", "1"},
    )


def read_markers(item: Element) -> frozenset[str]:
    """Read the markers of one item of a FindItem answer that asked for nothing but them."""
    return frozenset(value.text for value in item.iterfind("t:ExtendedProperty/t:Value", NAMESPACES) if value.text)


def read_id(parent: Element, path: str) -> str:
    """Return the id at a path. Raises ValueError when there is none."""
    found = parent.find(path, NAMESPACES)
    value = "" if found is None else found.get("Id", "")
    if not value:
        message = "no id"
        raise ValueError(message)
    return value


def read_moved(answer: Element) -> str:
    """Read one response message of a MoveItem answer: the item's new id, empty where Exchange tells none."""
    found = answer.find("m:Items/*/t:ItemId", NAMESPACES)
    return "" if found is None else found.get("Id", "")


def read_folder(folder: Element) -> tuple[str, str]:
    """Return the name and the id of one folder. Raises ValueError."""
    return _text(folder, "t:DisplayName"), read_id(folder, "t:FolderId")


def write_message(account: Any, reply: Reply) -> Any:
    """Return the exchangelib message of a reply. EWS takes one body: Exchange makes the text from the HTML."""
    thread = reply.in_reply_to if reply.in_reply_to and MESSAGE_ID.fullmatch(reply.in_reply_to) else None
    return Message(
        account=account,
        subject=reply.subject,
        body=HTMLBody(reply.html),
        author=Mailbox(email_address=account.primary_smtp_address),
        to_recipients=[Mailbox(email_address=address) for address in reply.to],
        cc_recipients=[Mailbox(email_address=address) for address in reply.cc] or None,
        in_reply_to=thread,
        references=thread,
        importance="High" if reply.important else "Normal",
        **{
            Marker.FIELD: reply.marker,
            AutoSubmitted.FIELD: "auto-replied",
            AutoResponseSuppress.FIELD: "All",
            AutoResponseSuppressTag.FIELD: NO_SUPPRESSION_LEFT,
        },
    )


def _text(parent: Element, path: str) -> str:
    return parent.findtext(path, "", NAMESPACES) or ""


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _mime(item: Element) -> bytes:
    content = "".join(_text(item, "t:MimeContent").split())
    if not content:
        message = "no MIME content"
        raise ValueError(message)
    return base64.b64decode(content, validate=True)


def _address(item: Element, path: str) -> str | None:
    """Return the SMTP address of a mailbox; None where Exchange gives a name only, or an address of its directory."""
    kind = _text(item, f"{path}/t:Mailbox/t:RoutingType").strip().upper()
    return _smtp(_text(item, f"{path}/t:Mailbox/t:EmailAddress")) if kind in {"", "SMTP"} else None


def _smtp(text: str) -> str | None:
    """Return an address as it is; None for nothing, and for `/O=CORP/.../CN=ILKA`, a name of the directory."""
    address = text.strip()
    return address if "@" in address and not address.startswith("/") else None


def _properties(item: Element) -> dict[int, str]:
    """Return the MAPI properties of an item by their tags."""
    found: dict[int, str] = {}
    for each in item.iterfind("t:ExtendedProperty", NAMESPACES):
        uri = each.find("t:ExtendedFieldURI", NAMESPACES)
        tag = None if uri is None else uri.get("PropertyTag")
        if tag:
            found[int(tag, 16)] = _text(each, "t:Value")
    return found
