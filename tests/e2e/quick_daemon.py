"""Daemons that start in a tenth of a second, as children of a process that has loaded approvald already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from approvald_sandbox.demo.approvald_process import ApprovaldProcess

SERVER: Final = Path(__file__).with_name("daemon_server.py")
_SECONDS: Final = 30.0


class DaemonServer:
    """The process that forks daemons; see daemon_server.py. `preload`: a library they run under."""

    def __init__(self, preload: Path | None = None) -> None:
        self.preload = preload

    def __enter__(self) -> Self:
        environment = os.environ | ({"LD_PRELOAD": str(self.preload)} if self.preload else {})
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, **order: Any) -> Any:
        """Give one order; return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class QuickDaemon(ApprovaldProcess):
    """`approvald run`, forked. `commit`: at which commit to the ledger it kills itself, None for none.

    `host`: a host name of its own, where we are root.
    """

    def __init__(self, state: Path, configuration: str, server: DaemonServer, *, host: str = "") -> None:
        super().__init__(state, configuration)
        self._host = host
        self._server = server
        self._pid = 0
        self._status: int | None = None

    def begin(self, *, commit: int | None = None, after: bool = False) -> None:
        """Start it."""
        self._pid = self._server.ask(
            do="start", arguments=["--config", str(self.configuration), "run"], output=str(self.state / "stderr"),
            commit=commit, after=after, host=self._host,
        )["pid"]  # fmt: skip
        self._status = None

    def start(self, *arguments: str) -> None:
        """Start it."""
        assert not arguments
        self.begin()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._pid

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs; one that was killed has the signal's number, negative."""
        if self._status is None and self._pid:
            # The server reaps its children when it is asked to, so that one that has ended is a zombie until then
            state = Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2]
            if state.startswith("Z"):
                self._status = int(self._server.ask(do="wait", pid=self._pid)["status"])
        return self._status

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL, wait for the end."""
        if self.exit_code() is None and self._pid:
            os.kill(self._pid, number)
            if number == signal.SIGKILL:
                self._ended()

    def stop(self) -> int:
        """Stop it in order. Returns its exit code."""
        if self._pid == 0:
            return 0
        if self.exit_code() is None:
            os.kill(self._pid, signal.SIGTERM)
        status, self._pid = self._ended(), 0
        return status

    def _ended(self) -> int:
        deadline = time.monotonic() + _SECONDS
        while self.exit_code() is None:
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.005)
        assert self._status is not None
        return self._status
