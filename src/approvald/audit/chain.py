"""One line of the audit trail, and what chains it to the line before. Pure.

A line is canonical JSON, so that each value has one spelling and every edited byte shows. `digest` is the SHA-256 of
what the line says, `hash` that of its number, the hash before and the digest: an excerpt can leave out what a line
says and still prove the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""What stands in `prev` of the first line."""


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
        """Return the line as it stands in a file, with its line end."""
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
    """Return the line of that number behind the one whose hash is `prev`."""
    digest = digest_of(at, kind, event)
    return Line(seq=seq, at=at, kind=kind, event=event, prev=prev, digest=digest, hash=hash_of(seq, prev, digest))


def digest_of(at: str, kind: str, event: Mapping[str, object]) -> str:
    """Return the digest of what a line says."""
    return hashlib.sha256(canonical({"at": at, "kind": kind, "event": event})).hexdigest()


def hash_of(seq: int, prev: str, digest: str) -> str:
    """Return what the next line is chained to."""
    return hashlib.sha256(f"{seq}:{prev}:{digest}".encode("ascii")).hexdigest()
