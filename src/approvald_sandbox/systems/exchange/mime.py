"""What Exchange reads out of a mail's MIME. Hostile mails never raise here: what cannot be read is absent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import compat32, default
from typing import Final

from lxml import html as lxml_html

LONGEST_PARSED_HEADER: Final = 32_768
IMPORTANCE: Final = {"high": "High", "low": "Low"}


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """A name and an SMTP address, either may be empty."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """An attachment. `is_message` where it is a mail itself (EWS: an item attachment)."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""
    is_inline: bool = False
    is_message: bool = False


@dataclass(frozen=True, kw_only=True)
class MailFacts:
    """What Exchange knows of a mail by its MIME; None and empty where the mail does not say or cannot be read."""

    headers: tuple[tuple[str, str], ...] = ()
    """As they stand in the mail, unfolded, in order."""
    subject: str | None = None
    sender: Mailbox | None = None
    """The Sender header, else From."""
    author: Mailbox | None = None
    """The From header."""
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    message_id: str | None = None
    in_reply_to: str | None = None
    references: str | None = None
    importance: str = "Normal"
    text: str | None = None
    html: str | None = None
    attachments: tuple[Part, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for each, value in self.headers if each.casefold() == name.casefold()), None)


def read(raw: bytes) -> MailFacts:
    """Read a mail. Never raises: each fact that the email package stumbles over is absent."""
    headers = _headers(raw)
    parsed: EmailMessage | None = None
    with suppress(Exception):
        parsed = BytesHeaderParser(policy=default).parsebytes(raw)
    author = _mailboxes(parsed, "From")
    sender = _mailboxes(parsed, "Sender") or author
    importance = (_text(parsed, "Importance") or "").strip().casefold()
    text, html, attachments = _content(raw)
    return MailFacts(
        headers=headers,
        subject=_text(parsed, "Subject"),
        sender=sender[0] if sender else None,
        author=author[0] if author else None,
        to=_mailboxes(parsed, "To"),
        cc=_mailboxes(parsed, "Cc"),
        reply_to=_mailboxes(parsed, "Reply-To"),
        message_id=_text(parsed, "Message-ID"),
        in_reply_to=_text(parsed, "In-Reply-To"),
        references=_text(parsed, "References"),
        importance=IMPORTANCE.get(importance, "Normal"),
        text=text,
        html=html,
        attachments=attachments,
    )


def _headers(raw: bytes) -> tuple[tuple[str, str], ...]:
    with suppress(Exception):
        parsed = BytesHeaderParser(policy=compat32).parsebytes(raw)
        return tuple((name, _readable(str(value))) for name, value in parsed.raw_items())
    return ()


def _readable(value: str) -> str:
    """Unfold, and read bytes above 127 (which the email package hides as surrogates) as UTF-8 or Latin-1."""
    data = value.encode("utf-8", "surrogateescape")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return " ".join(line.strip() for line in text.splitlines())


def _text(parsed: EmailMessage | None, name: str) -> str | None:
    with suppress(Exception):
        value = parsed[name] if parsed is not None else None
        return None if value is None else _readable(str(value))
    return None


def _mailboxes(parsed: EmailMessage | None, name: str) -> tuple[Mailbox, ...]:
    with suppress(Exception):
        if parsed is None or len(str(dict(parsed.raw_items()).get(name, ""))) > LONGEST_PARSED_HEADER:
            return ()
        value = parsed[name]
        if isinstance(value, AddressHeader):
            return tuple(Mailbox(name=each.display_name, address=each.addr_spec) for each in value.addresses)
    return ()


def _content(raw: bytes) -> tuple[str | None, str | None, tuple[Part, ...]]:
    """Return text body, HTML body and attachments; what was found before the mail became unreadable stays."""
    bodies: dict[str, str] = {}
    attachments: list[Part] = []
    with suppress(Exception):
        _collect(message_from_bytes(raw, policy=compat32), bodies, attachments)
    return bodies.get("text/plain"), bodies.get("text/html"), tuple(attachments)


def _collect(part: Message, bodies: dict[str, str], attachments: list[Part]) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        attachments.append(_attachment(part, kind))
        return
    if part.is_multipart():
        for child in part.get_payload():
            if isinstance(child, Message):
                _collect(child, bodies, attachments)
        return
    is_body = kind in {"text/plain", "text/html"} and not _file_name(part) and not _is_attached(part)
    if is_body and kind not in bodies:
        bodies[kind] = _decoded(part)
    else:
        attachments.append(_attachment(part, kind))


def _attachment(part: Message, kind: str) -> Part:
    is_message = kind == "message/rfc822"
    content = b""
    name = _file_name(part)
    with suppress(Exception):
        inner = part.get_payload(0) if is_message else None
        if isinstance(inner, Message):
            content = inner.as_bytes()
            name = name or read(content).subject or "message"
        else:
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
    return Part(
        name=name or "attachment",
        content_type=kind,
        content=content,
        content_id=str(part.get("Content-ID", "")).strip("<> "),
        is_inline=str(part.get("Content-Disposition", "")).casefold().startswith("inline"),
        is_message=is_message,
    )


def _file_name(part: Message) -> str:
    with suppress(Exception):
        return _readable(part.get_filename() or "")
    return ""


def _is_attached(part: Message) -> bool:
    return str(part.get("Content-Disposition", "")).casefold().startswith("attachment")


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("latin-1")


def text_of_html(html: str) -> str:
    """Return an HTML body as text, as the server does for clients that ask for text."""
    with suppress(Exception):
        return "".join(str(piece) for piece in lxml_html.fromstring(html).itertext())
    return ""
