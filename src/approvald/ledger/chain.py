"""One line of the audit trail, and the hashes that chain it to the line before. Pure.

A line is canonical JSON, so that each value has one spelling and every edited byte shows. `digest` is the SHA-256 of
what the line says, `hash` that of its number, the hash before and the digest: an excerpt can leave out what a line
says and still prove the chain.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""The value of `prev` in the first line."""
_CHAINED: Final = frozenset({"seq", "prev", "digest", "hash"})
_SAID: Final = frozenset({"at", "kind", "event"})
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Edited(ValueError):
    """A line that is not as it was written. The text says what is wrong with it, and quotes nothing of it."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line. `at`: ISO 8601 with microseconds, UTC. A skeleton line says nothing: `event` is None, `kind` empty."""

    seq: int
    at: str
    kind: str
    event: Mapping[str, object] | None
    prev: str
    digest: str
    hash: str

    def to_bytes(self) -> bytes:
        """Return the line as it is written to a file, with its line end."""
        chained = {"seq": self.seq, "prev": self.prev, "digest": self.digest, "hash": self.hash}
        if self.event is None:
            return canonical(chained) + b"\n"
        return canonical({**chained, "at": self.at, "kind": self.kind, "event": self.event}) + b"\n"

    def skeleton(self) -> Line:
        """Return the line without what it says."""
        return Line(seq=self.seq, at="", kind="", event=None, prev=self.prev, digest=self.digest, hash=self.hash)


def canonical(value: object) -> bytes:
    """Return the one spelling of a JSON value. Raises ValueError for what JSON cannot hold."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def link(seq: int, at: str, kind: str, event: Mapping[str, object], prev: str) -> Line:
    """Return the line with that number, after the one whose hash is `prev`."""
    digest = digest_of(at, kind, event)
    return Line(seq=seq, at=at, kind=kind, event=event, prev=prev, digest=digest, hash=hash_of(seq, prev, digest))


def digest_of(at: str, kind: str, event: Mapping[str, object]) -> str:
    """Return the digest of what a line says."""
    return hashlib.sha256(canonical({"at": at, "kind": kind, "event": event})).hexdigest()


def hash_of(seq: int, prev: str, digest: str) -> str:
    """Return what the next line is chained to."""
    return hashlib.sha256(f"{seq}:{prev}:{digest}".encode("ascii")).hexdigest()


def read(raw: bytes) -> Line:
    """Read one line, without or with its line end. Raises Edited unless it is byte for byte what was written.

    Whether it is the right line at this place is for its neighbours to show.
    """
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = "is not JSON"
        raise Edited(message) from error
    if not isinstance(found, dict) or set(found) not in (_CHAINED, _CHAINED | _SAID):
        message = "does not have the keys of a line"
        raise Edited(message)
    line = _of(found)
    try:
        is_spelled_so = line.to_bytes() == raw.removesuffix(b"\n") + b"\n"
    except (ValueError, RecursionError):  # such as NaN, which Python reads and JSON does not have
        is_spelled_so = False
    if not is_spelled_so:
        message = "is not spelled as it was written"
        raise Edited(message)
    if line.event is not None and digest_of(line.at, line.kind, line.event) != line.digest:
        message = "does not say what it said when it was written"
        raise Edited(message)
    if hash_of(line.seq, line.prev, line.digest) != line.hash:
        message = "does not have the number and hash that it was written with"
        raise Edited(message)
    return line


def _of(found: Mapping[str, object]) -> Line:
    seq, at, kind, event = found["seq"], found.get("at", ""), found.get("kind", ""), found.get("event")
    hashes = [found[key] for key in ("prev", "digest", "hash")]
    is_skeleton = "event" not in found
    if (
        not isinstance(seq, int) or isinstance(seq, bool) or seq < 1
        or not isinstance(at, str) or not isinstance(kind, str)
        or not (is_skeleton or isinstance(event, dict))
        or not all(isinstance(each, str) and _HASH.fullmatch(each) for each in hashes)
    ):  # fmt: skip
        message = "has values that no line has"
        raise Edited(message)
    prev, digest, own = (str(each) for each in hashes)
    said = event if isinstance(event, dict) else None
    return Line(seq=seq, at=at, kind=kind, event=said, prev=prev, digest=digest, hash=own)
