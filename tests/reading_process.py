"""What the system shows of the process that reads mails, and processes that do worse than any mail could make it do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from approvald.reader_worker import Task
from mailbag import LINES, RULES, html_of, multipart, part, text_of

TASK: Final = Task(rules=RULES.parse, seconds=5.0, memory_mib=512)
HONEST: Final = part(text_of())
NUMBER: Final = LINES["Request Id"]

_STYLES: Final = "".join(f"<p style='color:#{number:06x};margin-left:{number}px'>x</p>" for number in range(18_000))
LARGE: Final = part(html_of() + _STYLES, "text/html")
"""A mail within all limits that takes 20 MiB and most of a second."""
SLOW: Final = multipart("mixed", *[LARGE] * 5)
"""A mail within all limits that takes some seconds."""


def children() -> set[int]:
    """Return the processes that this one has started and not yet waited for, dead ones too."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text(encoding="ascii").split()}


def open_files() -> int:
    """Return how many file descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def has_ended(pid: int) -> bool:
    """Tell whether a process runs no more, whoever has to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
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
