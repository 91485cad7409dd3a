"""The rules of the crash matrix, for one kind of mail.

Each kind is a class in a file of its own, so that they run beside each other.
"""

from __future__ import annotations

from typing import ClassVar, Final

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import System
from e2e.crash_cases import Kind, Scene
from e2e.quick_daemon import daemon_server

Call = tuple[System, bool]
"""A system, and whether it has done its part before the daemon is killed in the call."""
ALL_CALLS: Final[tuple[Call, ...]] = tuple((system, processed) for system in System for processed in (False, True))
ACTING_CALLS: Final[tuple[Call, ...]] = tuple(
    (system, processed) for system in (System.EXCHANGE, System.PVWA) for processed in (False, True)
)
"""Those that may change something."""
# Questions that change nothing: whether they were processed cannot be told from outside
CALLS: Final[tuple[Call, ...]] = (*ACTING_CALLS, (System.DIRECTORY, True), (System.VAULT, True))


class CrashMatrix:
    """Killed anywhere on the mail's way, the daemon loses and doubles nothing."""

    kind: ClassVar[Kind]
    calls: ClassVar[tuple[Call, ...]] = CALLS

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls, sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Scene:
        """Give sandbox and daemons."""
        return Scene(sandbox_process, daemon_server(), tmp_path_factory.mktemp("crashes"))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each call."""
        if "call" in metafunc.fixturenames:
            metafunc.parametrize("call", self.calls, ids=lambda call: f"{call[0]}-{'after' if call[1] else 'before'}")

    @pytest.mark.timeout(600)
    def test_killed_at_every_commit(self, scene: Scene) -> None:
        """Right before it is on the disk: the step was done, or was not."""
        kills = scene.at_every_commit(self.kind, after=False)
        print(f"{self.kind.name}: {kills} kills at commits")  # noqa: T201 - the figure
        assert kills >= 1

    @pytest.mark.timeout(600)
    def test_killed_in_every_call(self, scene: Scene, call: Call) -> None:
        """Whether the system has done its part or not."""
        system, processed = call
        kills = scene.in_every_call(self.kind, system, processed=processed)
        print(f"{self.kind.name}: {kills} kills in calls to {system}")  # noqa: T201 - the figure
        assert kills >= 1
