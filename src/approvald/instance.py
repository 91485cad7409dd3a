"""One program a role to a ledger file: a second one says who holds it, and ends."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from approvald.errors import ApprovaldError

MAIL: Final = "mail"
"""The role of the program that works through the mailbox."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class AlreadyRunning(ApprovaldError):
    """Another approvald works in this role with this ledger."""


@contextmanager
def only_instance(ledger: Path, role: str) -> Iterator[None]:
    """Hold the role's lock beside the ledger's file while inside. Raises AlreadyRunning, naming who holds it.

    Each role has a lock of its own, so that the programs for mail and chat can share one file. Raises PermissionError
    where lock or ledger may not be opened by this user. The operating system gives the lock back when a process dies,
    however it dies.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    path = ledger.with_name(f"{ledger.name}.{role}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            message = (
                f"another approvald (process {holder}) works with the ledger {ledger} in the role {role}; "
                "stop that one first"
            )
            raise AlreadyRunning(message) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        _make_private(ledger)
        yield
    finally:
        os.close(descriptor)


def _make_private(ledger: Path) -> None:
    """Make the file, or take away what others may do with it; one that we may not open is told by its name."""
    descriptor = os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_mode & _OTHERS:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
