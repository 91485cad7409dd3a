"""What systemd and operators ask of the running program. Handlers only set flags and wake whoever waits."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Signals:
    """SIGTERM and SIGINT wish it to stop, SIGHUP to reload. Thread safe."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._stopping = False
        self._reload_wanted = False

    def listen(self) -> None:
        """Take the signals from now on; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the form of a handler
        self._stopping = True
        self._wake.set()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the form of a handler
        self.ask_reload()

    def is_stopping(self) -> bool:
        """Whether the program is to stop."""
        return self._stopping

    def ask_reload(self) -> None:
        """Wish for a reload, as soon as may be."""
        self._reload_wanted = True
        self._wake.set()

    def take_reload(self) -> bool:
        """Whether a reload was wished for since this was asked last."""
        wanted, self._reload_wanted = self._reload_wanted, False
        return wanted

    def put_off_reload(self) -> None:
        """Wish for the reload again, at the next occasion."""
        self._reload_wanted = True

    def wake(self) -> None:
        """Wake whoever waits."""
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until woken."""
        if self._wake.wait(seconds):
            self._wake.clear()
