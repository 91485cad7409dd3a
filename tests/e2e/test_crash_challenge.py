"""A mail whose approval needs a code: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

import pytest

from e2e.crash_cases import Kind
from e2e.crash_matrix import CrashMatrix

pytestmark = pytest.mark.long(minutes=3)


class TestChallenge(CrashMatrix):
    """One code is sent."""

    kind = Kind.CHALLENGE
