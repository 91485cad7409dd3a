"""The fields of an item as values (for restrictions and sorting) and as elements (for answers)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from approvald_sandbox.systems.exchange.content import StoredItem, property_key
from approvald_sandbox.systems.exchange.mime import Mailbox
from approvald_sandbox.systems.exchange.soap import Element, Value, local, t

EXCHANGE_ADDRESS: Final = "ExchangeAddress"
"""Property of a delivered mail: the EX address that From and Sender show instead of the SMTP one."""
HEADER_SETS: Final = {"internetheaders", "00020386-0000-0000-c000-000000000046"}
SUPPRESS_BITS: Final = {"dr": 1, "ndr": 2, "rn": 4, "nrn": 8, "oof": 16, "autoreply": 32}
SUMMARY_LENGTH: Final = 255
"""FindItem cuts streamable properties here (Microsoft's page on FindItem)."""
ELEMENT_NAMES: Final = (
    ("REPORT.", "Message"),
    ("IPM.NOTE", "Message"),
    ("IPM.SCHEDULE.MEETING.REQUEST", "MeetingRequest"),
    ("IPM.SCHEDULE.MEETING.CANCELED", "MeetingCancellation"),
    ("IPM.SCHEDULE.MEETING.RESP", "MeetingResponse"),
    ("IPM.SCHEDULE.MEETING", "MeetingMessage"),
    ("IPM.APPOINTMENT", "CalendarItem"),
    ("IPM.CONTACT", "Contact"),
    ("IPM.DISTLIST", "DistributionList"),
    ("IPM.POST", "PostItem"),
    ("IPM.SHARING", "SharingMessage"),
    ("IPM.TASK", "Task"),
)


@dataclass(frozen=True, kw_only=True)
class FieldPath:
    """A field as a request names it: `key` is its URI, its property tag, or `header:name`, `{set}:name`.

    `attributes` are those of an ExtendedFieldURI, to be echoed in the answer; None for a FieldURI.
    """

    key: str
    attributes: tuple[tuple[str, str], ...] | None = None


def field_path(node: Element) -> FieldPath:
    """Read a FieldURI, IndexedFieldURI or ExtendedFieldURI."""
    given = {str(key): str(value) for key, value in node.attrib.items()}
    echoed = tuple(given.items())
    if local(node) != "ExtendedFieldURI":
        return FieldPath(key=given.get("FieldURI", ""))
    if "PropertyTag" in given:
        return FieldPath(key=property_key(given["PropertyTag"]), attributes=echoed)
    name = given.get("PropertyName") or given.get("PropertyId", "")
    property_set = given.get("DistinguishedPropertySetId") or given.get("PropertySetId", "")
    if property_set.casefold() in HEADER_SETS:
        return FieldPath(key=f"header:{name}", attributes=echoed)
    return FieldPath(key=f"{{{property_set}}}:{name}", attributes=echoed)


def element_name(item_class: str) -> str:
    """Return the EWS element for an item class; a class that EWS has no element for is a plain Item."""
    wanted = item_class.upper()
    return next((name for prefix, name in ELEMENT_NAMES if wanted.startswith(prefix)), "Item")


def _address(mailbox: Mailbox | None) -> str | None:
    return mailbox.address if mailbox else None


def _shown(mailboxes: tuple[Mailbox, ...]) -> str:
    return "; ".join(each.name or each.address for each in mailboxes)


def _suppress(item: StoredItem) -> int | None:
    """PidTagAutoResponseSuppress, which Exchange makes from the header of the same meaning."""
    words = {word.strip().casefold() for word in (item.facts.header("X-Auto-Response-Suppress") or "").split(",")}
    if "all" in words:
        return -1
    return sum(bit for word, bit in SUPPRESS_BITS.items() if word in words) or None


def item_size(item: StoredItem) -> int:
    """Return the size that Exchange reports, in bytes."""
    return len(item.raw)


FIELDS: Final[dict[str, Callable[[StoredItem], Value | None]]] = {
    "item:ItemClass": lambda item: item.item_class,
    "item:Subject": lambda item: item.facts.subject,
    "item:Sensitivity": lambda _: "Normal",
    "item:DateTimeReceived": lambda item: item.received,
    "item:DateTimeCreated": lambda item: item.created,
    "item:DateTimeSent": lambda item: item.received,
    "item:LastModifiedTime": lambda item: item.received,
    "item:Size": item_size,
    "item:Importance": lambda item: item.facts.importance,
    "item:InReplyTo": lambda item: item.facts.in_reply_to,
    "item:IsDraft": lambda item: item.is_draft,
    "item:IsSubmitted": lambda _: False,
    "item:IsFromMe": lambda item: item.draft is not None,
    "item:IsUnmodified": lambda item: not item.is_draft,
    "item:IsResend": lambda _: False,
    "item:IsAssociated": lambda _: False,
    "item:HasAttachments": lambda item: any(not part.is_inline for part in item.facts.attachments),
    "item:DisplayTo": lambda item: _shown(item.facts.to),
    "item:DisplayCc": lambda item: _shown(item.facts.cc),
    "message:IsRead": lambda item: item.is_read,
    "message:InternetMessageId": lambda item: item.facts.message_id,
    "message:References": lambda item: item.facts.references,
    "message:ConversationTopic": lambda item: item.facts.subject,
    "message:From": lambda item: _address(item.facts.author),
    "message:Sender": lambda item: _address(item.facts.sender),
    "message:IsReadReceiptRequested": lambda _: False,
    "message:IsDeliveryReceiptRequested": lambda _: False,
}
PROPERTIES: Final[dict[str, Callable[[StoredItem], Value | None]]] = {
    "0x001A": lambda item: item.item_class,
    "0x0037": lambda item: item.facts.subject,
    "0x0042": lambda item: item.facts.author.name if item.facts.author else None,
    "0x007D": lambda item: "".join(f"{name}: {value}\r\n" for name, value in item.facts.headers) or None,
    "0x0C1A": lambda item: item.facts.sender.name if item.facts.sender else None,
    "0x0E06": lambda item: item.received,
    "0x0E08": item_size,
    "0x1035": lambda item: item.facts.message_id,
    "0x1039": lambda item: item.facts.references,
    "0x1042": lambda item: item.facts.in_reply_to,
    "0x300B": lambda item: base64.b64encode(item.search_key).decode(),
    "0x3FDF": _suppress,
    "0x5D01": lambda item: _address(item.facts.sender),
    "0x5D02": lambda item: _address(item.facts.author),
}
PEOPLE: Final = {"message:From", "message:Sender"}


def value(item: StoredItem, path: FieldPath) -> Value | None:
    """Return a field's value, None where the item has none (or it is one that cannot be compared)."""
    if path.attributes is None:
        return FIELDS[path.key](item) if path.key in FIELDS else None
    if path.key.startswith("header:"):
        return item.facts.header(path.key.removeprefix("header:"))
    if path.key in item.properties:
        return item.properties[path.key]
    return PROPERTIES[path.key](item) if path.key in PROPERTIES else None


def simple(item: StoredItem, path: FieldPath, *, cut: int | None = None) -> Element | None:
    """Return a field with one value as an element, None where the item has none. `cut`: longest text."""
    known = value(item, path)
    if known is None:
        return None
    if isinstance(known, str) and cut is not None:
        known = known[:cut]
    if path.attributes is None:
        return t(path.key.partition(":")[2], text=known)
    return t("ExtendedProperty", t("ExtendedFieldURI", **dict(path.attributes)), t("Value", text=known))


def mailbox(each: Mailbox, *, exchange_address: str = "") -> Element:
    """Return a Mailbox element, with an EX address where the server knows no other."""
    return t(
        "Mailbox",
        t("Name", text=each.name or each.address),
        t("EmailAddress", text=exchange_address or each.address),
        t("RoutingType", text="EX" if exchange_address else "SMTP"),
        t("MailboxType", text="OneOff" if exchange_address else "Mailbox"),
    )


def person(item: StoredItem, path: FieldPath, *, listed: bool) -> Element | None:
    """Return From or Sender; a list shows only the name, as Exchange does."""
    facts = item.facts
    each = facts.author if path.key == "message:From" else facts.sender
    if each is None:
        return None
    if listed:
        return t(path.key.partition(":")[2], t("Mailbox", t("Name", text=each.name or each.address)))
    shown = mailbox(each, exchange_address=item.properties.get(EXCHANGE_ADDRESS, ""))
    return t(path.key.partition(":")[2], shown)
