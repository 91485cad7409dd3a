"""`approvald doctor` on real processes and real protocols: what it finds, and that it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.quick_daemon import daemon_server
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
        """Run the doctor. Returns its exit code and what it said, on stdout or else on stderr.

        `edit` replaces texts of the configuration.
        """
        process = self.write(**configuration)
        text = process.configuration.read_text(encoding="utf-8")
        for old, new in edit:
            assert old in text
            text = text.replace(old, new)
        process.configuration.write_text(text, encoding="utf-8")
        done = daemon_server().run(process.arguments("doctor", *arguments), seconds=60)
        assert not (done.stdout and done.stderr)
        return done.returncode, done.stdout or done.stderr

    def examine(self, **how: Any) -> tuple[int, list[dict[str, str]]]:
        """Run the doctor. Returns its exit code and its findings."""
        code, printed = self.run("--json", **how)
        checks: list[dict[str, str]] = json.loads(printed)["checks"]
        return code, checks

    def senders(self, **how: Any) -> tuple[int, dict[str, Any]]:
        """Run `doctor --senders`. Returns its exit code and what it says."""
        code, printed = self.run("--senders", "--json", **how)
        said: dict[str, Any] = json.loads(printed)
        return code, said

    def request(self, **fields: Any) -> None:
        """Let a request wait in PVWA."""
        self.sandbox.change_request("DB-PROD-01", "1101", requestor=JONAS, **fields)


def arriving(*, auth_as: str = "Internal", mechanism: str = "04", source: str = "EX01.corp.example") -> bytes:
    """Return a forwarded notification with what Exchange writes about its sender; an empty value leaves a field out."""
    raw = forwarded(Notice(requestor=JONAS, safe="DB-PROD-01", number="1101"), ILKA)
    head, _, body = raw.partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.startswith(b"X-MS-Exchange-Organization-Auth")]
    values = {"As": auth_as, "Mechanism": mechanism, "Source": source}
    lines += [f"X-MS-Exchange-Organization-Auth{name}: {value}".encode() for name, value in values.items() if value]
    return b"\n".join(lines) + b"\n\n" + body


WAYS_IN: Final = (
    *(arriving() for _ in range(5)),
    *(arriving(source="EX02.corp.example") for _ in range(2)),
    arriving(source="ex07.dc.corp.example"),
    arriving(mechanism="06", source="EX03.corp.example"),
    arriving(mechanism="10", source="EX04.corp.example"),
    arriving(mechanism="00", source="EX05.corp.example"),
    arriving(auth_as="Anonymous", mechanism="00", source="EX06.corp.example"),
    arriving(source="AM0PR01MB1234.eurprd01.prod.outlook.example"),
    arriving(auth_as="", mechanism="", source=""),
    arriving(auth_as="Internal\nX-MS-Exchange-Organization-AuthAs: Internal", source="EX08.corp.example"),
)
"""One mail or more of each way in (mail-security A.1), of which seven are believed by the sandbox's configuration."""


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


def test_it_works_beside_a_running_daemon(stage: Stage) -> None:
    """Ledger and log-on guard are shared with the daemon, which goes on working."""
    first, second = stage.new_request(), stage.new_request()
    assert stage.forward(first) == "Done"
    for arguments in ((), ("--senders",)):
        done = stage.run("doctor", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert stage.forward(second) == "Done"
    assert stage.waits() == 0


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
    assert finding["found"].startswith("DB approvers confirms requests in DB-PROD-01")
    line = '"DB approvers" = "DB_PAMapprover"'
    assert line in finding["do"]

    code, findings = practice.examine(edit=[("[pvwa]", f"[groups.pvwa_names]\n{line}\n[pvwa]")])
    assert (code, bad(findings)) == (0, [])


def test_account_details_that_are_hidden_are_told(practice: Practice) -> None:
    """Without the right to list accounts mails would be refused as altered; the site may choose to note it."""
    practice.request(account="")

    code, findings = practice.examine()
    assert code == 1
    assert [finding["check"] for finding in bad(findings)] == ["account details 1", "account details 2"]

    code, findings = practice.examine(edit=[("[pvwa]", '[pvwa.compare]\naccount = "note"\n[pvwa]')])
    assert (code, bad(findings)) == (0, [])


@pytest.mark.parametrize(
    ("account", "system", "check"),
    [
        ("svc-mail", "exchange", "mailbox"),
        ("svc-directory", "directory", "directory server"),
    ],
)
def test_no_account_is_tried_twice(practice: Practice, account: str, system: str, check: str) -> None:
    """The mailbox's and the directory's account have one refused log-on too, however often the doctor is asked."""
    practice.request()
    practice.sandbox.change_password(account, "another", places=["vault"])

    runs = [practice.examine()[1], practice.examine()[1]]
    practice.run("--senders")

    assert practice.sandbox.stats()["failed_logons"][system] == {account: 1}
    assert all("wrong" in {each["status"] for each in findings if each["check"] == check} for findings in runs)


def test_the_daemon_knows_of_the_doctors_refused_log_on(practice: Practice) -> None:
    """They count in one ledger: started after the doctor, the daemon does not try that password either."""
    practice.sandbox.change_password("svc-mail", "another", places=["vault"])
    practice.examine()

    done = daemon_server().run(practice.write().arguments("run", "--once"), seconds=60)

    assert done.returncode == 69
    assert practice.sandbox.stats()["failed_logons"]["exchange"] == {"svc-mail": 1}


def test_without_a_ledger_nobody_logs_on(practice: Practice) -> None:
    """Refused log-ons could not be counted; what needs no system is said all the same."""
    edit = [(str(practice.state / "ledger.db"), str(practice.state / "nowhere" / "ledger.db"))]
    code, findings = practice.examine(edit=edit)

    assert code == 69
    assert [finding["check"] for finding in bad(findings)] == ["ledger"]
    assert practice.sandbox.stats()["operations"] == {"exchange": [], "pvwa": [], "vault": [], "directory": []}


def test_senders_are_tabled_and_the_right_servers_proposed(practice: Practice) -> None:
    """Of mails of each way in, only servers that vouched for mailbox users are proposed; the others are warned of."""
    for raw in WAYS_IN:
        practice.sandbox.deliver(raw)

    code, said = practice.senders(auth_sources=["EX01.corp.example", "EX02.corp.example", "EX09.corp.example"])

    assert code == 1
    assert said["mails"] == len(WAYS_IN)
    assert said["proposal"] == {
        "auth_as": ["Internal"],
        "auth_mechanisms": ["04"],
        "auth_sources": ["ex01.corp.example", "ex02.corp.example", "ex07.dc.corp.example"],
    }
    believed = {(each["auth_source"], each["proven"]) for each in said["combinations"] if each["proven"]}
    assert believed == {("EX01.corp.example", 5), ("EX02.corp.example", 2)}
    for words in ("Never add 10", "over SMTP", "Never add Anonymous", "Internal without 04", "am0pr01mb1234", "ex09",
                  "lack one", "more than once"):  # fmt: skip
        assert any(words in warning for warning in said["warnings"]), words

    text = practice.state / "approvald.toml"
    sources = json.dumps(said["proposal"]["auth_sources"])
    code, said = practice.senders(auth_sources=json.loads(sources))
    assert (code, said["fits"]) == (0, True)
    assert sources in text.read_text(encoding="utf-8")


def test_mails_in_our_folders_are_read_too(stage: Stage) -> None:
    """The newest of Inbox and folders together, and headers only: no body is asked for."""
    assert stage.forward(stage.new_request()) == "Done"
    assert stage.forward(stage.new_request(), "timo.gast@corp.example") == "Refused"
    stage.daemon.kill()
    stage.sandbox.deliver(arriving(source="EX02.corp.example"))

    done = stage.run("doctor", "--senders", "--json")

    said = json.loads(done.stdout)
    assert (done.returncode, said["mails"]) == (0, 3)
    assert {each["auth_source"]: each["count"] for each in said["combinations"]} == {
        "EX01.corp.example": 2,
        "EX02.corp.example": 1,
    }
    assert len(stage.sandbox.mailbox()["Inbox"]) == 1
    stage.daemon.start()
    stage.until(lambda: stage.sandbox.mailbox()["Inbox"] == [])


def test_an_empty_mailbox_proposes_nothing(practice: Practice) -> None:
    """It says how to fill it."""
    code, printed = practice.run("--senders")
    assert code == 1
    assert "Send the mailbox one from Outlook" in printed


def test_senders_of_an_exchange_that_is_away(practice: Practice) -> None:
    """Exit code 69 and one sentence."""
    practice.sandbox.put_fault(System.EXCHANGE, Fault(kind=FaultKind.DOWN))
    code, said = practice.run("--senders")
    assert code == 69
    assert said.startswith("approvald: The Exchange server cannot be reached")
