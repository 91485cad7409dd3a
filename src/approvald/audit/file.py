"""The audit file: lines are appended, and are on the disk before anything goes on; nothing is ever rewritten.

A crash in the middle of a write, or a full disk, leaves a torn last line: it is removed again, because the ledger
still has the whole of it. logrotate may move the file away at any time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from approvald.core.errors import System, Unavailable
from approvald.ledger.chain import Edited, Line, read

_MODE: Final = 0o640
"""The group may read, so that a log shipper can; the folder is 0750."""
_TAIL_BYTES: Final = 1 << 20
"""Read at once when the last line is looked for."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The state of an opened file. `last`: its last line, None where it has none that can be read.

    `torn_bytes` were removed; `was_emptied`: it held lines when it was left, and was not moved away.
    """

    last: Line | None
    torn_bytes: int
    was_emptied: bool = False


class AuditFile:
    """One file. Every method raises Unavailable (System.AUDIT) where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left: tuple[int, int, int] | None = None
        """Device, inode and size of the file as it was left."""
        self._held = -1
        """That file, kept open, so that no other one gets its inode."""

    def look(self) -> Opened | None:
        """Return what the file holds, or None where it is as `append` left it. A torn last line is removed."""
        try:
            descriptor = self._open()
            try:
                if _state(descriptor) == self._left:
                    return None
                self._keep_name()
                last, torn = _heal(descriptor)
                left, self._left = self._left, self._hold(descriptor)
                was_emptied = left is not None and left[2] > 0 and self._left == (*left[:2], 0)
                return Opened(last=last, torn_bytes=torn, was_emptied=was_emptied)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unavailable(error) from error

    def append(self, lines: list[Line]) -> None:
        """Append lines; afterwards either all of them are on the disk, or nothing of them is in the file."""
        content = b"".join(line.to_bytes() for line in lines)
        try:
            descriptor = self._open()
            try:
                before = _state(descriptor)
                if before != self._left:  # moved away a moment ago: the new one's name is to last, too
                    self._keep_name()
                try:
                    _write(descriptor, content)
                except OSError:
                    os.ftruncate(descriptor, before[2])
                    raise
                # What came between the look and the writing is looked at the next time
                self._left = self._hold(descriptor) if before == self._left else None
            finally:
                os.close(descriptor)
        except OSError as error:
            self._left = None  # how much was written is looked at again
            raise self._unavailable(error) from error

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, _MODE)

    def close(self) -> None:
        """Close the file."""
        if self._held >= 0:
            os.close(self._held)
        self._held = -1

    def _hold(self, descriptor: int) -> tuple[int, int, int]:
        state = _state(descriptor)
        if self._left is None or self._held < 0 or state[:2] != self._left[:2]:
            self.close()
            self._held = os.dup(descriptor)
        return state

    def _keep_name(self) -> None:
        """Put the folder's entry of the file on the disk, so that a power cut cannot lose a whole new file."""
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _unavailable(self, error: OSError) -> Unavailable:
        message = (
            f"the audit trail {self._path} cannot be written ({error.strerror}); nothing is confirmed until it can. "
            "Make room on its disk, or give approvald the right to write it."
        )
        return Unavailable(System.AUDIT, message)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _state(descriptor: int) -> tuple[int, int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size


def _heal(descriptor: int) -> tuple[Line | None, int]:
    """Remove a torn last line, and read the last whole one."""
    size = os.fstat(descriptor).st_size
    end = _behind_newline(descriptor, size)
    if end < size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    begin = _behind_newline(descriptor, max(end - 1, 0))
    return _line(os.pread(descriptor, end - begin, begin)), size - end


def _behind_newline(descriptor: int, until: int) -> int:
    """Return the place after the last line end before `until`, 0 where there is none."""
    while until > 0:
        start = max(until - _TAIL_BYTES, 0)
        found = os.pread(descriptor, until - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        until = start
    return 0


def _line(raw: bytes) -> Line | None:
    """Read the last line; an invalid line counts as none, and `audit verify` reports it."""
    try:
        return read(raw) if raw else None
    except Edited:
        return None
