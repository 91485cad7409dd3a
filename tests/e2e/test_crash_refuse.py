"""A mail that is refused: killed anywhere on its way, the daemon loses and doubles nothing."""

from __future__ import annotations

import pytest

from approvald_sandbox.faults import System
from e2e.crash_cases import Kind, Scene
from e2e.crash_fixtures import scene

__all__ = ["scene"]
pytestmark = pytest.mark.timeout(600)


def test_killed_at_every_commit(scene: Scene) -> None:
    """Right before it is on the disk: the step was done, or was not."""
    print(f"{scene.at_every_commit(Kind.REFUSE, after=False)} kills")  # noqa: T201 - the figure


@pytest.mark.parametrize(
    ("system", "processed"),
    [
        (System.EXCHANGE, False), (System.EXCHANGE, True), (System.PVWA, False), (System.PVWA, True),
        # Questions that change nothing: whether they were processed cannot be told from outside
        (System.DIRECTORY, True), (System.VAULT, True),
    ],
)  # fmt: skip
def test_killed_in_every_call(scene: Scene, system: System, *, processed: bool) -> None:
    """Whether the system has done its part or not."""
    kills = scene.in_every_call(Kind.REFUSE, system, processed=processed)
    print(f"{kills} kills")  # noqa: T201 - the figure
    assert kills >= 1
