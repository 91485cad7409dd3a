"""Reads a log file from its end, and follows it over rotation."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

BLOCK: Final = 65_536
LOOK_SECONDS: Final = 0.5


def last_lines(opened: BinaryIO, count: int) -> list[bytes]:
    """Return the last `count` complete or incomplete lines, oldest first; the file then stands at its end."""
    end = opened.seek(0, os.SEEK_END)
    start, newlines = end, 0
    blocks: deque[bytes] = deque()
    while start > 0 and newlines <= count:
        size = min(BLOCK, start)
        start -= size
        opened.seek(start)
        block = opened.read(size)
        newlines += block.count(b"\n")
        blocks.appendleft(block)
    opened.seek(end)
    lines = b"".join(blocks).removesuffix(b"\n").split(b"\n")
    return lines[-count:] if count and end else []


def new_lines(path: Path, opened: BinaryIO, stop: threading.Event | None = None) -> Iterator[bytes]:
    """Yield complete lines as they are written, until `stop` is set; go on in the new file when the old was moved."""
    stop = stop or threading.Event()
    file, rest = opened, b""
    try:
        while not stop.is_set():
            moved = _is_moved(path, file)
            rest += file.read()
            *complete, rest = rest.split(b"\n")
            yield from complete
            if moved and not complete:
                successor = _opened_again(path)
                if successor is not None:
                    file.close()
                    file, rest = successor, b""
            elif not complete:
                stop.wait(LOOK_SECONDS)
    finally:
        file.close()


def _opened_again(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_moved(path: Path, file: BinaryIO) -> bool:
    """Whether another file stands under the name, or this one has become shorter. Not while none stands there."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    current = os.fstat(file.fileno())
    return (named.st_dev, named.st_ino) != (current.st_dev, current.st_ino) or named.st_size < file.tell()
