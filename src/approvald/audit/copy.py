"""Copies the ledger's audit rows into the file of this host, in order and without a gap.

How far the file has come is read from the file itself; the ledger remembers it too, as a rotated file is empty. A host
that was away catches up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from approvald.audit.file import AuditFile, Opened
from approvald.core.logs.events import Event, event
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.chain import Line

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 500


class AuditCopy:
    """One host's copy. The ledger remembers `name`. `tell_short` is called with what is known of a cut file."""

    def __init__(self, rows: AuditRows, file: AuditFile, name: str, *, tell_short: Callable[[str], None]) -> None:
        self._rows = rows
        self._file = file
        self._name = name[:512]
        self._tell_short = tell_short
        self._at: int | None = None
        self._written: set[str] = set()
        """What was written down of the first one of `_unplaced`, before the ledger went away once more."""
        self._unplaced: list[Opened] = []
        """What was found in the file, in order, and is not written down yet: the ledger may be away in between."""

    def bring_up_to_date(self) -> None:
        """Append what the file does not have yet. Raises Unavailable (ledger or audit)."""
        found = self._file.look()
        if found is not None:
            self._unplaced.append(found)
        while self._unplaced:
            self._at = self._find_place(self._unplaced[0])
            self._unplaced.pop(0)
            self._written.clear()
        at = self._noted()
        while lines := list(self._rows.rows_after(at, _AT_ONCE)):
            self._file.append(lines)
            at = self._at = lines[-1].seq
            self._rows.note_copied(self._name, at)

    def _noted(self) -> int:
        """Return the number of the last line that this host is known to have written."""
        return self._at if self._at is not None else self._rows.copied(self._name)

    def _find_place(self, opened: Opened) -> int:
        """Return the number of the last line that this host has, in this file or in a rotated one."""
        noted = self._noted()
        if opened.torn_bytes:
            self._write_down({"healed": "a torn last line was removed", "bytes": opened.torn_bytes})
            event(_LOG, Event.AUDIT_HEALED, logging.WARNING, size=opened.torn_bytes)
        if opened.last is None:
            if opened.was_emptied:
                self._tell(f"the file was emptied in its place; the ledger still has its lines, up to line {noted}")
            return noted
        seq = opened.last.seq
        if not self._is_ours(opened.last):
            # What was added, or an older ledger was put back: the trail goes on from what this ledger has written
            self._tell(f"the file ends with a line {seq} that is not this ledger's")
            return min(noted, seq - 1)
        if seq < noted:
            self._tell(f"the file ends with line {seq}, although line {noted} had been written to it")
        return seq

    def _is_ours(self, last: Line) -> bool:
        return [line.hash for line in self._rows.rows_after(last.seq - 1, 1)] == [last.hash]

    def _tell(self, what: str) -> None:
        self._write_down({"cut": what})
        self._tell_short(what)

    def _write_down(self, what: Mapping[str, object]) -> None:
        if str(what) not in self._written:
            self._rows.add(AuditKind.TRAIL, what)
            self._written.add(str(what))
