"""Policy per safe, with the daemon as a process: what may be approved by mail, and what is said where it may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.stage import Stage, raised, restore

POLICY = """
[[policy.rules]]
safes = ["*-prod-02"]
mail = "deny"

[[policy.rules]]
safes = ["db-*"]
mail = "allow"
"""


@pytest.fixture(scope="module")
def ruled(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a daemon with a policy, for all tests of this module."""
    sandbox_process.reset()
    state = tmp_path_factory.mktemp("ruled") / "state"
    with raised(sandbox_process, state, edit=lambda text: text + POLICY) as made:
        yield made


@pytest.fixture
def house(ruled: Stage) -> Iterator[Stage]:
    """Give that daemon, and undo afterwards what a test did to the world."""
    yield ruled
    restore(ruled.sandbox)


def test_an_allowed_safe_is_confirmed(house: Stage) -> None:
    """A rule that says so by pattern, whatever the case of the name."""
    notice = house.new_request()
    seen = house.see(forwarded(notice, "ilka.brandt@corp.example"))
    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert house.votes(notice) == [("svc-pam-l1", 1)]


def test_a_barred_safe_is_refused_with_where_to_approve(house: Stage) -> None:
    """PVWA gets no call that changes anything; sender and team read why."""
    notice = house.new_request(safe="DB-PROD-02")
    seen = house.see(forwarded(notice, "ilka.brandt@corp.example"))
    assert (seen.folder, seen.code) == ("Refused", "safe_barred")
    assert house.attempts_at(notice) == 0
    assert "CyberArk portal (PVWA)" in seen.replies[0]["text"]
