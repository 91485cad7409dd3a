"""approvald itself as a process against a running sandbox, started and stopped like a service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

STOP_SECONDS: Final = 20.0


class ApprovaldProcess:
    """`approvald run` with its configuration in `state`; the log and the ledger lie there too."""

    def __init__(self, state: Path, configuration: str) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        self.configuration = state / "approvald.toml"
        self.configuration.write_text(configuration, encoding="utf-8")
        self.log = state / "approvald.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of one approvald command with this configuration."""
        return [sys.executable, "-m", "approvald", "--config", str(self.configuration), *arguments]

    def start(self, *arguments: str) -> None:
        """Start the daemon; it is ready as soon as it polls."""
        with (self.state / "stderr").open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the program under test under our own interpreter
                self.command("run", *arguments), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )

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
            process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def events(self, name: str = "") -> Iterator[Mapping[str, Any]]:
        """Yield the lines of its log, or those of one event."""
        if not self.log.exists():
            return
        for line in self.log.read_text(encoding="utf-8").splitlines():
            read: Mapping[str, Any] = json.loads(line)
            if not name or read.get("event") == name:
                yield read

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
