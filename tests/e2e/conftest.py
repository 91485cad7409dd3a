"""One sandbox process for all whole stories; each finds it as new, with a daemon of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml
from e2e.quick_daemon import stopped_daemon
from e2e.stage import Stage, quick_to_settle, raised, restore


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start the sandbox once."""
    with Sandbox(directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """Give the sandbox in the world of the demo, with nothing done yet."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def stage(sandbox: Sandbox, tmp_path: Path) -> Iterator[Stage]:
    """Give the sandbox with a running daemon."""
    with raised(sandbox, tmp_path / "state") as made:
        yield made


@pytest.fixture(scope="module")
def running(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a daemon that runs through all tests of a module; they use `house`."""
    sandbox_process.reset()
    state = tmp_path_factory.mktemp("house") / "state"
    with raised(sandbox_process, state, timeout=2.0, edit=quick_to_settle) as made:
        yield made


@pytest.fixture
def house(running: Stage) -> Iterator[Stage]:
    """Give the module's daemon, and afterwards undo what the test did to the world. Tests take `new_request`."""
    yield running
    restore(running.sandbox)


@pytest.fixture
def stopped(sandbox: Sandbox, tmp_path: Path) -> Iterator[Stage]:
    """Give the sandbox with a daemon that is not started yet."""
    state = tmp_path / "state"
    text = quick_to_settle(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.2, timeout=2.0))
    with stopped_daemon(state, text) as daemon:
        yield Stage(sandbox, daemon)
