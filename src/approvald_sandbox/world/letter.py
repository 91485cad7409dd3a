"""A sent mail as its reader sees it, in plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lxml import html as lxml_html

BLOCKS: Final = frozenset({"p", "div", "table", "tr", "h1", "h2", "h3", "ul", "li", "hr"})
UNSEEN: Final = frozenset({"head", "style", "script", "title"})


def head_of(mail: Mapping[str, Any], mailbox: str) -> list[tuple[str, str]]:
    """Return From, To, Cc (where there is one) and Subject of a mail of the control API's `/sent`."""
    fields = [
        ("From", str(mail["headers"].get("From") or mailbox)),
        ("To", ", ".join(mail["to"])),
        ("Cc", ", ".join(mail["cc"])),
        ("Subject", str(mail["subject"])),
    ]
    return [(name, value) for name, value in fields if value]


def body_of(mail: Mapping[str, Any]) -> list[str]:
    """Return the lines of the body, taken from its HTML where there is any; an empty line between paragraphs."""
    if not mail["html"]:
        return str(mail["text"]).splitlines()
    lines: list[str] = []
    for block in _blocks(lxml_html.fromstring(mail["html"])):
        if isinstance(block, list):
            lines += [*_rows(block), ""]
        else:
            lines += [block, ""]
    return lines[:-1]


def _blocks(element: lxml_html.HtmlElement) -> Iterator[str | list[list[str]]]:
    """Yield the paragraphs as text, and the tables as rows of cells."""
    if element.tag in UNSEEN:
        return
    if element.tag == "table":
        yield [[_text(cell) for cell in row if cell.tag in {"td", "th"}] for row in element.iter("tr")]
    elif any(child.tag in BLOCKS for child in element.iterdescendants()):
        for child in element:
            yield from _blocks(child)
    elif text := _text(element):
        yield text


def _rows(rows: list[list[str]]) -> list[str]:
    """Return the rows with their first cells equally wide."""
    width = max((len(row[0]) for row in rows if row), default=0)
    return ["  ".join([row[0].ljust(width), *row[1:]]).rstrip() for row in rows if row]


def _text(element: lxml_html.HtmlElement) -> str:
    link = element if element.tag == "a" else element.find(".//a")
    text = " ".join("".join(str(piece) for piece in element.itertext()).split())
    target = link.get("href") if link is not None else None
    return f"{text}: {target}" if target else text
