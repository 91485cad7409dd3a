"""The little of BER (X.690) that LDAP (RFC 4511) needs."""

from __future__ import annotations

from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31
LONG_FORM: Final = 0x80


class Malformed(ValueError):
    """Bytes that are not BER as LDAP writes it."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """Return tag, length and the joined contents."""
    body = b"".join(contents)
    size = len(body)
    if size < LONG_FORM:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, LONG_FORM | len(length)]) + length + body


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Encode an integer, or under another tag an enumeration."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def string(value: str | bytes, tag: int = OCTET_STRING) -> bytes:
    """Encode text as UTF-8, or bytes as they are."""
    return tlv(tag, value if isinstance(value, bytes) else value.encode())


def fields(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (tag, content) pairs that follow one another. Raises Malformed."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            message = "a length is missing"
            raise Malformed(message)
        tag, size, at = data[at], data[at + 1], at + 2
        if size & LONG_FORM:
            width = size & 0x7F
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + size > len(data):
            message = "cut short"
            raise Malformed(message)
        found.append((tag, data[at : at + size]))
        at += size
    return found


def number(content: bytes) -> int:
    """Decode the content of an integer."""
    return int.from_bytes(content, "big", signed=True)


def text(content: bytes) -> str:
    """Decode UTF-8, wrong bytes shown as replacement characters."""
    return content.decode("utf-8", "replace")
