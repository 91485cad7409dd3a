"""Reading a log from its end, and following it over rotation."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from approvald.cli.tail import BLOCK, last_lines, new_lines


@pytest.mark.parametrize("count", [0, 1, 3, 10, 20_000])
@pytest.mark.parametrize("length", [1, 100, BLOCK])
def test_the_last_lines_are_those_of_the_whole_file(tmp_path: Path, count: int, length: int) -> None:
    """Read from the end in blocks, the result is that of reading everything."""
    everything = [f"{number}".encode() * length for number in range(10)]
    file = tmp_path / "log"
    file.write_bytes(b"".join(line + b"\n" for line in everything))
    with file.open("rb") as opened:
        assert last_lines(opened, count) == everything[max(0, 10 - count) :]
        assert opened.tell() == file.stat().st_size


def test_an_empty_log_has_no_lines(tmp_path: Path) -> None:
    """Nothing, not one empty line."""
    file = tmp_path / "log"
    file.touch()
    with file.open("rb") as opened:
        assert last_lines(opened, 5) == []


@contextmanager
def following(file: Path) -> Iterator[queue.Queue[bytes]]:
    """Follow a log in another thread; what it yields comes out of the queue."""
    seen: queue.Queue[bytes] = queue.Queue()
    stop = threading.Event()
    opened = file.open("rb")
    opened.seek(0, 2)

    def follow() -> None:
        for line in new_lines(file, opened, stop):
            seen.put(line)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(timeout=10)
        assert opened.closed


def append(file: Path, text: bytes) -> None:
    """Write behind what is there."""
    with file.open("ab") as opened:
        opened.write(text)


def test_following_yields_whole_lines_over_rotation_and_truncation(tmp_path: Path) -> None:
    """New lines only; half a line waits for its end; the last line of the moved file and the first of the new one."""
    file = tmp_path / "log"
    file.write_bytes(b"old\n")
    with following(file) as seen:
        append(file, b"one\ntwo, its fi")
        assert seen.get(timeout=10) == b"one"
        append(file, b"rst half\n")
        assert seen.get(timeout=10) == b"two, its first half"
        append(file, b"last of the old file\n")
        file.rename(tmp_path / "log.1")
        append(tmp_path / "log.1", b"written late\n")
        append(file, b"first of the new file\n")
        assert [seen.get(timeout=10) for _ in range(3)] == [
            b"last of the old file",
            b"written late",
            b"first of the new file",
        ]
        file.write_bytes(b"short\n")
        assert seen.get(timeout=10) == b"short"
    assert seen.empty()
