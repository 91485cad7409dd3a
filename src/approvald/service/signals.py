"""Takes in what systemd and operators ask of the running program. Handlers only set flags and wake whoever waits."""

from __future__ import annotations

import queue
import signal
from contextlib import suppress
from types import FrameType


class Signals:
    """The signals: SIGTERM and SIGINT ask for a stop, SIGHUP for a reload. Thread safe."""

    def __init__(self) -> None:
        # A handler may run while the main thread waits, or while another handler does: only this is safe then
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stopping = False
        self._reload_wanted = False

    def listen(self) -> None:
        """Take the signals from now on; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the form of a handler
        self._stopping = True
        self.wake()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the form of a handler
        self.ask_reload()

    def is_stopping(self) -> bool:
        """Whether the program is to stop."""
        return self._stopping

    def ask_reload(self) -> None:
        """Ask for a reload as soon as possible."""
        self._reload_wanted = True
        self.wake()

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        wanted, self._reload_wanted = self._reload_wanted, False
        return wanted

    def put_off_reload(self) -> None:
        """Ask for the reload again, at the next opportunity."""
        self._reload_wanted = True

    def wake(self) -> None:
        """Wake whoever waits."""
        if self._wake.empty():
            self._wake.put(None)

    def wait(self, seconds: float) -> None:
        """Wait that long, or until woken."""
        with suppress(queue.Empty):
            self._wake.get(timeout=max(seconds, 0.0))
            while True:
                self._wake.get_nowait()
