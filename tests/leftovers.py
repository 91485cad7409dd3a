"""Ends the processes that a run of the tests has left behind, however it ended: by itself, by Ctrl-C, by SIGKILL.

Whatever the run starts inherits a mark in its environment. A watcher process waits for the end of the run, which is the
end of the watcher's standard input, and then kills whoever bears the mark.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "APPROVALD_TESTS"
"""Its value is the process ids of the runs, the outermost first: a run may start another one, as xdist does."""
_SECONDS: Final = 10.0


def watch() -> Callable[[], None]:
    """Mark what this process starts from now on, and have its end watched. Returns what ends the watch in order."""
    os.environ[MARK] = f"{os.environ.get(MARK, '')}/{os.getpid()}"
    watcher = subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, "-I", __file__, os.environ[MARK]], env={}, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def end() -> None:
        watcher.communicate()

    return end


def marked(mark: str) -> dict[int, str]:
    """Return the command lines of the processes that bear this mark, by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            for variable in (process / "environ").read_bytes().split(b"\0"):
                name, _, value = os.fsdecode(variable).partition("=")
                if name == MARK and f"{value}/".startswith(f"{mark}/"):
                    found[int(process.name)] = os.fsdecode((process / "cmdline").read_bytes().replace(b"\0", b" "))
    return found


def main() -> None:
    """Wait for the end of the run, and kill what it has left behind, and what that may be starting."""
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _SECONDS
    while (left := marked(sys.argv[1])) and time.monotonic() < deadline:
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
