"""A mail whose approval needs a code: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

from e2e.crash_cases import Kind
from e2e.crash_matrix import CrashMatrix


class TestChallenge(CrashMatrix):
    """One code is sent."""

    kind = Kind.CHALLENGE
