"""A ledger file has one program a role, and belongs to its owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from approvald.instance import MAIL, AlreadyRunning, only_instance


def test_a_second_one_of_the_same_role_hears_who_works(tmp_path: Path) -> None:
    """With the process's number; another role shares the file."""
    ledger = tmp_path / "ledger.db"
    with only_instance(ledger, MAIL):
        with (
            pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.* in the role mail"),
            only_instance(ledger, MAIL),
        ):
            pass
        with only_instance(ledger, "chat"):
            assert ledger.exists()
    with only_instance(ledger, MAIL):
        assert ledger.exists()


def test_a_ledger_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    """However it came to that: it names people and requests."""
    ledger = tmp_path / "ledger.db"
    ledger.touch()
    ledger.chmod(0o644)
    with only_instance(ledger, MAIL):
        assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
