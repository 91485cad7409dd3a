"""`approvald doctor` on real processes and real protocols: what it finds, and that it changes nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from approvald_sandbox.approvald_process import ApprovaldProcess
from approvald_sandbox.approvald_toml import approvald_toml
from approvald_sandbox.client import Sandbox
from approvald_sandbox.faults import Fault, FaultKind, System
from approvald_sandbox.mails import Notice, forwarded
from e2e.stage import Stage

ILKA, JONAS = "ilka.brandt@corp.example", "jonas.keil@corp.example"


@dataclass
class Practice:
    """A doctor for one sandbox: `state` holds its configuration and the ledger."""

    sandbox: Sandbox
    state: Path

    def write(self, **configuration: Any) -> ApprovaldProcess:
        """Write the configuration; nothing is started."""
        options: dict[str, Any] = {"timeout": 2.0} | configuration
        return ApprovaldProcess(self.state, approvald_toml(self.sandbox.endpoints(), self.state, **options))

    def run(self, *arguments: str, edit: Sequence[tuple[str, str]] = (), **configuration: Any) -> tuple[int, str]:
        """Run the doctor. Returns its exit code and what it printed; `edit` replaces texts of the configuration."""
        process = self.write(**configuration)
        text = process.configuration.read_text(encoding="utf-8")
        for old, new in edit:
            assert old in text
            text = text.replace(old, new)
        process.configuration.write_text(text, encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - the program under test
            process.command("doctor", *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def examine(self, **how: Any) -> tuple[int, list[dict[str, str]]]:
        """Run the doctor. Returns its exit code and its findings."""
        code, printed = self.run("--json", **how)
        checks: list[dict[str, str]] = json.loads(printed)["checks"]
        return code, checks

    def request(self, **fields: Any) -> None:
        """Let a request wait in PVWA."""
        self.sandbox.change_request("DB-PROD-01", "1101", requestor=JONAS, **fields)


def bad(findings: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return what is not ok."""
    return [finding for finding in findings if finding["status"] != "ok"]


@pytest.fixture
def practice(sandbox: Sandbox, tmp_path: Path) -> Iterator[Practice]:
    """Give a doctor, and see afterwards that it confirmed, sent and moved nothing."""
    yield Practice(sandbox, tmp_path / "state")
    assert sandbox.confirm_attempts() == []
    assert sandbox.sent() == []
    folders = sandbox.mailbox()
    assert not any(folders.get(f"Inbox/{name}") for name in ("Done", "Refused", "Ignored", "Quarantine"))
    operations = sandbox.stats()["operations"]
    assert {"CreateItem", "MoveItem", "CreateFolder", "UpdateItem", "DeleteItem"}.isdisjoint(operations["exchange"])
    assert "IncomingRequests.Reject" not in operations["pvwa"]


def test_all_is_well(practice: Practice) -> None:
    """Every system is asked; each approver group stands there with its SID; no password is shown."""
    practice.request()
    practice.sandbox.deliver(forwarded(Notice(requestor=JONAS, safe="DB-PROD-01", number="1101"), ILKA))

    code, findings = practice.examine()

    assert bad(findings) == []
    assert code == 0
    checks = {finding["check"] for finding in findings}
    assert checks >= {"configuration", "ledger", "mailbox", "directory server", "pvwa account 1", "pvwa account 2"}
    groups = [finding["found"] for finding in findings if finding["check"] == "approver group"]
    assert [found.partition(":")[0] for found in groups] == [
        "DB_PAMapprover", "Infra_PAMapprover", "Net_PAMapprover", "SAP_PAMapprover", "L2_PAMapprover",
    ]  # fmt: skip
    assert all("S-1-5-21-" in found for found in groups)
    assert "Passw0rd" not in json.dumps(findings)
    assert len(practice.sandbox.mailbox()["Inbox"]) == 1


def test_a_person_reads_one_line_a_check(practice: Practice) -> None:
    """Without --json, each line begins with the word that matters."""
    practice.request()
    code, printed = practice.run()

    *lines, last = printed.splitlines()
    assert code == 0
    assert {line.split()[0] for line in lines} == {"ok"}
    assert last == f"{len(lines)} ok, 0 wrong, 0 unknown"


def test_it_works_beside_a_running_daemon(stage: Stage, tmp_path: Path) -> None:
    """Ledger and log-on guard are shared with the daemon, which goes on working."""
    notice = stage.request()
    done = subprocess.run(  # noqa: S603 - the program under test
        stage.daemon.command("doctor"), capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert stage.forward(notice) == "Done"


def test_a_pattern_that_matches_nothing_is_found(practice: Practice) -> None:
    """A wrong name in the configuration is told with what follows from it, also for the second level."""
    practice.request()
    code, findings = practice.examine(edit=[('"*_PAMapprover"', '"*_approver"'), ('"L2_PAMapprover"', '"L3"')])

    assert code == 1
    found = [finding["found"] for finding in bad(findings) if finding["check"] == "approver group"]
    assert any("No group matches *_approver" in each for each in found)
    assert any(each.startswith("L3: There is no such group") for each in found)


def test_a_distribution_group_is_found(practice: Practice) -> None:
    """It gives no rights, so it is named as wrong and the others are still listed."""
    practice.request()
    practice.sandbox.change_group("Net_PAMapprover", kind="distribution")

    code, findings = practice.examine()

    assert code == 1
    [finding] = bad(findings)
    assert finding["found"].startswith("Net_PAMapprover: It is a distribution group")


def test_a_wrong_password_is_tried_once(practice: Practice) -> None:
    """One failed log-on is reported with what to do; the second run knows of it from the ledger and tries nothing."""
    practice.request()
    practice.sandbox.change_password("svc-pam-l1", "another", places=["vault"])

    first_code, first = practice.examine()
    failed = practice.sandbox.stats()["failed_logons"]["pvwa"]
    second_code, second = practice.examine()

    assert failed == {"svc-pam-l1": 1}
    assert practice.sandbox.stats()["failed_logons"]["pvwa"] == failed
    assert (first_code, second_code) == (1, 1)
    for findings in (first, second):
        [finding] = bad(findings)
        assert finding["check"] == "pvwa account 1"
        assert "secret store" in finding["found"]
        assert "pvwa account 2" in {each["check"] for each in findings if each["status"] == "ok"}


@pytest.mark.parametrize(
    ("system", "check"),
    [
        (System.PVWA, "pvwa account 1"),
        (System.DIRECTORY, "approver groups"),
        (System.EXCHANGE, "mailbox"),
        (System.VAULT, "secret level2"),
    ],
)
def test_a_system_that_is_away_leaves_its_checks_unknown(practice: Practice, system: System, check: str) -> None:
    """Nothing is wrong, so the exit code is 69; the other systems are checked all the same."""
    practice.request()
    practice.sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))

    code, findings = practice.examine()

    assert code == 69
    assert {finding["status"] for finding in bad(findings)} == {"unknown"}
    assert check in {finding["check"] for finding in bad(findings)}
    if system is not System.VAULT:
        others = {"mailbox", "approver groups", "pvwa account 1"} - {check}
        assert others <= {finding["check"] for finding in findings if finding["status"] == "ok"}


def test_one_of_two_directory_servers_is_named(practice: Practice) -> None:
    """The daemon would go on with the other one; the doctor says which is away."""
    practice.request()
    code, findings = practice.examine(edit=[("servers = [", 'servers = ["ldaps://localhost:9", ')])

    assert code == 69
    assert {finding["check"] for finding in bad(findings)} == {"directory server"}
    assert all("ldaps://localhost:9" in finding["found"] for finding in bad(findings))


def test_a_confirmer_that_is_no_approver_group_is_named(practice: Practice) -> None:
    """PVWA's name is told with the line that [groups.pvwa_names] needs, and with that line all is well."""
    practice.sandbox.change_group("DB approvers", members=["svc-pam-l1", ILKA])
    practice.sandbox.change_safe("DB-PROD-01", level1=["DB approvers"])
    practice.request()

    code, findings = practice.examine()
    assert code == 1
    [finding] = bad(findings)
    assert finding["found"].startswith("DB approvers confirms requests of DB-PROD-01")
    line = '"DB approvers" = "DB_PAMapprover"'
    assert line in finding["do"]

    code, findings = practice.examine(edit=[("[pvwa]", f"[groups.pvwa_names]\n{line}\n[pvwa]")])
    assert (code, bad(findings)) == (0, [])
