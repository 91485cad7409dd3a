"""One daemon to a ledger: a second one on the same file says who holds it, and ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from approvald.errors import ApprovaldError


class AlreadyRunning(ApprovaldError):
    """Another approvald works with this ledger."""


@contextmanager
def only_instance(ledger: Path) -> Iterator[None]:
    """Hold the lock beside the ledger's file while inside. Raises AlreadyRunning, naming the process that holds it.

    Raises PermissionError where lock or ledger may not be opened by this user.
    The operating system gives the lock back when a process dies, however it dies.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    path = ledger.with_name(ledger.name + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            message = f"another approvald (process {holder}) works with the ledger {ledger}; stop that one first"
            raise AlreadyRunning(message) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        # Made here, so that nobody else may read it, and so that one we may not open is told by its name.
        os.close(os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        yield
    finally:
        os.close(descriptor)
