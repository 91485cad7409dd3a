"""Reads Active Directory's raw values, and escapes values for a filter."""

from __future__ import annotations

import re
import struct
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from approvald.core.errors import Unreadable

FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
FILETIME_PER_MICROSECOND: Final = 10
NEVER: Final = frozenset({0, 0x7FFFFFFFFFFFFFFF})
"""What accountExpires holds when an account never expires (MS-ADA1 2.2)."""
SID_HEAD_BYTES: Final = 8
FIRST_VALUE: Final = re.compile(r"[^=]*=((?:\\.|[^\\,])*)", re.DOTALL)
ESCAPE: Final = re.compile(rb"\\([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)
PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-")


def escaped(value: str) -> str:
    """Return a value for a search filter: every byte that could have a meaning is written as a hexadecimal pair.

    More than RFC 4515 asks for, because ldap3 cuts white space off both ends of a value.
    """
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:02x}" for byte in value.encode())


def folded(value: str) -> str:
    """Return the form in which two spellings are compared. Exact otherwise: Windows itself compares more loosely."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value).casefold())


def pattern_in_filter(pattern: str) -> str:
    """Return a pattern in which * stands for anything as a value of a search filter."""
    return "*".join(map(escaped, pattern.split("*")))


def fits(pattern: str, value: str) -> bool:
    """Whether a value fits a pattern in which * stands for anything: exactly, but for case."""
    wanted = ".*".join(re.escape(folded(piece)) for piece in pattern.split("*"))
    return bool(re.fullmatch(wanted, folded(value), re.DOTALL))


def first_value(dn: str) -> str:
    """Return what a DN's first part names, its escapes resolved (RFC 4514), also of a DN that is wrong further on."""
    found = FIRST_VALUE.match(dn)
    raw = found[1].strip().encode() if found else b""
    plain = ESCAPE.sub(lambda each: bytes.fromhex(each[1].decode()) if each[1] else each[2], raw)
    return plain.decode(errors="replace")


@dataclass(frozen=True)
class Row:
    """One entry as the directory sent it. `values`: raw bytes under the attribute's lower-case name."""

    dn: str
    values: Mapping[str, tuple[bytes, ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an attribute's values as text, none when it is not there or not readable for us."""
        try:
            return tuple(value.decode() for value in self.values.get(name.casefold(), ()))
        except UnicodeDecodeError as error:
            raise Unreadable(self._about(name, "is not text")) from error

    def text(self, name: str) -> str:
        """Return the one value of an attribute, empty when it has none."""
        found = self.texts(name)
        if len(found) > 1:
            raise Unreadable(self._about(name, "has several values where one is expected"))
        return found[0] if found else ""

    def number(self, name: str, *, default: int | None = None) -> int:
        """Return a whole number. Without a default it must be there: what we may not read is not taken for harmless."""
        found = self.text(name)
        if not found and default is not None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,20}", found, re.ASCII):
            raise Unreadable(
                self._about(
                    name, "is missing or not a number; let the directory account read it (a global catalog lacks some)"
                )
            )
        return int(found)

    def guid(self) -> str:
        """Return objectGUID, lower case with dashes."""
        raw = self._binary("objectGUID")
        if len(raw) != len(uuid.NAMESPACE_DNS.bytes):
            raise Unreadable(self._about("objectGUID", "has an unexpected length"))
        return str(uuid.UUID(bytes_le=raw))

    def sid(self) -> str:
        """Return objectSid in its S-1-... form (MS-DTYP 2.4.2)."""
        raw = self._binary("objectSid")
        if len(raw) < SID_HEAD_BYTES or len(raw) != SID_HEAD_BYTES + 4 * raw[1]:
            raise Unreadable(self._about("objectSid", "has an unexpected length"))
        parts = (raw[0], int.from_bytes(raw[2:8], "big"), *struct.unpack(f"<{raw[1]}I", raw[8:]))
        return "-".join(("S", *map(str, parts)))

    def is_past(self, name: str, now: datetime) -> bool:
        """Whether a Windows time (100 ns since 1601, UTC) lies behind `now`; the two words for never do not."""
        instant = self.number(name)
        if instant in NEVER:
            return False
        since = now - FILETIME_EPOCH
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return instant <= microseconds * FILETIME_PER_MICROSECOND

    def _binary(self, name: str) -> bytes:
        found = self.values.get(name.casefold(), ())
        if len(found) != 1:
            raise Unreadable(self._about(name, "is missing; let the directory account read it"))
        return found[0]

    def _about(self, name: str, what: str) -> str:
        return f"In the directory, {name} of {self.dn} {what}. Nothing is decided by it."
