"""What a run leaves in log, ledger and replies: JSON lines, one summary a mail, never a secret or a text of a mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice, forwarded, out_of_office
from approvald_sandbox.world.world import SERVICE_ACCOUNTS
from e2e.stage import Stage, quick_to_settle, raised

ILKA, TIMO, RHEA = "ilka.brandt@corp.example", "timo.gast@corp.example", "rhea.malik@corp.example"
PASSWORD = "Planted-Passw0rd-4711"
NOTE = "Zimtstern says the maintenance is agreed with Kolibri"
# How the pretend PVWA's tokens end, in base64, and how the pretend Vault's begin
TOKENS = ("MDAwMDAwMDA7", "hvs.")
COMMON = {"timestamp", "severity", "event", "mail_id", "logger"}
SUMMARY = COMMON | {"code", "sender", "request_id", "level", "confirmer", "ms", "steps", "why"}


def talkative(text: str) -> str:
    """Change the configuration so that everything is logged that can be."""
    return quick_to_settle(text).replace("\n[logs]\n", '\n[logs]\nlevel = "debug"\n')


@pytest.fixture(scope="module")
def played(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, list[Notice]]]:
    """Play a confirmation, refusals, an outage, a lost answer and a wrong password; then stop the daemon."""
    sandbox = sandbox_process
    sandbox.reset()
    for account in SERVICE_ACCOUNTS:
        sandbox.change_password(account, PASSWORD)
    state = tmp_path_factory.mktemp("written") / "state"
    with raised(sandbox, state, edit=talkative, timeout=1.0, stderr="all") as stage:
        notices = [stage.new_request() for _ in range(4)]
        stage.see(forwarded(notices[0], ILKA, note=NOTE))
        stage.see(forwarded(notices[1], TIMO, note=NOTE))
        stage.see(forwarded(notices[2], ILKA, note=f"{NOTE}\nSafe: DB-PROD-02\n"))
        stage.see(out_of_office(ILKA))
        sandbox.put_fault(
            System.PVWA, Fault(kind=FaultKind.RESET_AFTER, operation="IncomingRequests.Confirm ", times=1)
        )
        stage.see(forwarded(notices[3], ILKA, note=NOTE))
        for system in System:
            sandbox.put_fault(system, Fault(kind=FaultKind.STATUS, status=500, times=2))
        sandbox.change_password("svc-pam-l2", f"{PASSWORD}-old", ["vault"])
        sandbox.deliver(forwarded(stage.new_request(waits_for_level=2), RHEA, note=NOTE))
        stage.until(lambda: any(line["system"] == "pvwa" for line in stage.daemon.events("mail.waiting")))
    yield stage, notices
    sandbox.reset()


def test_every_line_is_json_with_its_event(played: tuple[Stage, list[Notice]]) -> None:
    """Log file and stderr hold the same kind of lines: JSON, each with time, severity, event and logger."""
    stage, _ = played
    for text in (stage.daemon.log.read_text(encoding="utf-8"), stage.daemon.output()):
        lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        assert len(lines) > 20
        assert all(line.keys() >= COMMON - {"mail_id"} for line in lines)
        assert all(line["mail_id"] for line in lines if line["event"].startswith("mail."))


def test_each_mail_has_one_summary(played: tuple[Stage, list[Notice]]) -> None:
    """One `mail.done` a mail that came to its end, also where it waited: who, what, how, by whom, how long."""
    stage, notices = played
    done = list(stage.daemon.events("mail.done"))
    ids = [line["mail_id"] for line in done]

    assert sorted(line["code"] for line in done) == sorted(
        ["confirmed", "not_an_approver", "ambiguous", "automatic", "confirmed"]
    )
    assert len(set(ids)) == len(ids)
    assert all(line.keys() >= SUMMARY for line in done)
    # The last one's answer was lost: it was settled by reading PVWA, before anything else
    whole, resumed = {"intake", "sender", "group", "parse", "pvwa", "confirm"}, {"resume"}
    for line, notice, steps in ((done[0], notices[0], whole), (done[-1], notices[3], resumed)):
        key = f"{notice.safe}_{notice.number}"
        said = (line["sender"], line["request_id"], line["level"], line["confirmer"])
        assert said == (ILKA, key, 1, "svc-pam-l1")
        assert steps <= line["steps"].keys()
        assert 0 < sum(line["steps"].values()) <= line["ms"] + 1
    assert f"(approvald {ids[0]})" in stage.comments()[0]


def test_no_secret_and_no_mail_is_written_anywhere(played: tuple[Stage, list[Notice]]) -> None:
    """Passwords, tokens and texts of mails stand in no log line, no byte of the ledger, no reply, no comment."""
    stage, _ = played
    endpoints = stage.sandbox.endpoints()
    ids = [Path(endpoints[name]).read_text("utf-8").strip() for name in ("vault_role_id_file", "vault_secret_id_file")]
    files = {file.name: file.read_bytes() for file in stage.daemon.state.iterdir() if file.is_file()}
    written = files | {
        "replies": json.dumps(stage.sandbox.sent()).encode(),
        "comments": json.dumps(stage.comments()).encode(),
    }

    assert {"approvald.log", "stderr", "ledger.db"} <= written.keys()
    assert b"Approved" in written["replies"]
    for name, content in written.items():
        for planted in (PASSWORD, "Zimtstern", "Kolibri", *TOKENS, *ids):
            assert planted.encode() not in content, (name, planted)
            assert planted.encode("utf-16-le") not in content, (name, planted)


def test_what_approvald_makes_is_its_own(played: tuple[Stage, list[Notice]]) -> None:
    """Ledger and lock may be read by nobody else."""
    stage, _ = played
    for name in ("ledger.db", "ledger.db.mail.lock"):
        assert (stage.daemon.state / name).stat().st_mode & 0o077 == 0, name
