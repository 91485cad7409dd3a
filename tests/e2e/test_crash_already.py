"""A mail about an approved request: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

from e2e.crash_cases import Kind
from e2e.crash_matrix import CrashMatrix


class TestAlreadyConfirmed(CrashMatrix):
    """Its sender reads who approved before."""

    kind = Kind.ALREADY
