"""The scene of the tests that kill daemons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvald_sandbox.client import Sandbox
from e2e.crash_cases import Scene
from e2e.quick_daemon import DaemonServer


@pytest.fixture(scope="module")
def scene(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Give sandbox and daemons."""
    with DaemonServer() as server:
        yield Scene(sandbox_process, server, tmp_path_factory.mktemp("crashes"))
