"""A mail that is confirmed: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

import pytest

from e2e.crash_cases import Kind
from e2e.crash_matrix import ALL_CALLS, CrashMatrix

pytestmark = pytest.mark.long(minutes=5)


class TestConfirm(CrashMatrix):
    """One Confirm is accepted."""

    kind = Kind.CONFIRM
    calls = ALL_CALLS
