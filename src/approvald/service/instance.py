"""Lets one program per role use a ledger file; a second one says who holds it, and ends."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from approvald.core.errors import ApprovaldError, LedgerAway

MAIL: Final = "mail"
"""The role of the program that works through the mailbox."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class AlreadyRunning(ApprovaldError):
    """Another approvald works in this role with this ledger."""


class OnlyInstance:
    """The role's lock beside the ledger's file.

    Each role has a lock of its own, so that the programs for mail and chat can share one file. The operating system
    gives the lock back when a process dies, however it dies.
    """

    def __init__(self, ledger: Path, role: str) -> None:
        self._ledger = ledger
        self._role = role
        self._descriptor = -1

    def hold(self) -> None:
        """Take the lock, where it is not held yet. Raises AlreadyRunning, naming who holds it.

        Raises PermissionError where lock or ledger may not be opened by this user, and LedgerAway
        where their disk does not do its work.
        """
        if self._descriptor >= 0:
            return
        try:
            self._take()
        except PermissionError:
            raise
        except OSError as error:
            raise unwritable(self._ledger, error) from error

    def close(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _take(self) -> None:
        self._ledger.parent.mkdir(parents=True, exist_ok=True)
        path = self._ledger.with_name(f"{self._ledger.name}.{self._role}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            _make_private(self._ledger)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            message = (
                f"another approvald (process {holder}) is working with ledger {self._ledger} in role {self._role}; "
                "stop that one first"
            )
            raise AlreadyRunning(message) from error


def unwritable(ledger: Path, error: OSError) -> LedgerAway:
    """Return the error that says that the ledger's disk does not do its work."""
    message = (
        f"{error.filename or ledger} cannot be written ({error.strerror}); nothing is confirmed until it can. Make "
        "room on its disk, or let approvald write there."
    )
    return LedgerAway(message)


def _make_private(ledger: Path) -> None:
    """Make the file, or take away what others may do with it; the error for one that we may not open names it."""
    descriptor = os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_mode & _OTHERS:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
