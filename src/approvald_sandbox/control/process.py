"""The sandbox as a child process: started, waited for, stopped."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
LOG_FILE: Final = "sandbox.log"


class SandboxFailed(Exception):
    """The sandbox did not start, or refused a call of the control API."""


class SandboxProcess:
    """`python -m approvald_sandbox serve`, which also ends when this process does."""

    def __init__(self, directory: Path, world: Path | None, ports: Mapping[str, int]) -> None:
        """Start it; its standard error goes to `sandbox.log` in the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / LOG_FILE
        command = [sys.executable, "-m", "approvald_sandbox", "serve", "--with-stdin", "--dir", str(directory)]
        if world is not None:
            command += ["--world", str(world)]
        if ports:
            ports_file = directory / "ports.json"
            ports_file.write_text(json.dumps(dict(ports)), encoding="utf-8")
            command += ["--ports-file", str(ports_file)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def endpoints(self) -> dict[str, str]:
        """Wait until everything listens and return where. Raises SandboxFailed with the end of the log."""
        line = self._first_line()
        if not line:
            self.stop()
            message = f"the sandbox did not start; its log ends: {self.log()[-2000:]}"
            raise SandboxFailed(message)
        found: dict[str, Any] = json.loads(line)
        return {name: str(value) for name, value in found.items()}

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Stop it in order, by force after ten seconds. Returns its exit code."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        return self._process.returncode

    def _first_line(self) -> bytes:
        """Return the first line it prints, nothing when it ends or is too slow."""
        stdout = self._process.stdout
        if stdout is None:
            return b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            return stdout.readline() if selector.select(START_SECONDS) else b""
