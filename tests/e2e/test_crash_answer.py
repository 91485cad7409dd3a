"""A mail that answers with the code: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

import pytest

from e2e.crash_cases import Kind
from e2e.crash_matrix import ACTING_CALLS, CrashMatrix

pytestmark = pytest.mark.long(minutes=4)


class TestAnswer(CrashMatrix):
    """One Confirm is accepted, on the code."""

    kind = Kind.ANSWER
    calls = ACTING_CALLS
