"""The power goes: whatever was not synced is lost, and nothing that was acted on is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from e2e import power_cut
from e2e.crash_cases import Kind, Scene
from e2e.quick_daemon import DaemonServer

pytestmark = pytest.mark.long(minutes=4)

WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("PRAGMA synchronous=" + sys.argv[2])
connection.execute("INSERT INTO facts VALUES (1)")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("synchronous", "kept"), [("OFF", 0), ("FULL", 1)])
def test_a_ledger_that_is_not_synced_would_be_found(tmp_path: Path, synchronous: str, kept: int) -> None:
    """The test itself can fail: a commit that is not synced is gone after the cut."""
    library, ledger = power_cut.built(tmp_path), tmp_path / "ledger.db"
    with sqlite3.connect(ledger) as made:
        made.execute("CREATE TABLE facts (n INTEGER)")
    made.close()
    power_cut.begin(tmp_path)
    subprocess.run(  # noqa: S603 - our own few lines
        [sys.executable, "-c", WRITER, str(ledger), synchronous], env={"LD_PRELOAD": str(library)}, check=False
    )
    power_cut.cut(tmp_path)
    with sqlite3.connect(ledger) as found:
        assert found.execute("SELECT count(*) FROM facts").fetchall() == [(kept,)]
    found.close()


@pytest.mark.timeout(600)
def test_the_power_goes_right_after_every_commit(sandbox_process: Sandbox, tmp_path: Path) -> None:
    """What the daemon has committed was synced, so that it may act on it."""
    with DaemonServer(power_cut.built(tmp_path)) as server:
        scene = Scene(sandbox_process, server, tmp_path)
        print(f"{scene.at_every_commit(Kind.CONFIRM, after=True)} cuts")  # noqa: T201 - the figure
