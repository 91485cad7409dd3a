"""The configuration that reading a notification needs, as plain values that can be handed to a worker process."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Final

CORE: Final = ("requestor", "safe", "number")
"""The fields without which no request can be looked up."""


@dataclass(frozen=True, kw_only=True)
class ViewLimits:
    """The limits of reading; over one, a mail is unreadable. Bytes of a view, characters of a line or value, counts."""

    mime_bytes: int
    view_bytes: int
    parts: int
    depth: int
    attached_depth: int
    header_chars: int
    line_chars: int
    value_chars: int


@dataclass(frozen=True, kw_only=True)
class ParseRules:
    """The words of the notification, what may stand in its values, and the limits.

    `labels`: field name and its labels; the field `other` holds the labels that only end another field's value.
    `domains`: case folded. `charsets`: Python's own codec names.
    """

    labels: tuple[tuple[str, tuple[str, ...]], ...]
    domains: frozenset[str]
    safe_extra_characters: str
    charsets: frozenset[str]
    limits: ViewLimits


# Names that mail clients write and Python does not know; of iso-8859-8-i only the order of shown letters differs.
_MAIL_NAMES: Final = {
    "windows-874": "cp874", "windows-949": "cp949", "windows-31j": "cp932", "x-sjis": "cp932", "x-gbk": "gbk",
    "iso-8859-8-i": "iso-8859-8",
}  # fmt: skip


def codec_name(charset: str) -> str | None:
    """Return Python's name of a charset, so that aliases compare equal; None where Python knows none."""
    try:
        return codecs.lookup(_MAIL_NAMES.get(charset.casefold(), charset)).name
    except (LookupError, ValueError):
        return None
