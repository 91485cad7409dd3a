"""Shadow mode decides on real mails and touches nothing; going live afterwards needs no new ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from approvald.core.model import ConfirmingAccount
from approvald.core.ports import Accepted
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.stage import HANDLED, Stage, raised
from e2e.test_reconcile import thief

ILKA, WEN = "ilka.brandt@corp.example", "wen.zhao@corp.example"
CHANGES = ("CreateItem", "MoveItem", "CreateFolder", "UpdateItem", "SendItem", "DeleteItem")


def shadowed(text: str) -> str:
    """Change the configuration to shadow mode."""
    return text.replace("\n[daemon]\n", '\n[daemon]\nmode = "shadow"\n')


def look_again(state: Path) -> None:
    """Let the daemon look requests up again that it has looked up a moment ago."""
    with closing(sqlite3.connect(state / "ledger.db", timeout=10)) as raw, raw:
        raw.execute("UPDATE shadow SET looked_at = 1")


def trail(state: Path) -> list[dict[str, str]]:
    """Return what the audit trail says of shadow mode."""
    lines = [json.loads(line) for line in (state / "audit.jsonl").read_bytes().splitlines()]
    return [line["event"] for line in lines if line["kind"] == "shadow"]


def report(stage: Stage) -> list[dict[str, str]]:
    """Return the rows of the report."""
    done = stage.run("shadow", "report", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_nothing_is_touched_and_everything_is_compared(sandbox: Sandbox, tmp_path: Path) -> None:
    """Confirm, refuse and forged mails stay where they are; what people do then is held against the decisions."""
    state = tmp_path / "state"
    with raised(sandbox, state, edit=shadowed) as stage:
        approved, refused = stage.request(), stage.new_request()
        sandbox.deliver(forwarded(approved, ILKA))
        sandbox.deliver(forwarded(refused, WEN))
        sandbox.deliver(forwarded(refused, ILKA).replace(b"AuthAs: Internal", b"AuthAs: Anonymous"))
        stage.daemon.wait_for("shadow.decided", 3)
        stage.daemon.wait_for("shadow.mode")
        stage.daemon.kill()
        stage.daemon.start()
        stage.daemon.wait_for("daemon.started", 2)

        asked = sandbox.stats()["operations"]["exchange"]
        assert [each for each in asked if each in CHANGES] == []
        assert (stage.attempts(), sandbox.sent(), stage.filed()) == (0, [], dict.fromkeys(HANDLED, 0))
        assert len(sandbox.mailbox()["Inbox"]) == 3
        rows = {row["would_end_as"]: row for row in report(stage)}
        assert set(rows) == {"confirmed", "other_team", "sender_unproven"}
        assert sum(1 for _ in stage.daemon.events("shadow.decided")) == 3
        assert rows["sender_unproven"]["verdict"] == "nothing to compare with"
        key = rows["other_team"]["request"]
        why = stage.run("why", key).stdout
        assert (
            "would have ended as confirmed; nothing was done" in stage.run("why", rows["confirmed"]["request"]).stdout
        )
        assert "would have ended as other_team" in why
        assert "NO own_team" in why
        assert "shadow mode moves no mail" in stage.run("retry", "--folder", "Refused", "--reason", "why not").stderr
        assert '"refused"' not in json.dumps([each for each in trail(state) if each["would_end_as"] == "confirmed"])
        folder = tmp_path / "evidence"
        assert stage.run("evidence", key, "--to", str(folder)).returncode == 0
        assert "would have ended as other_team; shadow mode" in (folder / "summary.txt").read_text(encoding="utf-8")
        assert stage.run("audit", "verify", str(folder)).returncode == 0

        # People decide otherwise than approvald would have, and the report says so first
        client = thief(sandbox)
        assert client.confirm(f"{refused.safe}_{refused.number}", ConfirmingAccount.FIRST, "by hand") == Accepted()
        client.close()
        look_again(state)
        stage.until(lambda: report(stage)[0]["became"] == "confirmed")
        first = report(stage)[0]
        assert first["verdict"] == "would have refused, and people confirmed"
        assert first["became_by"].startswith("svc-pam-l1")

    # Live, on the same ledger: every mail is as new, and is handled once
    with raised(sandbox, state) as stage:
        stage.until(lambda: sum(stage.filed().values()) == 3)
        assert stage.votes(approved) == [("svc-pam-l1", 1)]
        assert sorted(stage.codes()) == ["already_confirmed", "confirmed", "sender_unproven"]
        assert len(stage.replies()) == 2
