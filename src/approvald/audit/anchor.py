"""Hands the head of the audit trail to a program of the site that keeps it where approvald cannot change it."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock
from approvald.ledger.audit import AuditRows

_LOG: Final = logging.getLogger(__name__)
_SECONDS: Final = 10.0
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class Anchoring:
    """Runs the command when it is due and something new was written. `tell` is called once when it begins to fail."""

    def __init__(
        self, rows: AuditRows, command: Sequence[str], *, every: timedelta, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self._rows = rows
        self._command = list(command)
        self._every_seconds = every.total_seconds()
        self._clock = clock
        self._tell = tell
        self._due = clock.monotonic()
        self._anchored = 0
        self._failing = False

    def housekeep(self) -> None:
        """Anchor the head, if it is time. Raises Unavailable (ledger); a failing command is only reported."""
        if not self._command or self._clock.monotonic() < self._due:
            return
        seq, digest = self._rows.head()
        self._due = self._clock.monotonic() + self._every_seconds
        if seq == self._anchored:
            return
        why = self._run(json.dumps({"seq": seq, "hash": digest, "at": self._clock.now().isoformat()}))
        if not why:
            self._anchored, self._failing = seq, False
            event(_LOG, Event.AUDIT_ANCHORED, logging.INFO, count=seq)
            return
        event(_LOG, Event.AUDIT_ANCHOR_FAILED, logging.ERROR, cause=why)
        if not self._failing:
            self._tell(why)
        self._failing = True

    def _run(self, head: str) -> str:
        """Run the command with the head on its standard input. Returns why it failed, an empty text when it did not."""
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                self._command, input=head.encode("ascii"), env=_ENVIRONMENT, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False, cwd="/",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"the command did not end within {_SECONDS:g} s"
        except OSError as error:
            return f"the command cannot be run ({error.strerror})"
        return f"the command ended with exit code {done.returncode}" if done.returncode else ""
