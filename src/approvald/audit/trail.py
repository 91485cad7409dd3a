"""The audit trail as the running daemon keeps it: its beginning and end, its file, its anchor."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from approvald.audit.anchor import Anchoring
from approvald.audit.copy import AuditCopy
from approvald.audit.file import AuditFile
from approvald.config.fingerprint import Fingerprint
from approvald.config.settings import Settings
from approvald.core.errors import System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Names
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.store import Store

_LOG: Final = logging.getLogger(__name__)
_KIND: Final = "policy"


class AuditTrail:
    """The daemon's audit trail. Every method may raise Unavailable (ledger or audit): then nothing is confirmed."""

    def __init__(
        self, *, rows: AuditRows, copy: AuditCopy, anchoring: Anchoring, names: Names, fingerprint: Fingerprint
    ) -> None:
        self._rows = rows
        self._copy = copy
        self._anchoring = anchoring
        self._names = names
        self._fingerprint = fingerprint

    @classmethod
    def from_settings(
        cls, settings: Settings, store: Store, *, tell_cut: Callable[[str], None], tell_failed: Callable[[str], None]
    ) -> AuditTrail:
        """Build it. `tell_cut`, `tell_failed`: who hears that the file was cut, or not anchored."""
        rows, audit = AuditRows(store), settings.audit
        name = copy_name(audit.file)
        return cls(
            rows=rows,
            copy=AuditCopy(rows, AuditFile(audit.file), name, tell_short=tell_cut),
            anchoring=Anchoring(
                rows, audit.anchor_command, every=timedelta(minutes=audit.anchor_minutes), clock=store.clock,
                tell=tell_failed,
            ),
            names=store,
            fingerprint=Fingerprint.from_settings(settings),
        )  # fmt: skip

    @contextmanager
    def of_program(self, holder: str, token: int | None) -> Iterator[None]:
        """Write down the beginning, and the end when the block ends; the end is a courtesy: a crash leaves none."""
        self._begin(holder, token)
        try:
            yield
        finally:
            try:
                self._rows.add(AuditKind.STOP, {"holder": holder})
                self._copy.bring_up_to_date()
            except Unavailable as away:
                _tell(away)

    def _begin(self, holder: str, token: int | None) -> None:
        """Write down who works from now on and by which rules, and whether these have changed."""
        fingerprint = self._fingerprint
        before = self._names.recall(_KIND).get("hash")
        self._rows.add(AuditKind.START, {**fingerprint.marks(), "holder": holder, "lease": token})
        if before != fingerprint.policy_hash:
            content = {"before": before, "policy_hash": fingerprint.policy_hash, "policy": dict(fingerprint.policy)}
            self._rows.add(AuditKind.POLICY, content)
            self._names.remember(_KIND, "hash", fingerprint.policy_hash)
        try:
            self._copy.bring_up_to_date()
        except Unavailable as away:
            if away.system is not System.AUDIT:
                raise
            _tell(away)  # mails are read all the same; `bring_up_to_date` keeps everything from being confirmed

    def housekeep(self) -> None:
        """Bring the file up to date, and anchor the head when that is due."""
        self._copy.bring_up_to_date()
        self._anchoring.housekeep()

    def bring_up_to_date(self) -> None:
        """Write what the ledger holds into the file; asked for right before something is sent to PVWA."""
        self._copy.bring_up_to_date()


def copy_name(file: Path) -> str:
    """Return the name by which the ledger remembers this host's copy."""
    return f"{socket.gethostname()}:{file}"


def _tell(away: Unavailable) -> None:
    event(_LOG, Event.SYSTEM_AWAY, logging.ERROR, system=away.system.value, cause=str(away))
