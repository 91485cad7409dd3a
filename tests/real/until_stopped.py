"""Starts what tests start, and waits to be stopped; test_stopping.py runs these by their names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from e2e.quick_daemon import quick_daemon
from real.domain_controller import DomainController

pytestmark = pytest.mark.timeout(0)


def wait() -> None:
    """Say by a file that everything runs, and wait."""
    Path(os.environ["APPROVALD_EVERYTHING_RUNS"]).touch()
    while True:
        time.sleep(60)


def test_daemons(tmp_path: Path) -> None:
    """A sandbox and both kinds of daemons."""
    with Sandbox(directory=tmp_path / "sandbox") as sandbox:
        endpoints = sandbox.endpoints()
        one, two = tmp_path / "one", tmp_path / "two"
        with (
            quick_daemon(one, approvald_toml(endpoints, one)) as forked,
            ApprovaldProcess(two, approvald_toml(endpoints, two)) as executed,
        ):
            forked.wait_for("daemon.started")
            executed.wait_for("daemon.started")
            wait()


def test_servers(postgresql_url: str, own_controller: DomainController) -> None:
    """PostgreSQL, and a domain controller that stands still."""
    assert postgresql_url
    own_controller.suspend()
    wait()
