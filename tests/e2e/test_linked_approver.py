"""A site where a mail counts for the groups of its sender's other account."""

from __future__ import annotations

from pathlib import Path

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.stage import Seen, Stage, raised

TIMO = "timo.gast@corp.example"


def see(stage: Stage, requestor: str) -> Seen:
    """Let somebody ask, and Timo, who is an approver by his admin account only, approve."""
    return stage.see(forwarded(stage.new_request(requestor=requestor), TIMO))


def test_a_linked_account_lends_its_groups_where_the_site_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    """`people.approver_by_linked_account`: but never for its owner's own requests."""

    def lending(text: str) -> str:
        return f"{text}\n[people]\napprover_by_linked_account = true\n"

    sandbox.change_person("adm-timo", kind="admin", manager="timo.gast", mail=None, proxy_addresses=[])
    sandbox.change_group("DB_PAMapprover", members=["ilka.brandt", "adm-timo"])
    with raised(sandbox, tmp_path / "state", edit=lending) as stage:
        assert see(stage, "jonas.keil@corp.example").code == "confirmed"
        assert "Approved on behalf of timo.gast@corp.example " in stage.comments()[-1]
        assert see(stage, TIMO).code == "own_request"
        sandbox.change_person("adm-timo", disabled=True)
        assert see(stage, "jonas.keil@corp.example").code == "not_an_approver"
