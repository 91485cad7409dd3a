"""Approvald started in a twentieth of a second, as a child of a process that has loaded it already."""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from approvald_sandbox.demo.approvald_process import ApprovaldProcess

SERVER: Final = Path(__file__).with_name("daemon_server.py")


class Forked:
    """A process that the server forked; it is used like a subprocess.Popen."""

    def __init__(self, server: DaemonServer, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None while it runs; one that was killed has the signal's number, negative."""
        return self.wait(0) if self._status is not None or self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises subprocess.TimeoutExpired."""
        if self._status is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._status = int(self._server.ask(do="wait", pid=self.pid)["status"])
        return self._status

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _has_ended(self, timeout: float | None) -> bool:
        descriptor = os.pidfd_open(self.pid)  # the server reaps it only when asked, so the number is still its own
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)


class DaemonServer:
    """The process that forks approvald; see daemon_server.py. `preload`: a library they run under."""

    def __init__(self, preload: Path | None = None) -> None:
        self.preload = preload
        environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            start_new_session=True,  # Ctrl-C is the tests' business
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self._process.communicate()

    def launch(
        self, arguments: Sequence[str], output: Path, *, commit: int | None = None, after: bool = False, host: str = ""
    ) -> Forked:
        """Start approvald; see approvald_process.Launch.

        `commit`: it kills itself at its commit of that number to the ledger, before or `after` it is on the disk.
        `host`: it gets a host name of its own, where we are root.
        """
        return self._start(arguments, output, output, commit=commit, after=after, host=host)

    def run(self, arguments: Sequence[str], seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run one command of approvald to its end."""
        with tempfile.TemporaryDirectory() as folder:
            output, errors = Path(folder) / "output", Path(folder) / "errors"
            forked = self._start(arguments, output, errors)
            try:
                status = forked.wait(seconds)
            finally:
                forked.send_signal(signal.SIGKILL)
            return subprocess.CompletedProcess(
                arguments, status, output.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")
            )

    def ask(self, **order: Any) -> Any:
        """Give one order; return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def _start(self, arguments: Sequence[str], output: Path, errors: Path, **how: Any) -> Forked:
        order = {"arguments": arguments, "output": str(output), "errors": str(errors), **how}
        return Forked(self, self.ask(do="start", **order)["pid"])


@functools.cache
def daemon_server() -> DaemonServer:
    """Return the server of this process of the tests: started when it is first needed, and ended with the tests."""
    return DaemonServer()


def quick_daemon(state: Path, configuration: str) -> ApprovaldProcess:
    """Return a daemon that the server forks. It is started by `with`, or by `start`."""
    return ApprovaldProcess(state, configuration, daemon_server().launch)


@contextmanager
def stopped_daemon(state: Path, configuration: str) -> Iterator[ApprovaldProcess]:
    """Give a daemon that is not started yet, and end it."""
    daemon = quick_daemon(state, configuration)
    try:
        yield daemon
    finally:
        daemon.stop()
