"""A mail that is refused: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

import pytest

from e2e.crash_cases import Kind
from e2e.crash_matrix import CrashMatrix

pytestmark = pytest.mark.long(minutes=2)


class TestRefuse(CrashMatrix):
    """Nothing is confirmed."""

    kind = Kind.REFUSE
