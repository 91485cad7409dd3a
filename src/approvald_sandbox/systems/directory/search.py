"""One search: which entries, which attributes, how many, and the answer's bytes."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Final

from approvald_sandbox.systems.directory import ber
from approvald_sandbox.systems.directory.entries import Entry, Snapshot, norm_dn
from approvald_sandbox.systems.directory.filters import Filter, Refused, matches, sid_text

SUCCESS, SIZE_LIMIT_EXCEEDED, NO_SUCH_OBJECT = 0, 4, 32
BASE, ONE_LEVEL, SUBTREE = 0, 1, 2
PAGED_RESULTS: Final = "1.2.840.113556.1.4.319"
START_TLS: Final = "1.3.6.1.4.1.1466.20037"
ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.800"
MAX_PAGE_SIZE: Final = 1000
ENTRY: Final = 0x64
CONTROLS: Final = 0xA0


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search as the client sent it; `attributes` in lower case, empty for all."""

    base: str
    scope: int
    size_limit: int
    wanted: Filter
    attributes: tuple[str, ...]
    page: tuple[int, bytes] | None
    """Size and cookie of the paged results control."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search gives: entries as protocol operations, result code, message and response controls."""

    entries: list[bytes]
    code: int = SUCCESS
    message: str = ""
    controls: bytes = b""


def read_search(body: bytes, controls: dict[str, bytes]) -> Search:
    """Decode a search request. Raises Malformed, IndexError or ValueError for something else."""
    parts = ber.fields(body)
    page = None
    if PAGED_RESULTS in controls:
        size, cookie = ber.fields(ber.fields(controls[PAGED_RESULTS])[0][1])
        page = (ber.number(size[1]), cookie[1])
    return Search(
        base=ber.text(parts[0][1]),
        scope=ber.number(parts[1][1]),
        size_limit=ber.number(parts[3][1]),
        wanted=parts[6],
        attributes=tuple(ber.text(name).lower() for _, name in ber.fields(parts[7][1])),
        page=page,
    )


def is_root_dse(search: Search) -> bool:
    """Whether the client asks what server this is, which needs no bind."""
    return not search.base and search.scope == BASE


def root_dse(search: Search, base: str) -> Found:
    """Return what the server says of itself."""
    entry = Entry(
        "",
        {
            "namingContexts": base,
            "defaultNamingContext": base,
            "rootDomainNamingContext": base,
            "dnsHostName": "localhost",
            "supportedLDAPVersion": 3,
            "supportedControl": PAGED_RESULTS,
            "supportedExtension": START_TLS,
            "supportedCapabilities": ACTIVE_DIRECTORY,
        },
    )
    return Found(entries=[_encode(entry, search.attributes, {})])


def run(search: Search, snapshot: Snapshot) -> Found:
    """Carry out a search as a domain controller with Windows' limits does."""
    start = _base_entry(search.base, snapshot)
    if start is None:
        return Found(
            entries=[], code=NO_SUCH_OBJECT, message="0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT)"
        )
    try:
        rows = [
            entry for entry in _pool(start, search.scope, snapshot) if matches(snapshot, entry, search.wanted) is True
        ]
    except Refused as refused:
        return Found(entries=[], code=refused.code, message=str(refused))
    code, controls = SUCCESS, b""
    if search.page is not None:
        rows, controls = _one_page(rows, *search.page)
    limit = min(search.size_limit or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    if len(rows) > limit:
        rows, code = rows[:limit], SIZE_LIMIT_EXCEEDED
    constructed = "tokengroups" in search.attributes and search.scope == BASE
    tokens = {entry.key: snapshot.token_groups(entry) for entry in rows} if constructed else {}
    return Found(entries=[_encode(entry, search.attributes, tokens) for entry in rows], code=code, controls=controls)


def _base_entry(base: str, snapshot: Snapshot) -> Entry | None:
    """Return the entry a search starts at; it may also be named `<GUID=...>` or `<SID=...>`."""
    named = re.fullmatch(r"<(GUID|SID)=([^>]+)>", base, re.IGNORECASE)
    if named is None:
        return snapshot.entries.get(norm_dn(base))
    attribute = f"object{named[1].lower()}"
    for entry in snapshot.entries.values():
        for value in entry.values.get(attribute, []):
            shown = sid_text(value) if attribute == "objectsid" else str(uuid.UUID(bytes_le=value))
            if named[2].casefold() in (shown.casefold(), value.hex()):
                return entry
    return None


def _pool(start: Entry, scope: int, snapshot: Snapshot) -> list[Entry]:
    if scope == BASE:
        return [start]
    below = [entry for entry in snapshot.entries.values() if entry.key.endswith(f",{start.key}")]
    if scope == ONE_LEVEL:
        depth = start.key.count(",") + 1
        return [entry for entry in below if entry.key.count(",") == depth]
    return [start, *below]


def _one_page(rows: list[Entry], size: int, cookie: bytes) -> tuple[list[Entry], bytes]:
    """Return this page's rows and the control that says where the next one begins."""
    first = int(cookie or b"0")
    end = first + min(max(size, 1), MAX_PAGE_SIZE)
    following = str(end).encode() if end < len(rows) else b""
    value = ber.tlv(ber.SEQUENCE, ber.integer(0), ber.string(following))
    return rows[first:end], ber.tlv(ber.SEQUENCE, ber.string(PAGED_RESULTS), ber.string(value))


def _encode(entry: Entry, attributes: tuple[str, ...], tokens: dict[str, list[bytes]]) -> bytes:
    """Return the entry as a search result with the attributes asked for."""
    everything = not attributes or "*" in attributes
    chosen = [(entry.names[name], values) for name, values in entry.values.items() if everything or name in attributes]
    if tokens.get(entry.key):
        chosen.append(("tokenGroups", tokens[entry.key]))
    encoded = [
        ber.tlv(ber.SEQUENCE, ber.string(name), ber.tlv(ber.SET, *map(ber.string, values))) for name, values in chosen
    ]
    return ber.tlv(ENTRY, ber.string(entry.dn), ber.tlv(ber.SEQUENCE, *encoded))
