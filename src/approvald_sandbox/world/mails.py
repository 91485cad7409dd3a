"""Mails as they reach the approval mailbox: CyberArk's notification, forwarded by people, or by something else."""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

SUBJECT: Final = "Notification: Password access request"
ACCOUNT: Final = "Operating System-UnixSSH-db7.corp.example-root"
REASON: Final = "Kernel patch in the agreed window"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What CyberArk's notification says. `changes` overwrites a line by its label, or takes it out with None."""

    requestor: str
    safe: str
    number: str
    account: str = ACCOUNT
    device_user: str = "root"
    reason: str = REASON
    changes: Mapping[str, str | None] = field(default_factory=dict)

    def lines(self) -> list[tuple[str, str]]:
        """Return the labelled lines in CyberArk's order; dates are local text without a zone, as CyberArk prints."""
        values: dict[str, str | None] = {
            "Requester email": self.requestor,
            "Safe": self.safe,
            "Request Id": self.number,
            "Account name": self.account,
            "Device User Name": self.device_user,
            "Reason": self.reason,
            "Issued on": "09/11/2026 08:09:41",
            "Request start date": "09/11/2026 09:00:00",
            "Request end date": "09/11/2026 17:00:00",
        }
        merged = values | dict(self.changes)
        return [(label, value) for label, value in merged.items() if value is not None]


def original(notice: Notice, to: str, domain: str = "corp.example") -> EmailMessage:
    """Return the mail that CyberArk's event notification engine sends to a confirmer."""
    mail = EmailMessage()
    mail["From"] = f"CyberArk PVWA <pvwa-noreply@{domain}>"
    mail["To"] = to
    mail["Subject"] = SUBJECT
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<ene.{secrets.token_hex(6)}@vault.{domain}>"
    opening = "A colleague has asked for a password that is under dual control. You are a confirmer of this safe."
    mail.set_content(opening + "\n\n" + _text(notice))
    mail.add_alternative(f"<html><body><p>{opening}</p>{_paragraphs(notice)}</body></html>", subtype="html")
    return mail


def forwarded(
    notice: Notice, sender: str, *, message_id: str | None = None, subject: str = f"FW: {SUBJECT}", note: str = ""
) -> bytes:
    """Return the notification forwarded inline from Outlook by `sender`, as Exchange delivers it."""
    mail = _envelope(sender, subject, message_id)
    head = (
        f"From: CyberArk PVWA <pvwa-noreply@corp.example>\nSent: 09.11.2026 08:10\nTo: {sender}\nSubject: {SUBJECT}\n"
    )
    mail.set_content(f"{note or 'Fine from my side.'}\n\n{head}\n{_text(notice)}")
    opening = f"<p>{html.escape(note or 'Fine from my side.')}</p>"
    quoted = "<br>\n".join(f"<b>{a}:</b>{html.escape(b)}" for a, _, b in (x.partition(":") for x in head.splitlines()))
    mail.add_alternative(f"<html><body>{opening}<p>{quoted}</p>{_paragraphs(notice)}</body></html>", subtype="html")
    return mail.as_bytes()


def forwarded_as_attachment(notice: Notice, sender: str, *, message_id: str | None = None) -> bytes:
    """Return the notification attached to a short mail of `sender`."""
    mail = _envelope(sender, f"FW: {SUBJECT}", message_id)
    mail.set_content("Fine from my side.\n")
    mail.add_attachment(original(notice, sender), filename="Notification Password access request.eml")
    return mail.as_bytes()


def answer(subject: str, sender: str, *, note: str = "Yes, please.") -> bytes:
    """Return an answer of `sender` to one of approvald's mails, which had this subject."""
    mail = _envelope(sender, f"RE: {subject}", None)
    mail.set_content(f"{note}\n")
    return mail.as_bytes()


def out_of_office(sender: str) -> bytes:
    """Return the automatic reply of somebody who is away, to one of approvald's mails."""
    mail = _envelope(sender, f"Automatic reply: {SUBJECT}", None)
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am away until Monday.\n")
    return mail.as_bytes()


def _envelope(sender: str, subject: str, message_id: str | None) -> EmailMessage:
    local, _, domain = sender.partition("@")
    name = " ".join(part.capitalize() for part in local.split("."))
    mail = EmailMessage()
    mail["From"] = f'"{name}" <{sender}>'
    mail["To"] = f"pam-approve@{domain}"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = message_id or f"<{secrets.token_hex(8)}.{local}@{domain}>"
    mail["X-MS-Exchange-Organization-AuthSource"] = f"EX01.{domain}"
    mail["X-MS-Exchange-Organization-AuthAs"] = "Internal"
    mail["X-MS-Exchange-Organization-AuthMechanism"] = "04"
    return mail


def _text(notice: Notice) -> str:
    return "".join(f"{label}: {value}\n" for label, value in notice.lines())


def _paragraphs(notice: Notice) -> str:
    return "".join(f'<p class="MsoNormal">{label}: {html.escape(value)}</p>\n' for label, value in notice.lines())
