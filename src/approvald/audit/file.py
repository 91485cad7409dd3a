"""The audit trail's file: lines are appended and on the disk before anything goes on; nothing is ever rewritten.

A crash in the middle of a write, or a full disk, leaves a torn last line: it is taken off again, because the ledger
still has the whole of it. logrotate may move the file away at any time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from approvald.audit.chain import Edited, Line, read
from approvald.errors import System, Unavailable

_MODE: Final = 0o640
"""The group may read, so that a log shipper can; the folder is 0750."""
_TAIL_BYTES: Final = 1 << 20
"""Longer than any line."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a file was found to be. `last`: its last whole line, None where it has none; `torn_bytes` were taken off."""

    last: Line | None
    torn_bytes: int


class AuditFile:
    """One file. Every method raises Unavailable (System.AUDIT) where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: tuple[int, int] | None = None

    def look(self) -> Opened | None:
        """Return what the file holds when it is met for the first time, or after it was moved away; else None.

        A torn last line is taken off.
        """
        try:
            descriptor = self._open()
            try:
                found = os.fstat(descriptor)
                if (found.st_dev, found.st_ino) == self._inode:
                    return None
                opened = _heal(descriptor, found.st_size)
                self._inode = (found.st_dev, found.st_ino)
                return opened
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unavailable(error) from error

    def append(self, lines: list[Line]) -> None:
        """Write lines behind what is there; when this returns they are on the disk, or nothing of them is there."""
        content = b"".join(line.to_bytes() for line in lines)
        try:
            descriptor = self._open()
            try:
                size = os.fstat(descriptor).st_size
                try:
                    _write(descriptor, content)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
            finally:
                os.close(descriptor)
        except OSError as error:
            self._inode = None  # how much was written is looked at anew
            raise self._unavailable(error) from error

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, _MODE)

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


def _heal(descriptor: int, size: int) -> Opened:
    """Take a torn last line off, and read the last whole one."""
    start = max(size - _TAIL_BYTES, 0)
    tail = os.pread(descriptor, size - start, start)
    end = tail.rfind(b"\n") + 1
    torn = len(tail) - end
    if torn:
        os.ftruncate(descriptor, size - torn)
        os.fsync(descriptor)
    begin = tail.rfind(b"\n", 0, max(end - 1, 0)) + 1
    return Opened(last=_line(tail[begin:end]), torn_bytes=torn)


def _line(raw: bytes) -> Line | None:
    """Read the last line; one that is no line counts as none, for `audit verify` to tell of."""
    try:
        return read(raw) if raw else None
    except Edited:
        return None
