"""Search filters (RFC 4511, 4.5.1.7), judged as Active Directory does: true, false or undefined (None)."""

from __future__ import annotations

import re
import struct
from typing import Final

from approvald_sandbox.systems.directory import ber
from approvald_sandbox.systems.directory.entries import Entry, Snapshot, norm_dn

AND, OR, NOT = 0xA0, 0xA1, 0xA2
EQUALITY, SUBSTRINGS, GREATER, LESS, PRESENT, APPROXIMATE, EXTENSIBLE = 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
BIT_AND: Final = "1.2.840.113556.1.4.803"
BIT_OR: Final = "1.2.840.113556.1.4.804"
DN_ATTRIBUTES: Final = frozenset({"member", "memberof", "manager", "distinguishedname"})
BINARY_ATTRIBUTES: Final = frozenset({"objectguid", "objectsid", "msexchmasteraccountsid"})
CONSTRUCTED: Final = frozenset({"tokengroups"})
INAPPROPRIATE_MATCHING: Final = 18
CATEGORY_OF_CLASS: Final = {"user": "person", "contact": "person", "computer": "computer"}
PIECE: Final = {0x80: "{}.*", 0x81: ".*{}.*", 0x82: ".*{}"}
"""Initial, middle and final piece of a substring filter, as regular expressions."""

Filter = tuple[int, bytes]


class Refused(Exception):
    """A filter that Active Directory answers with an error; `code` is the LDAP result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def matches(snapshot: Snapshot, entry: Entry, wanted: Filter) -> bool | None:
    """Judge one entry. Raises Refused, and Malformed for bytes that are no filter."""
    tag, body = wanted
    if tag in (AND, OR):
        results = [matches(snapshot, entry, each) for each in ber.fields(body)]
        decisive = tag == OR
        return decisive if decisive in results else (None if None in results else not decisive)
    if tag == NOT:
        inner = matches(snapshot, entry, ber.fields(body)[0])
        return None if inner is None else not inner
    if tag == PRESENT:
        return ber.text(body).lower() in entry.values
    return _item(snapshot, entry, tag, body)


def sid_text(sid: bytes) -> str:
    """Return a binary SID in its S-1-... form."""
    count = sid[1]
    return "-".join(
        ["S", str(sid[0]), str(int.from_bytes(sid[2:8], "big")), *map(str, struct.unpack(f"<{count}I", sid[8:]))]
    )


def _item(snapshot: Snapshot, entry: Entry, tag: int, body: bytes) -> bool | None:
    """Judge a filter that names one attribute."""
    parts = ber.fields(body)
    if tag == EXTENSIBLE:
        named = dict(parts)
        rule, name = ber.text(named.get(0x81, b"")), ber.text(named.get(0x82, b"")).lower()
        return _extensible(snapshot, entry, rule, name, ber.text(named[0x83]))
    name = ber.text(parts[0][1]).lower()
    if name in CONSTRUCTED:
        message = "00002105: constructed attributes cannot be searched for"
        raise Refused(INAPPROPRIATE_MATCHING, message)
    if tag == SUBSTRINGS:
        return _has_pieces(entry, name, ber.fields(parts[1][1]))
    if tag in (GREATER, LESS):
        return _compares(entry, name, tag, ber.text(parts[1][1]))
    return _equals(entry, name, parts[1][1])


def _equals(entry: Entry, name: str, value: bytes) -> bool:
    have = entry.values.get(name, [])
    wanted = ber.text(value)
    if name in BINARY_ATTRIBUTES:
        return value in have or (wanted.startswith("S-1-") and wanted in map(sid_text, have))
    if name in DN_ATTRIBUTES:
        return norm_dn(wanted) in map(norm_dn, entry.texts(name))
    if name == "objectcategory":
        return _is_category(entry, wanted)
    return wanted.casefold() in (each.casefold() for each in entry.texts(name))


def _is_category(entry: Entry, wanted: str) -> bool:
    """Whether the entry is of this category, which may be given as a DN or as the name of a class."""
    for have in entry.texts("objectCategory"):
        short = have.partition(",")[0].partition("=")[2].casefold()
        if norm_dn(wanted) == norm_dn(have) or CATEGORY_OF_CLASS.get(wanted.casefold(), wanted.casefold()) == short:
            return True
    return False


def _has_pieces(entry: Entry, name: str, pieces: list[tuple[int, bytes]]) -> bool | None:
    if name in DN_ATTRIBUTES or name == "objectcategory":
        return None  # Windows knows only equality and presence for DNs
    pattern = "".join(PIECE[tag].format(re.escape(ber.text(piece).casefold())) for tag, piece in pieces)
    return any(re.fullmatch(pattern, each.casefold(), re.DOTALL) for each in entry.texts(name))


def _compares(entry: Entry, name: str, tag: int, wanted: str) -> bool | None:
    try:
        limit, have = int(wanted), [int(each) for each in entry.texts(name)]
    except ValueError:
        return None
    return any(each >= limit if tag == GREATER else each <= limit for each in have)


def _extensible(snapshot: Snapshot, entry: Entry, rule: str, name: str, wanted: str) -> bool | None:
    if rule == IN_CHAIN and name == "memberof":
        return norm_dn(wanted) in snapshot.ancestors(entry.key)
    if rule == IN_CHAIN and name == "member":
        return entry.key in snapshot.ancestors(norm_dn(wanted))
    if rule in (BIT_AND, BIT_OR) and re.fullmatch(r"-?\d+", wanted):
        mask = int(wanted)
        values = [int(each) for each in entry.texts(name) if re.fullmatch(r"-?\d+", each)]
        return any(each & mask == mask if rule == BIT_AND else bool(each & mask) for each in values)
    return None
