"""Rejecting by mail, with the daemon as a process: where it is enabled, and where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.stage import Stage, raised

ILKA, MARA = "ilka.brandt@corp.example", "mara.voss@corp.example"


@pytest.fixture(params=[True, False], ids=["enabled", "not enabled"])
def enabled(request: pytest.FixtureRequest) -> bool:
    """Give both settings in turn."""
    return bool(request.param)


def test_reject_closes_the_request_only_where_it_is_enabled(sandbox: Sandbox, tmp_path: Path, *, enabled: bool) -> None:
    """The approver's words stand at PVWA; where it is not enabled, the request stays open and nobody has approved."""
    text = f"[policy]\nreject = {str(enabled).lower()}\n"
    with raised(sandbox, tmp_path / "state", edit=lambda made: made.replace("[policy]\n", text)) as stage:
        notice = stage.new_request()
        seen = stage.see(forwarded(notice, ILKA, note="Reject: not in this week's plan"))
        assert stage.attempts_at(notice) == 0
        assert rejections(stage) == int(enabled)
        if not enabled:
            assert (seen.folder, seen.code) == ("Refused", "reject_disabled")
            assert stage.see(forwarded(notice, MARA)).code == "confirmed"
            return
        assert (seen.folder, seen.code) == ("Done", "rejected")
        assert [(reply["to"], reply["cc"]) for reply in seen.replies] == [([ILKA], [])]
        later = stage.see(forwarded(notice, MARA))
        assert later.code == "already_rejected"
        assert f"rejected by {ILKA}" in later.replies[0]["text"]
        other = stage.new_request()
        fine = stage.see(forwarded(other, ILKA, note="Rejected the other one, this is fine"))
        assert (fine.code, rejections(stage)) == ("confirmed", 1)


def rejections(stage: Stage) -> int:
    """Return how many Reject calls arrived at PVWA."""
    return len(stage.sandbox.journal("IncomingRequests.Reject"))
