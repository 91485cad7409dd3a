"""One sandbox process for all tests of this folder; each test finds it as new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start the sandbox once."""
    directory: Path = tmp_path_factory.mktemp("sandbox")
    with Sandbox(directory=directory) as started:
        yield started


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """Give the sandbox in the world of the demo, with nothing done yet."""
    sandbox_process.reset()
    return sandbox_process
