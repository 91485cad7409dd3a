"""A mail as CreateItem describes it, and the MIME that Exchange makes of it."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any, Final
from uuid import uuid4

from approvald_sandbox.systems.exchange.content import Draft
from approvald_sandbox.systems.exchange.fields import field_path
from approvald_sandbox.systems.exchange.mime import Mailbox, Part
from approvald_sandbox.systems.exchange.soap import Element, elements, found, is_true, local, text_of

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
TEXTS: Final = {
    "Subject": "subject",
    "InReplyTo": "in_reply_to",
    "References": "references",
    "InternetMessageId": "message_id",
    "Importance": "importance",
    "ItemClass": "item_class",
}
RECIPIENTS: Final = {
    "ToRecipients": "to",
    "CcRecipients": "cc",
    "BccRecipients": "bcc",
    "ReplyTo": "reply_to",
}


def apply(draft: Draft, described: Element) -> Draft:
    """Return the draft with what a `t:Message` says; what it does not mention stays."""
    changes: dict[str, Any] = {}
    headers, properties = dict(draft.headers), dict(draft.properties)
    for child in elements(described):
        tag = local(child)
        if tag in TEXTS:
            changes[TEXTS[tag]] = child.text or ""
        elif tag in RECIPIENTS:
            changes[RECIPIENTS[tag]] = [_mailbox(each) for each in elements(child)]
        elif tag in {"Body", "NewBodyContent"}:
            changes |= {"body": child.text or "", "body_type": str(child.get("BodyType", "Text"))}
        elif tag == "From":
            changes["author"] = next((_mailbox(each) for each in elements(child)), None)
        elif tag == "Categories":
            changes["categories"] = [each.text or "" for each in elements(child)]
        elif tag == "IsRead":
            changes["is_read"] = is_true(child.text)
        elif tag == "Attachments":
            changes["attachments"] = [_attachment(each) for each in elements(child)]
        elif tag == "ExtendedProperty":
            _extend(child, headers, properties)
    return replace(draft, **changes, headers=headers, properties=properties)


def _extend(node: Element, headers: dict[str, str], properties: dict[str, str]) -> None:
    path = field_path(elements(node)[0])
    value = text_of(node, "t:Value")
    if path.key.startswith("header:"):
        headers[path.key.removeprefix("header:")] = value
    else:
        properties[path.key] = value


def _mailbox(node: Element) -> Mailbox:
    return Mailbox(name=text_of(node, "t:Name"), address=text_of(node, "t:EmailAddress"))


def _attachment(node: Element) -> Part:
    try:
        content = base64.b64decode(text_of(node, "t:Content"))
    except binascii.Error:
        content = b""
    return Part(
        name=text_of(node, "t:Name"),
        content_type=text_of(node, "t:ContentType", "application/octet-stream"),
        content=content,
        content_id=text_of(node, "t:ContentId"),
        is_inline=is_true(text_of(node, "t:IsInline")),
    )


def reply(draft: Draft, described: Element, original_references: str, original_id: str) -> Draft:
    """Return the draft of a ReplyToItem, ReplyAllToItem or ForwardItem: threaded to its original."""
    threaded = " ".join(each for each in (original_references, original_id) if each)
    answer = apply(draft, described)
    is_forward = local(described) == "ForwardItem"
    return replace(answer, in_reply_to="" if is_forward else original_id, references=threaded)


def quoted(draft: Draft, described: Element, original: str) -> Draft:
    """Put the new words above the original's text, where a reply or forward brings NewBodyContent."""
    new = found(described, "t:NewBodyContent")
    if new is None:
        return draft
    line = "<hr>" if draft.body_type == "HTML" else "\n\n________________________________\n"
    return replace(draft, body=f"{draft.body}{line}{original}")


def new_message_id(domain: str) -> str:
    """Return a message id as the server would give."""
    return f"<{uuid4().hex}@{domain}>"


def compose(draft: Draft, *, sender: Mailbox, now: datetime) -> bytes:
    """Return the MIME of a draft. Control characters in headers become a space, so that nothing is injected."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _written([draft.author or sender])
    for name, people in (("To", draft.to), ("Cc", draft.cc), ("Reply-To", draft.reply_to)):
        if people:
            mail[name] = _written(people)
    for name, text in (
        ("Subject", draft.subject),
        ("Message-ID", draft.message_id),
        ("In-Reply-To", draft.in_reply_to),
        ("References", draft.references),
    ):
        if text:
            mail[name] = _clean(text)
    mail["Date"] = format_datetime(now)
    if draft.importance != "Normal":
        mail["Importance"] = _clean(draft.importance)
    for name, text in draft.headers.items():
        mail[name] = _clean(text)
    mail.set_content(draft.body, subtype="html" if draft.body_type == "HTML" else "plain")
    for part in draft.attachments:
        main, _, sub = part.content_type.partition("/")
        mail.add_attachment(part.content, maintype=main, subtype=sub or "octet-stream", filename=_clean(part.name))
    return mail.as_bytes()


def _clean(text: str) -> str:
    return CONTROL.sub(" ", text)


def _written(people: list[Mailbox]) -> str:
    return ", ".join(formataddr((_clean(each.name), _clean(each.address))) for each in people)
