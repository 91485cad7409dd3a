"""Mails that honest approvers send from other clients than Outlook, and what must become of each."""

from __future__ import annotations

import html
import quopri
from collections.abc import Callable, Sequence
from typing import Any, Final

from approvald_sandbox.world.mails import SUBJECT, Notice
from e2e.stage import Stage

ILKA: Final = "ilka.brandt@corp.example"
SAFELINK: Final = "https://eur01.safelinks.protection.outlook.com/?url=mailto%3A{}&amp;data=05%7C02%7C&amp;reserved=0"

FIRST_LEVEL: Final = ("svc-pam-l1", 1)

Row = Callable[[str, str], str]


def letter(
    body: bytes, *, subject: str = f"FW: {SUBJECT}", author: str = f'"Ilka Brandt" <{ILKA}>', fields: Sequence[str] = ()
) -> bytes:
    """Return a mail around a body, which begins with its own content fields. Every letter is another one."""
    head = [
        f"From: {author}",
        "To: pam-approve@corp.example",
        f"Subject: {subject}",
        "Date: Mon, 09 Nov 2026 08:14:00 +0100",
        f"Message-ID: <{abs(hash((body, subject, author, tuple(fields)))):x}@corp.example>",
        *fields,
        "X-MS-Exchange-Organization-AuthSource: EX01.corp.example",
        "X-MS-Exchange-Organization-AuthAs: Internal",
        "X-MS-Exchange-Organization-AuthMechanism: 04",
        "MIME-Version: 1.0",
    ]
    return "\r\n".join(head).encode() + b"\r\n" + body


def part(text: str, kind: str = "text/plain", charset: str = "utf-8", more: str = "") -> bytes:
    """Return one text as quoted-printable, with the end of its Content-Type in `more`."""
    head = f'Content-Type: {kind}; charset="{charset}"{more}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + quopri.encodestring(text.encode(charset)).replace(b"\n", b"\r\n")


def both(text: str, page: str, charset: str = "utf-8") -> bytes:
    """Return a text and its HTML as alternatives."""
    inner = (part(text, charset=charset), part(page, "text/html", charset))
    pieces = b"".join(b"--=_alternative\r\n" + each + b"\r\n" for each in inner)
    return b'Content-Type: multipart/alternative; boundary="=_alternative"\r\n\r\n' + pieces + b"--=_alternative--\r\n"


def lines(notice: Notice, before: str = "", after: str = "", separator: str = ": ", quote: str = "") -> str:
    """Return the notification as text between other words."""
    said = [f"{quote}{label}{separator}{value}" for label, value in notice.lines()]
    return "\n".join([before, "", *said, "", after])


def page(notice: Notice, before: str = "", after: str = "", row: Row | None = None) -> str:
    """Return the notification as HTML, a line each or as `row` writes label and value, between other elements."""
    write = row or (lambda label, value: f"<div>{label}: {html.escape(value)}</div>")
    rows = "\n".join(write(label, value) for label, value in notice.lines())
    return f"<html><body>{before}{rows}{after}</body></html>"


def table_row(label: str, value: str) -> str:
    """Return a row of a table, as Word writes it."""
    return (
        f'<table><tr><td><p class="MsoNormal"><b>{label}:&nbsp;</b></p></td><td>{html.escape(value)}</td></tr></table>'
    )


def linked_row(label: str, value: str) -> str:
    """Return a line whose address leads through Microsoft's link protection."""
    shown = (
        f'<a href="{SAFELINK.format(value.replace("@", "%40"))}">{value}</a>' if "@" in value else html.escape(value)
    )
    return f"<div>{label}: {shown}</div>"


def wrapped(text: str, width: int = 72) -> str:
    """Return the text as a client sends it that breaks long lines at blanks."""
    out: list[str] = []
    for line in text.split("\n"):
        while len(line) > width and " " in line[:width]:
            cut = line.rindex(" ", 0, width)
            out.append(line[:cut])
            line = line[cut + 1 :]  # noqa: PLW2901 - the rest of the line is the line
        out.append(line)
    return "\n".join(out)


def confirmed(stage: Stage, notice: Notice, raw: bytes, vote: tuple[str, int] = FIRST_LEVEL, **how: Any) -> None:
    """Deliver a mail and see it confirmed: one vote by one call, filed as done, one answer to the sender alone."""
    seen = stage.see(raw, **how)
    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert stage.votes(notice)[-1:] == [vote]
    assert stage.attempts_at(notice) == len(stage.votes(notice))
    assert [reply["cc"] for reply in seen.replies] == [[]]
    assert seen.replies[0]["subject"].startswith("Approved")
