"""The sections about replies, and about the daemon itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import PositiveFloat, field_validator

from approvald.config.settings.values import (
    AbsolutePath,
    Address,
    Filled,
    LedgerUrl,
    OptionalPath,
    OptionalUrl,
    Section,
    Zone,
)


class TeamSettings(Section):
    """[team]: the CyberArk team, in copy on failures."""

    name: Filled = "CyberArk team"
    address: Address


class ReplySettings(Section):
    """[reply]: what approvers read."""

    time_zone: Zone = "UTC"
    portal_url: OptionalUrl = None


class DaemonSettings(Section):
    """[daemon]: how often, and how long."""

    mode: Literal["live", "shadow"] = "live"
    poll_seconds: PositiveFloat = 15.0
    tell_after_minutes: PositiveFloat = 5.0


class LedgerSettings(Section):
    """[ledger]: what happened to each mail and request."""

    file: AbsolutePath = Path("/var/lib/approvald/ledger.db")
    url: LedgerUrl = ""
    password_file: OptionalPath = None


class AuditSettings(Section):
    """[audit]: the audit trail, for those who ask later who approved what, and why."""

    file: AbsolutePath = Path("/var/log/approvald/audit.jsonl")
    anchor_command: list[Filled] = []  # noqa: RUF012 - pydantic copies a default for each instance
    anchor_minutes: PositiveFloat = 60.0

    @field_validator("anchor_command")
    @classmethod
    def _absolute(cls, command: list[str]) -> list[str]:
        if command and not command[0].startswith("/"):
            message = "does not begin with an absolute path; name the program so, no PATH is searched"
            raise ValueError(message)
        return command


class LogSettings(Section):
    """[logs]: JSON lines for operators."""

    file: OptionalPath = Path("/var/log/approvald/approvald.log")
    level: Literal["debug", "info", "warning", "error"] = "info"
    stderr: Literal["all", "warnings", "none"] = "all"
