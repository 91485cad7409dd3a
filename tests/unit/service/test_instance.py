"""A ledger file has one program a role, and belongs to its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from approvald.core.errors import System, Unavailable
from approvald.service.instance import MAIL, AlreadyRunning, OnlyInstance


@contextmanager
def held(ledger: Path, role: str = MAIL) -> Iterator[OnlyInstance]:
    """Hold the role's lock while inside."""
    with ExitStack() as stack:
        lock = OnlyInstance(ledger, role)
        stack.callback(lock.close)
        lock.hold()
        yield lock


def test_a_second_one_of_the_same_role_hears_who_works(tmp_path: Path) -> None:
    """With the process's number; another role shares the file."""
    ledger = tmp_path / "ledger.db"
    with held(ledger) as first:
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.* in role mail"):
            OnlyInstance(ledger, MAIL).hold()
        with held(ledger, "chat"):
            assert ledger.exists()
        first.hold()
    with held(ledger):
        assert ledger.exists()


def test_a_ledger_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    """However it came to that: it names people and requests."""
    ledger = tmp_path / "ledger.db"
    ledger.touch()
    ledger.chmod(0o644)
    with held(ledger):
        assert stat.S_IMODE(ledger.stat().st_mode) == 0o600


def test_a_disk_that_does_not_do_its_work_is_an_outage(tmp_path: Path) -> None:
    """The program waits for it, as it does later on."""
    ledger, block = tmp_path / "ledger.db", tmp_path / "ledger.db.mail.lock"
    block.mkdir()
    lock = OnlyInstance(ledger, MAIL)
    with pytest.raises(Unavailable, match=r"mail\.lock cannot be written \(Is a directory\)") as caught:
        lock.hold()
    assert caught.value.system is System.LEDGER
    block.rmdir()
    lock.hold()
    lock.close()
