"""The header fields of a mail, read so that no field can make us raise, hang, or see only the first of two.

A field is a pair of name and raw value. Names compare without case. Nothing here decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email import policy
from email.parser import BytesParser
from typing import Any, Final

from approvald.core.text import ADDRESS

Headers = tuple[tuple[str, str], ...]

MOST_FIELDS: Final = 1_000
"""Fields of one mail or part that are looked at; honest mails have a hundred."""

_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_BLANKS: Final = " \t\r\n"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST: Final = 8_192
"""Characters of a value that are given to Python's header parser, whatever the configured limit is: it is quadratic."""
# A dot in an unquoted name ("Ilka M. Brandt <...>") is a defect for RFC 5322 and daily bread for mail servers. It is
# let through only where the rest of the value leaves nothing to interpret.
_DOTTED_NAME: Final = re.compile(r"[^<>@,;:\"()\[\]\\]*<[^<>@,;:\"()\[\]\\\s]+@[^<>@,;:\"()\[\]\\\s]+>")

_WRITTEN_BY_SERVERS: Final = (
    "x-", "arc-", "dkim-", "received", "references", "in-reply-to", "thread-", "authentication-results",
)  # fmt: skip
_READ_HERE: Final = ("x-ms-exchange-", "x-auto", "x-approvald")


def from_mime(mime: bytes) -> Headers:
    """Return the top-level header fields of a raw mail, in order; none where they cannot be read. Never raises."""
    try:
        # compat32: the newer policies read Content-Type while they parse, in quadratic time
        message = BytesParser(policy=policy.compat32).parsebytes(mime, headersonly=True)
        return tuple((name, str(value)) for name, value in message.raw_items())
    except Exception:  # noqa: BLE001 - untrusted bytes; no header is the value that refuses
        return ()


def values(headers: Headers, name: str) -> tuple[str, ...]:
    """Return every value of that name, unfolded, without the blanks around it."""
    wanted = name.casefold()
    return tuple(_FOLD.sub("", value).strip(_BLANKS) for key, value in headers if key.strip().casefold() == wanted)


def only(headers: Headers, name: str) -> str | None:
    """Return the value of a name that stands there exactly once, else None."""
    found = values(headers, name)
    return found[0] if len(found) == 1 else None


def over_limit(headers: Headers, limit: int) -> str | None:
    """Return the name of a field whose value is longer than `limit` characters, or None.

    Fields that servers write for themselves and that nobody here reads (traces, signatures, spam reports) are often
    long in honest mails and do not count.
    """
    for name, value in headers:
        key = name.strip().casefold()
        counted = key.startswith(_READ_HERE) or not key.startswith(_WRITTEN_BY_SERVERS)
        if counted and len(value) > limit:
            return key
    return None


def decoded(value: str) -> str:
    """Return an unstructured value with its encoded words decoded; empty when that fails. Never raises."""
    try:
        return str(policy.default.header_factory("Subject", _FOLD.sub("", _text(value[-_LONGEST:]))))
    except Exception:  # noqa: BLE001 - codecs and the header parser raise what they like; empty text matches nothing
        return ""


def address(value: str) -> str | None:
    """Return the one address of a From or Sender value, case folded, or None where it is not beyond doubt.

    Doubt is: several addresses, a group, any defect the parser notes (mail-security A.3, CVE-2024-49040), a name that
    hides a line break, an address that is not ADDRESS.
    """
    if len(value) > _LONGEST:
        return None
    try:
        field: Any = policy.default.header_factory("From", _FOLD.sub("", _text(value)))
        if len(field.addresses) != 1:
            return None
        found = field.addresses[0]
        is_group = any(group.display_name is not None for group in field.groups)
        is_defective = bool(field.defects) and not _DOTTED_NAME.fullmatch(value)
        if is_group or is_defective or _CONTROL.search(found.display_name):
            return None
        return found.addr_spec.casefold() if ADDRESS.fullmatch(found.addr_spec) else None
    except Exception:  # noqa: BLE001 - RecursionError on nested comments, ValueError on CR or LF: both are doubt
        return None


def main_type(headers: Headers) -> str:
    """Return the media type of the mail in lower case, without parameters; empty when it is not said once."""
    return (only(headers, "Content-Type") or "").partition(";")[0].strip().casefold()


def first_word(value: str) -> str:
    """Return the first token of a value in lower case: what stands before a blank, semicolon, comma or comment."""
    return re.split(r"[\s;,(]", value.strip(), maxsplit=1)[0].casefold()


def named(headers: Headers, names: Iterable[str]) -> str | None:
    """Return the first of `names` that stands among the fields, or None."""
    present = {key.strip().casefold() for key, _ in headers}
    return next((name for name in names if name.casefold() in present), None)


def _text(value: str) -> str:
    """Read bytes that Python smuggled into text as UTF-8, and mark those that are not."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
