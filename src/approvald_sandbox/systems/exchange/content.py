"""What a mailbox holds: folders, items, mails being written, mails sent, and the changes it tells of."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from approvald_sandbox.systems.exchange.mime import Mailbox, MailFacts, Part


class WellKnown(StrEnum):
    """The distinguished folder ids that this mailbox has."""

    ROOT = "root"
    MSGFOLDERROOT = "msgfolderroot"
    INBOX = "inbox"
    SENT_ITEMS = "sentitems"
    DELETED_ITEMS = "deleteditems"
    DRAFTS = "drafts"
    OUTBOX = "outbox"
    JUNK_EMAIL = "junkemail"

    @property
    def display_name(self) -> str:
        """The name as an English mailbox shows it."""
        names = {"root": "", "msgfolderroot": "Top of Information Store", "sentitems": "Sent Items"}
        more = {"deleteditems": "Deleted Items", "junkemail": "Junk Email"}
        return (names | more).get(self.value, self.value.capitalize())


class EventKind(StrEnum):
    """Kinds of change, named as the notification elements of EWS are."""

    NEW_MAIL = "NewMailEvent"
    CREATED = "CreatedEvent"
    MOVED = "MovedEvent"
    DELETED = "DeletedEvent"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change. `at` is aware UTC; the old ids are set for a move."""

    kind: EventKind
    item_id: str
    folder_id: str
    at: datetime
    old_item_id: str = ""
    old_folder_id: str = ""


@dataclass(kw_only=True)
class Folder:
    """One folder; `known` where it is a distinguished one."""

    id: str
    name: str
    parent_id: str
    folder_class: str = "IPF.Note"
    known: WellKnown | None = None
    change_key: str = "AQAAAA=="


@dataclass(kw_only=True)
class Draft:
    """A mail as CreateItem describes it."""

    subject: str = ""
    body: str = ""
    body_type: str = "Text"
    """HTML or Text."""
    to: list[Mailbox] = field(default_factory=list)
    cc: list[Mailbox] = field(default_factory=list)
    bcc: list[Mailbox] = field(default_factory=list)
    reply_to: list[Mailbox] = field(default_factory=list)
    author: Mailbox | None = None
    in_reply_to: str = ""
    references: str = ""
    message_id: str = ""
    importance: str = "Normal"
    item_class: str = "IPM.Note"
    categories: list[str] = field(default_factory=list)
    is_read: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    """From extended properties of the set InternetHeaders."""
    properties: dict[str, str] = field(default_factory=dict)
    """Other extended properties, see property_key."""
    attachments: list[Part] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SentMail:
    """A mail that left. Addresses are plain strings; `attachments` are file names; `at` is ISO 8601 UTC."""

    to: list[str]
    cc: list[str]
    bcc: list[str]
    subject: str
    html: str
    text: str
    body_type: str
    in_reply_to: str
    references: str
    headers: dict[str, str]
    properties: dict[str, str]
    message_id: str
    importance: str
    attachments: list[str]
    item_class: str
    at: str


def change_key() -> str:
    """Return a new change key."""
    return "CQAAABYAAA" + base64.b64encode(secrets.token_bytes(12)).decode()


@dataclass(kw_only=True, eq=False)
class StoredItem:
    """One item. `draft` is what CreateItem said of an item made over EWS; None for a delivered mail."""

    id: str
    folder_id: str
    raw: bytes = field(repr=False)
    facts: MailFacts = field(repr=False)
    item_class: str
    received: datetime
    created: datetime
    properties: dict[str, str] = field(default_factory=dict)
    draft: Draft | None = None
    is_draft: bool = False
    is_read: bool = False
    categories: list[str] = field(default_factory=list)
    change_key: str = field(default_factory=change_key)
    search_key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    """PidTagSearchKey: survives moves."""

    def touch(self) -> None:
        """Give the item a new change key."""
        self.change_key = change_key()

    def summary(self) -> dict[str, Any]:
        """Return what the control API lists of an item."""
        return {
            "id": self.id,
            "subject": self.facts.subject,
            "message_id": self.facts.message_id,
            "item_class": self.item_class,
            "received": self.received.isoformat(),
            "from": self.facts.author.address if self.facts.author else None,
            "size": len(self.raw),
        }


def property_key(name: str) -> str:
    """Write a property's name in one way: a tag as `0x3FDF`; other names (`{set}:{name}`, ours) stay."""
    try:
        return f"0x{int(name, 0):04X}"
    except ValueError:
        return name
