"""Text from outside, made fit to be shown: one line, and nothing in it that a terminal or a mail program obeys. Pure.

Texts that are compared or decided on are not changed here: an adapter or a rule says itself what it lets through.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+", re.ASCII
)
"""An SMTP address as approvald accepts one: ASCII, no quoted local part, a domain with a dot."""

_LONGEST: Final = 400
_LINK: Final = re.compile(r"://|(?<![a-z0-9])www\.", re.IGNORECASE)
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are shown as \\uXXXX: control, format (bidi among them), surrogate, private, unassigned."""


def printable(text: str, instead: str = "?") -> str:
    """Return the text with `instead` for every character that has no shape of its own."""
    return "".join(character if character.isprintable() else instead for character in text)


def one_line(text: str) -> str:
    """Return a text on one line, without anything that a mail header or a reader's eye would obey."""
    return " ".join(printable(text, " ").split())


def harmless(text: str) -> str:
    """Return a text, cut to 400 characters, that no mail program turns into a link and no terminal obeys."""
    return _LINK.sub(" [link] ", printable(text[:_LONGEST]))


def escape(text: str) -> str:
    """Return the text with every character that could forge, hide or reorder it written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(each) if unicodedata.category(each) in _UNSAFE else each for each in text)


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the end of the BMP
