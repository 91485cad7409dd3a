"""What the system shows of the process that reads mails, and processes that do worse than any mail could make it do."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from approvald.mail.reader.worker import Task
from mailbag import LINES, RULES, html_of, part, text_of

TASK: Final = Task(rules=RULES.parse, seconds=5.0, memory_mib=512)
HONEST: Final = part(text_of())
NUMBER: Final = LINES["Request Id"]

STYLES: Final = "".join(f"<p style='color:#{number:06x};margin-left:{number}px'>x</p>" for number in range(18_000))
"""A page that is within all limits and takes most of a second."""
LARGE: Final = part(html_of() + STYLES, "text/html")
"""A mail within all limits that takes 20 MiB and most of a second."""

_FAR: Final = {"mime_bytes": 10**9, "view_bytes": 10**9}
PATIENT: Final = replace(
    TASK, rules=replace(TASK.rules, limits=replace(TASK.rules.limits, **_FAR)), seconds=60.0, memory_mib=4_096
)
"""A task without limits that would end SLOW."""
SLOW: Final = part((text_of() + "\n\n") * 60_000)
"""A mail that takes several seconds where its size is allowed."""


_others: Final[set[int]] = set()


def count_from_here() -> None:
    """Let `children` leave out what runs now: servers that other tests have started."""
    _others.clear()
    _others.update(children())


def children(pid: int | None = None) -> set[int]:
    """Return the processes that a process (this one) has started and not yet waited for, dead ones too."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task").iterdir()
    started = {int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()}
    return started - _others


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent, group and so on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


def processor_seconds(pid: int) -> float:
    """Return the processor time a process has used."""
    return (int(_stat(pid)[11]) + int(_stat(pid)[12])) / os.sysconf("SC_CLK_TCK")


def open_files() -> int:
    """Return how many file descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def has_ended(pid: int) -> bool:
    """Tell whether a process runs no more, whoever has to bury it."""
    try:
        return _stat(pid)[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def impostor(act: str, *, ready: bytes = b"ready") -> list[str]:
    """Return the command of a process that takes the rules, says it is ready, and at each mail does `act` (Python).

    `act` may use `mail`, `say(data)` for a frame, `write(data)` for bare bytes, `os` and `time`.
    """
    script = f"""
import os, struct, time
def take():
    data = b""
    size = 4
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
        if len(data) == 4 and size == 4:
            size = 4 + struct.unpack("!I", data)[0]
    return data[4:]
def write(data):
    while data:
        data = data[os.write(1, data):]
def say(data):
    write(struct.pack("!I", len(data)) + data)
take()
say({ready!r})
while True:
    mail = take()
    {act}
"""
    return [sys.executable, "-I", "-c", script]
