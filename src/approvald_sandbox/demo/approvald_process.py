"""approvald itself as a process against a running sandbox, started and stopped like a service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

STOP_SECONDS: Final = 20.0


class Running(Protocol):
    """A process that was started: what is used of subprocess.Popen."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code of a process that has ended, else None."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, if the process still runs."""


Launch = Callable[[Sequence[str], Path], Running]
"""Starts approvald with these arguments; the file gets its stdout and stderr."""


def program(*arguments: str) -> list[str]:
    """Return the command line of approvald under our own interpreter."""
    return [sys.executable, "-m", "approvald", *arguments]


def execute(arguments: Sequence[str], output: Path) -> Running:
    """Start approvald as a shell or systemd does."""
    with output.open("ab") as written:
        return subprocess.Popen(  # noqa: S603 - the program under test
            program(*arguments), stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )


class ApprovaldProcess:
    """`approvald run` with its configuration in `state`; the log and the ledger lie there too.

    `launch` is how it is started; tests know a quicker way.
    """

    def __init__(self, state: Path, configuration: str, launch: Launch = execute) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        self.configuration = state / "approvald.toml"
        self.configuration.write_text(configuration, encoding="utf-8")
        self.log = state / "approvald.log"
        self._launch = launch
        self._events: list[Mapping[str, Any]] = []
        self._read = 0
        self._process: Running | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def arguments(self, *words: str) -> list[str]:
        """Return the arguments of one approvald command with this configuration."""
        return ["--config", str(self.configuration), *words]

    def command(self, *words: str) -> list[str]:
        """Return the command line of one approvald command with this configuration."""
        return program(*self.arguments(*words))

    def start(self, *options: str, launch: Launch | None = None) -> None:
        """Start the daemon, with `launch` for this once; it is ready as soon as it polls."""
        self._process = (launch or self._launch)(self.arguments("run", *options), self.state / "stderr")

    @property
    def pid(self) -> int:
        """The process id of the daemon. Raises LookupError when it was not started."""
        if self._process is None:
            message = "approvald was not started"
            raise LookupError(message)
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code of a daemon that has ended, else None."""
        return self._process.poll() if self._process else None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL, wait for the end."""
        if self._process is not None:
            self._process.send_signal(number)
            if number == signal.SIGKILL:
                self._process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Stop it in order by SIGTERM, by force when it does not. Returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait()

    def events(self, name: str = "") -> Iterator[Mapping[str, Any]]:
        """Yield the lines of its log, or those of one event."""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self._read)
                new = log.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self._events += [json.loads(line) for line in whole.splitlines()]
        yield from [event for event in self._events if not name or event.get("event") == name]

    def wait_for(self, name: str, count: int = 1, seconds: float = 20.0) -> None:
        """Wait until an event stands in the log so often. Raises TimeoutError with the end of its output."""
        deadline = time.monotonic() + seconds
        while sum(1 for _ in self.events(name)) < count:
            if time.monotonic() > deadline or self.exit_code() is not None:
                message = f"no {count} of {name}; output: {self.output()[-2000:]}"
                raise TimeoutError(message)
            time.sleep(0.05)

    def output(self) -> str:
        """Return what it wrote to stdout and stderr."""
        written = self.state / "stderr"
        return written.read_text(encoding="utf-8", errors="replace") if written.exists() else ""
