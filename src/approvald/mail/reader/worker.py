"""The process that reads mails: `python -I -B -m approvald.mail.reader.worker`, started by `process.Reader` alone.

It takes frames from standard input and answers each with one frame: the rules first, then one raw mail after the other.
A frame is its length (four bytes, big endian) and that many bytes. It ends when its input ends. It knows no server, no
password and no library that does; what it may use is limited before it sees the first mail.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import sys
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from approvald.core import frozen_json
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules

LENGTH: Final = struct.Struct("!I")
READY: Final = b"ready"
"""The answer to the rules."""
TOO_LITTLE_MEMORY: Final = 3
"""The exit status of a process that came near its limit: nothing it read is believed."""
LEAST_MEMORY_MIB: Final = 128
"""Enough for an honest mail."""

_CHUNK: Final = 1 << 20
_OPEN_FILES: Final = 16
_LARGEST_PIECE_MIB: Final = 32
"""More than a parser asks for at once, for a view within its limit: what failed was asked for close to the limit."""
_CPU_MARGIN_SECONDS: Final = 2
_PREFERRED_VICTIM: Final = "1000"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the process is to do: read by these rules, with so much processor time a mail and memory in all."""

    rules: ParseRules
    seconds: float
    memory_mib: int


def main() -> None:
    """Answer frames until the input ends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # systemd sends them to every process of the unit; the daemon still brings the mail in hand to its end
        signal.signal(number, signal.SIG_IGN)
    first = _read_frame()
    if first is None:
        return
    task: Task = frozen_json.loads(first, Task)
    _limit(task.memory_mib)
    if _is_out_of_memory(task):
        sys.exit(TOO_LITTLE_MEMORY)
    _write_frame(READY)
    while (mime := _read_frame()) is not None:
        _limit_processor_time(task.seconds)
        reading = read(mime, task.rules)
        if _is_out_of_memory(task):
            sys.exit(TOO_LITTLE_MEMORY)
        _write_frame(frozen_json.dumps(reading))


def _is_out_of_memory(task: Task) -> bool:
    """Tell whether an allocation may have failed. A C library that meets this may go on with half of what it read."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak:"))
    return peak_kib > (task.memory_mib - _LARGEST_PIECE_MIB) << 10


def _limit(memory_mib: int) -> None:
    """Limit what the process can do. Raises OSError or ValueError where the system does not allow it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_PREFERRED_VICTIM, encoding="ascii")
    limits = {
        resource.RLIMIT_CORE: 0,  # a mail in a core file would outlive the mail
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_AS: memory_mib << 20,
    }
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def _limit_processor_time(seconds: float) -> None:
    """End this process by itself when nobody is left to end it."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = ceil(time.process_time() + seconds) + _CPU_MARGIN_SECONDS
    soft = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, most))


def _read_frame() -> bytes | None:
    head = _read_exactly(LENGTH.size)
    return None if head is None else _read_exactly(LENGTH.unpack(head)[0])


def _read_exactly(count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        piece = os.read(0, min(count - len(data), _CHUNK))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _write_frame(data: bytes) -> None:
    rest = memoryview(LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
