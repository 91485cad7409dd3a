"""The sections about replies, and about the daemon itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import PositiveFloat

from approvald.settings.values import AbsolutePath, Address, Filled, LedgerUrl, OptionalPath, OptionalUrl, Section, Zone


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

    poll_seconds: PositiveFloat = 15.0
    tell_after_minutes: PositiveFloat = 5.0


class LedgerSettings(Section):
    """[ledger]: what happened to each mail and request."""

    file: AbsolutePath = Path("/var/lib/approvald/ledger.db")
    url: LedgerUrl = ""
    password_file: OptionalPath = None


class LogSettings(Section):
    """[logs]: JSON lines for operators."""

    file: OptionalPath = Path("/var/log/approvald/approvald.log")
    level: Literal["debug", "info", "warning", "error"] = "info"
    stderr: Literal["all", "warnings", "none"] = "all"
