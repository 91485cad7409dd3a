"""Identifies the program that holds something in the ledger, and tells whether it has certainly ended."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_UNKNOWN: Final = "unknown"
_START_TIME_FIELD: Final = 19
"""Its index after the program's name in /proc/PID/stat: clock ticks since the boot (proc(5), field 22)."""


def this_program() -> str:
    """Return a unique, readable name of this process."""
    return f"{_host()} process {os.getpid()} ({_started(os.getpid()) or ''})"


def has_ended(holder: str) -> bool:
    """Whether that was a process on this host that no longer exists. False if that cannot be known."""
    host, _, rest = holder.rpartition(" process ")
    number, _, started = rest.partition(" ")
    if host != _host() or f"[{_UNKNOWN}-" in host or not number.isdecimal() or not started:
        return False
    is_shown = _started(int(number))
    if is_shown is None:
        return not _is_there(int(number))
    return started != f"({is_shown})"


def _host() -> str:
    """Return this host, this boot of it, and the space of process ids that its processes are counted in."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        space = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        boot, space = _UNKNOWN, 0
    return f"{socket.gethostname()} [{boot}-{space}]"


def _started(number: int) -> str | None:
    """Return when a process started, an empty text of one that has ended; None where no process is shown."""
    try:
        # The program's name is in brackets and may hold anything, even brackets
        behind_name = (_PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        fields = behind_name.split()
        return "" if fields[0] in {"Z", "X"} else fields[_START_TIME_FIELD]
    except (OSError, IndexError):
        return None


def _is_there(number: int) -> bool:
    """Whether there is a process of that number: /proc may hide those of other users (ProtectProc=, hidepid=)."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's, or cannot be known
        return True
    return True
