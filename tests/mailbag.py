"""Mails and rules for tests: the corpus, and small mails built from what a test is about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from approvald.config.load import load
from approvald.core.model import ListedMail, Mail, Reading
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules
from approvald.mail.rules import explain_rules
from places import ROOT

OPEN: Final = ROOT / "tests" / "corpus" / "open"
RULES: Final = explain_rules(load(ROOT / "config" / "approvald.toml"))
"""The rules of the shipped configuration, which fits the corpus."""

PHRASE: Final = "Notification: Password access request"
ILKA: Final = "ilka.brandt@corp.example"
LINES: Final = {
    "Requester email": "mara.voss@corp.example",
    "Safe": "DB-PROD-01",
    "Request Id": "1101",
    "Account name": "Operating System-UnixSSH-db7.corp.example-root",
    "Device User Name": "root",
    "Reason": "Kernel patch in the agreed window",
    "Issued on": "09/11/2026 08:09:41",
    "Request start date": "09/11/2026 09:00:00",
}

Fields = tuple[tuple[str, str], ...]
AUTH: Final[Fields] = (
    ("X-MS-Exchange-Organization-AuthSource", "EX01.corp.example"),
    ("X-MS-Exchange-Organization-AuthAs", "Internal"),
    ("X-MS-Exchange-Organization-AuthMechanism", "04"),
)


@dataclass(frozen=True)
class Case:
    """One mail of the corpus: its manifest line and its bytes."""

    expected: dict[str, Any]
    raw: bytes

    @property
    def name(self) -> str:
        """The file's name."""
        return str(self.expected["file"])

    @property
    def answers(self) -> set[str]:
        """The readings that are right."""
        return {self.expected["expect"], *self.expected.get("accept", ())}


def corpus(folder: Path = OPEN) -> list[Case]:
    """Return every mail of a corpus folder."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [Case(record, (folder / record["file"]).read_bytes()) for record in records]


def mail(
    *fields: tuple[str, str],
    subject: str = f"FW: {PHRASE}",
    author: str = f"Ilka Brandt <{ILKA}>",
    auth: Fields = AUTH,
    item_class: str = "IPM.Note",
    mime: bytes | None = b"",
    size: int = 1_000,
    **resolved: Any,
) -> Mail:
    """Return a mail as Exchange would hand it over: proven and a request, but for what the test changes."""
    listed = ListedMail(item_id="1", item_class=item_class, size=size, received=datetime(2026, 11, 9, 8, tzinfo=UTC))
    headers = (("From", author), ("Subject", subject), *fields, *auth)
    return Mail(listed=listed, message_id="<1@corp.example>", headers=headers, mime=mime, **resolved)


def text_of(changed: dict[str, str] | None = None, *, separator: str = ": ") -> str:
    """Return the notification's lines with some values changed."""
    return "\n".join(f"{label}{separator}{value}" for label, value in {**LINES, **(changed or {})}.items())


def html_of(changed: dict[str, str] | None = None) -> str:
    """Return the same as HTML, one line a <br>; values are put in as they are."""
    return "<br>\n".join(f"{label}: {value}" for label, value in {**LINES, **(changed or {})}.items())


def part(text: str, kind: str = "text/plain", *fields: str) -> bytes:
    """Return one part in UTF-8 with further header lines."""
    head = "\r\n".join((f'Content-Type: {kind}; charset="utf-8"', "Content-Transfer-Encoding: 8bit", *fields))
    return f"{head}\r\n\r\n{text}\r\n".encode("utf-8", "surrogatepass")


def multipart(kind: str, *parts: bytes, boundary: str = "=_b") -> bytes:
    """Return parts joined to a multipart of that kind."""
    body = b"".join(f"--{boundary}\r\n".encode() + inner + b"\r\n" for inner in parts)
    return (
        f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
        + body
        + f"--{boundary}--\r\n".encode()
    )


def attached(inner: bytes) -> bytes:
    """Return a mail as an attachment of another."""
    return b"Content-Type: message/rfc822\r\n\r\n" + inner


def read_text(text: str, rules: ParseRules = RULES.parse) -> Reading:
    """Read a mail that is one plain text."""
    return read(part(text), rules)


def read_html(html: str, rules: ParseRules = RULES.parse) -> Reading:
    """Read a mail that is one HTML text."""
    return read(part(html, "text/html"), rules)
