"""A mail that is refused: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

from e2e.crash_cases import Kind
from e2e.crash_matrix import CrashMatrix


class TestRefuse(CrashMatrix):
    """Nothing is confirmed."""

    kind = Kind.REFUSE
